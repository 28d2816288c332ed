"""One run, front to back: prepare, work, reduce, decide, draw. Each step reads the one before."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from harness import engine, experiments, reduce, store
from harness.audit.engine import run_checks
from harness.audit.templates import checks_of
from harness.cluster import Cluster, await_workers
from harness.errors import ConfigError, ExitCode, UserError, nearest
from harness.files import atomic_write
from harness.integrity import Held, open_run
from harness.judges.factory import KINDS, make_judge
from harness.judges.late import Late
from harness.judges.recorded import RecordedJudge
from harness.packs.loading import load_pack
from harness.packs.pack import Pack
from harness.packs.published import published
from harness.plan import Prepared, configured, identity_of, judges_asked, pinned, prepare
from harness.protocols import (
    INSTRUMENT,
    Ask,
    Executor,
    JudgeClient,
    Progress,
    Silent,
    Workload,
)
from harness.provenance import environment, now
from harness.raters import rater_pairs
from harness.records import (
    Attempt,
    Check,
    Judgment,
    Missing,
    Question,
    Results,
    RunPlan,
    RunSpec,
    Score,
    TaskPlan,
    WorkItem,
)
from harness.run.experiments import experiments_of, theorems
from harness.verdicts import ledger
from harness.verdicts.contrasts import answers, decide
from harness.verdicts.docket import Docket
from harness.verdicts.gate import FailOn, gate
from harness.verdicts.numbers import remarks
from harness.verdicts.statements import bound_outcomes
from harness.verdicts.table_evidence import table_evidence
from harness.workers import InProcess, make_executor
from suites.registry import all_suites, get_suite

RAY = "ray"
CREW = "journal-worker"
"""How journals of workers on a cluster begin; a shard's name follows."""


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what: nothing here changes a number."""

    out: Path | None = None
    executor: str | None = None
    workers: int | None = None
    address: str = ""  # of a Ray cluster
    retry: Collection[Missing] = ()
    shard: tuple[int, int] = (0, 1)
    reuse: Sequence[Path] = ()
    source: Path | None = None  # the run file
    fail_on: FailOn = ()  # what fails the gate that reports obey
    search: bool = True  # take over replies of the runs of this name that lie beside it, too
    fsync: bool = True
    progress: Progress = field(default_factory=Silent)


class Completed(NamedTuple):
    """A run that was worked on, reduced, decided and drawn."""

    directory: Path
    results: Results
    report: Path
    finished: bool  # whether everything planned was worked on
    remarks: tuple[str, ...] = ()  # on what this command did

    def exit_code(self, fail_on: FailOn) -> ExitCode:
        """Return how the run stands by its gate."""
        return gate(self.results, fail_on, finished=self.finished)


def complete(spec: RunSpec, options: Options) -> Completed:
    """Do what ``spec`` asks for and the run lacks, then reduce, decide and draw."""
    directory, finished, remarks = execute(spec, options)
    options.progress.note("verdicts and report")
    results = conclude(directory)
    page = write_reports(directory, fail_on=options.fail_on)["html"]
    return Completed(directory, results, page, finished, remarks)


def run_directory(spec: RunSpec, plan: RunPlan, out: Path | None) -> Path:
    """Return where a run lives: the same plan always comes back to the same place."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", spec.name).strip("-.") or "run"
    return out or Path("runs") / f"{name}-{plan.id[:10]}"


def execute(spec: RunSpec, options: Options) -> tuple[Path, bool, tuple[str, ...]]:
    """Do what ``spec`` asks for and the run's journal lacks.

    Returns:
        The run directory, whether everything planned was worked on (a spent budget ends a run
        early; the same command goes on with it), and what to say of replies taken over.
    """
    for earlier in options.reuse:
        store.load_plan(earlier)  # refuses what is no run
    prepared = prepare(spec, get_suite, experiments_of)
    for line in ledger.unmet(prepared.plan, prepared.suites, load_pack(spec.pack)):
        options.progress.note(line)
    source = str(options.source.absolute()) if options.source else ""
    directory = store.create_run(
        run_directory(spec, prepared.plan, options.out),
        msgspec.structs.replace(prepared.plan, source=source),
    )
    index, count = options.shard
    crew = f"{CREW}{index + 1}of{count}"
    await_workers(directory, crew)
    rows = store.load_rows(directory)
    Held(directory, prepared.plan, prepared.suites, rows).check_rows()
    journal_name = store.JOURNAL if count == 1 else f"journal-{index + 1}of{count}.jsonl"
    costly = prepared.experiments or any(map(asks_judges, prepared.workloads))
    synced = options.fsync and bool(costly)  # recorded answers can be read again
    with store.Journal(directory / journal_name, fsync=synced) as journal:
        number = 1 + sum(isinstance(row, Attempt) for row in rows)
        journal.append(Attempt(number=number, started=now(), environment=environment()))
        if spec.audit and index == 0:
            audit_rows(journal, rows, load_pack(spec.pack), options.progress)
        known = store.Known.of(rows)
        loop = engine.Loop(
            prepared=prepared,
            journal=journal,
            known=known,
            judge_of=lambda plan, position, name: judge_of(
                prepared, plan, position, name, late=options.executor == RAY
            ),
            executor_of=lambda plan, name: executor_of(plan, name, options, directory / crew),
            retry=options.retry,
            shard=options.shard,
            progress=options.progress,
        )
        earlier = earlier_runs(directory, prepared) if options.search else []
        remarks = adopt(loop, options.reuse, earlier)
        for remark in remarks:
            options.progress.note(remark)
        finished = loop.run()
        loop = experiments.ExperimentLoop(journal, rows, directory / "scratch", options.progress)
        pairs = list(zip(prepared.plan.experiments, prepared.experiments, strict=True))
        return directory, loop.run(pairs[index::count]) and finished, remarks


def audit_rows(
    journal: store.Journal, rows: Sequence[store.Row], pack: Pack, progress: Progress
) -> None:
    """Append the audit of the pack's printed tables, unless the journal has it."""
    done = {row.id for row in rows if isinstance(row, Check)}
    checks = [check for check in checks_of(pack) if check.id not in done]
    progress.expect(len(checks))
    progress.note("audit of the printed tables")
    for check in run_checks(checks, pack):
        journal.append(check)
        progress.advance()


def earlier_runs(directory: Path, prepared: Prepared) -> list[Path]:
    """Return the runs of this name beside a run that asks judges, the youngest plan first."""
    if not any(map(asks_judges, prepared.workloads)):
        return []
    here = directory.resolve()
    plans = sorted(
        (path for path in here.parent.glob(f"*/{store.PLAN}") if path.parent != here),
        key=lambda path: -path.stat().st_mtime,
    )
    return [path.parent for path in plans if names_run(path.parent, prepared.plan.spec.name)]


def names_run(directory: Path, name: str) -> bool:
    """Say whether a directory holds a run of this name; one that cannot be read holds none."""
    try:
        return store.load_plan(directory).spec.name == name
    except UserError:
        return False


def adopt(loop: engine.Loop, named: Sequence[Path], found: Sequence[Path] = ()) -> tuple[str, ...]:
    """Take over replies of other runs that answer exactly this plan's questions.

    Args:
        loop: this run.
        named: runs that must be readable.
        found: runs that are passed over where they are not.

    Returns:
        What was taken from where.
    """
    for directory in named:
        store.load_plan(directory)  # refuses what is no run, whether or not a reply is lacking
    index, count = loop.shard
    wanted = {
        (item.key, question.id): (task, item, question)
        for task, workload in zip(loop.prepared.plan.tasks, loop.prepared.workloads, strict=True)
        for item in task.items[index::count]
        if item.missing is None
        for question in item.questions
        if not workload.recorded(question.judge)
    }
    lacking = wanted.keys() - loop.known.judgments.keys()
    if not lacking:
        return ()
    remarks: list[str] = []
    for directory in (*named, *found):
        try:
            rows = store.load_rows(directory)
        except UserError as error:
            if directory in named:
                raise
            remarks.append(f"{directory} gives no replies: {error.what}")
            continue
        taken = {
            name: row
            for name, row in store.Known.of(rows).judgments.items()
            if name in lacking and answers_ask(row, *wanted[name])
        }
        loop.append(*taken.values())
        lacking -= taken.keys()
        if taken:
            remarks.append(
                f"{len(taken)} of {len(wanted)} replies are those of {directory}, to the same "
                "questions about the same files; --no-reuse asks anew"
            )
    return tuple(remarks)


def answers_ask(row: Judgment, task: TaskPlan, item: WorkItem, question: Question) -> bool:
    """Say whether a stored reply is a good one to exactly this question of this judge."""
    same = row.key == engine.judgment_key(task, Ask(item, question, row.round))
    return same and row.missing is None


def asks_judges(workload: Workload) -> bool:
    """Say whether a task asks a judge whose replies it does not bring."""
    return not all(map(workload.recorded, judges_asked(workload.items)))


def judge_of(
    prepared: Prepared, plan: TaskPlan, position: int, name: str, *, late: bool = False
) -> JudgeClient:
    """Return a judge of a task: its recorded answers or instrument when the task brings them.

    One that is asked elsewhere is made there (``late``).
    """
    workload = prepared.workloads[position]
    if name in workload.instruments:
        return workload.instruments[name]
    if identity := workload.recorded(name):
        return RecordedJudge(identity, workload.answers or {})
    make = partial(make_judge, pinned(plan, name))
    return Late(identity_of(plan, name), make) if late else make()


def executor_of(plan: TaskPlan, name: str, options: Options, crew: Path) -> Executor:
    """Return a judge's executor: threads for one that is waited for, else this process.

    An instrument has a process on every core, unless its networks share a GPU.

    Args:
        plan: of the task.
        name: of the judge.
        options: of the run.
        crew: how the journals of workers on a cluster begin.
    """
    judge = identity_of(plan, name)
    waits, measures = judge.kind == "openai_api", judge.kind == INSTRUMENT
    kind = options.executor or ("threads" if waits else "processes" if measures else "in-process")
    spread = measures and judge.settings.get("device", "cpu") == "cpu"
    usual = configured(plan.task, name).concurrency if waits else cores() if spread else 1
    size = options.workers or usual
    if kind == RAY:
        return _on_cluster(plan, name, options, crew, size)
    if kind == "processes" and judge.kind not in ("recorded", INSTRUMENT):
        raise ConfigError(
            f"a judge of kind {judge.kind} cannot be sent to other processes",
            expected="--executor threads, or several runs with --shard i/n",
        )
    return make_executor(kind, size) if kind != "in-process" else InProcess()


def _on_cluster(plan: TaskPlan, name: str, options: Options, crew: Path, size: int) -> Executor:
    """Return actors for ``size`` questions at a time, each with a journal of its own."""
    if configured(plan.task, name).budget_requests:
        raise ConfigError(
            "a budget of requests holds within one process, not on a cluster",
            expected="no budget_requests with --executor ray, or --executor threads",
        )
    kept = engine.Answers(msgspec.structs.replace(plan, items=()))
    waits = identity_of(plan, name).kind == "openai_api"
    actors = min(size, os.cpu_count() or 1) if waits else size
    return Cluster(crew.parent, crew.name, kept, actors, -(-size // actors), options.address)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def conclude(directory: Path) -> Results:
    """Reduce the journal, decide every claim, store the results."""
    plan = store.load_plan(directory)
    suites = [get_suite(task.task.suite) for task in plan.tasks]
    rows = Held(directory, plan, suites, store.load_rows(directory)).checked()
    known = dict(sorted(all_suites().working.items()))
    pack = load_pack(plan.spec.pack)
    cells = reduce.reduce_run(plan, suites, rows)
    missed = ledger.unmet(plan, suites, pack)
    docket = Docket([row for row in rows if isinstance(row, Check)], pack)
    beside = table_evidence(docket, known) if plan.spec.audit else None
    own = [decide(*asked) for asked in reduce.contrasts_of(plan, suites, rows)]
    answered = tuple(answers(plan, own, docket))
    health = reduce.judge_health(plan, suites, rows)
    results = Results(
        plan=plan.id,
        cells=tuple(cells),
        verdicts=(
            *ledger.build(plan, cells, rows, known, docket, theorems(), beside, answered),
            *own,
        ),
        counts=reduce.count(plan, suites, rows),
        example_counts=reduce.count(plan, suites, rows, examples=True),
        health=health,
        raters=rater_pairs(plan, suites, rows),
        outcomes=bound_outcomes(rows),
        experiment_counts=experiments.count(plan, rows),
        drawings=(
            *reduce.draw_run(plan, suites, rows, cells, partial(published, pack)),
            *(beside.drawings(docket) if beside else ()),
        ),
        notes=(
            *missed,
            *remarks(cells, {one.task for one in health}),
            *pack_notes(plan, pack),
            *(note for task in plan.tasks if not task.task.example for note in task.notes),
        ),
        unmet=tuple(missed),
    )
    store.save_results(directory, results)
    return results


def pack_notes(plan: RunPlan, pack: Pack) -> list[str]:
    """Say which pack the verdicts rest on, where it is not the one that the run was planned on."""
    if plan.pack is None or plan.pack.digest == pack.id.digest:
        return []
    return [
        f"the pack {pack.id.id!r} changed since this run was planned; verdicts follow it as it is"
    ]


def write_reports(directory: Path, to: Path | None = None, fail_on: FailOn = ()) -> dict[str, Path]:
    """Draw a concluded run, held against a gate; everything shown comes from its store."""
    from reports import bundle  # templates and charts are no part of a plan

    run = store.load_run(directory)
    suites = [get_suite(task.task.suite) for task in run.plan.tasks]
    infos = {suite.info.name: suite.info for suite in suites}
    return bundle.write_reports(
        replace(run, rows=Held(directory, run.plan, suites, run.rows).current()),
        to or directory / "report",
        citations=tuple(dict.fromkeys(info.citation for info in infos.values())),
        titles={name: info.title for name, info in infos.items()},
        pack=load_pack(run.plan.spec.pack) if run.plan.spec.audit else None,
        fail_on=fail_on,
    )


def write_models(directories: Sequence[Path], to: Path) -> Path:
    """Draw what several concluded runs measured as one page; return it."""
    from reports.models import render_models

    runs = [store.load_run(directory) for directory in directories]
    pages = {
        directory: quote(os.path.relpath(directory / "report" / "report.html", to))
        for directory in directories
    }
    page = to / "models.html"
    atomic_write(page, render_models(runs, pages))
    return page


def rescore(directory: Path, scorer: str, progress: Progress) -> int:
    """Score stored replies with another scorer; nothing is judged again. Returns new rows.

    Raises:
        ConfigError: no suite of the run has such a scorer.
    """
    run = open_run(directory, get_suite)
    known, added = store.Known.of(run.rows), 0
    offered = {one for task in run.plan.tasks for one in get_suite(task.task.suite).info.columns}
    if scorer not in offered:
        raise ConfigError(
            f"unknown scorer {scorer!r}", where=str(directory), hint=nearest(scorer, offered)
        )
    with store.Journal(directory / store.JOURNAL) as journal:
        for plan in run.plan.tasks:
            suite = get_suite(plan.task.suite)
            if scorer not in suite.info.columns:
                continue
            progress.expect(len(plan.items))
            progress.note(f"{plan.task.suite} · {plan.task.model}")
            for item in plan.items:
                answers = known.answers(item) if item.missing is None else {}
                if answers is None:
                    continue
                fresh: list[Score] = engine.new_scores(known, plan, suite, item, answers, [scorer])
                journal.append(*fresh)
                added += len(fresh)
                progress.advance()
    return added


def unfinished(directory: Path, results: Results, *, made: bool = False) -> list[str]:
    """Say how many samples a run would still score, or ask or make again, and by which options.

    Args:
        directory: of the run.
        results: its reduction.
        made: whether the command also makes the samples.
    """
    counted = (results.counts, results.example_counts)
    left = {reason: sum(counts.get(reason, 0) for counts in counted) for reason in Missing}
    plans = store.load_plan(directory).tasks
    judges = [judge for plan in plans for judge in (plan.judge, *plan.judges.values())]
    asked = any(judge.kind in KINDS for judge in judges)
    again = {Missing.JUDGE: asked, Missing.TIMEOUT: asked or made, Missing.PRODUCER: made}
    lines = [
        f"{left[reason]} samples: {reason}; the same command with --retry {reason.name.lower()} "
        "tries them again"
        for reason, possible in again.items()
        if possible and left[reason]
    ]
    if left[Missing.UNSCORED]:
        lines.append(
            f"incomplete: {left[Missing.UNSCORED]} samples are not yet scored; `kairos-eval run` "
            f"with the same run file and options, and --out {directory}, scores them"
        )
    return lines
