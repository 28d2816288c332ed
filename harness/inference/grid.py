"""The numbers of a table as whole steps of half its finest digit: exact, and fast in bulk.

A line is what a rule is held against (a table row, or a column where a rule runs down a column); a
field is what a rule computes with. Every number is a whole multiple of ``step``; so is everything
that it can stand for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from harness.sheets.printed import Printed, Rounding
from harness.sheets.sheet import Cell, Sheet

Array = np.ndarray[Any, Any]
SAFE = 2**62
"""Whole numbers up to here are held as 64-bit integers."""
SHARE_DIGITS = 9
"""Decimals of a share that is printed as k/n alone."""


class Reach(NamedTuple):
    """For every line, an interval of whole steps; an end belongs to it unless it is open."""

    lo: Array
    hi: Array
    lo_open: Array
    hi_open: Array

    def meets(self, other: Reach) -> Array:
        """Say for every line whether the two have a point in common."""
        one = _reaches(self.lo, self.lo_open, other.hi, other.hi_open)
        two = _reaches(other.lo, other.lo_open, self.hi, self.hi_open)
        return one & two

    def scaled(self, factor: int) -> Reach:
        """Return the interval times a whole number; a negative one turns it round."""
        if factor < 0:
            return Reach(self.hi * factor, self.lo * factor, self.hi_open, self.lo_open)
        return self._replace(lo=self.lo * factor, hi=self.hi * factor)

    def moved(self, by: int) -> Reach:
        """Return the interval moved along by a whole number of steps."""
        return self._replace(lo=self.lo + by, hi=self.hi + by)

    def plus(self, other: Reach) -> Reach:
        """Return the interval of sums."""
        return Reach(
            self.lo + other.lo,
            self.hi + other.hi,
            self.lo_open | other.lo_open,
            self.hi_open | other.hi_open,
        )


def _reaches(lo: Array, lo_open: Array, hi: Array, hi_open: Array) -> Array:
    below, level = (lo < hi).astype(bool), (lo == hi).astype(bool)
    return below | (level & ~lo_open & ~hi_open)


ABOVE = -1
"""Instead of a line: the nearest reference above each line."""


class Source(NamedTuple):
    """Where an input stands: a field of the same line, of one fixed line, or of one ``ABOVE``."""

    field: int
    line: int | None = None


@dataclass(frozen=True, eq=False)
class Grid:
    """Numbers by line and field."""

    cells: tuple[tuple[Cell | None, ...], ...]  # the numbers that were read, None elsewhere
    value: Array  # in steps; 0 where there is none
    unit: Array  # one unit of the last digit, in steps
    present: Array
    step: Fraction
    units: tuple[str, ...]  # of the fields: percent, s, ...; empty where nothing is printed
    sheets: tuple[Sheet, ...]  # of the fields
    along: str = "row"
    above: Array = field(default_factory=lambda: np.zeros(0, int))  # reference of every line

    @classmethod
    def of(cls, sheet: Sheet, rows: Sequence[int], columns: Sequence[int]) -> Grid:
        """Return the numbers of some rows and columns of a table."""
        at = sheet.grid
        cells = [[at.get((row, column)) for column in columns] for row in rows]
        return cls.made(cells, [sheet] * len(columns))

    @classmethod
    def made(cls, cells: Sequence[Sequence[Cell | None]], sheets: Sequence[Sheet]) -> Grid:
        """Return a grid of cells by line and field; what has another unit is left out."""
        units = [_usual_unit([line[j] for line in cells]) for j in range(len(sheets))]
        kept = [
            [
                one if one and one.number and _same(one.number.unit, unit) else None
                for one, unit in zip(line, units, strict=True)
            ]
            for line in cells
        ]
        numbers = [
            [in_digits(one.number.printed) if one and one.number else None for one in line]
            for line in kept
        ]
        found = [one for line in numbers for one in line if one]
        finest = max([0, *(one.decimals for one in found)])
        steps = 2 * 10**finest
        most = max([1, *(abs(one.value) + one.unit for one in found)]) * steps
        kind = np.int64 if most * 400 * max(1, len(sheets)) < SAFE else object
        shape = len(cells), len(sheets)
        value = [[int(one.value * steps) if one else 0 for one in line] for line in numbers]
        unit = [[int(one.unit * steps) if one else 0 for one in line] for line in numbers]
        return cls(
            tuple(map(tuple, kept)),
            np.array(value, kind).reshape(shape),
            np.array(unit, kind).reshape(shape),
            np.array([[one is not None for one in line] for line in numbers], bool).reshape(shape),
            Fraction(1, steps),
            tuple(units),
            tuple(sheets),
        )

    def referring(self, lines: Sequence[int]) -> Grid:
        """Return the grid with the nearest of some lines above each, or itself, as reference."""
        every = np.arange(len(self.cells))
        at = np.searchsorted(np.array(lines), every, side="right") - 1
        return replace(self, above=np.where(at < 0, every, np.array(lines)[at]))

    def lines(self, chosen: Sequence[int] | Array) -> Grid:
        """Return the grid of some of its lines."""
        return replace(
            self,
            cells=tuple(self.cells[int(at)] for at in chosen),
            value=self.value[chosen],
            unit=self.unit[chosen],
            present=self.present[chosen],
        )

    def turned(self) -> Grid:
        """Return the grid whose lines are the fields of this one."""
        return replace(
            self,
            cells=tuple(zip(*self.cells, strict=True)),
            value=self.value.T,
            unit=self.unit.T,
            present=self.present.T,
            units=("",) * len(self.cells),
            sheets=self.sheets[:1] * len(self.cells),
            along="column",
        )

    @property
    def fields(self) -> int:
        """Return the number of fields."""
        return self.value.shape[1]

    @cached_property
    def reaches(self) -> dict[Rounding, Reach]:
        """Return what all numbers stand for under each way of shortening them."""
        value, unit = self.value, self.unit
        half, shut = unit // 2, np.zeros(value.shape, bool)
        above, zero = (value > 0).astype(bool), (value == 0).astype(bool)
        up = np.where(above | zero, value + unit, value)
        down = np.where(above, value, value - unit)
        return {
            Rounding.NEAREST: Reach(value - half, value + half, shut, shut),
            Rounding.TRUNCATION: Reach(down, up, ~above, above | zero),
            Rounding.CEILING: Reach(value - unit, value, ~shut, shut),
            Rounding.EXACT: Reach(value, value, shut, shut),
        }

    def reach(self, source: Source, rounding: Rounding) -> Reach:
        """Return what one input stands for on every line."""
        return Reach(*(self.pick(part, source) for part in self.reaches[rounding]))

    def pick(self, numbers: Array, source: Source) -> Array:
        """Return the numbers of one input by line."""
        if source.line is None:
            return numbers[:, source.field]
        if source.line == ABOVE:
            return numbers[self.above, source.field]
        return np.repeat(numbers[source.line, source.field], len(numbers))

    def printed(self, line: int, source: Source) -> Printed:
        """Return the number of one input as printed."""
        cell = self.cell(line, source)
        assert cell.number is not None  # noqa: S101 - cells of a grid are numbers
        return in_digits(cell.number.printed)

    def line(self, line: int, source: Source) -> int:
        """Return the line of the grid on which an input of a line stands."""
        if source.line is None:
            return line
        return int(self.above[line]) if source.line == ABOVE else source.line

    def cell(self, line: int, source: Source) -> Cell:
        """Return the cell of one input.

        Raises:
            LookupError: there is none.
        """
        found = self.cells[self.line(line, source)][source.field]
        if found is None:
            raise LookupError(f"no number on line {line} in field {source.field}")
        return found

    def floats(self, numbers: Array) -> Array:
        """Return steps as floating-point numbers in the table's own scale."""
        return numbers.astype(float) * float(self.step)


def in_digits(printed: Printed) -> Printed:
    """Return a number that its digits hold; a share such as 1/3 is taken to nine decimals."""
    if (printed.value * 10 ** max(printed.decimals, 0)).denominator == 1:
        return printed
    value = Fraction(round(printed.value * 10**SHARE_DIGITS), 10**SHARE_DIGITS)
    return printed._replace(value=value, decimals=SHARE_DIGITS)


def _usual_unit(cells: Sequence[Cell | None]) -> str:
    found = Counter(one.number.unit for one in cells if one and one.number)
    return max(sorted(found), key=lambda unit: found[unit], default="")


def _same(unit: str, usual: str) -> bool:
    """Say whether two units may stand in one column: a percent sign is often left out."""
    return unit == usual or {unit, usual} == {"", "percent"}
