"""Two runs of one plan shape, paired sample by sample: what changed, and is it more than noise.

A change counts only when a factor and a test agree: the paired difference is at least the
declared effect, and its p-value, Holm-adjusted over all columns compared, is below 1 - level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from harness.engine import Known
from harness.keys import explain
from harness.protocols import Column, Scorer, Suite
from harness.records import Record, TaskPlan, WorkItem
from harness.reduce import point
from harness.stats.multiplicity import holm
from harness.stats.paired import PairedMean, paired_means
from harness.store import StoredRun

REGRESSED, IMPROVED = "regressed", "improved"
SAME, INCOMPARABLE = "no significant change", "incomparable"


class Change(Record, frozen=True, kw_only=True):
    """One column before and after. Differences are after minus before, in the printed unit."""

    suite: str
    model: str
    scorer: str
    column: str
    outcome: str
    difference: float | None = None
    lo: float | None = None
    hi: float | None = None
    p: float | None = None  # Holm-adjusted
    pairs: int = 0
    flips: tuple[str, ...] = ()  # samples whose value changed
    reason: str = ""


class _Pairing(NamedTuple):
    suite: str
    model: str
    scorer: str
    column: Column
    mean: PairedMean
    flips: tuple[str, ...]


def compare_runs(
    before: StoredRun,
    after: StoredRun,
    suites: Sequence[Suite],
    *,
    effect: float = 0.0,
    level: float = 0.95,
) -> list[Change]:
    """Compare every column that both runs measured; suites are those of ``after``'s tasks."""
    changes: list[Change] = []
    pairings: list[_Pairing] = []
    for new, suite in zip(after.plan.tasks, suites, strict=True):
        old = _counterpart(new, before)
        reason = "the baseline has no such task" if old is None else incomparable(old, new)
        if old is None or reason:
            changes.append(
                Change(
                    suite=new.task.suite,
                    model=new.task.model,
                    scorer="all",
                    column="all",
                    outcome=INCOMPARABLE,
                    reason=reason,
                )
            )
            continue
        pairings += _pair_task(old, new, suite, Known.of(before.rows), Known.of(after.rows))
    return changes + _judge(pairings, effect, level)


def incomparable(old: TaskPlan, new: TaskPlan) -> str:
    """Return why two tasks must not be compared, or an empty string."""
    lines = explain(
        {"judge": old.judge, "protocol": old.protocol},
        {"judge": new.judge, "protocol": new.protocol},
    )
    mine, theirs = ({_pair_id(item) for item in task.items} for task in (new, old))
    if mine != theirs:
        lines.append(
            f"samples differ: {len(theirs - mine)} only before, {len(mine - theirs)} only after"
        )
    return "; ".join(lines)


def _pair_id(item: WorkItem) -> str:
    return f"{item.sample.id}#{item.repeat}"


def _counterpart(new: TaskPlan, before: StoredRun) -> TaskPlan | None:
    """Return the baseline's task on the same benchmark and subset; the model may differ."""
    same = [
        old
        for old in before.plan.tasks
        if (old.task.suite, old.task.subset) == (new.task.suite, new.task.subset)
    ]
    exact = [old for old in same if old.task.model == new.task.model]
    return (exact or (same if len(same) == 1 else []) or [None])[0]


def _pair_task(
    old: TaskPlan, new: TaskPlan, suite: Suite, before: Known, after: Known
) -> Iterator[_Pairing]:
    olds = {_pair_id(item): item for item in old.items}
    for scorer in suite.info.scorers:
        if scorer.name not in old.task.scorers or scorer.name not in new.task.scorers:
            continue
        for column in suite.info.columns[scorer.name]:
            rows = [
                (
                    _pair_id(item),
                    item.sample.cluster,
                    _value(olds[_pair_id(item)], column, scorer, suite, before),
                    _value(item, column, scorer, suite, after),
                )
                for item in new.items
            ]
            both = [row for row in rows if row[2] is not None and row[3] is not None]
            ids = [row[0] for row in both]
            mean = paired_means(
                np.array([row[3] for row in both], float),
                np.array([row[2] for row in both], float),
                ids,
                ids,
                [row[1] for row in both],
            )
            flips = tuple(row[0] for row in rows if row[2] != row[3])
            yield _Pairing(new.task.suite, new.task.model, scorer.name, column, mean, flips)


def _value(
    item: WorkItem, column: Column, scorer: Scorer, suite: Suite, known: Known
) -> float | None:
    return point(item, column, scorer, suite.info.metrics, known).value


def _judge(pairings: Sequence[_Pairing], effect: float, level: float) -> list[Change]:
    tested = [pairing for pairing in pairings if pairing.mean.p is not None]
    adjusted = holm(np.array([pairing.mean.p for pairing in tested], float)) if tested else []
    p_of = {id(pairing): float(p) for pairing, p in zip(tested, adjusted, strict=True)}
    changes: list[Change] = []
    for pairing in pairings:
        mean, p = pairing.mean, p_of.get(id(pairing))
        outcome, reason = SAME, mean.reason
        if mean.value is None:
            outcome, reason = INCOMPARABLE, mean.reason or "no sample has a value on both sides"
        elif p is not None and p < 1 - level and abs(mean.value) >= effect:
            better = (mean.value > 0) == pairing.column.higher_is_better
            outcome = IMPROVED if better else REGRESSED
        changes.append(
            Change(
                suite=pairing.suite,
                model=pairing.model,
                scorer=pairing.scorer,
                column=pairing.column.name,
                outcome=outcome,
                difference=mean.value,
                lo=mean.lo,
                hi=mean.hi,
                p=p,
                pairs=mean.pairs,
                flips=pairing.flips,
                reason=reason,
            )
        )
    return changes
