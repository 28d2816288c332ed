"""What a comparison of two runs finds, row by row, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec

from harness.errors import ExitCode
from harness.outcomes import Outcome
from harness.records import Record


class Change(Record, frozen=True, kw_only=True):
    """One thing before and after. Differences are after minus before, in the printed unit."""

    what: Literal["column", "scorer", "task", "experiment", "time", "bound", "claim"] = "column"
    suite: str = ""
    model: str = ""
    scorer: str = ""
    column: str = ""  # or the name of an experiment or of a time, or the id of a claim
    outcome: Outcome
    difference: float | None = None  # of times the ratio, after over before
    lo: float | None = None
    hi: float | None = None
    p: float | None = None  # Holm-adjusted within its family
    pairs: int = 0
    values: tuple[int, int] | None = None  # samples with a value, before and after
    flips: tuple[str, ...] = ()  # samples whose value changed
    method: str = ""
    reason: str = ""
    differs: tuple[tuple[str, str, str], ...] = ()  # protocol fields: name, before, after
    words: tuple[str, str] | None = None  # what a claim ended in, before and after
    accepted: str = ""  # what lets it pass the gate, although it fails
    task: int | None = None  # position of its task in the candidate's plan

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which ``--allow`` may mean it."""
        parts = [part for part in (self.suite, self.scorer, self.column) if part not in ("", "all")]
        if not self.suite:
            return self.column, self.column.partition("/")[0]
        return tuple("/".join(parts[: n + 1]) for n in range(len(parts)))


FAILING = (Outcome.REGRESSED, Outcome.VANISHED)
UNKNOWN = (Outcome.INCOMPARABLE, Outcome.INCOMPLETE, Outcome.MISSING)
UNASKED = (Outcome.ADDED, Outcome.UNTESTED)


def fails(change: Change) -> bool:
    """Say whether a change fails the gate by itself."""
    return change.outcome in FAILING and not change.accepted


def gate(changes: Sequence[Change]) -> ExitCode:
    """Fail on what regressed or vanished; what is unknown, or nothing compared, is incomplete."""
    if any(map(fails, changes)):
        return ExitCode.GATE_FAILED
    outcomes = {change.outcome for change in changes}
    incomplete = outcomes.intersection(UNKNOWN) or outcomes <= set(UNASKED)
    return ExitCode.INCOMPLETE if incomplete else ExitCode.OK


class Comparison(Record, frozen=True, kw_only=True):
    """All that a comparison found: what its JSON holds."""

    schema: str = "kairos-eval-comparison/1"
    tool: str  # version that compared
    baseline: str  # run directory, file of known verdicts, or a paper's printed numbers
    candidate: str  # run directory
    level: float  # confidence of intervals, and of each family of tests
    effect: float  # smallest difference of a column that matters
    factor: float  # smallest ratio of two times that matters
    outcome: Literal["passed", "failed", "incomplete"]
    exit_code: int
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()  # versions, commits and what else differs or is not known


def allowed(changes: Iterable[Change], names: Collection[str]) -> list[Change]:
    """Return changes, of which those that vanished and are named pass the gate.

    A name is a benchmark, ``SUITE/SCORER``, ``SUITE/SCORER/COLUMN``, an experiment, a claim, or
    what the ids of claims begin with, up to the first slash.
    """
    found: list[Change] = []
    for one in changes:
        name = next((name for name in one.names if name in names), "")
        if name and one.outcome is Outcome.VANISHED:
            one = msgspec.structs.replace(one, accepted=f"--allow {name}")
        found.append(one)
    return found
