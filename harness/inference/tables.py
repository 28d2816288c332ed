"""A sheet made ready for inference: which rows and columns are numbers, and what headers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from harness.errors import ConfigError, nearest
from harness.inference.grid import Array, Grid
from harness.inference.search import Heading, Search
from harness.inference.words import SIZES, is_change, is_error, is_rank, is_total, operations
from harness.sheets.names import plain
from harness.sheets.sheet import Sheet


@dataclass(frozen=True, eq=False)
class Table:
    """A sheet, its rows of results and of totals, and its columns of results."""

    sheet: Sheet
    sizes: dict[int, int]  # number of items by column
    sources: dict[int, str] = field(default_factory=dict)  # who says them
    told: frozenset[int] = frozenset()  # columns of which the user says it

    @classmethod
    def of(cls, sheet: Sheet, stated: dict[int, tuple[int, str]] | None = None) -> Table:
        """Return a sheet with the number of items behind its columns, where somebody says it."""
        told = {i: (one.n, "the header") for i, one in enumerate(sheet.columns) if one.n}
        for row in rows_of_n(sheet):
            told |= {
                column: (int(number.printed.value), f"the row {sheet.rows[row].name}")
                for column in sheet.value_columns
                for at, number in sheet.values(column)
                if at == row and number.printed.value > 0
            }
        told |= stated or {}
        sizes = {column: n for column, (n, _) in told.items()}
        sources = {column: source for column, (_, source) in told.items()}
        return cls(sheet, sizes, sources, frozenset(stated or {}))

    @cached_property
    def rows(self) -> list[int]:
        """Return the rows that print results: no numbers of items, and no changes of other rows."""
        skipped = rows_of_n(self.sheet)
        return [
            row
            for row, one in enumerate(self.sheet.rows)
            if row not in skipped and not any(map(is_change, one.labels[-1:]))
        ]

    @cached_property
    def total_rows(self) -> list[int]:
        """Return the rows that are labelled as totals of others."""
        labels = {row: self.sheet.rows[row].labels for row in self.rows}
        return [row for row, own in labels.items() if any(is_total(one) for one in own)]

    @cached_property
    def columns(self) -> list[int]:
        """Return the columns of results: values that are no ranks and no numbers of items."""
        return [
            column
            for column in self.sheet.value_columns
            if not is_rank(self.sheet.columns[column].leaf)
        ]

    @cached_property
    def grid(self) -> Grid:
        """Return the numbers by row and column."""
        return Grid.of(self.sheet, self.rows, self.columns)

    @cached_property
    def headings(self) -> list[Heading]:
        """Return what the header says of each column of the grid."""
        return [heading(self.sheet, column, self.sizes.get(column)) for column in self.columns]

    @property
    def totals(self) -> Array:
        """Say which lines of the grid are rows of totals."""
        return np.isin(self.rows, self.total_rows)

    def search(self) -> Search:
        """Return the search for rules along its rows."""
        return Search(self.grid, self.headings, self.totals)

    def groups(self) -> dict[int, list[int]]:
        """Return the rows of results of each group, without those of totals."""
        found: dict[int, list[int]] = {}
        for row in self.rows:
            if row not in self.total_rows:
                found.setdefault(self.sheet.rows[row].group, []).append(row)
        return found


def heading(sheet: Sheet, column: int, n: int | None) -> Heading:
    """Return what a header says of a column."""
    own = sheet.columns[column]
    group = plain(own.path[0]) if len(own.path) > 1 else ""
    error = is_error(own.leaf)
    return Heading(group, plain(own.leaf), operations(own.leaf), n, own.unit, error)


def rows_of_n(sheet: Sheet) -> list[int]:
    """Return the rows that hold numbers of items: so labelled, and whole numbers only."""
    return [
        row
        for row, one in enumerate(sheet.rows)
        if any(" ".join(label.casefold().split()) in SIZES for label in one.labels)
        and _whole(sheet, row)
    ]


def _whole(sheet: Sheet, row: int) -> bool:
    cells = [sheet.grid.get((row, column)) for column in sheet.value_columns]
    numbers = [cell.number.printed for cell in cells if cell and cell.number]
    return bool(numbers) and all(one.decimals == 0 for one in numbers)


def names(sheet: Sheet, columns: Sequence[int]) -> list[str]:
    """Return the names of columns as one reads them."""
    return [sheet.columns[one].name for one in columns]


def in_units(sheets: Sequence[Sheet], units: Mapping[str, str]) -> list[Sheet]:
    """Return sheets with the units of columns that the user states; ``%`` means percent.

    Raises:
        ConfigError: no sheet has such a column.
    """
    done = list(sheets)
    for name, unit in units.items():
        at = [find_column(sheet, name) for sheet in done]
        if set(at) <= {None}:
            known = [column.name for sheet in sheets for column in sheet.columns]
            raise ConfigError(f"--unit {name}: no such column", hint=nearest(name, known[:500]))
        told = "percent" if unit == "%" else unit
        done = [
            sheet if column is None else in_unit(sheet, column, told)
            for sheet, column in zip(done, at, strict=True)
        ]
    return done


def in_unit(sheet: Sheet, column: int, unit: str) -> Sheet:
    """Return a sheet with one column in another unit."""
    columns = list(sheet.columns)
    columns[column] = replace(columns[column], unit=unit)
    cells = [
        replace(cell, number=replace(cell.number, unit=unit))
        if cell.column == column and cell.number
        else cell
        for cell in sheet.cells
    ]
    return replace(sheet, columns=tuple(columns), cells=tuple(cells))


def find_column(sheet: Sheet, name: str | tuple[str, ...]) -> int | None:
    """Return the position of a column by all levels of its header, or by the last alone."""
    wanted = plain("".join(name))
    for first in (0, -1):
        paths = ("".join(column.path[first:]) for column in sheet.columns)
        found = [at for at, path in enumerate(paths) if plain(path) == wanted]
        if len(found) == 1:
            return found[0]
    return None


def find_row(sheet: Sheet, name: str | tuple[str, ...]) -> int | None:
    """Return the position of a row by all of its labels, or by one that no other row has."""
    wanted = plain("".join(name))
    rows = list(enumerate(sheet.rows))
    found = [at for at, row in rows if plain("".join(row.labels)) == wanted]
    found = found or [at for at, row in rows if wanted in map(plain, row.labels)]
    return found[0] if len(found) == 1 else None
