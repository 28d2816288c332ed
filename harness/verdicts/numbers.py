"""Published numbers: what was measured, held against what is printed.

A reported number v, printed with d decimals, stands for the interval v ± 0.5·10^-d. Let the
measured estimate be m with interval [lo, hi] from n samples, and let the reported number come
from n' samples of the same spread. The difference m - v then has the interval

    [m - v - sqrt(1 + n/n')·(m - lo) - h,  m - v + sqrt(1 + n/n')·(hi - m) + h],   h = 0.5·10^-d

(n' unknown: no widening, and the reasons say so). With the declared margin M the verdict is

    reproduced                   the interval lies inside [-M, M]
    different                    the interval excludes 0 and |m - v| > M: a factor and a test
    consistent but underpowered  anything else: the data cannot tell

The interval errs wide: it treats the two samples as independent although both use the same
prompts. Data without any spread (a judge that gave one reply to all, a single cluster) agree with
nothing by that: chance is then bounded by the range of the values alone, for either number
(``harness.stats.bounded``), and what is neither reproduced nor different by these bounds is

    not decidable                as is every estimate that has no interval at all

Samples whose replies hold no answer, which an official scorer gives a value all the same, could lie
anywhere in their range: both ends of the interval move by that much first, and where it exceeds the
margin a doubt is *not decidable*, too.

Widths of unlike kind add as roots of sums of squares. A census (the very set behind the printed
number) has no interval: there the difference itself is held against the margin, which must then
cover the rounding. Before any of this, the protocols must agree and nothing may be missing.
Without a declared margin, half a printed unit is taken.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from harness.base import Scalar
from harness.outcomes import Outcome
from harness.packs.tables import TableCell
from harness.records import Cell, ClaimKind, Estimate, Reported, Verdict
from harness.stats.bounded import BOUND, EQUAL, bounded_mean
from harness.stats.power import rounding_halfwidth

UNKNOWN = "unknown"
EXAMPLE_REASON = "made-up example data are never held against published numbers"
ONE_VALUE = "one value for all samples:"
ONE_REPLY = f"the judge was constant, {ONE_VALUE}"
OFF_SCALE = "values outside their scale (*):"
_NORMAL_QUANTILES = 1.959963984540054 + 0.8416212335729143  # level 95 %, power 80 %


class Difference(NamedTuple):
    """Measured minus reported, with its interval and the difference it could have shown."""

    value: float
    lo: float
    hi: float
    detectable: float


def decide(
    cell: Cell,
    reported: Reported,
    protocol: Mapping[str, Scalar],
    critical: Sequence[str],
    *,
    sampled: bool = True,
) -> Verdict:
    """Hold one measured cell against one reported number.

    Args:
        cell: what was measured, in the printed unit.
        reported: what was published, with the margin that counts as equal.
        protocol: how the measured number came about.
        critical: protocol fields that define what is measured; unknown ones forbid comparison.
        sampled: whether the reported number is a mean over n samples, with an error of its own;
            where that n is not known, chance can neither be excluded nor bounded.
    """
    conflicts, unknown = compare_protocols(protocol, reported.protocol, critical)
    estimate = cell.estimate
    if cell.example:
        return _number(Outcome.INCOMPARABLE, cell, reported, [EXAMPLE_REASON])
    if conflicts:
        return _number(Outcome.INCOMPARABLE, cell, reported, conflicts)
    if estimate.value is None:
        return _number(Outcome.MISSING, cell, reported, [estimate.reason or "nothing was measured"])
    if estimate.missing:
        return _number(Outcome.MISSING, cell, reported, [_incomplete(estimate)])
    if reported.n is not None and reported.n != estimate.planned:
        reason = f"measured on {estimate.planned} samples, reported on {reported.n}"
        runs, rest = divmod(estimate.planned, reported.n or 1)
        if runs > 1 and not rest:
            reason += f"; name the results of one of {runs} runs as a task of its own"
        return _number(Outcome.INCOMPARABLE, cell, reported, [reason])
    unsized = sampled and reported.n is None and not is_census(estimate)
    return _compare(cell, reported, unknown, unsized)


def compare_protocols(
    ours: Mapping[str, Scalar], theirs: Mapping[str, Scalar], critical: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return (reasons that forbid comparison, fields that one side does not state)."""
    conflicts: list[str] = []
    unknown: list[str] = []
    for name in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(name, UNKNOWN), theirs.get(name, UNKNOWN)
        if UNKNOWN in (mine, other):
            side = "here" if mine == UNKNOWN else "for the reported number"
            text = f"protocol: {name} is not known {side}"
            (conflicts if name in critical else unknown).append(text)
        elif mine != other:
            conflicts.append(f"protocol: {name} is {mine} here, {other} for the reported number")
    return conflicts, unknown


def difference(cell: Cell, reported: Reported) -> Difference | None:
    """Return measured minus reported; None where no interval is defined."""
    estimate = cell.estimate
    if estimate.value is None or estimate.lo is None or estimate.hi is None:
        return None
    half_unit = 0.0 if is_census(estimate) else rounding_halfwidth(reported.decimals)
    below, above = estimate.value - estimate.lo, estimate.hi - estimate.value
    if reported.n and not is_census(estimate):
        below, above = _widened(cell, reported, reported.n, below, above)
    value = estimate.value - float(reported.value)
    detectable = _NORMAL_QUANTILES * (below + above) / 2 / 1.959963984540054 + half_unit
    return Difference(value, value - below - half_unit, value + above + half_unit, detectable)


def _widened(
    cell: Cell, reported: Reported, n: int, below: float, above: float
) -> tuple[float, float]:
    """Add the sampling error of a reported number over n samples to both widths."""
    estimate = cell.estimate
    if shows_spread(estimate) or cell.range is None:
        factor = math.sqrt(1 + estimate.n / n)
        return factor * below, factor * above
    lo, hi = cell.range
    printed = min(hi, max(lo, float(reported.value)))
    found = bounded_mean(printed, max(1.0, n * estimate.clusters / estimate.n), lo, hi)
    return (
        math.hypot(below, (found.hi or printed) - printed),
        math.hypot(above, printed - (found.lo or lo)),
    )


def _compare(cell: Cell, reported: Reported, unknown: list[str], unsized: bool) -> Verdict:
    estimate, gap = cell.estimate, difference(cell, reported)
    margin = rounding_halfwidth(reported.decimals) if reported.margin is None else reported.margin
    told = constant(estimate) or estimate.reason or "no interval"
    unheard, said = without_answers(cell)
    remarks = [*filter(None, [off_scale(cell), said]), *unknown]
    if gap is None:
        apart = (estimate.value or 0.0) - float(reported.value)
        shown = f"difference {apart:+.4g}, margin ±{margin:.4g}; no interval: {told}"
        return _number(Outcome.NOT_DECIDABLE, cell, reported, [shown, *remarks])
    reasons = [
        f"difference {gap.value:+.4g}, interval {gap.lo:+.4g} to {gap.hi:+.4g}, "
        f"margin ±{margin:.4g}"
    ]
    if unsized:
        reasons.append("the reported number's n is not known; its own sampling error is left out")
    spread = shows_spread(estimate)
    doubt = Outcome.UNDERPOWERED if spread and unheard <= margin else Outcome.NOT_DECIDABLE
    if not spread:
        reasons.append(f"{told}; chance is bounded by the range alone")
    least, most = gap.lo - unheard, gap.hi + unheard
    if -margin <= least and most <= margin:
        outcome = doubt if unknown or unsized else Outcome.REPRODUCED
    elif (least > 0 or most < 0) and abs(gap.value) > margin:
        outcome = Outcome.NOT_DECIDABLE if unsized else Outcome.DIFFERENT
        if unsized and _beyond_chance(cell, reported, unheard):
            reasons.append(f"different if it is over the same {estimate.planned} samples")
    else:
        outcome = doubt
        if spread:
            seen = f"smallest difference detectable with 80 % power: {gap.detectable:.4g}"
            reasons.append(seen)
    detectable = gap.detectable if spread else None
    return _number(outcome, cell, reported, [*reasons, *remarks], detectable)


def _beyond_chance(cell: Cell, reported: Reported, unheard: float) -> bool:
    """Say whether the two would differ if the reported number had as many samples as ours."""
    gap = difference(cell, structs.replace(reported, n=cell.estimate.planned))
    return gap is not None and max(gap.lo, -gap.hi) > unheard


def without_answers(cell: Cell) -> tuple[float, str]:
    """Return how far the answers that replies do not hold could move a value, and say so."""
    if not cell.unanswered:
        return 0.0, ""
    lo, hi = cell.range or (-math.inf, math.inf)
    most = (hi - lo) * cell.unanswered / cell.estimate.planned
    said = f"the number rests on replies without an answer for {cell.unanswered} samples"
    return most, f"{said}, which could move it by {most:.4g}"


def shows_spread(estimate: Estimate) -> bool:
    """Say whether an interval rests on draws that differ, not on the range of the values."""
    return not estimate.method.startswith((EQUAL, BOUND))


def constant(estimate: Estimate) -> str:
    """Say that all samples got one value, or nothing where they did not."""
    if not estimate.method.startswith(EQUAL) or min(estimate.clusters, estimate.n) < 2:
        return ""
    return f"constant: every one of {estimate.n} samples got {estimate.value:g}"


def off_scale(cell: Cell) -> str:
    """Say that values lie outside their scale, or nothing where none does."""
    if not cell.outside:
        return ""
    return f"{cell.outside} of {cell.estimate.planned} samples have values outside their scale"


def is_census(estimate: Estimate) -> bool:
    """Say whether an estimate covers a finite set whole, so that only the margin counts."""
    return estimate.method.startswith("census")


def remarks(cells: Iterable[Cell], judged: Container[int]) -> list[str]:
    """Say of each task where every sample got one value, and where values are off their scale.

    Of several scorers of a task the first speaks; made-up examples are passed over.

    Args:
        cells: as reduced.
        judged: the positions of the tasks whose values are a judge's replies.
    """
    first: dict[int, str] = {}
    told: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        scorer = first.setdefault(cell.task, cell.scorer)
        if cell.group != "all" or cell.example or cell.scorer != scorer:
            continue
        name = f"{cell.suite} · {cell.model}"
        if constant(cell.estimate):
            shown = f"{cell.title} ({cell.estimate.value:g} x {cell.estimate.n})"
            what = ONE_REPLY if cell.task in judged else ONE_VALUE
            told.setdefault((name, scorer, what), []).append(shown)
        if cell.outside:
            shown = f"{cell.title} ({cell.outside} of {cell.estimate.planned})"
            told.setdefault((name, scorer, OFF_SCALE), []).append(shown)
    return [
        f"{name}, {scorer}: {what} {', '.join(some)}" for (name, scorer, what), some in told.items()
    ]


def _incomplete(estimate: Estimate) -> str:
    parts = ", ".join(f"{count} {reason}" for reason, count in sorted(estimate.missing.items()))
    text = f"{estimate.planned} planned = {estimate.n} scored + {parts}"
    if estimate.worst is None or estimate.best is None:
        return text
    return f"{text}; the complete value lies in {estimate.worst:.4g} to {estimate.best:.4g}"


def _number(
    outcome: Outcome,
    cell: Cell,
    reported: Reported,
    reasons: Sequence[str],
    detectable: float | None = None,
) -> Verdict:
    return Verdict(
        claim=reported.id,
        kind=ClaimKind.NUMBER,
        outcome=outcome,
        statement=f"{reported.model}: {cell.title} = {reported.value}",
        locator=reported.locator,
        reasons=tuple(reasons),
        evidence=(cell.id,),
        measured=cell.estimate,
        reported=reported,
        margin=reported.margin,
        detectable=detectable,
    )


def untested(reported: Reported, needs: str, command: str) -> Verdict:
    """Return the open verdict on a number for which nothing was measured.

    Args:
        reported: what was published.
        needs: what a measurement of it would need.
        command: that would make it.
    """
    return Verdict(
        claim=reported.id,
        kind=ClaimKind.NUMBER,
        outcome=Outcome.UNTESTED,
        statement=f"{reported.model}: {reported.column} = {reported.value}",
        locator=reported.locator,
        reported=reported,
        needs=needs,
        command=command,
    )


def as_measured(cell: TableCell, estimate: Estimate) -> Cell:
    """Return a measurement that is no suite's as a cell to hold against a printed one."""
    return Cell(
        suite="",
        model=cell.label,
        scorer="",
        column=cell.metric,
        title=cell.metric,
        group="all",
        unit=cell.unit,
        decimals=cell.decimals or 0,
        estimate=estimate,
    )


def as_reported(
    cell: TableCell,
    name: str,
    protocol: dict[str, Scalar] | None = None,
    margin: float | None = None,
) -> Reported:
    """Return a printed cell as a number to hold a measurement against."""
    return Reported(
        id=name,
        value=cell.value,
        decimals=cell.decimals or 0,
        unit=cell.unit,
        suite="",
        model=cell.label,
        column=cell.metric,
        n=None,
        locator=cell.locator,
        protocol=protocol or {},
        margin=margin,
    )
