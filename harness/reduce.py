"""The one reducer: rows become estimates here and nowhere else.

The result depends on the set of rows alone, never on their order, on the number of workers or
on shards: sums are exact, and resampling is seeded by names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import permutations, product
from typing import TypedDict

import numpy as np

from harness.columns import Contents, Part, Point, over_passes, point
from harness.engine import unanswered, values_of
from harness.judges.factory import KINDS
from harness.plan import identity_of, judges_asked
from harness.protocols import (
    Answer,
    Column,
    Contrast,
    Contrasts,
    Draws,
    HearsAnswers,
    Scorer,
    Suite,
)
from harness.records import (
    ALL,
    Cell,
    Drawing,
    Estimate,
    JudgeHealth,
    Missing,
    Reported,
    Row,
    RunPlan,
    TaskPlan,
    WorkItem,
)
from harness.seeds import derive_seed
from harness.stats.noise import noise_floor, two_way
from harness.store import Known

_NO_GAPS = {Missing.SKIPPED, Missing.UNDEFINED}
"""Reasons of values that nobody asked for, or that a sample cannot have."""
READ = {*KINDS, "recorded", "human"}
"""Kinds of judge whose replies are read; any other measures."""


def reduce_run(plan: RunPlan, suites: Sequence[Suite], rows: Iterable[Row]) -> list[Cell]:
    """Turn the rows of a run into its table cells.

    Args:
        plan: what was planned; fixes every denominator.
        suites: the suite of each task.
        rows: the journal, in any order.
    """
    known = Known.of(rows)
    return [
        cell
        for position, (task, suite) in enumerate(zip(plan.tasks, suites, strict=True))
        for scorer in scorers_of(suite, task, known)
        for cell in reduce_task(task, position, suite, scorer, known, plan.spec.seed)
    ]


def draw_run(
    plan: RunPlan,
    suites: Sequence[Suite],
    rows: Iterable[Row],
    cells: Sequence[Cell],
    published: Callable[[str], Sequence[Reported]],
) -> tuple[Drawing, ...]:
    """Return what each task shows, and each pair of tasks of one suite, where a suite draws.

    A task is also drawn against those of the same model in its suite's control arm.

    Args:
        plan: what was planned.
        suites: the suite of each task.
        rows: the journal, in any order.
        cells: reduced from them.
        published: returns the printed numbers of a suite.
    """
    known = Known.of(rows)
    drawn: list[Drawing] = []
    shown: list[tuple[Draws, TaskPlan, dict[str, dict[str, Answer]]]] = []
    for position, (task, suite) in enumerate(zip(plan.tasks, suites, strict=True)):
        if isinstance(suite, Draws):
            answers = replies_of(task, known)
            mine = [cell for cell in cells if cell.task == position]
            drawn += suite.drawings(task, mine, answers, published(suite.info.name))
            for _, other, theirs in shown:
                if other.task.suite == task.task.suite:
                    drawn += suite.pair_drawings((other, theirs), (task, answers))
            shown.append((suite, task, answers))
    for (suite, task, answers), (_, other, theirs) in permutations(shown, 2):
        arms = (suite.info.control, task.task.model)
        if (other.task.suite, other.task.model) == arms:
            drawn += suite.pair_drawings((other, theirs), (task, answers))
    return tuple(drawn)


def contrasts_of(
    plan: RunPlan, suites: Sequence[Suite], rows: Iterable[Row]
) -> list[tuple[Contrast, TaskPlan, int]]:
    """Return what suites ask of their own values, each with its task and the task's position."""
    known = Known.of(rows)
    return [
        (contrast, task, position)
        for position, (task, suite) in enumerate(zip(plan.tasks, suites, strict=True))
        if isinstance(suite, Contrasts)
        for contrast in suite.contrasts(task, replies_of(task, known))
    ]


def replies_of(task: TaskPlan, known: Known) -> dict[str, dict[str, Answer]]:
    """Return the replies by item of a task, of the items that have any."""
    replies = {item.key: known.answers(item) for item in task.items}
    return {key: found for key, found in replies.items() if found}


def scorers_of(suite: Suite, task: TaskPlan, known: Known) -> list[Scorer]:
    """Return the scorers that the task planned or that a later rescoring added."""
    items = {item.key for item in task.items}
    used = {scorer for item, scorer, _ in known.scores if item in items}
    return [
        scorer
        for scorer in suite.info.scorers
        if scorer.name in used or scorer.name in task.task.scorers
    ]


def _among(
    samples: Iterable[Sequence[WorkItem]], found: Callable[[WorkItem], set[str]]
) -> dict[int, set[str]]:
    """Return the metrics found for the passes of each sample, by the identity of its first."""
    return {id(passes[0]): set[str]().union(*map(found, passes)) for passes in samples}


def reduce_task(
    task: TaskPlan, position: int, suite: Suite, scorer: Scorer, known: Known, seed: int
) -> list[Cell]:
    """Reduce one task under one scorer: every column, for all items and for each group.

    A group that holds no sample of a column, or of one that it is made of, has no cell there.
    """
    cells: list[Cell] = []
    columns = suite.info.columns[scorer.name]
    samples = passes_of(task, suite)
    by_pass = {
        column.name: _by_pass(column, samples, scorer, suite, known)
        for column in columns
        if not column.of
    }
    points = {
        name: {place: over_passes(passes) for place, passes in found.items()}
        for name, found in by_pass.items()
    }
    odd = _among(samples, lambda item: disagreeing(item, suite, scorer.name, known))
    hollow = _among(samples, lambda item: hollow_metrics(item, task, suite, scorer.name, known))
    made_of = [(column, suite.info.parts(scorer.name, column)) for column in columns]
    entering = [set[int]().union(*(points[mean.name] for _, mean in means)) for _, means in made_of]
    for group, items in groups_of(_laid_out(samples, scorer), suite.info.groups).items():
        differs = sum(bool(odd[id(item)]) for item in items)
        for (column, means), entered in zip(made_of, entering, strict=True):
            mine = [item for item in items if id(item) in entered]
            parts = [Part(factor, mean, _here(points[mean.name], mine)) for factor, mean in means]
            if not all(part.points for part in parts):
                continue
            beyond = {n for part in parts for n, one in part.points.items() if one.outside}
            read = set[str]().union(*({*mean.weights, mean.weighted_by} for _, mean in means))
            cells.append(
                Cell(
                    suite=task.task.suite,
                    model=task.task.model,
                    scorer=scorer.name,
                    column=column.name,
                    title=column.title,
                    group=group,
                    unit=column.unit,
                    decimals=column.decimals,
                    estimate=Contents(
                        column, parts, units_of(column, mine), [one.sample.labels for one in mine]
                    ).estimate(
                        finite=task.protocol.get("population") == "finite",
                        seed=derive_seed(seed, task.task.suite, scorer.name, group),
                    ),
                    task=position,
                    example=task.task.example,
                    differs=differs,
                    range=column.ends if all(map(math.isfinite, column.ends)) else None,
                    outside=len(beyond),
                    unanswered=sum(bool(read & hollow[id(item)]) for item in mine),
                    **passes_over(by_pass.get(column.name, {}).values() if group == ALL else ()),
                )
            )
    return cells


def _by_pass(
    column: Column,
    samples: Iterable[Sequence[WorkItem]],
    scorer: Scorer,
    suite: Suite,
    known: Known,
) -> dict[int, list[Point]]:
    """Return the points of the passes of each sample of a column, by the identity of its first."""
    return {
        id(passes[0]): [point(item, column, scorer, suite.info.metrics, known) for item in passes]
        for passes in samples
        if column.takes(passes[0].sample.labels)
    }


def _laid_out(samples: Iterable[Sequence[WorkItem]], scorer: Scorer) -> list[WorkItem]:
    """Return each sample's first pass, as often as it has values of its own.

    Where what is missing counts as zero, an item that stands for several samples has so many.
    """
    return [one[0] for one in samples for _ in range(one[0].times if scorer.missing_as_zero else 1)]


def _here(points: Mapping[int, Point], items: Sequence[WorkItem]) -> dict[int, Point]:
    """Return the points that some items have in a column, by position among the items."""
    return {place: points[id(item)] for place, item in enumerate(items) if id(item) in points}


def units_of(column: Column, items: Sequence[WorkItem]) -> list[str]:
    """Return the independent unit of each item: its cluster, or itself."""
    if column.units == "cluster":
        return [item.sample.cluster for item in items]
    return [f"{item.sample.id}#{item.repeat}" for item in items]


def passes_of(task: TaskPlan, suite: Suite) -> list[list[WorkItem]]:
    """Return the items of each sample: all passes over one video, or every draw by itself."""
    if suite.info.repeats == "draws":
        return [[item] for item in task.items]
    found: dict[str, list[WorkItem]] = {}
    for item in task.items:
        found.setdefault(item.sample.id, []).append(item)
    return list(found.values())


SHOWN_OF_PASSES = (
    *("var_video", "var_pass", "var_residual", "icc_single"),
    *("flip_share", "floor_t", "detectable_80"),
)
"""What of a layout of passes stands beside the noise floor."""


class OverPasses(TypedDict, total=False):
    """What passes over the same samples add to a cell."""

    noise: Estimate
    passes: dict[str, float | None]


def passes_over(samples: Iterable[Sequence[Point]]) -> OverPasses:
    """Return the noise floor of a column whose samples were all judged twice or more, alike."""
    rows = [[one.value for one in passes] for passes in samples]
    passes = {len(row) for row in rows}
    if len(rows) < 2 or len(passes) > 1 or passes == {1} or any(None in row for row in rows):
        return {}
    values = np.array(rows, float)
    layout = two_way(values)._asdict()
    shown = {name: layout[name] for name in SHOWN_OF_PASSES}
    return {"noise": noise_floor(values), "passes": shown}


def groups_of(items: Sequence[WorkItem], labels: Sequence[str]) -> dict[str, list[WorkItem]]:
    """Return the items of each group, ``all`` first, then each label value by name."""
    groups: dict[str, list[WorkItem]] = {ALL: list(items)}
    for label in labels:
        values = sorted({item.sample.labels.get(label, "") for item in items} - {""})
        if len(values) < 2:
            continue
        for value in values:
            groups[f"{label}={value}"] = [
                item for item in items if item.sample.labels.get(label) == value
            ]
    return groups


def hollow_metrics(
    item: WorkItem, task: TaskPlan, suite: Suite, scorer: str, known: Known
) -> set[str]:
    """Return the metrics to which a scorer gives a value that rests on a reply without an answer.

    They are those that have none once such replies count as missing.
    """
    heard = known.answers(item) or {}
    hollow = {
        question.id: Answer(raw=None, missing=why)
        for question in item.questions
        if question.id in heard and heard[question.id].raw is not None
        if (why := unanswered(task, suite, question, known.judgments[item.key, question.id]))
    }
    without = values_of(task, suite, item, {**heard, **hollow}, scorer) if hollow else ()
    scores = {one.metric: known.scores.get((item.key, scorer, one.metric)) for one in without}
    return {
        one.metric
        for one in without
        if one.value is None and (score := scores[one.metric]) and score.missing is None
    }


def judge_health(
    plan: RunPlan, suites: Sequence[Suite], rows: Iterable[Row]
) -> tuple[JudgeHealth, ...]:
    """Return how the judges of each task answered, where its suite reads replies."""
    known = Known.of(rows)
    return tuple(
        _health(position, task, suite, known)
        for position, (task, suite) in enumerate(zip(plan.tasks, suites, strict=True))
        if isinstance(suite, HearsAnswers)
    )


def _health(position: int, task: TaskPlan, suite: Suite, known: Known) -> JudgeHealth:
    stored = [
        (item, question, row)
        for item in task.items
        for question in item.questions
        if (row := known.judgments.get((item.key, question.id)))
        and row.missing not in (Missing.INPUT, Missing.DECODE, Missing.SKIPPED)
        and identity_of(task, question.judge).kind in READ
    ]
    hollow = [
        (item, why)
        for item, question, row in stored
        if (why := unanswered(task, suite, question, row))
    ]
    served: dict[str, dict[str, None]] = {}
    for _, question, row in stored:
        if row.served_by:
            served.setdefault(identity_of(task, question.judge).name, {})[row.served_by] = None
    return JudgeHealth(
        task=position,
        replies=len(stored),
        unanswered=dict(sorted(Counter(str(why) for _, why in hollow).items())),
        samples=len({item.sample.id for item, _ in hollow}),
        asked=any(identity_of(task, name).kind in KINDS for name in judges_asked(task.items)),
        served={name: tuple(models) for name, models in served.items()},
    )


def disagreeing(item: WorkItem, suite: Suite, scorer: str, known: Known) -> set[str]:
    """Return the metrics to which a scorer and the official one give this item other values."""
    found = set[str]()
    for metric in suite.info.metrics:
        mine = known.scores.get((item.key, scorer, metric))
        official = known.scores.get((item.key, "official", metric))
        if mine and official and (mine.value, mine.missing) != (official.value, official.missing):
            found.add(metric)
    return found


def count(
    plan: RunPlan, suites: Sequence[Suite], rows: Iterable[Row], *, examples: bool = False
) -> dict[str, int]:
    """Return planned, scored and missing by reason, over the items of the real tasks.

    With ``examples`` the made-up example tasks are counted instead, and only they. An item
    counts as scored when every planned scorer has a score of every metric, and the first scorer
    of its task lacks none that was asked for and that the sample can have; an item of which no
    value was asked for counts as skipped.
    """
    known = Known.of(rows)
    counts = Counter({"planned": 0, "scored": 0})
    for task, suite in zip(plan.tasks, suites, strict=True):
        for item in task.items if task.task.example is examples else ():
            wanted = product(task.task.scorers, suite.info.metrics)
            scores = [known.scores.get((item.key, *name)) for name in wanted]
            first = scores[: len(suite.info.metrics)]
            gaps = [score.missing for score in first if score and score.missing]
            reason = next((why for why in gaps if why not in _NO_GAPS), None)
            if len(gaps) == len(first) and Missing.SKIPPED in gaps:
                reason = reason or Missing.SKIPPED
            found = str(reason or "scored") if all(scores) else str(Missing.UNSCORED)
            counts["planned"] += item.times
            counts[found] += item.times
    return dict(counts)
