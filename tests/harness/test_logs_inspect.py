"""Logs of inspect_ai: each way in which one misleads."""

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
from foreign_logs import compared, inspect, measures, values

from harness.errors import DataError, ExitCode, PreconditionError
from harness.logs import inspect_ai
from harness.logs.reading import open_log
from harness.outcomes import Outcome


def test_values_become_numbers_as_inspect_makes_them(tmp_path: Path) -> None:
    told = ["C", "P", "I", "N", "Yes", "FALSE", "2.5", 3, True]
    path = inspect(tmp_path / "a.json", {str(n): [value] for n, value in enumerate(told)})
    assert list(values(path).values()) == [1, 0.5, 0, 0, 1, 0, 2.5, 3, 1]


def test_what_is_no_number_is_missing_and_never_zero(tmp_path: Path) -> None:
    scores = {"nan": [math.nan], "text": ["maybe"], "none": [None], "bad": [ValueError("503")]}
    found = values(inspect(tmp_path / "a.json", scores))
    assert found == {
        "nan": "nan: not scored",
        "text": "a text that is no number, which inspect counts as 0",
        "none": "no value",
        "bad": "error: 503",
    }


def test_epochs_are_reduced_over_those_that_were_scored(tmp_path: Path) -> None:
    scores = {"a": ["C", "I"], "b": ["C", ValueError("503")], "c": [math.nan, math.nan]}
    found = values(inspect(tmp_path / "a.json", scores))
    assert (found["a"], found["b"]) == (0.5, 1.0)
    assert isinstance(found["c"], str)


def test_a_difference_made_of_lost_epochs_is_incomplete_and_says_what_is_scored(
    tmp_path: Path,
) -> None:
    names = [str(n) for n in range(12)]
    first = inspect(tmp_path / "a.json", {n: ["I", "C"] for n in names})
    lost = inspect(tmp_path / "b.json", {n: ["I", math.nan] for n in names})
    found = compared(first, lost)
    (change,) = found.changes
    assert (change.outcome, found.exit_code) == (Outcome.INCOMPLETE, ExitCode.INCOMPLETE)
    assert change.difference == -0.5 and "fewer epochs than before in 12 samples" in change.reason
    assert "12 of 24 epochs scored after (12 not, in 12 samples: 12 nan" in change.reason
    (back,) = compared(lost, first).changes
    assert "12 of 24 epochs scored before" in back.reason
    text = inspect(tmp_path / "c.json", {n: ["I", "maybe" if n == "3" else "C"] for n in names})
    (change,) = compared(first, text).changes
    assert (
        change.outcome is Outcome.INCOMPLETE and "(1 not, in 1 samples: 1 a text" in change.reason
    )
    absent = inspect(tmp_path / "d.json", {n: ["I", "C"][: 1 + (n > "3")] for n in names})
    assert "not run" in compared(first, absent).changes[0].reason


def test_a_regression_of_samples_that_lost_no_epoch_is_accused(tmp_path: Path) -> None:
    names = [str(n) for n in range(12)]
    first = inspect(tmp_path / "a.json", {n: ["C", "C"] for n in names})
    worse = {n: ["I", ValueError("503") if n == "0" else "I"] for n in names}
    (change,) = compared(first, inspect(tmp_path / "b.json", worse)).changes
    assert change.outcome is Outcome.REGRESSED and "fewer epochs" in change.reason


def test_other_reducers_are_taken_as_recorded_and_never_guessed(tmp_path: Path) -> None:
    two = {"eval__config": {"epochs": 2, "epochs_reducer": ["mean", "pass_at_1"]}}
    recorded = [
        {"scorer": "match", "reducer": "mean", "samples": [{"sample_id": "a", "value": 0.5}]},
        {"scorer": "match", "reducer": "pass_at_1", "samples": [{"sample_id": "a", "value": "C"}]},
    ]
    path = inspect(tmp_path / "a.json", {"a": ["C", "I"]}, **two, reductions=recorded)
    found = measures(path)
    assert found["match", "mean"].values == {"a": 0.5}
    assert found["match", "pass_at_1"].values == {"a": 1.0}
    without = measures(inspect(tmp_path / "b.json", {"a": ["C", "I"]}, **two))
    assert "no reductions by pass_at_1" in without["match", "pass_at_1"].aside
    assert without["match", "mean"].values == {"a": 0.5}


def test_mappings_are_columns_and_lists_are_none(tmp_path: Path) -> None:
    found = measures(inspect(tmp_path / "a.json", {"a": [{"x": 1, "y": "I"}], "b": [{"x": 2}]}))
    assert found["match.x", "mean"].values == {"a": 1.0, "b": 2.0}
    assert found["match.y", "mean"].values == {"a": 0.0, "b": "no value"}
    assert "lists" in measures(inspect(tmp_path / "b.json", {"a": [[1, 2]]}))["match", "mean"].aside


def test_ids_are_compared_as_texts(tmp_path: Path) -> None:
    numbers = inspect(tmp_path / "a.json", {1: ["C"], 2: ["I"]})
    texts = inspect(tmp_path / "b.json", {"1": ["C"], "2": ["C"]})
    (change,) = compared(numbers, texts).changes
    assert change.pairs == 2 and change.flips == ("2",)


def test_an_id_of_two_kinds_or_an_epoch_twice_is_refused(tmp_path: Path) -> None:
    both = inspect(tmp_path / "a.json", {1: ["C"], "1": ["C"]})
    with pytest.raises(DataError, match="as number and as text"):
        open_log(both)
    document = json.loads(inspect(tmp_path / "b.json", {"a": ["C"]}).read_text())
    document["samples"] *= 2
    (tmp_path / "b.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="epoch 1 of sample 'a' stands twice"):
        open_log(tmp_path / "b.json")


def test_invalidated_samples_are_missing(tmp_path: Path) -> None:
    path = inspect(tmp_path / "a.json", {"a": ["C"], "b": ["C"]})
    document = json.loads(path.read_text())
    document["samples"][0]["invalidation"] = {"author": "x"}
    path.write_text(json.dumps(document))
    assert values(path) == {"a": "invalidated", "b": 1.0}
    whole = inspect(tmp_path / "b.json", {"a": ["C"]}, invalidated=True)
    assert values(whole) == {"a": "the log is invalidated"}


def test_a_log_without_samples_or_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="log_samples=True"):
        open_log(inspect(tmp_path / "a.json", {}, samples=None))
    with pytest.raises(DataError, match="version 3"):
        open_log(inspect(tmp_path / "b.json", {}, version=3))


def test_samples_that_were_planned_and_not_run_are_missing(tmp_path: Path) -> None:
    path = inspect(tmp_path / "a.json", {"a": ["C"]}, eval__dataset={"sample_ids": ["a", "b"]})
    assert values(path) == {"a": 1.0, "b": "not run"}


def test_the_cluster_of_the_authors_own_error_is_the_default(tmp_path: Path) -> None:
    metrics = [{"name": "stderr", "options": {"cluster": "scene"}}]
    own = {"eval__scorers": [{"name": "match", "metrics": metrics}]}
    scores = {str(n): ["C" if n % 3 else "I"] for n in range(8)}
    first = inspect(tmp_path / "a.json", scores, **own)
    second = inspect(tmp_path / "b.json", {**scores, "0": ["C"], "3": [0.2]}, **own)
    (change,) = compared(first, second).changes
    assert "clusters by scene, as the log's own standard error" in change.reason


def zipped(path: Path, document: dict[str, Any], *, header: bool) -> Path:
    """Write a log as an ``.eval`` file, finished or not."""
    head = {k: v for k, v in document.items() if k != "samples"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        name = "header.json" if header else "_journal/start.json"
        archive.writestr(name, json.dumps(head if header else {**head, "status": "started"}))
        for one in document["samples"]:
            archive.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
    return path


def test_an_archive_says_what_the_document_says_and_an_unfinished_one_is_incomplete(
    tmp_path: Path,
) -> None:
    path = inspect(tmp_path / "a.json", {"a": ["C"], "b": ["I"]})
    document = json.loads(path.read_text())
    whole = zipped(tmp_path / "a.eval", document, header=True)
    assert [one.outcome for one in compared(path, whole).changes] == [Outcome.UNCHANGED]
    cut = zipped(tmp_path / "b.eval", document, header=False)
    found = compared(path, cut)
    assert [one.outcome for one in found.changes] == [Outcome.INCOMPLETE]
    assert found.exit_code == ExitCode.INCOMPLETE and "started" in found.changes[0].reason


@pytest.mark.parametrize("name", ["b.eval", "b.json"])
def test_an_archive_that_is_cut_off_or_damaged_is_named_so(tmp_path: Path, name: str) -> None:
    document = json.loads(inspect(tmp_path / "a.json", {"a": ["C"], "b": ["I"]}).read_text())
    content = zipped(tmp_path / "a.eval", document, header=True).read_bytes()
    for spoilt in (content[:-30], content[:60], content.replace(b"PK\x01\x02", b"PK\x01\x03")):
        (tmp_path / name).write_bytes(spoilt)
        with pytest.raises(DataError, match="zip is cut off or damaged"):
            open_log(tmp_path / name)


def test_damaged_zstd_members_are_one_message(shared: Path, tmp_path: Path) -> None:
    if not hasattr(inspect_ai.zip_reader(), "zstd"):
        pytest.skip("needs a package that reads zstd")
    content = bytearray((shared / "logs/inspect/beta.eval").read_bytes())
    content[400:900] = bytes(500)
    (tmp_path / "a.eval").write_bytes(content)
    with pytest.raises(DataError, match="zip is cut off or damaged"):
        open_log(tmp_path / "a.eval")


def test_members_that_this_python_cannot_read_name_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "a.eval", {"samples": []}, header=True)
    content = bytearray(path.read_bytes())
    for place in (content.find(b"PK\x03\x04") + 8, content.find(b"PK\x01\x02") + 10):
        content[place : place + 2] = (93).to_bytes(2, "little")
    path.write_bytes(content)
    monkeypatch.setattr(inspect_ai, "zip_reader", lambda: zipfile)
    if hasattr(zipfile, "ZIP_ZSTANDARD"):
        pytest.skip("this Python reads zstd")
    with pytest.raises(PreconditionError, match="backports.zstd"):
        open_log(path)
