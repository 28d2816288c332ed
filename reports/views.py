"""View models: what a page shows, as plain frozen values made from rows and results.

Numbers are formatted here and nowhere computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import PreconditionError
from harness.export import drawings
from harness.outcomes import WORST_FIRST, Level, Outcome, Shown
from harness.packs.pack import Pack
from harness.records import Attempt, Check, ClaimKind, Results, RunPlan, Verdict
from harness.store import StoredRun
from harness.verdicts.facts import is_finding
from reports.addresses import anchor, cell_addresses, paper_address
from reports.answer import WORDS, Card, ModelLine, cards, model_lines, sentence
from reports.claim_views import ClaimRow, Evidence, Finding, claim_rows, findings
from reports.finding_views import (
    Section,
    StatementGroup,
    numbers_of,
    sections,
    statement_groups,
    statement_views,
)
from reports.headline import headline
from reports.printed_views import PrintedCell, PrintedTable, printed_tables
from reports.task_views import TaskView, task_views


@dataclass(frozen=True)
class Tally:
    """How many claims of a kind are shown by which word."""

    kind: str
    total: int
    parts: tuple[tuple[Shown, int], ...]


@dataclass(frozen=True)
class CheckedCells:
    """One check with the word it is shown by and the sentence on how it stands."""

    check: Check
    shown: Shown
    sentence: str
    found: bool


@dataclass(frozen=True)
class AuditTable:
    """The checks of one printed table, findings first."""

    name: str
    anchor: str
    findings: tuple[CheckedCells, ...]
    passed: tuple[CheckedCells, ...]


@dataclass(frozen=True)
class Page:
    """Everything the report shows."""

    title: str
    plan: RunPlan
    path: str
    sentence: str
    headline: tuple[str, ...]
    cards: tuple[Card, ...]
    findings: tuple[Finding, ...]
    claims: tuple[ClaimRow, ...]
    tables: tuple[PrintedTable, ...]
    statements: tuple[StatementGroup, ...]
    lines: tuple[ModelLine, ...]
    tasks: tuple[TaskView, ...]
    sections: dict[str, Section]
    attempts: tuple[Attempt, ...]
    results: Results
    targets: frozenset[str]
    paper: dict[str, str]  # where it can be read, by edition; the empty name is the newest
    data: dict[str, object]  # numbers of pictures and samples, read by the page's script

    @property
    def plays(self) -> bool:
        """Whether samples have files that the page may play."""
        return any(sample.media for task in self.tasks for sample in task.samples)

    @property
    def facets(self) -> list[tuple[str, str, list[str]]]:
        """What claims may be chosen by: field, title and values, where there are several."""
        found = {
            "word": ("Verdict", [str(word) for word in WORDS]),
            "kind": ("Kind", [kind.value for kind in ClaimKind]),
            "edition": ("Edition", ["current", "earlier"]),
            "owner": ("Whose row", ["own", "others", "none"]),
            "suite": ("Suite", sorted({row.suite for row in self.claims if row.suite})),
        }
        there = {name: {row.field(name) for row in self.claims} for name in found}
        shown = ((n, title, [v for v in of if v in there[n]]) for n, (title, of) in found.items())
        return [facet for facet in shown if len(facet[2]) > 1]


def build_page(
    run: StoredRun,
    titles: Mapping[str, str],
    pack: Pack | None = None,
    folder: Path | None = None,
) -> Page:
    """Turn a stored run into its page.

    Args:
        run: a run that was reduced.
        titles: of its suites.
        pack: what its audit read; its tables are drawn.
        folder: in which the page will stand; files of samples are linked from there.

    Raises:
        PreconditionError: the run was never reduced.
    """
    results = results_of(run)
    checks = {row.id: row for row in run.rows if isinstance(row, Check)}
    cells = cell_addresses(pack.tables.tables()) if pack else {}
    evidence = Evidence(checks, cells)
    tasks = task_views(run, results, folder)
    claims = claim_rows(results.verdicts, evidence)
    places = {name: index for index, name in enumerate(check_order(claims))}
    tables = printed_tables(pack, checks.values(), results.verdicts, cells, places) if pack else ()
    statements = statement_groups(statement_views(run, results))
    named = run.plan.pack.title if run.plan.pack and run.plan.spec.audit else ""
    targets = {row.anchor for row in claims}
    drawn = (one for table in tables for row in table.rows for one in row.cells)
    targets |= {one.anchor for one in drawn if isinstance(one, PrintedCell)}
    targets |= {check.anchor for row in claims if len(row.statements) > 1 for check in row.checks}
    targets |= {one.anchor for group in statements for one in group.statements}
    return Page(
        title=named or run.plan.spec.name,
        plan=run.plan,
        path=run.path.as_posix(),
        sentence=sentence(results),
        headline=tuple(headline(results.verdicts)[1:]),
        cards=cards(results.verdicts),
        findings=findings(results.verdicts, evidence),
        claims=claims,
        tables=tables,
        statements=statements,
        lines=tuple(model_lines(results)),
        tasks=tasks,
        sections={one.name: one for one in sections(drawings(run), titles)},
        attempts=tuple(row for row in run.rows if isinstance(row, Attempt)),
        results=results,
        targets=frozenset(targets),
        paper=paper_addresses(pack) if pack else {},
        data={
            "figures": {anchor("drawing", one.key): numbers_of(one) for one in drawings(run)},
            "samples": {task.anchor: task.samples for task in tasks},
            "prompts": {task.anchor: task.prompts for task in tasks},
        },
    )


def paper_addresses(pack: Pack) -> dict[str, str]:
    """Return where each edition of a paper can be read, the newest also without a name."""
    found = {one.id: paper_address(pack.paper, one.id) for one in pack.editions}
    known = {name: link for name, link in found.items() if link}
    return known | ({"": known[pack.current.id]} if pack.current.id in known else {})


def check_order(claims: Sequence[ClaimRow]) -> Iterator[str]:
    """Yield the checks in the order in which the page draws them."""
    for row in claims:
        if row.verdict.kind is ClaimKind.TABLE:
            alone = len(row.statements) == 1
            yield from [row.verdict.claim] if alone else [check.id for check in row.checks]


def results_of(run: StoredRun) -> Results:
    """Return a run's results, or say how to make them."""
    if run.results is None:
        raise PreconditionError(
            "this run has no results yet",
            where=str(run.path),
            hint=f"kairos-eval report {run.path}",
        )
    return run.results


def tallies(verdicts: Sequence[Verdict]) -> tuple[Tally, ...]:
    """Count verdicts by kind of claim and the word they are shown by, good ones first."""
    order = list(Level)
    found: list[Tally] = []
    for kind in ClaimKind:
        chosen = [verdict for verdict in verdicts if verdict.kind is kind]
        counted = Counter(verdict.shown for verdict in chosen)
        parts = sorted(counted.items(), key=lambda part: (order.index(part[0].level), part[0]))
        if chosen:
            found.append(Tally(kind.value, len(chosen), tuple(parts)))
    return tuple(found)


def audit_tables(
    checks: Sequence[Check], verdicts: Sequence[Verdict] = ()
) -> tuple[AuditTable, ...]:
    """Group checks by the table they read, findings first and the hardest of them before others."""
    decided = {one.claim: one for one in verdicts if one.kind is ClaimKind.TABLE}
    by_table: dict[str, list[CheckedCells]] = {}
    for check in checks:
        by_table.setdefault(check.table, []).append(checked(check, decided.get(check.id)))
    found: list[AuditTable] = []
    for name, mine in by_table.items():
        findings = sorted(
            (one for one in mine if one.found),
            key=lambda one: (WORST_FIRST.index(one.shown.level), one.check.id),
        )
        passed = tuple(one for one in mine if not one.found)
        found.append(AuditTable(name, anchor("table", name), tuple(findings), passed))
    return tuple(sorted(found, key=lambda table: (-len(table.findings), table.name)))


def checked(check: Check, verdict: Verdict | None) -> CheckedCells:
    """Return a check as it is shown; by its rule alone where no verdict says how it stands."""
    if verdict is None or verdict.appraisal is None:
        shown = Shown(check.verdict, check.verdict.level)
        return CheckedCells(check, shown, check.explanation, check.verdict is not Outcome.PASS)
    return CheckedCells(check, verdict.shown, verdict.appraisal.say, is_finding(verdict))
