"""Logs that the packages themselves write here, in the environment that has them (``tox -e logs``).

Each module is imported inside its test, so that one absent package skips one test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

import pytest
from foreign_logs import compared, measures

YAML = """
task: letters
dataset_path: json
dataset_kwargs: {{data_files: {{test: {0}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{letter}}}}"
generation_kwargs: {{until: ["."]}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
filter_list:
- {{name: first, filter: [{{function: regex, regex_pattern: "([ab])"}}, {{function: take_first}}]}}
- {{name: whole, filter: [{{function: take_first}}]}}
metadata: {{version: 2.0}}
"""
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("form", ["eval", "json"])
def test_inspect_ai(form: str, tmp_path: Path) -> None:
    inspect_ai = pytest.importorskip("inspect_ai")
    dataset = pytest.importorskip("inspect_ai.dataset")
    inspect_log = pytest.importorskip("inspect_ai.log")
    scorer = pytest.importorskip("inspect_ai.scorer")
    solver = pytest.importorskip("inspect_ai.solver")

    @solver.solver
    def silent():  # a model would fetch the file of a tokenizer
        async def solve(state, generate):
            return state

        return solve

    @scorer.scorer(metrics=[scorer.accuracy(), scorer.stderr(cluster="scene")])
    def parity():
        async def score(state, target):
            wrong = state.epoch == 2 and state.metadata["scene"] == "s1"
            if state.sample_id == 3:
                return scorer.Score(value=float("nan"))
            return scorer.Score(value="I" if wrong else "P")

        return score

    samples = [
        dataset.Sample(id=n, input=f"ask {n}", target="C", metadata={"scene": f"s{n % 2}"})
        for n in range(6)
    ]
    task = inspect_ai.Task(
        name="parity",
        dataset=samples,
        solver=silent(),
        scorer=parity(),
        epochs=inspect_ai.Epochs(2, ["mean", "max"]),
    )
    (log,) = inspect_ai.eval(
        task, model="mockllm/model", log_dir=str(tmp_path), log_format=form, display="none"
    )
    path = Path(log.location)
    found = measures(path)
    for reduction in inspect_log.read_eval_log(log.location).reductions:
        mine = found["parity", reduction.reducer]
        assert mine.cluster == "scene"
        for one in reduction.samples:
            if one.sample_id == 3:
                assert mine.values["3"] == "nan: not scored"
            else:
                assert mine.values[str(one.sample_id)] == scorer.value_to_float()(one.value)
    (change, _) = compared(path, path).changes
    assert change.pairs == 5 and "clusters by scene" in change.reason


def written_by_lm_eval(folder: Path, replies: str) -> Path:
    """Let lm-eval run a task of four documents on a model that gives these replies."""
    lm_eval = pytest.importorskip("lm_eval")
    model = pytest.importorskip("lm_eval.api.model")
    tasks = pytest.importorskip("lm_eval.tasks")
    loggers = pytest.importorskip("lm_eval.loggers")

    class Scripted(model.LM):
        def generate_until(self, requests, disable_tqdm=False):
            return list(replies)

        loglikelihood = loglikelihood_rolling = generate_until

    folder.mkdir()
    rows = [{"question": f"clip {n}", "letter": "ab"[n % 2]} for n in range(4)]
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "letters.yaml").write_text(YAML.format(folder / "d.jsonl"))
    found = lm_eval.simple_evaluate(
        model=Scripted(),
        tasks=["letters"],
        task_manager=tasks.TaskManager(include_path=str(folder), include_defaults=False),
        log_samples=True,
        bootstrap_iters=0,
    )
    tracker = loggers.EvaluationTracker(output_path=str(folder / "out"))
    samples = found.pop("samples")
    tracker.general_config_tracker.log_experiment_args("lab/one", "", "", "", False)
    found["config"]["model"], found["model_name"] = "hf", "lab/one"
    tracker.save_results_aggregated(results=found, samples=samples)
    tracker.save_results_samples(task_name="letters", samples=samples["letters"])
    (path,) = (folder / "out").rglob("results_*.json")
    return path.parent


def test_lm_eval(tmp_path: Path) -> None:
    first = written_by_lm_eval(tmp_path / "a", "abax")
    found = measures(first)
    results = json.loads(next(first.glob("results_*.json")).read_text())["results"]["letters"]
    for name in ("first", "whole"):
        values = found["exact_match", name].values
        assert fmean(values.values()) == results[f"exact_match,{name}"] == 0.75
    second = written_by_lm_eval(tmp_path / "b", "aaab")
    (change, _) = compared(first, second).changes
    assert change.pairs == 4 and change.flips == ("1", "3") and not change.differs


FUNCTIONS = """
def nothing(doc): return []
def ask(doc, kwargs=None): return doc["question"]
def score(doc, replies):
    right = replies[0].strip() == doc["letter"]
    return {"letter_acc": float(right), "steps_off": float(not right)}
"""
SCENES = """
task: scenes
dataset_path: json
dataset_kwargs: {{data_files: {{test: {}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function functions.nothing
doc_to_text: !function functions.ask
doc_to_target: letter
process_results: !function functions.score
metric_list:
  - {{metric: letter_acc, aggregation: mean, higher_is_better: true}}
  - {{metric: steps_off, aggregation: mean, higher_is_better: false}}
"""


def written_by_lmms_eval(folder: Path, reply: str) -> Path:
    """Let lmms-eval run a task of six documents on a model that gives one reply."""
    folder.mkdir()
    rows = [{"question": f"clip {n}", "letter": "aab"[n % 3]} for n in range(6)]
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "functions.py").write_text(FUNCTIONS)
    (folder / "scenes.yaml").write_text(SCENES.format(folder / "d.jsonl"))
    words = f"--model dummy --model_args response={reply} --tasks scenes --batch_size 1".split()
    places = ["--include_path", folder, "--log_samples", "--output_path", folder / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "lmms_eval", *words, *places],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    found = [*(folder / "out").rglob("*_results.json")]
    assert found, done.stderr[-2000:]
    return found[0].parent


def test_lmms_eval(tmp_path: Path) -> None:
    if not find_spec("lmms_eval"):
        pytest.skip("needs lmms-eval, in an environment of its own")
    first = written_by_lmms_eval(tmp_path / "a", "a")
    found = measures(first)
    assert fmean(found["letter_acc", "none"].values.values()) == pytest.approx(2 / 3)
    assert not found["steps_off", "none"].higher_is_better
    changes = compared(first, written_by_lmms_eval(tmp_path / "b", "b")).changes
    assert {one.column: (one.pairs, len(one.flips)) for one in changes} == {
        "letter_acc": (6, 6),
        "steps_off": (6, 6),
    }
