"""Timing that can be trusted: warm-up, interleaved order, medians with intervals.

Candidates are timed in rounds, each round in a fresh seeded order, so that a drift of the machine
hits all of them alike. On a GPU the time is that between two events on the device; on a CPU it is
processor time of this process, which other programs do not lengthen, beside wall time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from scipy.stats import binom

Name = TypeVar("Name", bound=Hashable)
Work = Callable[[], object]
Timer = Callable[[Work], "Duration"]


class Duration(NamedTuple):
    """How long one call took, in seconds; ``busy_s`` is processor or device time."""

    wall_s: float
    busy_s: float


class Median(NamedTuple):
    """Median of repeated durations with a distribution-free interval; None where undefined."""

    value: float
    lo: float | None
    hi: float | None
    n: int
    reason: str = ""


def cpu_timer(work: Work) -> Duration:
    """Time one call on the processor."""
    wall, busy = time.perf_counter(), time.process_time()
    work()
    return Duration(time.perf_counter() - wall, time.process_time() - busy)


def cuda_timer(work: Work) -> Duration:
    """Time one call on the current CUDA device with events; waits for it to finish."""
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    wall = time.perf_counter()
    start.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return Duration(time.perf_counter() - wall, start.elapsed_time(end) / 1000)


def interleaved(
    candidates: Mapping[Name, Work],
    *,
    rounds: int,
    warmup: int = 1,
    timer: Timer = cpu_timer,
    seed: int = 0,
) -> Iterator[tuple[Name, int, Duration]]:
    """Yield (name, round, duration) as it is measured; warm-up calls are not yielded."""
    order = list(candidates)
    for name in order:
        for _ in range(warmup):
            candidates[name]()
    shuffle = random.Random(seed).shuffle  # noqa: S311 -- an order, not a secret
    for number in range(rounds):
        shuffle(order)
        for name in order:
            yield name, number, timer(candidates[name])


def median(values: Sequence[float], level: float = 0.95) -> Median:
    """Return the median with the order-statistic interval of at least ``level`` coverage.

    The k-th smallest and k-th largest of n values enclose the median of their distribution with
    probability 1 - 2 P(Binomial(n, 1/2) < k); below six values no k reaches 95 %.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("median of no values")
    ordered, size = sorted(values), len(values)
    middle = (ordered[(size - 1) // 2] + ordered[size // 2]) / 2
    rank = int(binom.ppf((1 - level) / 2, size, 0.5))
    if rank < 1 or 2 * binom.cdf(rank - 1, size, 0.5) > 1 - level:
        return Median(middle, None, None, size, f"{size} repeats are too few for an interval")
    return Median(middle, ordered[rank - 1], ordered[size - rank], size)
