"""From a grid to printed tables: columns, labels, values, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.sheets.commas import UNCLEAR, commas_of, read_with
from harness.sheets.grid import NOTHING, Grid, Line, Piece
from harness.sheets.headers import Header, is_attribute, is_percent, read_header, spread_of
from harness.sheets.layout import Block, next_block
from harness.sheets.markup import BOLD
from harness.sheets.numerals import MAGNITUDES, OPEN, Reading, read_number
from harness.sheets.parts import parted
from harness.sheets.sheet import Cell, Column, ColumnKind, Number, Row, Sheet, Spread

BEYOND = "the row has more cells than the header"
SHIFTED = f"{BEYOND}: what belongs where cannot be known"

MEANT = (UNCLEAR, "approximate", "bound", "several numbers")
"""Reasons for which a cell that is meant as a number is not read."""


class _Columns(NamedTuple):
    """The columns of a table and what its lines say in them."""

    places: list[int]  # of the grid; those that hold nothing at all are left out
    columns: list[Column]
    spreads: list[Spread]
    read: list[list[Reading]]  # by line and column


def tables_of(grid: Grid) -> Iterator[Sheet]:
    """Yield the tables of a grid that hold at least one number; id and file are left empty."""
    while grid.lines:
        rest, block = next_block(grid)
        block = parted(block)
        lines = [line for _, _, line in block.body]
        if any(one.number for line in lines for one in map(_plainly, line.pieces)):
            yield _sheet(replace(grid, caption=rest.caption), block, lines)
        if len(rest.lines) == len(grid.lines):
            return
        grid = rest


def _plainly(piece: Piece) -> Reading:
    return read_number(piece.said.code)


def _sheet(grid: Grid, block: Block, lines: Sequence[Line]) -> Sheet:
    width = max(len(line.pieces) for line in block.header or lines)
    table = _columns(grid, block, lines, width)
    notes = [*grid.notes, *block.notes]
    rows: list[Row] = []
    cells: list[Cell] = []
    surplus: list[Cell] = []
    for number, (groups, group, line) in enumerate(block.body):
        beyond = [i for i in line.filled if i >= width]
        notes += _width_notes(line, width, len(beyond))
        shifted = bool(beyond) and (not grid.aligned or _has_text(table, number))
        own = list(_row_cells(table, number, line, shifted))
        cells += own
        rows.append(Row((*groups, *_labels(table, own)), group, line.number))
        surplus += [
            Cell(number, len(table.columns), line.pieces[i].text, refused=BEYOND, line=line.number)
            for i in beyond
        ]
    return Sheet(
        id="",
        file="",
        caption=grid.caption,
        form=grid.form,
        columns=tuple(table.columns),
        rows=tuple(rows),
        cells=tuple(cells),
        notes=tuple(dict.fromkeys(notes)),
        surplus=tuple(surplus),
    )


def _columns(grid: Grid, block: Block, lines: Sequence[Line], width: int) -> _Columns:
    held = {i for line in (*block.header, *lines) for i in line.filled}
    places = [i for i in range(width) if i in held]
    levels = _levels(block.header, width)
    headers = [read_header(levels[i]) for i in places]
    texts = [[_at(line, i).said.code for line in lines] for i in places]
    read = [
        [read_with(text, comma) for text in column]
        for column, comma in zip(texts, commas_of(texts), strict=True)
    ]
    kinds = _kinds(headers, read, texts)
    counts = [_count(block.counts, i) for i in places]
    percent = is_percent(grid.caption)
    unnamed = (f"c{number}" for number in range(1, width + 1))
    columns = [
        Column(
            path=header.path or ((next(unnamed),) if kind is ColumnKind.VALUE else ()),
            kind=kind,
            unit=header.unit or (_unit(said, percent) if kind is ColumnKind.VALUE else ""),
            direction=header.direction,
            n=header.n or count,
        )
        for header, kind, said, count in zip(headers, kinds, read, counts, strict=True)
    ]
    spreads = [spread_of(f"{grid.caption} {' '.join(levels[i])}") for i in places]
    by_line = [list(row) for row in zip(*read, strict=True)]
    return _Columns(places, columns, spreads, by_line)


def _at(line: Line, place: int) -> Piece:
    return line.pieces[place] if place < len(line.pieces) else NOTHING


def _levels(header: Sequence[Line], width: int) -> list[list[str]]:
    """Return the header of each place from the top down; a blank goes on with its left neighbour.

    It does so in forms without spanning cells, where both have a name below.
    """
    rows = [[_at(line, i).text for i in range(width)] for line in header]
    for depth, line in enumerate(header[:-1]):
        if any(piece.span > 1 for piece in line.pieces):
            continue
        below = [any(row[i] for row in rows[depth + 1 :]) for i in range(width)]
        for i in range(1, width):
            if not rows[depth][i] and below[i] and below[i - 1]:
                rows[depth][i] = rows[depth][i - 1]
    return [[row[i] for row in rows] for i in range(width)]


def _kinds(
    headers: Sequence[Header], read: Sequence[Sequence[Reading]], texts: Sequence[Sequence[str]]
) -> list[ColumnKind]:
    kinds = [_kind(*column) for column in zip(headers, read, texts, strict=True)]
    if kinds and kinds[0] is None:
        kinds[0] = ColumnKind.LABEL
    if all(kind in (ColumnKind.VALUE, None) for kind in kinds) and len(kinds) > 1:
        kinds[0] = ColumnKind.LABEL
    return [kind or ColumnKind.VALUE for kind in kinds]


def _kind(header: Header, said: Sequence[Reading], texts: Sequence[str]) -> ColumnKind | None:
    """Return what a column is for; None where all its cells are open."""
    numbers = [one.number for one in said if one.number]
    filled = sum(text.lower() not in OPEN for text in texts)
    sizes = bool(numbers) and all(number.unit in ("B", "M") for number in numbers)
    if is_attribute(header.path) or (sizes and len(numbers) == filled):
        return ColumnKind.ATTRIBUTE
    if not filled and not numbers:
        return None
    meant = MEANT if numbers else (UNCLEAR,)
    numeric = len(numbers) + sum(one.refused in meant for one in said)
    return ColumnKind.VALUE if 2 * numeric > filled else ColumnKind.LABEL


def _unit(said: Sequence[Reading], percent: bool) -> str:
    """Return the unit that all numbers of a column print, or that the caption gives them."""
    numbers = [one.number for one in said if one.number]
    units = {number.unit for number in numbers}
    if len(units) == 1 and units != {""}:
        (unit,) = units
        return "" if unit in MAGNITUDES else unit
    values = [number.printed.value for number in numbers]
    shares = units == {""} and min(values) >= 0 and 1 < max(values) <= 100
    return "percent" if percent and shares else ""


def _count(lines: Sequence[Line], place: int) -> int | None:
    """Return n of a column from rows of n; of several that differ, none."""
    said = [read_number(_at(line, place).said.code).number for line in lines]
    found = {number.printed.value for number in said if number}
    return int(found.pop()) if len(found) == 1 else None


def _has_text(table: _Columns, line: int) -> bool:
    """Say whether a text stands where numbers belong."""
    return any(
        said.refused == "not a number"
        for said, column in zip(table.read[line], table.columns, strict=True)
        if column.kind is ColumnKind.VALUE
    )


def _row_cells(table: _Columns, number: int, line: Line, shifted: bool) -> Iterator[Cell]:
    """Yield the cells of one line; blank ones are left out."""
    bold = _emphasised(table, number, line)
    for i, (place, column) in enumerate(zip(table.places, table.columns, strict=True)):
        piece, said = _at(line, place), table.read[number][i]
        if not piece.said.code:
            continue
        text, refused, value = piece.text, said.refused, _complete(said, table, i)
        if column.kind is not ColumnKind.VALUE:
            refused = ""
        elif shifted and text.lower() not in OPEN:
            refused, value = SHIFTED, None
        if column.kind is ColumnKind.LABEL:
            value = None
        marks = said.marks | piece.said.marks - bold
        yield Cell(number, i, text, value, refused, marks, line.number)


def _complete(said: Reading, table: _Columns, column: int) -> Number | None:
    """Return a number with what its column says of it: unit, and what an uncertainty is."""
    number, unit = said.number, table.columns[column].unit
    if number is None or (number.uncertainty is None and (number.unit or not unit)):
        return number
    spread = table.spreads[column] if number.uncertainty else Spread.UNSTATED
    return replace(number, unit=number.unit or unit, spread=spread)


def _emphasised(table: _Columns, number: int, line: Line) -> frozenset[str]:
    """Return the mark of bold where the row is bold as a whole, which marks no best value."""
    filled = [_at(line, i) for i in table.places if _at(line, i).said.code]
    values = [one for one in table.read[number] if one.number]
    whole = len(values) > 1 and all(BOLD in piece.said.marks for piece in filled)
    return frozenset({BOLD}) if whole else frozenset()


def _labels(table: _Columns, cells: Sequence[Cell]) -> list[str]:
    value = ColumnKind.VALUE
    return [cell.text for cell in cells if table.columns[cell.column].kind is not value]


def _width_notes(line: Line, width: int, beyond: int) -> Iterator[str]:
    where = f"line {line.number}" if line.number else "a row"
    if beyond:
        yield f"{where}: {beyond} more cells than the header"
    elif len(line.pieces) < width:
        yield f"{where}: {width - len(line.pieces)} fewer cells than the header"
