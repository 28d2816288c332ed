"""Printed tables as tables: every cell with how the checks that read it stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from harness.outcomes import SEVERITY, Standing
from harness.packs.pack import Pack
from harness.packs.tables import Table, TableCell
from harness.records import Check, ClaimKind, Verdict
from reports.addresses import Place, address, place_of

STARRED = {"yes": " *", "own": ""}


class PrintedCell(NamedTuple):
    """One printed value, and the checks that read it."""

    anchor: str
    text: str
    word: str  # of the hardest standing, empty where no check reads it
    measured: str  # how the number stands against one that was measured again
    checks: str  # the places of their rows among the claims, parted by spaces, the hardest first


class PrintedRow(NamedTuple):
    """One printed row."""

    name: str
    own: bool
    cells: tuple[PrintedCell | int, ...]  # a number: so many places beside each other are empty


class PrintedTable(NamedTuple):
    """One printed table."""

    anchor: str
    caption: str
    title: str
    edition: str
    current: bool
    columns: tuple[str, ...]
    rows: tuple[PrintedRow, ...]
    counts: tuple[tuple[Standing, int], ...]  # checks by how they stand


Reading = tuple[Standing, Check]


class Readers(NamedTuple):
    """Which checks read a printed cell, the hardest first, and how to point at both."""

    read: Mapping[Place, Sequence[Reading]]
    cells: Mapping[Place, str]
    rows: Mapping[str, int]
    measured: Mapping[Place, str]

    def of(self, cell: TableCell) -> Sequence[Reading]:
        """Return the checks that read a cell."""
        return self.read.get((cell.file, str(cell.line)), ())


def printed_tables(
    pack: Pack,
    checks: Iterable[Check],
    verdicts: Sequence[Verdict],
    cells: Mapping[Place, str],
    rows: Mapping[str, int],
) -> tuple[PrintedTable, ...]:
    """Return the tables of a pack in their order of print.

    Args:
        pack: whose tables are drawn.
        checks: of its audit.
        verdicts: how each of them stands.
        cells: the addresses of printed cells.
        rows: the place of each check among the rows of claims.
    """
    stand = {one.claim: one.standing for one in verdicts if one.kind is ClaimKind.TABLE}
    read: dict[Place, list[Reading]] = {}
    for check in checks:
        for cell in check.cells:
            standing = stand.get(check.id, Standing.UNTESTED)
            read.setdefault(place_of(cell), []).append((standing, check))
    for found in read.values():
        found.sort(key=lambda one: SEVERITY.index(one[0]))
    measured = {
        (one.locator.file or "", str(one.locator.line)): str(one.standing)
        for one in verdicts
        if one.kind is ClaimKind.NUMBER
    }
    readers = Readers(read, cells, rows, measured)
    drawn = [table for table in pack.tables.tables() if not repeated(table, pack)]
    tables = [printed_table(table, readers, pack) for table in drawn]
    return tuple(sorted(tables, key=lambda one: order_of(one, pack)))


def order_of(table: PrintedTable, pack: Pack) -> tuple[bool, bool, bool, str, int]:
    """Return the order of print: the newest edition, what stands beside it, what it supersedes."""
    number = re.search(r"\d+", table.caption)
    newest = table.edition == pack.current.id
    kind = table.caption[: number.start()] if number else table.caption
    other = not kind.startswith("Table")
    return not table.current, not newest, other, kind, int(number[0]) if number else 0


def repeated(table: Table, pack: Pack) -> bool:
    """Say whether an earlier edition prints what the current one does, cell by cell."""
    newest = pack.table(table.title, pack.current.id)
    if newest is None or newest.edition == table.edition:
        return False
    theirs, ours = ({(*c.row, c.metric): c.value for c in one.cells} for one in (newest, table))
    return theirs == ours


def printed_table(table: Table, readers: Readers, pack: Pack) -> PrintedTable:
    """Return one table with its cells coloured by the checks that read them."""
    metrics = tuple(dict.fromkeys(cell.metric for cell in table.cells))
    read = {check.id: standing for cell in table.cells for standing, check in readers.of(cell)}
    return PrintedTable(
        anchor=address(table.name),
        caption=", ".join(dict.fromkeys(cell.table for cell in table.cells)),
        title=", ".join(dict.fromkeys(cell.benchmark for cell in table.cells)),
        edition=table.edition,
        current=all(table.edition != one.supersedes for one in pack.editions),
        columns=metrics,
        rows=tuple(
            printed_row(by_metric, metrics, readers, pack) for by_metric in table.rows.values()
        ),
        counts=tuple((word, count) for word in SEVERITY if (count := [*read.values()].count(word))),
    )


def printed_row(
    by_metric: Mapping[str, TableCell],
    metrics: Sequence[str],
    readers: Readers,
    pack: Pack,
) -> PrintedRow:
    """Return one row; a star marks what the authors ran again, as in print."""
    first = next(iter(by_metric.values()))
    subset = f" · {first.subset}" if first.subset else ""
    cells: list[PrintedCell | int] = []
    for empty, run in groupby(metrics, key=lambda metric: metric not in by_metric):
        names = list(run)
        cells += [len(names)] if empty else [printed_cell(by_metric[m], readers) for m in names]
    return PrintedRow(
        name=f"{first.label}{STARRED.get(first.reproduced_by_authors, '')}{subset}",
        own=pack.is_own(first),
        cells=tuple(cells),
    )


def printed_cell(cell: TableCell, readers: Readers) -> PrintedCell:
    """Return one value with what the checks say that read it, the hardest first."""
    found = readers.of(cell)
    return PrintedCell(
        anchor=readers.cells[cell.file, str(cell.line)],
        text=cell.value or "—",
        word=str(found[0][0]) if found else "",
        measured=readers.measured.get((cell.file, str(cell.line)), ""),
        checks=" ".join(str(readers.rows.get(check.id, "")) for _, check in found),
    )
