"""Result logs of other harnesses: each way in which one misleads, and what two differ by."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scipy
from foreign_logs import compared, eee, inspect, instance, lm_eval, lmms_eval, measures, row, values

from harness.conform import Conformance
from harness.errors import ConfigError, DataError, ExitCode, PreconditionError
from harness.logs import inspect_ai
from harness.logs.reading import is_log, open_log
from harness.outcomes import Outcome
from harness.run.conform_logs import run as conform

GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "logs" / "expected.json"


def zstd() -> bool:
    """Say whether members compressed with zstd can be read here."""
    return sys.version_info >= (3, 14) or inspect_ai.zip_reader() is not zipfile


needs_logs = pytest.mark.skipif(
    not (GOLDEN.exists() and zstd()), reason="needs the shared logs, and a package that reads zstd"
)


@needs_logs
def test_logs_that_the_packages_wrote() -> None:
    found = conform(GOLDEN, None)
    assert found.run == 38 and not found.mismatches


def spoil_scores(document: Any) -> str:
    scores = document["inspect"]["logs"]["beta.eval"]["scores"]["verdict,mean"]
    scores["clip-17"] += 0.5
    return "inspect/beta.eval object_permanence"


def spoil_pairs(document: Any) -> str:
    document["lm_eval"]["comparisons"][0]["changes"][1]["by_document"]["p"] += 1e-6
    return "lm_eval: two models/motion_choice_shared"


def spoil_comparable(document: Any) -> str:
    document["inspect"]["comparisons"][5]["comparable"] = True
    return "inspect: one epoch against two"


def spoil_direction(document: Any) -> str:
    document["lmms_eval"]["comparisons"][0]["changes"][1]["better"] = "after"
    return "lmms_eval: two models/scene_letter_shared"


@needs_logs
@pytest.mark.parametrize("spoil", [spoil_scores, spoil_pairs, spoil_comparable, spoil_direction])
def test_a_planted_mistake_is_named(spoil: Callable[[Any], str], tmp_path: Path) -> None:
    document = json.loads(GOLDEN.read_text())
    name = spoil(document)
    for folder in GOLDEN.parent.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).symlink_to(folder)
    (tmp_path / "expected.json").write_text(json.dumps(document))
    found: Conformance = conform(tmp_path / "expected.json", None)
    assert {one.case for one in found.mismatches} == {name}


def test_filters_are_columns_and_not_more_samples(tmp_path: Path) -> None:
    rows = [row(n, 1.0, name) for n in range(3) for name in ("strict", "flexible")]
    found = measures(lm_eval(tmp_path / "a", rows))
    assert {scorer for _, scorer in found} == {"strict", "flexible"}
    assert all(len(one.values) == 3 for one in found.values())


def test_a_document_twice_under_one_filter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"falls_2026-01-01.jsonl:1 and .*:3"):
        open_log(lm_eval(tmp_path / "a", [row(0, 1.0), row(1, 1.0), row(0, 1.0)]))


def test_pairs_of_numbers_are_not_compared_and_change_no_exit_code(tmp_path: Path) -> None:
    def rows(gain: float) -> list[dict[str, Any]]:
        both = {"metrics": ["acc", "word_perplexity"]}
        return [row(n, True, **both, word_perplexity=[-9.0 + gain, 3]) for n in range(4)]

    first, second = lm_eval(tmp_path / "a", rows(0)), lm_eval(tmp_path / "b", rows(1))
    found = compared(first, second)
    assert found.exit_code == ExitCode.OK and [one.column for one in found.changes] == ["acc"]
    assert any("word_perplexity: not compared" in note for note in found.notes)
    alone = [{**one, "metrics": ["word_perplexity"]} for one in rows(0)]
    bare = lm_eval(tmp_path / "c", alone)
    assert compared(bare, bare).exit_code == ExitCode.INCOMPLETE


def test_logs_that_disagree_on_direction_are_incomparable_unless_that_is_allowed(
    tmp_path: Path,
) -> None:
    first = lm_eval(tmp_path / "a", [row(n, 0.0) for n in range(8)])
    lower = {"higher_is_better": {"falls": {"acc": False}}}
    second = lm_eval(tmp_path / "b", [row(n, 1.0) for n in range(8)], **lower)
    found = compared(first, second)
    (one,) = found.changes
    assert (one.outcome, one.column) == (Outcome.INCOMPARABLE, "acc")
    assert "higher_is_better: True -> False" in one.reason
    assert found.exit_code == ExitCode.INCOMPLETE
    free = compared(first, second, allow=("higher_is_better",))
    assert free.changes[0].outcome is Outcome.IMPROVED and not any(
        "--allow" in n for n in free.notes
    )
    assert free.changes[0].differs == (("higher_is_better", "True", "False"),)
    (back,) = compared(second, first, allow=("higher_is_better",)).changes
    assert back.outcome is Outcome.IMPROVED  # less was better in the baseline
    (settled,) = compared(first, second, lower=("acc",)).changes
    assert settled.outcome is Outcome.REGRESSED


def texts(folder: Path, gains: list[float], weights: list[int]) -> Path:
    """Write a log of a text of each weight; its log-likelihood per word is -9 plus a gain."""
    rows = [
        row(n, True, metrics=["word_perplexity"], word_perplexity=[(gain - 9) * weight, weight])
        for n, (gain, weight) in enumerate(zip(gains, weights, strict=True))
    ]
    return lm_eval(folder, rows)


def test_log_likelihoods_are_compared_per_word_where_they_are_asked_for(tmp_path: Path) -> None:
    weights, gains = [3, 5, 2, 9, 4, 7], [-0.5, -0.4, -0.6, -0.5, -0.3, -0.7]
    first = texts(tmp_path / "a", [0.0] * 6, weights)
    second = texts(tmp_path / "b", gains, weights)
    (found,) = compared(first, second, columns=("word_perplexity",)).changes
    lost = [-gain * weight for gain, weight in zip(gains, weights, strict=True)]
    assert found.difference == pytest.approx(sum(lost) / sum(weights))
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(lost, 0).pvalue)
    assert found.outcome is Outcome.REGRESSED
    (back,) = compared(second, first, columns=("word_perplexity",)).changes
    assert back.outcome is Outcome.IMPROVED
    less = texts(tmp_path / "c", gains[:4], weights[:4])
    (part,) = compared(less, second, columns=("word_perplexity",)).changes
    assert part.difference == pytest.approx(0, abs=1e-12) and part.pairs == 4
    (part,) = compared(first, less, columns=("word_perplexity",)).changes
    assert part.difference == pytest.approx(sum(lost[:4]) / sum(weights[:4]))
    other = texts(tmp_path / "d", gains, [3, 5, 2, 9, 4, 8])
    (refused,) = compared(first, other, columns=("word_perplexity",)).changes
    assert refused.outcome is Outcome.INCOMPARABLE and "another weight" in refused.reason


def test_real_log_likelihoods_give_the_expected_difference(shared: Path) -> None:
    expected = json.loads((shared / "logs/expected.json").read_text())["lm_eval"]["perplexity"]
    logs = [shared / f"logs/lm_eval/example-lab__{name}" for name in ("one", "two")]
    for column, want in expected.items():
        found = compared(*logs, columns=(column,)).changes
        (one,) = (change for change in found if change.column == column)
        assert one.difference == pytest.approx(want["difference"], rel=1e-9)
        assert one.pairs == want["pairs"] and "clusters by document" in one.reason
        assert one.p == pytest.approx(want["t_p"], abs=0.005)  # one document stands twice


def test_other_prompts_are_another_protocol_and_follow_the_number_of_shots(tmp_path: Path) -> None:
    first = lm_eval(tmp_path / "a", [row(n, 1.0) for n in range(4)])
    told = [row(n, 1.0, prompt_hash=f"q{n}") for n in range(4)]
    (change,) = compared(first, lm_eval(tmp_path / "b", told)).changes
    assert change.outcome is Outcome.INCOMPARABLE and change.reason.startswith("prompt_hash")
    shots = lm_eval(tmp_path / "c", told, **{"n-shot": {"falls": 2}})
    (change,) = compared(first, shots).changes
    assert change.reason == "n-shot: '0' -> '2'"
    found = compared(first, shots, allow=("n-shot",))
    assert found.exit_code == ExitCode.OK and found.changes[0].pairs == 4


def test_other_documents_under_the_same_numbers_are_incomparable(tmp_path: Path) -> None:
    first = lm_eval(tmp_path / "a", [row(n, 1.0) for n in range(4)])
    other = lm_eval(tmp_path / "b", [row(n, 1.0, doc_hash=f"e{n}") for n in range(4)])
    found = compared(first, other)
    assert found.exit_code == ExitCode.INCOMPLETE and "doc_hash" in found.changes[0].reason


def test_a_document_that_stands_twice_is_one_cluster(tmp_path: Path) -> None:
    def rows(wins: set[int]) -> list[dict[str, Any]]:
        return [row(n, float(n in wins), doc_hash=f"d{n % 6}") for n in range(7)]

    (change,) = compared(
        lm_eval(tmp_path / "a", rows({1, 2})), lm_eval(tmp_path / "b", rows({1, 2, 3, 4}))
    ).changes
    assert change.method == "paired cluster-robust t" and "by document" in change.reason


def test_single_samples_of_0_and_1_meet_the_exact_test(tmp_path: Path) -> None:
    first = lm_eval(tmp_path / "a", [row(n, n < 9) for n in range(12)])
    second = lm_eval(tmp_path / "b", [row(n, n < 1) for n in range(12)])
    found = compared(first, second)
    (change,) = found.changes
    assert change.p == pytest.approx(scipy.stats.binomtest(0, 8).pvalue)
    assert change.outcome is Outcome.REGRESSED and found.exit_code == ExitCode.GATE_FAILED


def test_a_limit_is_incomplete_and_says_how_many(tmp_path: Path) -> None:
    whole = lm_eval(tmp_path / "a", [row(n, 1.0) for n in range(6)])
    counted = {"n-samples": {"falls": {"original": 6, "effective": 2}}}
    part = lm_eval(tmp_path / "b", [row(n, 1.0) for n in range(2)], **counted)
    found = compared(whole, part)
    assert found.exit_code == ExitCode.INCOMPLETE and "4 of the baseline's lost" in (
        found.changes[0].reason
    )
    assert any("2 of 6 documents were run" in note for note in found.notes)


def test_answers_that_a_filter_did_not_find_are_said_and_not_missing(tmp_path: Path) -> None:
    rows = [row(n, 0.0, "strict", filtered_resps=["[invalid]"]) for n in range(3)]
    path = lm_eval(tmp_path / "a", rows)
    found = compared(path, path)
    assert found.changes[0].values == (3, 3)
    assert any("3 answers were not found" in note for note in found.notes)


def test_several_dates_need_a_name_and_missing_samples_an_option(tmp_path: Path) -> None:
    folder = lm_eval(tmp_path / "a", [row(0, 1.0)])
    (folder / "results_2026-01-02.json").write_text(
        (folder / "results_2026-01-01.json").read_text()
    )
    with pytest.raises(ConfigError, match="2 results files"):
        open_log(folder)
    assert open_log(folder / "results_2026-01-01.json").tasks
    with pytest.raises(PreconditionError, match="--log_samples"):
        open_log(folder / "results_2026-01-02.json")


def test_a_task_that_is_gone_is_vanished_unless_allowed(tmp_path: Path) -> None:
    names = ("falls", "spins")
    both = {
        "results": {name: {} for name in names},
        "versions": dict.fromkeys(names, 1.0),
        "n-shot": dict.fromkeys(names, 0),
    }
    first = lm_eval(tmp_path / "a", [row(0, 1.0)], **both)
    lm_eval(tmp_path / "a", [row(0, 1.0)], task="spins", **both)
    second = lm_eval(tmp_path / "b", [row(0, 1.0)])
    assert compared(first, second).exit_code == ExitCode.GATE_FAILED
    assert compared(first, second, allow=("lm_eval/spins",)).exit_code == ExitCode.OK


def test_the_direction_of_a_metric_is_that_of_its_task(tmp_path: Path) -> None:
    def rows(gain: int) -> list[dict[str, Any]]:
        return [{"doc_id": n, "steps_off": n % 3 + gain, "doc_hash": "same"} for n in range(9)]

    first = lmms_eval(tmp_path / "a", rows(0), {"steps_off": False})
    second = lmms_eval(tmp_path / "b", rows(1), {"steps_off": False})
    (change,) = compared(first, second).changes
    assert change.outcome is Outcome.REGRESSED and change.model == "dummy response=a"
    assert "clusters by" not in change.reason  # one hash for all documents is none


def test_a_field_of_a_mapping_is_a_column_when_it_is_asked_for(tmp_path: Path) -> None:
    rows = [{"doc_id": n, "scene": {"question_id": f"q{n}", "score": n % 2}} for n in range(4)]
    path = lmms_eval(tmp_path / "a", rows, {"scene": True})
    assert compared(path, path).changes == ()
    (change,) = compared(path, path, columns=("falls.scene.score",)).changes
    assert change.pairs == 4 and change.outcome is Outcome.UNCHANGED
    with pytest.raises(ConfigError, match="unknown column"):
        compared(path, path, columns=("falls.scene.question_id",))


def test_rows_that_name_no_result_are_no_scores(tmp_path: Path) -> None:
    rows = [instance("0", 0.0, evaluation_result_id=None), instance("1", 0.5)]
    assert values(eee(tmp_path / "a.json", rows)) == {"1": 0.5}
    none = eee(tmp_path / "b.json", rows[:1])
    found = compared(none, none)
    assert found.changes == () and "aggregate only" in found.notes[0]


def test_rows_with_an_error_are_missing_and_rows_twice_are_refused(tmp_path: Path) -> None:
    rows = [instance("0", 0.0, error="refused"), instance("1", 0.5, is_correct=False)]
    assert values(eee(tmp_path / "a.json", rows)) == {"0": "error: refused", "1": 0.5}
    with pytest.raises(DataError, match="stands twice"):
        open_log(eee(tmp_path / "b.json", [instance("1", 0.5), instance("1", 0.5)]))
    repeats = [instance("1", float(n), metadata={"epoch": n}) for n in range(2)]
    assert values(eee(tmp_path / "c.json", repeats)) == {"1": 0.5}


def test_instances_must_be_those_that_the_aggregate_names(tmp_path: Path) -> None:
    path = eee(tmp_path / "a.json", [instance("0", 1.0)])
    beside = tmp_path / "a_samples.jsonl"
    beside.write_text(beside.read_text().replace("1.0", "0.0"))
    with pytest.raises(DataError, match="SHA-256"):
        open_log(path)
    beside.unlink()
    with pytest.raises(PreconditionError, match="--include_samples"):
        open_log(path)
    with pytest.raises(DataError, match=r"schema version '0.4.0'"):
        open_log(eee(tmp_path / "b.json", [], schema_version="0.4.0"))


def test_other_questions_under_the_same_ids_are_incomparable(tmp_path: Path) -> None:
    first = eee(tmp_path / "a.json", [instance("0", 1.0, sample_hash="x")])
    second = eee(tmp_path / "b.json", [instance("0", 1.0, sample_hash="y")])
    assert compared(first, second).exit_code == ExitCode.INCOMPLETE


def test_two_formats_and_a_log_beside_a_run_are_refused(tmp_path: Path) -> None:
    first = inspect(tmp_path / "a.json", {"a": ["C"]})
    second = eee(tmp_path / "b.json", [instance("a", 1.0)])
    found = compared(first, second)
    assert found.exit_code == ExitCode.INCOMPLETE
    assert found.changes[0].reason == "format: inspect_ai -> every_eval_ever"
    (tmp_path / "run").mkdir()
    assert not is_log(tmp_path / "run")
    with pytest.raises(ConfigError, match="one log"):
        compared(first, tmp_path / "run")


def test_another_task_or_number_of_epochs_is_incomparable_unless_allowed(tmp_path: Path) -> None:
    first = inspect(tmp_path / "a.json", {"a": ["C"], "b": ["I"]})
    second = inspect(tmp_path / "b.json", {"a": ["C", "I"], "b": ["I", "I"]}, eval__task="spins")
    found = compared(first, second)
    assert found.exit_code == ExitCode.INCOMPLETE
    assert {name for name, *_ in found.changes[0].differs} == {"task", "epochs"}
    allowed = compared(first, second, allow=("task", "epochs"))
    assert allowed.changes[0].pairs == 2 and allowed.changes[0].differs


def test_a_candidate_that_lacks_values_is_incomplete_and_one_that_has_more_is_not(
    tmp_path: Path,
) -> None:
    whole = inspect(tmp_path / "a.json", {"a": ["C"], "b": ["I"], "c": ["C"]})
    thin = inspect(tmp_path / "b.json", {"a": ["C"], "b": ["I"], "c": [ValueError("503")]})
    assert compared(whole, thin).changes[0].outcome is Outcome.INCOMPLETE
    assert compared(thin, whole).exit_code == ExitCode.OK


def test_no_shared_sample_is_incomparable(tmp_path: Path) -> None:
    first = inspect(tmp_path / "a.json", {"a": ["C"]})
    second = inspect(tmp_path / "b.json", {"b": ["C"]})
    assert [one[0] for one in compared(first, second).changes[0].differs] == ["samples"]


def test_lower_turns_the_direction_of_a_column(tmp_path: Path) -> None:
    first = inspect(tmp_path / "a.json", {str(n): [n / 10] for n in range(10)})
    second = inspect(tmp_path / "b.json", {str(n): [n / 10 + 0.5 + n / 99] for n in range(10)})
    assert compared(first, second).changes[0].outcome is Outcome.IMPROVED
    assert compared(first, second, lower=("match",)).changes[0].outcome is Outcome.REGRESSED
    with pytest.raises(ConfigError, match="unknown column 'speed'"):
        compared(first, second, lower=("speed",))
    with pytest.raises(ConfigError, match="did you mean 'scene'"):
        compared(first, second, cluster="scenes")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"results": {}}', '{"version": 2, "eval": {}}', "\x00PK"]
)
def test_a_file_that_is_no_log_is_one_message(text: str, tmp_path: Path) -> None:
    (tmp_path / "results_x.json").write_text(text)
    with pytest.raises((DataError, PreconditionError)):
        open_log(tmp_path / "results_x.json")


def test_a_broken_row_names_its_line(tmp_path: Path) -> None:
    folder = lm_eval(tmp_path / "a", [row(0, 1.0)])
    (path,) = folder.glob("*.jsonl")
    path.write_text(path.read_text() + '{"doc_id": 1, "met')
    with pytest.raises(DataError, match=r"jsonl:2"):
        open_log(folder)
    path.write_text('{"doc_id": "1", "metrics": []}\n')
    with pytest.raises(DataError, match="no row of samples"):
        open_log(folder)
