"""The gate on a history: did a level change for the worse within the last runs.

``gate`` decides one series of numbers, ``series.judged`` all that a history holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from harness.errors import ExitCode
from harness.history import RunEntry, Series
from harness.stats.steps import LEAST_RUNS, PENALTY, Segment, steps

LEAST_VALUES = 6
"""Values below which a series is too short for a gate."""
WINDOW = 5
"""Newest runs in which a change is looked for, by default."""


class Trend(StrEnum):
    """What a series ends in."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    VANISHED = "vanished"
    ACCEPTED = "accepted"  # for the worse, or gone, and known to be
    TOO_SHORT = "too short"
    ENDED = "ended"  # of a series alone: nothing of it lies in the window


class Finding(NamedTuple):
    """How a series stands; levels are in its unit, positions count missing runs, too."""

    outcome: Trend
    change_at: int | None = None  # first run of the earliest level that begins in the window
    before: float | None = None  # level before that
    after: float | None = None  # the last level
    difference: float | None = None
    segments: tuple[Segment, ...] = ()


def gate(
    values: Sequence[float | None],
    *,
    higher_is_better: bool,
    last: int = WINDOW,
    effect: float = 0.0,
    weights: Sequence[float | None] | None = None,
    penalty: float = PENALTY,
    least: int = LEAST_RUNS,
) -> Finding:
    """Decide whether a series changed for the worse.

    A change counts when it is larger than the mean deviation within either level, and at least
    ``effect``. One bad run is no level; a level that came back is no change.

    Args:
        values: one per run, the oldest first; None or NaN where a run has none.
        higher_is_better: the good direction.
        last: newest runs in which a level may begin, missing ones counted.
        effect: smallest change that matters, in the unit of the values.
        weights: one per run, None where unknown.
        penalty: of a piece.
        least: runs that a level holds, at least.
    """
    present = [value is not None and not math.isnan(value) for value in values]
    if not present or not present[-1]:
        return Finding(Trend.VANISHED)
    found = tuple(steps(values, weights, penalty, least))
    if sum(present) < LEAST_VALUES or not found:
        return Finding(Trend.TOO_SHORT, segments=found)
    newest = found[-1]
    recent = [n for n, one in enumerate(found) if n and one.left >= len(values) - last]
    if not recent:
        return Finding(Trend.PASS, after=newest.value, segments=found)
    old = found[recent[0] - 1]
    difference = newest.value - old.value
    worse = (difference < 0) == higher_is_better
    clear = abs(difference) > max(old.error, newest.error) and abs(difference) >= effect
    outcome = Trend.FAIL if worse and clear else Trend.PASS
    return Finding(outcome, found[recent[0]].left, old.value, newest.value, difference, found)


class Judged(NamedTuple):
    """A series with how it stands, and an interval beside each of its levels."""

    series: Series
    finding: Finding
    intervals: tuple[tuple[float, float] | None, ...]  # Student's, over the runs of each level
    reason: str = ""

    @property
    def delay(self) -> int | None:
        """Runs since the change, the newest included; None where there is none."""
        at = self.finding.change_at
        return None if at is None else len(self.series.runs) - at

    def run_at(self, place: int) -> RunEntry:
        """Return the run of a position of the series."""
        return self.series.runs[place]


def gate_of(found: Sequence[Judged]) -> ExitCode:
    """Fail on a change for the worse and on what vanished; nothing long enough is incomplete."""
    outcomes = {one.finding.outcome for one in found}
    if outcomes & {Trend.FAIL, Trend.VANISHED}:
        return ExitCode.GATE_FAILED
    judged = outcomes & {Trend.PASS, Trend.ACCEPTED}
    return ExitCode.OK if judged else ExitCode.INCOMPLETE
