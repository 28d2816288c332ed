"""The values of one column on two sides, and their difference: paired by sample, or unpaired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy

from harness.columns import Point, label_path, point
from harness.protocols import Column, Scorer, Suite
from harness.records import Missing, Sample, TaskPlan, WorkItem
from harness.stats.intervals import Interval, wilson
from harness.stats.paired import PairedMean, mcnemar, paired_means, paired_permutation, tango
from harness.stats.stratified import (
    METHOD,
    Part,
    StratifiedMean,
    combined_mean,
    nested_weights,
)
from harness.stats.unpaired import Rates, difference_interval, exact_rates, welch
from harness.store import Known, StoredRun

REPLIED = (Missing.PARSE, Missing.RANGE, Missing.NONFINITE)
"""Reasons that stand for something that was there; what a protocol counts it as is a value."""
SEED = 0
"""Of random exchanges; both sides of a comparison have seeds of their own."""


class Valued(NamedTuple):
    """A planned sample and its value in a column, in the printed unit."""

    id: str
    sample: Sample
    value: float | None
    size: float = 1.0  # what it counts with in a ratio of sums


@dataclass(frozen=True)
class Side:
    """A task of one run, with what its journal holds.

    Args:
        plan: the task.
        known: the rows of the run.
        scored: scorers and metrics that any of its samples has a row of.
    """

    plan: TaskPlan
    known: Known
    scored: frozenset[tuple[str, str]]
    _values: dict[Hashable, list[Valued]] = field(default_factory=dict, repr=False)

    @cached_property
    def ids(self) -> list[str]:
        """What names each sample."""
        return [pair_id(item) for item in self.plan.items]

    @cached_property
    def given(self) -> set[str]:
        """The names of the samples whose input is there."""
        return {
            name
            for name, item in zip(self.ids, self.plan.items, strict=True)
            if item.missing is None
        }

    @cached_property
    def _kinds(self) -> tuple[list[int], list[Mapping[str, str]]]:
        """Which labels each sample has, by position in the list of all that there are."""
        places: dict[tuple[tuple[str, str], ...], int] = {}
        labels = (tuple(item.sample.labels.items()) for item in self.plan.items)
        kinds = [places.setdefault(one, len(places)) for one in labels]
        return kinds, [dict(one) for one in places]

    def values(self, column: Column, scorer: Scorer, suite: Suite) -> dict[str, Valued]:
        """Return what the samples of a mean have, by name, in the order of the plan."""
        name = (scorer.name, *column.weights.items(), column.weighted_by, column.scale)
        if name not in self._values:
            pairs = zip(self.ids, self.plan.items, strict=True)
            self._values[name] = [
                _valued(one, item, column, scorer, suite, self.known) for one, item in pairs
            ]
        kinds, labels = self._kinds
        taken = [column.takes(one) for one in labels]
        rows = zip(self._values[name], kinds, strict=True)
        return {one.id: one for one, kind in rows if taken[kind]}


def sides(run: StoredRun) -> Callable[[TaskPlan], Side]:
    """Return what makes a side of each task of a run; its rows are looked through once."""
    known, met = Known.of(run.rows), defaultdict[str, set[tuple[str, str]]](set)
    for item, scorer, metric in known.scores:
        met[item].add((scorer, metric))
    return lambda plan: Side(plan, known, frozenset().union(*(met[one.key] for one in plan.items)))


class Pair(NamedTuple):
    """One sample that both runs planned."""

    id: str
    sample: Sample
    before: float | None
    after: float | None
    sizes: tuple[float, float] = (1.0, 1.0)

    @property
    def values(self) -> tuple[float | None, float | None]:
        """Both sides, before and after."""
        return self.before, self.after

    @property
    def changed(self) -> bool:
        """Whether both sides have a value, and another one; one that is gone is lost."""
        return None not in self.values and self.before != self.after


class Summand(NamedTuple):
    """A mean that enters a column: its factor, and the values of one side by sample."""

    factor: float
    column: Column
    values: Mapping[str, Valued]


def pair_id(item: WorkItem) -> str:
    """Return what names a sample and its repeat in every run."""
    return f"{item.sample.id}#{item.repeat}"


def summands(side: Side, suite: Suite, scorer: Scorer, column: Column) -> list[Summand]:
    """Return the values of a column on one side, by the means that it is the sum of."""
    return [
        Summand(factor, one, side.values(one, scorer, suite))
        for factor, one in suite.info.parts(scorer.name, column)
    ]


def _valued(
    name: str, item: WorkItem, column: Column, scorer: Scorer, suite: Suite, known: Known
) -> Valued:
    found = point(item, column, scorer, suite.info.metrics, known)
    value = None if unmeasured(found) else found.value
    return Valued(name, item.sample, value, found.size or 1.0)


def unmeasured(found: Point) -> bool:
    """Say whether a value only stands in for one that nobody measured.

    A protocol may count an absent input as 0; a difference from that is none of the model.
    """
    stands_in = found.missing is not None and found.low < found.high
    return stands_in and found.missing not in REPLIED


def paired(
    before: Sequence[Summand], after: Sequence[Summand]
) -> list[tuple[float, Column, list[Pair]]]:
    """Return the samples that both sides planned, part by part, in the order of ``after``."""
    return [
        (
            new.factor,
            new.column,
            [
                Pair(name, one.sample, first.value, one.value, (first.size, one.size))
                for name, one in new.values.items()
                if (first := old.values.get(name)) is not None
            ],
        )
        for old, new in zip(before, after, strict=True)
    ]


def paired_difference(
    column: Column, parts: Sequence[tuple[float, Column, Sequence[Pair]]], level: float = 0.95
) -> PairedMean:
    """Return the difference of a column over the pairs that have both values."""
    whole = [
        (factor, one, [pair for pair in pairs if None not in pair.values])
        for factor, one, pairs in parts
    ]
    if column.plain:
        return paired_mean(column, whole[0][2], level)
    return combined(column, whole, level)


def paired_mean(column: Column, pairs: Sequence[Pair], level: float = 0.95) -> PairedMean:
    """Return the difference of a column over pairs that have both values, after minus before.

    Successes of independent samples are held by McNemar's exact test with Tango's interval;
    any other plain mean by t.
    """
    after = np.array([pair.after for pair in pairs], float)
    before = np.array([pair.before for pair in pairs], float)
    ids = [pair.id for pair in pairs]
    mean = paired_means(after, before, ids, ids, units(column, pairs), level)
    binary = len(set(after.tolist()) | set(before.tolist())) <= 2
    if column.kind == "rate" and binary and pairs and mean.clusters == mean.pairs:
        won, lost = int((after > before).sum()), int((after < before).sum())
        interval = tango(won, lost, mean.pairs, level)
        unit = column.scale
        ends = [None if end is None else unit * end for end in (interval.lo, interval.hi)]
        return mean._replace(lo=ends[0], hi=ends[1], p=mcnemar(won, lost), method="McNemar, Tango")
    return mean


def combined(
    column: Column, parts: Sequence[tuple[float, Column, Sequence[Pair]]], level: float = 0.95
) -> PairedMean:
    """Return the difference of a mean over strata, a ratio of sums, or a sum of several.

    Both sides of each part enter one linearised error, so that what they share cancels. Without
    spread the p-value is that of exchanging the sides of whole units.
    """
    every = [pair for *_, pairs in parts for pair in pairs]
    clusters = len(set(units(column, every)))
    if not all(pairs for *_, pairs in parts):
        return PairedMean(None, None, None, None, None, 0, clusters, METHOD)
    found = combined_mean(
        [
            Part(
                sign * factor,
                np.array([pair.values[side] for pair in pairs], float),
                [label_path(one.over, pair.sample.labels) for pair in pairs],
                units(column, pairs),
                [label_path(column.strata, pair.sample.labels) for pair in pairs],
                [pair.sizes[side] for pair in pairs],
            )
            for factor, one, pairs in parts
            for side, sign in enumerate((-1.0, 1.0))
        ],
        level,
    )
    ends, p = found.interval, None
    if found.se is not None:
        p = 2.0 * float(scipy.special.stdtr(found.df, -abs(found.value) / found.se))
    elif all(len(set(pair.sizes)) == 1 for pair in every):
        p = _exchanged(column, parts)
    pairs = len({pair.id for pair in every})
    return PairedMean(
        *(found.value, found.se, ends.lo, ends.hi, p, pairs, clusters),
        *(ends.method, ends.reason),
    )


def _exchanged(
    column: Column, parts: Sequence[tuple[float, Column, Sequence[Pair]]]
) -> float | None:
    """Return the p-value of exchanging the sides of whole units; both count with equal sizes."""
    sums: dict[str, float] = {}
    for factor, one, pairs in parts:
        paths = [label_path(one.over, pair.sample.labels) for pair in pairs]
        weights, sizes = nested_weights(paths), dict.fromkeys(paths, 0.0)
        for path, pair in zip(paths, pairs, strict=True):
            sizes[path] += pair.sizes[0]
        for path, unit, pair in zip(paths, units(column, pairs), pairs, strict=True):
            share = factor * weights[path] * pair.sizes[0] / sizes[path]
            change = (pair.after or 0.0) - (pair.before or 0.0)
            sums[unit] = sums.get(unit, 0.0) + share * change
    found = np.array(list(sums.values()))
    return paired_permutation(found, np.zeros(found.size), SEED)


def units(column: Column, values: Sequence[Pair] | Sequence[Valued]) -> list[str]:
    """Return the independent unit of each value: its sample's cluster, or itself."""
    return [one.id if column.units == "sample" else one.sample.cluster for one in values]


def unpaired_difference(
    column: Column, before: Sequence[Summand], after: Sequence[Summand], level: float = 0.95
) -> PairedMean:
    """Return the difference of a column between two independent draws, after minus before.

    Rates of independent samples are held by the exact test within strata; any other mean by
    Welch's t on the errors that its clusters and strata have. The interval is recovered from
    those of both sides.
    """
    sides = [_whole(before), _whole(after)]
    if not all(part.values for side in sides for part in side):
        return PairedMean(None, None, None, None, None, 0, 0, "unpaired", "a side has no value")
    if alone := sum(len(_leaves(old) ^ _leaves(new)) for old, new in zip(*sides, strict=True)):
        why = f"{alone} of the averages that it is made of have values on one side only"
        return PairedMean(None, None, None, None, None, 0, 0, "unpaired", why)
    means = [_mean_of(column, side, level) for side in sides]
    single = [_single_rates(column, side) for side in sides]
    ends = [_interval(column, *one, level) for one in zip(sides, means, single, strict=True)]
    if all(single):
        p, method = exact_rates(_rates(*(side[0] for side in sides)), SEED), "exact, unpaired"
    else:
        p, method = welch(*means), "Welch t, unpaired"
    first, second = (mean.value for mean in means)
    found = difference_interval(first, second, (ends[0], ends[1]), method)
    reason = found.reason or ("" if p is not None else "a side shows no spread")
    return PairedMean(
        *(second - first, None, found.lo, found.hi, p, 0),
        *(sum(mean.clusters for mean in means), method, reason),
    )


def _leaves(part: Summand) -> set[tuple[str, ...]]:
    return {label_path(part.column.over, one.sample.labels) for one in part.values.values()}


def _whole(side: Sequence[Summand]) -> list[Summand]:
    return [
        part._replace(values={k: one for k, one in part.values.items() if one.value is not None})
        for part in side
    ]


def _mean_of(column: Column, side: Sequence[Summand], level: float) -> StratifiedMean:
    """Return the value of one side with the error that its clusters within strata have."""
    return combined_mean(
        [
            Part(
                part.factor,
                np.array([one.value for one in values], float),
                [label_path(part.column.over, one.sample.labels) for one in values],
                units(column, values),
                [label_path(column.strata, one.sample.labels) for one in values],
                [one.size for one in values],
            )
            for part in side
            for values in [list(part.values.values())]
        ],
        level,
    )


def _single_rates(column: Column, side: Sequence[Summand]) -> bool:
    """Say whether a side is successes and failures of independent samples."""
    if column.kind != "rate" or column.of or column.weighted_by:
        return False
    values = list(side[0].values.values())
    ends = {column.lo * column.scale, column.hi * column.scale}
    binary = {one.value for one in values} <= ends
    return binary and len(set(units(column, values))) == len(values)


def _interval(
    column: Column, side: Sequence[Summand], mean: StratifiedMean, single: bool, level: float
) -> Interval:
    """Return the interval of one side: Wilson's of one rate, else that of its mean."""
    values = [one.value for one in side[0].values.values()]
    if not single or (column.over and mean.se is not None):
        return mean.interval
    low, high = column.lo * column.scale, column.hi * column.scale
    share = wilson(values.count(high), len(values), level)
    if share.lo is None or share.hi is None:
        return share
    unit = high - low
    return share._replace(lo=low + unit * share.lo, hi=low + unit * share.hi)


def _rates(before: Summand, after: Summand) -> list[Rates]:
    """Return successes and trials of both sides in each stratum that is averaged over."""
    column = after.column
    high, counts = column.hi * column.scale, {}
    for side, part in enumerate((before, after)):
        for one in part.values.values():
            leaf = counts.setdefault(label_path(column.over, one.sample.labels), [[0, 0], [0, 0]])
            leaf[0][side] += one.value == high
            leaf[1][side] += 1
    weights = nested_weights(list(counts))
    return [
        Rates(weights[path], (won[0], won[1]), (tried[0], tried[1]))
        for path, (won, tried) in counts.items()
    ]
