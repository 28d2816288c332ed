"""The checks of a pack's ``rules.toml``: each rule over every printed row that has its cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.audit.naming import as_ref, row_name, table_label
from harness.audit.spec import CheckSpec, Constant
from harness.errors import DataError, nearest
from harness.packs.pack import Pack
from harness.packs.rules import COUNTED, Named, StatedRule, weights
from harness.packs.tables import Table, TableCell
from harness.sheets.names import plain
from harness.sheets.ops import Op
from harness.sheets.printed import Rounding

OPERATIONS = {Op.TABLE_MEAN: "mean", Op.COUNTS: "grim"}
"""Operations of the engine by those of a rules file, where they are called otherwise."""
UNHELD = (Op.RANK, Op.GRIMMER, Op.DEBIT)
ROUNDINGS = {
    **dict.fromkeys(("", "round", "from printed cells"), Rounding.NEAREST),
    "truncate": Rounding.TRUNCATION,
    "ceiling": Rounding.CEILING,
    "exact": Rounding.EXACT,
}


def rule_checks(pack: Pack) -> Iterator[CheckSpec]:
    """Yield the checks of all rules of a pack.

    Raises:
        DataError: a rule names what no table has, or what only ``audit FILE --rules`` holds.
    """
    for number, rule in enumerate(pack.rules, 1):
        where = f"{pack.id.path}/rules.toml, rule {number}"
        if rule.operation in UNHELD or rule.rounding not in ROUNDINGS:
            what = f"a pack has no check for {rule.op} {rule.rounding}".rstrip()
            hint = "hold it with `kairos-eval audit FILE --rules`"
            raise DataError(what, where=where, hint=hint)
        lines = [
            (table, line) for table in _tables(rule, pack) for line in _lines(rule, table, pack)
        ]
        if not lines:
            names = [" / ".join(_path(one)) for one in (rule.result, *rule.inputs)]
            known = {metric for table in pack.tables.tables() for metric in table.columns}
            raise DataError(
                f"no table has all of {', '.join(names)}",
                where=where,
                expected="columns: " + ", ".join(sorted(known)[:60]),
                hint=nearest(names[0], known),
            )
        for table, line in lines:
            yield _check(f"rule{number}", rule, table, line)


def _check(name: str, rule: StatedRule, table: Table, cells: Sequence[TableCell]) -> CheckSpec:
    last, counted = cells[-1], rule.operation in COUNTED
    of = [last.metric] if counted or rule.down else []
    subset = f"@{last.subset}" if last.subset else ""
    return CheckSpec(
        id=".".join([name, table.name, *of, f"{row_name(last)}{subset}"]),
        family="granularity" if counted else "arithmetic",
        table=table_label(table),
        rule={"op": OPERATIONS.get(rule.operation, rule.operation.value), **_constants(rule)},
        cells=tuple(map(as_ref, cells)),
        sources=(table.source,),
        origin=rule.origin,
    )


def _constants(rule: StatedRule) -> dict[str, Constant]:
    given: dict[str, Constant] = {}
    if rule.operation is Op.WEIGHTED:
        given["weights"] = [*weights(rule)]
    if rule.operation in COUNTED and isinstance(rule.n, int):
        given["n"] = rule.n
    if rule.scale is not None:
        given["scale"] = rule.scale
    rounding = ROUNDINGS[rule.rounding]
    return given | ({} if rounding is Rounding.NEAREST else {"rounding": rounding.value})


def _tables(rule: StatedRule, pack: Pack) -> list[Table]:
    """Return the tables that a rule may be about: by position, file, name or caption, or all."""
    said = plain(str(rule.table))
    return [
        one
        for at, one in enumerate(pack.tables.tables(), 1)
        if rule.table in ("", at, str(at), one.name, one.title, one.file)
        or (not said.isdecimal() and said in plain(one.caption))
    ]


def _lines(rule: StatedRule, table: Table, pack: Pack) -> Iterator[list[TableCell]]:
    """Yield inputs and result of a rule wherever a table prints all of them."""
    names = (*rule.inputs, rule.result)
    if rule.down:
        rows = [_row(table, one) for one in names]
        columns = {_column(table, one) for one in rule.columns} or set(table.columns)
        found = [[row.get(one) for row in rows] for one in table.columns if one in columns]
    else:
        parts = _parts_table(rule, table, pack)
        metrics = [_column(parts, one) for one in rule.inputs]
        result = _column(table, rule.result)
        fixed = _row(table, rule.reference) if rule.reference else None
        kept = [_row(table, one) for one in rule.rows] or list(table.rows.values())
        beside = {row_name(next(iter(row.values()))): row for row in parts.rows.values()}
        found = []
        for row in kept:
            mine = beside.get(row_name(next(iter(row.values()))), {}) if parts is not table else row
            inputs = [mine.get(one) for one in metrics]
            if fixed is not None:
                inputs[-1] = None if row is fixed else fixed.get(metrics[-1])
            found.append([*inputs, row.get(result)])
    for line in found:
        cells = [cell for cell in line if cell is not None and cell.decimals is not None]
        if len(cells) == len(names):
            yield cells


def _parts_table(rule: StatedRule, table: Table, pack: Pack) -> Table:
    """Return the table that holds the inputs: the same, unless it is the mean of another's."""
    if rule.operation is not Op.TABLE_MEAN:
        return table
    others = (one for one in pack.tables.tables() if one is not table)
    return next((one for one in others if all(_column(one, it) for it in rule.inputs)), table)


def _path(name: Named) -> tuple[str, ...]:
    return (name,) if isinstance(name, str) else name


def _column(table: Table, name: Named) -> str:
    """Return the metric of a column by all levels of its header, or by the last alone; or none."""
    wanted = plain("".join(_path(name)))
    for reading in (lambda it: it, lambda it: it.rpartition(" / ")[2]):
        found = [one for one in table.columns if plain(reading(one)) == wanted]
        if len(found) == 1:
            return found[0]
    return ""


def _row(table: Table, name: Named) -> Mapping[str, TableCell]:
    """Return a row by all of its labels, or by one that no other row has; or none."""
    wanted = {plain(part) for part in _path(name)}
    rows = [(_labels(next(iter(row.values()))), row) for row in table.rows.values()]
    found = [row for labels, row in rows if labels == wanted]
    found = found or [row for labels, row in rows if wanted <= labels]
    return found[0] if len(found) == 1 else {}


def _labels(cell: TableCell) -> set[str]:
    size = [f"{cell.params_b}B"] if cell.params_b else []
    return {plain(part) for part in (cell.model, *size, *cell.variant.split(" / ")) if part}
