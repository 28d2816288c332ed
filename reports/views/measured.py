"""Measured tables: model by column, with intervals, completeness and verdicts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.records import Cell, Estimate, Level, Results, TaskPlan, Verdict
from harness.store import StoredRun
from harness.verdicts import cell_id
from reports.text import ALL, anchor, completeness, interval, number
from reports.views.provenance import judge_text, pairs
from reports.views.samples import EMBED_BUDGET, Known, SamplesView, samples_view

Verdicts = Mapping[str, Sequence[Verdict]]
_SEED = re.compile(r", seed \d+")


@dataclass(frozen=True)
class CellView:
    """One measured number."""

    anchor: str
    cell: Cell
    value: str
    interval: str
    scored: str
    complete: bool
    counts: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class RowView:
    """One model under one scorer, for one group; a column the scorer lacks is None."""

    label: str
    scorer: str
    differs: int
    target: str  # anchor of the samples behind the row
    cells: tuple[CellView | None, ...]


@dataclass(frozen=True)
class TaskView:
    """What lies behind one model's row: judge, completeness, groups, samples."""

    anchor: str
    model: str
    judge: str
    protocol: str
    notes: tuple[str, ...]
    completeness: tuple[tuple[str, str], ...]  # which columns, planned = scored + missing
    methods: tuple[str, ...]
    groups: tuple[RowView, ...]
    several_scorers: bool
    samples: SamplesView


@dataclass(frozen=True)
class TableView:
    """One measured table: the tasks of a suite on one subset."""

    anchor: str
    title: str
    example: bool
    titles: tuple[str, ...]
    rows: tuple[RowView, ...]
    tasks: tuple[TaskView, ...]
    levels: tuple[tuple[str, Level, int], ...]


@dataclass(frozen=True)
class SuiteView:
    """The measured tables of one benchmark."""

    name: str
    anchor: str
    tables: tuple[TableView, ...]


@dataclass(frozen=True)
class MeasuredView:
    """Everything that was measured."""

    suites: tuple[SuiteView, ...]


@dataclass(frozen=True)
class _Task:
    position: int
    plan: TaskPlan
    cells: tuple[Cell, ...]
    samples: SamplesView


def measured_view(run: StoredRun, results: Results) -> MeasuredView:
    """Return the measured tables of a run: real ones first, made-up examples apart."""
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in results.verdicts:
        if verdict.measured is not None:
            for name in verdict.evidence:
                verdicts.setdefault(name, []).append(verdict)
    suites: dict[str, dict[tuple[bool, str], list[_Task]]] = {}
    for task in tasks_of(run, results):
        tables = suites.setdefault(task.plan.task.suite, {})
        tables.setdefault((task.plan.task.example, task.plan.task.subset), []).append(task)
    return MeasuredView(
        tuple(
            SuiteView(
                name=name,
                anchor=anchor("suite", name),
                tables=tuple(table_view(tasks, verdicts) for _, tasks in sorted(tables.items())),
            )
            for name, tables in sorted(suites.items())
        )
    )


def tasks_of(run: StoredRun, results: Results) -> list[_Task]:
    """Join each task with its cells and its share of the page's samples."""
    known = Known.of(run.rows)
    share = EMBED_BUDGET // max(1, len(run.plan.tasks))
    return [
        _Task(
            position=position,
            plan=plan,
            cells=tuple(cell for cell in results.cells if cell.task == position),
            samples=samples_view(plan, position, known, share),
        )
        for position, plan in enumerate(run.plan.tasks)
    ]


def table_view(tasks: Sequence[_Task], verdicts: Verdicts) -> TableView:
    """Return one table: a row per model and scorer, and what lies behind each model."""
    cells = [cell for task in tasks for cell in task.cells]
    titles = tuple(dict.fromkeys(column_title(cell) for cell in cells))
    rows = [
        row_view(group, titles, verdicts, anchor("task", group[0].task))
        for group in by_scorer(cell for cell in cells if cell.group == ALL)
    ]
    reached = Counter(
        (verdict.outcome, verdict.level)
        for row in rows
        for one in row.cells
        for verdict in (one.verdicts if one else ())
    )
    first = tasks[0].plan.task
    return TableView(
        anchor=anchor("table", first.suite, first.subset, first.example),
        title=f"{first.suite} · {first.subset}",
        example=first.example,
        titles=titles,
        rows=tuple(rows),
        tasks=tuple(task_view(task, titles) for task in tasks),
        levels=tuple((outcome, level, n) for (outcome, level), n in sorted(reached.items())),
    )


def task_view(task: _Task, titles: tuple[str, ...]) -> TaskView:
    """Return what lies behind one model's row."""
    whole = [cell for cell in task.cells if cell.group == ALL]
    parts = [cell for cell in task.cells if cell.group != ALL]
    groups = [
        row_view(group, titles, {}, task.samples.anchor, label=group[0].group)
        for group in by_scorer(sorted(parts, key=lambda cell: cell.group))
    ]
    return TaskView(
        anchor=anchor("task", task.position),
        model=task.plan.task.model,
        judge=judge_text(task.plan.judge),
        protocol=pairs(task.plan.protocol),
        notes=task.plan.notes,
        completeness=completeness_lines(whole),
        methods=tuple(dict.fromkeys(method_text(cell.estimate) for cell in whole)),
        groups=tuple(groups),
        several_scorers=len({cell.scorer for cell in task.cells}) > 1,
        samples=task.samples,
    )


def by_scorer(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Part cells into rows: one per task, group and scorer, in their order."""
    rows: dict[tuple[int, str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.task, cell.group, cell.scorer), []).append(cell)
    return list(rows.values())


def row_view(
    cells: Sequence[Cell],
    titles: Sequence[str],
    verdicts: Verdicts,
    target: str,
    label: str = "",
) -> RowView:
    """Return one row of a table, its cells under their titles."""
    by_title = {column_title(cell): cell for cell in cells}
    return RowView(
        label=label or cells[0].model,
        scorer=cells[0].scorer,
        differs=cells[0].differs,
        target=target,
        cells=tuple(
            cell_view(by_title[title], verdicts) if title in by_title else None for title in titles
        ),
    )


def cell_view(cell: Cell, verdicts: Verdicts) -> CellView:
    """Return one number with what one needs to trust it."""
    estimate, name = cell.estimate, cell_id(cell)
    return CellView(
        anchor=cell_anchor(cell),
        cell=cell,
        value=number(estimate.value, cell.decimals),
        interval=interval(estimate, cell.decimals),
        scored=f"{estimate.n:,}/{estimate.planned:,}",
        complete=estimate.n == estimate.planned,
        counts=completeness(estimate.planned, estimate.n, estimate.missing),
        verdicts=tuple(verdicts.get(name, ())),
    )


def cell_anchor(cell: Cell) -> str:
    """Return where a measured number stands on the page."""
    return anchor("cell", cell_id(cell))


def column_title(cell: Cell) -> str:
    """Return a column's title with its unit, where it has one."""
    return cell.title if cell.unit in ("", "1") else f"{cell.title}, {cell.unit}"


def completeness_lines(cells: Sequence[Cell]) -> tuple[tuple[str, str], ...]:
    """Return each distinct completeness with the scorers and columns it holds for."""
    holding: dict[str, dict[str, list[str]]] = {}
    for cell in cells:
        estimate = cell.estimate
        line = completeness(estimate.planned, estimate.n, estimate.missing)
        holding.setdefault(line, {}).setdefault(cell.scorer, []).append(cell.title)
    columns = {name: sum(cell.scorer == name for cell in cells) for name in _scorers(cells)}
    return tuple(
        (
            "every column"
            if len(holding) == 1
            else "; ".join(
                name if len(titles) == columns[name] else f"{name}: {', '.join(titles)}"
                for name, titles in scorers.items()
            ),
            line,
        )
        for line, scorers in holding.items()
    )


def _scorers(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.scorer for cell in cells))


def method_text(estimate: Estimate) -> str:
    """Write how an interval was made, and why where there is none."""
    reason = f"; {estimate.reason}" if estimate.reason else ""
    return f"{100 * estimate.level:g} %, {_SEED.sub('', estimate.method)}{reason}"
