"""Rules that leave the row: rows of totals, reference rows, means of another table's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from harness.inference.grid import ABOVE, Grid, Source
from harness.inference.relations import ROUND, Relation
from harness.inference.rules import Rule, contested, judge
from harness.inference.search import (
    BUDGET,
    TOTAL_BUDGET,
    Heading,
    Kind,
    enough,
    in_whole_numbers,
)
from harness.inference.tables import Table
from harness.inference.words import SIZES, is_total, operations
from harness.sheets.ops import Op
from harness.sheets.sheet import Cell, Number

Tried = tuple[Relation, Grid]
MOST_REFERENCES = 3
"""Rows that may be the reference of a column of gains; a column with more has none."""
AT_REFERENCE = {Op.DIFFERENCE: 0, Op.RATIO: 1, Op.PERCENT: 100, Op.CHANGE: 0, Op.REDUCTION: 0}
"""What a reference row prints in the column that is held against it, if anything."""


def totals(table: Table) -> Iterator[Rule]:
    """Yield the rules of rows of totals: sums or means of the rows above, in group or table."""
    grid = table.grid.turned()
    for row in table.total_rows:
        at = table.rows.index(row)
        sets = _above(table, row)
        label = next(one for one in table.sheet.rows[row].labels[::-1] if is_total(one))
        ops = [op for op in operations(label) if op in (Op.SUM, Op.MEAN)] or [Op.SUM, Op.MEAN]
        tried = [Relation(op, at, rows) for rows in sets for op in ops]
        for column in _columns_of_n(table):
            n = {at: table.grid.value[at, column] for at in range(len(table.rows))}
            whole = [rows for rows in sets if all(n[one.field] > 0 for one in rows)]
            step = int(1 / table.grid.step)
            tried += [
                Relation(Op.WEIGHTED, at, rows, tuple(int(n[one.field]) // step for one in rows))
                for rows in whole
            ]
        for relation in tried:
            rule = judge(relation, grid, TOTAL_BUDGET / len(tried), named=True)
            if rule:
                yield rule


def _above(table: Table, row: int) -> list[tuple[Source, ...]]:
    """Return the sets of rows that a row of totals may be of: its group's, the table's, totals."""
    above = [one for one in table.rows if one < row]
    own = [one for one in above if one not in table.total_rows]
    group = [one for one in own if table.sheet.rows[one].group == table.sheet.rows[row].group]
    last = max((one for one in above if one in table.total_rows), default=-1)
    since = [one for one in own if one > last]
    subtotals = [one for one in above if one in table.total_rows]
    below = [one for one in table.rows if one > row and one not in table.total_rows]
    sets = {tuple(rows): None for rows in (group, own, since, subtotals, [] if own else below)}
    return [tuple(Source(table.rows.index(one)) for one in rows) for rows in sets if len(rows) >= 2]


def _columns_of_n(table: Table) -> list[int]:
    """Return the columns of the grid that hold numbers of items."""
    whole = table.grid.step.denominator
    return [
        at
        for at, column in enumerate(table.columns)
        if table.sheet.columns[column].leaf.casefold() in SIZES
        and not (table.grid.value[:, at] % whole).any()
    ]


def gains(table: Table) -> list[Rule]:
    """Return the columns that hold each row against one reference row, or the nearest above."""
    grid, tried = table.grid, list[Tried]()
    for result in range(grid.fields):
        for op, own in AT_REFERENCE.items():
            lines = _references(grid, result, own)
            coarse = op is Op.RATIO and in_whole_numbers(grid, result)
            for field in range(0 if coarse else grid.fields):
                if field == result or (op is Op.DIFFERENCE and not _akin(grid, field, result)):
                    continue
                sound = [
                    line
                    for line in lines
                    if grid.present[line, field] and not _copies(grid, op, field, line)
                ]
                tried += _against(grid, op, result, field, sound)
    return _undisputed(judged(tried, table.headings), tried)


def _against(grid: Grid, op: Op, result: int, field: int, lines: Sequence[int]) -> Iterator[Tried]:
    """Yield a field held against each reference row and, of several, the nearest above."""
    several = len(lines) > 1
    held = grid.referring(lines) if several else grid
    for line in (*lines, *([ABOVE] if several else [])):
        pair = Source(field), Source(field, line)
        yield Relation(op, result, pair), held
        yield Relation(op, result, pair[::-1]), held


def _undisputed(rules: Sequence[Rule], tried: Sequence[Tried]) -> list[Rule]:
    """Return the rules of reference rows without what another reference explains.

    Where there are several, all lines but one must follow the same.
    """
    kept = [rule for rule in rules if not len(rule.grid.above)]
    for rule in (one for one in rules if len(one.grid.above) and len(one.misfits) <= 1):
        rivals = [one for one, grid in tried if grid is rule.grid]
        usable = rule.usable.copy()
        for line in rule.misfits:
            usable[line] = not any(
                one.usable(rule.grid)[line] and one.fits(rule.grid, ROUND)[line] for one in rivals
            )
        kept.append(replace(rule, usable=usable))
    return kept


def _references(grid: Grid, result: int, own: int) -> list[int]:
    """Return the lines that print nothing, or what a reference is to itself, in a column."""
    is_own = grid.present[:, result] & (grid.value[:, result] == own * int(1 / grid.step))
    kinds = (np.flatnonzero(is_own.astype(bool)), np.flatnonzero(~grid.present[:, result]))
    return sorted(int(one) for lines in kinds if len(lines) <= MOST_REFERENCES for one in lines)


def _copies(grid: Grid, op: Op, field: int, line: int) -> bool:
    """Say whether a reference is one that changes nothing: the rule would say that columns agree.

    A difference from 0 is the value itself, as are its ratio to 1 and its percentage of 100.
    """
    return bool(grid.value[line, field] == AT_REFERENCE[op] * int(1 / grid.step))


def _akin(grid: Grid, one: int, other: int) -> bool:
    return len({grid.units[one], grid.units[other]} - {"", "percent"}) < 2


def judged(tried: Sequence[Tried], headings: Sequence[Heading] = ()) -> list[Rule]:
    """Return the relations that the numbers bear out, at the smallest budget there is."""
    share, found = BUDGET[Kind.OTHER] / max(1, len(tried)), list[Rule]()
    for relation, grid in tried:
        usable = relation.usable(grid)
        miss, width = relation.misses(grid)
        near = np.abs(miss) / 2 <= width
        if len(enough(usable[:, None], near[:, None])):
            named = bool(headings) and relation.op in headings[relation.result].named
            rule = judge(relation, grid, share, named=named)
            found += [rule] if rule else []
    return found


def deltas(table: Table) -> list[Rule]:
    """Return the rules of gains that are printed beside a value, against a reference row."""
    found: list[Rule] = []
    for field in range(table.grid.fields):
        cells = [line[field] for line in table.grid.cells]
        gained = [_delta(cell) for cell in cells]
        bare = [at for at, cell in enumerate(cells) if cell and not gained[at]]
        if not any(gained) or not 0 < len(bare) <= 2 * MOST_REFERENCES:
            continue
        sheet = table.sheet
        grid = Grid.made(list(zip(cells, gained, strict=True)), [sheet, sheet])
        ops = (Op.DIFFERENCE, Op.CHANGE)
        tried = [one for op in ops for one in _against(grid, op, 1, 0, bare)]
        found += contested(_undisputed(judged(tried), tried))
    return found


def _delta(cell: Cell | None) -> Cell | None:
    """Return the gain printed in a cell as a cell of its own."""
    if cell is None or cell.number is None or cell.number.delta is None:
        return None
    return replace(cell, number=Number(cell.number.delta), text=cell.number.delta.text)


def table_means(table: Table, others: Sequence[Table]) -> list[Rule]:
    """Return the columns that are means of another table's columns, rows joined by labels."""
    found: list[Rule] = []
    for other in others:
        by_label = {_label(other, row): row for row in other.rows}
        joined = [by_label.get(_label(table, row)) for row in table.rows]
        if sum(row is not None for row in joined) < 3:
            continue
        grid = beside(table, other, joined)
        sets = _column_sets(other, grid.fields - len(other.columns))
        results = range(len(table.columns))
        found += judged(
            [(Relation(Op.TABLE_MEAN, result, one), grid) for result in results for one in sets]
        )
    return found


def beside(table: Table, other: Table, joined: Sequence[int | None]) -> Grid:
    """Return a grid of a table's columns and, after them, those of another one."""
    at = other.sheet.grid
    cells = [
        [*line, *(None if row is None else at.get((row, column)) for column in other.columns)]
        for line, row in zip(table.grid.cells, joined, strict=True)
    ]
    sheets = [*[table.sheet] * len(table.columns), *[other.sheet] * len(other.columns)]
    return Grid.made(cells, sheets)


def _label(table: Table, row: int) -> tuple[str, ...]:
    return tuple(one.casefold() for one in table.sheet.rows[row].labels if one)


def _column_sets(other: Table, first: int) -> list[tuple[Source, ...]]:
    """Return the sets of another table's columns that a mean may be of."""
    heads = list(enumerate(other.headings))
    own = [at for at, one in heads if not one.named]
    sets = [own, [at for at, _ in heads]]
    sets += [[at for at in own if other.headings[at].group == one.group] for _, one in heads]
    sets += [[at for at, it in heads if it.leaf == one.leaf] for _, one in heads]
    unique = sorted({tuple(one) for one in sets if len(one) >= 2})
    return [tuple(Source(first + at) for at in one) for one in unique]
