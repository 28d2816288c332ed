"""Did a column change? The difference of two sides, and the family that it is tested in."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.outcomes import Outcome
from harness.protocols import Column, Scorer, Suite
from harness.records import TaskPlan
from harness.stats.multiplicity import holm
from harness.stats.paired import PairedMean
from harness.verdicts.changes import Change
from harness.verdicts.pairing import (
    Side,
    Summand,
    paired,
    paired_difference,
    summands,
    unpaired_difference,
)

UNPAIRED = "no sample is in both runs: they are compared as independent draws"


class About(NamedTuple):
    """What a question is about beside its two sides."""

    task: int  # position in the candidate's plan
    differs: tuple[tuple[str, str, str], ...]  # protocol fields that are allowed to
    level: float  # of intervals
    answered: dict[Hashable, Question]  # by content: two scorers may ask one question


class Question(NamedTuple):
    """Whether one column changed: its difference, and all that the answer rests on."""

    task: int  # position in the candidate's plan
    suite: str
    model: str
    scorer: str
    column: Column
    mean: PairedMean
    flips: tuple[str, ...]
    counts: tuple[int, int]  # values before and after
    lost: int  # samples that have a value before only
    said: tuple[str, ...]
    differs: tuple[tuple[str, str, str], ...]  # protocol fields that are allowed to
    content: Hashable  # equal where the question is the same under another name
    steady: PairedMean | None = None  # over samples that lost no epoch, where the candidate's did

    @property
    def family(self) -> Hashable:
        """What is tested together: the columns of one suite under one scorer."""
        return self.suite, self.scorer

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which ``--column`` may mean it."""
        name = f"{self.scorer}/{self.column.name}"
        return self.column.name, name, f"{self.suite}/{name}"


def ask(
    old: Side, new: Side, suite: Suite, scorer: Scorer, column: Column, about: About
) -> Question:
    """Return the question whether a column changed, with its difference."""
    before, after = (summands(side, suite, scorer, column) for side in (old, new))
    content = (
        *(about.task, column.kind, column.units, column.strata),
        *((part.factor, part.column.over, *_content(part)) for part in (*before, *after)),
    )
    if asked := about.answered.get(content):
        return asked._replace(scorer=scorer.name, column=column)
    shared, said = _overlap(old, new)
    parts = paired(before, after)
    pairs = [pair for *_, found in parts for pair in found]
    if shared:
        mean = paired_difference(column, parts, about.level)
    else:
        mean = unpaired_difference(column, before, after, about.level)
    about.answered[content] = Question(
        task=about.task,
        suite=new.plan.task.suite,
        model=new.plan.task.model,
        scorer=scorer.name,
        column=column,
        mean=mean,
        flips=tuple(dict.fromkeys(pair.id for pair in pairs if pair.changed)),
        counts=(_count(before), _count(after)),
        lost=len({pair.id for pair in pairs if pair.after is None and pair.before is not None}),
        said=(said, _renamed(old.plan, new.plan)),
        differs=about.differs,
        content=content,
    )
    return about.answered[content]


def _content(part: Summand) -> tuple[Hashable, ...]:
    """Return names, values and sizes of the samples of a mean."""
    found = part.values.values()
    return tuple(part.values), tuple(one.value for one in found), tuple(one.size for one in found)


def _count(side: Sequence[Summand]) -> int:
    """Count the samples that have a value in every part that they enter."""
    values = [one for part in side for one in part.values.values()]
    return len({one.id for one in values} - {one.id for one in values if one.value is None})


def _overlap(old: Side, new: Side) -> tuple[int, str]:
    """Return how many samples both runs have an input for, and what follows from it in words."""
    both = len(old.given & new.given)
    if not both:
        return 0, UNPAIRED
    if old.given == new.given:
        return both, ""
    counts = f"{len(old.given)} before and {len(new.given)} after"
    return both, f"{both} samples are in both runs, of {counts}"


def _renamed(old: TaskPlan, new: TaskPlan) -> str:
    same = old.task.model == new.task.model
    return "" if same else f"the model was {old.task.model!r} before"


def judged(
    questions: Sequence[Question], primary: Collection[str], effect: float, alpha: float
) -> list[Change]:
    """Decide every column.

    Columns that ask the same question are tested once. Holm's correction holds within each family;
    with ``primary`` columns they alone are tested, and the others are not.
    """
    chosen = [one for one in questions if not primary or not set(one.names).isdisjoint(primary)]
    asked = {id(one) for one in chosen}
    first = {one.content: one for one in reversed(chosen)}
    families: dict[Hashable, list[Question]] = {}
    for one in reversed(first.values()):
        if one.mean.p is not None:
            families.setdefault(one.family, []).append(one)
    p_of = {
        one.content: float(p)
        for family in families.values()
        for one, p in zip(
            family, holm(np.array([one.mean.p for one in family], float)), strict=True
        )
    }
    return [
        _change(one, p_of.get(one.content), first[one.content], effect, alpha)
        if id(one) in asked
        else _unasked(one)
        for one in questions
    ]


def _unasked(asked: Question) -> Change:
    """Return the row of a column that is none of the primary ones."""
    mean = asked.mean
    return Change(
        **_place(asked),
        outcome=Outcome.UNTESTED,
        difference=mean.value,
        lo=mean.lo,
        hi=mean.hi,
        pairs=mean.pairs,
        values=asked.counts,
        flips=asked.flips,
        method=mean.method,
        reason="no primary column (--column): not tested",
    )


def _place(asked: Question) -> dict[str, Any]:
    return {
        "task": asked.task,
        "suite": asked.suite,
        "model": asked.model,
        "scorer": asked.scorer,
        "column": asked.column.name,
        "differs": asked.differs,
    }


def _change(
    asked: Question, p: float | None, first: Question, effect: float, alpha: float
) -> Change:
    """Decide one column from its difference and adjusted p-value."""
    mean, column = asked.mean, asked.column
    outcome = Outcome.UNCHANGED
    untested = mean.value is None or (p is None and mean.value != 0.0)
    if mean.value is None or untested:
        outcome = Outcome.INCOMPARABLE
    elif p is not None and p < alpha and abs(mean.value) >= effect:
        better = (mean.value > 0) == column.higher_is_better
        outcome = Outcome.IMPROVED if better else Outcome.REGRESSED
    fewer = asked.lost > 0 or asked.counts[1] < asked.counts[0]
    thinner = fewer or asked.steady is not None
    if thinner and outcome is not Outcome.REGRESSED:
        outcome = Outcome.INCOMPLETE
    reasons = [*asked.said, _fewer(asked), mean.reason]
    if untested and not mean.reason:
        reasons.append("no sample has a value on both sides")
    if first is not asked:
        reasons.append(f"the same question as {first.scorer} {first.column.name}, tested once")
    return Change(
        **_place(asked),
        outcome=outcome,
        difference=mean.value,
        lo=mean.lo,
        hi=mean.hi,
        p=p,
        pairs=mean.pairs,
        values=asked.counts,
        flips=asked.flips,
        method=mean.method,
        reason="; ".join(filter(None, reasons)),
    )


def _fewer(asked: Question) -> str:
    """Say that one side has fewer values than the other, or lost some, with both counts."""
    before, after = asked.counts
    if before == after and not asked.lost:
        return ""
    lost = f", {asked.lost} of the baseline's lost" if asked.lost else ""
    return f"{before} values before, {after} after{lost}"
