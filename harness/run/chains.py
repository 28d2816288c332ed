"""Everything that one name stands for: a claim, statement, check, printed cell or sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.audit.engine import run_checks
from harness.audit.templates import checks_of
from harness.errors import ConfigError, nearest
from harness.evidence import BoundCheck
from harness.integrity import open_run
from harness.packs.loading import load_pack
from harness.packs.pack import Pack
from harness.packs.tables import TableCell
from harness.records import Check, Results, Verdict
from harness.store import StoredRun
from harness.verdicts.docket import Docket
from harness.verdicts.facts import with_facts
from harness.verdicts.ledger import printed_tables, sentences
from reports.addresses import Place, address, cell_addresses, claim_address, place_of
from reports.claim_views import Evidence, arithmetic_of, claim_row
from reports.finding_views import REFUTED, check_view, closest
from reports.task_views import sample_of
from reports.views import results_of
from suites.registry import get_suite

Line = tuple[int, str]
"""How far a line is set in, and what it says."""


class Found(NamedTuple):
    """What names are looked up in."""

    verdicts: Mapping[str, Verdict]  # by address
    evidence: Evidence
    printed: Mapping[str, TableCell]  # by address
    bounds: Mapping[str, list[BoundCheck]]  # instances by statement
    run: StoredRun | None


def of_run(directory: Path) -> Found:
    """Return what a run holds; of one that audited no tables, with what an audit finds now.

    Raises:
        PreconditionError: it was never reduced.
    """
    run = open_run(directory, get_suite)
    results = results_of(run)
    checks = [row for row in run.rows if isinstance(row, Check)]
    bounds: dict[str, list[BoundCheck]] = {}
    for row in run.rows:
        if isinstance(row, BoundCheck):
            bounds.setdefault(row.statement, []).append(row)
    if run.plan.spec.audit:
        return _found(results.verdicts, checks, load_pack(run.plan.spec.pack), bounds, run)
    found, own = audited(run.plan.spec.pack), {claim_address(one): one for one in results.verdicts}
    return found._replace(verdicts={**found.verdicts, **own}, bounds=bounds, run=run)


def audited(pack: str) -> Found:
    """Return what an audit of a pack finds now, without any run."""
    paper = load_pack(pack)
    checks = run_checks(checks_of(paper), paper)
    docket = Docket(checks, paper)
    tables = printed_tables(docket)
    return _found(
        with_facts([*sentences(tables, docket), *tables], docket), checks, paper, {}, None
    )


def _found(
    verdicts: Sequence[Verdict],
    checks: Sequence[Check],
    pack: Pack,
    bounds: Mapping[str, list[BoundCheck]],
    run: StoredRun | None,
) -> Found:
    places = cell_addresses(pack.tables.tables())
    cells = {(c.file, str(c.line)): c for table in pack.tables.tables() for c in table.cells}
    return Found(
        {claim_address(one): one for one in verdicts},
        Evidence({check.id: check for check in checks}, places),
        {places[place]: cell for place, cell in cells.items()},
        bounds,
        run,
    )


def chain(found: Found, name: str) -> Iterator[Line]:
    """Yield all that a name stands for, line by line.

    Raises:
        ConfigError: nothing is called so; names the nearest.
    """
    wanted = name if name in found.verdicts or name in found.printed else address(name)
    lines = [
        *(_claim(found, found.verdicts[wanted]) if wanted in found.verdicts else ()),
        *_instances(found, name),
        *(_cell(found, found.printed[wanted]) if wanted in found.printed else ()),
        *_samples(found, name),
    ]
    lines = lines or [*_printed(found, name), *_standing_in(found, name)]
    if not lines:
        known = [*found.verdicts, *found.printed, *_sample_ids(found)]
        raise ConfigError(f"nothing is called {name!r}", hint=_near(name, known))
    yield from lines


def _near(name: str, known: list[str]) -> str:
    """Return the nearest names of many, those that begin so before others."""
    alike = [one for one in known if one.casefold().startswith(name.casefold())]
    if alike:
        return "did you mean " + " or ".join(map(repr, alike[:3])) + "?"
    advice = nearest(name, known)
    return advice if advice.startswith("did you") else "`kairos-eval list claims` names them"


def _claim(found: Found, verdict: Verdict) -> Iterator[Line]:
    row = claim_row([verdict], found.evidence)
    yield 0, f"{verdict.shown} (by its rule: {verdict.outcome})   #{claim_address(verdict)}"
    yield 0, verdict.statement
    yield 1, f"stands in: {verdict.locator.place}, {verdict.locator.source}"
    if about := verdict.appraisal:
        yield 1, f"editions: {', '.join(about.editions) or 'none'}; row: {about.owner or 'none'}"
        yield from ((1, f"assumed here: {one}") for one in about.assumptions)
        yield from ((1, f"innocent reading: {one}") for one in about.readings)
        yield from ((1, f"tried, does not fit: {one}") for one in about.tried)
        if about.fact and about.fact != verdict.claim:
            yield 1, f"the same fact as {about.fact}"
    yield from ((1, f"because: {one}") for one in (*row.reasons, *row.beside))
    for check in row.checks:
        yield 1, f"check {check.id}: {check.rule}"
        yield 2, check.arithmetic
        yield from ((2, f"{one.row} {one.text}   #{one.anchor}") for one in check.cells)
    yield from ((1, f"needs: {one}") for one in [verdict.needs] if one)
    yield from ((1, f"to test it: {one}") for one in [verdict.command] if one)


def _instances(found: Found, name: str) -> Iterator[Line]:
    """Yield every instance of a statement, all of them."""
    results: Results | None = found.run.results if found.run else None
    if results is None:
        return
    yield from ((1, one) for one in [closest(found.bounds.get(name, ()), results.outcomes)] if one)
    for check in found.bounds.get(name, ()):
        view = check_view(check, results.outcomes[check.key])
        tight = f"; tightness {view.ratio}" if view.ratio != "—" else ""
        yield 1, f"{view.outcome}: {view.instance}: {view.inequality}{tight}"
        yield from ((2, note) for note in (view.hypotheses, *view.notes, view.witness) if note)


def _cell(found: Found, cell: TableCell) -> Iterator[Line]:
    yield 0, f"{cell.label} {cell.metric}: printed {cell.value} {cell.unit}".rstrip()
    yield 1, f"stands in: {cell.table}, {cell.source} ({cell.file}, line {cell.line})"
    here: Place = (cell.file, str(cell.line))
    for check in found.evidence.checks.values():
        if here in map(place_of, check.cells):
            verdict = found.verdicts[address(check.id)]
            shown = arithmetic_of(check, found.evidence.cells)
            yield 1, f"{verdict.standing}: {check.id}: {shown.rule}"
            yield 2, shown.arithmetic

    number = next((v for v in found.verdicts.values() if v.reported and _place(v) == here), None)
    if number:
        yield 1, f"measured again: {number.standing}"
        yield from ((2, f"needs: {one}") for one in [number.needs] if one)


def _place(verdict: Verdict) -> Place:
    return verdict.locator.file or "", str(verdict.locator.line)


def _printed(found: Found, value: str) -> Iterator[Line]:
    """Yield every place where a number is printed, the most checked first, and its checks."""
    read: dict[str, Counter[str]] = {}
    for name, cell in found.printed.items():
        if cell.value == value:
            here: Place = (cell.file, str(cell.line))
            checks = [c for c in found.evidence.checks.values() if here in map(place_of, c.cells)]
            read[name] = Counter(str(found.verdicts[address(c.id)].standing) for c in checks)
    for name, counted in sorted(read.items(), key=lambda one: -one[1].total()):
        cell = found.printed[name]
        told = ", ".join(f"{count} {word}" for word, count in counted.items())
        yield 0, f"{cell.table}, {cell.source}: {cell.label} {cell.metric} {value}"
        yield 1, f"checks: {told or 'none reads it'}   #{name}"


def _standing_in(found: Found, place: str) -> Iterator[Line]:
    """Yield the claims that stand in a place of the paper, such as a theorem or a section."""
    for name, verdict in found.verdicts.items():
        if re.match(rf"{re.escape(place)}(?![\w.])", verdict.locator.place, re.IGNORECASE):
            said = verdict.statement.removeprefix(REFUTED)
            yield 0, f"{verdict.shown}: {said.partition(': ')[0]}   #{name}"


def _sample_ids(found: Found) -> list[str]:
    tasks = found.run.plan.tasks if found.run else ()
    return [item.sample.id for task in tasks for item in task.items]


def _samples(found: Found, name: str) -> Iterator[Line]:
    """Yield the replies and scores of every sample of this id."""
    for task in found.run.plan.tasks if found.run else ():
        for item in task.items:
            if found.run is None or item.sample.id != name:
                continue
            view = sample_of(found.run, item)
            yield 0, f"{task.task.suite} · {task.task.model}: {view.id} {view.missing}".rstrip()
            yield from ((1, view.labels),) if view.labels else ()
            yield from (
                (1, f"{asked}: {reply} {note}".rstrip()) for asked, reply, note in view.replies
            )
            for scorer, values in view.scores:
                yield 1, f"{scorer}: " + ", ".join(f"{metric} {value}" for metric, value in values)
