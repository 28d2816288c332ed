"""Audits of printed tables: the checks of each table, findings first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records import Check, Level
from harness.verdicts import LEVELS
from reports.text import WORST_FIRST, anchor


@dataclass(frozen=True)
class CheckView:
    """One check with the cells it reads."""

    anchor: str
    check: Check
    outcome: str
    level: Level
    power: str
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class AuditTable:
    """The checks of one printed table."""

    name: str
    anchor: str
    counts: tuple[tuple[str, Level, int], ...]
    findings: tuple[CheckView, ...]
    passed: tuple[CheckView, ...]


@dataclass(frozen=True)
class AuditsView:
    """All audited tables, those with most findings first."""

    total: int
    tables: tuple[AuditTable, ...]
    coverage: str


def audits_view(checks: Sequence[Check], coverage: str = "") -> AuditsView:
    """Group checks by the table they read."""
    by_table: dict[str, list[CheckView]] = {}
    for check in checks:
        by_table.setdefault(check.table, []).append(check_view(check))
    tables = [audit_table(name, views) for name, views in by_table.items()]
    tables.sort(key=lambda table: (-len(table.findings), table.name))
    return AuditsView(len(checks), tuple(tables), coverage)


def audit_table(name: str, views: Sequence[CheckView]) -> AuditTable:
    """Return the checks of one table, the worst first, passing ones apart."""
    ranked = sorted(views, key=lambda view: (WORST_FIRST.index(view.level), view.check.id))
    found = Counter((view.outcome, view.level) for view in ranked)
    return AuditTable(
        name=name,
        anchor=anchor("table", name),
        counts=tuple((outcome, level, count) for (outcome, level), count in found.items()),
        findings=tuple(view for view in ranked if view.level is not Level.GOOD),
        passed=tuple(view for view in ranked if view.level is Level.GOOD),
    )


def check_view(check: Check) -> CheckView:
    """Return one check; columns of its cells that are empty throughout are left out."""
    outcome = check.verdict.replace("_", " ")
    rows = [_cell(cell) for cell in check.cells]
    columns = tuple(name for name in _COLUMNS if any(row.get(name) for row in rows))
    return CheckView(
        anchor=check_anchor(check.id),
        check=check,
        outcome=outcome,
        level=LEVELS[outcome],
        power="" if check.power is None else f"power {100 * check.power:.0f} %",
        columns=columns,
        cells=tuple(tuple(row.get(name, "") for name in columns) for row in rows),
    )


def check_anchor(check: str) -> str:
    """Return where a check stands on the page."""
    return anchor("check", check)


_COLUMNS = ("file", "line", "subset", "row", "metric", "printed")


def _cell(cell: Mapping[str, str]) -> dict[str, str]:
    size = cell.get("params_b", "")
    row = (cell.get("model", ""), f"{size}B" if size else "", cell.get("variant", ""))
    kept = {name: cell.get(name, "") for name in ("file", "line", "subset", "metric")}
    return {**kept, "row": " ".join(filter(None, row)), "printed": cell.get("value", "")}
