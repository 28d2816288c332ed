"""PAI-Bench: official files to numbers, bug for bug and strictly; its cases; bad inputs."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.engine import Loop
from harness.errors import ConfigError, DataError, PreconditionError, UserError
from harness.judges.recorded import RecordedJudge
from harness.packs.loading import load_pack
from harness.packs.published import published
from harness.plan import Prepared, prepare
from harness.raters import rater_pairs
from harness.records import Cell, Missing, RunSpec, Task
from harness.reduce import count, draw_run, reduce_run
from harness.store import Journal, Known, load_rows
from harness.verdicts.docket import Docket
from harness.verdicts.ledger import build, without_suite
from harness.workers import InProcess
from suites.paibench import conform, official, strict
from suites.paibench.prompts import load_texts
from suites.paibench.suite import SUITE
from suites.registry import get_suite

FILES = ("eval_results", "vqa_detailed_results")
EXAMPLES = Path(conform.__file__).parent / "examples"
PROMPTS = "cosmos_predict2_bench_full_info.json"


def test_every_case_agrees_and_every_planted_mistake_is_named(shared: Path, tmp_path: Path):
    path = shared / "paibench" / "golden.json"
    assert conform.run(path).mismatches == ()
    document = json.loads(path.read_text())
    planted = [bad for case in document["cases"] for bad in mistakes(case)]
    (tmp_path / "bad.json").write_text(json.dumps({**document, "cases": planted}))
    named = {one.case for one in conform.run(tmp_path / "bad.json").mismatches}
    assert len(planted) > 400 and named == {case["id"] for case in planted}


def mistakes(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the case with one expected value changed at a time."""
    for block in ("expected", "expect_error"):
        for place, value in leaves(case.get(block, {})):
            bad = copy.deepcopy(case) | {"id": f"{case['id']} {block} {place}"}
            wrong = {bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v + 1e-3}
            put(bad, (block, *place), wrong.get(type(value), lambda v: f"{v}x")(value))
            yield bad


def leaves(value: Any, place: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    if not isinstance(value, dict | list):
        yield place, value
        return
    for name, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(child, (*place, name))


def put(document: Any, place: tuple, value: Any) -> None:
    for name in place[:-1]:
        document = document[name]
    document[place[-1]] = value


# A run from official files


@pytest.fixture
def copy_of_example(tmp_path: Path) -> Path:
    for path in EXAMPLES.rglob("*.json"):
        to = tmp_path / path.relative_to(EXAMPLES)
        to.parent.mkdir(exist_ok=True)
        to.write_bytes(path.read_bytes())
    return tmp_path


def task(folder: Path, *names: str, **rest: Any) -> Task:
    names = names or FILES
    paths = tuple(str(folder / f"{name}.json") for name in names)
    return Task(**({"suite": "paibench", "model": "Kairos-4B", "results": paths} | rest))


def prepared(folder: Path, *tasks: Task) -> Prepared:
    return prepare(RunSpec(name="t", assets=str(folder), tasks=tasks), get_suite)


def work(ready: Prepared, parent: Path) -> list:
    folder = Path(tempfile.mkdtemp(dir=parent))
    with Journal(folder / "journal.jsonl", fsync=False) as journal:
        Loop(
            prepared=ready,
            journal=journal,
            known=Known.of([]),
            judge_of=lambda plan, position, name: RecordedJudge(
                ready.workloads[position].recorded(name), ready.workloads[position].answers or {}
            ),
            executor_of=lambda plan, name: InProcess(),
        ).run()
    return load_rows(folder)


def cells_of(folder: Path, *tasks: Task) -> dict[tuple[str, str, str], Cell]:
    ready = prepared(folder, *(tasks or (task(folder),)))
    found = reduce_run(ready.plan, ready.suites, work(ready, folder))
    return {(one.scorer, one.column, one.group): one for one in found}


def load(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def save(folder: Path, name: str, document: Any) -> None:
    (folder / f"{name}.json").write_text(json.dumps(document))


def test_official_columns_are_what_the_official_script_prints(copy_of_example: Path):
    cells = cells_of(copy_of_example)
    stored = load(copy_of_example, "eval_results")
    for name, (aggregate, _) in stored.items():
        value = cells["official", name, "all"].estimate.value
        assert value == pytest.approx(100 * aggregate, abs=1e-9), name
    videos = {
        one["video_id"]: one["accuracy"] for one in load(copy_of_example, "vqa_detailed_results")
    }
    summary = official.vqa_summary(videos)
    for domain in official.DOMAINS:
        value = cells["official", f"domain_{domain}", "all"].estimate.value
        assert value == pytest.approx(100 * summary["category_scores"][f"{domain}_score"])
    accuracy = cells["official", "overall_accuracy", "all"].estimate.value
    assert accuracy == pytest.approx(100 * summary["overall_accuracy"])


def test_scores_are_made_as_the_papers_make_them(copy_of_example: Path):
    cells = cells_of(copy_of_example)
    robot = cells_of(copy_of_example, task(copy_of_example, subset="robot"))
    for found, domains in ((cells, official.PRINTED), (robot, ("robot",))):
        value = {one.column: one.estimate.value for (s, _, g), one in found.items()
                 if s == "official" and g == "all"}  # fmt: skip
        table = official.score_table(
            {name: value[name] / 100 for name in official.DIMENSIONS},
            {name: value[f"domain_{name}"] / 100 for name in domains},
        )
        for name, wanted in table.items():
            assert value[name] == pytest.approx(wanted, abs=1e-9)
    in_full = cells["official", "domain_score", "domain=robot"].estimate.value
    assert in_full == robot["official", "domain_score", "all"].estimate.value


def test_strict_reads_words_and_weighs_prompts_alike(copy_of_example: Path):
    cells = cells_of(copy_of_example)
    entries = [e for e in load(copy_of_example, "eval_results")["aesthetic_quality"][1]
               if "robot" in e["video_path"]]  # fmt: skip
    a0, a1, b = (entry["video_results"] for entry in entries)
    values = {
        s: cells[s, "aesthetic_quality", "domain=robot"].estimate.value for s in SUITE.info.columns
    }
    assert values["official"] == pytest.approx(100 * (a0 + a1 + b) / 3)
    assert values["strict"] == pytest.approx(100 * ((a0 + a1) / 2 + b) / 2)
    assert cells["strict", "domain_score", "all"].unanswered > 0
    assert cells["strict", "domain_score", "all"].differs > 0


@pytest.mark.parametrize(
    ("reply", "expected", "upstream", "ours"),
    [
        ("YES", "yes", True, True),
        ("Yes, I know.", "yes", False, True),
        ("Nothing moves", "no", True, False),
        ("Yesterday", "yes", True, False),
        ("<think>no</think> Yes", "yes", False, True),
        ("Yes and no", "no", False, False),
        ("", "no", False, False),
        ("It is a redder ball", "red", True, False),
        ("Red.", "red", True, True),
    ],
)
def test_replies_are_read_as_upstream_does_and_as_they_are_meant(reply, expected, upstream, ours):
    assert official.answer_correct(reply, expected) is upstream
    assert strict.answer_correct(reply, expected) is ours


def test_one_kind_of_file_leaves_the_other_columns_empty_with_their_reason(copy_of_example: Path):
    cells = cells_of(copy_of_example, task(copy_of_example, "eval_results"))
    domain = cells["official", "domain_score", "all"].estimate
    assert domain.value is None and domain.missing == {str(Missing.SKIPPED): 12}
    assert cells["official", "quality_score", "all"].estimate.value is not None
    other = cells_of(copy_of_example, task(copy_of_example, "vqa_detailed_results"))
    quality = other["official", "quality_score", "all"].estimate
    assert quality.value is None and "i2v-bg" in quality.reason
    assert other["official", "domain_score", "all"].estimate.value is not None


def test_a_prompt_in_one_of_two_files_lacks_what_the_other_should_hold(copy_of_example: Path):
    scores, replies = (load(copy_of_example, name) for name in FILES)
    for _, entries in scores.values():
        entries[:] = [one for one in entries if "robot_example_0" not in one["video_path"]]
    replies = [one for one in replies if one["video_id"] != "av_example_0"]
    for name, document in zip(FILES, (scores, replies), strict=True):
        save(copy_of_example, name, document)
    ready = prepared(copy_of_example, task(copy_of_example))
    rows = work(ready, copy_of_example)
    counts = count(ready.plan, ready.suites, rows)
    assert counts == {"planned": 14, "scored": 12, "input absent": 2}
    alone = prepared(copy_of_example, task(copy_of_example, FILES[0]))
    rows = work(alone, copy_of_example)
    counts = count(alone.plan, alone.suites, rows)
    assert counts == {"planned": 14, "scored": 13, "input absent": 1}


def test_what_the_files_say_of_themselves_is_checked(copy_of_example: Path):
    results, replies = (load(copy_of_example, n) for n in ("eval_results", "vqa_detailed_results"))
    results["i2v_subject"][0] += 0.1
    rows = results["subject_consistency"][1]
    sizes = list(range(80, 80 + len(rows)))
    for one, n in zip(results["background_consistency"][1], sizes, strict=True):
        one |= {"cnt_per_video": n, "video_sim": n * one["video_results"]}

    values = [row["video_results"] for row in rows]
    results["subject_consistency"][0] = official.aggregate("", values, sizes)
    replies[0]["results"][0]["accuracy"] = 0.5
    save(copy_of_example, "eval_results", results)
    save(copy_of_example, "vqa_detailed_results", replies)
    notes = "\n".join(prepared(copy_of_example, task(copy_of_example)).workloads[0].notes)
    assert "i2v_subject is stated as" in notes
    assert "subject_consistency weighs frames alike" in notes
    assert "1 stated accuracies are not those of their replies" in notes
    assert (
        "1 to 2 seeds per prompt" in notes
        and "14 prompts instead of the benchmark's 1,044" in notes
    )


def test_absent_videos_and_bad_numbers_are_missing_never_zero(copy_of_example: Path):
    results, replies = (load(copy_of_example, n) for n in ("eval_results", "vqa_detailed_results"))
    gone = replies.pop(0)["video_id"]
    for dimension in results.values():
        dimension[1] = [e for e in dimension[1] if gone not in e["video_path"]]
    results["aesthetic_quality"][1][0]["video_results"] = float("nan")
    results["i2v_subject"][1][0]["video_results"] = 1.5
    results["i2v_background"][1][0]["video_results"] = 1.0000001  # a frozen video in float32
    save(copy_of_example, "eval_results", results)
    save(copy_of_example, "vqa_detailed_results", replies)
    cells = cells_of(copy_of_example)
    found = {name: cells["official", name, "all"].estimate.missing for name in official.DIMENSIONS}
    assert found["motion_smoothness"] == found["i2v_background"] == {str(Missing.INPUT): 1}
    assert found["aesthetic_quality"] == {str(Missing.INPUT): 1, str(Missing.NONFINITE): 1}
    assert found["i2v_subject"] == {str(Missing.INPUT): 1, str(Missing.RANGE): 1}


def test_questions_of_one_uid_are_merged_as_upstream_does(copy_of_example: Path):
    name = "physics_example_0"
    questions = load(copy_of_example / "vqa", name)[:1] * 2
    questions[1] = questions[1] | {"answer": "B" if questions[0]["answer"] == "A" else "A"}
    replies = load(copy_of_example, "vqa_detailed_results")
    row = next(one for one in replies if one["video_id"] == name)
    merged = row["results"][0] | {
        "model_answers": ["YES", "YES"],
        "accuracy": 0.5,
        "total_seeds": 2,
    }
    row |= {"results": [merged], "accuracy": 0.5}
    save(copy_of_example / "vqa", name, questions)
    save(copy_of_example, "vqa_detailed_results", replies)
    ready = prepared(copy_of_example, task(copy_of_example))
    item = next(one for one in ready.plan.tasks[0].items if one.sample.id == name)
    values = SUITE.score(
        item, ready.workloads[0].answers[item.key], "official", task(copy_of_example)
    )
    assert {one.metric: one.value for one in values}["domain_score"] == 0.5
    assert not [note for note in ready.workloads[0].notes if "stated accuracies" in note]


# Bad input

Change = Callable[[Path], object]


def edit(name: str, change: Callable[[Any], Any]) -> Change:
    return lambda folder: save(folder, name, change(load(folder, name)))


PROMPT = PROMPTS.removesuffix(".json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edit(PROMPT, lambda rows: [rows[0] | {"video_id": "smart_1"}]), "begins with no domain"),
        (edit(PROMPT, lambda rows: rows[:1] * 2), "stands twice"),
        (edit(PROMPT, lambda rows: [rows[0] | {"video_id": "av_/../x"}]), "names no file"),
        (edit(PROMPT, lambda rows: []), "no prompts"),
        (edit(PROMPT, lambda rows: [{"video_id": "av_1"}]), "prompt_en"),
        (
            edit("vqa/av_example_0", lambda rows: [rows[0] | {"answer": "C"}]),
            "the answer 'C' is no letter",
        ),
        (
            edit("vqa/av_example_0", lambda rows: [rows[0] | {"index2ans": []}]),
            "Expected `object`",
        ),
        (edit("vqa/av_example_0", lambda rows: {"a": 1}), "Expected `array`"),
        (edit("eval_results", lambda found: {"other": 1}), "no official result file"),
        (edit("eval_results", lambda found: found | {"i2v_subject": [0.5]}), r"i2v_subject"),
        (edit("eval_results", lambda found: found | {"i2v_subject": [0.5, []]}), "no entries"),
        (
            edit(
                "eval_results", lambda found: found | {"i2v_subject": [0.5, [{"video_path": "a"}]]}
            ),
            "required field `video_results`",
        ),
        (
            edit("eval_results", lambda f: f | {"i2v_subject": [1, f["i2v_subject"][1][:1] * 2]}),
            "stands twice",
        ),
        (edit("vqa_detailed_results", lambda rows: rows[:1] * 2), "stands twice"),
        (
            edit("vqa_detailed_results", lambda rows: [rows[0] | {"seeds": ["0", "1", "2"]}]),
            "replies, expected",
        ),
        (lambda folder: (folder / PROMPTS).unlink(), "is absent"),
    ],
)
def test_bad_files_are_one_message(copy_of_example: Path, change: Change, says: str):
    change(copy_of_example)
    with pytest.raises(UserError, match=says) as found:
        prepared(copy_of_example, task(copy_of_example))
    assert isinstance(found.value, DataError | PreconditionError)


def test_files_that_repeat_each_other_or_are_of_other_ids_are_refused(copy_of_example: Path):
    twice = ("eval_results", "eval_results", "vqa_detailed_results")
    with pytest.raises(DataError, match="stands twice"):
        prepared(copy_of_example, task(copy_of_example, *twice))
    rows = [one for one in load(copy_of_example, "vqa_detailed_results") if "av" in one["video_id"]]
    save(copy_of_example, "vqa_detailed_results", rows)
    with pytest.raises(DataError, match="is a prompt of the subset"):
        prepared(copy_of_example, task(copy_of_example, "vqa_detailed_results", subset="robot"))
    with pytest.raises(ConfigError, match="one kind of input"):
        prepared(copy_of_example, task(copy_of_example, results=()))


# Published numbers, pairs, texts


def test_all_printed_cells_meet_the_suite():
    pack = load_pack("kairos")
    numbers = published(pack, "paibench")
    columns = {column.name for column in SUITE.info.columns["official"]}
    assert len(numbers) == 270 and {one.column for one in numbers} <= columns
    assert len({one.id for one in numbers}) == len(numbers)
    assert "Veo 3.1" in {one.model for one in numbers}
    assert not [one for one in without_suite(pack, ["paibench"]) if "PAI-Bench" in one.statement
                and "human" not in one.statement]  # fmt: skip


def test_what_rests_on_an_unnamed_judge_is_compared_with_nothing(copy_of_example: Path):
    ready = prepared(copy_of_example, task(copy_of_example))
    rows = work(ready, copy_of_example)
    cells = reduce_run(ready.plan, ready.suites, rows)
    verdicts = build(ready.plan, cells, rows, {"paibench": SUITE}, Docket([], load_pack("kairos")))
    met = {
        one.reported.column: one
        for one in verdicts
        if one.measured and "Table 16" in one.locator.place
    }
    judged = [one for name, one in met.items() if name.startswith(("domain", "overall_score"))]
    assert judged and all("judge is not known" in str(one.reasons) for one in judged)
    assert "judge" not in str(met["aesthetic_quality"].reasons).replace("judge networks", "")


def test_two_lengths_are_compared_prompt_by_prompt(copy_of_example: Path):
    results = load(copy_of_example, "eval_results")
    for _, entries in results.values():
        for entry in entries:
            entry["video_results"] -= 0.01
    save(copy_of_example, "longer", results)
    short, long = (task(copy_of_example, name) for name in ("eval_results", "longer"))
    ready = prepared(copy_of_example, short, replace(long, subset="15s"))
    rows = work(ready, copy_of_example)
    (table,) = draw_run(ready.plan, ready.suites, rows, [], lambda name: ())
    found = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert found["aes"]["samples"] == 14 and "Overall" not in found
    assert found["aes"]["difference"] == pytest.approx(-1.0)
    assert found["Quality"]["difference"] == pytest.approx(-(7 * 1 + 0.01) / 8)
    assert found["aes"]["from"] == pytest.approx(found["aes"]["to"])


def test_two_judges_of_one_set_of_videos_are_held_against_each_other(copy_of_example: Path):
    """Also where both said the same; never over networks' numbers, nor over other videos."""
    for name in ("one", "two"):
        save(copy_of_example, name, {"model_name": name, "category_scores": {}})
    tasks = [task(copy_of_example, *FILES, name) for name in ("one", "two")]

    def pairs(*asked: Task) -> list[tuple[str, tuple[str, str]]]:
        ready = prepared(copy_of_example, *asked)
        found = rater_pairs(ready.plan, ready.suites, work(ready, copy_of_example))
        return [(pair.metric, pair.raters) for pair in found if pair.scorer == "official"]

    assert pairs(*tasks) == [("domain_score", ("one", "two"))]
    assert pairs(tasks[0], replace(tasks[1], subset="15s")) == []


SOURCE = '''
system_template_binary_v0 = ("Be brief.")
begin_user_template_binary_v0 = ("Look " "closely.")
def user_template_binary_v0(qa_pair: dict, is_reasoning: bool = False) -> str:
    """Doc."""
    question_prompt = f"Q: {qa_pair['question']}"
    if is_reasoning:
        question_prompt += " Why?"
    else:
        question_prompt += " Yes or no?"
    return question_prompt
'''


def test_texts_are_read_and_never_run(tmp_path: Path):
    path = tmp_path / "evaluation_prompt.py"
    path.write_text(SOURCE + "raise SystemExit\n")
    found = load_texts(path)
    assert found.system == "Be brief."
    assert found.ask("Is it?") == "Look closely.\n\nQ: Is it? Yes or no?"
    for wrong in (SOURCE.replace("system_t", "t"), SOURCE.replace('"Q: ', 'x + f"Q: '), "1 +"):
        path.write_text(wrong)
        with pytest.raises(DataError):
            load_texts(path)
