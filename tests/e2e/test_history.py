"""A history on the command line: what it keeps, refuses, shows and gates."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import defusedxml.ElementTree
import msgspec
import pytest

from harness.errors import DataError
from harness.history import Commit, Entry, RunEntry, RunName, Tool, add, encoded, load, series_of
from harness.verdicts.series import judged
from harness.verdicts.trend import Trend


def entry(number: int, value: float | None, *, name: str = "nightly", **more: object) -> RunEntry:
    """A run of day ``number`` with one column and one time."""
    date = f"2026-01-{number + 1:02d}T00:00:00+00:00"
    fields = {
        "key": ("toy", "full", "m", "official", "ok", "all"),
        "protocol": "p",
        "unit": "percent",
        "higher_is_better": True,
        "value": value,
        "lo": None if value is None else value - 1,
        "hi": None if value is None else value + 1,
        "n": 10,
        "planned": 10,
        **more,
    }
    return RunEntry(
        run=RunName(name=name, id=f"{name} {number}", finished_at=date),
        commit=Commit(sha=f"{number:040x}", committed_at=date, branch="main"),
        tool=Tool(version="0.1.0"),
        machine={"device": "cpu"},
        cells=(msgspec.convert(fields, Entry),),
    )


def write(folder: Path, *runs: RunEntry) -> Path:
    for one in runs:
        add(folder, one)
    return folder


def days(*values: float | None) -> list[RunEntry]:
    return [entry(n, value) for n, value in enumerate(values)]


NOISE = (10.1, 9.9, 10.0, 10.2, 9.8, 10.05, 9.95, 10.1, 9.9, 10.0)


def test_a_run_is_added_once_and_two_writers_never_meet(tmp_path: Path) -> None:
    one, two = entry(1, 1.0), entry(2, 2.0)
    first, new = add(tmp_path / "a", one)
    assert new and add(tmp_path / "a", one) == (first, False)
    write(tmp_path / "b", two)
    shutil.copytree(tmp_path / "b", tmp_path / "a", dirs_exist_ok=True)
    assert [run for _, run in load(tmp_path / "a")] == [one, two]
    assert first.name == sha256(first.read_bytes()).hexdigest()[:32] + ".json"
    assert first.read_bytes() == encoded(json.loads(first.read_text()))
    with pytest.raises(DataError, match="other content"):
        add(tmp_path / "a", entry(1, 1.5))


def renamed(path: Path, content: bytes) -> Path:
    """Replace a file by other content under the name that its digest gives it."""
    name = sha256(content).hexdigest()[:32]
    path.unlink()
    other = path.parents[1] / name[:2] / f"{name}.json"
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(content)
    return other


def spoilt(path: Path, how: str) -> None:
    text = path.read_bytes()
    if how == "cut":
        path.write_bytes(text[: len(text) // 2])
    elif how == "conflict":
        path.write_bytes(b"<<<<<<< HEAD\n" + text)
    elif how == "blanks":
        renamed(path, json.dumps(json.loads(text)).encode() + b"\n")
    elif how == "newer":
        renamed(path, text.replace(b"history-run/1", b"history-run/2"))
    elif how == "nan":
        renamed(path, text.replace(b'"value":1.0', b'"value":NaN'))
    elif how == "huge":
        renamed(path, text.replace(b'"value":1.0', b'"value":1e999'))
    elif how == "foreign":
        (path.parent / "notes.txt").write_text("mine")
    elif how == "beside":
        (path.parents[1] / "notes.txt").write_text("mine")
    elif how == "link":
        shutil.move(path, path.parents[2] / "real")
        path.symlink_to(path.parents[2] / "real")
    elif how == "twice":
        path.parents[1].joinpath("00").mkdir(exist_ok=True)
        copy = encoded(msgspec.structs.replace(entry(1, 1.0), machine={}))
        other = path.with_name("copy")
        other.touch()
        renamed(other, copy)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "not the digest of its bytes"),
        ("conflict", "conflict markers"),
        ("blanks", "not canonical"),
        ("newer", "upgrade"),
        ("nan", "canonical"),
        ("huge", "canonical"),
        ("foreign", "not the digest"),
        ("beside", "none of a history"),
        ("link", "regular files only"),
        ("twice", "two files are one run"),
    ],
)
def test_what_is_no_run_is_refused_by_name(
    command: Callable, tmp_path: Path, how: str, said: str
) -> None:
    path, _ = add(tmp_path / "h", entry(1, 1.0))
    spoilt(path, how)
    for verb in ("show", "gate"):
        found = command("history", verb, tmp_path / "h")
        assert found.code == 4 and said in found.err and str(tmp_path / "h") in found.err
        assert "do:" in found.err


def test_hidden_names_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    path, _ = add(tmp_path, entry(1, 1.0))
    (path.parent / ".tmp").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "runs" / ".git").mkdir()
    assert len(load(tmp_path)) == 1


def test_a_series_is_one_protocol_and_runs_of_other_names_lack_nothing() -> None:
    runs = [*days(*NOISE), entry(20, 5.0, protocol="q"), entry(21, 1.0, name="weekly", key=("x",))]
    found = series_of(runs)
    assert [(one.key[0], one.protocol, len(one.runs)) for one in found] == [
        ("toy", "p", 11),
        ("toy", "q", 11),
        ("x", "p", 1),
    ]
    outcomes = {(one.series.key[0], one.series.protocol): one for one in judged(runs)}
    assert outcomes["toy", "p"].finding.outcome is Trend.ENDED
    assert "another protocol" in outcomes["toy", "p"].reason
    assert outcomes["toy", "q"].finding.outcome is Trend.TOO_SHORT


def test_a_value_of_fewer_samples_than_planned_is_missing(tmp_path: Path) -> None:
    runs = [*days(*NOISE), entry(20, 1.0, n=9)]
    (found,) = judged(runs)
    assert found.finding.outcome is Trend.VANISHED and found.reason.startswith("9 of 10 planned")


@pytest.mark.parametrize(
    ("last", "code", "said"),
    [
        ((10.0, 10.1), 0, "1 pass"),
        ((3.0, 3.1), 1, "fail: toy / full / m / official / ok / all: 10 -> 3.05"),
        ((30.0, 30.1), 0, "1 pass"),
        ((10.0, None), 1, "vanished: toy"),
    ],
)
def test_the_gate_fails_on_a_level_that_fell_and_names_the_run(
    command: Callable, tmp_path: Path, last: tuple[float | None, ...], code: int, said: str
) -> None:
    folder = write(tmp_path / "h", *days(*NOISE, *last))
    found = command("history", "gate", folder, "--junit", tmp_path / "j.xml")
    gated = 0 if last[-1] is None else 1
    assert found.code == code and said in found.out and f"{gated} series gated" in found.out
    root = defusedxml.ElementTree.parse(tmp_path / "j.xml").getroot()
    assert len(list(root.iter("failure"))) == code
    if last[0] == 3.0:
        assert (
            f"changed with {10:040x}"[:25] in found.out and "2 runs up to the newest" in found.out
        )
        assert command("history", "gate", folder, "--effect", 8).code == 0
    shown = command("history", "show", folder, "--page", tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert shown.code == 0 and "<svg" in page and "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("last", "was", "code"),
    [
        ((3.0, 3.1), {"outcome": "regressed", "difference": -7.0}, 0),
        ((3.0, 3.1), {"outcome": "regressed", "difference": -5.0}, 1),
        ((3.0, 3.1), {"outcome": "regressed", "difference": 7.0}, 1),
        ((3.0, 3.1), {"outcome": "regressed", "difference": -7.0, "column": "other"}, 1),
        ((3.0, 3.1), {"outcome": "vanished"}, 1),
        ((10.0, None), {"outcome": "vanished"}, 0),
        ((10.0, None), {"outcome": "regressed", "difference": -7.0}, 1),
    ],
)
def test_an_accepted_change_passes_the_gate_and_a_larger_one_does_not(
    command: Callable, tmp_path: Path, last: tuple[float | None, ...], was: dict, code: int
) -> None:
    folder = write(tmp_path / "h", *days(*NOISE, *last))
    names = {"what": "column", "suite": "toy", "model": "m", "scorer": "official", "column": "ok"}
    known = {"schema": "kairos-eval-baseline/1", "claims": {}, "changes": [{**names, **was}]}
    (tmp_path / "known.json").write_text(json.dumps(known))
    found = command("history", "gate", folder, "--baseline", tmp_path / "known.json")
    assert found.code == code
    assert ("1 accepted" in found.out) == (code == 0)


def test_short_histories_are_incomplete_and_bad_options_are_usage_errors(
    command: Callable, tmp_path: Path
) -> None:
    folder = write(tmp_path / "h", *days(*NOISE[:5]))
    assert command("history", "gate", folder).code == 3
    assert command("history", "gate", tmp_path / "none").code == 4
    assert command("history", "gate", folder, "--branch", "other").code == 4
    assert command("history", "gate", folder, "--effect", "nan").code == 2
    assert command("history", "show", folder, "--by", "size").code == 2


def test_runs_are_ordered_by_commit_or_by_date() -> None:
    old = entry(5, 1.0)
    late = msgspec.structs.replace(
        entry(9, 2.0), commit=Commit(sha="f" * 40, committed_at="2025-01-01T00:00:00+00:00")
    )
    assert late.when("commit") < old.when("commit") and late.when("date") > old.when("date")


def test_a_run_goes_in_with_its_commit(command: Callable, tmp_path: Path) -> None:
    spec = tmp_path / "run.toml"
    spec.write_text('name = "n"\n[[tasks]]\nsuite = "robotwin"\nmodel = "m"\nexample = true\n')
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run(
        [*git, "commit", "-q", "--allow-empty", "-m", "x", "--date", "2020-01-01T00:00:00Z"],
        check=True,
        env={"GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z", "PATH": "/usr/bin:/bin"},
    )
    assert command("run", spec, "--out", "r", "--quiet").code == 0
    assert command("history", "add", "r").code == 0
    again = command("history", "add", "r")
    assert again.code == 0 and "already there" in again.out
    ((_, run),) = load(tmp_path / "history")
    assert run.commit is not None and run.commit.branch == "main"
    assert run.commit.committed_at == "2020-01-01T00:00:00+00:00"
    assert {one.key[0] for one in run.cells} == {"robotwin"} and run.times == ()
    assert all(str(tmp_path) not in json.dumps(one.key) for one in run.cells)
    journal = Path("r/journal.jsonl")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-3]))
    refused = command("history", "add", "r", "--to", "other")
    assert refused.code == 3 and "--partial" in refused.err
    assert command("history", "add", "r", "--to", "other", "--partial").code == 0
