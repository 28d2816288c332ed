"""What an audit of tables says, in the form in which it is stored and published.

``kairos-eval audit --schema output`` prints the JSON Schema of ``Document``.
"""

from __future__ import annotations

import json
from enum import StrEnum

import msgspec

from harness.base import Record
from harness.outcomes import Outcome, Standing
from harness.sheets.names import plain

SCHEMA = "table-audit/1"
Name = tuple[str, ...]
"""Labels of a row from left to right, or the header of a column from the top level down."""


class Bearing(StrEnum):
    """What a finding says of the cell it is about."""

    outcome: Outcome
    standing: Standing

    CONTRADICTS = "contradicts", Outcome.FAIL, Standing.CONTRADICTED
    DOES_NOT_FOLLOW = "does_not_follow", Outcome.DOES_NOT_FOLLOW, Standing.DOUBTFUL
    NOTE = "note", Outcome.UNTESTED, Standing.UNTESTED
    NOT_TESTABLE = "not_testable", Outcome.NOT_TESTABLE, Standing.UNTESTED

    def __new__(cls, word: str, outcome: Outcome, standing: Standing) -> Bearing:
        """Return the member of a word, with how it stands among all verdicts."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.outcome, member.standing = outcome, standing
        return member

    @property
    def accuses(self) -> bool:
        """Whether a cell is said not to be what a rule makes of it."""
        return self in (Bearing.CONTRADICTS, Bearing.DOES_NOT_FOLLOW)


class ColumnEntry(Record, frozen=True, kw_only=True):
    """One column as it was read."""

    path: Name
    kind: str  # label, attribute or value
    unit: str = ""
    direction: str = ""  # up, down, or empty where nobody says
    n: int | None = None


class RefusedEntry(Record, frozen=True, kw_only=True):
    """A cell that holds something which is no number."""

    row: Name
    column: Name
    text: str
    reason: str
    line: int | None = None


class TableEntry(Record, frozen=True, kw_only=True):
    """One table as it was read."""

    id: str
    file: str
    caption: str
    form: str
    columns: tuple[ColumnEntry, ...]
    rows: int
    cells: int  # of value columns that hold something
    read: int  # of them, numbers
    refused: tuple[RefusedEntry, ...] = ()
    notes: tuple[str, ...] = ()


class RuleEntry(Record, frozen=True, kw_only=True):
    """A rule, who says so, and what follows it."""

    id: str
    table: str
    op: str
    result: Name
    inputs: tuple[Name, ...]
    text: str  # the rule written out
    origin: str  # inferred or stated
    support: int  # usable rows that follow
    rows: int  # usable rows
    along: str = "row"
    weights: tuple[int, ...] = ()
    scale: int | None = None
    n: tuple[int, ...] = ()
    reference: Name = ()  # row that others are held against
    chance: float | None = None  # of as many fitting rows, were the numbers unrelated
    budget: float | None = None  # largest chance at which the rule is accepted
    rounding: str = "round"
    fits: dict[str, int] = {}  # rows that fit under each way of rounding
    ties: str = ""  # half up or half to even, where exact ties decide
    competing: tuple[str, ...] = ()  # other rules that the same result follows
    source: str = ""
    power: float | None = None

    @property
    def lines(self) -> str:
        """Return what follows the rule: rows, or columns where it runs down a column."""
        return "columns" if self.along == "column" else "rows"

    def touches(self, row: str, column: str) -> bool:
        """Say whether the result or an input of the rule is in a row or column of this name."""
        name = row if self.along == "column" and self.reference == () else column
        return any(_named(one, name) for one in (self.result, *self.inputs)) or (
            _named(self.reference, row)
        )

    @property
    def share(self) -> float:
        """Return the share of usable rows that follow."""
        return self.support / self.rows if self.rows else 0.0


class Finding(Record, frozen=True, kw_only=True):
    """One thing to look at."""

    id: str
    level: Bearing
    kind: str
    table: str
    file: str
    text: str
    rule: str | None = None
    row: Name = ()
    column: Name = ()
    inputs: tuple[Name, ...] = ()
    printed: str = ""
    attainable: tuple[str, ...] = ()  # ends of the interval, or the two nearest values
    arithmetic: str = ""
    power: float | None = None
    changes_rank: bool | str | None = None  # "possible" where it depends on the true value
    changes_best: bool | str | None = None
    line: int | None = None
    own: bool = False  # whether it is about a row that the user calls the authors' own
    at: tuple[int, int] | None = None  # row and column by position, from 0

    @property
    def standing(self) -> Standing:
        """Return how it stands among all verdicts."""
        return self.level.standing


class Assumption(Record, frozen=True, kw_only=True):
    """Something that is taken for granted, and who says so."""

    text: str
    origin: str
    rule: str = ""
    source: str = ""


class Summary(Record, frozen=True, kw_only=True):
    """One table in numbers."""

    table: str
    value_cells: int
    rules: int
    cells_checked: int
    accused: int
    not_testable: int


class Document(Record, frozen=True, kw_only=True):
    """A whole audit."""

    schema: str = SCHEMA
    files: tuple[str, ...]
    own: tuple[str, ...] = ()  # rows that the user calls the authors' own
    assumptions: tuple[Assumption, ...]
    tables: tuple[TableEntry, ...]
    rules: tuple[RuleEntry, ...]
    findings: tuple[Finding, ...]
    summary: tuple[Summary, ...]

    def about(self, row: str, column: str) -> Document:
        """Return the rules that touch a cell, and what they say of its row or column.

        Args:
            row: one of the row's labels, or all of them joined.
            column: the last level of its header, or all of them joined.
        """
        rules = [one for one in self.rules if one.touches(row, column)]
        kept = {one.id for one in rules}
        findings = [
            one
            for one in self.findings
            if (one.rule in kept and (_named(one.row, row) or _named(one.column, column)))
            or (_named(one.row, row) and _named(one.column, column))
        ]
        return msgspec.structs.replace(
            self,
            rules=tuple(rules),
            findings=tuple(findings),
            assumptions=tuple(one for one in self.assumptions if one.rule in kept),
        )

    def plain(self) -> dict[str, object]:
        """Return the document as JSON holds it: each rule with its share of rows."""
        whole: dict[str, object] = msgspec.to_builtins(self)
        plain = [msgspec.to_builtins(rule) | {"share": rule.share} for rule in self.rules]
        said = [msgspec.to_builtins(one) | {"standing": one.standing} for one in self.findings]
        return whole | {"rules": plain, "findings": said}


def _named(name: Name, asked: str) -> bool:
    """Say whether a name is meant by one of its parts or by all of them."""
    parts = {plain(one) for one in name} | {plain("".join(name))}
    return bool(name) and plain(asked) in parts


def schema_text() -> str:
    """Return the JSON Schema of an audit as ``Document.plain`` gives it."""
    schema = msgspec.json.schema(Document)
    defs = schema["$defs"]
    defs["RuleEntry"]["properties"]["share"] = {"type": "number"}
    defs["Finding"]["properties"]["standing"] = {"enum": sorted(Standing)}
    return json.dumps(schema, indent=1) + "\n"
