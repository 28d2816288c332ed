"""A few faults of each kind of the campaign in ``reliability.py``; by hand it takes many more."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("reliability.py")
ALONE = {
    "disk": ["unshare", "-rm"],
    "worker": ["unshare", "-rnpf", "--mount-proc"],
    "node": ["unshare", "-rnpf", "--mount-proc"],
}
KINDS = ["main", "judge", "video", "simulator", "history", "clock", "writers", *ALONE]
"""Namespaces in which a kind touches nothing else."""
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_faults_change_no_store(kind: str) -> None:
    if kind in ("worker", "node") and not find_spec("ray"):
        pytest.skip("needs ray")
    alone = ALONE.get(kind, [])
    if alone and subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no namespaces")
    ended = subprocess.run(
        [*alone, sys.executable, SCRIPT, kind, "5"], capture_output=True, text=True, timeout=900
    )
    assert ended.returncode == 0, ended.stderr
