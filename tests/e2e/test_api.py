"""The interface for programs: a run as frames, pictures, an audit and a comparison."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.errors import ConfigError, DataError, PreconditionError
from harness.export import TABLES, export_run, frame
from harness.run import session
from harness.run.mainjob import main_job


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of audit and examples, in a folder of runs."""
    made = tmp_path_factory.mktemp("runs") / "main-1"
    session.complete(main_job(None, experiments=False), session.Options(out=made, fsync=False))
    return made


@pytest.fixture(scope="module")
def run(directory: Path) -> harness.api.Run:
    return harness.load(directory)


def test_to_import_the_package_costs_nothing() -> None:
    code = "import harness, sys; print([n for n in sys.modules if n.startswith('harness.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_row_is_a_frame_and_a_file(name: str, run, tmp_path: Path) -> None:
    found = frame(run.stored, name)
    assert tuple(found.columns) == TABLES[name].columns
    assert export_run(run.stored, tmp_path / f"{name}.csv") == len(found)


def test_frames_hold_what_was_stored(run) -> None:
    stored = run.results.verdicts
    assert list(run.verdicts["claim"]) == [verdict.claim for verdict in stored]
    assert list(run.verdicts["standing"]) == [verdict.standing for verdict in stored]
    assert set(run.verdicts["level"]) <= {"good", "doubt", "bad", "open"}
    assert len(run.samples) == sum(len(task.items) for task in run.stored.plan.tasks)
    assert len(run.checks) and len(run.cells) and len(run.scores) and len(run.replies)
    assert run.cells["estimate_value"].notna().any() and "questions" in run.samples


def test_a_run_is_found_by_a_pattern_and_says_little_of_itself(directory: Path, run) -> None:
    again = harness.load(directory.parent / "main-*")
    assert repr(again) == repr(run) and len(repr(run)) < 200
    assert "Do printed tables agree" in run._repr_html_() and len(run._repr_html_()) < 5_000
    with pytest.raises(PreconditionError, match="no run here"):
        harness.load(directory.parent / "other-*")


def test_a_picture_has_numbers_and_draws_itself(run) -> None:
    title = run.figures.query("section == 'robotwin'")["title"].iloc[0]
    picture = run.figure(title)
    assert len(picture.data) > 10 and list(picture.data.columns)[1:3] == ["x", "y"]
    assert "<svg" in picture._repr_html_() and len(repr(picture)) < 200
    assert picture.draw().get_title() == title
    with pytest.raises(DataError, match="no picture"):
        run.figure("What nobody drew")


def test_an_audit_and_a_comparison_are_frames_too(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "model,first,second,total\nA,0.50,0.71,1.31\nB,0.20,0.30,0.50\n"
    )
    found = harness.audit(tmp_path / "t.csv")
    assert "Audit" in repr(found) and set(found.rules.columns) >= {"op", "support"}
    same = harness.compare(directory.parent / "main-*", directory)
    assert same.exit_code == 0 and len(same.changes) and "Gate" in repr(same)


def test_an_unknown_kind_of_row_names_the_nearest(run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        export_run(run.stored, tmp_path / "x.csv", "verdict")
    assert "verdicts" in caught.value.message()
