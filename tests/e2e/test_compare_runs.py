"""Two runs compared on the command line: result files, what is lost, and names that are markup."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.robotwin.tasks import TASKS
from suites.worldmodelbench.data import load_instances

NAME = (
    "m\n::error file=a.py::x\n# H\n| a | b\x1b[31m\x07 "
    "<script>x</script> ![i](http://e.x) @team `c`"
)


def run_file(path: Path, *tasks: dict[str, object], assets: Path | None = None) -> Path:
    head = [f"name = {json.dumps(path.stem)}"]
    head += [f"assets = {json.dumps(str(assets))}"] if assets else []
    blocks = [
        ["[[tasks]]", *(f"{name} = {json.dumps(value)}" for name, value in task.items())]
        for task in tasks
    ]
    path.write_text("\n".join(["\n".join(block) for block in [head, *blocks]]) + "\n")
    return path


def made(
    command: Callable[..., object], name: str, *tasks: dict[str, object], **more: Path
) -> Path:
    out = Path(f"r-{name}")
    command("run", run_file(Path(f"{name}.toml"), *tasks, **more), "--out", out, "--quiet")
    return out


def replies(shared: Path, path: Path, points: int, without_fault: int, seed: int) -> str:
    """Write a results file of 50 videos: so many grade points, so many without each fault."""
    stems = [
        one.stem
        for one in load_instances(shared / "worldmodelbench/official/worldmodelbench.json")
        if one.domain == "robotics"
    ]
    chance = random.Random(seed)

    def column(ones: int) -> list[int]:
        bits = [1] * ones + [0] * (len(stems) - ones)
        chance.shuffle(bits)
        return bits

    grades, faults = column(points % 50), [column(without_fault) for _ in range(7)]
    preds = {
        stem: {
            "instruction": [f"Score: {points // 50 + grades[n]}"],
            "physical_laws": ["No" if bits[n] else "Yes" for bits in faults[:5]],
            "common_sense": ["No" if bits[n] else "Yes" for bits in faults[5:]],
        }
        for n, stem in enumerate(stems)
    }
    path.write_text(json.dumps({"model_name": "m", "preds": preds, "accs": {}}))
    return str(path)


def test_result_files_of_one_protocol_compare(
    command: Callable, shared: Path, tmp_path: Path
) -> None:
    def judged(name: str, points: int, fair: int, seed: int) -> Path:
        path = replies(shared, tmp_path / f"{name}.json", points, fair, seed)
        task = {"suite": "worldmodelbench", "model": "m", "subset": "robot", "results": [path]}
        return made(command, name, task, assets=shared)

    base, twin = judged("base", 118, 49, 1), judged("twin", 118, 49, 2)
    worse = judged("worse", 60, 25, 3)
    same = command("compare", base, twin)
    assert same.code == 0 and "regressed" not in same.out
    assert "nothing says who judged" in same.out
    fell = command("compare", base, worse)
    assert fell.code == 1 and "incomparable" not in fell.out
    half = Path("half")
    shutil.copytree(twin, half)
    rows = (half / "journal.jsonl").read_text().splitlines(keepends=True)
    (half / "journal.jsonl").write_text("".join(rows[: len(rows) // 2]))
    cut = command("compare", base, half)
    assert cut.code == 3
    assert re.search(r"the candidate is unfinished: \d+ of 50 samples are not yet scored", cut.out)


def counted(folder: Path, rates: float, seed: int) -> str:
    """Write a summary of successes alone: no file says which episodes they were."""
    chance = random.Random(seed)
    fields = ["success_rate", "success_count", "episode_count"]
    heads = [f"clean_{fields[0]}", f"random_{fields[0]}"]
    heads += [f"{phase}_{name}" for phase in ("clean", "random") for name in fields[1:]]
    lines = [",".join(["task_name", *heads])]
    for task in TASKS:
        clean, rough = (sum(chance.random() < rates for _ in range(20)) for _ in range(2))
        lines.append(f"{task},{clean / 20},{rough / 20},{clean},20,{rough},20")
    folder.mkdir()
    (folder / "summary.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "summary.csv")


def test_a_run_and_a_printed_source_have_a_table_of_what_differs(
    command: Callable, shared: Path, tmp_path: Path
) -> None:
    path = replies(shared, tmp_path / "x.json", 60, 25, 1)
    task = {"suite": "worldmodelbench", "model": "Kairos-4B", "subset": "robot", "results": [path]}
    run = made(command, "own", task, assets=shared)
    found = command("compare", run, "--printed", "--to", "out")
    assert found.code == 3 and "could not be compared" in found.out
    table = found.out.split("\n\n")[1].splitlines()
    assert re.fullmatch(r"suite +model +protocol field +before +after", table[0])
    differing = {line.split()[2]: line.split()[3:] for line in table[1:-1]}
    assert differing["judge"] == ["vila-ewm-qwen2-1.5b", "unknown"]
    assert "(printed)" in Path("out/comparison.html").read_text()
    rows = json.loads(Path("out/comparison.json").read_text())["changes"]
    assert {row["outcome"] for row in rows} == {"incomparable"}
    let = [word for name in ("judge", "mode", "cot") for word in ("--allow", name)]
    allowed = command("compare", run, "--printed", *let, "--format", "markdown")
    assert allowed.code == 0 and "differ from what is printed" in allowed.out
    assert "| worldmodelbench | Kairos-4B | judge | " in allowed.out
    other = made(command, "other", task | {"model": "Kairoz-4B"}, assets=shared)
    near = command("compare", other, "--printed")
    assert near.code == 3 and "did you mean 'Kairos-4B'" in near.out
    assert command("compare", run, other, "--printed").code == 2


def test_counts_without_episodes_are_compared_as_independent_draws(
    command: Callable, tmp_path: Path
) -> None:
    def run(name: str, rate: float, seed: int) -> Path:
        task = {
            "suite": "robotwin",
            "model": "m",
            "results": [counted(tmp_path / name, rate, seed)],
        }
        path = run_file(Path(f"{name}.toml"), task)
        path.write_text(path.read_text() + "protocol = { episodes = 20 }\n")
        command("run", path, "--out", f"r-{name}", "--quiet")
        return Path(f"r-{name}")

    base, twin, worse = run("base", 0.8, 1), run("twin", 0.8, 2), run("worse", 0.6, 3)
    same, fell = (command("compare", base, one, "--format", "json") for one in (twin, worse))
    assert (same.code, fell.code) == (0, 1)
    for change in json.loads(fell.out)["changes"]:
        if change["what"] == "column":
            assert change["outcome"] == "regressed" and change["pairs"] == 0
            assert "no sample is in both runs" in change["reason"]
            assert change["lo"] < change["difference"] < change["hi"] < 0


@pytest.mark.parametrize("effect", ["nan", "inf", "-inf", "-0.1"])
def test_an_effect_that_is_no_size_is_a_usage_error(command: Callable, effect: str) -> None:
    run = made(command, "run", {"suite": "robotwin", "model": "m", "example": True})
    found = command("compare", run, run, f"--effect={effect}")
    assert found.code == 2 and "finite number of at least 0" in found.err


def test_a_benchmark_that_vanished_fails_and_an_added_one_does_not(command: Callable) -> None:
    first, second = (
        {"suite": name, "model": "m", "example": True} for name in ("robotwin", "worldmodelbench")
    )
    both, one = made(command, "both", first, second), made(command, "one", first)
    lost, more = command("compare", both, one), command("compare", one, both)
    assert lost.code == 1 and re.search(r"^vanished +task +worldmodelbench", lost.out, re.M)
    assert more.code == 0 and re.search(r"^added +task +worldmodelbench", more.out, re.M)


def test_a_name_is_text_in_every_output(command: Callable) -> None:
    task = {"suite": "robotwin", "model": NAME, "example": True}
    path = run_file(Path("names.toml"), task)
    run = Path("r")
    printed = [command("plan", path), command("run", path, "--out", run)]
    printed += [command("compare", run, run, "--format", form) for form in ("text", "markdown")]
    printed += [command("report", run), command("explain", run, run)]
    for form in ("html", "junit", "sarif"):
        page = command("compare", run, run, "--format", form).out
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]|^\\s*::|##\\[", page, re.M)
        assert form == "sarif" or "<script>x" not in page
    printed.append(command("compare", run, run, "--format", "json"))
    for one in printed:
        for said in (one.out, one.err):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)
            assert not re.search(r"^\s*(::|# H)|##\[", said, re.M)
    summary = (run / "report" / "summary.md").read_text()
    for page in (printed[3].out, summary):
        assert "<script>" not in page and "](" not in page and "@team" not in page
        assert "`" not in page and not re.search(r"^\s*(::|# H)", page, re.M)
    assert json.loads(printed[-1].out)["changes"][0]["model"] == NAME
