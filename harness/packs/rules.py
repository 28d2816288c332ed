"""Rules that somebody states: the rules file, which ``audit --write-rules`` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Literal

from harness.base import Record
from harness.errors import DataError, nearest
from harness.reading import convert, parse_toml, read_text
from harness.sheets.names import plain
from harness.sheets.ops import RATIOS, ROUNDINGS, Op

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
    if rule.rounding and rule.rounding not in ROUNDINGS:
        what = f"unknown rounding {rule.rounding!r}"
        raise DataError(what, where=where, hint=nearest(rule.rounding, ROUNDINGS))
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


def _text(name: Named) -> str:
    return name if isinstance(name, str) else "".join(name)


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
