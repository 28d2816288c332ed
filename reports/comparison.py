"""A comparison of two runs in six forms: text, Markdown, JSON, JUnit, SARIF and HTML.

Each form has one function that makes foreign text harmless, and everything goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from harness.escaping import json_text, line, markdown
from harness.outcomes import Level, Outcome
from harness.verdicts.changes import FAILING, UNASKED, UNKNOWN, Change, Comparison, fails
from reports.junit import Case, State, junit
from reports.sarif import Found, Place, sarif
from reports.text import DASH

MOST_BYTES = 2**20 - 2**12
"""What a step summary takes, less a little."""
WIDEST = 40
"""Characters of a column in text; a longer cell pushes the rest of its line."""
FIELDS = ("suite", "model", "protocol field", "before", "after")


class Row(NamedTuple):
    """One change as it is shown."""

    outcome: str
    what: str
    suite: str
    model: str
    scorer: str
    column: str
    difference: str
    interval: str
    p: str
    pairs: str
    values: str
    flips: str
    reason: str
    level: Level = Level.OPEN


def headings(level: float) -> list[str]:
    """Return the headings of the fields of a row."""
    interval = f"{100 * level:.6g} % interval"
    return [
        *("outcome", "what", "suite", "model", "scorer", "column", "difference", interval),
        *("p (Holm)", "pairs", "values", "samples changed", "reason"),
    ]


def number(value: float | None, form: str) -> str:
    """Write a number, or a dash for an absent one."""
    return DASH if value is None else format(value, form)


def row(one: Change) -> Row:
    """Return a change as it is shown; a time is a ratio and has no sign."""
    form = ".3f" if one.what == "time" else "+.3f"
    measured = one.difference is not None or one.values is not None
    ends = f"{number(one.lo, form)} to {number(one.hi, form)}" if measured else DASH
    values = " / ".join(map(str, one.values)) if one.values else DASH
    word = f"{one.outcome} (accepted)" if one.accepted else str(one.outcome)
    return Row(
        *(word, one.what, one.suite, one.model, one.scorer, one.column),
        *(number(one.difference, form), ends, number(one.p, ".3g")),
        *((str(one.pairs), values, str(len(one.flips))) if one.values else (DASH, DASH, DASH)),
        "; ".join(filter(None, (one.accepted, one.reason))),
        Level.OPEN if one.accepted else one.outcome.level,
    )


def inert(one: Change) -> Row:
    """Return a change as it is shown in forms that keep line breaks and control characters."""
    shown = row(one)
    return Row._make((*map(line, shown[:-1]), shown.level))


def differences(found: Comparison) -> list[tuple[str, str, str, str, str]]:
    """Return every protocol field that differs, once per task."""
    rows = [(one.suite, one.model, *differs) for one in found.changes for differs in one.differs]
    return list(dict.fromkeys(rows))


def headline(found: Comparison) -> str:
    """Say in one line how the gate stands."""
    failed = sum(map(fails, found.changes))
    unknown = sum(one.outcome in UNKNOWN for one in found.changes)
    apart = sum(one.outcome is Outcome.DIFFERENT for one in found.changes)
    said = {
        f"{failed} failed": failed,
        f"{unknown} could not be compared": unknown,
        f"{apart} differ from what is printed": apart,
    }
    counts = ", ".join(text for text, count in said.items() if count) or "nothing failed"
    return f"Gate: {found.outcome} ({counts}; {len(found.changes)} rows)"


def as_text(found: Comparison) -> str:
    """Return how the gate stands, notes, protocol differences, and rows: what fails first."""
    lines = [headline(found), *(f"note: {line(one)}" for one in found.notes), ""]
    if differ := differences(found):
        lines += [*_aligned([FIELDS, *differ]), ""]
    rows = [[*row(one)[:-1]] for one in sorted(found.changes, key=_gravity)]
    return "\n".join([*lines, *_aligned([headings(found.level), *rows]), ""])


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    texts = [[line(cell) for cell in one] for one in table]
    widths = [min(WIDEST, max(map(len, column))) for column in zip(*texts, strict=True)]
    for one in texts:
        cells = (text.ljust(width) for text, width in zip(one, widths, strict=True))
        yield "  ".join(cells).rstrip()


def as_markdown(found: Comparison) -> str:
    """Return tables for a step summary of at most 1 MiB: what fails stands first."""
    parts = [f"**{markdown(headline(found))}**\n\n"]
    if differ := differences(found):
        parts += [_markdown_row(FIELDS), _rule(FIELDS), *map(_markdown_row, differ), "\n"]
    parts += [f"note: {markdown(one)}\n\n" for one in found.notes]
    names = headings(found.level)
    parts += [_markdown_row(names), _rule(names)]
    size = sum(len(part.encode()) for part in parts)
    shown = sorted(found.changes, key=_gravity)
    for place, one in enumerate(shown):
        text = _markdown_row(row(one)[:-1])
        size += len(text.encode())
        if size > MOST_BYTES:
            parts.append(f"\n{len(shown) - place} more rows are in the other outputs\n")
            break
        parts.append(text)
    return "".join(parts)


def _gravity(one: Change) -> int:
    return 0 if fails(one) else 1 if one.outcome in UNKNOWN else 2


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |\n"


def _rule(cells: Sequence[str]) -> str:
    return f"| {' | '.join('---' for _ in cells)} |\n"


def as_json(found: Comparison) -> str:
    """Return one JSON document, valid under ``schema_text``."""
    return json_text(found)


def schema_text() -> str:
    """Return the JSON schema of ``as_json``."""
    return json_text(msgspec.json.schema(Comparison))


def as_junit(found: Comparison) -> str:
    """Return a case per row; what the gate cannot decide is an error."""
    suites: dict[str, list[Case]] = {}
    for one in found.changes:
        shown = inert(one)
        name = " / ".join(filter(None, (shown.model, shown.scorer, shown.column)))
        place = " / ".join(filter(None, (shown.what, shown.suite)))
        text = f"{shown.reason}\n{shown.difference} ({shown.interval}), p {shown.p}"
        case = Case(name, place, _state(one), shown.outcome, text)
        suites.setdefault(shown.suite or shown.what, []).append(case)
    if found.outcome == "incomplete" and not any(one.outcome in UNKNOWN for one in found.changes):
        suites["gate"] = [Case("gate", "compare", "error", "incomplete", "nothing was compared")]
    return junit(suites)


def _state(one: Change) -> State:
    if fails(one):
        return "failure"
    if one.outcome in UNKNOWN:
        return "error"
    return "skipped" if one.outcome in (*UNASKED, *FAILING) else "passed"


def as_sarif(found: Comparison, place_of: Callable[[Change], Place | None]) -> str:
    """Return what failed, or could not be compared, where the candidate's run file has it."""
    return sarif(
        Found(
            one.outcome,
            "error" if fails(one) else "warning",
            "/".join((one.what, one.suite, one.model, one.scorer, one.column)),
            ": ".join(filter(None, (row(one).column, row(one).difference, row(one).reason))),
            place_of(one),
        )
        for one in found.changes
        if fails(one) or one.outcome in UNKNOWN
    )


def as_html(found: Comparison) -> str:
    """Return one self-contained page."""
    from reports.html import environment  # draws with a library that takes long to load

    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            sides=(line(found.baseline), line(found.candidate)),
            notes=[*map(line, found.notes)],
            headline=headline(found),
            headings=headings(found.level),
            rows=[inert(one) for one in sorted(found.changes, key=_gravity)],
            fields=FIELDS,
            differences=[[*map(line, one)] for one in differences(found)],
        )
    )


def forms(
    found: Comparison, place_of: Callable[[Change], Place | None]
) -> Mapping[str, tuple[str, Callable[[], str]]]:
    """Return each form with its file name and what writes it."""
    return {
        "text": ("comparison.txt", lambda: as_text(found)),
        "markdown": ("comparison.md", lambda: as_markdown(found)),
        "json": ("comparison.json", lambda: as_json(found)),
        "junit": ("comparison.xml", lambda: as_junit(found)),
        "sarif": ("comparison.sarif", lambda: as_sarif(found, place_of)),
        "html": ("comparison.html", lambda: as_html(found)),
    }


FORMS = ("text", "markdown", "json", "junit", "sarif", "html")
