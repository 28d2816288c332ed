"""The loop: ask what is not yet answered, score what is not yet scored, append each row.

Resume is not a mode. A run reads its journal, subtracts it from the plan and does the rest; a
new run is one whose journal is empty.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from harness.attempt import attempt
from harness.keys import content_key
from harness.plan import Prepared, identity_of, jury, title_of
from harness.protocols import (
    Answer,
    Ask,
    Executor,
    JudgeClient,
    KeepsRows,
    Progress,
    Reply,
    Silent,
    Suite,
    Value,
)
from harness.records import (
    Artifact,
    Judgment,
    Missing,
    Question,
    Row,
    Score,
    TaskPlan,
    WorkItem,
)
from harness.store import Journal, Known
from harness.trial import on_trial

log = logging.getLogger(__name__)

JudgeMaker = Callable[[TaskPlan, int, str], JudgeClient]
"""Makes a judge of a task, by the task's position in the plan and the judge's name."""


@dataclass(frozen=True)
class Loop:
    """One pass over a plan.

    Args:
        prepared: the plan and its inputs.
        journal: where rows go.
        known: what the journal held when this pass began; kept up to date.
        judge_of: makes a judge of a task.
        executor_of: makes the executor for a judge of a task, by its name.
        retry: reasons whose failed replies are asked for again.
        shard: (index from 0, count): this pass takes every count-th item.
    """

    prepared: Prepared
    journal: Journal
    known: Known
    judge_of: JudgeMaker
    executor_of: Callable[[TaskPlan, str], Executor]
    retry: Collection[Missing] = ()
    shard: tuple[int, int] = (0, 1)
    progress: Progress = field(default_factory=Silent)

    def run(self) -> bool:
        """Do what the plan asks for and the journal lacks; return False if a budget ended it."""
        return all(
            self.run_task(index, plan, suite)
            for index, (plan, suite) in enumerate(
                zip(self.prepared.plan.tasks, self.prepared.suites, strict=True)
            )
        )

    def run_task(self, index: int, plan: TaskPlan, suite: Suite) -> bool:
        """Judge and score one task."""
        mine = plan.items[self.shard[0] :: self.shard[1]]
        self.progress.expect(len(mine))
        self.progress.note(f"{plan.task.suite} · {plan.task.model}")
        for item in mine:
            self.score(plan, suite, item)  # what was judged before the last interrupt
        by_judge: dict[str, list[Ask]] = {}
        for ask in self.outstanding(plan, suite, mine):
            by_judge.setdefault(ask.question.judge, []).append(ask)
        left = Counter(ask.item.key for asks in by_judge.values() for ask in asks)
        ended = [self.consult(name, by_judge[name], left, index) for name in sorted(by_judge)]
        return all(ended)

    def consult(self, name: str, asks: Sequence[Ask], left: Counter[str], index: int) -> bool:
        """Ask one judge of a task, and score items once none of their questions is left."""
        plan, suite = self.prepared.plan.tasks[index], self.prepared.suites[index]
        call = partial(attempt_ask, self.judge_of(plan, index, name), plan.places)
        executor, within_budget = self.executor_of(plan, name), True
        stored = executor.kept.row if isinstance(executor, KeepsRows) else nothing
        replies = executor.map(call, asks)
        if not self.prepared.workloads[index].recorded(name):  # gaps of a record are no breakdown
            replies = on_trial(title_of(identity_of(plan, name)), replies)
        for ask, reply in replies:
            if reply.missing is Missing.BUDGET:
                within_budget = False  # replies in flight were paid for: go on taking them in
                continue
            if (row := stored((ask, reply))) is None:
                self.append(judgment(plan, ask, reply))
            else:
                self.known.add(row)
            left[ask.item.key] -= 1
            if not left[ask.item.key]:
                self.score(plan, suite, ask.item)
        return within_budget

    def outstanding(self, plan: TaskPlan, suite: Suite, items: Sequence[WorkItem]) -> Iterator[Ask]:
        """Yield what was never asked, and what failed for a reason to be retried.

        A reply that scores rest on and that is lost is asked for in a new round.
        """
        for item in items:
            if item.missing is not None:
                continue
            for question in item.questions:
                row = self.known.judgments.get((item.key, question.id))
                if row is None:
                    yield Ask(item, question, self.known.rounds.get(item.key, -1) + 1)
                elif unanswered(plan, suite, question, row) in self.retry:
                    yield Ask(item, question, row.round + 1)

    def score(self, plan: TaskPlan, suite: Suite, item: WorkItem) -> None:
        """Score an item once all its replies are there, with every scorer of the task."""
        answers = self.known.answers(item) if item.missing is None else {}
        if answers is None:
            return
        self.append(*new_scores(self.known, plan, suite, item, answers, plan.task.scorers))
        self.progress.advance()

    def append(self, *rows: Row) -> None:
        """Store rows, then remember them."""
        if rows:
            self.journal.append(*rows)
            for row in rows:
                self.known.add(row)


def nothing(result: tuple[Ask, Reply]) -> Row | None:
    """Say that an executor has stored nothing of a reply."""
    return None


@dataclass(frozen=True)
class Answers:
    """What workers with journals of their own store: replies with an answer, as judgments.

    Failures are left to the loop, which stores none of a judge that never answers.
    """

    plan: TaskPlan

    def row(self, result: tuple[Ask, Reply]) -> Row | None:
        """Return the row of a reply."""
        ask, reply = result
        return None if reply.raw is None else judgment(self.plan, ask, reply)

    def result(self, item: Ask, rows: Sequence[Row]) -> tuple[Ask, Reply] | None:
        """Return the reply to a question from stored rows."""
        key = judgment_key(self.plan, item)
        found = (row for row in rows if isinstance(row, Judgment) and row.key == key)
        row = next(found, None)
        return None if row is None else (item, reply_of(row))


def unanswered(plan: TaskPlan, suite: Suite, question: Question, row: Judgment) -> Missing | None:
    """Return why a stored reply holds no answer: as its judge says, or as its suite reads it."""
    hear = getattr(suite, "unanswered", None)  # a ``HearsAnswers``; isinstance costs 10 µs a reply
    if hear is None:
        return row.missing
    answer = Answer(raw=row.raw, missing=row.missing, detail=row.detail)
    return hear(question, answer, plan.task)


def new_scores(
    known: Known,
    plan: TaskPlan,
    suite: Suite,
    item: WorkItem,
    answers: Mapping[str, Answer],
    scorers: Iterable[str],
) -> list[Score]:
    """Score one item with each scorer whose scores of these replies are not all stored yet.

    The round of a score is the sum of the rounds of the replies behind it, so it grows with
    every retry.
    """
    replies = (known.judgments.get((item.key, question.id)) for question in item.questions)
    latest = sum(row.round for row in replies if row)
    fresh: list[Score] = []
    for scorer in scorers:
        stored = {
            metric
            for metric in suite.info.metrics
            if (row := known.scores.get((item.key, scorer, metric))) and row.round >= latest
        }
        if len(stored) == len(suite.info.metrics):
            continue
        for value in values_of(plan, suite, item, answers, scorer):
            if value.metric in stored:
                continue
            fresh.append(
                Score(
                    key=content_key("score", item.key, jury(plan), scorer, value.metric, latest),
                    item=item.key,
                    suite=item.suite,
                    model=item.model,
                    sample=item.sample.id,
                    metric=value.metric,
                    scorer=scorer,
                    round=latest,
                    value=value.value,
                    missing=value.missing,
                    detail=value.detail,
                )
            )
    return fresh


def values_of(
    plan: TaskPlan, suite: Suite, item: WorkItem, answers: Mapping[str, Answer], scorer: str
) -> Sequence[Value]:
    """Return one value per metric; an absent input or a failing scorer is a reason, not a gap."""
    if item.missing is not None:
        return [Value(metric=name, value=None, missing=item.missing) for name in suite.info.metrics]
    values, failure = attempt(lambda: suite.score(item, answers, scorer, plan.task))
    if not failure and (failure := misfit(values, suite.info.metrics)):
        tell_once(f"suite {suite.info.name!r}, scorer {scorer}: {failure}. Mend the suite")
    if values is None or failure:
        return [
            Value(metric=name, value=None, missing=Missing.SCORER, detail=failure)
            for name in suite.info.metrics
        ]
    return [in_range(suite, scorer, value.finite()) for value in values]


def misfit(values: object, metrics: Collection[str]) -> str:
    """Say how what a scorer gave is not one number or reason per metric, or nothing."""
    if not isinstance(values, Sequence) or not all(isinstance(one, Value) for one in values):
        return f"score() gave {type(values).__name__}, expected a list of Value"
    names = [one.metric for one in values]
    if len(names) != len(metrics) or set(names) != set(metrics):
        gave, wanted = (", ".join(sorted(some)) or "none" for some in (names, metrics))
        return f"score() gave values of {gave}, expected one of each of {wanted}"
    for one in values:
        number = isinstance(one.value, int | float) and not isinstance(one.value, bool)
        if not number and (one.value is not None or one.missing is None):
            return f"score() gave {one.metric} {one.value!r}, expected a number or a reason"
    return ""


def in_range(suite: Suite, scorer: str, value: Value) -> Value:
    """Return a value, without the number where that leaves the range that its suite states."""
    info = suite.info
    lo, hi = info.metrics.get(value.metric, (-math.inf, math.inf))
    bounded = any(one.bounded for one in info.scorers if one.name == scorer)
    if value.value is None or not bounded or lo <= value.value <= hi:
        return value
    tell_once(
        f"suite {info.name!r}, scorer {scorer}: values of {value.metric} lie outside {lo:g} to "
        f"{hi:g}, which info.metrics states; they are missing. Mend the suite's score(), or what "
        "it states"
    )
    detail = f"{value.value:g}, outside {lo:g} to {hi:g}"
    return Value(metric=value.metric, value=None, missing=Missing.RANGE, detail=detail)


@cache
def tell_once(text: str) -> None:
    """Log, once per process, that a suite does not keep to what it states."""
    log.warning(text)


def attempt_ask(judge: JudgeClient, folders: Mapping[str, str], ask: Ask) -> tuple[Ask, Reply]:
    """Ask one question; whatever happens, there is a reply."""
    media = list(media_of(folders, ask.item, ask.question))
    reply, failure = attempt(lambda: judge.ask(ask.item, ask.question, media))
    return ask, reply or Reply(raw=None, missing=Missing.JUDGE, detail=failure)


def media_of(
    folders: Mapping[str, str], item: WorkItem, question: Question
) -> dict[Path, Artifact]:
    """Return the files that a question is about and where they lie; none where one is absent."""
    if not folders:
        return {}
    files = item.files(question)
    if any(file is None or role not in folders for role, file in files.items()):
        return {}
    return {Path(folders[role]) / file.name: file for role, file in files.items() if file}


def judgment_key(plan: TaskPlan, ask: Ask) -> str:
    """Name a reply by all it depends on: sample, question, judge, round, and any named media."""
    item, question, number = ask
    judge = identity_of(plan, question.judge)
    media = [item.files(question)] if question.media else []
    return content_key("judgment", item.key, question.id, question.prompt, judge, number, *media)


def judgment(plan: TaskPlan, ask: Ask, reply: Reply) -> Judgment:
    """Turn a reply into the row that stores it."""
    return Judgment(
        key=judgment_key(plan, ask),
        item=ask.item.key,
        question=ask.question.id,
        raw=reply.raw,
        round=ask.round,
        missing=reply.missing,
        detail=reply.detail,
        seconds=reply.seconds,
        served_by=reply.served_by,
        attempts=reply.attempts,
    )


def reply_of(row: Judgment) -> Reply:
    """Return the reply that a row stores."""
    return Reply(
        raw=row.raw,
        missing=row.missing,
        detail=row.detail,
        seconds=row.seconds,
        served_by=row.served_by,
        attempts=row.attempts,
    )
