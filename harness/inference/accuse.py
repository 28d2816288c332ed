"""From rules to findings: which cells do not follow, with the arithmetic and what would change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from harness.inference.document import Bearing, Finding, Name, RuleEntry
from harness.inference.grid import ABOVE, Source
from harness.inference.naming import column_name, joined, of_cell, row_name
from harness.inference.relations import ROUND, written
from harness.inference.rules import Rule
from harness.sheets.ops import RATIOS, Op
from harness.sheets.printed import Span, show
from harness.sheets.sheet import Cell, Sheet

POSSIBLE = "possible"


def field_name(rule: Rule, source: Source) -> Name:
    """Return the name of an input: a column, or a row of a rule that runs down a column."""
    grid = rule.grid
    for line in [*np.flatnonzero(rule.usable).tolist(), *range(len(grid.cells))]:
        cell = grid.cells[grid.line(line, source)][source.field]
        if cell is not None:
            sheet = grid.sheets[source.field]
            if grid.along == "column":
                return row_name(sheet, cell.row)
            return column_name(sheet, cell.column)
    return ()


def entry(rule: Rule, table: str, rule_id: str) -> RuleEntry:
    """Return a rule as it is published."""
    relation = rule.relation
    names = [field_name(rule, one) for one in relation.inputs]
    result = field_name(rule, Source(relation.result))
    line = next((one.line for one in relation.inputs if one.line is not None), None)
    reference: Name = ()
    shown = list(map(joined, names))
    if line is not None:
        cell = next(one for one in rule.grid.cells[max(line, 0)] if one is not None)
        reference = row_name(rule.grid.sheets[0], cell.row) if line != ABOVE else ()
        said = joined(reference) or "the reference above"
        shown = [
            f"{name} of {said}" if one.line is not None else name
            for name, one in zip(shown, relation.inputs, strict=True)
        ]
    return RuleEntry(
        id=rule_id,
        table=table,
        op=relation.op.value,
        result=result,
        inputs=tuple(names),
        text=f"{joined(result)} = {relation.formula(shown)}",
        origin="stated" if rule.stated else "inferred",
        support=rule.support,
        rows=rule.rows,
        along=rule.grid.along,
        weights=relation.weights,
        scale=RATIOS.get(relation.op),
        reference=reference,
        chance=rule.chance if rule.budget < 1 else None,
        budget=rule.budget if rule.budget < 1 else None,
        rounding=rule.convention.name,
        fits={one.name: rule.count(one) for one in rule.fits},
        ties=ties(rule),
        source=rule.source,
        power=rule.power,
    )


def ties(rule: Rule) -> str:
    """Return which way exact ties were rounded: half up, half to even, both, or nothing to see.

    A tie is a result that lies half way between two prints when it is computed from printed cells.
    """
    seen: set[str] = set()
    if rule.relation.op in RATIOS:
        return ""
    for line in np.flatnonzero(rule.usable).tolist():
        printed = rule.grid.printed(line, Source(rule.relation.result))
        places = rule.relation.value(rule.grid, line) / printed.unit
        if places.denominator != 2 or abs(places - printed.value / printed.unit) != Fraction(1, 2):
            continue
        last = int(printed.value / printed.unit)
        up = printed.value / printed.unit > places
        if (last % 2 == 0) != up:
            seen.add("half up" if up else "half to even")
    return " and ".join(sorted(seen))


def accusations(rule: Rule, entry: RuleEntry, sheet: Sheet) -> list[Finding]:
    """Return a finding for each line that does not follow a rule and none that competes with it."""
    grid, relation, found = rule.grid, rule.relation, []
    for line in rule.misfits:
        cell = grid.cell(line, Source(relation.result))
        rival = next((one for one in rule.competing if _follows(one, line)), None)
        convention = rule.fixed or rule.convention
        span = relation.attainable(grid, line, convention)
        printed = grid.printed(line, Source(relation.result))
        inputs = [grid.printed(line, one).text for one in relation.inputs]
        arithmetic = (
            f"{relation.formula(inputs)} = {show(relation.value(grid, line))}, attainable "
            f"{span}; printed {written(printed.under(convention.result))}"
        )
        if rival is not None:
            text = f"fits {rival.relation.op} instead of the rule of its column"
            found.append(
                of_cell(sheet, cell, Bearing.NOTE, entry.op, text, entry, arithmetic=arithmetic)
            )
            continue
        own = sheet.grid[cell.row, cell.column] is cell  # not the gain that stands beside it
        rank, best = consequence(sheet, cell, span) if own else (None, None)
        level, text = bearing(rule, entry, line)
        text += "; the unweighted mean fits" if _fits_unweighted(rule, line) else ""
        found.append(
            of_cell(
                sheet,
                cell,
                level,
                entry.op,
                text,
                entry,
                arithmetic=arithmetic,
                attainable=(show(span.lo), show(span.hi)),
                power=float(1 - rule.chances[line]),
                changes_rank=rank,
                changes_best=best,
            )
        )
    return found


def bearing(rule: Rule, entry: RuleEntry, line: int) -> tuple[Bearing, str]:
    """Return how hard a miss weighs, and the sentence that says why.

    What a stated rule excludes contradicts it, unless it fits with digits cut off and nobody says
    how the numbers were rounded; an inferred rule excludes nothing.
    """
    if not rule.stated:
        follow = f"{entry.support} of {entry.rows} {entry.lines}"
        return Bearing.DOES_NOT_FOLLOW, f"does not follow under the rule that {follow} follow"
    told = f" ({rule.source})" if rule.source else ""
    others = [] if rule.fixed else [one for one in rule.fits if rule.fits[one][line]]
    if others:
        return Bearing.DOES_NOT_FOLLOW, f"fits the stated rule{told} only under {others[0].name}"
    return Bearing.CONTRADICTS, f"contradicts the stated rule{told}"


def _fits_unweighted(rule: Rule, line: int) -> bool:
    """Say whether a cell that misses a weighted mean is the plain mean of the same inputs."""
    if rule.relation.op is not Op.WEIGHTED:
        return False
    plain = replace(rule.relation, op=Op.MEAN, weights=())
    return bool(plain.fits(rule.grid, rule.fixed or ROUND)[line])


def _follows(rule: Rule, line: int) -> bool:
    return bool(rule.usable[line] and rule.follows[line])


def consequence(sheet: Sheet, cell: Cell, span: Span) -> tuple[bool | str, bool | str]:
    """Say whether any attainable value would change the cell's rank, or whether it is best.

    Where the header gives no direction, best means either end of the column.
    """
    others = [one.printed.value for row, one in sheet.values(cell.column) if row != cell.row]
    printed = next(one.printed.value for row, one in sheet.values(cell.column) if row == cell.row)

    def place(value: Fraction) -> tuple[int, int]:
        return sum(one > value for one in others), sum(one < value for one in others)

    direction = sheet.columns[cell.column].direction

    def best(value: Fraction) -> tuple[bool, ...]:
        above, below = place(value)
        return {"up": (above == 0,), "down": (below == 0,)}.get(direction, (above == 0, below == 0))

    return _changed(place, printed, span), _changed(best, printed, span)


def _changed(
    reading: Callable[[Fraction], tuple[int, ...]], printed: Fraction, span: Span
) -> bool | str:
    changed = {reading(value) != reading(printed) for value in (span.lo, span.hi)}
    return changed.pop() if len(changed) == 1 else POSSIBLE
