"""Printed rankings: what places rest on rows that the authors of a table ran themselves.

A table's stars say that its authors ran another model; a second run could have come out elsewhere.
Beside that stand the rounding of what is printed and, where a suite says how many samples are
behind a cell, the widest interval that the printed means allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from harness.errors import DataError, nearest
from harness.evidence import Bars, DataTable
from harness.notebook import Notebook
from harness.packs.pack import Pack
from harness.packs.published import published
from harness.packs.tables import ASSIGNED, Table, TableCell
from harness.protocols import OFFICIAL, Column, Suite, SuiteInfo
from harness.records import Reported
from harness.stats.intervals import z_quantile
from harness.stats.rankings import NO_RIVAL, NO_STARRED, TIED_FIRST, Entry, Places, Ranking, plain

SECTION = "rankings"
WORDS = {
    NO_STARRED: "no row is marked as run by the authors, so nothing can be tested",
    TIED_FIRST: "the first place is shared",
    NO_RIVAL: "there is no other row",
}
NO_INTERVAL = "no interval"
_SIGNIFICANT = Fraction(1, 10_000)  # grain of a half width: far below what is printed


def row_id(cell: TableCell) -> str:
    """Return how a row of a ranking is called: model, size and variant."""
    return f"{cell.model}|{cell.params_b}|{cell.variant}"


@dataclass(frozen=True)
class PrintedRanking:
    """One printed column of one setting, its rows in the order of the table."""

    table: Table
    metric: str
    cells: tuple[TableCell, ...]
    ranking: Ranking
    focus: str  # id of the authors' best row, or of the first

    @property
    def id(self) -> str:
        """Return the name by which verdicts cite it."""
        return f"ranking/{self.table.name}/{self.title}"

    @property
    def title(self) -> str:
        """Return the column's name as one reads it."""
        first = self.cells[0]
        shared = {cell.variant for cell in self.cells} == {first.variant}
        variant = f"({first.variant})" if shared and first.variant else ""
        return " ".join(filter(None, (first.benchmark, first.subset, self.metric, variant)))

    @cached_property
    def labels(self) -> dict[str, str]:
        """Return the rows' names as one reads them, by id; starred ones with a star."""
        starred = set(self.ranking.starred)
        return {row_id(c): c.label + " *" * (row_id(c) in starred) for c in self.cells}

    @property
    def said(self) -> str:
        """Return in a sentence or two what the first place and the authors' row rest on."""
        first, ranks = self.ranking.first(), self.ranking.ranks()
        leader = next(self.labels[name] for name in ranks if ranks[name] == 1)
        if first.value is None:
            return f"{self.title}: {WORDS.get(first.reason, first.reason)}"
        mine, alone = self.ranking.to_tie(self.focus), self.ranking.ranks(without_starred=True)
        parts = [
            f"{self.title}: {leader} is first alone until rows that the authors ran themselves (*) "
            f"move by {number(first.value)} ({self.labels[str(first.rival)]})"
        ]
        if self.focus in alone and mine is not None:
            tie = (
                f"ties with another row at a shift of {number(mine)}"
                if mine
                else "shares its place"
            )
            parts.append(
                f"{self.labels[self.focus]} is {ranks[self.focus]} of {len(ranks)}, "
                f"{alone[self.focus]} of {len(alone)} without them, and {tie}"
            )
        return "; ".join(filter(None, (*parts, self.within)))

    @property
    def within(self) -> str:
        """Return the rank of the authors' row within intervals; nothing where there are none."""
        sampled = self.ranking.sampled() or {}
        places = shown(sampled[self.focus]) if sampled else ""
        return places and f"within the widest intervals {self.labels[self.focus]} is {places}"


def number(value: Fraction | None) -> str:
    """Write an exact number with the digits it has."""
    return "" if value is None else f"{float(value):g}"


def shown(places: Places) -> str:
    """Write a rank, or the range of ranks."""
    return str(places[0]) if places[0] == places[1] else f"{places[0]} to {places[1]}"


class Sizes(NamedTuple):
    """What a suite knows of the cells of a table: how many samples, and which columns."""

    info: SuiteInfo
    reported: Reported


Known = Mapping[tuple[str | None, int | None], Sizes]
"""What is known of published cells, by file and line."""


def sizes_of(pack: Pack, suites: Mapping[str, Suite]) -> Known:
    """Return what is known of each published cell whose number of samples the pack says."""
    return {
        (one.locator.file, one.locator.line): Sizes(suite.info, one)
        for name, suite in suites.items()
        for one in published(pack, name)
        if one.n
    }


def half_width(cell: TableCell, table: Table, known: Known) -> Fraction | None:
    """Return half of the widest 95 % interval that the printed means allow, samples independent.

    A mean at the end of its range shows no spread, so it has none.
    """
    sizes = known.get((cell.file, cell.line))
    variance = largest_variance(cell, table, sizes.info) if sizes else None
    if sizes is None or not variance or not sizes.reported.n:
        return None
    half = z_quantile(0.95) * math.sqrt(variance / sizes.reported.n)
    return Fraction(half).limit_denominator(_SIGNIFICANT.denominator)


def largest_variance(cell: TableCell, table: Table, info: SuiteInfo) -> float | None:
    """Return the largest variance of one sample in a column, in the printed unit.

    A value between two ends with mean m has at most ``(m - lo)(hi - m)``. A sum of metrics that
    are printed beside it has at most the sum of theirs, the metrics taken as independent. Sums of
    columns over other samples, and ratios of sums, have no such bound here.
    """
    columns = {one.name: one for one in info.columns.get(OFFICIAL, ())}
    column = columns.get(cell.metric)
    if column is None or column.of or column.weighted_by:
        return None
    printed = table.rows[cell.row]
    singles = {
        next(iter(one.weights)): one
        for one in columns.values()
        if len(one.weights) == 1 and one.name in printed and printed[one.name].is_result
    }
    if len(column.weights) > 1 and column.weights.keys() <= singles.keys():
        return sum(
            (weight * column.scale / (singles[m].weights[m] * singles[m].scale)) ** 2
            * _bound(float(printed[singles[m].name].value), singles[m])
            for m, weight in column.weights.items()
        )
    return _bound(float(cell.value), column)


def _bound(mean: float, column: Column) -> float:
    low, high = column.ends
    return max(mean - low, 0.0) * max(high - mean, 0.0)


def ranking_of(
    pack: Pack,
    table: Table,
    cells: Sequence[TableCell],
    known: Known,
    *,
    unstated_as_starred: bool = False,
    focus: str = "",
) -> PrintedRanking:
    """Return the ranking of printed cells of one metric and setting.

    Raises:
        DataError: fewer than two rows, no direction, or no row of the name ``focus``.
    """
    where, first = f"{table.name}, {cells[0].metric}", cells[0]
    directions = {cell.higher_is_better for cell in cells}
    if len(cells) < 2 or len(directions) > 1 or not directions <= {"yes", "no"}:
        raise DataError(
            "no ranking",
            where=where,
            expected="two printed rows or more, and one word in higher_is_better: yes or no",
        )
    marks = {"yes", *(["unstated", ""] if unstated_as_starred else [])}
    entries = [
        Entry(
            row_id(cell),
            Fraction(cell.value),
            cell.decimals or 0,
            cell.reproduced_by_authors in marks and not pack.is_own(cell),
            half_width(cell, table, known),
        )
        for cell in cells
    ]
    ranking = Ranking(entries, higher_is_better=first.higher_is_better == "yes")
    ranks = ranking.ranks()
    own = [row_id(cell) for cell in cells if pack.is_own(cell)]
    if focus and focus not in ranks:
        raise DataError(f"no row {focus!r}", where=where, hint=nearest(focus, ranks))
    chosen = focus or min(own or ranks, key=ranks.__getitem__)
    return PrintedRanking(table, first.metric, tuple(cells), ranking, chosen)


def settings_of(table: Table, metric: str) -> dict[tuple[str, str], list[TableCell]]:
    """Return the results of a metric by benchmark and subset."""
    found: dict[tuple[str, str], list[TableCell]] = {}
    for cell in table.columns.get(metric, ()):
        if cell.is_result:
            found.setdefault((cell.benchmark, cell.subset), []).append(cell)
    return found


def printed_rankings(pack: Pack, suites: Mapping[str, Suite]) -> list[PrintedRanking]:
    """Return every ranking of several models in the current edition's tables of results."""
    known = sizes_of(pack, suites)
    return [
        ranking_of(pack, table, cells, known)
        for table in pack.tables.tables()
        if table.edition == pack.current.id and pack.kind_of(table) == "results"
        for metric in table.columns
        for setting in settings_of(table, metric).values()
        for cells in by_variant(setting)
        if len({cell.model for cell in cells}) > 1
        and {cell.higher_is_better for cell in cells} in ({"yes"}, {"no"})
        and not any(ASSIGNED in cell.flags for cell in cells)
    ]


def by_variant(cells: Sequence[TableCell]) -> list[list[TableCell]]:
    """Return cells apart where variants are settings: each row has one, each stands in two rows."""
    found: dict[str, list[TableCell]] = {}
    for cell in cells:
        found.setdefault(cell.variant, []).append(cell)
    apart = "" not in found and all(len(rows) > 1 for rows in found.values())
    return list(found.values()) if apart else [list(cells)]


def drawings(rankings: Sequence[PrintedRanking], pack: Pack) -> Iterator[DataTable]:
    """Yield one table of all rankings, then one panel per table that has starred rows.

    Of a table without such rows the one table shows the column of its panel alone.
    """
    if not rankings:
        return
    panels = panels_of(rankings, pack)
    book = Notebook("rankings", SECTION, {"pack": pack.id.digest})
    columns = ("column", "rows", "starred", "first", "changes at", "by", "together", "own row")
    columns += ("rank", "without starred", "rounding", "intervals", "ties at")
    yield book.table(
        "What printed places rest on",
        "Starred rows are those that the authors of the table ran themselves. 'changes at' is the "
        "smallest shift of starred rows, each by up to so much, at which another row ties with the "
        "first; 'together' when all move alike. Of the authors' row, or the first where there is "
        "none: its rank, without starred rows, by rounding alone, and within the widest intervals "
        "that printed means and n allow, samples independent, where n is known and no mean lies at "
        "the end of its range; 'ties at' is the shift at which it ties with any row.",
        columns,
        [summary(one) for one in rankings if one.ranking.starred or one in panels],
    )
    yield from (places(one, book) for one in panels if one.ranking.starred or one.ranking.sampled())


def places(one: PrintedRanking, book: Notebook) -> DataTable:
    """Return the places that the rows of a ranking could have, with bars of them."""
    first, ranks = one.ranking.first(), one.ranking.ranks()
    alone = one.ranking.ranks(without_starred=True)
    at = f"starred shift of {number(first.value)}" if first.value else "no shift"
    sets = {
        at: one.ranking.shifted(first.value or Fraction(0)),
        "rounding": one.ranking.rounded(),
        "intervals": one.ranking.sampled() or {},
    }
    cells = sorted(one.cells, key=lambda cell: ranks[row_id(cell)])
    names = [row_id(cell) for cell in cells]
    moved = f"if rows with * move by {number(first.value)}"
    drawn = {"intervals": "within the widest intervals", at: moved, "rounding": "by rounding"}
    return book.table(
        f"Ranks: {one.title}",
        (one.said if one.ranking.starred else f"{one.title}: {one.within}") + ".",
        ("row", "printed", "rank", "without starred", *sets),
        [
            (
                one.labels[name],
                cell.value,
                ranks[name],
                alone.get(name, "out"),
                *(shown(found[name]) if found else NO_INTERVAL for found in sets.values()),
            )
            for name, cell in zip(names, cells, strict=True)
        ],
        Bars(
            label="rank",
            at=tuple(ranks[name] for name in names),
            spans=tuple(
                (said, tuple(map(sets[kind].get, names)))
                for kind, said in drawn.items()
                if sets[kind] and kind != "no shift"
            ),
            focus=names.index(one.focus),
        ),
    )


def summary(one: PrintedRanking) -> tuple[str | int | float | None, ...]:
    """Return a ranking's row of the table of all rankings."""
    ranking, focus = one.ranking, one.focus
    first, ranks, sampled = ranking.first(), ranking.ranks(), ranking.sampled()
    return (
        one.title,
        len(ranks),
        len(ranking.starred),
        ", ".join(one.labels[name] for name in ranks if ranks[name] == 1),
        WORDS.get(first.reason, first.reason) if first.value is None else float(first.value),
        one.labels[first.rival] if first.rival else "",
        plain(first.common),
        one.labels[focus],
        ranks[focus],
        ranking.ranks(without_starred=True).get(focus, "out"),
        shown(ranking.rounded()[focus]),
        shown(sampled[focus]) if sampled else NO_INTERVAL,
        plain(ranking.to_tie(focus)),
    )


def panels_of(rankings: Sequence[PrintedRanking], pack: Pack) -> list[PrintedRanking]:
    """Return of each table the ranking by its last derived column, or by its last."""
    found: dict[str, PrintedRanking] = {}
    for one in rankings:
        note = pack.notes.get(one.table.title)
        if not note or not note.derived or one.metric == note.derived[-1]:
            found[one.table.name] = one
    return list(found.values())
