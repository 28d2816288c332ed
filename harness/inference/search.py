"""Candidates: which relations a table is searched for, and how many: each is a risk.

Bulk arithmetic throws out what no way of rounding makes a rule; what is left is judged exactly.
The error budget of a table is shared by all candidates looked at, whether or not they survive:
most of it by those that a header names, little by those whose inputs touch the result, and little
by all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from math import gcd
from typing import NamedTuple

import numpy as np

from harness.inference.grid import Array, Grid, Source
from harness.inference.relations import Relation
from harness.inference.rules import INFORMATIVE, LEAST, SHARE, Rule, judge, repeated
from harness.sheets.ops import FROM_WHOLE, RATIOS, Op


class Kind(StrEnum):
    """How a candidate came to be looked at."""

    NAMED = "named"
    TOUCHING = "touching"
    OTHER = "other"


BUDGET = {Kind.NAMED: 0.01, Kind.TOUCHING: 0.0005, Kind.OTHER: 0.0005}
"""Chance of a false rule in a table of unrelated numbers, shared by the candidates of a kind."""
MOST_WEIGHT = 10
WEIGHTS = [
    (p, q)
    for p in range(1, MOST_WEIGHT)
    for q in range(1, MOST_WEIGHT + 1 - p)
    if gcd(p, q) == 1 and p != q
]
"""Coprime unequal weights of two inputs with p + q <= 10."""
TOTAL_BUDGET = 0.005
"""For each row of totals."""
MOST_LINES = 300
"""Lines of a result on which candidates are sifted in bulk; what is left is judged on all."""
MOST_WORK, LEAST_REACH = 8_000_000, 5
"""Lines times columns times the square of the reach; at least so many columns to either side."""


class Heading(NamedTuple):
    """What the header says of a field."""

    group: str  # top level of a header of several, else empty
    leaf: str
    named: tuple[Op, ...]  # operations that its name speaks of
    n: int | None
    unit: str
    error: bool = False  # whether its name is that of a share of errors


@dataclass
class Candidates:
    """What survived the bulk arithmetic, and how many were looked at."""

    found: dict[Relation, Kind] = field(default_factory=dict)
    looked_at: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))

    def add(self, relation: Relation, kind: Kind) -> None:
        """Keep a survivor; a better kind wins."""
        known = self.found.get(relation)
        if known is None or list(Kind).index(kind) < list(Kind).index(known):
            self.found[relation] = kind

    def judged(self, grid: Grid, headings: Sequence[Heading]) -> list[Rule]:
        """Return those that the numbers bear out."""
        shares = {kind: BUDGET[kind] / max(1, n) for kind, n in self.looked_at.items()}
        rules = (
            judge(one, grid, shares[kind], named=one.op in headings[one.result].named)
            for one, kind in self.found.items()
        )
        return [rule for rule in rules if rule]


@dataclass(frozen=True, eq=False)
class Search:
    """One table's numbers, the order of its columns, and what their headers say."""

    grid: Grid
    headings: Sequence[Heading]
    totals: Array  # lines that are rows of totals: no ratio holds there

    @cached_property
    def samples(self) -> list[Array]:
        """Return the lines of each result that its candidates must first hold on, at most some."""
        every = [np.flatnonzero(one) for one in self.grid.present.T]
        few = [np.linspace(0, len(one) - 1, min(len(one), MOST_LINES)).astype(int) for one in every]
        return [lines[at] for lines, at in zip(every, few, strict=True)]

    @cached_property
    def bulks(self) -> list[Grid]:
        """Return the lines of the sample of each result."""
        whole = len(self.grid.cells)
        return [self.grid if len(one) == whole else self.grid.lines(one) for one in self.samples]

    @cached_property
    def reach(self) -> int:
        """Return how far from a result its inputs are looked for, in columns.

        The work grows with lines times columns times the square of the reach.
        """
        size = max([1, *(len(one) * self.grid.fields for one in self.samples)])
        return max(LEAST_REACH, int((MOST_WORK / size) ** 0.5))

    @cached_property
    def telling(self) -> set[int]:
        """Return the fields that could be a result: enough lines print what few others do."""
        return {
            field
            for field in range(self.grid.fields)
            for given in [self.grid.value[self.grid.present[:, field], field]]
            if len(given) >= LEAST and (repeated(given) <= INFORMATIVE).sum() >= LEAST
        }

    def rules(self) -> list[Rule]:
        """Return every accepted rule: of neighbours, then without and among derived columns."""
        order = list(range(self.grid.fields))
        found = self.runs(order)
        self.pairs(order, found)
        self.rests(order, found)
        rules = found.judged(self.grid, self.headings)
        derived = {rule.relation.result for rule in rules}
        rest = [one for one in order if one not in derived]
        if rest and rest[-1] - rest[0] >= len(rest):  # what was apart are neighbours now
            rules += self.fresh(self.runs(rest), rules)
            for result in sorted(derived):
                rules += self.fresh(self.runs(sorted([*rest, result]), [result]), rules)
        for result in rest:  # an average of averages
            if self.headings[result].named and len(derived) > 1:
                rules += self.fresh(self.runs(sorted([*derived, result]), [result]), rules)
        return rules

    def fresh(self, candidates: Candidates, known: Sequence[Rule]) -> list[Rule]:
        """Return judged candidates that are not known already."""
        old = {rule.relation for rule in known}
        candidates.found = {one: it for one, it in candidates.found.items() if one not in old}
        return candidates.judged(self.grid, self.headings)

    def runs(self, order: Sequence[int], results: Sequence[int] | None = None) -> Candidates:
        """Look at sums and means of neighbouring columns, header groups and equal leaf headers."""
        found = Candidates()
        for result in order if results is None else results:
            if result not in self.telling:
                continue
            rest = [one for one in order if one != result and self.akin(one, result)]
            self.neighbours(result, order, rest, found)
            for inputs in self.sets(result, order, rest):
                named = self.headings[result].named if self.whole(result, inputs, order) else ()
                for op in (Op.SUM, Op.MEAN, Op.SUM_100):
                    kind = Kind.NAMED if op in named else Kind.OTHER
                    found.looked_at[kind] += 1
                    relation = Relation(op, result, tuple(map(Source, inputs)))
                    if self.survives(relation):
                        found.add(relation, kind)
        return found

    def neighbours(
        self, result: int, order: Sequence[int], rest: Sequence[int], found: Candidates
    ) -> None:
        """Look at all runs of at least two neighbouring columns, by running sums."""
        if len(rest) < 2:
            return
        first, last = np.triu_indices(len(rest), 1)
        at = order.index(result)
        beside = {order[i] for i in (at - 1, at + 1) if 0 <= i < len(order)}
        near = np.array([one in beside for one in rest])
        touching = near[first] | near[last]
        if self.reach < len(order):  # too many columns for all runs
            first, last, touching = first[touching], last[touching], touching[touching]
        counts = last - first + 1
        weights = [self.headings[one].n or 0 for one in rest]
        ops: list[tuple[Op, Array, Array]] = [
            (Op.SUM, np.ones(len(rest), int), np.ones_like(counts)),
            (Op.MEAN, np.ones(len(rest), int), counts),
            (Op.SUM_100, np.ones(len(rest), int), np.full_like(counts, 100)),
        ]
        if all(weights) and len(set(weights)) > 1:
            sums = np.concatenate([[0], np.cumsum(weights)])
            ops.append((Op.WEIGHTED, np.array(weights), sums[last + 1] - sums[first]))
        for op, weight, divisor in ops:
            found.looked_at[Kind.TOUCHING] += int(touching.sum())
            found.looked_at[Kind.OTHER] += int((~touching).sum())
            for one in self.promising(result, rest, first, last, weight, divisor).tolist():
                inputs = rest[int(first[one]) : int(last[one]) + 1]
                own = (
                    tuple(weights[int(first[one]) : int(last[one]) + 1])
                    if op is Op.WEIGHTED
                    else ()
                )
                kind = Kind.TOUCHING if touching[one] else Kind.OTHER
                found.add(Relation(op, result, tuple(map(Source, inputs)), own), kind)

    def promising(
        self,
        result: int,
        rest: Sequence[int],
        first: Array,
        last: Array,
        weight: Array,
        divisor: Array,
    ) -> Array:
        """Return the positions of runs whose weighted sum comes near the result often enough."""
        grid = self.bulks[result]

        def summed(numbers: Array) -> Array:
            sums = np.cumsum(numbers[:, rest] * weight, axis=1)
            sums = np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1)
            return sums[:, last + 1] - sums[:, first]

        absent = np.cumsum(~grid.present[:, rest], axis=1)
        absent = np.concatenate([np.zeros_like(absent[:, :1]), absent], axis=1)
        usable = (absent[:, last + 1] == absent[:, first]) & grid.present[:, [result]]
        gap = summed(grid.value) - grid.value[:, [result]] * divisor
        return likely(usable, gap, summed(grid.unit), grid.unit[:, [result]] * divisor)

    def sets(
        self, result: int, order: Sequence[int], rest: Sequence[int]
    ) -> Iterator[tuple[int, ...]]:
        """Yield sets of inputs that the header suggests, each once."""
        heads, made = self.headings, set[tuple[int, ...]]()
        at = order.index(result)
        own = [one for one in rest if not heads[one].named]
        sets = [self.side(order[:at][::-1])[::-1], self.side(order[at + 1 :]), own]
        for name in dict.fromkeys(heads[one].group for one in rest):
            sets.append([one for one in rest if name and heads[one].group == name])
            sets.append([one for one in own if name and heads[one].group == name])
        for leaf in dict.fromkeys(heads[one].leaf for one in rest):
            sets.append([one for one in rest if heads[one].leaf == leaf])
        for inputs in map(tuple, sets):
            if len(inputs) >= 2 and set(inputs) <= set(rest) and inputs not in made:
                made.add(inputs)
                yield inputs

    def side(self, columns: Sequence[int]) -> list[int]:
        """Return the columns up to the next one that is named as derived."""
        found: list[int] = []
        for one in columns:
            if self.headings[one].named:
                break
            found.append(one)
        return found

    def whole(self, result: int, inputs: Sequence[int], order: Sequence[int]) -> bool:
        """Say whether inputs are a whole side of a named result, or all that is not so named."""
        at = order.index(result)
        sides = [self.side(order[:at][::-1])[::-1], self.side(order[at + 1 :])]
        own = [one for one in order if not self.headings[one].named and one != result]
        return list(inputs) in [*sides, own]

    def akin(self, one: int, other: int) -> bool:
        """Say whether two columns may be added: no two different units."""
        units = {self.grid.units[one], self.grid.units[other]} - {"", "percent"}
        return len(units) < 2

    def survives(self, relation: Relation) -> bool:
        """Say whether a linear relation comes near its result on enough lines."""
        bulk = self.bulks[relation.result]
        usable = relation.usable(bulk)
        miss, width = relation.misses(bulk)
        near = np.abs(miss) <= width * (1 + 1e-9)
        return bool(len(enough(usable[:, None], near[:, None])))

    def pairs(self, order: Sequence[int], found: Candidates) -> None:
        """Look at weighted means, differences and ratios of any two columns within reach."""
        if len(order) < 3:
            return
        for at, result in enumerate(order):
            near = order[max(0, at - self.reach) : at + self.reach + 1]
            rest = np.array([one for one in near if one != result])
            if result not in self.telling or len(rest) < 2:
                continue
            bulk = self.bulks[result]
            value, unit, present = bulk.floats(bulk.value), bulk.floats(bulk.unit), bulk.present
            coarse = in_whole_numbers(bulk, result)
            a, b = (rest[list(one)] for one in zip(*combinations(range(len(rest)), 2), strict=True))
            usable = present[:, a] & present[:, b] & present[:, [result]]
            pairs = Pairs(
                usable,
                value[:, a],
                value[:, b],
                value[:, [result]],
                unit[:, a],
                unit[:, b],
                unit[:, [result]],
            )
            for op, weights, survivors in pairs.survivors(
                ~self.totals[self.samples[result]][:, None]
            ):
                found.looked_at[Kind.OTHER] += len(a)
                if op is Op.RATIO and coarse:
                    continue
                for one in survivors.tolist():
                    inputs = Source(int(a[one])), Source(int(b[one]))
                    swap = op is not Op.WEIGHTED and weights == (-1, 1)
                    own = weights if op is Op.WEIGHTED else ()
                    if op in RATIOS or self.akin(inputs[0].field, result):
                        pair = inputs[::-1] if swap else inputs
                        found.add(Relation(op, result, pair, own), Kind.OTHER)

    def rests(self, order: Sequence[int], found: Candidates) -> None:
        """Look at shares of errors as what another share leaves of 100 or of 1."""
        for result in order:
            if not self.headings[result].error:
                continue
            for one in order:
                if one == result or self.headings[one].error or not self.akin(one, result):
                    continue
                for op in (Op.REST, Op.REST_OF_ONE):
                    found.looked_at[Kind.OTHER] += 1
                    relation = Relation(op, result, (Source(one),))
                    if self.survives(relation) and not self.third(relation):
                        found.add(relation, Kind.OTHER)

    def third(self, relation: Relation) -> bool:
        """Say whether another column prints what two shares leave of the whole on some line."""
        miss, width = relation.misses(self.grid)
        left = relation.usable(self.grid) & (np.abs(miss) > width)
        others = [one for one in range(self.grid.fields) if Source(one) not in relation.columns]
        value = np.abs(self.grid.floats(self.grid.value)[:, others])
        near = np.abs(value - np.abs(miss)[:, None]) <= width[:, None]
        return bool((left[:, None] & self.grid.present[:, others] & near).any())


def in_whole_numbers(grid: Grid, field: int) -> bool:
    """Say whether a field is too coarse for a ratio: a setting that a cost grows with looks so."""
    return bool((grid.unit[grid.present[:, field], field] * grid.step >= 1).all())


@dataclass(frozen=True, eq=False)
class Pairs:
    """Values and units of two inputs, lines by pairs, and of a result; where all are given."""

    usable: Array
    a: Array
    b: Array
    result: Array
    unit_a: Array
    unit_b: Array
    unit: Array

    def survivors(self, plain: Array) -> Iterator[tuple[Op, tuple[int, int], Array]]:
        """Yield operations with weights, and the pairs whose value comes near often enough.

        Args:
            plain: lines that are no totals: ratios do not hold on others.
        """
        a, b, r = self.a, self.b, self.result
        wide = (np.maximum(self.unit_a, self.unit_b) + self.unit) * SLACK
        yield Op.DIFFERENCE, (1, -1), enough(self.usable, np.abs((a - b) - r) <= wide)
        yield Op.DIFFERENCE, (-1, 1), enough(self.usable, np.abs((b - a) - r) <= wide)
        most = np.maximum(self.unit_a, self.unit_b) + self.unit
        between = (r >= np.minimum(a, b) - most) & (r <= np.maximum(a, b) + most)
        some = enough(self.usable, between)
        usable, a, b, da, db = (
            one[:, some] for one in (self.usable, a, b, self.unit_a, self.unit_b)
        )
        for p, q in WEIGHTS:
            gap, inputs = (p * a + q * b) / (p + q) - r, (p * da + q * db) / (p + q)
            yield Op.WEIGHTED, (p, q), some[likely(usable, gap, inputs * SLACK, self.unit * SLACK)]
        one, other = (self.a, self.unit_a), (self.b, self.unit_b)
        for weights, (top, du), (bottom, dv) in (((1, -1), one, other), ((-1, 1), other, one)):
            for op, scale in RATIOS.items():
                start, sign = FROM_WHOLE.get(op, (0, 1))
                share = start + sign * r
                sound = (top >= du) & (bottom > dv) & (share >= self.unit)
                low = scale * (top - du) <= (share + self.unit) * (bottom + dv) * SLACK
                high = (share - self.unit) * (bottom - dv) <= scale * (top + du) * SLACK
                near, usable = sound & low & high, self.usable & plain
                yield op, weights, enough(usable, near, allowed=1 if op in FROM_WHOLE else None)


SLACK = 1 + 1e-9


def likely(usable: Array, gap: Array, inputs: Array, result: Array) -> Array:
    """Return the candidates that some way of rounding makes fit often enough.

    Args:
        usable: lines by candidates.
        gap: recomputed minus printed result.
        inputs: width of what the inputs can give.
        result: width of what the printed result stands for.
    """
    twice = 2 * gap
    lowest, highest = -2 * np.maximum(inputs, result), inputs + np.maximum(inputs, 2 * result)
    some = enough(usable, ((lowest <= twice) & (twice <= highest)).astype(bool))
    result = np.broadcast_to(result, gap.shape)[:, some]
    usable, twice, inputs = usable[:, some], twice[:, some], inputs[:, some]
    windows = (
        (-inputs - result, inputs + result),  # rounded
        (-2 * inputs, 2 * result),  # cut off, or up to the next where numbers are negative
        (-2 * result, 2 * inputs),
        (-inputs, inputs + 2 * result),  # rounded inputs, result cut off
    )
    found = [enough(usable, ((lo <= twice) & (twice <= hi)).astype(bool)) for lo, hi in windows]
    return some[np.unique(np.concatenate(found))]


def enough(usable: Array, near: Array, *, allowed: int | None = None) -> Array:
    """Return the candidates of which enough usable lines, and at least three, are near.

    Args:
        usable: lines by candidates.
        near: which lines come near.
        allowed: lines that may miss; a share of them where it is None.
    """
    hits, lines = (usable & near).sum(axis=0), usable.sum(axis=0)
    most = lines - allowed if allowed is not None else SHARE * lines
    return np.flatnonzero((hits >= LEAST) & (hits >= most))
