"""The latency profile: how long one answer takes, on what, and whether that is real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.base import Scalar
from harness.evidence import Curve, DataTable, Figure, Measurement
from harness.profiling.rows import Notebook, curve_of, machine_of, require_same_machine
from harness.profiling.spans import WHOLE, Clock, CpuClock, Part, time_parts
from harness.profiling.sweep import Bench, Prepare, measure, memory_shortage
from harness.profiling.timers import Quantile, Work, median, quantile
from harness.protocols import Progress, Silent
from harness.records import Evidence

STEP, ACTIONS, JOINT = "one DiT step", "one action chunk", "joint inference"
TAIL = 0.9
TIMES = ("seconds", f"seconds p{100 * TAIL:.0f}")


class Dissected(NamedTuple):
    """A work with the parts of the network that it runs through."""

    work: Work
    parts: Sequence[Part]


@dataclass(frozen=True)
class Pace:
    """What counts as real time.

    Args:
        video_seconds: seconds of video that a clip of so many tokens shows.
        actions: of one chunk.
        control_hz: actions that a robot takes per second.
    """

    video_seconds: Callable[[int], float]
    actions: int
    control_hz: float

    def asked(self, series: str, length: int) -> float | None:
        """Return the seconds in which an answer must be there; None where no pace is set."""
        if series == JOINT:
            return self.video_seconds(length)
        return self.actions / self.control_hz if series == ACTIONS else None


@dataclass
class Latency:
    """Time whole answers over lengths (wall time), and the parts of one DiT step (busy time).

    Args:
        works: what is timed, by name: ``STEP``, ``ACTIONS``, ``JOINT``.
        dissect: one DiT step at a length with its parts.
        lengths: of the video in tokens.
        rounds: timed repeats per point.
        bench: where and how.
        pace: what counts as real time.
        settings: everything the rows depend on, the machine apart.
        clock: for the parts.
        progress: told of every point.
    """

    works: Mapping[str, Prepare]
    dissect: Callable[[int], Dissected]
    lengths: Sequence[int]
    rounds: int
    bench: Bench
    pace: Pace
    settings: dict[str, Scalar]
    title: str
    clock: Clock = field(default_factory=CpuClock)
    progress: Progress = field(default_factory=Silent)
    name: str = "profile/latency"

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield medians and tails, real-time factors, parts, and their drawings."""
        book = Notebook.of(self.name, self.settings)
        require_same_machine(known.values(), self.bench.machine())
        found = {row.key: row for row in known.values() if isinstance(row, Measurement)}
        for row in self.timed(book, found):
            found[row.key] = row
            yield row
        times = [
            found[book.key(name, work, length)]
            for length in sorted(self.lengths) for work in self.works for name in TIMES
        ]  # fmt: skip
        yield from real_time(book, self.pace, times)
        parts: list[Measurement] = []
        for length in self.lengths:
            rows = self.broken_down(book, known, length)
            parts += rows
            yield from rows
        yield from drawings(book, times, parts)

    def timed(self, book: Notebook, found: Mapping[str, Measurement]) -> Iterator[Measurement]:
        """Yield median and tail of every work at every length that is not found yet."""
        held = {
            (work, length)
            for work in self.works
            for length in self.lengths
            if all(book.key(name, work, length) in found for name in TIMES)
        }
        self.progress.expect(len(self.works) * len(self.lengths))
        for point in measure(
            self.works, self.lengths, rounds=self.rounds, timer=self.bench.timer,
            known=held, step=self.progress.advance,
        ):  # fmt: skip
            wall = [duration.wall_s for duration in point.durations]
            machine = self.bench.machine()
            values = (median(wall), quantile(wall, TAIL)) if wall else (None, None)
            for name, value in zip(TIMES, values, strict=True):
                yield book.measured(
                    name, point.arm, point.length, value,
                    unit="s", reason=point.reason, labels=machine,
                )  # fmt: skip

    def broken_down(
        self, book: Notebook, known: Mapping[str, Evidence], length: int
    ) -> list[Measurement]:
        """Return the median seconds of each part of one DiT step, over all layers together."""
        stored = [
            row for row in known.values()
            if isinstance(row, Measurement) and row.quantity == "component seconds"
            and row.key == book.key("component seconds", row.series, length)
        ]  # fmt: skip
        if any(row.series == WHOLE for row in stored):
            return stored
        machine = self.bench.machine()
        try:
            work, parts = self.dissect(length)
            work()
            rounds = [time_parts(work, parts, self.clock) for _ in range(self.rounds)]
        except (MemoryError, RuntimeError) as error:
            reason = memory_shortage(error)
            if reason is None:
                raise
            return [book.measured("component seconds", WHOLE, length, None, unit="s",
                                  reason=reason, labels=machine)]  # fmt: skip
        return [
            book.measured("component seconds", name, length, median([one[name] for one in rounds]),
                          unit="s", labels=machine)
            for name in rounds[0]
        ]  # fmt: skip


def real_time(book: Notebook, pace: Pace, times: Sequence[Measurement]) -> Iterator[Measurement]:
    """Yield how many times faster than needed an answer comes; 1 is just in time."""
    for row in times:
        asked = pace.asked(row.series, int(row.x or 0)) if row.quantity == "seconds" else None
        if asked is None:
            continue
        found = None
        if row.value:
            lo, hi = (asked / end if end else None for end in (row.hi, row.lo))
            found = Quantile(asked / row.value, lo, hi, row.n, row.reason)
        labels = {name: row.labels.get(name) for name in ("device", "processor")}
        yield book.measured("real-time factor", row.series, row.x, found, reason=row.reason,
                            labels={**labels, "needed_seconds": asked})  # fmt: skip


def drawings(
    book: Notebook, times: Sequence[Measurement], parts: Sequence[Measurement]
) -> Iterator[Figure | DataTable]:
    """Yield latency against tokens, and what one DiT step is spent on."""
    medians = [row for row in times if row.quantity == "seconds"]
    config, where = book.settings["config"], machine_of(times)
    names = list(dict.fromkeys(row.series for row in medians))
    yield book.figure(
        f"Latency against tokens of video: {config}",
        f"Median wall seconds of {book.settings['rounds']} interleaved repeats with 95 % "
        f"intervals on {where}. An action chunk reads one frame of history, whatever the length. "
        "Text encoder and video autoencoder are not included.",
        ("tokens", "seconds"),
        [curve_of(name, (row for row in medians if row.series == name)) for name in names],
        log=True,
    )
    measured = [row for row in parts if row.value is not None and row.x is not None]
    if not measured:
        return
    lengths = sorted({row.x for row in measured if row.x is not None})
    found = {(row.series, row.x): row.value or 0.0 for row in measured if row.series != WHOLE}
    wholes = {x: sum(value for (_, at), value in found.items() if at == x) for x in lengths}
    series = list(dict.fromkeys(name for name, _ in found))
    last = lengths[-1]
    yield book.figure(
        f"What one DiT step is spent on: {config}",
        f"Shares of the parts' summed processor or device time at {last:.0f} tokens on {where}: "
        f"medians of {book.settings['rounds']} repeats, all layers of a kind together; bars in the "
        "order of the legend.",
        ("part", "share of the forward"),
        [
            Curve(name=name, x=(float(place),), y=(_share(found, wholes, name, last),),
                  style="bars")
            for place, name in enumerate(series)
        ],
    )  # fmt: skip
    yield book.table(
        f"Parts of one DiT step: {config}",
        f"Shares of the parts' summed processor or device time by tokens of video, on {where}.",
        ("part", *(f"{length:.0f} tokens" for length in lengths)),
        ((name, *(_share(found, wholes, name, x) for x in lengths)) for name in series),
    )


def _share(
    found: Mapping[tuple[str, float | None], float],
    wholes: Mapping[float, float],
    name: str,
    x: float,
) -> float | None:
    value = found.get((name, x))
    return None if value is None or not wholes[x] else value / wholes[x]
