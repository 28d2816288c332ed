"""When a relation counts as a rule of its table: the evidence of its lines against chance.

A line is *informative* when an unrelated result would miss it more often than not. A rule needs
three informative lines that fit, a share of all lines, few near misses (else the relation is only
approximate: an input is missing), and a probability under chance below its part of the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from harness.audit.rounding import linear_probability
from harness.inference.chance import at_least
from harness.inference.grid import Array, Grid, Source
from harness.inference.relations import (
    CONVENTIONS,
    EXACT,
    MEANS,
    ROUND,
    Convention,
    Relation,
)
from harness.sheets.ops import FROM_WHOLE, Op
from harness.sheets.printed import Span

INFORMATIVE = 0.5
LEAST = 3
"""Informative lines that must fit."""
SHARE = 0.6
"""Share of usable lines that must fit."""
NEAR = 2.0
"""A miss by at most this many widths is a near one."""
MOST_NEAR = 1 / 3
"""Near misses per line that fits."""
UNRELATED = 2.5
"""Range, in standard deviations, over which an unrelated column of the same kind would spread."""


MOST_DRAWN = 300
"""Other lines that a result is exchanged with."""
TINY = 1e-300
"""Keeps the logarithm of a chance of zero finite."""
MOSTLY, ROUNDED_COUNTS = 0.75, 0.02
"""Counts add up exactly on this share of what rounding would allow, beyond this chance."""


@dataclass(frozen=True, eq=False)
class Rule:
    """A relation that a table follows, or that somebody states."""

    relation: Relation
    grid: Grid
    usable: Array
    fits: dict[Convention, Array]
    chances: Array  # of each line, to fit by chance
    chance: float
    budget: float
    named: bool = False  # whether the header speaks of the operation
    source: str = ""  # who states it; empty where it was inferred
    stated: bool = False
    fixed: Convention | None = None  # the way of rounding, where it is stated
    competing: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def rows(self) -> int:
        """Return the number of usable lines."""
        return int(self.usable.sum())

    def count(self, convention: Convention) -> int:
        """Return how many usable lines fit under a convention."""
        return int((self.fits[convention] & self.usable).sum())

    @property
    def base(self) -> Convention:
        """Return the convention that others are measured by."""
        return next(iter(self.fits))

    @property
    def convention(self) -> Convention:
        """Return the convention that most lines fit; the base where others fit no more."""
        return max(self.fits, key=lambda one: (self.count(one), one is self.base))

    @property
    def support(self) -> int:
        """Return how many lines follow the rule."""
        return int((self.follows & self.usable).sum())

    @property
    def follows(self) -> Array:
        """Say which lines fit under a convention that explains as many lines as the base."""
        floor = self.count(self.base)
        kept = [fits for one, fits in self.fits.items() if self.count(one) >= floor]
        return np.logical_or.reduce(kept)

    @property
    def misfits(self) -> list[int]:
        """Return the lines that do not follow."""
        return [int(one) for one in np.flatnonzero(self.usable & ~self.follows)]

    @property
    def power(self) -> float:
        """Return the chance that a random value on a usable line would be accused."""
        return float(1 - self.chances[self.usable].mean()) if self.rows else 0.0

    @property
    def size(self) -> float:
        """Return the typical size of its results."""
        value = self.grid.floats(self.grid.value)[self.usable, self.relation.result]
        return float(np.median(np.abs(value))) if len(value) else 0.0

    @property
    def plainness(self) -> int:
        """Return the place of its operation among those that a reader would think of first."""
        return SIMPLEST.index(self.relation.op)


SIMPLEST = [
    *(Op.SUM, Op.MEAN, Op.SUM_100, Op.TABLE_MEAN, Op.WEIGHTED, Op.DIFFERENCE, Op.REST),
    *(Op.REST_OF_ONE, Op.RATIO, Op.PERCENT, Op.CHANGE, Op.REDUCTION),
]


def judge(relation: Relation, grid: Grid, share: float, *, named: bool = False) -> Rule | None:
    """Return a relation as a rule of its table where the numbers bear it out.

    Args:
        relation: what to hold against the table.
        grid: its numbers.
        share: probability under chance up to which it is accepted.
        named: whether the header of the result speaks of the operation.
    """
    usable = relation.usable(grid)
    exact = counted(relation, grid, usable)
    chances = line_chances(relation, grid, usable, exact=exact)
    best = chances[usable]
    if (best <= INFORMATIVE).sum() < LEAST or np.log(best + TINY).sum() > np.log(share):
        return None  # if every line did fit, it would be no evidence
    conventions = (EXACT,) if exact else CONVENTIONS
    fits = {one: relation.fits(grid, one) for one in conventions}
    rule = Rule(relation, grid, usable, fits, chances, 1.0, share)
    at_best = max(rule.count(one) for one in rule.fits)
    if at_best < max(LEAST, rule.rows - 1 if relation.op in FROM_WHOLE else SHARE * rule.rows):
        return None
    kept = rule.convention
    followed = rule.fits[kept] & rule.usable
    if relation.op is Op.MEAN and harmonic(relation, grid, usable) >= followed.sum():
        return None
    informative = followed & (rule.chances <= INFORMATIVE)
    miss, width = relation.misses(grid)
    near = rule.usable & ~rule.follows & (np.abs(miss) <= width / 2 + NEAR * width)
    if informative.sum() < LEAST or near.sum() > MOST_NEAR * followed.sum():
        return None
    factor = 1 if kept is rule.base else len(rule.fits)  # a convention chosen by its fit
    chance = min(1.0, factor * at_least(int(followed.sum()), rule.chances[rule.usable].tolist()))
    return replace(rule, chance=chance, named=named) if chance <= share else None


def harmonic(relation: Relation, grid: Grid, usable: Array) -> int:
    """Return how many lines fit the harmonic mean of two inputs, as F1 of precision and recall."""
    if len(relation.inputs) != 2:
        return 0
    value = grid.floats(grid.value)
    a, b = (grid.pick(value, one) for one in relation.inputs)
    with np.errstate(divide="ignore", invalid="ignore"):
        made = 2 * a * b / (a + b)
    _, width = relation.misses(grid)
    near = np.abs(made - value[:, relation.result]) <= width / 2 * (1 + 1e-9)
    return int((usable & near).sum())


def rule_of(relation: Relation, grid: Grid, budget: float = 1.0) -> Rule:
    """Return a relation with how its lines fit, whatever the evidence."""
    usable = relation.usable(grid)
    conventions = (EXACT,) if counted(relation, grid, usable) else CONVENTIONS
    fits = {one: relation.fits(grid, one) for one in conventions}
    chances = line_chances(relation, grid, usable, exact=EXACT in fits)
    return Rule(relation, grid, usable, fits, chances, 1.0, budget)


def counted(relation: Relation, grid: Grid, usable: Array) -> bool:
    """Say whether a sum or difference is one of counts, which nobody rounds.

    All numbers are whole, and exact equality holds on more lines than rounded numbers would show.
    """
    if relation.op not in (Op.SUM, Op.DIFFERENCE) or not usable.any():
        return False
    whole = int(1 / grid.step)
    fields = [Source(relation.result), *relation.inputs]
    if any("percent" in grid.units[one.field] for one in fields if grid.along == "row"):
        return False
    for source in fields:
        if (grid.pick(grid.unit, source)[usable] != whole).any():
            return False
    exact = int((relation.fits(grid, EXACT) & usable).sum())
    rounded = int((relation.fits(grid, ROUND) & usable).sum())
    if exact < MOSTLY * rounded:
        return False
    came = [came_out(len(relation.inputs))] * int(usable.sum())
    return at_least(exact, came) <= ROUNDED_COUNTS


@lru_cache
def came_out(inputs: int) -> float:
    """Return the chance that whole numbers which were rounded still add up exactly."""
    half = Span(Fraction(-1, 2), Fraction(1, 2))
    return linear_probability([(Fraction(1), half)] * inputs, half)


def line_chances(relation: Relation, grid: Grid, usable: Array, *, exact: bool = False) -> Array:
    """Return for every line the chance q that an unrelated result would fit.

    The width of both intervals over the smallest range in which an unrelated result would lie: the
    result's own range, for means that of the line's inputs, for sums and differences the size of
    the line's own numbers, and for means and sums the spread between the inputs; no
    less than the share of other lines that print the same result or, but for plain means, one
    that would fit. A line on which a sum, difference or ratio comes near one of its inputs shows
    only that two columns agree.
    """
    value = grid.floats(grid.value)
    result = value[:, relation.result]
    miss, width = relation.misses(grid)
    if exact:
        width = grid.floats(grid.unit)[:, relation.result]
    chances = np.ones(len(value))
    if not usable.any():
        return chances
    span = np.full(len(value), np.ptp(result[usable]))
    inputs = np.stack([grid.pick(value, source) for source in relation.inputs], axis=1)
    if relation.op in (Op.SUM, Op.DIFFERENCE):  # in rows of other sizes no row knows the range
        span = np.minimum(span, np.maximum(np.abs(inputs).sum(axis=1), np.abs(result)))
    if relation.op in (*MEANS, Op.SUM, Op.SUM_100):
        if relation.op in MEANS:
            span = np.minimum(span, np.ptp(inputs, axis=1))
        if inputs.shape[1] > 1:
            factor = 1.0 if relation.op in MEANS else inputs.shape[1] / relation.divisor
            span = np.minimum(span, UNRELATED * factor * apart(inputs[usable]))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(span > 0, width / span, 1.0)
    likely = np.maximum(ratio[usable], repeated(result[usable]))
    if relation.op not in (Op.MEAN, Op.SUM_100, Op.TABLE_MEAN):
        signed = relation.whole[1] * result[usable]
        likely = np.maximum(likely, exchanged(miss[usable], width[usable], signed))
    chances[usable] = np.minimum(1.0, likely)
    if relation.op in (Op.SUM, Op.DIFFERENCE, Op.RATIO):
        chances[(np.abs(inputs - result[:, None]) <= width[:, None]).any(axis=1)] = 1.0
    return chances


def repeated(results: Array) -> Array:
    """Return for every result the share of the other lines that print the same.

    In a column of few different values, such as zeros, an unrelated result often fits.
    """
    _, which, counts = np.unique(results, return_inverse=True, return_counts=True)
    return (counts[which] - 1) / max(1, len(results) - 1)


def exchanged(miss: Array, width: Array, result: Array) -> Array:
    """Return for every line the share of other lines whose result would fit it just as well.

    Where a few results are far from all others, the range says too little of a draw among them.
    """
    others = np.unique(np.linspace(0, len(result) - 1, min(len(result), MOST_DRAWN)).astype(int))
    gap = (miss + result)[:, None] - result[others]
    fits = np.abs(gap) <= width[:, None] / 2 * (1 + 1e-9)
    fits[others, np.arange(len(others))] = False
    return fits.sum(axis=1) / max(1, len(others) - 1)


def apart(inputs: Array) -> float:
    """Return the median over inputs of the standard deviation of (input - mean of the others)."""
    count = inputs.shape[1]
    others = (inputs.sum(axis=1, keepdims=True) - inputs) / (count - 1)
    return float(np.median(np.std(inputs - others, axis=0)))


def contested(rules: Sequence[Rule]) -> list[Rule]:
    """Return one rule per result, each with the others that its result follows.

    Fewest misfits, then the simplest operation, then a named one, then most lines, then the
    least chance, then fewest inputs.
    """
    chosen: dict[tuple[str, int], Rule] = {}
    kept = distinct(rules)
    for rule in sorted(
        kept,
        key=lambda one: (
            *(len(one.misfits), one.plainness, not one.named, -one.rows),
            *(one.chance, len(one.relation.inputs)),
        ),
    ):
        key = rule.grid.along, rule.relation.result
        known = chosen.setdefault(key, rule)
        if known is not rule:
            chosen[key] = replace(known, competing=(*known.competing, rule))
    return list(chosen.values())


def distinct(rules: Sequence[Rule]) -> list[Rule]:
    """Return rules without those that relate the same fields: ``a = b + c`` and ``b = a - c``.

    What the header names stays, else the sum or mean, else the relation of the smallest result.
    Nor is ``b = a - c`` one where more rows follow ``a = b + c + d``: there a part is left out.
    """
    found: dict[frozenset[Source], Rule] = {}
    for rule in sorted(
        rules, key=lambda one: (len(one.misfits), not one.named, one.plainness, one.size)
    ):
        if not any(_leaves_out(rule, one) for one in found.values()):
            found.setdefault(rule.relation.columns, rule)
    return list(found.values())


def _leaves_out(rule: Rule, whole: Rule) -> bool:
    """Say whether a sum or difference is another sum without some of its parts."""
    sums = rule.relation.op in (Op.SUM, Op.DIFFERENCE) and whole.relation.op is Op.SUM
    fewer = len(whole.misfits) < len(rule.misfits)
    return sums and fewer and rule.relation.columns < whole.relation.columns
