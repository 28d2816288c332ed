"""An audit of tables in six forms; each opens with what is taken for granted and who says so."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from harness.escaping import json_text, line, markdown
from harness.inference.document import Bearing, Document, Finding, RuleEntry, Summary, TableEntry
from harness.outcomes import Level, Shown
from harness.sheets.sheet import Cell, Sheet
from reports.addresses import anchor
from reports.html import environment
from reports.junit import Case, State, junit
from reports.sarif import Found, Place, Severity, sarif, within
from reports.text import ICONS

WORDS = {
    Bearing.CONTRADICTS: Shown("contradicted", Level.BAD),
    Bearing.DOES_NOT_FOLLOW: Shown("does not follow", Level.DOUBT),
    Bearing.NOTE: Shown("note", Level.OPEN),
    Bearing.NOT_TESTABLE: Shown("not testable", Level.OPEN),
}
SARIF_LEVELS: dict[Bearing, Severity] = {
    Bearing.CONTRADICTS: "error",
    Bearing.DOES_NOT_FOLLOW: "warning",
    Bearing.NOTE: "note",
    Bearing.NOT_TESTABLE: "note",
}


class Block(NamedTuple):
    """One table of an audit, with what was found in it."""

    table: TableEntry
    summary: Summary
    rules: list[RuleEntry]
    findings: list[Finding]

    @property
    def title(self) -> str:
        """Return the caption, or the name of the table."""
        return self.table.caption or self.table.id

    @property
    def kept(self) -> list[RuleEntry]:
        """Return the rules that all rows follow."""
        return [rule for rule in self.rules if rule.support == rule.rows]

    @property
    def counted(self) -> str:
        """Say how many of the cells that a rule touches are consistent with it."""
        checked, accused = self.summary.cells_checked, self.summary.accused
        refused = f", {len(self.table.refused)} refused" if self.table.refused else ""
        read = f"{self.table.read} numbers read{refused}"
        if not self.rules:
            return f"{read}; no rule is stated or borne out, so nothing is said of any cell"
        return f"{read}; {checked - accused} of {checked} cells under a rule are consistent"


def blocks(document: Document) -> list[Block]:
    """Return the tables of an audit in the order in which they were read."""
    return [
        Block(
            table,
            summary,
            [rule for rule in document.rules if rule.table == table.id],
            [finding for finding in document.findings if finding.table == table.id],
        )
        for table, summary in zip(document.tables, document.summary, strict=True)
    ]


def headline(document: Document) -> str:
    """Say in one sentence what was found."""
    accusing = [one for one in document.findings if one.level.accuses]
    hard = sum(one.level is Bearing.CONTRADICTS for one in accusing)
    soft, own = len(accusing) - hard, sum(one.own for one in accusing)
    parts = ["no cell contradicts a stated rule"]
    if hard:
        parts = [f"{_cells(hard)} {'contradict' if hard > 1 else 'contradicts'} a stated rule"]
    if soft:
        verb = "do" if soft > 1 else "does"
        parts.append(f"{_cells(soft)} {verb} not follow a rule that the table seems to follow")
    if accusing and document.own:
        parts.append(f"{own or 'none'} of these in a row that is the authors' own")
    return "; ".join(parts) + "."


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count > 1 else ''}"


def said(finding: Finding) -> str:
    """Return a finding's sentence with what follows from it."""
    more = {
        "its rank would change": finding.changes_rank,
        "the best of its column would change": finding.changes_best,
    }
    effects = [
        f"{text} (possibly)" if it == "possible" else text for text, it in more.items() if it
    ]
    power = "" if finding.power is None else f"power {finding.power:.1%}"
    return "; ".join(filter(None, [finding.text, *effects, power]))


def place(finding: Finding) -> str:
    """Return the cell of a finding as one reads it."""
    names = " / ".join(finding.row), " / ".join(finding.column)
    return ", ".join(filter(None, [*names, finding.printed and f"printed {finding.printed}"]))


def rule_line(rule: RuleEntry) -> str:
    """Return a rule with who says so, how many rows follow, by what chance, and its rounding."""
    who = f"stated ({rule.source})" if rule.source else "stated"
    if rule.origin == "inferred":
        who = "inferred from the numbers"
    parts = [f"{rule.text}: {who}, {rule.support} of {rule.rows} {rule.lines} follow"]
    if rule.chance is not None:
        small = "below 1e-12" if rule.chance < 1e-12 else f"{rule.chance:.1g}"
        parts.append(f"chance {small}, accepted up to {rule.budget or 0:.1g}")
    if rule.fits:
        ways = ", ".join(f"{name} {count}" for name, count in rule.fits.items())
        parts.append(f"rounding: {rule.rounding} (fit: {ways})")
    parts += [f"exact ties go {rule.ties}"] if rule.ties else []
    parts += [f"power {rule.power:.1%}"] if rule.power is not None else []
    return "; ".join(parts)


def render_text(document: Document, sheets: Sequence[Sheet] = ()) -> str:
    """Write one block per table: what was read, what is taken for granted, what does not follow."""
    return "".join(f"{line(text)}\n" for text in _text_lines(document))


def _text_lines(document: Document) -> Iterator[str]:
    yield headline(document)
    for block in blocks(document):
        yield ""
        yield block.title if block.title == block.table.id else f"{block.table.id}: {block.title}"
        yield f"  {block.counted}"
        yield from (f"  not read: {one}" for one in refusals(block.table))
        yield from (f"  read so: {note}" for note in block.table.notes)
        yield from (f"  rule: {rule_line(rule)}" for rule in block.rules)
        for finding in block.findings:
            yield f"  {WORDS[finding.level].word.upper():16} {place(finding)}"
            yield f"    {said(finding)}"
            if finding.arithmetic:
                yield f"    {finding.arithmetic}"


def refusals(table: TableEntry) -> Iterator[str]:
    """Yield the cells that were not read, with place and reason."""
    for one in table.refused:
        where = f"line {one.line}: " if one.line else ""
        names = ", ".join(filter(None, (" / ".join(one.row), " / ".join(one.column))))
        yield f"{where}{names}: {one.text!r} ({one.reason})"


def render_markdown(document: Document, sheets: Sequence[Sheet] = ()) -> str:
    """Write what is taken for granted, then the findings of each table."""
    lines = ["## Tables held against themselves", "", markdown(headline(document)), ""]
    lines += ["### Assumptions", ""]
    lines += [f"- {markdown(rule_line(rule))}" for rule in document.rules] or ["None."]
    for block in blocks(document):
        lines += ["", f"### {markdown(block.title)}", "", markdown(block.counted), ""]
        lines += [f"- not read: {markdown(one)}" for one in refusals(block.table)]
        if block.findings:
            lines += ["", "| | cell | finding | arithmetic |", "| --- | --- | --- | --- |"]
        for one in block.findings:
            word = WORDS[one.level]
            cells = place(one), said(one), one.arithmetic
            shown = " | ".join(map(markdown, cells))
            lines.append(f"| {ICONS[word.level]} {word} | {shown} |")
    return "\n".join([*lines, ""])


def render_json(document: Document, sheets: Sequence[Sheet] = ()) -> str:
    """Write the document; ``audit --schema output`` prints its schema."""
    return json_text(document.plain())


class Drawn(NamedTuple):
    """One place of a drawn table."""

    text: str
    level: str  # of the worst finding, empty where there is none
    title: str  # what is said of it
    anchor: str
    numeric: bool


def render_html(document: Document, sheets: Sequence[Sheet] = ()) -> str:
    """Draw one page: assumptions, each table with its marked cells, findings by level.

    Args:
        document: the audit.
        sheets: the tables as they were read.
    """
    by_id = {sheet.id: sheet for sheet in sheets}
    parts = blocks(document)
    return (
        environment()
        .get_template("tables.html.j2")
        .render(
            title="; ".join(dict.fromkeys(block.title for block in parts)),
            headline=headline(document),
            blocks=parts,
            drawn={key: list(drawn_rows(sheet, document)) for key, sheet in by_id.items()},
            heads={key: heads(sheet) for key, sheet in by_id.items()},
            words=WORDS,
            said=said,
            place=place,
            rule_line=rule_line,
            refusals=refusals,
            levels=list(Bearing),
        )
    )


def heads(sheet: Sheet) -> list[list[str]]:
    """Return the lines of a header, its names repeated over the columns that share them."""
    depth = max((len(column.path) for column in sheet.columns), default=1)
    paths = [("",) * (depth - len(column.path)) + column.path for column in sheet.columns]
    return [[path[level] for path in paths] for level in range(depth)]


def drawn_rows(sheet: Sheet, document: Document) -> Iterator[list[Drawn]]:
    """Yield the rows of a table as they are drawn, with the findings on their cells."""
    found: dict[tuple[int, int], list[Finding]] = {}
    for one in document.findings:
        if one.table == sheet.id and one.at is not None:
            found.setdefault(one.at, []).append(one)
    for row in range(len(sheet.rows)):
        yield [
            _drawn(sheet.grid.get((row, column)), found.get((row, column), []))
            for column in range(len(sheet.columns))
        ]


def _drawn(cell: Cell | None, findings: Sequence[Finding]) -> Drawn:
    text = "" if cell is None else cell.text
    numeric = cell is not None and cell.number is not None
    if not findings:
        refused = cell is not None and cell.refused
        reason = f"not read: {cell.refused}" if cell is not None and refused else ""
        return Drawn(text, Level.OPEN if refused else "", reason, "", numeric)
    worst = findings[0]  # findings come with the hardest first
    title = "; ".join(f"{WORDS[one.level]}: {said(one)}" for one in findings)
    return Drawn(text, WORDS[worst.level].level, title, anchor("finding", worst.id), numeric)


def render_sarif(document: Document, gated: Container[Bearing]) -> str:
    """Write one result per finding, at the line of the user's file that carries the cell.

    What the gate fails on is an error; a file that cannot lie in a repository is left out.
    """
    return sarif(
        Found(
            WORDS[one.level].word,
            "error" if one.level in gated else SARIF_LEVELS[one.level],
            one.id,
            ". ".join(filter(None, [place(one), said(one), one.arithmetic])),
            _line_of(one),
        )
        for one in document.findings
    )


def _line_of(finding: Finding) -> Place | None:
    """Return the line of a finding in its file, as its repository or working directory has it."""
    path, number = Path(finding.file), finding.line or 1
    if found := within(path, number):
        return found
    inside = not path.is_absolute() and ".." not in path.parts
    return Place(quote(path.as_posix()), number) if inside else None


def render_junit(document: Document, gated: Container[Bearing]) -> str:
    """Write one case per rule and per finding; only what the gate fails on is bad."""
    return junit({block.table.id: [*_cases(block, gated)] for block in blocks(document)})


def _cases(block: Block, gated: Container[Bearing]) -> Iterator[Case]:
    for rule in block.rules:
        yield Case(rule.id, "rule", "passed", "rule", rule_line(rule))
    for one in block.findings:
        text = "\n".join(filter(None, [place(one), said(one), one.arithmetic]))
        skipped = one.level is Bearing.NOT_TESTABLE
        state: State = "failure" if one.level in gated else "skipped" if skipped else "passed"
        yield Case(one.id, one.kind, state, WORDS[one.level].word, text)


FORMATS = {
    "text": render_text,
    "json": render_json,
    "html": render_html,
    "markdown": render_markdown,
}
GATES = {"sarif": render_sarif, "junit": render_junit}
