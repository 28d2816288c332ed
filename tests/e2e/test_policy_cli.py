"""Policies from end to end: simulator, bridge and policy server, each a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("websockets", reason="the policy extra is not installed")
pytest.importorskip("msgpack", reason="the policy extra is not installed")
pytest.importorskip("PIL", reason="the policy extra is not installed")

FAKES = Path(__file__).parents[1] / "suites"
SERVE = ("-c", "from harness.cli.main import main; main()", "serve", "--port", "0")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python processes, ended after the test."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def last_word(process: subprocess.Popen[str], line_with: str = "") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line_with in line:
            return line.split()[-1]
    raise AssertionError(process.communicate()[1])


def test_from_a_simulator_through_the_bridge_to_a_server_and_back(start) -> None:
    port = last_word(start(FAKES / "fake_openpi.py", "7"))
    bridge = start(*SERVE, "--policy", f"openpi://127.0.0.1:{port}", "--suite", "liberoplus")
    address = last_word(bridge, "ready on")
    played = subprocess.run(
        [sys.executable, str(FAKES / "fake_vla_eval.py"), address, "liberoplus"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    said = json.loads(played.stdout)
    settings = said["hello"]["capabilities"]["settings"]
    assert (settings["policy.protocol"], settings["execute"]) == ("openpi", 5)
    assert settings["prompt_mode"] == "registry"
    # The stand-in's rows are the sum of the state that it was sent, then 0.01 more per row; the
    # simulator's state is 0.01 per step in eight places, and five rows are executed per call.
    steps = np.arange(40)
    expected = 8 * (steps - steps % 5) / 100 + (steps % 5) / 100
    assert np.array(said["actions"]) == pytest.approx(np.tile(expected[:, None], 7), abs=1e-5)
    bridge.send_signal(signal.SIGINT)
    _, err = bridge.communicate(timeout=20)
    assert (bridge.returncode, err) == (0, "")


@pytest.mark.parametrize("verb", ["serve", "probe-policy"])
@pytest.mark.parametrize(
    ("policy", "absent", "extra"),
    [("openpi://h", "msgpack", "[policy]"), ("kairos://h", "torch", "[policy,model]")],
)
def test_a_missing_package_names_its_extra(
    command, monkeypatch: pytest.MonkeyPatch, verb: str, policy: str, absent: str, extra: str
) -> None:
    monkeypatch.setattr(
        "suites.policies.factory.find_spec",
        lambda name: None if name == absent else find_spec(name),
    )
    ended = command(verb, "--policy", policy, "--suite", "robotwin")
    assert ended.code == 4
    assert f"not installed: {absent}" in ended.err
    assert f"pip install 'kairos-eval{extra}'" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("verb", ["serve", "probe-policy"])
def test_more_actions_executed_than_given(command, verb: str) -> None:
    pytest.importorskip("torch", reason="the model extra is not installed")
    ended = command(verb, "--policy", "reference", "--suite", "liberoplus", "--execute", 40)
    assert ended.code == 4
    assert "the chunk has 32 actions, 40 are executed per call" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("suite", "remark"), [("liberoplus", True), ("robotwin", False)])
def test_actions_beyond_the_controllers_range_are_remarked_on(
    command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suite: str, remark: bool
) -> None:
    width = {"liberoplus": 7, "robotwin": 14}[suite]
    (tmp_path / "loud.py").write_text(
        f"import numpy as np\ndef act(seen):\n    return np.full((50, {width}), -1.5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "loud", raising=False)
    ended = command("probe-policy", "--policy", "python:loud:act", "--suite", suite, "--calls", 3)
    assert ended.code == 0, ended.err
    assert "values -1.5 to -1.5" in ended.out
    assert ("the controller executes at most 1 as given" in ended.out) == remark


def test_the_reference_model_is_probed(command) -> None:
    pytest.importorskip("torch", reason="the model extra is not installed")
    ended = command(
        "probe-policy", "--policy", "reference", "--suite", "liberoplus", "--calls", 3,
        "--steps", 1, "--require", "repeat", "--require", "order",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "[32, 7]" in lines["chunk"]
    assert "nothing is shared" in lines["company"]
