"""Golden tensors through the command line, right and wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("torch")


def test_golden_tensors_agree_and_a_planted_error_is_named(
    shared: Path, tmp_path: Path, command
) -> None:
    ended = command("conform", "model", shared / "model")
    assert ended.code == 0, ended.out
    folder = tmp_path / "golden"
    shutil.copytree(shared / "model", folder)
    arrays = dict(np.load(folder / "delta_rule.npz"))
    arrays["c0_o"] = arrays["c0_o"] + 1e-6
    (folder / "delta_rule.npz").chmod(0o644)
    np.savez(folder / "delta_rule.npz", **arrays)
    ended = command("conform", "model", folder)
    assert ended.code == 1
    assert "delta_rule.npz:c0_o" in ended.out


def test_a_folder_without_golden_files_is_one_message(tmp_path: Path, command) -> None:
    ended = command("conform", "model", tmp_path)
    assert ended.code == 4
    assert "golden files" in ended.err
