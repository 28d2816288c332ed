"""Rules that somebody states: the rules file, and what its rules find in tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, Literal

from harness.base import Record
from harness.errors import DataError, nearest
from harness.escaping import line
from harness.inference.document import RuleEntry
from harness.inference.grid import Grid, Source
from harness.inference.ops import Op
from harness.inference.references import beside
from harness.inference.relations import BY_NAME, CONVENTIONS, EXACT, RATIOS, Relation
from harness.inference.rules import Rule, rule_of
from harness.inference.tables import Table, find_column, find_row
from harness.inference.words import plain
from harness.reading import convert, parse_toml, read_text
from harness.sheets.sheet import Sheet

Named = str | tuple[str, ...]
"""A column by the last level of its header, or by all of them; a row by one label, or by all."""
WEIGHED = {Op.WEIGHTED}
SCALED = {Op.COUNTS, Op.GRIM, Op.RATIO}
ALONG_ROW = {Op.RANK, Op.COUNTS, Op.GRIM, Op.TABLE_MEAN}
ONE_INPUT = {Op.RANK, Op.REST, Op.REST_OF_ONE}
COUNTED = {Op.COUNTS, Op.GRIM, Op.GRIMMER, Op.DEBIT}
OPS = {*(op.value for op in Op), "column_total"} - {Op.BEST.value, Op.SECOND.value}


class StatedRule(Record, frozen=True, kw_only=True):
    """One ``[[rule]]`` of a rules file."""

    op: str
    result: Named
    inputs: tuple[Named, ...] = ()
    table: str | int = ""  # caption, position or file; every table that has the columns if empty
    weights: tuple[int | float, ...] = ()
    n: int | dict[str, int] | None = None
    rows: tuple[Named, ...] = ()
    columns: tuple[Named, ...] = ()  # with along = "column"
    scale: int | None = None
    rounding: str = ""
    along: Literal["row", "column"] = "row"
    reference: Named = ()  # row whose cell stands for the last input (difference, ratio)
    source: str = ""
    origin: Literal["stated", "inferred"] = "stated"  # an inferred rule accuses, never contradicts

    @property
    def operation(self) -> Op:
        """Return the operation; a total of a column is a sum of rows."""
        return Op.SUM if self.op == "column_total" else Op(self.op)

    @property
    def down(self) -> bool:
        """Whether it runs down a column."""
        return self.along == "column" or self.op == "column_total"


class RulesFile(Record, frozen=True, kw_only=True):
    """A whole rules file."""

    rule: tuple[StatedRule, ...] = ()


def load_rules(path: Path) -> list[StatedRule]:
    """Read a rules file.

    Raises:
        DataError: no TOML, an unknown key or operation, or constants that a rule has no use for.
    """
    return parse_rules(read_text(path), str(path))


def parse_rules(text: str, where: str) -> list[StatedRule]:
    """Return the rules of a file's text; see ``load_rules``."""
    document = parse_toml(text, where)
    hint = "keys of a rule: " + ", ".join(StatedRule.__struct_fields__)
    rules = convert(document, RulesFile, where, hint=hint).rule
    for number, rule in enumerate(rules, 1):
        _check(rule, f"{where}, rule {number} ({_text(rule.result)})")
    return list(rules)


def _check(rule: StatedRule, where: str) -> None:
    if rule.op not in OPS:
        what = f"unknown operation {rule.op!r}"
        raise DataError(what, where=where, hint=nearest(rule.op, OPS))
    op = rule.operation
    wrong = {
        "weights": bool(rule.weights) and op not in WEIGHED,
        "scale": rule.scale is not None and op not in SCALED,
        "n": rule.n is not None and op not in WEIGHED | COUNTED,
        "reference": bool(rule.reference) and op not in (Op.DIFFERENCE, *RATIOS),
        "columns": bool(rule.columns) and not rule.down,
        'along = "column"': rule.down and op in ALONG_ROW,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise DataError(f"{rule.op} has no {name}", where=where)
    if rule.rounding and rule.rounding not in BY_NAME:
        what = f"unknown rounding {rule.rounding!r}"
        raise DataError(what, where=where, hint=nearest(rule.rounding, BY_NAME))
    if op in WEIGHED and bool(rule.weights) == (rule.n is not None):
        raise DataError("a weighted mean needs weights or n", where=where)
    if rule.weights and (len(rule.weights) != len(rule.inputs) or min(rule.weights) <= 0):
        expected = f"{len(rule.inputs)} positive weights, one for each input"
        raise DataError(f"weights {list(rule.weights)}", expected=expected, where=where)
    if rule.scale not in (None, 1, 100):
        raise DataError(f"scale {rule.scale}", expected="1 or 100", where=where)
    needed = 2 if op in (Op.DIFFERENCE, *RATIOS) else 1 if op in ONE_INPUT else None
    if op in COUNTED:
        if not isinstance(rule.n, int) or rule.n < 1 or rule.inputs:
            raise DataError(f"{rule.op} reads no inputs and needs a whole n", where=where)
    elif (needed is not None and len(rule.inputs) != needed) or not rule.inputs:
        expected = f"{needed or 'at least one'} inputs"
        raise DataError(f"{rule.op} with {len(rule.inputs)}", expected=expected, where=where)


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


def _text(name: Named) -> str:
    return name if isinstance(name, str) else "".join(name)


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


def weights(rule: StatedRule) -> tuple[int, ...]:
    """Return the whole weights of a weighted mean.

    Raises:
        DataError: n does not name each input.
    """
    given: Sequence[int | float] = rule.weights
    if rule.operation in WEIGHED and not given:
        if not isinstance(rule.n, Mapping):
            raise DataError("n of a weighted mean", expected="n = {A = 500, B = 480}")
        by_name = {plain(name): n for name, n in rule.n.items()}
        absent = [one for one in rule.inputs if plain(_text(one)) not in by_name]
        if absent:
            raise DataError(f"n does not name {absent[0]!r}", where=f"rule for {rule.result!r}")
        given = [by_name[plain(_text(one))] for one in rule.inputs]
    exact = [Fraction(str(one)) for one in given]
    common = lcm(*(one.denominator for one in exact)) if exact else 1
    return tuple(int(one * common) for one in exact)


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
