"""A run as records of Every Eval Ever, and back."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from harness.logs.reading import open_log

RECORDED = Path(__file__).parents[2] / "suites" / "videophy" / "examples"
RUN = """
name = "x"
[[tasks]]
suite = "videophy"
model = "lab/../One 2"
results = ["{0}/sa.csv", "{0}/pc.csv"]
"""


def rows_beside(path: Path) -> list[dict[str, Any]]:
    """Return the instances of an aggregate."""
    lines = path.with_name(f"{path.stem}_samples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_records_hold_the_cells_and_samples_of_a_run(command, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN.format(RECORDED))
    command("run", "run.toml", "--out", "r", "--quiet")
    shown = command("export", "r", "--to", "out", "--format", "eee", "--organization", "Us")
    assert shown.code == 0, shown.err
    (path,) = (tmp_path / "out").rglob("*[0-9a-f].json")
    place = path.relative_to(tmp_path / "out")
    assert place.parts[:-1] == ("data", "videophy", "lab", "One-2")  # no name becomes a path
    document = json.loads(path.read_text())
    assert document["model_info"]["name"] == "lab/../One 2"
    cells = {
        f"{cell['scorer']}/{cell['column']}": cell["estimate"]
        for cell in json.loads((tmp_path / "r/results.json").read_text())["cells"]
        if cell["group"] == "all"
    }
    (task,) = open_log(path).tasks
    columns = {one.column: one.values for one in task.measures}
    for one in document["evaluation_results"]:
        name, details = one["evaluation_result_id"], one["score_details"]["details"]
        assert one["score_details"]["score"] == cells[name]["value"]
        assert int(details["planned"]) == cells[name]["planned"]
        assert int(details["scored"]) == cells[name]["n"]
        count = one["score_details"]["uncertainty"]["num_samples"]
        mine = [row for row in rows_beside(path) if row["evaluation_result_id"] == name]
        assert len(mine) == count == int(details["mean over"])
        assert fmean(row["evaluation"]["score"] for row in mine) == pytest.approx(
            cells[name]["value"]
        )
        reasons = [row["error"] for row in mine if "error" in row]
        assert (
            len(reasons)
            == count - cells[name]["n"]
            == len(columns[name])
            - sum(isinstance(value, float) for value in columns[name].values())
        )
        if name == "strict/pc":  # which counts a judge that failed as 0
            assert count == 12 and reasons == ["judge failed: counted as 0 by the protocol"]
    compared = command("compare", path, path, "--format", "json")
    assert compared.code == 0 and json.loads(compared.out)["changes"]
    before = path.read_bytes()
    command("export", "r", "--to", "out", "--format", "eee", "--organization", "Us")
    assert path.read_bytes() == before


def test_records_pass_the_validator_of_their_schema(
    command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    validate = pytest.importorskip("every_eval_ever.validator.validate")
    (tmp_path / "run.toml").write_text(RUN.format(RECORDED))
    command("run", "run.toml", "--out", "r", "--quiet")
    command("export", "r", "--to", "out", "--format", "eee")
    files = [str(path) for path in (tmp_path / "out").rglob("*.json*")]
    assert len(files) == 2 and validate.main(files) == 0, capsys.readouterr().out


def test_a_run_of_examples_says_that_they_are_not_exported(command, tmp_path: Path) -> None:
    text = RUN.format(RECORDED).replace("[[tasks]]", "[[tasks]]\nexample = true")
    (tmp_path / "run.toml").write_text(text)
    command("run", "run.toml", "--out", "r", "--quiet")
    shown = command("export", "r", "--to", "out", "--format", "eee")
    assert shown.code == 4 and "made-up examples are not exported" in shown.err


def test_a_format_or_relationship_that_is_none_is_one_message(command, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN.format(RECORDED))
    command("run", "run.toml", "--out", "r", "--quiet")
    assert command("export", "r", "--to", "o", "--format", "eeee").code == 2
    assert command("export", "r", "--to", "o", "--format", "eee", "--relationship", "x").code == 2
    (tmp_path / "r/results.json").unlink()
    refused = command("export", "r", "--to", "o", "--format", "eee")
    assert refused.code == 4 and "kairos-eval report r" in refused.err
