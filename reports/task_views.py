"""What a page shows of each task: measured tables, breakdowns and samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.records import Cell, ClaimKind, Judgment, Results, Score, TaskPlan, Verdict, WorkItem
from harness.store import StoredRun
from reports.addresses import anchor
from reports.health import health_lines, rater_lines
from reports.media import Link, links_of
from reports.text import ALL, DASH, counts, interval, value_of

RAW_LIMIT = 600  # characters shown of one raw reply
PROMPT_LIMIT = 300  # characters shown of one prompt
SAMPLE_BUDGET = 3_000  # samples shown in full in one report


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
    prompts: tuple[int, ...] = ()  # of its replies, as places among those of the task
    media: tuple[Link, ...] = ()  # its files, and those of its partners


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
    health: tuple[str, ...] = ()  # what was odd about its judges
    prompts: tuple[str, ...] = ()  # the different ones, the empty one first

    @property
    def judged(self) -> bool:
        """Whether the task's own judge is asked, not only instruments that its suite brings."""
        asked = {one.judge for item in self.plan.items for one in item.questions}
        return "" in asked or not asked


def task_views(run: StoredRun, results: Results, page: Path | None = None) -> tuple[TaskView, ...]:
    """Return one view per task; tasks share the sample budget of the whole report.

    Files of samples are linked from ``page``, the folder in which the report will stand.
    """
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
        shown = plan.items[: budget // (len(run.plan.tasks) - position)]
        budget -= len(shown)
        links = links_of(plan, page) if page else {}
        prompts = {"": 0}
        samples = tuple(
            replace(
                sample_view(item, judgments.get(item.key, []), scores.get(item.key, []), prompts),
                media=links.get(item.key, ()),
            )
            for item in shown
        )
        view = task_view(position, plan, cells, verdicts, samples)
        odd = [
            line
            for one in results.health
            if one.task == position
            for line in health_lines(one, cells)
        ]
        health = (*odd, *rater_lines(results.raters, position))
        views.append(replace(view, health=health, prompts=tuple(prompts)))
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
        columns.append(
            ColumnView(
                title=title,
                value=value_of(cell),
                interval=interval(estimate, cell.decimals),
                counts=counts(estimate),
                method=estimate.method,
                reason=estimate.reason,
                complete=not estimate.missing,
                verdicts=tuple(verdicts.get(cell.id, ())),
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
        values = tuple(value_of(mine[title]) if title in mine else DASH for title in titles)
        first = next(iter(mine.values())).estimate
        found.append(GroupView(group, values, f"{first.n}/{first.planned}"))
    return tuple(found)


def sample_view(
    item: WorkItem,
    judgments: Sequence[Judgment],
    scores: Sequence[Score],
    prompts: dict[str, int] | None = None,
) -> SampleView:
    """Return one sample: what was asked, answered and made of it; new prompts are added."""
    prompts = {} if prompts is None else prompts
    latest = {row.question: row for row in sorted(judgments, key=lambda row: row.round)}
    replies = tuple(
        (f"{question.judge}: {question.id}".removeprefix(": "), *_reply(latest[question.id]))
        for question in item.questions
        if question.id in latest
    )
    newest = {(row.scorer, row.metric): row for row in sorted(scores, key=lambda row: row.round)}
    by_scorer: dict[str, list[tuple[str, str]]] = {}
    for (scorer, metric), row in newest.items():
        value = row.missing.value if row.missing else f"{row.value:g}"
        by_scorer.setdefault(scorer, []).append((metric, value))
    files = {role: file.name for role, file in item.media.items()}
    labels = sorted(item.sample.labels.items() | files.items())
    values = [dict(pairs) for pairs in by_scorer.values()]
    shared = [set.intersection(*(set(one.items()) for one in values))] if values else []
    differs = bool(values) and any(len(shared[0]) != len(one) for one in values)
    return SampleView(
        id=item.sample.id,
        anchor=anchor("item", item.key),
        labels=", ".join(f"{name}: {value}" for name, value in labels),
        missing=item.missing.value if item.missing else "",
        replies=replies,
        scores=tuple((scorer, tuple(pairs)) for scorer, pairs in by_scorer.items()),
        differs=differs,
        prompts=tuple(
            prompts.setdefault((question.prompt or "")[:PROMPT_LIMIT], len(prompts))
            for question in item.questions
            if question.id in latest
        ),
    )


def sample_of(run: StoredRun, item: WorkItem) -> SampleView:
    """Return one sample of a run, with every word of its replies."""
    mine = [row for row in run.rows if isinstance(row, Judgment | Score) and row.item == item.key]
    replies = [row for row in mine if isinstance(row, Judgment)]
    return sample_view(item, replies, [row for row in mine if isinstance(row, Score)])


def _reply(row: Judgment) -> tuple[str, str]:
    if row.raw is None:
        return (row.missing.value if row.missing else "no reply"), row.detail
    cut = f"first {RAW_LIMIT} of {len(row.raw)} characters" if len(row.raw) > RAW_LIMIT else ""
    return row.raw[:RAW_LIMIT], "; ".join(filter(None, (row.missing, row.detail, cut)))
