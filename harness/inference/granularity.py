"""Shares and means of whole numbers: which n their digits allow, and which cells no count gives.

Three sources of n: a cell that prints k of n itself, somebody who states it (header or user), and
the digits of a whole column.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
from msgspec.structs import replace

from harness.audit.lattice import Limits, counts, nearest, printable_share
from harness.inference.chance import at_least
from harness.inference.document import Bearing, Finding, RuleEntry
from harness.inference.naming import column_name, joined, of_cell
from harness.inference.tables import Table
from harness.inference.words import is_share
from harness.sheets.ops import Op
from harness.sheets.printed import Printed, Rounding, show
from harness.sheets.sheet import Cell, Number, Spread

SIZES = (*range(2, 1001), 1500, 2000, 2500, 5000, 10000)
"""Numbers of items that are looked for."""
LEAST_CELLS, ON_LATTICE, BUDGET = 10, 0.9, 0.0005
PERCENT, FRACTION = 100, 1
SHOWN = 12
"""Other n that a finding lists."""
TELLING = 4
"""Standard deviations beyond chance from which on the exact probability is worth its time."""


def own_counts(table: Table) -> Iterator[tuple[RuleEntry, list[Finding]]]:
    """Yield, per column, whether cells that print k of n print that share beside it.

    Where most of a table do not, the counts are of something else.
    """
    printed = {
        column: [
            (table.sheet.grid[row, column], number)
            for row, number in table.sheet.values(column)
            if number.n and number.k is not None and not _only_counts(number)
        ]
        for column in table.sheet.value_columns
    }
    every = [number for pairs in printed.values() for _, number in pairs]
    if 2 * sum(map(_prints, every)) < len(every):
        return
    for column, pairs in printed.items():
        if not pairs:
            continue
        wrong = [(cell, number) for cell, number in pairs if not _prints(number)]
        sizes = sorted({number.n or 0 for _, number in pairs})
        follow = len(pairs) - len(wrong), len(pairs)
        entry = _entry(table, column, Op.COUNTS, sizes, follow, "stated", "the cells themselves")
        yield entry, [_wrong_share(table, cell, number, entry) for cell, number in wrong]


def _wrong_share(table: Table, cell: Cell, number: Number, entry: RuleEntry) -> Finding:
    true = show(_true_share(number))
    return of_cell(
        table.sheet,
        cell,
        Bearing.CONTRADICTS,
        Op.COUNTS.value,
        "contradicts the counts that the cell itself prints",
        entry,
        arithmetic=f"{number.k}/{number.n} = {true}; printed {number.printed.text}",
        attainable=(true,),
        power=1.0,
    )


def _true_share(number: Number) -> Fraction:
    """Return the share that the counts of a cell make, in the scale of the value beside them."""
    share = number.unit == "percent" or number.printed.value > 1
    return Fraction((PERCENT if share else FRACTION) * (number.k or 0), number.n or 1)


def _only_counts(number: Number) -> bool:
    """Say whether a cell prints k of n and no value beside it."""
    return "/" in number.printed.text


def _prints(number: Number) -> bool:
    ways = Rounding.NEAREST, Rounding.TRUNCATION
    return any(number.printed.under(way).span.holds(_true_share(number)) for way in ways)


def scale_of(table: Table, column: int) -> int | None:
    """Return what shares of one are printed as in a column, None where it holds no shares."""
    numbers = [one for _, one in table.sheet.values(column)]
    values = [one.printed.value for one in numbers]
    if not values or min(values) < 0:
        return None
    if any(one.unit == "percent" for one in numbers):
        return PERCENT if max(values) <= PERCENT else None
    if any(one.unit for one in numbers):
        return None
    if max(values) <= FRACTION:
        return FRACTION
    return PERCENT if max(values) <= PERCENT else None


def inferred_n(table: Table, derived: Sequence[int]) -> Iterator[tuple[RuleEntry, list[Finding]]]:
    """Yield the columns of shares whose cells are multiples of one over some n.

    Args:
        table: the table.
        derived: columns that other rules make, of which no n is asked.
    """
    for column in table.columns:
        scale = scale_of(table, column)
        counted = any(number.n for _, number in table.sheet.values(column))
        known = column in table.sizes or column in derived or counted
        if known or scale is None or table.headings[table.columns.index(column)].named:
            continue
        cells = _measured(table, column)
        found = _lattice(cells, scale)
        if found is None:
            continue
        n, on, chance, power = found
        follow = int(on.sum()), len(cells)
        entry = _entry(table, column, Op.COUNTS, [n], follow, "inferred", "", scale=scale)
        entry = replace(entry, chance=chance, budget=BUDGET / len(SIZES), power=power)
        step, limits = Fraction(scale), Limits(hi=Fraction(scale))
        off = [
            cell
            for cell, fits in zip(cells, on, strict=True)
            if not fits and not _possible(cell, n, step, limits)
        ]
        yield entry, [_off_lattice(table, cell, entry, n, scale) for cell in off]


def _measured(table: Table, column: int) -> list[Cell]:
    """Return the cells of a column that print a number, without those of totals."""
    rows = set(table.rows) - set(table.total_rows)
    return [table.sheet.grid[row, column] for row, _ in table.sheet.values(column) if row in rows]


def _lattice(
    cells: Sequence[Cell], scale: int
) -> tuple[int, np.ndarray[tuple[int], np.dtype[np.bool_]], float, float] | None:
    """Return (n, which cells are on its lattice, chance, power), None where no n is borne out."""
    printed = [cell.number.printed for cell in cells if cell.number]
    telling = {one.text: i for i, one in enumerate(printed) if 0 < one.value < scale}
    finest = max((one.decimals for one in printed), default=0)
    if len(printed) < LEAST_CELLS or finest > 6 or len(telling) < LEAST_CELLS / 2:
        return None
    steps = 2 * 10**finest
    value = np.array([int(one.value * steps) for one in printed])
    half = np.array([int(one.half * steps) for one in printed])

    def on_lattice(n: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        rest = (value * n) % (scale * steps)
        return np.minimum(rest, scale * steps - rest) <= half * n

    counted = np.array([on_lattice(n).sum() for n in SIZES])
    positions = list(telling.values())
    digits = {one.decimals for one in printed}
    able = np.flatnonzero(counted >= ON_LATTICE * len(printed))
    for at in sorted(able.tolist(), key=lambda at: (-counted[at], at)):  # most cells, smallest n
        kinds = {one: _share(SIZES[at], one, scale) for one in digits}
        chances = [kinds[printed[i].decimals] for i in positions]
        on = on_lattice(SIZES[at])
        fit, mean = int(on[positions].sum()), sum(chances)
        if (fit - mean) ** 2 < TELLING**2 * sum(q * (1 - q) for q in chances) or fit <= mean:
            continue  # no more than chance would bring
        chance = at_least(fit, chances)
        if chance <= BUDGET / len(SIZES):
            return SIZES[at], on, chance, 1 - float(np.mean(chances))
    return None


@lru_cache(maxsize=10_000)
def _share(n: int, decimals: int, scale: int) -> float:
    return printable_share((n,), decimals, Fraction(scale), Limits(hi=Fraction(scale)))


def stated_n(table: Table) -> Iterator[tuple[RuleEntry, list[Finding]]]:
    """Yield the columns whose n somebody states, each with the cells that no count gives.

    An n of the header says nothing of values that are no shares; theirs is not testable.
    """
    for column, n in sorted(table.sizes.items()):
        cells = [cell for cell in _measured(table, column) if cell.number]
        if not cells:
            continue
        scale, source = unit_scale(table, column), table.sources.get(column, "")
        entry = _entry(table, column, Op.GRIM, [n], (0, 0), "stated", source, scale=scale or 1)
        shares = scale == PERCENT or is_share(table.sheet.columns[column].leaf)
        if not shares and column not in table.told:
            text = "is not testable: n is stated, but not that the values are shares of n items"
            yield (
                entry,
                [of_cell(table.sheet, cells[0], Bearing.NOT_TESTABLE, entry.op, text, entry)],
            )
            continue
        yield _of_n(table, cells, entry, n, scale, told=column in table.told)


def _of_n(
    table: Table, cells: Sequence[Cell], entry: RuleEntry, n: int, scale: int | None, *, told: bool
) -> tuple[RuleEntry, list[Finding]]:
    """Return a stated n with the cells that no count gives; a mean of runs has another n."""
    step, limits = Fraction(scale or 1), Limits(hi=None if scale is None else Fraction(scale))
    alone = [cell for cell in cells if cell.number and cell.number.uncertainty is None]
    wrong = [cell for cell in alone if not _possible(cell, n, step, limits)]
    digits = [max(0, cell.number.printed.decimals) for cell in cells if cell.number]
    power = 1 - float(np.mean([_share(n, one, scale or 1) for one in digits]))
    follow = {"support": len(alone) - len(wrong), "rows": len(alone), "power": power}
    entry = replace(entry, **follow)
    off = [_off_lattice(table, cell, entry, n, scale) for cell in wrong]
    return entry, [*off, *spreads(table, cells, n, scale, entry, told=told)]


def unit_scale(table: Table, column: int) -> int | None:
    """Return what shares of one are printed as, where units or range say it beyond doubt.

    Without a percent sign, 3.47 may be a percentage or a mean of ratings: a multiple of 1/n
    either way, which is all that is then asked.
    """
    numbers = [one for _, one in table.sheet.values(column)]
    if any(one.unit == "percent" for one in numbers):
        return PERCENT
    return FRACTION if all(0 <= one.printed.value <= 1 for one in numbers) else None


def _possible(cell: Cell, n: int, scale: Fraction, limits: Limits) -> bool:
    """Say whether a count of n prints like a cell, rounded or cut off."""
    if cell.number is None:
        return True
    if limits.hi is None:
        limits = Limits(lo=cell.number.printed.span.lo)
    ways = (cell.number.printed.under(one) for one in (Rounding.NEAREST, Rounding.TRUNCATION))
    return any(counts(one, n, scale, limits) for one in ways)


def _off_lattice(table: Table, cell: Cell, entry: RuleEntry, n: int, scale: int | None) -> Finding:
    """Return the finding of a cell that no whole count of n gives."""
    assert cell.number is not None  # noqa: S101 - cells of a lattice are numbers
    printed, whole = cell.number.printed, Fraction(scale or 1)
    limits = Limits(hi=None if scale is None else whole)
    ends = nearest(printed, n, whole, limits)
    others = [
        str(other)
        for other in SIZES
        if other <= 1000
        and counts(printed, other, whole, limits)
        and _share(other, printed.decimals, scale or 1) < 1
    ]
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    fit = f"n = {', '.join(others[:SHOWN])}{more}" if others else "no n up to 1000"
    stated = entry.origin == "stated"
    text = (
        f"is no share of {n} items"
        if stated
        else f"does not follow under the rule that {entry.support} of {entry.rows} rows follow"
    )
    return of_cell(
        table.sheet,
        cell,
        Bearing.CONTRADICTS if stated else Bearing.DOES_NOT_FOLLOW,
        entry.op,
        text,
        entry,
        arithmetic=f"{printed.text} * {n} / {whole} = {show(printed.value * n / whole)}, the "
        f"nearest counts give {show(ends[0])} and {show(ends[1])}; {fit} would fit",
        attainable=tuple(show(end) for end in ends),
        power=1 - _share(n, max(0, printed.decimals), scale or 1),
    )


def spreads(
    table: Table, cells: Sequence[Cell], n: int, scale: int | None, entry: RuleEntry, *, told: bool
) -> Iterator[Finding]:
    """Yield the standard deviations that data of n items cannot have beside their mean.

    DEBIT for shares (0/1 data), GRIMMER for whole numbers. An uncertainty of unknown kind is not
    testable; where the user does not say so, one over runs is an innocent reading.
    """
    for cell in cells:
        number = cell.number
        if number is None or number.uncertainty is None:
            continue
        mean, sd = number.printed, number.uncertainty
        kind = Op.DEBIT if scale else Op.GRIMMER
        if number.spread is not Spread.SD:
            text = "is not testable: nobody says whether the uncertainty is a standard deviation"
            yield of_cell(table.sheet, cell, Bearing.NOT_TESTABLE, kind.value, text, entry)
        elif not (debit(mean, sd, n, scale) if scale else grimmer(mean, sd, n)):
            level = Bearing.CONTRADICTS if told else Bearing.DOES_NOT_FOLLOW
            text = f"no data of {n} items have this mean with this standard deviation"
            text += "" if told else ", if it is one over the items and not over runs"
            said = f"mean {mean.text}, standard deviation {sd.text}, n = {n}"
            yield of_cell(table.sheet, cell, level, kind.value, text, entry, arithmetic=said)


def debit(mean: Printed, sd: Printed, n: int, scale: int = 1) -> bool:
    """Say whether some 0/1 data of n items print this mean and standard deviation.

    Either divisor, n and n - 1, is accepted. Source: Heathers and Brown, DEBIT (2019).
    """
    for k in counts(mean, n, Fraction(scale), Limits(hi=Fraction(scale))):
        spread = Fraction(k * (n - k), n) * scale**2
        if any(_squared(sd, spread / divisor) for divisor in (n, n - 1) if divisor):
            return True
    return False


def grimmer(mean: Printed, sd: Printed, n: int) -> bool:
    """Say whether some whole numbers print this mean and standard deviation.

    The sum of squares is whole and has the parity of the sum. Either divisor, n and n - 1, is
    accepted. Source: Anaya, the GRIMMER test (2016), in the form of Allard (2018).
    """
    span = sd.span
    lo, hi = max(span.lo, Fraction(0)), span.hi
    for total in counts(mean, n, Fraction(1), Limits(lo=mean.span.lo)):
        for divisor in (n, n - 1):
            shift = Fraction(total * total, n)
            first = math.ceil(lo * lo * divisor + shift)
            last = math.floor(hi * hi * divisor + shift)
            two = range(first, min(last, first + 1) + 1)  # of which one has the parity of the sum
            if any((squares - total) % 2 == 0 for squares in two):
                return True
    return False


def _squared(sd: Printed, square: Fraction) -> bool:
    span = sd.span
    return max(span.lo, Fraction(0)) ** 2 <= square <= span.hi**2


def _entry(
    table: Table,
    column: int,
    op: Op,
    sizes: Sequence[int],
    follow: tuple[int, int],
    origin: str,
    source: str,
    *,
    scale: int | None = None,
) -> RuleEntry:
    """Return a rule of granularity as it is published."""
    name = column_name(table.sheet, column)
    shown = ", ".join(map(str, sizes[:6])) + (", ..." if len(sizes) > 6 else "")
    return RuleEntry(
        id=f"{table.sheet.id}:{op.value}:{joined(name)}",
        table=table.sheet.id,
        op=op.value,
        result=name,
        inputs=(),
        text=f"{joined(name)} = k of n items, n = {shown}",
        origin=origin,
        support=follow[0],
        rows=follow[1],
        n=tuple(sizes),
        scale=scale,
        source=source,
    )
