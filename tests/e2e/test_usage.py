"""Mistakes get one clear message, the documented exit code and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

SCRIPT = Path(sysconfig.get_path("scripts")) / "kairos-eval"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "none.toml"], 2, "cannot be read"),
        (["run", "--assets", "none"], 4, "assets directory does not exist"),
        (["run", "--shard", "3/2"], 2, "1 <= i <= n"),
        (["run", "--retry", "jugde"], 2, "did you mean 'judge'"),
        (["run", "--fail-on", "fial"], 2, "did you mean 'fail'"),
        (["report", "."], 4, "no plan.json"),
        (["compare", "none", "."], 4, "no baseline"),
        (["compare", "none", "nor"], 4, "neither a baseline nor a run"),
        (["audit", "--format", "yaml"], 2, "unknown format 'yaml'"),
        (["audit", "--tables", "none"], 4, "none"),
        (["audit", "--checks", "none.json"], 4, "none.json"),
        (["conform", "videofy", "x.json"], 2, "did you mean 'videophy'"),
        (["conform", "videophy", "x.json"], 4, "no such file"),
        (["list", "suits"], 2, "did you mean 'suites'"),
        (["rum"], 2, "rum"),
        (["export", ".", "--to", "x.csv"], 4, "no plan.json"),
    ],
)
def test_mistakes(command, arguments: list[str], code: int, message: str) -> None:
    ended = command(*arguments)
    assert ended.code == code, ended.err
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert "cp -r nor" not in ended.err
    assert ended.out == ""


def test_an_inferred_rule_decides_the_exit_code_only_when_strict(command, tmp_path: Path) -> None:
    cell = {"file": "none.csv", "model": "row", "metric": "share", "value": "43.9"}
    check = {"id": "c", "family": "granularity", "table": "t", "origin": "inferred",
             "rule": {"op": "grim", "n": 500, "scale": 100}, "cells": [cell]}  # fmt: skip
    path = tmp_path / "checks.json"
    path.write_text(json.dumps({"checks": [check]}))
    mild, strict = (command("audit", "--checks", str(path), *more) for more in ([], ["--strict"]))
    assert (mild.code, strict.code) == (0, 1)
    assert mild.out == strict.out
    assert "1 does not follow" in mild.out
    assert "fail" not in mild.out.lower()


TABLE = """\
source,table,benchmark,subset,model,params_b,variant,metric,value,decimals,unit,higher_is_better,\
reproduced_by_authors,note
p,T1,B,,A,,,acc,41.7,1,percent,yes,unstated,
p,T1,B,,B,,,acc,41.6,1,percent,yes,unstated,
p,T1,B,,D,,,acc,41.0,1,percent,yes,unstated,
"""


@pytest.mark.parametrize(
    ("models", "rule", "code", "message"),
    [
        (["A"], {}, 0, "1 pass"),
        (["A", "C"], {}, 3, "no such cell, t.csv: model=C, metric=acc"),
        (["D", "C", "A"], {}, 1, "no such cell, t.csv: model=C, metric=acc"),
        (["A", "B"], {"rounding": "truncation"}, 1, "41.6: k = 10 of 24"),
        (["A"], {"weights": [1]}, 4, "its constants: n, step, scale, rounding"),
    ],
)
def test_a_missing_cell_and_an_unknown_constant_have_exit_codes_of_their_own(
    command, tmp_path: Path, models: list[str], rule: dict[str, object], code: int, message: str
) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    checks = [
        {"id": model, "family": "granularity", "table": "T1", "sources": ["p"],
         "rule": {"op": "grim", "n": 24, **rule}, "terms": {"stated": ["n"]},
         "cells": [{"file": "t.csv", "model": model, "metric": "acc"}]}
        for model in models
    ]  # fmt: skip
    (tmp_path / "checks.json").write_text(json.dumps({"checks": checks}))
    ended = command("audit", "--checks", "checks.json", "--tables", ".", "--all")
    assert ended.code == code, ended.out + ended.err
    assert message in ended.out + ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("what", ["suites", "claims", "tables", "assets", "outcomes"])
def test_lists_are_lines_of_fields(command, what: str) -> None:
    ended = command("list", what)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert len(lines) >= 3
    assert len({line.count("\t") for line in lines}) == 1


def test_a_single_cell_is_found_wherever_it_is_printed(command) -> None:
    ended = command("cell", "worldmodelbench_robot", "--model", "Kairos", "--metric", "total")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert all("9.30" in line for line in lines)
    assert {line.split("\t")[0].split(".")[0] for line in lines} >= {"v2", "v3"}


def test_init_writes_a_run_file_once(command, tmp_path: Path) -> None:
    assert command("init").code == 0
    assert "worldmodelbench" in (tmp_path / "kairos-eval.toml").read_text()
    again = command("init")
    assert again.code == 4
    assert "exists already" in again.err


def test_help_is_light(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-X", "importtime", str(SCRIPT), "--help"]
    subprocess.run(command, capture_output=True, check=True, env=environment)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert loaded.isdisjoint({"torch", "pandas", "matplotlib", "scipy", "numpy"})
    for verb in ("run", "plan", "report", "audit", "conform", "score", "compare", "list"):
        assert verb in done.stdout


def test_an_unforeseen_error_shows_its_traceback_and_its_own_code(tmp_path: Path) -> None:
    code = (
        "import sys, harness.cli.main as m\n"
        "m.check_packages = lambda: 1 / 0\n"
        "sys.argv = ['kairos-eval', 'list', 'suites']\n"
        "m.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 70
    assert "ZeroDivisionError" in done.stderr
    assert "This is a bug" in done.stderr


def test_a_package_that_shadows_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", "import reports, harness.cli.main as m; m.main()", "list", "suites"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 4
    assert "shadows ours" in done.stderr


def test_the_whole_main_job_needs_no_network(tmp_path: Path) -> None:
    code = (
        "import socket, sys, harness.cli.main as m\n"
        "def refuse(*args, **kwargs): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "sys.argv = ['kairos-eval', 'run', '--quiet', '--out', 'run']\n"
        "m.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "run" / "report" / "report.html").stat().st_size > 100_000


def test_an_interrupt_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    import signal

    asked = [str(SCRIPT), "run", "--no-experiments", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(asked, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("run/journal.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (130, 0, 3)
    if process.returncode == 130:
        assert "the same command goes on" in stderr
    done = subprocess.run([*asked, "--quiet"])
    assert done.returncode in (0, 3)
