"""What a policy does with made-up observations: shapes, latency, and whether it is a function.

The observations are noise of the right shapes; the actions' values mean nothing, their differences
do. Asked the same twice, a policy should say the same; asked after another observation or beside
another client, it should still say the same. Otherwise results depend on the order of the episodes
or on how many simulators share the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from suites.policies.base import Actions, Observation, Policy, check_length
from suites.policies.embodiments import Embodiment


@dataclass(frozen=True)
class Check:
    """One question, and the largest difference between answers that should be equal."""

    name: str
    question: str
    difference: float | None
    reason: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether nothing differed; None where the question could not be asked."""
        return None if self.difference is None else self.difference == 0.0


@dataclass(frozen=True)
class Report:
    """What a probe found; times in seconds.

    Args:
        rows: actions per reply.
        lowest: smallest value of any action.
        highest: largest one.
        first_s: the first call, with connecting, loading and compiling.
        calls_s: the calls after it, in order.
        checks: determinism, effects of order and of company.
    """

    rows: int
    lowest: float
    highest: float
    first_s: float
    calls_s: tuple[float, ...]
    checks: tuple[Check, ...]

    def percentile(self, share: float) -> float:
        """Return the latency that ``share`` percent of the calls do not exceed."""
        return float(np.percentile(self.calls_s, share, method="inverted_cdf"))

    def real_time_factor(self, execute: int, rate_hz: float) -> float:
        """Return how many seconds of control a second of inference buys, by the median.

        ``execute`` actions last ``execute / rate_hz`` seconds; a factor below 1 cannot keep up.
        """
        return execute / rate_hz / max(self.percentile(50), 1e-9)


def noise(robot: Embodiment, seed: int) -> Observation:
    """Return an observation of random pictures and a random small state."""
    draw = np.random.default_rng(seed)
    views = {name: draw.integers(0, 256, (*robot.view, 3), np.uint8) for name in robot.cameras}
    return Observation(views, draw.uniform(-0.1, 0.1, robot.state_dim), f"do thing number {seed}")


def probe(
    make: Callable[[], Policy],
    robot: Embodiment,
    calls: int,
    *,
    execute: int,
    company: bool,
    step: Callable[[], None] = lambda: None,
) -> Report:
    """Ask a policy several times and compare its answers.

    Args:
        make: makes a client; called twice when there is company.
        robot: shapes of observations and actions.
        calls: timed calls after the first.
        execute: actions executed per call, which a reply must have at least.
        company: whether a second client asks at the same time; needs a server.
        step: called after each timed call.

    Raises:
        PolicyError: any call failed, or its chunk is shorter than ``execute``.
    """
    policy = make()
    try:
        one, other = noise(robot, 1), noise(robot, 2)
        policy.reset()
        answer, first_s = _timed(policy, one)
        check_length(len(answer), execute, policy.info.name)
        calls_s: list[float] = []
        answers: list[Actions] = []
        for number in range(calls):
            found, seconds = _timed(policy, one if number % 2 == 0 else other)
            calls_s.append(seconds)
            answers.append(found)
            step()
        checks = [
            Check("repeat", "the same observation twice", _fresh_gap(policy, one)),
            Check("order", "the same after another one", _gap([answer, *answers[::2]])),
            _in_company(make, policy, robot) if company else _ALONE,
        ]
    finally:
        policy.close()
    every = np.concatenate([answer, *answers])
    return Report(
        rows=len(answer),
        lowest=float(every.min()),
        highest=float(every.max()),
        first_s=first_s,
        calls_s=tuple(calls_s),
        checks=tuple(checks),
    )


_COMPANY = ("company", "the same beside another client")
_ALONE = Check(*_COMPANY, None, "it runs in this process, nothing is shared")


def _in_company(make: Callable[[], Policy], policy: Policy, robot: Embodiment) -> Check:
    """Ask two clients at once, several times, and compare with being asked alone."""
    mine, theirs = noise(robot, 1), noise(robot, 3)
    policy.reset()
    alone = policy.act(mine)
    neighbour = make()
    found: list[Actions] = []
    try:
        with ThreadPoolExecutor(2) as threads:
            for _ in range(3):
                policy.reset()
                both = [threads.submit(policy.act, mine), threads.submit(neighbour.act, theirs)]
                answers = [one.result() for one in both]
                found.append(answers[0])
    finally:
        neighbour.close()
    return Check(*_COMPANY, _gap([alone, *found]))


def _fresh_gap(policy: Policy, observation: Observation) -> float:
    found: list[Actions] = []
    for _ in range(2):
        policy.reset()
        found.append(policy.act(observation))
    return _gap(found)


def _gap(answers: Sequence[Actions]) -> float:
    """Return the largest difference to the first answer; infinite where shapes differ."""
    first = answers[0]
    if any(one.shape != first.shape for one in answers):
        return float("inf")
    return max(float(np.abs(one - first).max()) for one in answers)


def _timed(policy: Policy, observation: Observation) -> tuple[Actions, float]:
    start = time.perf_counter()
    found = policy.act(observation)
    return found, time.perf_counter() - start
