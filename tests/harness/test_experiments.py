"""Experiments: resume without repeats, failures as rows, and the decision about bounds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.errors import PreconditionError
from harness.evidence import BoundCheck, Hypothesis, HypothesisStanding, Measurement, Statement
from harness.experiments import ExperimentLoop, count
from harness.plan import plan_experiment, prepare
from harness.protocols import Silent
from harness.records import Done, ExperimentRequest, Locator, RunSpec
from harness.store import JOURNAL, Journal, load_rows
from harness.verdicts.statements import bound_outcome, conclusion, decide_statement


class Counting:
    """An experiment of five measurements that can be made to fail at one of them."""

    title = "counting"

    def __init__(self, fails_at=None, error=None, name="test/counting"):
        self.name, self.settings = name, {"size": 5}
        self.fails_at, self.error, self.computed = fails_at, error or RuntimeError("broken"), []

    def run(self, known, scratch):
        for index in range(5):
            key = f"{self.name}/{index}"
            if key in known:
                continue
            if index == self.fails_at:
                raise self.error
            self.computed.append(index)
            yield Measurement(
                key=key,
                experiment=self.name,
                quantity="n",
                series="a",
                x=float(index),
                value=float(index),
            )


def run_all(directory: Path, *experiments) -> bool:
    rows = load_rows(directory)
    with Journal(directory / JOURNAL) as journal:
        loop = ExperimentLoop(journal, rows, directory / "scratch", Silent())
        return loop.run([(plan_experiment(one), one) for one in experiments])


def measured(directory: Path) -> list[float]:
    return [row.value for row in load_rows(directory) if isinstance(row, Measurement)]


def test_every_piece_is_stored_once_and_the_end_is_marked(tmp_path):
    first = Counting()
    assert run_all(tmp_path, first)
    assert measured(tmp_path) == [0, 1, 2, 3, 4]
    again = Counting()
    assert run_all(tmp_path, again)
    assert again.computed == []
    assert len([row for row in load_rows(tmp_path) if isinstance(row, Done)]) == 1


def test_a_piece_that_is_found_again_is_not_stored_again(tmp_path):
    class Forgetful(Counting):
        def run(self, known, scratch):
            yield from super().run({}, scratch)

    assert not run_all(tmp_path, Forgetful(fails_at=3))
    again = Forgetful()
    assert run_all(tmp_path, again)
    assert again.computed == [0, 1, 2, 3, 4]
    assert measured(tmp_path) == [0, 1, 2, 3, 4]


def test_a_failure_becomes_a_row_and_the_next_run_goes_on_from_there(tmp_path, caplog):
    other = Counting(name="test/other")
    assert not run_all(tmp_path, Counting(fails_at=3), other)
    assert other.computed == [0, 1, 2, 3, 4], "the experiments after a failure still run"
    done = [row for row in load_rows(tmp_path) if isinstance(row, Done)]
    assert done[0].reason == "unexpected RuntimeError: broken"
    mended = Counting()
    assert run_all(tmp_path, mended, Counting(name="test/other"))
    assert mended.computed == [3, 4]


def test_an_unmet_precondition_is_told_in_its_own_words_without_a_traceback(tmp_path, caplog):
    missing = PreconditionError("torch is absent", hint="install it")
    assert not run_all(tmp_path, Counting(fails_at=0, error=missing))
    (done,) = (row for row in load_rows(tmp_path) if isinstance(row, Done))
    assert "torch is absent" in done.reason and "install it" in done.reason
    assert not caplog.records


def test_interrupts_pass_through_and_leave_what_was_found(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_all(tmp_path, Counting(fails_at=2, error=KeyboardInterrupt()))
    assert measured(tmp_path) == [0, 1]


def test_planned_is_done_plus_the_rest_by_reason():
    spec = RunSpec(
        name="x", experiments=(ExperimentRequest(name="test/a"), ExperimentRequest(name="test/b"))
    )
    prepared = prepare(spec, lambda name: None, lambda request: [Counting(name=request.name)])
    first, second = prepared.plan.experiments
    assert count(prepared.plan, []) == {"planned": 2, "done": 0, "not yet done": 2}
    rows = [
        Done(key=first.key, experiment=first.name, seconds=1.0, reason="broken"),
        Done(key=first.key, experiment=first.name, seconds=1.0),
        Done(key=second.key, experiment=second.name, seconds=1.0, reason="no GPU"),
    ]
    assert count(prepared.plan, rows) == {"planned": 2, "done": 1, "no GPU": 1}


def test_experiments_are_part_of_the_plan_and_presets_may_overlap():
    def plan(*names):
        spec = RunSpec(name="x", experiments=tuple(ExperimentRequest(name=name) for name in names))
        return prepare(spec, lambda n: None, lambda request: [Counting(name=request.name)]).plan

    assert plan("a").id != plan("b").id
    assert len(plan("a", "a").experiments) == 1


def check(lhs=1.0, rhs=2.0, relation="<=", standing=HypothesisStanding.MET, **fields):
    hypothesis = Hypothesis(id="A7", text="alpha below 1", standing=standing)
    return BoundCheck(
        key="k",
        experiment="e",
        statement="S1",
        instance="i",
        relation=relation,
        lhs=lhs,
        rhs=rhs,
        hypotheses=(hypothesis,),
        **fields,
    )


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (check(), "holds"),
        (check(3.0), "violated"),
        (check(2.0 + 1e-12), "holds"),
        (check(2.0 + 1e-6), "violated"),
        (check(1.0, lo=0.5, hi=2.0), "holds"),
        (check(1.0, lo=0.5, hi=2.5), "inconclusive"),
        (check(3.0, lo=2.1, hi=4.0), "violated"),
        (check(3.0, relation=">="), "holds"),
        (check(1.0, relation=">="), "violated"),
        (check(1.0, relation=">=", lo=0.5, hi=2.5), "inconclusive"),
        (check(3.0, relation=">=", lo=2.0, hi=4.0), "holds"),
        (check(2.0, relation="="), "holds"),
        (check(2.1, relation="="), "violated"),
        (check(2.1, relation="=", lo=1.9, hi=2.3), "holds"),
        (check(3.0, standing=HypothesisStanding.VIOLATED), "vacuous"),
        (check(1.0, standing=HypothesisStanding.UNKNOWN), "inconclusive"),
        (check(rhs=None), "vacuous"),
        (check(lhs=None), "inconclusive"),
    ],
)
def test_a_bound_is_decided_by_hypotheses_then_sides(one, outcome):
    assert bound_outcome(one) == outcome


def test_a_vacuous_statement_still_says_whether_its_conclusion_is_true():
    assert conclusion(check(3.0, standing=HypothesisStanding.VIOLATED)) is False
    assert conclusion(check(1.0, standing=HypothesisStanding.VIOLATED)) is True
    assert conclusion(check(None)) is None


STATEMENT = Statement(
    id="S1",
    title="Lemma 1",
    text="a is at most b",
    origin="printed",
    source="a paper",
    place="Lemma 1",
    needs="an instance",
    command="kairos-eval bound check S1",
)


def test_one_violation_refutes_a_statement_and_vacuous_instances_do_not_save_it():
    verdict = decide_statement(STATEMENT, [check(), check(3.0, note="at alpha 0.9")])
    assert (verdict.outcome, verdict.level) == ("violated", "bad")
    assert verdict.locator == Locator(source="a paper", place="Lemma 1")
    assert verdict.reasons == ("instances: 1 holds, 1 violated", "at alpha 0.9")
    held = decide_statement(STATEMENT, [check(), check(standing=HypothesisStanding.VIOLATED)])
    assert held.outcome == "holds" and held.reasons == ("instances: 1 holds, 1 vacuous",)


def test_a_statement_on_comparisons_holds_only_where_each_of_them_does():
    gain = check(3.0, lo=2.5, hi=3.5, relation=">=", rule="superiority")
    undecided = check(3.0, lo=-1.0, hi=7.0, relation=">=", rule="superiority")
    unmatched = check(3.0, rule="superiority", standing=HypothesisStanding.VIOLATED)
    refuted = check(1.0, lo=0.5, hi=1.5, relation=">=", rule="superiority")
    assert decide_statement(STATEMENT, [gain, gain]).outcome == "holds"
    assert decide_statement(STATEMENT, [gain, undecided]).outcome == "inconclusive"
    assert decide_statement(STATEMENT, [gain, unmatched]).outcome == "assumption unmet"
    assert decide_statement(STATEMENT, [gain, undecided, refuted]).outcome == "violated"
    estimated = [check(1.0), check(1.0, lo=0.5, hi=2.5)]
    assert decide_statement(STATEMENT, estimated).outcome == "holds"


def test_a_refuted_reading_is_good_by_its_counterexample_and_open_to_doubt_without_one():
    reading = msgspec.structs.replace(STATEMENT, origin="refuted")
    assert decide_statement(reading, [check(), check(3.0)]).level == "good"
    assert decide_statement(reading, [check(3.0)]).outcome == "refuted"
    assert decide_statement(reading, [check()]).outcome == "inconclusive"
    assert decide_statement(reading, []).outcome == "untested"


def test_a_statement_whose_hypotheses_never_hold_is_unmet_and_one_without_a_bound_vacuous():
    never = [
        check(standing=HypothesisStanding.VIOLATED),
        check(3.0, standing=HypothesisStanding.VIOLATED),
    ]
    assert decide_statement(STATEMENT, never).outcome == "assumption unmet"
    assert decide_statement(STATEMENT, [check(rhs=None)]).outcome == "vacuous"
    mixed = [check(standing=HypothesisStanding.VIOLATED), check(rhs=None)]
    assert decide_statement(STATEMENT, mixed).outcome == "vacuous"


def test_a_statement_without_instances_says_how_to_check_it():
    verdict = decide_statement(STATEMENT, [])
    assert verdict.outcome == "untested"
    assert (verdict.needs, verdict.command) == ("an instance", "kairos-eval bound check S1")
