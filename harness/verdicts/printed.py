"""A run held against what its pack prints: a comparison in which the printed number is before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from harness.packs.pack import Pack
from harness.protocols import Suite
from harness.store import StoredRun
from harness.verdicts.changes import Change
from harness.verdicts.ledger import Meeting, meetings
from harness.verdicts.numbers import UNKNOWN, difference


def printed_changes(
    run: StoredRun, suites: Iterable[Suite], pack: Pack, allow: Collection[str] = ()
) -> list[Change]:
    """Return a row per published number that a run measured.

    Each holds the protocol fields that differ or that one side does not state.

    Args:
        run: reduced; without results there are no rows.
        suites: of its tasks.
        pack: which prints the numbers.
        allow: protocol fields that may differ; they are shown all the same.
    """
    cells = run.results.cells if run.results else ()
    return [
        _change(one, allow)
        for suite in {suite.info.name: suite for suite in suites}.values()
        for _, met in meetings(run.plan, cells, suite, pack)
        for one in met
    ]


def _change(met: Meeting, allow: Collection[str]) -> Change:
    cell, reported, verdict = met.cell, met.reported, met.decided(allow)
    gap = difference(cell, reported)
    return Change(
        suite=cell.suite,
        model=cell.model,
        scorer=cell.scorer,
        column=cell.column,
        outcome=verdict.outcome,
        difference=gap.value if gap else None,
        lo=gap.lo if gap else None,
        hi=gap.hi if gap else None,
        method="measured less printed",
        reason="; ".join((f"printed {reported.value} ({reported.id})", *verdict.reasons)),
        differs=tuple(_fields(met)),
        task=cell.task,
    )


def _fields(met: Meeting) -> Iterator[tuple[str, str, str]]:
    """Yield name, printed and own value of fields that differ or are not known, critical first."""
    theirs, ours = met.reported.protocol, met.ours
    for name in sorted(theirs.keys() | ours.keys(), key=lambda one: (one not in met.critical, one)):
        before, after = theirs.get(name, UNKNOWN), ours.get(name, UNKNOWN)
        if before != after or before == UNKNOWN:
            yield name, str(before), str(after)
