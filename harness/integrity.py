"""A journal held against its plan before anything is concluded from it.

The journal is input like any other: a row that the plan does not ask for, or a score that does not
follow from the stored replies, is refused with its file and line. A lost row is no contradiction:
what it would say is not yet known, and a run finds it out again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from harness.engine import values_of
from harness.errors import DataError
from harness.protocols import Suite, Value
from harness.records import (
    Done,
    Evidence,
    Judgment,
    Missing,
    Row,
    RunPlan,
    Score,
    TaskPlan,
    WorkItem,
)
from harness.store import Known, StoredRun, load_run, place_of

RESTORE = "restore the journal from a copy, or run into another --out"


def open_run(directory: Path, suite_of: Callable[[str], Suite]) -> StoredRun:
    """Read a run, refuse what breaks its plan, and leave out what is no longer current.

    Raises:
        DataError: a row breaks the plan; names file and line.
        PreconditionError: there is no run here.
    """
    run = load_run(directory)
    held = Held(directory, run.plan, [suite_of(one.task.suite) for one in run.plan.tasks], run.rows)
    return replace(run, rows=held.checked())


@dataclass(frozen=True)
class Held:
    """The rows of a run beside its plan.

    Args:
        directory: of the run.
        plan: what was planned.
        suites: the suite of each task.
        rows: the journal, in the order in which it is read.
    """

    directory: Path
    plan: RunPlan
    suites: Sequence[Suite]
    rows: Sequence[Row]

    @cached_property
    def items(self) -> dict[str, tuple[WorkItem, Suite]]:
        """Every planned item by its key, with its suite."""
        pairs = zip(self.plan.tasks, self.suites, strict=True)
        return {item.key: (item, suite) for task, suite in pairs for item in task.items}

    @cached_property
    def known(self) -> Known:
        """The latest round of every reply and score."""
        return Known.of(self.rows)

    def checked(self) -> list[Row]:
        """Return the rows without outdated scores, once all are found to keep the plan.

        Raises:
            DataError: one does not; names file and line.
        """
        self.check_rows()
        self.check_scores()
        return self.current()

    def check_rows(self) -> None:
        """Hold every row by itself against the plan.

        Raises:
            DataError: a row is none of the plan's, or holds neither a value nor a reason.
        """
        names = {one.name for one in self.plan.experiments}
        keys = {one.key for one in self.plan.experiments}
        for row in self.rows:
            problem = ""
            if isinstance(row, Judgment | Score):
                problem = self._stranger(row)
            elif isinstance(row, Done) and row.key not in keys:
                problem = f"key: the plan holds no experiment {row.key}"
            elif isinstance(row, Evidence) and row.experiment not in names:
                problem = f"experiment: the plan holds no {row.experiment!r}"
            if problem:
                raise self._refusal(row, problem)

    def _stranger(self, row: Judgment | Score) -> str:
        """Say what in a row is not the plan's; nothing where all is."""
        if row.item not in self.items:
            return f"item: the plan holds no item {row.item}"
        item, suite = self.items[row.item]
        if isinstance(row, Judgment):
            absent = row.raw is None
            planned = {"question": (row.question, [one.id for one in item.questions])}
        else:
            absent = row.value is None
            planned = {
                "suite": (row.suite, (item.suite,)),
                "model": (row.model, (item.model,)),
                "sample": (row.sample, (item.sample.id,)),
                "scorer": (row.scorer, [one.name for one in suite.info.scorers]),
                "metric": (row.metric, suite.info.metrics),
            }
        for field, (value, allowed) in planned.items():
            if value not in allowed:
                return f"{field}: {value!r}; the plan has {', '.join(map(repr, sorted(allowed)))}"
        return "there is neither a value nor a reason" if absent and row.missing is None else ""

    def check_scores(self) -> None:
        """Hold every current score against what its scorer makes of the stored replies.

        Raises:
            DataError: a score says something else, or rests on replies that are not stored.
        """
        for task, suite in zip(self.plan.tasks, self.suites, strict=True):
            for item in task.items:
                for row, value in self._follows(task, suite, item):
                    if not _agree(row, value):
                        raise self._refusal(
                            row,
                            f"value and missing: {_said(row)}, and the stored replies give "
                            f"{_said(value)}; the row was edited, or another version scored it",
                            hint="restore the journal from a copy; or score its replies anew: the "
                            f"command that made it with another --out and --reuse {self.directory}",
                        )

    def _follows(
        self, task: TaskPlan, suite: Suite, item: WorkItem
    ) -> Iterator[tuple[Score, Value]]:
        """Yield every current score of an item with what its scorer says now.

        A scorer that failed, then or now, can be held to nothing.
        """
        answers = self.known.answers(item) if item.missing is None else {}
        if answers is None:
            return
        latest = self.rounds[item.key]
        for scorer in suite.info.scorers:
            found = {
                metric: row
                for metric in suite.info.metrics
                if (row := self.known.scores.get((item.key, scorer.name, metric)))
            }
            late = next((row for row in found.values() if row.round > latest), None)
            if late:
                raise self._refusal(
                    late, f"round: {late.round} rests on a reply that is not stored"
                )
            stored = {name: row for name, row in found.items() if row.round == latest}
            if not stored:
                continue
            for value in values_of(task, suite, item, answers, scorer.name):
                row = stored.get(value.metric)
                if row and Missing.SCORER not in (row.missing, value.missing):
                    yield row, value

    @cached_property
    def rounds(self) -> Mapping[str, int]:
        """The round of each item's current scores, -1 while a reply is outstanding.

        It is the sum of the rounds of the replies behind it.
        """
        rounds: dict[str, int] = {}
        for item, _ in self.items.values():
            asked = item.questions if item.missing is None else ()
            replies = [self.known.judgments.get((item.key, one.id)) for one in asked]
            rounds[item.key] = sum(row.round for row in replies if row) if all(replies) else -1
        return rounds

    def current(self) -> list[Row]:
        """Return the rows without scores that rest on replies which are lost or were replaced."""
        return [
            row
            for row in self.rows
            if not isinstance(row, Score) or row.round == self.rounds[row.item]
        ]

    def _refusal(self, row: Row, problem: str, hint: str = RESTORE) -> DataError:
        index = next(place for place, one in enumerate(self.rows) if one is row)
        return DataError(
            f"this row breaks the plan; {problem}",
            where=place_of(self.directory, index),
            expected="rows that this plan asks for, as a run wrote them",
            hint=hint,
        )


def _agree(row: Score, value: Value) -> bool:
    if row.missing != value.missing:
        return False
    if row.value is None or value.value is None:
        return row.value is value.value
    return math.isclose(row.value, value.value, rel_tol=1e-9, abs_tol=1e-12)


def _said(one: Score | Value) -> str:
    parts = [
        None if one.value is None else f"{one.value:g}",
        one.missing and repr(str(one.missing)),
    ]
    return " with ".join(filter(None, parts)) or "nothing"
