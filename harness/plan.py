"""From a spec to a plan: which samples, which inputs, which judge, before any work is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.attempt import tried
from harness.errors import ConfigError, IncompleteError, PreconditionError, UserError, nearest
from harness.judges.factory import judge_id
from harness.keys import content_key
from harness.packs.loading import load_pack
from harness.packs.pack import Pack
from harness.protocols import Contrasts, Experiment, Suite, Workload
from harness.records import (
    WHOLE,
    ExperimentPlan,
    ExperimentRequest,
    Judge,
    JudgeId,
    Missing,
    PackId,
    RunPlan,
    RunSpec,
    Task,
    TaskPlan,
    WorkItem,
)

log = logging.getLogger(__name__)

SuiteLookup = Callable[[str], Suite]
ExperimentLookup = Callable[[ExperimentRequest], Sequence[Experiment]]


@dataclass(frozen=True)
class Prepared:
    """A plan together with the inputs it was made from."""

    plan: RunPlan
    suites: Sequence[Suite]  # one per task
    workloads: Sequence[Workload]  # one per task
    experiments: Sequence[Experiment] = ()  # one per experiment of the plan


def no_experiments(request: ExperimentRequest) -> Sequence[Experiment]:
    """Know no experiment: the lookup of runs that have none."""
    raise ConfigError(f"unknown experiment {request.name!r}")


def prepare(
    spec: RunSpec, suite_of: SuiteLookup, experiments_of: ExperimentLookup = no_experiments
) -> Prepared:
    """Read every input of ``spec`` and fix what will be done.

    Raises:
        ConfigError: a task names something its suite does not know.
        DataError, PreconditionError: an input is wrong or absent.
        IncompleteError: a task has no samples at all.
    """
    assets = Path(spec.assets) if spec.assets else None
    suites = [suite_of(task.suite) for task in spec.tasks]
    asked = [resolved(suite, task) for suite, task in zip(suites, spec.tasks, strict=True)]
    workloads = [
        _named_by_replies(_limited(loaded(suite, task, assets), task))
        for suite, task in zip(suites, asked, strict=True)
    ]
    tasks = tuple(
        _plan_task(task, workload) for task, workload in zip(asked, workloads, strict=True)
    )
    check_shared(tasks)
    experiments = {
        plan_experiment(one).key: one
        for request in spec.experiments
        for one in experiments_of(request)
    }
    planned = tuple(plan_experiment(one) for one in experiments.values())
    pack = load_pack(spec.pack)
    tasks = tuple(declared(task, suite, pack) for task, suite in zip(tasks, suites, strict=True))
    name = _plan_id(spec, pack.id, tasks, planned)
    plan = RunPlan(id=name, spec=spec, pack=pack.id, tasks=tasks, experiments=planned)
    return Prepared(plan, suites, workloads, tuple(experiments.values()))


def declared(task: TaskPlan, suite: Suite, pack: Pack) -> TaskPlan:
    """Return a task with a note for each statement of the pack that it is declared to answer.

    Raises:
        ConfigError: its suite asks no such question, the pack has no such statement or none that
            this question can answer, or the task holds a folder against itself.
    """
    if not task.task.answers:
        return task
    where = f"answers of task {task.task.suite} / {task.task.model}"
    asked = suite.contrasts(task, {}) if isinstance(suite, Contrasts) else ()
    questions = [task.question(one.claim) for one in asked]
    if task.task.videos is not None and task.task.videos == task.task.reference:
        raise ConfigError("a folder held against itself answers nothing", where=where)
    statements = {claim.id: claim for claim in pack.claims}
    notes: list[str] = []
    for question, claim in task.task.answers.items():
        if question not in questions:
            hint = nearest(question, questions) if questions else "this suite decides nothing"
            raise ConfigError(f"no question {question!r} is asked", where=where, hint=hint)
        if claim not in statements:
            hint = nearest(claim, statements) if statements else "the pack has no statements"
            raise ConfigError(f"no statement {claim!r} in {pack.id.id}", where=where, hint=hint)
        named = f"suite {task.task.suite}: {question.replace('_', ' ')}"
        if named not in statements[claim].needs:
            raise ConfigError(
                f"{question!r} cannot answer {claim}: {statements[claim].statement}",
                where=where,
                expected=f"a statement that needs ({named})",
            )
        notes.append(f"{question} answers {claim}: {statements[claim].statement}")
    return msgspec.structs.replace(task, notes=(*task.notes, *notes))


def loaded(suite: Suite, task: Task, assets: Path | None) -> Workload:
    """Return what a suite loads for a task.

    Raises:
        UserError: whatever the suite says is wrong.
        PreconditionError: the suite is another distribution's and raises anything else, or returns
            no workload.
    """
    found, error = tried(lambda: suite.load(task, assets))
    if isinstance(found, Workload):
        return found
    module = type(suite).__module__
    if error is not None and (isinstance(error, UserError) or module.startswith("suites.")):
        raise error
    told = f"{type(error).__name__}: {error}" if error else f"{type(found).__name__}, no Workload"
    log.debug("load() of suite %s", suite.info.name, exc_info=error)
    raise PreconditionError(
        f"suite {suite.info.name!r} cannot load its task: {told}",
        where=f"{module}, task {task.suite} / {task.model}",
        hint="mend the suite or report it to those who offer it; --debug shows where it happened",
    ) from error


def plan_experiment(experiment: Experiment) -> ExperimentPlan:
    """Fix an experiment: its key is the hash of its name and settings."""
    return ExperimentPlan(
        key=content_key("experiment", experiment.name, experiment.settings),
        name=experiment.name,
        title=experiment.title,
        settings=experiment.settings,
    )


def resolved(suite: Suite, task: Task) -> Task:
    """Return a task with its suite's own name, and all its scorers where it names none.

    A suite's only subset needs no name.

    Raises:
        ConfigError: it names something that its suite does not know.
    """
    if task.subset == WHOLE and len(suite.info.subsets) == 1:
        task = msgspec.structs.replace(task, subset=next(iter(suite.info.subsets)))
    check_task(suite, task)
    scorers = task.scorers or tuple(scorer.name for scorer in suite.info.scorers)
    return msgspec.structs.replace(task, suite=suite.info.name, scorers=scorers)


def check_task(suite: Suite, task: Task) -> None:
    """Hold a task's names against what its suite offers."""
    info, where = suite.info, f"task {task.suite} / {task.model}"
    scorers = [scorer.name for scorer in info.scorers]
    for name in task.scorers:
        if name not in scorers:
            raise ConfigError(f"unknown scorer {name!r}", where=where, hint=nearest(name, scorers))
    if task.subset not in info.subsets:
        raise ConfigError(
            f"unknown subset {task.subset!r}", where=where, hint=nearest(task.subset, info.subsets)
        )
    for judge in (task.judge, *task.judges.values()):
        if judge.kind not in info.judges:
            raise ConfigError(
                f"this suite cannot use a judge of kind {judge.kind!r}",
                where=where,
                hint=nearest(judge.kind, info.judges),
            )
    for name, value in task.protocol.items():
        allowed = info.protocol.get(name)
        if allowed is None:
            raise ConfigError(
                f"unknown protocol field {name!r}", where=where, hint=nearest(name, info.protocol)
            )
        if allowed and value not in allowed:
            raise ConfigError(
                f"protocol field {name} = {value!r}",
                where=where,
                expected="one of " + ", ".join(map(repr, allowed)),
            )


def check_shared(tasks: Iterable[TaskPlan]) -> None:
    """Refuse two tasks that ask different judges about the same samples of the same model.

    A run stores one reply to a question, so the second task would be shown the first one's.
    """
    first: dict[str, TaskPlan] = {}
    for plan in tasks:
        for item in (item for item in plan.items if item.missing is None):
            other = first.setdefault(item.key, plan)
            if jury(other) != jury(plan):
                raise ConfigError(
                    f"two tasks hold the same samples of {item.model!r} with other judges or "
                    f"results, e.g. {item.sample.id!r}",
                    where=f"tasks {plan.task.suite} / {plan.task.model}",
                    hint="name several results in one task, tell models apart by name, say another "
                    "`judge` in each task's protocol, or give each judge a run of its own",
                )


def _limited(workload: Workload, task: Task) -> Workload:
    if not workload.items:
        raise IncompleteError(
            "this task has no samples, so it would measure nothing",
            where=f"task {task.suite} / {task.model} / subset {task.subset}",
            hint="check the subset, the videos folder and the results files",
        )
    samples = sum(item.times for item in workload.items)
    if task.limit is None or task.limit >= samples:
        return workload
    if task.limit < 1:
        raise ConfigError(f"limit = {task.limit}", expected="a whole number of at least 1")
    note = f"limited to the first {task.limit} of {samples} samples"
    return msgspec.structs.replace(
        workload,
        items=tuple(_first(workload.items, task.limit)),
        notes=(*workload.notes, note),
        protocol={**workload.protocol, "limit": task.limit},
    )


def _first(items: Iterable[WorkItem], left: int) -> Iterator[WorkItem]:
    """Yield the items of the first samples; the last one may stand for fewer than it did."""
    for item in items:
        if left <= 0:
            return
        yield item if item.times <= left else msgspec.structs.replace(item, times=left)
        left -= item.times


def _named_by_replies(workload: Workload) -> Workload:
    """Return a workload whose items are named by their recorded replies and who gave them, too.

    Two judges may say the same of a sample, and one judge may be asked twice: the work, and the
    rows that come of it, are not the same.
    """
    answers, jury = workload.answers or {}, (workload.judge, workload.judges)
    names = {
        item.key: content_key(item.key, jury, answers[item.key])
        for item in workload.items
        if item.key in answers
    }
    return msgspec.structs.replace(
        workload,
        items=tuple(
            msgspec.structs.replace(item, key=names.get(item.key, item.key))
            for item in workload.items
        ),
        answers=workload.answers and {name: answers[key] for key, name in names.items()},
    )


def _plan_task(task: Task, workload: Workload) -> TaskPlan:
    known = {name: one.identity for name, one in workload.instruments.items()} | workload.judges
    judges = {
        name: known.get(name) or judge_id(configured(task, name))
        for name in judges_asked(workload.items)
        if name
    }
    for name in task.judges.keys() - judges.keys():
        raise ConfigError(
            f"no question is asked of a judge {name!r}",
            where=f"judges of task {task.suite} / {task.model}",
            hint=nearest(name, judges) if judges else "this task needs one judge: use `judge`",
        )
    shown = {
        f"judge {name}": " ".join(filter(None, (one.kind, one.name, one.revision)))
        for name, one in judges.items()
    }
    return TaskPlan(
        task=task,
        judge=workload.judge or judge_id(task.judge),
        protocol={"subset": task.subset, **workload.protocol, **shown},
        items=workload.items,
        notes=workload.notes,
        judges=judges,
        folders=workload.folders,
        parts=workload.parts,
    )


def judges_asked(items: Iterable[WorkItem]) -> list[str]:
    """Return the names of the judges that questions go to; the task's own has an empty name."""
    return sorted({question.judge for item in items for question in item.questions})


def configured(task: Task, judge: str) -> Judge:
    """Return the settings of a task's judge; an empty name means its own.

    Raises:
        ConfigError: the task has no judge of this name.
    """
    if judge and judge not in task.judges:
        raise ConfigError(
            f"questions are asked of a judge {judge!r}, which the task does not have",
            where=f"task {task.suite} / {task.model}",
            hint=f"add [tasks.judges.{judge}] with its settings, or results that hold its replies",
        )
    return task.judges[judge] if judge else task.judge


def pinned(plan: TaskPlan, judge: str) -> Judge:
    """Return the settings of a task's judge at the revision that the plan fixed."""
    fixed = identity_of(plan, judge).revision
    return msgspec.structs.replace(configured(plan.task, judge), revision=fixed)


def identity_of(plan: TaskPlan, judge: str) -> JudgeId:
    """Return who a judge of a task is; an empty name means the task's own."""
    return plan.judges[judge] if judge else plan.judge


def title_of(judge: JudgeId) -> str:
    """Return a judge's name, and where it is when it is behind a server."""
    place = judge.settings.get("base_url")
    return f"{judge.name} at {place}" if place else judge.name


def jury(plan: TaskPlan) -> JudgeId | tuple[JudgeId, dict[str, JudgeId]]:
    """Return all judges of a task, as a part of content keys."""
    return (plan.judge, plan.judges) if plan.judges else plan.judge


def _plan_id(
    spec: RunSpec,
    pack: PackId,
    tasks: Sequence[TaskPlan],
    experiments: Sequence[ExperimentPlan],
) -> str:
    """Name a plan by its content; where its files lie on this machine does not matter."""
    content = [
        (
            *(plan.task.suite, plan.task.model, plan.task.subset, plan.task.scorers),
            *(jury(plan), plan.protocol, *filter(None, [plan.parts])),
            [(item.key, item.media) if item.media else item.key for item in plan.items],
        )
        for plan in tasks
    ]
    keys = [experiment.key for experiment in experiments]
    optional = [keys] if keys else []
    return content_key(spec.name, spec.seed, spec.audit, pack.digest, content, *optional)


def describe(plan: RunPlan) -> list[tuple[str, str, int, int, int]]:
    """Return (suite, model, samples, inputs absent, questions) per task, for a preview."""
    return [
        (
            task.task.suite,
            task.task.model,
            task.samples,
            sum(item.times for item in task.items if item.missing is Missing.INPUT),
            sum(len(item.questions) for item in task.items if item.missing is None),
        )
        for task in plan.tasks
    ]
