"""Asking the judges of a run some of its questions again: are they still the ones that answered?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from harness.engine import attempt_ask, media_of
from harness.errors import PreconditionError
from harness.integrity import open_run
from harness.judges.canary import CanaryReport, choose, compare_replies
from harness.judges.factory import KINDS, make_judge
from harness.keys import file_sha256
from harness.plan import identity_of, judges_asked, pinned
from harness.protocols import Ask, HasServer, JudgeClient, Progress, Reply
from harness.records import Judge, Judgment, Missing, TaskPlan
from harness.store import Known
from harness.trial import on_trial
from suites.registry import get_suite

SERVER_S = 5.0
"""Seconds within which a judge's server has to give any answer at all."""


class Asked(NamedTuple):
    """A judge of a task: the name its questions call it by; empty is the task's own judge."""

    plan: TaskPlan
    name: str

    @property
    def judge(self) -> Judge:
        """Return the judge that was asked."""
        return pinned(self.plan, self.name)

    @property
    def title(self) -> str:
        """Return the name under which it answered."""
        return identity_of(self.plan, self.name).name


def recheck(
    directory: Path, questions: int, progress: Progress
) -> list[tuple[Asked, CanaryReport]]:
    """Ask every judge of a run up to ``questions`` of its questions again; nothing is stored.

    Raises:
        PreconditionError: no judge of the run can be asked.
    """
    stored = open_run(directory, get_suite)
    judges = [
        Asked(plan, name)
        for plan in stored.plan.tasks
        for name in judges_asked(plan.items)
        if identity_of(plan, name).kind in KINDS
    ]
    if not judges:
        raise PreconditionError(
            "no judge of this run can be asked again",
            where=str(directory),
            expected=f"a task with a judge of kind {' or '.join(sorted(KINDS))}",
        )
    known = Known.of(stored.rows).judgments
    return [(one, ask_again(one, known, questions, progress)) for one in judges]


def ask_again(
    asked: Asked, known: Mapping[tuple[str, str], Judgment], count: int, progress: Progress
) -> CanaryReport:
    """Ask a judge of a task up to ``count`` of its questions again."""
    canaries = choose(asked.plan, known, count, asked.name)
    progress.expect(len(canaries))
    progress.note(f"{asked.title}, asked again")

    def replies() -> Iterator[tuple[Ask, Reply]]:
        judge = make_judge(msgspec.structs.replace(asked.judge, attempts=1))
        if isinstance(judge, HasServer):
            judge.check(SERVER_S)
        for canary in canaries:
            yield reply_of(judge, asked.plan.places, canary.ask)
            progress.advance()

    trial = on_trial(asked.title, replies() if canaries else ())
    heard = {(ask.item.key, ask.question.id): reply for ask, reply in trial}
    asks = [canary.ask for canary in canaries]
    return compare_replies(canaries, [heard[ask.item.key, ask.question.id] for ask in asks])


def reply_of(judge: JudgeClient, folders: Mapping[str, str], ask: Ask) -> tuple[Ask, Reply]:
    """Ask one question about the files that were judged, not about others of their names."""
    for path, artifact in media_of(folders, ask.item, ask.question).items():
        if path.is_file() and file_sha256(path) != artifact.sha256:
            said = f"{artifact.name} is not the file that was judged"
            return ask, Reply(raw=None, missing=Missing.INPUT, detail=said)
    return attempt_ask(judge, folders, ask)
