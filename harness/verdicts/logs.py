"""Two result logs of other harnesses, sample by sample, under the rules that hold for runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from harness.errors import ConfigError, nearest
from harness.keys import differing
from harness.logs.log import Log, LogTask, Measure
from harness.outcomes import Outcome
from harness.protocols import Column
from harness.stats.paired import PairedMean, mcnemar, paired_means, tango
from harness.verdicts.changes import Change, allowed
from harness.verdicts.promises import LOST, NEW, matched
from harness.verdicts.questions import Question, judged

DIRECTION = "higher_is_better"
"""A field of each column that must agree; where it may differ, the baseline's holds."""
FOLLOWS = {"prompt_hash": "n-shot"}
"""What differs where another field does, and is no reason of its own then."""


class Rules(NamedTuple):
    """What is asked of a comparison of logs.

    ``primary``, ``lower`` and ``allow`` hold names as the command line takes them: of columns
    that alone are tested, of columns of which less is better, of fields that may differ.
    """

    effect: float = 0.0
    level: float = 0.95
    cluster: str = ""
    primary: Collection[str] = ()
    lower: Collection[str] = ()
    allow: Collection[str] = ()


def compare_logs(before: Log, after: Log, rules: Rules) -> tuple[list[Change], list[str]]:
    """Compare all that either log holds; return the changes, and what else is to be known.

    Raises:
        ConfigError: a column or a cluster field that no log has.
    """
    check_names(before, after, rules)
    if before.format != after.format:
        differs = (("format", before.format, after.format),)
        return [_refused(task, differs, differs) for task in after.tasks], []
    found: list[Change | Question | str] = []
    pairs = matched(before.tasks, after.tasks, [lambda task: task.suite], lambda task: "")
    for place, (old, new) in enumerate(pairs):
        if old is None or new is None:
            found += _alone(old, new)
        else:
            found += [*_compare_task(place, old, new, rules), *_provenance(old, new)]
    questions = [one for one in found if isinstance(one, Question)]
    columns = _judged(questions, rules)
    tasks = [(one.suite, one.unfinished) for one in (*before.tasks, *after.tasks)]
    changes = [
        *(one for one in found if isinstance(one, Change)),
        *(
            _held(one, [why for suite, why in tasks if suite == one.suite and why])
            for one in columns
        ),
    ]
    notes = dict.fromkeys(one for one in found if isinstance(one, str))
    return allowed(changes, rules.allow), list(notes)


def _judged(questions: Sequence[Question], rules: Rules) -> list[Change]:
    """Decide every column; one that regressed only with samples that lost epochs is incomplete."""
    primary, alpha = _primary(questions, rules), 1 - rules.level
    columns = judged(questions, primary, rules.effect, alpha)
    if not any(one.steady for one in questions):
        return columns
    steady = [one._replace(mean=one.steady or one.mean) for one in questions]
    held = judged(steady, primary, rules.effect, alpha)
    why = "no regression without the samples that lost epochs"
    return [
        msgspec.structs.replace(one, outcome=Outcome.INCOMPLETE, reason=f"{one.reason}; {why}")
        if asked.steady and one.outcome is Outcome.REGRESSED is not other.outcome
        else one
        for asked, one, other in zip(questions, columns, held, strict=True)
    ]


def names_of(suite: str, measure: Measure) -> tuple[str, ...]:
    """Return the names by which an option may mean a column."""
    name, task = f"{measure.scorer}/{measure.column}", suite.partition("/")[2]
    return measure.column, name, f"{suite}/{name}", f"{task}.{measure.column}"


def check_names(before: Log, after: Log, rules: Rules) -> None:
    """Refuse columns and cluster fields that no log has.

    Raises:
        ConfigError: one is unknown.
    """
    tasks = (*before.tasks, *after.tasks)
    known = {name for one in tasks for m in one.measures for name in names_of(one.suite, m)}
    for name in (*rules.primary, *rules.lower):
        if name not in known:
            raise ConfigError(f"unknown column {name!r}", hint=nearest(name, known))
    fields = {name for one in tasks for name in one.fields}
    if rules.cluster and rules.cluster not in fields:
        hint = nearest(rules.cluster, fields) if fields else "no sample of these logs has fields"
        raise ConfigError(f"--cluster {rules.cluster}", expected="a field of samples", hint=hint)


def _alone(old: LogTask | None, new: LogTask | None) -> Iterator[Change | str]:
    """Yield what only one log has; a task of nothing but unread columns is a note."""
    outcome, reason = (Outcome.ADDED, NEW) if old is None else (Outcome.VANISHED, LOST)
    for task in filter(None, (old, new)):
        if all(one.aside for one in task.measures):
            yield f"{task.suite}: {reason}, and none of its samples are numbers"
        else:
            yield _row(task, outcome, reason)


def _compare_task(
    place: int, old: LogTask, new: LogTask, rules: Rules
) -> Iterator[Change | Question | str]:
    """Yield a question for each column of two tasks, what is not compared, and what is noted."""
    differs = protocol_differences(old, new)
    if refused := [one for one in differs if one[0] not in rules.allow]:
        yield _refused(new, refused, differs)
        return
    yield from (
        f"{task.suite} of {task.model}: {note}" for task in (old, new) for note in task.notes
    )
    olds, news = ({(m.scorer, m.column): m for m in task.measures} for task in (old, new))
    for name in dict.fromkeys([*olds, *news]):
        first, second = olds.get(name), news.get(name)
        one = second or first
        if one is None:
            continue
        asked = not set(names_of(new.suite, one)).isdisjoint(rules.primary)
        aside = next((m.aside for m in (first, second) if m and m.aside), "")
        if aside and not asked:
            yield f"{new.suite} {one.scorer} {one.column}: not compared, {aside}"
        elif first is None or second is None:
            outcome, reason = (Outcome.ADDED, NEW) if first is None else (Outcome.VANISHED, LOST)
            yield _row(new, outcome, reason, one)
        elif aside and not (first.values and second.values):
            yield _row(new, Outcome.INCOMPARABLE, aside, one)
        elif any(second.weights.get(n, w) != w for n, w in first.weights.items()):
            yield _row(new, Outcome.INCOMPARABLE, "a document has another weight", one)
        elif (
            other := _direction(first, second, new.suite, rules)
        ) and DIRECTION not in rules.allow:
            yield _refused(new, other, [*differs, *other], one)
        else:
            yield _ask(place, (old, new), (first, second), (*differs, *other), rules)


def _direction(
    first: Measure, second: Measure, suite: str, rules: Rules
) -> list[tuple[str, str, str]]:
    """Return how two logs differ in which way a column is better; ``lower`` settles it."""
    if not set(names_of(suite, second)).isdisjoint(rules.lower):
        return []
    return differing({DIRECTION: first.higher_is_better}, {DIRECTION: second.higher_is_better})


def protocol_differences(old: LogTask, new: LogTask) -> list[tuple[str, str, str]]:
    """Return what must agree and does not: name, before, after; samples by what they ask."""
    found = differing(old.protocol, new.protocol)
    changed = {name for name, *_ in found}
    for name in dict.fromkeys([*old.questions, *new.questions]):
        first, second = (task.questions.get(name, {}) for task in (old, new))
        shared = first.keys() & second.keys()
        other = [sample for sample in shared if first[sample] != second[sample]]
        if other and FOLLOWS.get(name) not in changed:
            shown = ", ".join(sorted(other)[:3])
            found.append((name, f"{len(shared)} samples", f"{len(other)} other ones: {shown}"))
    mine, theirs = ({n for m in task.measures for n in m.values} for task in (old, new))
    if mine and theirs and not mine & theirs:
        found.append(("samples", f"{len(mine)} ids", f"{len(theirs)} others"))
    return found


def _ask(
    place: int,
    tasks: tuple[LogTask, LogTask],
    sides: tuple[Measure, Measure],
    differs: tuple[tuple[str, str, str], ...],
    rules: Rules,
) -> Question:
    """Return the question whether a column changed, with its difference."""
    (old, new), (first, second) = tasks, sides
    before, after = (
        {n: value for n, value in one.values.items() if isinstance(value, float)} for one in sides
    )
    shared = [n for n in after if n in before]
    weight = sum(second.weights.get(n, 1.0) for n in shared)
    scale = len(shared) / weight if weight else 1.0  # of a ratio of sums; else 1
    units, whose = units_of(new, second, shared, rules.cluster)
    lower = not set(names_of(new.suite, second)).isdisjoint(rules.lower)
    thin = {n for n in shared if _scored(second, n) < _scored(first, n)}

    def over(used: Collection[int]) -> PairedMean:
        ids, own = ([every[k] for k in used] for every in (shared, units))
        olds, news = ([scale * side[n] for n in ids] for side in (before, after))
        return difference(olds, news, ids, own, rules.level)

    return Question(
        task=place,
        suite=new.suite,
        model=new.model,
        scorer=second.scorer,
        column=Column(
            name=second.column,
            title=second.column,
            lo=0.0,
            hi=1.0,
            higher_is_better=first.higher_is_better and not lower,
        ),
        mean=over(range(len(shared))),
        flips=tuple(n for n in shared if before[n] != after[n]),
        counts=(len(before), len(after)),
        lost=len(before.keys() - after.keys()),
        said=(
            whose,
            f"the model was {old.model!r} before" if old.model != new.model else "",
            *(
                tell(one, when)
                for tell in (_lacking, _lost_epochs)
                for one, when in ((first, "before"), (second, "after"))
            ),
            f"fewer epochs than before in {len(thin)} samples" if thin else "",
        ),
        differs=differs,
        content=(place, tuple(before.items()), tuple(after.items()), frozenset(thin)),
        steady=over([k for k, n in enumerate(shared) if n not in thin]) if thin else None,
    )


def units_of(
    task: LogTask, measure: Measure, shared: Sequence[str], wanted: str
) -> tuple[list[str], str]:
    """Return what of each sample is drawn independently, and who says so where it is no sample.

    The field that the command line names comes before the one that the log's own standard error
    goes by; after both, samples of one document are one.
    """
    name = wanted or measure.cluster
    if name and (labels := task.fields.get(name)):
        told = "" if wanted else ", as the log's own standard error"
        units = [f"{name} {labels[n]}" if n in labels else f"sample {n}" for n in shared]
        return units, f"clusters by {name}{told}"
    units = [task.documents.get(n, n) for n in shared]
    alone = len(set(units)) == len(units)
    return (list(shared), "") if alone else (units, "clusters by document: some stand twice")


def difference(
    before: Sequence[float],
    after: Sequence[float],
    ids: Sequence[str],
    units: Sequence[str],
    level: float,
) -> PairedMean:
    """Return the mean difference: McNemar's where all is 0 or 1 and every sample alone, else t."""
    first, second = np.array(before, float), np.array(after, float)
    single = len(set(units)) == len(units)
    mean = paired_means(second, first, ids, ids, None if single else units, level)
    if not (single and ids and {*before, *after} <= {0.0, 1.0}):
        return mean
    won, lost = int((second > first).sum()), int((second < first).sum())
    ends = tango(won, lost, mean.pairs, level)
    return mean._replace(lo=ends.lo, hi=ends.hi, p=mcnemar(won, lost), method="McNemar, Tango")


def _lacking(measure: Measure, when: str) -> str:
    """Say how many samples have no value on a side, by reason."""
    reasons = Counter(value for value in measure.values.values() if isinstance(value, str))
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"without a value {when}: {told}" if told else ""


def _scored(measure: Measure, sample: str) -> int:
    """Count the epochs that the value of a sample rests on."""
    return sum(isinstance(one, float) for one in measure.epochs.get(sample, (0.0,)))


def _lost_epochs(measure: Measure, when: str) -> str:
    """Say how many epochs have no score on a side, by reason, and in how many samples."""
    several = {n: found for n, found in measure.epochs.items() if len(found) > 1}
    lost = Counter(one for found in several.values() for one in found if isinstance(one, str))
    if not lost:
        return ""
    every = sum(map(len, several.values()))
    where = sum(any(isinstance(one, str) for one in found) for found in several.values())
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(lost.items()))
    scored = f"{every - lost.total()} of {every} epochs scored {when}"
    return f"{scored} ({lost.total()} not, in {where} samples: {told})"


def _primary(questions: Sequence[Question], rules: Rules) -> set[str]:
    """Return the names of primary columns in every form, that of questions included."""
    found = set(rules.primary)
    for one in questions:
        measure = Measure(one.scorer, one.column.name, {})
        if not found.isdisjoint(names_of(one.suite, measure)):
            found.add(one.names[-1])
    return found


def _held(change: Change, unfinished: Sequence[str]) -> Change:
    """Return a change as incomplete where a log is not the whole of its run."""
    if not unfinished or change.outcome is Outcome.REGRESSED:
        return change
    reason = "; ".join(filter(None, (change.reason, f"unfinished: {', '.join(unfinished)}")))
    return msgspec.structs.replace(change, outcome=Outcome.INCOMPLETE, reason=reason)


def _row(task: LogTask, outcome: Outcome, reason: str, measure: Measure | None = None) -> Change:
    if measure is None:
        return Change(
            what="task", suite=task.suite, model=task.model, outcome=outcome, reason=reason
        )
    return Change(
        suite=task.suite,
        model=task.model,
        scorer=measure.scorer,
        column=measure.column,
        outcome=outcome,
        reason=reason,
    )


def _refused(
    task: LogTask,
    refused: Sequence[tuple[str, str, str]],
    differs: Sequence[tuple[str, str, str]],
    measure: Measure | None = None,
) -> Change:
    said = "; ".join(f"{name}: {first} -> {second}" for name, first, second in refused)
    row = _row(task, Outcome.INCOMPARABLE, said, measure)
    return msgspec.structs.replace(row, differs=tuple(differs))


def _provenance(old: LogTask, new: LogTask) -> list[str]:
    return [
        f"{name}: {first} before, {second} after"
        for name, first, second in differing(old.provenance, new.provenance)
    ]
