"""SARIF 2.1.0: findings at the line of a file of the user's repository that brought them about.

What has no place there is left out: code-scanning services refuse a file in which one result has
no location, and show at most so many results of one file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from harness.escaping import json_text
from harness.outcomes import Level
from harness.provenance import home, version
from harness.records import Verdict
from harness.store import StoredRun
from harness.verdicts.gate import FailOn
from reports.addresses import anchor
from reports.views import results_of

MOST_RESULTS = 5_000
LONGEST = 1_000
Severity = Literal["error", "warning", "note"]
_ORDER = ("error", "warning", "note")
_TASK = re.compile(r"^[ \t]*\[\[\s*tasks\s*\]\]", re.MULTILINE)


class Place(NamedTuple):
    """A line of a file, its path relative to the root of the repository."""

    uri: str
    line: int


class Found(NamedTuple):
    """One finding; ``level`` is an error where a gate fails."""

    rule: str
    level: Severity
    id: str  # the same for the same finding of later runs
    text: str
    place: Place | None


def sarif(found: Iterable[Found]) -> str:
    """Return a document of the findings that have a place, the gravest first."""
    placed = [(one, one.place) for one in found if one.place]
    placed.sort(key=lambda pair: (_ORDER.index(pair[0].level), pair[0].id))
    words = sorted({one.rule for one, _ in placed})
    driver = {
        "name": "kairos-eval",
        "version": version(),
        "informationUri": home(),
        "rules": [_rule(word) for word in words],
    }
    results = [_result(one, place, words) for one, place in placed[:MOST_RESULTS]]
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json_text(document)


def _id(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") or "finding"


def _rule(word: str) -> dict[str, Any]:
    about = f"What was found ends in: {word}."
    return {
        "id": _id(word),
        "shortDescription": {"text": about},
        "fullDescription": {
            "text": f"{about} The message has the reason; the report, the numbers."
        },
        "helpUri": home(),
        "help": {"text": "Open the report of the run: it holds evidence, protocol and intervals."},
        "properties": {"tags": ["evaluation"]},
    }


def _result(found: Found, place: Place, words: list[str]) -> dict[str, Any]:
    region = {"startLine": place.line}
    at = {"artifactLocation": {"uri": place.uri}, "region": region}
    return {
        "ruleId": _id(found.rule),
        "ruleIndex": words.index(found.rule),
        "level": found.level,
        "message": {"text": found.text[:LONGEST] or found.rule},
        "locations": [{"physicalLocation": at}],
        "partialFingerprints": {"primaryLocationLineHash": f"{anchor(found.id)}:1"},
    }


def render_sarif(run: StoredRun, fail_on: FailOn = ()) -> str:
    """Write one result per bad or doubtful verdict that has a place; errors fail the gate."""
    found = [one for one in results_of(run).verdicts if one.level in (Level.BAD, Level.DOUBT)]
    return sarif(_finding(one, run, fail_on) for one in found)


def _finding(verdict: Verdict, run: StoredRun, fail_on: FailOn) -> Found:
    said = [verdict.appraisal.say] if verdict.appraisal else []
    level = "warning" if verdict.level is Level.BAD else "note"
    return Found(
        verdict.shown.word,
        "error" if any(verdict.meets(word) for word in fail_on) else level,
        verdict.claim,
        " ".join([verdict.statement, *said, *verdict.reasons]),
        place_of(verdict, run),
    )


def place_of(verdict: Verdict, run: StoredRun) -> Place | None:
    """Return what of the user's files a verdict is about: a task, a table, or the run file."""
    if verdict.measured and verdict.evidence:
        position = verdict.evidence[0].partition("/")[0]
        if position.isdecimal():
            return task_place(run, int(position))
    pack, file = run.plan.pack, verdict.locator.file
    if pack and file:
        tables = [path for path in Path(pack.path).glob(f"**/{file}") if path.is_file()]
        if tables and (place := within(tables[0], verdict.locator.line or 1)):
            return place
    return task_place(run, None)


def task_place(run: StoredRun, position: int | None) -> Place | None:
    """Return the line of a task in the run file, or the run file's first; None without one."""
    if not run.plan.source:
        return None
    path, line = Path(run.plan.source), 1
    if position is not None and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        starts = [text.count("\n", 0, one.start()) + 1 for one in _TASK.finditer(text)]
        line = starts[position] if position < len(starts) else 1
    return within(path, line)


def within(path: Path, line: int) -> Place | None:
    """Return a line of a file relative to the repository that it is in; None outside of one.

    What is installed in an environment that lies in a repository is no file of it.
    """
    for folder in path.absolute().parents:
        if folder.name == "site-packages":
            return None
        if (folder / ".git").exists():
            return Place(quote(path.absolute().relative_to(folder).as_posix()), line)
    return None
