"""The loop: resume is subtraction, failures are rows, order and workers do not matter."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from harness.engine import Loop, misfit
from harness.errors import ConfigError, IncompleteError, PreconditionError
from harness.plan import Prepared, check_shared, prepare
from harness.protocols import Reply, Value
from harness.records import Judge, JudgeId, Judgment, Missing, Row, RunSpec, Score, Task
from harness.reduce import count, reduce_run
from harness.store import Journal, Known, load_rows
from harness.workers import InProcess, Pool, make_executor

Prepare = Callable[..., Prepared]


def work(
    prepared: Prepared,
    directory: Path,
    judge: object,
    *,
    stop_after: int | None = None,
    executor: object = None,
    **options: object,
) -> tuple[list[Row], bool]:
    """Run the loop on a directory; optionally die after some rows."""
    rows = load_rows(directory)
    with Journal(directory / "journal.jsonl", fsync=False) as journal:
        if stop_after is not None:
            append, left = journal.append, [stop_after]

            def dying(*rows: Row) -> None:
                for row in rows:
                    if left[0] == 0:
                        raise KeyboardInterrupt
                    append(row)
                    left[0] -= 1

            journal.append = dying  # type: ignore[method-assign]
        loop = Loop(
            prepared=prepared,
            journal=journal,
            known=Known.of(rows),
            judge_of=lambda plan, index, name: judge,  # type: ignore[return-value]
            executor_of=lambda plan, name: executor or InProcess(),  # type: ignore[return-value]
            **options,  # type: ignore[arg-type]
        )
        finished = loop.run()
    return load_rows(directory), finished


def test_a_run_killed_after_any_row_ends_with_the_same_bytes(
    tmp_path: Path, prepared: Prepare, recorded: type
) -> None:
    plan = prepared()
    whole = tmp_path / "whole"
    rows, _ = work(plan, whole, recorded(plan.workloads[0]))
    expected = (whole / "journal.jsonl").read_bytes()
    assert len(rows) == 10 * (2 + 2 * 2)
    for stop in range(len(rows)):
        directory = tmp_path / f"stop{stop}"
        with pytest.raises(KeyboardInterrupt):
            work(plan, directory, recorded(plan.workloads[0]), stop_after=stop)
        judge = recorded(plan.workloads[0])
        stored = {row.key for row in load_rows(directory) if isinstance(row, Judgment)}
        work(plan, directory, judge)
        assert (directory / "journal.jsonl").read_bytes() == expected, stop
        assert judge.asked == 20 - len(stored)


@pytest.mark.parametrize("rows_before", range(0, 60, 6))
def test_a_run_killed_with_sigkill_ends_with_the_same_bytes(
    tmp_path: Path, prepared: Prepare, recorded: type, rows_before: int
) -> None:
    plan = prepared()
    work(plan, tmp_path / "whole", recorded(plan.workloads[0]))
    child = os.fork()
    if child == 0:
        append, left = Journal.append, [rows_before]

        def dying(self: Journal, *rows: Row) -> None:
            for row in rows:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                append(self, row)
                left[0] -= 1

        Journal.append = dying  # type: ignore[method-assign]
        work(plan, tmp_path / "killed", recorded(plan.workloads[0]))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(load_rows(tmp_path / "killed")) == rows_before
    work(plan, tmp_path / "killed", recorded(plan.workloads[0]))
    journals = [tmp_path / name / "journal.jsonl" for name in ("whole", "killed")]
    assert journals[0].read_bytes() == journals[1].read_bytes()


def test_a_finished_run_asks_and_scores_nothing_again(
    tmp_path: Path, prepared: Prepare, recorded: type, toy: type
) -> None:
    suite = toy()
    plan = prepared(suite)
    rows, _ = work(plan, tmp_path, recorded(plan.workloads[0]))
    scored = suite.scored
    again, _ = work(plan, tmp_path, recorded(plan.workloads[0]))
    assert again == rows
    assert suite.scored == scored == 20


def test_absent_inputs_are_planned_and_missing_not_dropped(
    tmp_path: Path, prepared: Prepare, recorded: type, toy: type
) -> None:
    plan = prepared(toy(absent=(1, 4, 7)))
    rows, _ = work(plan, tmp_path, recorded(plan.workloads[0]))
    assert count(plan.plan, plan.suites, rows) == {"planned": 10, "scored": 7, "input absent": 3}
    cells = {
        (cell.scorer, cell.column, cell.group): cell.estimate
        for cell in reduce_run(plan.plan, plan.suites, rows)
    }
    grade = cells["official", "grade", "all"]
    assert (grade.planned, grade.n, grade.missing) == (10, 7, {"input absent": 3})
    values = [index % 4 for index in range(10) if index not in (1, 4, 7)]
    assert grade.value == pytest.approx(sum(values) / 7)
    assert grade.worst == pytest.approx(sum(values) / 10)
    assert grade.best == pytest.approx((sum(values) + 9) / 10)
    strict = cells["strict", "grade", "all"]
    assert strict.value == pytest.approx(sum(values) / 10)


def test_a_judge_that_raises_becomes_a_row_with_a_reason(
    tmp_path: Path, prepared: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def ask(self, item: object, question: object, media: object) -> Reply:
            raise ZeroDivisionError("a bug in the judge")

    plan = prepared()
    rows, finished = work(plan, tmp_path, Broken())
    judgments = [row for row in rows if isinstance(row, Judgment)]
    assert finished
    assert len(judgments) == 20
    assert {row.missing for row in judgments} == {Missing.JUDGE}
    assert "ZeroDivisionError: a bug in the judge" in judgments[0].detail
    assert "Traceback" in caplog.text


def test_a_scorer_that_raises_becomes_missing_scores(
    tmp_path: Path, prepared: Prepare, recorded: type, toy: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = toy()
    plan = prepared(suite)
    monkeypatch.setattr(suite, "score", lambda *arguments: 1 / 0)
    rows, _ = work(plan, tmp_path, recorded(plan.workloads[0]))
    scores = [row for row in rows if isinstance(row, Score)]
    assert {row.missing for row in scores} == {Missing.SCORER}
    assert all(row.value is None for row in scores)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "gave NoneType, expected a list of Value"),
        ([1.0], "gave list, expected a list of Value"),
        ([], "gave values of none, expected one of each of"),
        ([Value(metric="other", value=1.0)], "gave values of other"),
        ([Value(metric="good", value=1.0)] * 2, "gave values of good, good"),
        ([Value(metric="good", value="yes")], "gave good 'yes', expected a number or a reason"),
        ([Value(metric="good", value=None)], "gave good None"),
        ([Value(metric="good", value=None, missing=Missing.PARSE)], ""),
        ([Value(metric="good", value=math.nan)], ""),
    ],
)
def test_a_scorer_gives_one_number_or_reason_per_metric(values: object, message: str) -> None:
    assert message in misfit(values, ["good"])
    assert bool(message) is bool(misfit(values, ["good"]))


class Flaky:
    """Fails on the first ask of every question, answers on the second."""

    def __init__(self, inner: object) -> None:
        self.inner, self.seen = inner, set[tuple[str, str]]()

    def ask(self, item, question, media) -> Reply:
        name = (item.key, question.id)
        if name not in self.seen:
            self.seen.add(name)
            return Reply(raw=None, missing=Missing.TIMEOUT, detail="slow")
        return self.inner.ask(item, question, media)  # type: ignore[attr-defined]


def test_retry_selects_by_reason_and_keeps_the_failed_row(
    tmp_path: Path, prepared: Prepare, recorded: type
) -> None:
    plan = prepared()
    judge = Flaky(recorded(plan.workloads[0]))
    rows, _ = work(plan, tmp_path, judge)
    assert count(plan.plan, plan.suites, rows)["scored"] == 0
    rows, _ = work(plan, tmp_path, judge, retry={Missing.JUDGE})
    assert count(plan.plan, plan.suites, rows)["scored"] == 0
    rows, _ = work(plan, tmp_path, judge, retry={Missing.TIMEOUT})
    assert count(plan.plan, plan.suites, rows) == {"planned": 10, "scored": 10}
    failed = [row for row in rows if isinstance(row, Judgment) and row.missing]
    assert len(failed) == 20


def test_a_spent_budget_ends_the_run_without_a_row_and_goes_on_later(
    tmp_path: Path, prepared: Prepare, recorded: type
) -> None:
    class Budget:
        def __init__(self, inner: object, left: int) -> None:
            self.inner, self.left = inner, left

        def ask(self, item, question, media) -> Reply:
            if self.left == 0:
                return Reply(raw=None, missing=Missing.BUDGET)
            self.left -= 1
            return self.inner.ask(item, question, media)  # type: ignore[attr-defined]

    plan = prepared()
    rows, finished = work(plan, tmp_path, Budget(recorded(plan.workloads[0]), 5))
    assert not finished
    assert sum(isinstance(row, Judgment) for row in rows) == 5
    assert count(plan.plan, plan.suites, rows) == {"planned": 10, "scored": 2, "not yet scored": 8}
    rows, finished = work(plan, tmp_path, recorded(plan.workloads[0]))
    assert finished
    assert count(plan.plan, plan.suites, rows) == {"planned": 10, "scored": 10}


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_any_partition_in_any_order_gives_the_same_bits(
    tmp_path: Path, prepared: Prepare, recorded: type, toy: type, shards: int
) -> None:
    plan = prepared(toy(size=23))
    rows: list[Row] = []
    order = list(range(shards))
    random.Random(shards).shuffle(order)
    for index in order:
        part, _ = work(
            plan, tmp_path / str(index), recorded(plan.workloads[0]), shard=(index, shards)
        )
        rows += part
    random.Random(0).shuffle(rows)
    one, _ = work(plan, tmp_path / "one", recorded(plan.workloads[0]))
    assert reduce_run(plan.plan, plan.suites, rows) == reduce_run(plan.plan, plan.suites, one)


@pytest.mark.parametrize("executor", [Pool(ThreadPoolExecutor, 4), make_executor("threads", 3)])
def test_threads_give_the_same_rows(
    tmp_path: Path, prepared: Prepare, recorded: type, executor: object
) -> None:
    plan = prepared()
    one, _ = work(plan, tmp_path / "one", recorded(plan.workloads[0]))
    many, _ = work(plan, tmp_path / "many", recorded(plan.workloads[0]), executor=executor)
    assert sorted(map(repr, one)) == sorted(map(repr, many))


def test_a_process_pool_maps_like_this_process() -> None:
    items = list(range(20))
    assert sorted(make_executor("processes", 2).map(abs, items)) == items
    assert list(make_executor("in-process", 5).map(abs, items)) == items


def test_a_worker_that_is_killed_is_one_message() -> None:
    with pytest.raises(PreconditionError, match="ended from outside"):
        list(make_executor("processes", 2).map(die, range(4)))


def die(item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("start", ["fork", "forkserver"])
def test_processes_work_however_they_are_started(start: str) -> None:
    code = (
        "import multiprocessing as m\n"
        "from harness.workers import make_executor\n"
        f"m.set_start_method({start!r})\n"
        "if __name__ == '__main__':\n"
        "    print(*make_executor('processes', 2).map(abs, range(3)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and sorted(done.stdout.split()) == ["0", "1", "2"], done.stderr


def test_unknown_executors_and_empty_pools_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown executor"):
        make_executor("ray!", 2)
    with pytest.raises(ConfigError, match="0 workers"):
        make_executor("threads", 0)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"scorers": ("oficial",)}, "did you mean 'official'"),
        ({"subset": "ful"}, "did you mean 'full'"),
        ({"protocol": {"mod": "a"}}, "did you mean 'mode'"),
        ({"protocol": {"mode": "c"}}, "one of 'a', 'b'"),
        ({"limit": 0}, "limit = 0"),
    ],
)
def test_names_that_mean_nothing_are_refused_with_advice(
    prepared: Prepare, task: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        prepared(**task)


def test_a_judge_the_suite_does_not_know_is_refused(toy: type) -> None:
    spec = RunSpec(name="x", tasks=(Task(suite="toy", model="m", judge=Judge(kind="human")),))
    with pytest.raises(ConfigError, match="judge of kind 'human'"):
        prepare(spec, lambda name: toy())


def test_a_task_without_samples_measures_nothing_and_says_so(prepared: Prepare, toy: type) -> None:
    with pytest.raises(IncompleteError, match="measure nothing"):
        prepared(toy(size=0))


def test_a_limit_is_part_of_the_protocol_and_of_the_plan(prepared: Prepare) -> None:
    limited, full = prepared(limit=4), prepared()
    assert limited.plan.id != full.plan.id
    assert limited.plan.tasks[0].protocol["limit"] == 4
    assert "first 4 of 10" in limited.plan.tasks[0].notes[0]


def test_two_tasks_with_the_same_samples_and_other_judges_are_refused(prepared: Prepare) -> None:
    """A run holds one reply to a question: the second task would be shown the first one's."""
    first = prepared().plan.tasks[0]
    other = msgspec.structs.replace(first, judge=JudgeId(kind="recorded", name="another"))
    check_shared([first, first])
    absent = [msgspec.structs.replace(item, missing=Missing.INPUT) for item in first.items]
    check_shared([msgspec.structs.replace(one, items=tuple(absent)) for one in (first, other)])
    with pytest.raises(ConfigError, match="two tasks hold the same samples of 'm'"):
        check_shared([first, other])
