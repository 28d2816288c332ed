"""Server processes on this machine, with ports that the system chooses; made-up films."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_spec = spec_from_file_location("made_films", Path(__file__).with_name("made_films.py"))
assert _spec is not None and _spec.loader is not None
sys.modules["made_films"] = module_from_spec(_spec)  # for the tests beside this file
_spec.loader.exec_module(sys.modules["made_films"])

Start = Callable[..., str]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start a Python process and return the last word of its first line that has ``until``."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str, until: str = "", cwd: Path | None = None) -> str:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=cwd,
        )
        running.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if until in line:
                return line.split()[-1]
        raise AssertionError(f"{arguments} ended with {process.wait()}")

    yield run
    for process in running:
        process.terminate()
    for process in running:
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def fake(start: Start) -> Start:
    """Start one of the stand-ins beside this file and return its port."""
    return lambda name, *arguments: start(str(Path(__file__).with_name(name)), *arguments)
