"""View models: what a page shows, as plain frozen values made from rows and results.

Numbers are formatted here and nowhere computed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import PreconditionError
from harness.records import (
    Attempt,
    Cell,
    Check,
    ClaimKind,
    Estimate,
    Judgment,
    Level,
    Reported,
    Results,
    Score,
    TaskPlan,
    Verdict,
    WorkItem,
)
from harness.store import StoredRun

ALL = "all"
RAW_LIMIT = 600  # characters shown of one raw reply
SAMPLE_BUDGET = 3_000  # samples shown in full in one report
ICONS = {Level.GOOD: "✓", Level.DOUBT: "~", Level.BAD: "✕", Level.OPEN: "○"}
DASH = "—"


def anchor(*parts: object) -> str:
    """Return a page anchor that no id can break: letters and digits of a hash."""
    return "x" + hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:12]


def number(value: float | None, decimals: int) -> str:
    """Write a number with fixed decimals, or a dash for an absent one."""
    return DASH if value is None else f"{value:.{decimals}f}"


def interval(estimate: Estimate, decimals: int) -> str:
    """Write an estimate's interval, or why it has none."""
    if estimate.lo is None or estimate.hi is None:
        return "no interval"
    return f"{number(estimate.lo, decimals)} to {number(estimate.hi, decimals)}"


def counts(estimate: Estimate) -> str:
    """Write planned = scored + missing by reason."""
    parts = [f"{estimate.n} scored"]
    parts += [f"{count} {reason}" for reason, count in sorted(estimate.missing.items())]
    return f"{estimate.planned} planned = {' + '.join(parts)}"


@dataclass(frozen=True)
class Tally:
    """How many claims of a kind ended in which outcome."""

    kind: str
    total: int
    parts: tuple[tuple[str, Level, int], ...]


@dataclass(frozen=True)
class LedgerRow:
    """One row of the ledger: a verdict, or many open ones that need the same thing."""

    verdict: Verdict
    statements: tuple[str, ...]


@dataclass(frozen=True)
class ColumnView:
    """One column of a measured table under one scorer."""

    title: str
    value: str
    interval: str
    counts: str
    method: str
    reason: str
    complete: bool
    verdicts: tuple[Verdict, ...]
    cell: Cell


@dataclass(frozen=True)
class ScorerView:
    """One row of a measured table."""

    name: str
    differs: int
    columns: tuple[ColumnView, ...]

    def column(self, title: str) -> ColumnView | None:
        """Return the column of this title, or None where the scorer has none."""
        return next((column for column in self.columns if column.title == title), None)


@dataclass(frozen=True)
class GroupView:
    """One row of a breakdown."""

    name: str
    values: tuple[str, ...]
    n: str


@dataclass(frozen=True)
class SampleView:
    """One sample with its replies and scores."""

    id: str
    anchor: str
    labels: str
    missing: str
    replies: tuple[tuple[str, str, str], ...]  # question, raw or reason, note
    scores: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # scorer -> metric, value
    differs: bool


@dataclass(frozen=True)
class TaskView:
    """One task: its tables, breakdown and samples."""

    anchor: str
    title: str
    plan: TaskPlan
    titles: tuple[str, ...]
    scorers: tuple[ScorerView, ...]
    groups: tuple[GroupView, ...]
    samples: tuple[SampleView, ...]
    hidden: int


@dataclass(frozen=True)
class AuditTable:
    """The checks of one printed table, findings first."""

    name: str
    anchor: str
    findings: tuple[Check, ...]
    passed: tuple[Check, ...]


@dataclass(frozen=True)
class Page:
    """Everything the report shows."""

    title: str
    plan_id: str
    tallies: tuple[Tally, ...]
    ledger: tuple[tuple[str, int, tuple[LedgerRow, ...]], ...]
    tasks: tuple[TaskView, ...]
    audits: tuple[AuditTable, ...]
    attempts: tuple[Attempt, ...]
    counts: dict[str, int]
    example_counts: dict[str, int]
    notes: tuple[str, ...]
    targets: frozenset[str]


def build_page(run: StoredRun) -> Page:
    """Turn a stored run into its page.

    Raises:
        PreconditionError: the run was never reduced.
    """
    results = results_of(run)
    checks = [row for row in run.rows if isinstance(row, Check)]
    tasks = task_views(run, results)
    targets = {task.anchor for task in tasks} | {anchor("check", check.id) for check in checks}
    return Page(
        title=run.plan.spec.name,
        plan_id=run.plan.id,
        tallies=tallies(results.verdicts),
        ledger=tuple(
            (kind.value, len(verdicts), ledger_rows(verdicts))
            for kind in ClaimKind
            if (verdicts := [v for v in results.verdicts if v.kind is kind])
        ),
        tasks=tasks,
        audits=audit_tables(checks),
        attempts=tuple(row for row in run.rows if isinstance(row, Attempt)),
        counts=results.counts,
        example_counts=results.example_counts,
        notes=results.notes,
        targets=frozenset(targets),
    )


def ledger_rows(verdicts: Sequence[Verdict]) -> tuple[LedgerRow, ...]:
    """Return the worst verdicts first; open ones of one table share a row."""
    order = [Level.BAD, Level.DOUBT, Level.GOOD, Level.OPEN]
    rows = [
        LedgerRow(verdict, (verdict.statement,))
        for level in order[:3]
        for verdict in verdicts
        if verdict.level is level
    ]
    shared: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.level is Level.OPEN:
            alone = verdict.claim if verdict.kind is not ClaimKind.NUMBER else ""
            key = (verdict.locator.source, verdict.locator.place, verdict.needs, alone,
                   *verdict.reasons)  # fmt: skip
            shared.setdefault(key, []).append(verdict)
    rows += [
        LedgerRow(group[0], tuple(verdict.statement for verdict in group))
        for group in shared.values()
    ]
    return tuple(rows)


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
    """Count outcomes by kind of claim, good ones first."""
    order = list(Level)
    found: list[Tally] = []
    for kind in ClaimKind:
        chosen = [verdict for verdict in verdicts if verdict.kind is kind]
        counted = Counter((verdict.outcome, verdict.level) for verdict in chosen)
        parts = sorted(counted.items(), key=lambda part: (order.index(part[0][1]), part[0][0]))
        if chosen:
            shown = tuple((outcome, level, count) for (outcome, level), count in parts)
            found.append(Tally(kind.value, len(chosen), shown))
    return tuple(found)


def audit_tables(checks: Sequence[Check]) -> tuple[AuditTable, ...]:
    """Group checks by the table they read."""
    names = list(dict.fromkeys(check.table for check in checks))
    order = {"fail": 0, "warn": 1, "not_testable": 2}
    found: list[AuditTable] = []
    for name in names:
        mine = [check for check in checks if check.table == name]
        findings = sorted(
            (check for check in mine if check.verdict != "pass"),
            key=lambda check: (order.get(check.verdict, 3), check.id),
        )
        passed = tuple(check for check in mine if check.verdict == "pass")
        found.append(AuditTable(name, anchor("table", name), tuple(findings), passed))
    return tuple(sorted(found, key=lambda table: (-len(table.findings), table.name)))


def task_views(run: StoredRun, results: Results) -> tuple[TaskView, ...]:
    """Return one view per task, within the sample budget of the whole report."""
    judgments: dict[str, list[Judgment]] = {}
    scores: dict[str, list[Score]] = {}
    for row in run.rows:
        if isinstance(row, Judgment):
            judgments.setdefault(row.item, []).append(row)
        elif isinstance(row, Score):
            scores.setdefault(row.item, []).append(row)
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in results.verdicts:
        if verdict.kind is ClaimKind.NUMBER:
            for name in verdict.evidence:
                verdicts.setdefault(name, []).append(verdict)
    budget = SAMPLE_BUDGET
    views: list[TaskView] = []
    for position, plan in enumerate(run.plan.tasks):
        cells = [cell for cell in results.cells if cell.task == position]
        shown = plan.items[:budget]
        budget -= len(shown)
        samples = tuple(
            sample_view(item, judgments.get(item.key, []), scores.get(item.key, []))
            for item in shown
        )
        views.append(task_view(position, plan, cells, verdicts, samples))
    return tuple(views)


def task_view(
    position: int,
    plan: TaskPlan,
    cells: Sequence[Cell],
    verdicts: dict[str, list[Verdict]],
    samples: tuple[SampleView, ...],
) -> TaskView:
    """Return the view of one task."""
    whole = [cell for cell in cells if cell.group == ALL]
    scorers = list(dict.fromkeys(cell.scorer for cell in whole))
    titles = list(dict.fromkeys(cell.title for cell in whole))
    return TaskView(
        anchor=anchor("task", position),
        title=f"{plan.task.suite} · {plan.task.model} · {plan.task.subset}",
        plan=plan,
        titles=tuple(titles),
        scorers=tuple(
            scorer_view(name, [cell for cell in whole if cell.scorer == name], titles, verdicts)
            for name in scorers
        ),
        groups=group_views(cells, scorers[0] if scorers else "", titles),
        samples=samples,
        hidden=len(plan.items) - len(samples),
    )


def scorer_view(
    name: str, cells: Sequence[Cell], titles: Sequence[str], verdicts: dict[str, list[Verdict]]
) -> ScorerView:
    """Return one row of a measured table; a column the scorer lacks is left out."""
    by_title = {cell.title: cell for cell in cells}
    columns: list[ColumnView] = []
    for title in titles:
        cell = by_title.get(title)
        if cell is None:
            continue
        estimate = cell.estimate
        name_of_cell = (
            f"{cell.task}/{cell.suite}/{cell.model}/{cell.scorer}/{cell.column}/{cell.group}"
        )
        columns.append(
            ColumnView(
                title=title,
                value=number(estimate.value, cell.decimals),
                interval=interval(estimate, cell.decimals),
                counts=counts(estimate),
                method=estimate.method,
                reason=estimate.reason,
                complete=not estimate.missing,
                verdicts=tuple(verdicts.get(name_of_cell, ())),
                cell=cell,
            )
        )
    return ScorerView(name, cells[0].differs if cells else 0, tuple(columns))


def group_views(cells: Sequence[Cell], scorer: str, titles: Sequence[str]) -> tuple[GroupView, ...]:
    """Return the breakdown of a task under its first scorer."""
    groups = dict.fromkeys(cell.group for cell in cells if cell.group != ALL)
    found: list[GroupView] = []
    for group in groups:
        mine = {c.title: c for c in cells if c.group == group and c.scorer == scorer}
        values = tuple(
            number(mine[title].estimate.value, mine[title].decimals) if title in mine else DASH
            for title in titles
        )
        first = next(iter(mine.values())).estimate
        found.append(GroupView(group, values, f"{first.n}/{first.planned}"))
    return tuple(found)


def sample_view(
    item: WorkItem, judgments: Sequence[Judgment], scores: Sequence[Score]
) -> SampleView:
    """Return one sample: what was asked, answered and made of it."""
    latest = {row.question: row for row in sorted(judgments, key=lambda row: row.round)}
    replies = tuple(
        (question.id, *_reply(latest[question.id]))
        for question in item.questions
        if question.id in latest
    )
    newest = {(row.scorer, row.metric): row for row in sorted(scores, key=lambda row: row.round)}
    by_scorer: dict[str, list[tuple[str, str]]] = {}
    for (scorer, metric), row in newest.items():
        value = row.missing.value if row.missing else f"{row.value:g}"
        by_scorer.setdefault(scorer, []).append((metric, value))
    values = [dict(pairs) for pairs in by_scorer.values()]
    shared = [set.intersection(*(set(one.items()) for one in values))] if values else []
    differs = bool(values) and any(len(shared[0]) != len(one) for one in values)
    return SampleView(
        id=item.sample.id,
        anchor=anchor("item", item.key),
        labels=", ".join(f"{name}: {value}" for name, value in sorted(item.sample.labels.items())),
        missing=item.missing.value if item.missing else "",
        replies=replies,
        scores=tuple((scorer, tuple(pairs)) for scorer, pairs in by_scorer.items()),
        differs=differs,
    )


def _reply(row: Judgment) -> tuple[str, str]:
    if row.raw is None:
        return (row.missing.value if row.missing else "no reply"), row.detail
    if len(row.raw) > RAW_LIMIT:
        return row.raw[:RAW_LIMIT], f"first {RAW_LIMIT} of {len(row.raw)} characters"
    return row.raw, row.detail


def reported_text(reported: Reported) -> str:
    """Write a published number with where it stands."""
    return f"{reported.value} ({reported.locator.source}, {reported.locator.place})"
