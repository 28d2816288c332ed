"""A comparison front to back: read both sides, runs or logs, decide, accept what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from harness.errors import ConfigError, ExitCode, PreconditionError, nearest
from harness.integrity import open_run
from harness.logs.reading import is_log, open_log
from harness.provenance import version
from harness.records import Judgment
from harness.store import StoredRun
from harness.verdicts.changes import Change, Comparison, gate
from harness.verdicts.claims import Standpoint, held_together, standpoints
from harness.verdicts.comparison import compare_runs
from harness.verdicts.known import accepted, load_known, save_known
from harness.verdicts.logs import Rules, compare_logs
from harness.verdicts.promises import remarks
from reports.sarif import Place, task_place
from suites.registry import get_suite

WORDS: dict[ExitCode, Literal["passed", "failed"]] = {
    ExitCode.OK: "passed",
    ExitCode.GATE_FAILED: "failed",
}


class Asked(NamedTuple):
    """What is asked of a comparison."""

    effect: float = 0.0
    level: float = 0.95
    factor: float = 1.5
    columns: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    known: Path | None = None  # file of known verdicts
    write: Path | None = None  # where to write those of the candidate
    cluster: str = ""  # of logs: the field by which samples are clustered
    lower: tuple[str, ...] = ()  # of logs: columns of which less is better
    printed: bool = False  # hold one run against what its pack prints


def compare(runs: Sequence[Path], asked: Asked) -> tuple[Comparison, StoredRun | None]:
    """Compare two runs, one with known verdicts or printed numbers, or two logs of others.

    Returns:
        What was found, and the candidate where it is a run.

    Raises:
        ConfigError: neither one run nor two, a run and a log, or a column that neither has.
        PreconditionError: a run or file is not there, or a run was never reduced.
    """
    check(runs, asked)
    known = load_known(asked.known) if asked.known else None
    after, news, notes = None, {}, []
    before = str(runs[0] if len(runs) == 2 else asked.known or asked.write)
    if any(map(is_log, runs)):
        changes, notes = _logs(runs, asked)
    else:
        *first, after = map(read_side, runs)
        news = claims_of(after)
        if asked.printed:
            before, changes, notes = _printed(after, asked)
        elif first:
            changes, notes = _two(first[0], after, asked), remarks(first[0], after)
        else:
            changes = list(held_together(known.standpoints if known else news, news))
    if known:
        changes = accepted(changes, known, str(asked.known))
    if asked.write:
        changes = accepted(changes, save_known(asked.write, news, changes), str(asked.write))
    code = gate(changes)
    return Comparison(
        tool=version(),
        baseline=before,
        candidate=str(runs[-1]),
        level=asked.level,
        effect=asked.effect,
        factor=asked.factor,
        outcome=WORDS.get(code, "incomplete"),
        exit_code=code,
        changes=tuple(changes),
        notes=(*notes, *_idle(asked, changes)),
    ), after


def check(runs: Sequence[Path], asked: Asked) -> None:
    """Refuse what cannot be compared before anything is read.

    Raises:
        ConfigError: neither one run nor two, one with nothing to hold it against or with two
            things, a run and a log, or an option of logs for runs.
        PreconditionError: there is no baseline.
    """
    if len(runs) not in (1, 2):
        raise ConfigError(f"{len(runs)} runs", expected="BASELINE RUN, or RUN alone")
    if len(runs) == 1 and not (asked.known or asked.write or asked.printed):
        raise ConfigError(
            "one run and nothing to compare it with",
            expected="BASELINE RUN, or RUN with --baseline, --write-baseline or --printed",
        )
    if asked.printed and (len(runs) == 2 or asked.known or asked.write or is_log(runs[0])):
        raise ConfigError("--printed holds one run against its paper", expected="RUN --printed")
    if len(runs) == 2 and not any(path.exists() for path in runs):
        raise PreconditionError(
            "there is neither a baseline nor a run",
            where=f"{runs[0]} and {runs[1]}",
            hint="see that both paths are spelt right; `kairos-eval run` makes a run",
        )
    if len(runs) == 2 and not runs[0].exists():
        raise PreconditionError(
            "there is no baseline",
            where=str(runs[0]),
            hint=f"accept this run as the baseline: cp -r {runs[1]} {runs[0]}",
        )
    logs = [path for path in runs if is_log(path)]
    if logs and (len(logs) != 2):
        raise ConfigError(f"one log: {logs[0]}", expected="two run directories, or two logs")
    if not logs and (asked.cluster or asked.lower):
        raise ConfigError(
            "--cluster and --lower are of logs", expected="two logs", hint="a run knows both"
        )


def _logs(runs: Sequence[Path], asked: Asked) -> tuple[list[Change], list[str]]:
    before, after = map(open_log, runs)
    return compare_logs(
        before,
        after,
        Rules(
            effect=asked.effect,
            level=asked.level,
            cluster=asked.cluster,
            primary=asked.columns,
            lower=asked.lower,
            allow=asked.allow,
        ),
    )


def read_side(path: Path) -> StoredRun:
    """Read a run without its replies, which were held against its scores and are compared no more.

    Raises:
        DataError, PreconditionError: it is none, or its rows break its plan.
    """
    run = open_run(path, get_suite)
    return replace(run, rows=[row for row in run.rows if not isinstance(row, Judgment)])


def _two(before: StoredRun, after: StoredRun, asked: Asked) -> list[Change]:
    suites = [get_suite(task.task.suite) for task in after.plan.tasks]
    names = {
        name
        for suite in suites
        for scorer, columns in suite.info.columns.items()
        for column in columns
        for name in (
            column.name,
            f"{scorer}/{column.name}",
            f"{suite.info.name}/{scorer}/{column.name}",
        )
    }
    for name in asked.columns:
        if name not in names:
            raise ConfigError(f"unknown column {name!r}", hint=nearest(name, names))
    return compare_runs(
        before,
        after,
        suites,
        effect=asked.effect,
        level=asked.level,
        factor=asked.factor,
        primary=asked.columns,
        allow=asked.allow,
    )


def _printed(run: StoredRun, asked: Asked) -> tuple[str, list[Change], list[str]]:
    """Return the name of what prints the numbers, a row for each one, and why others are none."""
    from harness.packs.loading import load_pack  # packs take long to load; few comparisons ask
    from harness.verdicts.ledger import unmet
    from harness.verdicts.printed import printed_changes

    pack = load_pack(run.plan.spec.pack)
    suites = [get_suite(task.task.suite) for task in run.plan.tasks]
    changes = printed_changes(run, suites, pack, asked.allow)
    return f"{pack.id.title} (printed)", changes, unmet(run.plan, suites, pack)


def claims_of(run: StoredRun) -> dict[str, Standpoint]:
    """Return what the claims of a run end in; none where it was never reduced."""
    return standpoints(run.results.verdicts) if run.results else {}


def _idle(asked: Asked, changes: Sequence[Change]) -> list[str]:
    """Say which --allow allowed nothing: what it names is as it was, or is spelt otherwise."""
    met = {name for one in changes for name in (*one.names, *(field for field, *_ in one.differs))}
    return [
        f"--allow {name}: nothing of this name differs" for name in asked.allow if name not in met
    ]


def place(change: Change, after: StoredRun | None) -> Place | None:
    """Return where the candidate's run file has what changed; a log has none."""
    return task_place(after, change.task) if after else None
