"""How values are written: numbers, intervals, completeness, verdict marks, page anchors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from harness.errors import PreconditionError
from harness.records import Estimate, Level, Results
from harness.store import StoredRun

DASH = "—"
ALL = "all"
"""The group of a cell that covers every item of its task."""

ICONS = {Level.GOOD: "✓", Level.DOUBT: "≈", Level.BAD: "✕", Level.OPEN: "○"}
LEVEL_NAMES = {
    Level.GOOD: "hold",
    Level.DOUBT: "in doubt",
    Level.BAD: "do not hold",
    Level.OPEN: "open",
}
WORST_FIRST = (Level.BAD, Level.DOUBT, Level.GOOD, Level.OPEN)


def anchor(*parts: object) -> str:
    """Return a page anchor that no id can break: letters and digits of a hash."""
    return "x" + hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:12]


def number(value: float | None, decimals: int) -> str:
    """Write a number with fixed decimals and no negative zero, or a dash for an absent one."""
    return DASH if value is None else f"{value:z.{decimals}f}"


def interval(estimate: Estimate, decimals: int) -> str:
    """Write an estimate's interval, or that it has none."""
    if estimate.lo is None or estimate.hi is None:
        return "no interval"
    return f"{number(estimate.lo, decimals)} to {number(estimate.hi, decimals)}"


def completeness(planned: int, scored: int, missing: Mapping[str, int]) -> str:
    """Write planned = scored + missing by reason, reasons by name."""
    parts = [f"{scored:,} scored"]
    parts += [f"{count:,} {reason}" for reason, count in sorted(missing.items())]
    return f"{planned:,} planned = {' + '.join(parts)}"


def counted(counts: Mapping[str, int]) -> str:
    """Write the counts of a whole run as one line."""
    reasons = {name: n for name, n in counts.items() if name not in ("planned", "scored")}
    return completeness(counts.get("planned", 0), counts.get("scored", 0), reasons)


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def results_of(run: StoredRun) -> Results:
    """Return a run's results, or say how to make them.

    Raises:
        PreconditionError: the run was never reduced.
    """
    if run.results is None:
        raise PreconditionError(
            "this run has no results yet",
            where=str(run.path),
            expected="results.json beside the journal",
            hint=f"kairos-eval report {run.path}",
        )
    return run.results
