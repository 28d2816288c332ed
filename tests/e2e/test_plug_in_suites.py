"""A judged suite of another distribution: one small folder, and every verb takes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from harness.cli.run import load
from harness.engine import tell_once
from harness.store import load_run

Command = Callable[..., Any]

SUITE = '''
    """Three videos, one question each: does the ball fall?"""
    import json
    from pathlib import Path

    from harness.assets import load_manifest, require
    from harness.conform import load_cases, run_cases
    from harness.keys import content_key
    from harness.protocols import (
        EXAMPLE_MODEL, Answer, Column, Scorer, SuiteInfo, Value, Workload,
    )
    from harness.records import JudgeId, Question, Sample, Task, WorkItem

    MANIFEST = load_manifest("toybench")
    QUESTION = Question(id="falls", prompt="Does the ball fall? yes or no")
    COLUMN = Column(name="falls", title="Falls", weights={"falls": 1.0}, lo=0, hi=1, kind="rate")


    def value(reply):
        return float(reply.strip().lower().startswith("yes"))


    class Toy:
        info = SuiteInfo(
            name="toybench", title="Toy Bench", metrics={"falls": (0.0, 1.0)}, groups=(),
            columns={"official": (COLUMN,), "lenient": (COLUMN,)},
            scorers=(Scorer(name="official", title="official"),
                     Scorer(name="lenient", title="lenient")),
            subsets={"full": 3}, protocol={}, critical=("subset",), judges=("recorded",),
            citation="@misc{toy}", licence="MIT", needs="three videos",
        )

        def load(self, task, assets):
            if task.example:
                replies, notes = {"0": "yes", "1": "no", "2": "Yes."}, ()
            else:
                listed, notes = require(MANIFEST, "list", assets)
                names = listed.read_text().split()
                told = json.loads(Path(task.results[0]).read_text())
                replies = {name: told[name] for name in names}
            items, answers = [], {}
            for name, reply in sorted(replies.items()):
                sample = Sample(id=name, suite="toybench", cluster=name)
                key = content_key("toybench", task.model, sample, reply)
                items.append(WorkItem(key=key, suite="toybench", model=task.model, sample=sample,
                                      questions=(QUESTION,)))
                answers[key] = {"falls": Answer(raw=reply)}
            return Workload(items=tuple(items), protocol={}, notes=notes, answers=answers,
                            judge=JudgeId(kind="recorded", name="toy"))

        def score(self, item, answers, scorer, task):
            return [Value(metric="falls", value=value(answers["falls"].raw))]

        def official_files(self):
            return MANIFEST

        def examples(self):
            return (Task(suite="toybench", model=EXAMPLE_MODEL, example=True),)

        def conform(self, path, assets):
            _, cases = load_cases(path, "toybench/1")
            return run_cases(cases, {"reply": lambda c: {"expected": value(c["input"])}}, 1e-9)


    SUITE = Toy()
'''
MANIFEST = """
    title = "Toy Bench"
    folders = ["toybench", "."]

    [[assets]]
    name = "list"
    path = "list.txt"
    url = "https://example.org/toybench"
    licence = "MIT"
    purpose = "the three videos"
"""
RUN = """
    name = "toy"
    assets = "."
    [[tasks]]
    suite = "toybench"
    model = "m"
    results = ["replies.json"]
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return path


def offer(folder: Path, name: str, place: str) -> None:
    """Write what an installed distribution says of itself."""
    info = folder / f"{name}-0.1.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    write(info / "entry_points.txt", f"[kairos_eval.suites]\n{name} = {place}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions, and a clean slate of modules after the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("toybench"):
            del sys.modules[name]


@pytest.fixture
def toy(site: Path, tmp_path: Path) -> Path:
    """The distribution of the toy suite, with a run file, its list and recorded replies."""
    package = site / "toybench"
    write(package / "__init__.py", SUITE)
    write(package / "assets.toml", MANIFEST)
    offer(site, "toybench", "toybench:SUITE")
    write(tmp_path / "list.txt", "0\n1\n2\n")
    write(tmp_path / "replies.json", json.dumps({"0": "yes", "1": "no", "2": "no"}))
    return write(tmp_path / "toy.toml", RUN)


def test_every_verb_takes_a_suite_of_one_small_folder(
    toy: Path, tmp_path: Path, command: Command
) -> None:
    folder = tmp_path / "site" / "toybench"
    lines = sum(len(path.read_text().splitlines()) for path in folder.iterdir() if path.is_file())
    assert lines < 120
    assert "toybench\tToy Bench\tfull (3)\tofficial, lenient" in command("list", "suites").out
    assert "toybench\ttoybench/list.txt | list.txt" in command("list", "assets").out
    assert "present   toybench: the three videos" in command("verify", "--assets", ".").out
    planned = command("plan", toy)
    assert planned.code == 0 and "toybench" in planned.out
    ran = command("run", toy, "--out", "done")
    assert ran.code == 0, ran.err
    results = load_run(tmp_path / "done").results
    assert results is not None
    found = {cell.scorer: cell.estimate.value for cell in results.cells}
    assert found == {"official": pytest.approx(1 / 3), "lenient": pytest.approx(1 / 3)}
    assert command("report", "done", "--to", "again").code == 0
    assert "Falls" in (tmp_path / "again" / "report.html").read_text()


def test_its_conformance_cases_run_and_its_examples_join_the_main_job(
    toy: Path, tmp_path: Path, command: Command
) -> None:
    cases = [
        {"id": "a", "kind": "reply", "input": "Yes, it does", "expected": 1.0},
        {"id": "b", "kind": "reply", "input": "no", "expected": 1.0},
    ]
    golden = write(tmp_path / "golden.json", json.dumps({"schema": "toybench/1", "cases": cases}))
    done = command("conform", "toybench", golden)
    assert done.code == 1
    assert "MISMATCH b" in done.out and "1 of 2 cases agree" in done.out
    assert "toybench" in [task.suite for task in load(None, None, None).tasks]
    planned = command("plan", "toybench")
    assert planned.code == 2 and "no rollouts of 'toybench' can be planned" in planned.err


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (None, "No module named 'toybench"),
        ("SUITE = 1 / 0", "ZeroDivisionError"),
        ("SUITE = object()", "no `info` of type SuiteInfo"),
        (SUITE.replace('name="official"', 'name="plain"'), "no scorer 'official'"),
        (SUITE.replace('"falls": (0.0, 1.0)', '"falls": (1.0, 0.0)'), "metric 'falls' is empty"),
        (SUITE.replace('name="toybench", t', 'name="other", t'), "calls itself 'other'"),
    ],
)
def test_a_broken_one_is_one_message_and_ends_nothing_else(
    site: Path, tmp_path: Path, command: Command, source: str | None, fault: str
) -> None:
    if source is not None:
        write(site / "toybench" / "__init__.py", source)
        write(site / "toybench" / "assets.toml", MANIFEST)
    offer(site, "toybench", "toybench:SUITE")
    listed = command("list", "suites")
    [line] = [line for line in listed.out.splitlines() if line.startswith("toybench")]
    assert listed.code == 0
    assert line.split("\t")[1] == "broken" and fault in line
    assert "toybench:SUITE" in line and "toybench 0.1" in line and "uninstall" in line
    assert command("verify", "--assets", ".").code == 0
    assert fault in command("list", "assets").out
    used = command("conform", "toybench", "x.json")
    assert used.code == 4 and fault in used.err and "Traceback" not in used.err
    other = "[[tasks]]\nsuite = 'robotwin'\nmodel = 'm'\nexample = true\n"
    write(tmp_path / "other.toml", f"name = 'other'\n{other}")
    ran = command("run", "other.toml", "--quiet", "--out", "other")
    assert ran.code == 0, ran.err
    assert ran.err == ""


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("raise RuntimeError('no such split')", "RuntimeError: no such split"),
        ("return {}['0']", "KeyError: '0'"),
        ("return None", "NoneType, no Workload"),
        ("raise AssertionError", "AssertionError"),
    ],
)
def test_whatever_its_load_raises_is_one_message(
    toy: Path, tmp_path: Path, command: Command, line: str, fault: str
) -> None:
    suite = tmp_path / "site" / "toybench" / "__init__.py"
    head = "def load(self, task, assets):\n"
    suite.write_text(suite.read_text().replace(head, f"{head}        {line}\n"))
    for verb in ("run", "plan"):
        ended = command(verb, toy)
        assert ended.code == 4
        assert f"suite 'toybench' cannot load its task: {fault}" in ended.err
        assert "toybench / m" in ended.err and "Traceback" not in ended.err


def test_a_value_out_of_its_range_is_missing_and_told_once(
    toy: Path, tmp_path: Path, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    tell_once.cache_clear()
    suite = tmp_path / "site" / "toybench" / "__init__.py"
    suite.write_text(suite.read_text().replace("return float(", "return 7 - 7 * float("))
    ran = command("run", toy, "--out", "done")
    assert ran.code == 3
    assert "3 planned = 1 scored" in ran.out and "2 value outside its range" in ran.out
    told = [record.getMessage() for record in caplog.records]
    assert [message.partition(":")[0] for message in told] == [
        "suite 'toybench', scorer official",
        "suite 'toybench', scorer lenient",
    ]
    assert "falls lie outside 0 to 1" in told[0] and "Mend the suite's score()" in told[0]


def test_a_suite_without_official_files_says_so(
    toy: Path, tmp_path: Path, command: Command
) -> None:
    suite = tmp_path / "site" / "toybench" / "__init__.py"
    suite.write_text(suite.read_text().replace("def official_files", "def no_files"))
    said = "toybench: it names no official files"
    assert said in command("verify", "--assets", ".").out
    assert said.replace(": ", "\t") in command("list", "assets").out


def test_an_absent_official_file_says_what_to_fetch(
    toy: Path, tmp_path: Path, command: Command
) -> None:
    (tmp_path / "list.txt").unlink()
    ran = command("run", toy)
    assert ran.code == 4
    assert "Toy Bench's list.txt is absent: the three videos" in ran.err
    assert "https://example.org/toybench" in ran.err and "ASSETS/toybench" in ran.err


def test_verify_and_run_agree_on_the_file(toy: Path, tmp_path: Path, command: Command) -> None:
    write(tmp_path / "toybench" / "list.txt", "0\n1\n")
    verified = command("verify", "--assets", tmp_path).out
    used = f"{tmp_path}/toybench/list.txt is used; {tmp_path}/list.txt is not"
    assert used in verified
    assert "2 " in command("plan", toy).out
    command("run", toy, "--out", "done", "--quiet")
    run = load_run(tmp_path / "done")
    assert [item.sample.id for item in run.plan.tasks[0].items] == ["0", "1"]
    assert used in run.plan.tasks[0].notes
