"""The claim ledger: how many claims, which verdicts, and each claim with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records import ClaimKind, Level, Results, Verdict
from harness.verdicts import LEVELS
from reports.text import LEVEL_NAMES, WORST_FIRST, counted, interval, number

_OUTCOME_ORDER = list(LEVELS)


@dataclass(frozen=True)
class Tally:
    """How many claims of a kind ended in which outcome."""

    kind: str
    total: int
    parts: tuple[tuple[str, Level, int], ...]  # outcome, level, count; good ones first


@dataclass(frozen=True)
class LedgerRow:
    """A verdict, or many open ones of one table that need the same thing."""

    verdict: Verdict
    members: tuple[Verdict, ...]
    measured: str  # printed and measured value side by side, where both exist
    links: tuple[tuple[str, str], ...]  # evidence id, anchor on this page


@dataclass(frozen=True)
class LedgerGroup:
    """The claims of one kind that ended alike."""

    level: Level
    title: str
    count: int
    unfolded: bool
    rows: tuple[LedgerRow, ...]


@dataclass(frozen=True)
class LedgerKind:
    """The claims of one kind."""

    title: str
    tally: Tally
    groups: tuple[LedgerGroup, ...]


@dataclass(frozen=True)
class LedgerView:
    """The first page of a report."""

    total: int
    levels: tuple[tuple[Level, str, int], ...]
    whole: Tally
    kinds: tuple[LedgerKind, ...]
    counts: str
    example_counts: str
    notes: tuple[str, ...]


def ledger_view(results: Results, targets: Mapping[str, str]) -> LedgerView:
    """Return the ledger of a run.

    Args:
        results: the verdicts and counts of the run.
        targets: where each piece of evidence stands on the page, by its id.
    """
    verdicts = results.verdicts
    levels = Counter(verdict.level for verdict in verdicts)
    kinds = [
        LedgerKind(kind.value, tally(kind.value, chosen), groups(chosen, targets))
        for kind in ClaimKind
        if (chosen := [verdict for verdict in verdicts if verdict.kind is kind])
    ]
    return LedgerView(
        total=len(verdicts),
        levels=tuple((level, LEVEL_NAMES[level], levels[level]) for level in Level),
        whole=tally("all claims", verdicts),
        kinds=tuple(kinds),
        counts=counted(results.counts) if results.counts.get("planned") else "",
        example_counts=(
            counted(results.example_counts) if results.example_counts.get("planned") else ""
        ),
        notes=results.notes,
    )


def tally(kind: str, verdicts: Sequence[Verdict]) -> Tally:
    """Count outcomes, good ones first."""
    found = Counter((verdict.outcome, verdict.level) for verdict in verdicts)
    order = list(Level)
    parts = sorted(found.items(), key=lambda part: (order.index(part[0][1]), _rank(part[0][0])))
    shown = tuple((outcome, level, count) for (outcome, level), count in parts)
    return Tally(kind, len(verdicts), shown)


def tallies(verdicts: Sequence[Verdict]) -> tuple[Tally, ...]:
    """Count outcomes for each kind of claim that occurs."""
    by_kind = [
        (kind.value, [verdict for verdict in verdicts if verdict.kind is kind])
        for kind in ClaimKind
    ]
    return tuple(tally(kind, chosen) for kind, chosen in by_kind if chosen)


def groups(verdicts: Sequence[Verdict], targets: Mapping[str, str]) -> tuple[LedgerGroup, ...]:
    """Return the claims of one kind by level, the worst first and unfolded."""
    found: list[LedgerGroup] = []
    for level in WORST_FIRST:
        chosen = [verdict for verdict in verdicts if verdict.level is level]
        if chosen:
            chosen.sort(key=lambda verdict: _rank(verdict.outcome))
            rows = _open_rows(chosen, targets) if level is Level.OPEN else _rows(chosen, targets)
            unfolded = level in (Level.BAD, Level.DOUBT)
            title = LEVEL_NAMES[level]
            found.append(LedgerGroup(level, title, len(chosen), unfolded, rows))
    return tuple(found)


def _rank(outcome: str) -> tuple[int, str]:
    known = outcome in LEVELS
    return (_OUTCOME_ORDER.index(outcome) if known else len(_OUTCOME_ORDER), outcome)


def _rows(verdicts: Sequence[Verdict], targets: Mapping[str, str]) -> tuple[LedgerRow, ...]:
    return tuple(
        LedgerRow(verdict, (verdict,), measured_text(verdict), links(verdict, targets))
        for verdict in verdicts
    )


def _open_rows(verdicts: Sequence[Verdict], targets: Mapping[str, str]) -> tuple[LedgerRow, ...]:
    """Let the open numbers of one table share a row; other open claims keep their own."""
    shared: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        alone = "" if verdict.kind is ClaimKind.NUMBER else verdict.claim
        where = (verdict.locator.source, verdict.locator.place)
        needs = (verdict.needs, verdict.command, *verdict.reasons)
        shared.setdefault((verdict.outcome, alone, *where, *needs), []).append(verdict)
    return tuple(
        LedgerRow(group[0], tuple(group), "", links(group[0], targets)) for group in shared.values()
    )


def links(verdict: Verdict, targets: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the evidence of a verdict that stands on this page."""
    return tuple((name, targets[name]) for name in verdict.evidence if name in targets)


def measured_text(verdict: Verdict) -> str:
    """Write the printed and the measured value of a verdict side by side."""
    estimate, reported = verdict.measured, verdict.reported
    if estimate is None or reported is None:
        return ""
    digits = reported.decimals + 1
    value, ends = number(estimate.value, digits), interval(estimate, digits)
    return (
        f"printed {reported.value} · measured {value} ({ends}) · "
        f"n {estimate.n:,}/{estimate.planned:,}"
    )
