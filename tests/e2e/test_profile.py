"""Profiles through the command line: measured, counted, compared, refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")


def test_a_profile_is_measured_stored_and_compared(tmp_path: Path, command) -> None:
    options = ("--config", "tiny", "--lengths", "64,128", "--rounds", "6")
    first = command("profile", "scaling", *options, "--out", "p.json")
    assert first.code == 0, first.err
    document = json.loads((tmp_path / "p.json").read_text())
    arms = {point["arm"] for point in document["points"]}
    assert arms == {"hybrid", "full attention", "SWA alone", "DSWA alone", "GATED alone"}
    assert all(point["seconds"] > 0 for point in document["points"])
    again = command("profile", "scaling", *options, "--against", "p.json")
    assert again.code == 0
    assert "this profile over the earlier one" in again.out
    assert "incomparable" not in again.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--config", "smal"], 2, "small"),
        (["--lengths", "100"], 2, "multiple of 64"),
        (["--lengths", "x"], 2, "multiple of 64"),
        (["--lengths", ","], 2, "no lengths"),
        (["--device", "tpu"], 2, "cpu or cuda"),
        (["--rounds", "0"], 2, "rounds"),
    ],
)
def test_mistakes(command, arguments: list[str], code: int, message: str) -> None:
    ended = command("profile", "scaling", *arguments)
    assert ended.code == code
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_gpu_asked_for_but_absent_is_one_message(
    command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ended = command("profile", "scaling", "--device", "cuda")
    assert ended.code == 4
    assert "no CUDA device" in ended.err


def test_the_released_network_is_counted(command) -> None:
    ended = command("profile", "flops")
    assert ended.code == 0
    assert "4,050,613,120 parameters, 73,920 tokens" in ended.out
    assert "0.899" in ended.out
    assert "2.237" in ended.out
    assert "cannot be the undistilled default" in ended.out
    rows = [line.split() for line in ended.out.splitlines() if line.startswith("Cosmos")]
    assert rows[0][1:4] == ["156.5", "156.40", "526.96"]


def test_faster_hardware_lifts_the_ceiling(command) -> None:
    assert "may be the undistilled" in command("profile", "flops", "--hardware", 3000).out
