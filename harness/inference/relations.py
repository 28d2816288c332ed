"""What one cell may be of others: linear relations and ratios, held against a grid exactly.

A linear relation says ``sum(weight * input) = divisor * result`` with whole weights; a ratio says
``scale * top / bottom = result``. Of a change or rest, ``whole + sign * printed`` is the result: a
change of -12 % leaves 88 of 100. A line fits when some numbers that print as its inputs give one
that prints as its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import NamedTuple

import numpy as np

from harness.audit.rules_arithmetic import quotient, reachable
from harness.inference.grid import ABOVE, Array, Grid, Reach, Source
from harness.sheets.ops import FROM_WHOLE, RATIOS, Op
from harness.sheets.printed import Printed, Rounding, Span, show

MEANS = {Op.MEAN, Op.WEIGHTED, Op.TABLE_MEAN}


class Convention(NamedTuple):
    """How the numbers of a relation were shortened."""

    name: str
    inputs: Rounding
    result: Rounding


ROUND = Convention("round", Rounding.NEAREST, Rounding.NEAREST)
EXACT = Convention("exact", Rounding.EXACT, Rounding.EXACT)
CONVENTIONS = (
    ROUND,
    Convention("truncate", Rounding.TRUNCATION, Rounding.TRUNCATION),
    Convention("ceiling", Rounding.CEILING, Rounding.CEILING),
    Convention("from printed cells", Rounding.EXACT, Rounding.NEAREST),
    Convention("result cut off", Rounding.NEAREST, Rounding.TRUNCATION),
)
BY_NAME = {one.name: one for one in (*CONVENTIONS, EXACT)}


@dataclass(frozen=True, slots=True)
class Relation:
    """A result, an operation and its inputs in the operation's order."""

    op: Op
    result: int
    inputs: tuple[Source, ...]
    weights: tuple[int, ...] = ()  # of a weighted mean

    @property
    def terms(self) -> tuple[int, ...]:
        """Return the whole weights of the inputs."""
        if self.op is Op.DIFFERENCE:
            return (1, -1)
        return self.weights or (1,) * len(self.inputs)

    @property
    def divisor(self) -> int:
        """Return what the weighted sum is divided by."""
        if self.op in MEANS:
            return sum(self.terms)
        return 100 if self.op is Op.SUM_100 else 1

    @property
    def columns(self) -> frozenset[Source]:
        """Return everything that it relates."""
        return frozenset({Source(self.result), *self.inputs})

    @property
    def whole(self) -> tuple[int, int]:
        """Return what its result is added to or taken from, and the sign: 0 and 1 for most."""
        return FROM_WHOLE.get(self.op, (0, 1))

    def usable(self, grid: Grid) -> Array:
        """Say for every line whether all its numbers are there and the relation is defined."""
        whole = grid.present[:, self.result].copy()
        for source in self.inputs:
            whole &= grid.pick(grid.present, source)
            if source.line == ABOVE:
                whole &= grid.above != np.arange(len(whole))
            elif source.line is not None:
                whole[source.line] = False
        if self.op in RATIOS:
            signed = [] if self.op in FROM_WHOLE else [Source(self.result)]
            for source in (*signed, *self.inputs):
                lowest = grid.pick(grid.value, source) - grid.pick(grid.unit, source)
                whole &= (lowest >= 0).astype(bool)
            bottom = self.inputs[1]
            whole &= (grid.pick(grid.value, bottom) > grid.pick(grid.unit, bottom)).astype(bool)
        return whole

    def fits(self, grid: Grid, convention: Convention) -> Array:
        """Say for every line whether it fits; of meaning on usable lines only."""
        result = grid.reach(Source(self.result), convention.result)
        if convention is EXACT:
            result = grid.reach(Source(self.result), Rounding.EXACT)
        start, sign = self.whole
        result = result.scaled(sign).moved(start * int(1 / grid.step))
        inputs = [grid.reach(source, convention.inputs) for source in self.inputs]
        if self.op in RATIOS:
            return _ratio_fits(inputs[0], inputs[1], result, RATIOS[self.op], grid.step)
        parts = (one.scaled(w) for one, w in zip(inputs, self.terms, strict=True))
        return reduce(Reach.plus, parts).meets(result.scaled(self.divisor))

    def misses(self, grid: Grid) -> tuple[Array, Array]:
        """Return for every line (recomputed minus printed value, width of both intervals)."""
        value, unit = grid.floats(grid.value), grid.floats(grid.unit)
        start, sign = self.whole
        result, last = start + sign * value[:, self.result], unit[:, self.result]
        inputs = [grid.pick(value, source) for source in self.inputs]
        units = [grid.pick(unit, source) for source in self.inputs]
        if self.op in RATIOS:
            scale, (top, bottom), (a, b) = RATIOS[self.op], inputs, units
            with np.errstate(all="ignore"):
                made = scale * top / bottom
                width = scale * (
                    (top + a / 2) / (bottom - b / 2) - (top - a / 2) / (bottom + b / 2)
                )
            wide = np.where(np.isfinite(width), width, np.inf)
            return np.nan_to_num(made - result), wide + last
        terms = self.terms
        made = sum(w * one for w, one in zip(terms, inputs, strict=True)) / self.divisor
        width = sum(abs(w) * one for w, one in zip(terms, units, strict=True)) / self.divisor
        return np.asarray(made - result), np.asarray(width + last)

    def attainable(self, grid: Grid, line: int, convention: Convention) -> Span:
        """Return all values that the inputs of one line can give."""
        inputs = [grid.printed(line, one).under(convention.inputs) for one in self.inputs]
        start, sign = self.whole
        if self.op in RATIOS:
            return quotient(*inputs).scaled(sign * RATIOS[self.op], -sign * start)
        weights = [Fraction(weight, self.divisor) for weight in self.terms]
        return reachable(list(zip(weights, inputs, strict=True))).scaled(sign, -sign * start)

    def value(self, grid: Grid, line: int) -> Fraction:
        """Return what the printed inputs of one line give."""
        inputs = [grid.printed(line, one).value for one in self.inputs]
        start, sign = self.whole
        if self.op in RATIOS:
            return sign * (RATIOS[self.op] * inputs[0] / inputs[1] - start)
        made = sum((w * one for w, one in zip(self.terms, inputs, strict=True)), Fraction(0))
        return sign * (made / self.divisor - start)

    def formula(self, names: Sequence[str]) -> str:
        """Write the relation with names or numbers in place of its inputs."""
        match self.op:
            case Op.DIFFERENCE:
                return f"{names[0]} - {names[1]}"
            case Op.RATIO | Op.PERCENT:
                return f"{'100 * ' if self.op is Op.PERCENT else ''}{names[0]} / {names[1]}"
            case Op.CHANGE:
                return f"100 * ({names[0]} - {names[1]}) / {names[1]}"
            case Op.REDUCTION:
                return f"100 * ({names[1]} - {names[0]}) / {names[1]}"
            case Op.REST | Op.REST_OF_ONE:
                return f"{self.whole[0]} - {names[0]}"
            case Op.WEIGHTED:
                parts = (f"{w}*{name}" for w, name in zip(self.weights, names, strict=True))
                return f"({' + '.join(parts)}) / {sum(self.weights)}"
            case Op.SUM:
                return " + ".join(names)
            case Op.SUM_100:
                return f"({' + '.join(names)}) / 100"
        return f"mean({', '.join(names)})"


def _ratio_fits(top: Reach, bottom: Reach, result: Reach, scale: int, step: Fraction) -> Array:
    """Say for positive numbers whether ``scale * top / bottom`` meets the result."""
    steps = int(1 / step) * scale
    a_lo, a_hi, b_lo, b_hi, r_lo, r_hi = (
        part.astype(object) for part in (top.lo, top.hi, bottom.lo, bottom.hi, result.lo, result.hi)
    )
    above = _level(a_lo * steps, r_hi * b_hi, top.lo_open | bottom.hi_open | result.hi_open)
    return above & _level(r_lo * b_lo, a_hi * steps, top.hi_open | bottom.lo_open | result.lo_open)


def _level(less: Array, more: Array, proper: Array) -> Array:
    """Say where ``less <= more``, without equality where an end is open."""
    return (less < more).astype(bool) | ((less == more).astype(bool) & ~proper)


def written(printed: Printed) -> str:
    """Return a printed number with what it stands for."""
    return f"{printed.text} stands for {show(printed.span.lo)}..{show(printed.span.hi)}"
