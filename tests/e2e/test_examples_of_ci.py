"""The script that the example workflows call does what it says, and they call nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import defusedxml.ElementTree

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
RUN = 'name = "ci"\n[[tasks]]\nsuite = "robotwin"\nmodel = "m"\nexample = true\n'
LOST = RUN.replace("robotwin", "videophy")


def evaluate(folder: Path, runfile: str) -> subprocess.CompletedProcess[str]:
    (folder / "run.toml").write_text(runfile)
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["rm", "-rf", "runs/candidate"], cwd=folder, check=True)
    return subprocess.run(
        ["bash", EXAMPLES / "evaluate.sh", "run.toml"],
        cwd=folder,
        env={**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": "step.md"},
        capture_output=True,
        text=True,
    )


def test_a_first_run_is_green_and_a_lost_benchmark_is_red(tmp_path: Path) -> None:
    first = evaluate(tmp_path, RUN)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "runs/known.json").exists() and "Gate: passed" in (
        tmp_path / "step.md"
    ).read_text()
    red = evaluate(tmp_path, LOST)
    assert red.returncode == 1, red.stderr
    assert "Gate: failed" in (tmp_path / "step.md").read_text()
    for name in ("comparison", "history"):
        defusedxml.ElementTree.parse(tmp_path / "out" / f"{name}.xml")
        assert "<svg" in (tmp_path / "out" / "history.html").read_text()
    assert {path.suffix for path in (tmp_path / "out").glob("comparison.*")} == {
        *(".txt", ".md", ".json", ".xml", ".sarif", ".html")
    }


def test_a_run_that_lacks_values_is_compared_before_it_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "runs/baseline").mkdir(parents=True)
    stub = tmp_path / "bin" / "kairos-eval"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\necho "$1" >> called\n[ "$1" != run ] || exit 3\n')
    stub.chmod(0o755)
    ended = subprocess.run(
        ["bash", EXAMPLES / "evaluate.sh", "run.toml"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    assert ended.returncode == 3
    assert (tmp_path / "called").read_text().split() == ["run", "compare"]


def test_the_workflows_run_the_script_and_hand_on_files_that_it_writes() -> None:
    for name in ("github.yml", "gitlab.yml"):
        text = (EXAMPLES / name).read_text()
        assert "evaluate.sh run.toml" in text and "kairos-eval " not in text
        handed = set(re.findall(r"out/([\w.]+)", text))
        assert handed and handed <= {"comparison.sarif", "comparison.xml", "history.xml"}
