"""Tables in, findings out: every rule that is stated or borne out, and the cells that break it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from msgspec import structs

from harness.errors import ConfigError, DataError, nearest
from harness.inference import granularity, ordering, references
from harness.inference.accuse import accusations, entry
from harness.inference.document import (
    Assumption,
    Bearing,
    Document,
    Finding,
    RuleEntry,
    Summary,
    TableEntry,
)
from harness.inference.grid import Source
from harness.inference.naming import column_name, joined
from harness.inference.notes import notes
from harness.inference.rules import Rule, contested
from harness.inference.stated import chosen, held
from harness.inference.tables import Table, find_column
from harness.packs.rules import COUNTED, StatedRule
from harness.sheets.names import plain
from harness.sheets.ops import Op
from harness.sheets.sheet import Sheet
from harness.sheets.showing import as_json

USER = "the user"
HARDEST = {
    Bearing.CONTRADICTS: 0,
    Bearing.DOES_NOT_FOLLOW: 1,
    Bearing.NOTE: 2,
    Bearing.NOT_TESTABLE: 3,
}


@dataclass
class Audited:
    """What was found in one table."""

    table: Table
    rules: list[RuleEntry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    checked: set[tuple[int, int]] = field(default_factory=set)
    competing: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    def take(self, found: tuple[RuleEntry, list[Finding]]) -> None:
        """Keep a rule that is published as it is, with its findings."""
        rule, findings = found
        self.rules.append(rule)
        self.findings += findings
        at = {column_name(self.table.sheet, i): i for i in range(len(self.table.sheet.columns))}
        columns = [at[one] for one in (rule.result, *rule.inputs) if one in at]
        self.checked |= {(row, one) for one in columns for row, _ in self.table.sheet.values(one)}

    def take_rule(self, rule: Rule) -> None:
        """Publish a relation, and accuse the cells that do not follow it."""
        sheet = self.table.sheet
        published = self._entry(rule)
        self.rules.append(published)
        self.findings += accusations(rule, published, sheet)
        for line in np.flatnonzero(rule.usable).tolist():
            cell = rule.grid.cell(line, Source(rule.relation.result))
            self.checked.add((cell.row, cell.column))

    def _entry(self, rule: Rule) -> RuleEntry:
        sheet = self.table.sheet
        made = entry(rule, sheet.id, "")
        rivals = (entry(one, "", "") for one in rule.competing)
        names = [_rule_id(sheet, one) for one in (made, *rivals)]
        known = {one.id for one in self.rules}
        name, number = names[0], 2
        while name in known:
            name, number = f"{names[0]}:{number}", number + 1
        competing = tuple(dict.fromkeys(names[1:]))
        return structs.replace(made, id=name, competing=competing)


def _rule_id(sheet: Sheet, rule: RuleEntry) -> str:
    return f"{sheet.id}:{rule.op}:{joined(rule.result)}"


def audit(
    sheets: Sequence[Sheet],
    stated: Sequence[StatedRule] = (),
    *,
    n: Mapping[str, int] | None = None,
    own: Sequence[str] = (),
    only_stated: bool = False,
) -> Document:
    """Hold tables against rules that are stated and rules that their numbers bear out.

    Args:
        sheets: the tables as they were read.
        stated: rules of a rules file.
        n: number of items by column, "" for every column of shares, as the user states it.
        own: rows that are the authors' own, by label.
        only_stated: infer nothing.

    Raises:
        DataError: a stated rule names a column, row or table that is not there.
        ConfigError: so does n.
    """
    check_names(sheets, list(n or {}), "--n")
    tables = [Table.of(sheet, told_sizes(sheet, n or {}, stated)) for sheet in sheets]
    placed(stated, tables)
    found = [_audited(table, tables, stated, only_stated) for table in tables]
    return Document(
        files=tuple(dict.fromkeys(sheet.file for sheet in sheets)),
        own=tuple(own),
        assumptions=tuple(one for part in found for one in assumptions(part)),
        tables=tuple(msgspec.convert(as_json(sheets), list[TableEntry])),
        rules=tuple(rule for part in found for rule in part.rules),
        findings=tuple(_ordered([one for part in found for one in part.findings], own)),
        summary=tuple(map(summary, found)),
    )


def _ordered(findings: Sequence[Finding], own: Sequence[str]) -> list[Finding]:
    """Return findings with the hardest first, each once, and whether they are of an own row."""
    names = set(map(plain, own))
    unique = {(one.id, one.text): one for one in findings}
    marked = (
        structs.replace(one, own=bool(names & {plain("".join(one.row)), *map(plain, one.row)}))
        for one in unique.values()
    )
    return sorted(marked, key=lambda one: HARDEST[one.level])


def _audited(
    table: Table, tables: Sequence[Table], stated: Sequence[StatedRule], only_stated: bool
) -> Audited:
    found = Audited(table)
    mine = [rule for rule in stated if table in chosen(rule, tables)]
    relations = [held(rule, table, tables) for rule in mine if not _special(rule)]
    given = []
    for rule in mine:
        names = (rule.result, *rule.inputs) if rule.operation is Op.RANK else ()
        at = [find_column(table.sheet, name) for name in names]
        given += [(at[0], at[1], rule.source)] if len(at) == 2 else []
    for rule in relations:
        found.take_rule(rule)
    for counted in (*granularity.own_counts(table), *granularity.stated_n(table)):
        found.take(counted)
    for ranks in ordering.ranks(table, given):
        if ranks.stated or not only_stated:
            found.take(ordering.rank_findings(table, ranks))
    if not only_stated:
        _infer(found, tables, relations)
    found.findings += notes(table)
    return found


def _special(rule: StatedRule) -> bool:
    return rule.operation is Op.RANK or rule.operation in COUNTED


def _infer(found: Audited, tables: Sequence[Table], stated: Sequence[Rule]) -> None:
    """Add what the numbers bear out; a result that a stated rule makes is not asked again."""
    table = found.table
    done = {
        (cell.row, cell.column)
        for rule in stated
        for line in np.flatnonzero(rule.usable).tolist()
        for cell in [rule.grid.cell(line, Source(rule.relation.result))]
    }
    others = [one for one in tables if one is not table]
    rules = [
        *table.search().rules(),
        *references.gains(table),
        *references.table_means(table, others),
    ]
    rows = [rule for rule in contested(rules) if not _done(rule, done)]
    for rule in rows:
        found.take_rule(rule)
    for rule in references.deltas(table):
        found.take_rule(rule)
    following = {
        (cell.row, cell.column)
        for rule in (*rows, *stated)
        for line in np.flatnonzero(rule.usable & rule.follows).tolist()
        for cell in [rule.grid.cell(line, Source(rule.relation.result))]
    }
    for rule in contested(list(references.totals(table))):
        if not _done(rule, done):
            found.take_rule(_excused(rule, following))
    derived = [table.columns[rule.relation.result] for rule in rows if _own(rule, table)]
    for counted in granularity.inferred_n(table, derived):
        found.take(counted)
    for marked in ordering.marks(table):
        found.take(marked)


def _own(rule: Rule, table: Table) -> bool:
    return rule.relation.result < len(table.columns)


def _done(rule: Rule, done: set[tuple[int, int]]) -> bool:
    cells = [
        rule.grid.cell(line, Source(rule.relation.result))
        for line in np.flatnonzero(rule.usable).tolist()
    ]
    return any((cell.row, cell.column) in done for cell in cells)


def _excused(rule: Rule, following: set[tuple[int, int]]) -> Rule:
    """Return a rule of a row of totals without cells that follow the rule of their own row."""
    usable = rule.usable.copy()
    for line in rule.misfits:
        cell = rule.grid.cell(line, Source(rule.relation.result))
        usable[line] = (cell.row, cell.column) not in following
    return replace(rule, usable=usable)


def told_sizes(
    sheet: Sheet, n: Mapping[str, int], stated: Sequence[StatedRule]
) -> dict[int, tuple[int, str]]:
    """Return, by column, the number of items that somebody states, and who does."""
    table = Table(sheet, {})
    found = {
        column: (n[""], USER)
        for column in sheet.value_columns
        if "" in n and granularity.scale_of(table, column)
    }
    told = [(name, size, USER) for name, size in n.items() if name]
    told += [
        (rule.result, rule.n, rule.source or "the rules file")
        for rule in stated
        if rule.operation in COUNTED and isinstance(rule.n, int)
    ]
    for name, size, source in told:
        column = find_column(sheet, name)
        if column is not None:
            found[column] = size, source
    return found


def check_names(sheets: Sequence[Sheet], names: Sequence[str], option: str) -> None:
    """Refuse a column that no table has.

    Raises:
        ConfigError: names the nearest columns.
    """
    for name in names:
        if name and all(find_column(sheet, name) is None for sheet in sheets):
            known = [column.name for sheet in sheets for column in sheet.columns]
            raise ConfigError(f"{option} {name}: no such column", hint=nearest(name, known[:500]))


def placed(stated: Sequence[StatedRule], tables: Sequence[Table]) -> None:
    """Refuse a rule that is about no table.

    Raises:
        DataError: names the columns there are.
    """
    for rule in stated:
        if not chosen(rule, tables):
            known = [column.name for table in tables for column in table.sheet.columns]
            raise DataError(
                f"no table has all that the rule for {rule.result!r} names",
                expected="columns: " + ", ".join(dict.fromkeys(known[:60])),
                hint="`kairos-eval audit FILE --read` shows the tables as they were read",
            )


def assumptions(found: Audited) -> Iterator[Assumption]:
    """Yield what an audit takes for granted in one table: its rules, n and rounding."""
    for rule in found.rules:
        said = f"{rule.text}: {rule.support} of {rule.rows} follow"
        ways = ", ".join(f"{name} {count}" for name, count in rule.fits.items())
        rounding = f"; rounding {rule.rounding} (fits: {ways})" if ways else ""
        ties = f"; exact ties go {rule.ties}" if rule.ties else ""
        yield Assumption(
            text=f"{said}{rounding}{ties}", origin=rule.origin, rule=rule.id, source=rule.source
        )


def summary(found: Audited) -> Summary:
    """Return one table in numbers."""
    levels = [one.level for one in found.findings]
    sheet = found.table.sheet
    accused = {one.at for one in found.findings if one.level.accuses}
    return Summary(
        table=sheet.id,
        value_cells=sum(1 for column in sheet.value_columns for _ in sheet.values(column)),
        rules=len(found.rules),
        cells_checked=len(found.checked),
        accused=len(accused),
        not_testable=levels.count(Bearing.NOT_TESTABLE),
    )
