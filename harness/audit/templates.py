"""The checks of a pack: its templates over every printed table, expanded to single checks.

Beside them every pack gets the checks that need no template: the same cells in two editions,
figures against tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from harness.audit.cross_checks import cross_checks
from harness.audit.naming import as_ref, row_name, table_label
from harness.audit.rule_checks import rule_checks
from harness.audit.spec import CheckSpec
from harness.errors import DataError
from harness.packs.pack import Pack
from harness.packs.schema import (
    ClaimTemplate,
    ColumnTemplate,
    GrimTemplate,
    MeanOfTable,
    RowTemplate,
)
from harness.packs.tables import Table, TableCell


def checks_of(pack: Pack) -> list[CheckSpec]:
    """Return all checks of a pack.

    Raises:
        DataError: a template names what is not there, or gives no check, or two get one id; says
            which.
    """
    given = pack.templates
    checks = [
        *_expanded(row_checks, given.row, pack),
        *_expanded(grim_checks, given.grim, pack),
        *_expanded(mean_checks, given.mean_of_table, pack),
        *(check for template in given.column for check in column_checks(template, pack)),
        *_expanded(claim_checks, given.claim, pack),
        *cross_checks(pack),
        *rule_checks(pack),
    ]
    names: set[str] = set()
    for check in checks:
        if check.id in names:
            raise DataError(f"two checks have the id {check.id!r}", where=pack.id.path)
        names.add(check.id)
    return checks


def _expanded(
    expand: Callable[[Any, Pack], Iterator[CheckSpec]], templates: Sequence[Any], pack: Pack
) -> Iterator[CheckSpec]:
    for template in templates:
        where = f"{pack.id.path}/checks.toml: {template.id}"
        try:
            checks = list(expand(template, pack))
        except DataError as error:
            raise DataError(
                f"{error.what} ({error.where})", where=where, hint=error.hint
            ) from error
        if not checks:
            raise DataError(
                "this template gives no check", where=where, hint="no row has all of its cells"
            )
        yield from checks


def _check(
    template: RowTemplate | GrimTemplate | MeanOfTable,
    pack: Pack,
    name: str,
    cells: Sequence[TableCell],
    claim: str | None = None,
) -> CheckSpec:
    return CheckSpec(
        id=f"{template.id}.{name}",
        family="granularity" if isinstance(template, GrimTemplate) else "arithmetic",
        table=template.label,
        rule={"op": "mean"} if isinstance(template, MeanOfTable) else dict(template.rule),
        cells=tuple(map(as_ref, cells)),
        sources=pack.sources_of(template.table),
        claims=(claim,) if claim else template.claims,
        origin=template.origin,
        terms=template.terms,
    )


def row_checks(template: RowTemplate, pack: Pack) -> Iterator[CheckSpec]:
    """Yield one check per printed row that has all cells of the template."""
    table = pack.require_table(template.table)
    wanted = [*template.inputs, *filter(None, [template.result])]
    for cells in table.rows.values():
        row = [cells[metric] for metric in wanted if metric in cells]
        if len(row) == len(wanted) and all(cell.decimals is not None for cell in row):
            claim = template.claims_by_variant.get(row[0].variant)
            yield _check(template, pack, row_name(row[0]), row, claim)


def grim_checks(template: GrimTemplate, pack: Pack) -> Iterator[CheckSpec]:
    """Yield granularity checks: one per row, or with ``each`` one per cell."""
    for cells in pack.require_table(template.table).rows.values():
        row = [
            cell
            for metric, cell in cells.items()
            if cell.decimals is not None
            and (not template.cells or metric in template.cells)
            and template.benchmark in ("", cell.benchmark)
        ]
        parts = [[cell] for cell in row] if template.each else [row] if row else []
        for part in parts:
            metric = f"{part[0].metric}." if template.each else ""
            yield _check(template, pack, metric + row_name(part[0]), part)


def mean_checks(template: MeanOfTable, pack: Pack) -> Iterator[CheckSpec]:
    """Yield one check per row and mean whose parts stand in the same row of another table."""
    parts_of = pack.require_table(template.inputs_from)
    rows = {row_name(next(iter(cells.values()))): cells for cells in parts_of.rows.values()}
    for cells in pack.require_table(template.table).rows.values():
        for mean, metrics in template.groups.items():
            if mean not in cells:
                continue
            name = row_name(cells[mean])
            found = [rows[name][one] for one in metrics if one in rows.get(name, {})]
            row = [*(cell for cell in found if cell.decimals is not None), cells[mean]]
            if len(row) > 1 and row[-1].decimals is not None:
                yield _check(template, pack, f"{mean}.{name}", row)


def column_checks(template: ColumnTemplate, pack: Pack) -> Iterator[CheckSpec]:
    """Yield one check per table that has bold cells, or per column for uniform decimals."""
    for table in pack.tables.tables():
        if template.op == "bold_is_max":
            cells = [cell for cell in table.cells if cell.flags.get("bold") == "yes"]
            groups = {"all": cells} if cells else {}
        else:
            groups = columns(table) if pack.table(table.title) is table else {}
        for metric, cells in groups.items():
            yield CheckSpec(
                id=f"{template.id}.{table.name.replace('.', '_')}.{metric}",
                family=template.family,
                table=table_label(table),
                rule={"op": template.op},
                cells=tuple(map(as_ref, cells)),
                sources=(table.source,),
            )


def columns(table: Table) -> dict[str, list[TableCell]]:
    """Return the columns of a table that hold at least three results of one kind."""
    found: dict[str, list[TableCell]] = {}
    for cell in table.cells:
        if cell.is_result:
            found.setdefault(cell.metric, []).append(cell)
    return {metric: cells for metric, cells in found.items() if len(cells) > 2}


def claim_checks(template: ClaimTemplate, pack: Pack) -> Iterator[CheckSpec]:
    """Yield the check of one statement."""
    edition = template.edition
    if template.whole_table:
        whole = pack.require_table(template.whole_table, edition).cells
        cells = [c for c in whole if c.decimals is not None and template.only in c.metric]
    else:
        cells = [pack.cell(*names, edition=edition) for names in template.cells]
    standing = [pack.edition(edition)] if edition else pack.standing
    yield CheckSpec(
        id=template.id,
        family=template.family or ("cross" if template.id.startswith("X") else "claim"),
        table=template.table or table_label(pack.tables.table_of(cells[0])),
        rule=dict(template.rule),
        cells=tuple(map(as_ref, cells)),
        sources=tuple(one.source for one in standing),
        claims=template.claims,
        origin=template.origin,
        terms=template.terms,
    )
