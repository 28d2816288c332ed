"""Drift canaries: questions with recorded replies, asked at the start and end of a run.

A served model can be replaced behind an unchanged name. Canaries cannot prove that it was not,
but a changed reply to a greedy judge proves that something was. They are asked like any other
question and count against a judge's budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.protocols import JudgeClient, Reply
from harness.records import Question, WorkItem


@dataclass(frozen=True)
class Canary:
    """One question whose reply is known; ``expected`` is the raw recorded reply."""

    item: WorkItem
    question: Question
    media: Path | None
    expected: str


@dataclass(frozen=True)
class CanaryReport:
    """How many replies differ from the record.

    ``total`` canaries were asked; ``changed`` answered differently, ``unanswered`` not at all.
    An unanswered canary says nothing about drift and is never counted as unchanged.
    ``names`` are "item key / question id" of the changed ones.
    """

    changed: int
    total: int
    unanswered: int = 0
    names: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool | None:
        """True when a reply changed, False when all are as recorded, None when unknown."""
        if self.changed:
            return True
        return None if self.unanswered or not self.total else False


def ask_canaries(judge: JudgeClient, canaries: Sequence[Canary]) -> list[Reply]:
    """Ask every canary once, in order."""
    return [judge.ask(canary.item, canary.question, canary.media) for canary in canaries]


def compare_replies(canaries: Sequence[Canary], replies: Sequence[Reply]) -> CanaryReport:
    """Hold replies against the record; blanks at either end do not count as a change.

    Raises:
        ValueError: there is not exactly one reply per canary.
    """
    pairs = list(zip(canaries, replies, strict=True))
    changed = tuple(
        f"{canary.item.key} / {canary.question.id}"
        for canary, reply in pairs
        if reply.raw is not None and reply.raw.strip() != canary.expected.strip()
    )
    return CanaryReport(
        changed=len(changed),
        total=len(pairs),
        unanswered=sum(reply.raw is None for _, reply in pairs),
        names=changed,
    )
