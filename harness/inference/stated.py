"""What rules that somebody states find in tables, and the rules file of those that were found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import DataError, nearest
from harness.escaping import line
from harness.inference.document import RuleEntry
from harness.inference.grid import Grid, Source
from harness.inference.references import beside
from harness.inference.relations import BY_NAME, CONVENTIONS, EXACT, Relation
from harness.inference.rules import Rule, rule_of
from harness.inference.tables import Table, find_column, find_row
from harness.packs.rules import OPS, Named, StatedRule, weights
from harness.sheets.names import plain
from harness.sheets.ops import Op
from harness.sheets.sheet import Sheet


def chosen(rule: StatedRule, tables: Sequence[Table]) -> list[Table]:
    """Return the tables that a rule is about: the one it names, else all that have its result."""
    if rule.table == "":
        return [one for one in tables if _has(one, rule)]
    return [
        one
        for at, one in enumerate(tables, 1)
        if rule.table in (at, str(at), one.sheet.file, Path(one.sheet.file).name, one.sheet.id)
        or (str(rule.table) and plain(str(rule.table)) in plain(one.sheet.caption))
    ]


def _has(table: Table, rule: StatedRule) -> bool:
    place = find_row if rule.down else find_column
    names = [rule.result] if rule.operation is Op.TABLE_MEAN else [rule.result, *rule.inputs]
    return all(place(table.sheet, one) is not None for one in names)


def held(rule: StatedRule, table: Table, tables: Sequence[Table]) -> Rule:
    """Return a stated relation held against a table.

    Raises:
        DataError: a column or row that the rule names is not there, or there twice.
    """
    sheet, op = table.sheet, rule.operation
    place = find_row if rule.down else find_column
    results = _found(rule, table, place, [rule.result])
    if op is Op.TABLE_MEAN:
        grid, inputs = _of_another_table(rule, table, tables)
        relation = Relation(op, table.columns.index(results[0]), inputs)
    else:
        fields = list(dict.fromkeys([*results, *_found(rule, table, place, rule.inputs)]))
        rows = [row for row in range(len(sheet.rows)) if row in table.rows]
        if rule.down:
            grid = Grid.of(sheet, fields, sheet.value_columns).turned()
        else:
            grid = Grid.of(sheet, rows, fields)
        where = [fields.index(one) for one in _found(rule, table, place, rule.inputs)]
        sources = [Source(one) for one in where]
        if rule.reference:
            line = rows.index(_found(rule, table, find_row, [rule.reference])[0])
            sources[-1] = Source(where[-1], line)
        relation = Relation(
            Op.PERCENT if op is Op.RATIO and rule.scale == 100 else op,
            0,
            tuple(sources),
            weights(rule),
        )
    return _narrowed(rule, table, rule_of(relation, grid))


def _narrowed(rule: StatedRule, table: Table, found: Rule) -> Rule:
    """Return a held relation on the rows that the rule names, in the rounding that it fixes."""
    usable, fits = found.usable, found.fits
    names, place = (rule.columns, find_column) if rule.down else (rule.rows, find_row)
    if names:
        kept = set(_found(rule, table, place, names))
        lines = [
            {cell.column if rule.down else cell.row for cell in line if cell} & kept
            for line in found.grid.cells
        ]
        usable = usable & [bool(one) for one in lines]
    fixed = BY_NAME[rule.rounding] if rule.rounding else None
    if fixed is not None:
        fits = {fixed: found.relation.fits(found.grid, fixed)}
    return replace(
        found,
        usable=usable,
        fits=fits,
        stated=rule.origin == "stated",
        source=rule.source,
        fixed=fixed,
        named=True,
    )


def _found(rule: StatedRule, table: Table, place: Any, names: Sequence[Named]) -> list[int]:
    found = []
    for name in names:
        at = place(table.sheet, name)
        if at is None:
            what = "row" if place is find_row else "column"
            known = [
                one.name for one in (table.sheet.rows if what == "row" else table.sheet.columns)
            ]
            raise DataError(
                f"no {what} {name!r}, or several, in {table.sheet.id}",
                where=f"rule for {rule.result!r}",
                hint=nearest(str(name), known[:200]) if isinstance(name, str) else "",
            )
        found.append(at)
    return found


def _of_another_table(
    rule: StatedRule, table: Table, tables: Sequence[Table]
) -> tuple[Grid, tuple[Source, ...]]:
    for other in tables:
        at = [find_column(other.sheet, name) for name in rule.inputs]
        if other is table or any(one not in other.columns for one in at):
            continue
        rows = {other.sheet.rows[row].labels: row for row in other.rows}
        joined = [rows.get(table.sheet.rows[row].labels) for row in table.rows]
        first = len(table.columns)
        sources = (Source(first + other.columns.index(one)) for one in at if one is not None)
        return beside(table, other, joined), tuple(sources)
    raise DataError("no other table has the inputs", where=f"rule for {rule.result!r}")


def write_rules(entries: Sequence[RuleEntry], sheets: Sequence[Sheet]) -> str:
    """Return inferred rules as a rules file, to be confirmed, corrected and given back.

    Rules that no rules file holds (marks, counts in cells) are left out; one whose names are not
    unique in its table stands as a remark.

    Args:
        entries: rules of an audit.
        sheets: its tables, in the order in which files were read.
    """
    lines = [
        "# Rules that the numbers bear out. To confirm one, correct it where it is wrong, drop its",
        "# line `origin`, and say in `source` where it is stated; give the file back with --rules.",
    ]
    at = {sheet.id: position for position, sheet in enumerate(sheets, 1)}
    for entry in entries:
        if entry.op not in OPS or (entry.op == Op.COUNTS.value and not entry.scale):
            continue
        position = at[entry.table]
        follow = f"# {entry.support} of {entry.rows} {entry.lines} follow"
        lines += ["", follow]
        if _unique(entry, sheets[position - 1]):
            lines += ["[[rule]]", *_written(entry, position)]
        else:
            lines.append(f"# {line(entry.text)}: several columns or rows have one of these names")
    return "\n".join([*lines, ""])


def _unique(entry: RuleEntry, sheet: Sheet) -> bool:
    """Say whether every name of a rule is that of one column or row."""
    if entry.op == Op.TABLE_MEAN.value:
        return True
    place = find_row if entry.along == "column" else find_column
    names = [entry.result, *entry.inputs]
    found = [place(sheet, one) for one in names]
    found += [find_row(sheet, entry.reference)] if entry.reference else []
    own = len(set(names)) + len(entry.reference[:1])  # a reference names its column twice
    return None not in found and own >= len(names) and len(set(found)) >= len(set(names))


def _written(entry: RuleEntry, position: int) -> Iterator[str]:
    yield f"table = {position}"
    yield f"op = {_toml(entry.op)}"
    yield f"result = {_toml(_shortest(entry.result))}"
    if entry.inputs:
        yield f"inputs = [{', '.join(_toml(_shortest(one)) for one in entry.inputs)}]"
    if entry.weights:
        yield f"weights = {list(entry.weights)}"
    if entry.n and entry.op in (Op.COUNTS.value, Op.GRIM.value):
        yield f"n = {entry.n[0]}"
        yield f"scale = {entry.scale}"
    if entry.along == "column":
        yield 'along = "column"'
    if entry.reference:
        yield f"reference = {_toml(entry.reference)}"
    if entry.rounding not in (CONVENTIONS[0].name, EXACT.name):
        yield f"rounding = {_toml(entry.rounding)}"
    yield f"source = {_toml(entry.source)}"
    if entry.origin == "inferred":
        yield 'origin = "inferred"'


def _shortest(name: tuple[str, ...]) -> str | tuple[str, ...]:
    return name[0] if len(name) == 1 else name


def _toml(value: str | tuple[str, ...]) -> str:
    """Write a string or a list of strings; JSON's escapes are TOML's."""
    if not isinstance(value, str):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
