"""A gate compares what was promised, not what is left; and the family holds distinct questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from harness.errors import ExitCode
from harness.evidence import Done
from harness.outcomes import Outcome
from harness.plan import Prepared, prepare
from harness.protocols import Answer
from harness.records import (
    Attempt,
    ClaimKind,
    ExperimentPlan,
    Locator,
    Missing,
    Results,
    Row,
    RunPlan,
    RunSpec,
    Score,
    Task,
    Verdict,
)
from harness.store import StoredRun
from harness.verdicts.changes import Change, gate
from harness.verdicts.comparison import compare_runs
from harness.verdicts.promises import matched, remarks

Prepare = Callable[..., Prepared]
SCORERS = ("official", "strict")


def run_of(
    prepared: Prepared,
    ok: Callable[[int, str], float | None] = lambda index, scorer: float(index % 2),
    grade: Callable[[int], float] = lambda index: index % 4,
) -> StoredRun:
    """A run whose scores are given by sample and scorer; an absent one was not parsable."""
    rows = [
        Score(
            key=f"{number}{item.key}{scorer}{metric}",
            item=item.key,
            suite="toy",
            model="m",
            sample=item.sample.id,
            metric=metric,
            scorer=scorer,
            value=value,
            missing=Missing.PARSE if value is None else None,
        )
        for number, task in enumerate(prepared.plan.tasks)
        for index, item in enumerate(task.items)
        for scorer in task.task.scorers
        for metric, value in (("grade", grade(index)), ("ok", ok(index, scorer)))
    ]
    return StoredRun(Path(), prepared.plan, rows, None)


def replaced(run: StoredRun, rows: list[Row] | None = None, **plan: object) -> StoredRun:
    changed: RunPlan = msgspec.structs.replace(run.plan, **plan)
    return StoredRun(Path(), changed, run.rows if rows is None else rows, run.results)


def named(changes: list[Change], outcome: Outcome) -> list[tuple[str, str]]:
    return [
        (one.what, one.column if one.scorer in ("", "all") else one.scorer)
        for one in changes
        if one.outcome is outcome
    ]


def two_tasks(toy: type) -> Prepared:
    tasks = (Task(suite="toy", model="m"), Task(suite="toy", model="n", protocol={"mode": "b"}))
    return prepare(RunSpec(name="toy", tasks=tasks), lambda name: toy())


def test_a_task_that_vanished_fails_and_one_that_is_new_does_not(toy: type) -> None:
    both = two_tasks(toy)
    run = run_of(both)
    one = replaced(run, tasks=run.plan.tasks[:1])
    lost = compare_runs(run, one, both.suites[:1])
    assert [(c.model, c.outcome) for c in lost if c.what == "task"] == [("n", Outcome.VANISHED)]
    assert gate(lost) is ExitCode.GATE_FAILED
    more = compare_runs(one, run, both.suites)
    assert [(c.model, c.outcome) for c in more if c.what == "task"] == [("n", Outcome.ADDED)]
    assert gate(more) is ExitCode.OK


def test_a_scorer_that_vanished_fails_and_one_that_is_new_does_not(prepared: Prepare) -> None:
    whole = run_of(prepared())
    kept = run_of(prepared(scorers=("strict",)))
    suites = prepared().suites
    lost = compare_runs(whole, kept, suites)
    assert named(lost, Outcome.VANISHED) == [("scorer", "official")]
    assert gate(lost) is ExitCode.GATE_FAILED
    more = compare_runs(kept, whole, suites)
    assert named(more, Outcome.ADDED) == [("scorer", "official")] and gate(more) is ExitCode.OK


def test_a_metric_that_vanished_takes_its_columns_along(prepared: Prepare) -> None:
    plan = prepared()
    run = run_of(plan)
    rows = [row for row in run.rows if isinstance(row, Score) and row.metric != "ok"]
    changes = compare_runs(run, replaced(run, rows), plan.suites)
    gone = [one.column for one in changes if one.outcome is Outcome.VANISHED]
    assert gone == ["ok", "total"] * 2
    back = compare_runs(replaced(run, rows), run, plan.suites)
    assert [one.column for one in back if one.outcome is Outcome.ADDED] == gone
    assert gate(back) is ExitCode.OK


@pytest.mark.parametrize("left", [0, 1, 19])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_an_unfinished_side_is_incomplete_whatever_its_rows_say(
    prepared: Prepare, left: int, side: str
) -> None:
    plan = prepared()
    whole = run_of(plan)
    worse = run_of(plan, ok=lambda index, scorer: 0.0, grade=lambda index: 0)
    cut = replaced(worse, list(worse.rows[:left]))
    pair = (whole, cut) if side == "candidate" else (cut, whole)
    changes = compare_runs(*pair, plan.suites)
    assert {one.outcome for one in changes} == {Outcome.INCOMPLETE}
    assert all(f"the {side} is unfinished" in one.reason for one in changes)
    assert "of 10 samples are not yet scored" in changes[0].reason
    assert gate(changes) is ExitCode.INCOMPLETE


def test_one_lost_row_is_an_unscored_sample_and_never_a_zero(prepared: Prepare) -> None:
    plan = prepared()
    run = run_of(plan, ok=lambda index, scorer: 1.0)
    rows = [row for row in run.rows if not (isinstance(row, Score) and row.scorer == "strict"
            and row.metric == "ok" and row.sample == "s03")]  # fmt: skip
    changes = compare_runs(run, replaced(run, rows), plan.suites)
    assert named(changes, Outcome.INCOMPLETE) == [("scorer", "strict")]
    assert "1 of 10 samples are not yet scored" in changes[0].reason


def test_values_that_became_unparsable_are_named_with_both_counts(prepared: Prepare) -> None:
    plan = prepared()
    run = run_of(plan)
    holes = run_of(plan, lambda index, scorer: None if index in (1, 3) else float(index % 2))
    changes = {(c.scorer, c.column): c for c in compare_runs(run, holes, plan.suites)}
    official = changes["official", "ok"]
    assert official.outcome is Outcome.INCOMPLETE and official.values == (10, 8)
    assert "10 values before, 8 after, 2 of the baseline's lost" in official.reason
    assert official.flips == ()  # what is lost has not changed
    assert changes["strict", "ok"].values == (10, 10)  # its card counts them as 0
    assert changes["strict", "ok"].flips == ("s01#0", "s03#0")
    gained = {(c.scorer, c.column): c for c in compare_runs(holes, run, plan.suites)}
    assert gained["official", "ok"].outcome is Outcome.UNCHANGED
    assert "8 values before, 10 after" in gained["official", "ok"].reason


def test_an_absent_input_is_no_failure_of_the_model(prepared: Prepare) -> None:
    plan = prepared()
    run = run_of(plan, lambda index, scorer: 1.0, lambda index: 3)
    rows = [
        msgspec.structs.replace(row, value=None, missing=Missing.INPUT)
        if isinstance(row, Score) and row.sample > "s01"
        else row
        for row in run.rows
    ]
    changes = compare_runs(run, replaced(run, rows), plan.suites)
    assert {one.outcome for one in changes} == {Outcome.INCOMPLETE}
    assert all("10 values before, 2 after" in one.reason for one in changes)


def test_a_regression_outweighs_what_is_lost(prepared: Prepare) -> None:
    plan = prepared()
    run = run_of(plan, lambda index, scorer: 1.0)
    worse = run_of(plan, lambda index, scorer: None if index == 9 else 0.0)
    changes = compare_runs(run, worse, plan.suites)
    assert ("column", "official") in named(changes, Outcome.REGRESSED)


def experiment(name: str, **settings: int) -> ExperimentPlan:
    key = f"{name}{sorted(settings.items())}"
    return ExperimentPlan(key=key, name=name, title=name, settings=settings)


def experiments(*pairs: tuple[ExperimentPlan, str | None]) -> StoredRun:
    plan = RunPlan(id="x", spec=RunSpec(name="x"), experiments=tuple(one for one, _ in pairs))
    rows = [
        Done(key=one.key, experiment=one.name, seconds=1, reason=why)
        for one, why in pairs
        if why is not None
    ]
    return StoredRun(Path(), plan, rows, None)


def test_experiments_are_compared_as_the_union_of_both_plans() -> None:
    a, b, c = (experiment("theory/check", id=number) for number in range(3))
    before = experiments((a, ""), (b, ""), (c, ""))
    changes = compare_runs(before, experiments((a, ""), (b, "no torch"), (c, None)), [])
    assert [one.outcome for one in changes] == [Outcome.INCOMPLETE] * 2
    assert [one.reason for one in changes] == [
        "candidate: no torch",
        "candidate: not yet done",
    ]
    lost = compare_runs(before, experiments((a, "")), [])
    assert [one.outcome for one in lost] == [Outcome.VANISHED] * 2
    assert gate(lost) is ExitCode.GATE_FAILED
    other = experiment("theory/check", id=7)
    (change,) = compare_runs(experiments((a, "")), experiments((other, "")), [])
    assert change.outcome is Outcome.INCOMPARABLE and change.reason == "id: 0 -> 7"


def verdict(claim: str, outcome: Outcome) -> Verdict:
    place = Locator(source="p", place="Table 1")
    return Verdict(
        claim=claim, kind=ClaimKind.NUMBER, outcome=outcome, statement=claim, locator=place
    )


def decided(run: StoredRun, **claims: Outcome) -> StoredRun:
    verdicts = tuple(verdict(name, outcome) for name, outcome in claims.items())
    results = Results(plan=run.plan.id, cells=(), verdicts=verdicts, counts={})
    return StoredRun(run.path, run.plan, run.rows, results)


def test_claims_are_held_together_where_both_runs_were_reduced(prepared: Prepare) -> None:
    plan = prepared()
    run = run_of(plan)
    before = decided(run, a=Outcome.REPRODUCED, b=Outcome.DIFFERENT, c=Outcome.UNTESTED)

    def claims(**found: Outcome) -> list[tuple[str, Outcome]]:
        changes = compare_runs(before, decided(run, **found), plan.suites)
        return [(one.column, one.outcome) for one in changes if one.what == "claim"]

    assert claims(b=Outcome.DIFFERENT) == [
        ("a", Outcome.VANISHED),
        ("c", Outcome.VANISHED),
        ("b", Outcome.UNCHANGED),
    ]
    assert claims(a=Outcome.MISSING, b=Outcome.DIFFERENT, c=Outcome.UNTESTED) == [
        ("a", Outcome.VANISHED),
        ("b, c", Outcome.UNCHANGED),
    ]
    same = {"a": Outcome.REPRODUCED, "b": Outcome.DIFFERENT, "c": Outcome.UNTESTED}
    assert claims(**same, d=Outcome.PASS) == [
        ("d", Outcome.ADDED),
        ("a, b, c", Outcome.UNCHANGED),
    ]
    unreduced = compare_runs(before, run, plan.suites)
    assert unreduced[-1].outcome is Outcome.INCOMPLETE and "never reduced" in unreduced[-1].reason


def test_other_versions_are_mentioned(prepared: Prepare) -> None:
    run = run_of(prepared())

    def ran(**environment: str) -> StoredRun:
        started = Attempt(number=1, started="", environment={"python": "3.11", **environment})
        return replaced(run, [started, *run.rows])

    said = remarks(ran(**{"kairos-eval": "1", "numpy": "1.26"}), ran(**{"kairos-eval": "2"}))
    assert "kairos-eval: 1 before, 2 after" in said
    assert "numpy: 1.26 before, unknown after" in said
    assert not any(one.startswith("python") for one in said)
    assert not [one for one in remarks(run, run) if "before" in one]


def test_tasks_pair_by_what_tells_them_apart() -> None:
    def pair(before: list[str], after: list[str]) -> list[tuple[str | None, str | None]]:
        return matched(before, after, [lambda n: n, lambda n: n[:2]], lambda n: n[0])

    assert pair(["ax1", "ax2"], ["ax2", "ax1"]) == [("ax2", "ax2"), ("ax1", "ax1")]
    assert pair(["ax1", "ax1"], ["ax1", "ax1"]) == [("ax1", "ax1")] * 2
    assert pair(["ax1"], ["ax3"]) == [("ax1", "ax3")]
    assert pair(["ax1"], ["ay1"]) == [("ax1", "ay1")]
    assert pair(["ax1"], ["ay1", "az1"]) == [("ax1", None), (None, "ay1"), (None, "az1")]
    assert pair(["ax1", "ay1"], ["ax1", "az1"]) == [("ay1", None), ("ax1", "ax1"), (None, "az1")]


def test_a_renamed_model_is_compared_and_said(prepared: Prepare) -> None:
    before, after = run_of(prepared()), prepared()
    task = msgspec.structs.replace(
        after.plan.tasks[0], task=msgspec.structs.replace(after.plan.tasks[0].task, model="other")
    )
    changes = compare_runs(before, replaced(run_of(after), tasks=(task,)), after.suites)
    assert {one.outcome for one in changes} == {Outcome.UNCHANGED}
    assert all("the model was 'm' before" in one.reason for one in changes)


def test_equal_scorers_ask_one_question(prepared: Prepare, toy: type) -> None:
    plan = prepared(toy(size=40))
    before = run_of(plan, lambda index, scorer: 1.0)
    after = run_of(plan, lambda index, scorer: float(index >= 7))
    found = {(c.scorer, c.column): c for c in compare_runs(before, after, plan.suites)}
    grade, ok, total = (found["official", name] for name in ("grade", "ok", "total"))
    assert grade.p == 1.0 and total.p is not None and ok.p is not None and total.p < ok.p
    assert ok.p == pytest.approx(2 * 2 * 0.5**7)  # two of three questions are not yet rejected
    assert found["strict", "ok"].p == ok.p
    assert "the same question as official ok" in found["strict", "ok"].reason


def test_other_recorded_replies_are_other_work_of_the_same_judge(
    prepared: Prepare, toy: type
) -> None:
    class Other(toy):
        def load(self, task, assets):  # type: ignore[no-untyped-def]
            found = super().load(task, assets)
            first = found.items[0].key
            changed = {**found.answers, first: dict.fromkeys(("grade", "ok"), Answer(raw="0"))}
            return msgspec.structs.replace(found, answers=changed)

    plain, other = prepared(), prepared(Other())
    (old,), (new,) = plain.plan.tasks, other.plan.tasks
    assert old.judge == new.judge and plain.plan.id != other.plan.id
    changed = [a.key != b.key for a, b in zip(old.items, new.items, strict=True)]
    assert changed == [True] + [False] * 9
    assert {item.key for item in new.items} == set(other.workloads[0].answers or {})
    found = compare_runs(run_of(plain), run_of(other), other.suites)
    assert {one.outcome for one in found} == {Outcome.UNCHANGED}


def apart(prepared: Prepared, name: str) -> StoredRun:
    """The plan with samples that no other run has."""
    task = prepared.plan.tasks[0]
    items = tuple(
        msgspec.structs.replace(
            item,
            key=name + item.key,
            sample=msgspec.structs.replace(
                item.sample, id=name + item.sample.id, cluster=name + item.sample.id
            ),
        )
        for item in task.items
    )
    changed = msgspec.structs.replace(task, items=items)
    plan = msgspec.structs.replace(prepared.plan, tasks=(changed,))
    return StoredRun(Path(), plan, [], None)


def scored(prepared: Prepared, name: str, ok: np.ndarray, grade: np.ndarray) -> StoredRun:
    away = apart(prepared, name)
    return run_of(
        Prepared(away.plan, prepared.suites, prepared.workloads),
        lambda index, scorer: float(ok[index]),
        lambda index: float(grade[index]),
    )


def test_runs_that_share_no_sample_are_compared_as_independent_draws(
    prepared: Prepare, toy: type
) -> None:
    plan = prepared(toy(size=40))
    grades = np.arange(40) % 4
    before = scored(plan, "x", np.ones(40), grades)
    after = scored(plan, "y", np.arange(40) % 2, grades)
    found = {(c.scorer, c.column): c for c in compare_runs(before, after, plan.suites)}
    ok = found["official", "ok"]
    assert ok.outcome is Outcome.REGRESSED and ok.pairs == 0 and ok.values == (40, 40)
    assert ok.difference == -0.5 and ok.lo is not None and ok.hi is not None
    assert (ok.lo, ok.hi) == pytest.approx((-0.648, -0.328), abs=1e-3)
    assert "no sample is in both runs" in ok.reason and ok.method == "exact, unpaired"
    assert found["official", "grade"].outcome is Outcome.UNCHANGED
    assert found["official", "grade"].method == "Welch t, unpaired"


def test_unpaired_a_a_comparisons_alarm_within_their_level(prepared: Prepare, toy: type) -> None:
    plan = prepared(toy(size=25))
    rng = np.random.default_rng(5)
    runs, alarms = 150, 0
    for _ in range(runs):
        pair = [scored(plan, name, rng.random(25) < 0.8, rng.integers(0, 4, 25)) for name in "xy"]
        found = compare_runs(*pair, plan.suites)
        alarms += any(one.outcome in (Outcome.REGRESSED, Outcome.IMPROVED) for one in found)
    assert alarms / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
