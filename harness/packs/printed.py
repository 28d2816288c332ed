"""Tables of a pack in the form in which their source prints them, as cells.

What such a form does not say, and a CSV of cells does, stands in the ``[[table]]`` entry of the
pack: edition, benchmark, units, directions, numbers of items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from harness.errors import DataError, PreconditionError, nearest
from harness.packs.schema import Edition, Manifest, TableNote
from harness.packs.tables import (
    NOT_TABLES,
    NUMBER,
    Table,
    TableCell,
    Tables,
    read_table,
    table_name,
)
from harness.reading import read_bytes
from harness.sheets.printed import Rounding
from harness.sheets.sheet import Cell, Column, ColumnKind, Number, Sheet

T = TypeVar("T", str, int)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s?B\Z", re.ASCII)
_SAYS = ("edition", "benchmark", "subset", "caption", "unit", "direction", "n", "groups")
"""Keys of an entry that say of a table what a CSV of cells says itself."""


def pack_tables(directory: Path, manifest: Manifest) -> Tables:
    """Read the tables of a pack, whatever their form.

    Raises:
        PreconditionError: the directory is absent or empty.
        DataError: a file holds no table, or an entry does not fit its table.
    """
    if not directory.is_dir():
        raise PreconditionError("no such directory of tables", where=str(directory))
    files = (path for path in sorted(directory.iterdir()) if path.is_file())
    paths = [path for path in files if path.name not in NOT_TABLES and path.name[0] != "."]
    if not paths:
        raise PreconditionError(
            "the directory holds no table",
            where=str(directory),
            expected="CSV, Markdown, LaTeX, HTML, JSON or pasted text",
        )
    found: dict[str, Table] = {}
    for path in paths:
        for table in _tables(path, manifest):
            if table.name in found:
                where = f"{path} and {directory / found[table.name].file}"
                raise DataError(f"two tables are called {table.name!r}", where=where)
            found[table.name] = table
    return Tables(found)


def _tables(path: Path, manifest: Manifest) -> Iterator[Table]:
    where = str(path.parent.parent / "pack.toml")
    notes = {note.name: note for note in manifest.table}
    if is_of_cells(path):
        table = read_table(path)
        titles = {table.name, *(table.name.removeprefix(f"{one.id}.") for one in manifest.edition)}
        for note in (notes[title] for title in titles if title in notes):
            said = [name for name in _SAYS if getattr(note, name)]
            if said:
                what = f"the cells of {path.name} say their {said[0]} themselves"
                raise DataError(what, where=where, hint="take the key out")
        yield table
        return
    from harness.sheets.reading import read_sheets  # loads parsers of HTML and Markdown

    for sheet in read_sheets(path):
        name = table_name(sheet.id)
        edition = _edition(name, notes, manifest.edition, where)
        note = notes.get(name.removeprefix(f"{edition.id}.")) or TableNote(name=name)
        yield Table(name, tuple(_cells(sheet, note, edition, where)), edition.id)


def is_of_cells(path: Path) -> bool:
    """Say whether a file is a CSV of cells, which says itself what it is about."""
    if path.suffix != ".csv":
        return False
    header = read_bytes(path).decode("utf-8-sig", "replace").partition("\n")[0]
    return {"source", "metric", "value"} <= set(header.strip().split(","))


def _edition(
    name: str, notes: Mapping[str, TableNote], editions: tuple[Edition, ...], where: str
) -> Edition:
    """Return the edition that prints a table: by its entry, its name, or the only one."""
    said = notes[name].edition if name in notes else ""
    known = [one.id for one in editions]
    if said and said not in known:
        raise DataError(f"no edition {said!r}", where=where, hint=nearest(said, known))
    for edition in editions:
        if edition.id == said or (not said and name.startswith(f"{edition.id}.")):
            return edition
    if len(editions) == 1:
        return editions[0]
    raise DataError(
        f"which edition prints {name!r} is not said",
        where=where,
        expected=f"`edition` in a [[table]] entry of this name: {', '.join(known)}",
    )


def _cells(sheet: Sheet, note: TableNote, edition: Edition, where: str) -> Iterator[TableCell]:
    """Yield the values of a table; one that was not read, or is no plain decimal, stays open."""
    metrics = [_metric(column, note) for column in sheet.columns]
    values = [metrics[i] for i in sheet.value_columns]
    for name in (*_names(note.unit), *_names(note.direction), *_names(note.n), *note.derived):
        if name not in values:
            what = f"the entry of {note.name!r} names the column {name!r}"
            raise DataError(what, where=where, hint=nearest(name, values))
    rows = _row_names(sheet)
    caption = note.caption or sheet.caption or note.name
    for cell in sheet.cells:
        column = sheet.columns[cell.column]
        if column.kind is not ColumnKind.VALUE:
            continue
        metric = metrics[cell.column]
        model, size, variant = rows[cell.row]
        value, decimals = _plain(cell.number)
        n = _of(note.n, metric, column.n or 0)
        yield TableCell(
            file=sheet.id,
            line=cell.line or cell.row + 1,
            source=edition.source,
            table=caption,
            benchmark=note.benchmark or caption,
            subset=note.subset,
            model=model,
            params_b=size,
            variant=variant,
            metric=metric,
            value=value,
            decimals=decimals,
            unit=_of(note.unit, metric, cell.number.unit if cell.number else column.unit),
            higher_is_better={"up": "yes", "down": "no"}.get(
                _of(note.direction, metric, column.direction), ""
            ),
            reproduced_by_authors="unstated",
            note=";".join(_flags(cell, decimals is not None, n)),
        )


def _metric(column: Column, note: TableNote) -> str:
    group = next((name for name, of in note.groups.items() if column.name in of), "")
    return f"{group} / {column.name}" if group else column.name


def _names(said: str | int | Mapping[str, object]) -> Iterator[str]:
    if isinstance(said, Mapping):
        yield from said


def _of(said: T | dict[str, T], metric: str, read: T) -> T:
    """Return what an entry says of a column, else what was read."""
    if isinstance(said, dict):
        return said.get(metric, read)
    return said


def _row_names(sheet: Sheet) -> list[tuple[str, str, str]]:
    """Return model, size in billions and what tells rows of one name apart, for every row."""
    names: list[tuple[str, str, str]] = []
    for number, row in enumerate(sheet.rows):
        cells = [
            cell
            for i, column in enumerate(sheet.columns)
            if column.kind is not ColumnKind.VALUE and (cell := sheet.grid.get((number, i)))
        ]
        groups = row.labels[: len(row.labels) - len(cells)]
        first, others = (cells[0].text, cells[1:]) if cells else (row.name, [])
        sizes = [found[1] for cell in others if (found := _SIZE.match(cell.text))]
        rest = [cell.text for cell in others if not _SIZE.match(cell.text)]
        name = (first, sizes[0] if len(sizes) == 1 else "", " / ".join([*groups, *rest]))
        if name in names:
            name = (*name[:2], f"{name[2]} row {number + 1}".strip())
        names.append(name)
    return names


def _plain(number: Number | None) -> tuple[str, int | None]:
    """Return digits and decimals of a number that has a plain decimal, else an open cell."""
    if number is None or number.printed.rounding is Rounding.EXACT or number.printed.decimals < 0:
        return "-", None
    printed = number.printed
    if NUMBER.match(printed.text):
        return printed.text, printed.decimals
    units = int(printed.value / printed.unit)
    return f"{Decimal(units).scaleb(-printed.decimals):f}", printed.decimals


def _flags(cell: Cell, plain: bool, n: int) -> Iterator[str]:
    """Yield what a cell prints beside its value, as flags of its note."""
    yield from (f"{mark}=yes" for mark in ("bold", "underline") if mark in cell.marks)
    yield from (f"medal={mark[5:]}" for mark in sorted(cell.marks) if mark.startswith("rank:"))
    number = cell.number
    if number is not None and number.n:
        yield from (f"k={number.k}", f"n={number.n}")
    elif n:
        yield f"n={n}"
    if cell.refused or (number is not None and not plain):
        yield f"unread={cell.text.replace(';', ',')}"
