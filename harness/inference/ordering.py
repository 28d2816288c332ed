"""Ranks, and marks of the best and second best, held against the numbers that they order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from harness.inference.chance import at_least
from harness.inference.document import Bearing, Finding, RuleEntry
from harness.inference.naming import column_name, joined, of_cell
from harness.inference.tables import Table
from harness.inference.words import is_rank
from harness.sheets.ops import Op
from harness.sheets.sheet import Cell, Sheet

LEAST_ROWS = 5
RANK_BUDGET = 0.01
"""Chance of a false rule of ranks, shared by columns and directions."""
MARKED_COLUMNS, MARKED_SHARE, MARKED_CHANCE = 3, 0.75, 0.001
"""A mark means the best where so many columns have it, in so many it is, beyond this chance."""
DIRECTIONS = {"up": 1, "down": -1}


class Ranked(NamedTuple):
    """A rank as printed, and the smallest and largest that the ordered column allows."""

    cell: Cell
    rank: Fraction
    lo: int
    hi: int
    rows: int

    @property
    def fits(self) -> bool:
        """Whether the rank is allowed; ties may share any order."""
        return self.lo <= self.rank <= self.hi


def ranks(
    table: Table, stated: Sequence[tuple[int | None, int | None, str]] = ()
) -> Iterator[Held]:
    """Yield the columns of ranks, each with the column that it orders best.

    Args:
        table: the table.
        stated: (column of ranks, ordered column, source) that somebody states.
    """
    for column, by, source in stated:
        if column is None or by is None:
            continue
        readings = [held for way in DIRECTIONS for held in _ranked(table, column, by, way)]
        if readings:
            best = min(readings, key=lambda one: len(one.misfits))
            yield best._replace(stated=True, source=source)
    named = {column for column, _, _ in stated}
    for column in rank_columns(table.sheet):
        if column in named:
            continue
        tried = [
            held
            for by in table.columns
            if by != column
            for way in _ways(table.sheet, by)
            for held in _ranked(table, column, by, way)
        ]
        share = RANK_BUDGET / max(1, len(tried))
        kept = [one._replace(budget=share) for one in tried if one.holds(share)]
        if kept:
            yield min(kept, key=lambda one: (len(one.misfits), one.chance))


class Held(NamedTuple):
    """A column of ranks held against one column, in whole or group by group."""

    column: int
    by: int
    direction: str
    ranked: list[Ranked]
    budget: float = 0.0
    stated: bool = False
    source: str = ""

    @property
    def misfits(self) -> list[Ranked]:
        """Return what the column does not allow."""
        return [one for one in self.ranked if not one.fits]

    @property
    def chances(self) -> list[float]:
        """Return the chance of each rank to be allowed, were it drawn at random."""
        return [(one.hi - one.lo + 1) / one.rows for one in self.ranked]

    @property
    def chance(self) -> float:
        """Return the chance of so many allowed ranks."""
        return at_least(len(self.ranked) - len(self.misfits), self.chances)

    def holds(self, share: float) -> bool:
        """Say whether the numbers bear the rule out."""
        fit = len(self.ranked) - len(self.misfits)
        return (
            len(self.ranked) >= LEAST_ROWS
            and fit >= 0.6 * len(self.ranked)
            and (self.chance <= share)
        )


def rank_columns(sheet: Sheet) -> list[int]:
    """Return the columns whose header says that they hold ranks."""
    return [i for i, one in enumerate(sheet.columns) if is_rank(one.leaf)]


def _ways(sheet: Sheet, column: int) -> list[str]:
    said = sheet.columns[column].direction
    return [said] if said in DIRECTIONS else list(DIRECTIONS)


def _ranked(table: Table, column: int, by: int, way: str) -> Iterator[Held]:
    """Yield the column read as a whole, and group by group where there are groups."""
    groups = table.groups()
    rows = [row for group in groups.values() for row in group]
    scopes = [[rows]] + ([list(groups.values())] if len(groups) > 1 else [])
    for scope in scopes:
        ranked = [one for part in scope for one in _of_rows(table.sheet, column, by, way, part)]
        if ranked:
            yield Held(column, by, way, ranked)


def _of_rows(sheet: Sheet, column: int, by: int, way: str, rows: Sequence[int]) -> Iterator[Ranked]:
    values = {row: one.printed.value * DIRECTIONS[way] for row, one in sheet.values(by)}
    values = {row: values[row] for row in rows if row in values}
    for row in rows:
        cell = sheet.grid.get((row, column))
        rank = _rank(cell)
        if cell is None or rank is None or row not in values:
            continue
        ahead = sum(one > values[row] for one in values.values())
        level = sum(one == values[row] for one in values.values())
        yield Ranked(cell, rank, ahead + 1, ahead + level, len(values))


def _rank(cell: Cell | None) -> Fraction | None:
    if cell is None:
        return None
    if cell.number:
        return cell.number.printed.value
    text = cell.text.strip().lstrip("#").rstrip(".")
    return Fraction(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def rank_findings(table: Table, held: Held) -> tuple[RuleEntry, list[Finding]]:
    """Return a rule of ranks as it is published, and the ranks that do not follow."""
    sheet = table.sheet
    result, by = column_name(sheet, held.column), column_name(sheet, held.by)
    support = len(held.ranked) - len(held.misfits)
    entry = RuleEntry(
        id=f"{sheet.id}:rank:{joined(result)}",
        table=sheet.id,
        op=Op.RANK.value,
        result=result,
        inputs=(by,),
        text=f"{joined(result)} orders {joined(by)}, "
        f"{'larger' if held.direction == 'up' else 'smaller'} is better; ties share any order",
        origin="stated" if held.stated else "inferred",
        support=support,
        rows=len(held.ranked),
        chance=None if held.stated else held.chance,
        budget=None if held.stated else held.budget,
        rounding="exact",
        source=held.source,
        power=1 - sum(held.chances) / len(held.chances),
    )
    findings = []
    for one in held.misfits:
        allowed = tuple(dict.fromkeys((str(one.lo), str(one.hi))))
        level = Bearing.CONTRADICTS if held.stated else Bearing.DOES_NOT_FOLLOW
        text = (
            "is not the place of its value"
            if held.stated
            else (
                f"does not follow under the rule that {support} of {len(held.ranked)} rows follow"
            )
        )
        findings.append(
            of_cell(
                sheet,
                one.cell,
                level,
                Op.RANK.value,
                text,
                entry,
                arithmetic=f"{one.lo - 1} of {one.rows} values are ahead; printed {one.cell.text}, "
                f"possible {' to '.join(allowed)}",
                attainable=allowed,
                power=1 - (one.hi - one.lo + 1) / one.rows,
                changes_rank=True,
            )
        )
    return entry, findings


class Marked(NamedTuple):
    """A column in which a mark stands: the marked cells, those that should be, and the odds."""

    column: int
    marked: list[Cell]
    right: set[int]  # rows that hold the place
    rows: int
    told: bool  # whether the header gives the direction
    upwards: bool  # whether all marks are right where larger is better, or as the header says

    @property
    def wrong(self) -> list[Cell]:
        """Return the marked cells that do not hold the place."""
        return [cell for cell in self.marked if cell.row not in self.right]


def marks(table: Table) -> Iterator[tuple[RuleEntry, list[Finding]]]:
    """Yield what bold and underline mean, where they mean the best or the second best.

    A row that is bold as a whole is emphasis. A column that names no direction is read in the one
    that fits more cells, and accuses nobody in doubt. Columns are read whole or group by group,
    whichever fits more marks. Rows that say their own direction are of several metrics. A row
    that is marked nowhere may be no candidate: people, upper bounds.
    """
    if any(sign in row.name for row in table.sheet.rows for sign in "↑↓"):
        return
    groups = list(table.groups().values())
    whole = [[row for group in groups for row in group]]
    for mark, place, op in (("bold", 1, Op.BEST), ("underline", 2, Op.SECOND)):
        scopes = [whole] + ([groups] if len(groups) > 1 else [])
        readings = [
            [one for column in table.columns for one in _marked(table, column, mark, place, scope)]
            for scope in scopes
        ]
        best = min(readings, key=lambda found: sum(len(one.wrong) for one in found))
        columns = {one.column for one in best}
        fit = [one for one in best if not one.wrong]
        chance = _chance(best, len(scopes))
        if (
            len(columns) >= MARKED_COLUMNS
            and len(fit) >= MARKED_SHARE * len(best)
            and chance <= MARKED_CHANCE
        ):
            yield _mark_findings(table.sheet, best, mark, op, chance)


def _chance(read: Sequence[Marked], scopes: int) -> float:
    """Return the chance of so many right marks: larger better throughout, or each either way."""
    places = [max(len(one.marked), len(one.right)) for one in read]
    odds = [min(1.0, scopes * n / one.rows) for n, one in zip(places, read, strict=True)]
    up = sum(one.upwards for one in read)
    either = [min(1.0, q if one.told else 2 * q) for one, q in zip(read, odds, strict=True)]
    return min(at_least(up, odds), at_least(sum(not one.wrong for one in read), either))


def _marked(
    table: Table, column: int, mark: str, place: int, scope: Sequence[Sequence[int]]
) -> Iterator[Marked]:
    """Yield the marks of a column, one reading per group of rows that has any."""
    sheet = table.sheet
    printed = {row: one.printed.value for row, one in sheet.values(column)}
    if not any(mark in sheet.grid[row, column].marks for row in printed):
        return
    bearers = {cell.row for cell in sheet.cells if cell.marks & {"bold", "underline"}}
    for rows in scope:
        values = {row: printed[row] for row in rows if row in printed}
        cells = [sheet.grid[row, column] for row in values]
        marked = [one for one in cells if mark in one.marks and not _emphasis(table, one.row, mark)]
        if not marked or len(values) < 3 or len(set(values.values())) < 2:
            continue
        ways = _ways(sheet, column)
        likely = {row: value for row, value in values.items() if row in bearers} or values
        right = [_holders(values, place, way) | _holders(likely, place, way) for way in ways]
        told, upwards = len(ways) == 1, all(one.row in right[0] for one in marked)
        found = [Marked(column, marked, rows, len(values), told, upwards) for rows in right]
        yield min(found, key=lambda one: len(one.wrong))


def _holders(values: Mapping[int, Fraction], place: int, way: str) -> set[int]:
    """Return the rows that hold the first or second place."""
    order = sorted(set(values.values()), reverse=way == "up")
    places = set(order[place - 1 : place])
    if place == 2 and sum(one == order[0] for one in values.values()) > 1:
        places.add(order[0])  # two share the first place: some call one of them second
    return {row for row, one in values.items() if one in places}


def _emphasis(table: Table, row: int, mark: str) -> bool:
    """Say whether a row is marked as a whole: three or more numbers, and none without the mark."""
    cells = [table.sheet.grid.get((row, column)) for column in table.columns]
    numbers = [cell for cell in cells if cell and cell.number]
    return len(numbers) >= 3 and all(mark in cell.marks for cell in numbers)


def _mark_findings(
    sheet: Sheet, read: Sequence[Marked], mark: str, op: Op, chance: float
) -> tuple[RuleEntry, list[Finding]]:
    support = sum(not one.wrong for one in read)
    entry = RuleEntry(
        id=f"{sheet.id}:{op.value}",
        table=sheet.id,
        op=op.value,
        result=(mark,),
        inputs=tuple(dict.fromkeys(column_name(sheet, one.column) for one in read)),
        text=f"{mark} marks the {'best' if op is Op.BEST else 'second best'} of a column",
        origin="inferred",
        support=support,
        rows=len(read),
        along="column",
        chance=chance,
        budget=MARKED_CHANCE,
        rounding="exact",
        power=1 - sum(len(one.marked) / one.rows for one in read) / len(read),
    )
    findings = []
    for one in read:
        held = [sheet.grid[row, one.column] for row in sorted(one.right)]
        names = "; ".join(f"{sheet.rows[cell.row].name} {cell.text}" for cell in held)
        findings += [
            of_cell(
                sheet,
                cell,
                Bearing.DOES_NOT_FOLLOW,
                op.value,
                f"is marked {mark}, which does not follow under the rule that {support} of "
                f"{len(read)} columns follow",
                entry,
                inputs=(column_name(sheet, one.column),),
                arithmetic=f"printed {cell.text}; {entry.text.partition(' marks ')[2]}: {names}",
                attainable=tuple(cell.text for cell in held),
                power=1 - len(one.marked) / one.rows,
                changes_best=op is Op.BEST,
            )
            for cell in one.wrong
        ]
    return entry, findings
