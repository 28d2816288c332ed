"""Time one LIBERO-Plus task, with the simulator's own Python; prints one line of JSON.

    env/bin/python smoke_measure.py libero_object 646 30

Names the suite, the task's index from 0, and how many steps to time after ten waiting ones. It
imports nothing of this project and wants the variables of ``simulator.json``. Each phase is given
in seconds of wall clock and of CPU (all threads); memory is the largest resident size in MB.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

STILL = [0.0] * 6 + [-1.0]
"""No motion, gripper open."""

SIZE = 256
WAITING = 10
SEED = 7


class Laps:
    """Times of phases, each from the end of the one before."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}
        self._last = time.monotonic(), time.process_time()

    def lap(self, phase: str) -> None:
        """Note the time that a phase took."""
        now = time.monotonic(), time.process_time()
        self.found[f"{phase}_s"] = round(now[0] - self._last[0], 3)
        self.found[f"{phase}_cpu_s"] = round(now[1] - self._last[1], 3)
        self._last = now


def open_suite(suite: str) -> tuple[Any, Path]:
    """Return the benchmark of a suite and the folder of its task files."""
    torch: Any = importlib.import_module("torch")
    # Initial states are pickled arrays of the checkout, which newer versions refuse by default.
    torch.load = functools.partial(torch.load, weights_only=False)
    libero = importlib.import_module("libero.libero")
    benchmark = importlib.import_module("libero.libero.benchmark")
    return benchmark.get_benchmark_dict()[suite](), Path(libero.get_libero_path("bddl_files"))


def measure(suite: str, index: int, steps: int) -> dict[str, object]:
    """Create, reset and step one task; return its times, its views and its memory."""
    clock = Laps()
    tasks, folder = open_suite(suite)
    environments = importlib.import_module("libero.libero.envs")
    clock.lap("import")
    task = tasks.get_task(index)
    world = environments.OffScreenRenderEnv(
        bddl_file_name=str(folder / task.problem_folder / task.bddl_file),
        camera_heights=SIZE,
        camera_widths=SIZE,
    )
    world.seed(SEED)
    clock.lap("create")
    world.reset()
    clock.lap("reset")
    seen = world.set_init_state(tasks.get_task_init_states(index)[0])
    clock.lap("set_state")
    for _ in range(WAITING):
        world.step(STILL)
    clock.lap("waiting")
    for _ in range(steps):
        seen = world.step(STILL)[0]
    clock.lap("steps")
    views = {
        name: [*seen[name].shape, int(seen[name].min()), int(seen[name].max())]
        for name in ("agentview_image", "robot0_eye_in_hand_image")
    }
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    world.close()
    named = {"suite": suite, "task_id": index, "name": task.name, "steps": steps}
    return {**named, **clock.found, "rss_mb": memory, "views": views}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # the benchmark prints its task orders
        result = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(result) + "\n")
