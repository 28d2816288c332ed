"""Time one LIBERO-Plus task, with the simulator's own Python; prints one line of JSON.

    simulator/env/bin/python smoke_measure.py libero_object 646 30

Names the suite, the task's index from 0, and how many steps to time after ten waiting ones. It
imports nothing of this project and runs in the variables of ``simulator.json``. Seconds are wall
clock, memory is the largest resident size of the process in MB.
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


def open_suite(suite: str) -> tuple[Any, Any]:
    """Return the benchmark of a suite and the folder of its task files."""
    torch: Any = importlib.import_module("torch")
    # Initial states are pickled arrays of the checkout, which newer versions refuse by default.
    torch.load = functools.partial(torch.load, weights_only=False)
    libero = importlib.import_module("libero.libero")
    benchmark = importlib.import_module("libero.libero.benchmark")
    return benchmark.get_benchmark_dict()[suite](), Path(libero.get_libero_path("bddl_files"))


def measure(suite: str, index: int, steps: int) -> dict[str, object]:
    """Create, reset and step one task; return its times, sizes and instruction."""
    clock = [time.monotonic()]

    def lap() -> float:
        clock.append(time.monotonic())
        return round(clock[-1] - clock[-2], 3)

    tasks, folder = open_suite(suite)
    environments = importlib.import_module("libero.libero.envs")
    found: dict[str, object] = {"suite": suite, "task_id": index, "import_s": lap()}
    task = tasks.get_task(index)
    world = environments.OffScreenRenderEnv(
        bddl_file_name=str(folder / task.problem_folder / task.bddl_file),
        camera_heights=SIZE,
        camera_widths=SIZE,
    )
    world.seed(7)
    found |= {"name": task.name, "instruction": task.language, "create_s": lap()}
    world.reset()
    found["reset_s"] = lap()
    seen = world.set_init_state(tasks.get_task_init_states(index)[0])
    found["set_state_s"] = lap()
    for _ in range(WAITING):
        world.step(STILL)
    found["waiting_s"] = lap()
    for _ in range(steps):
        seen = world.step(STILL)[0]
    found["steps_per_s"] = round(steps / lap(), 2)
    found["views"] = {
        name: [list(seen[name].shape), int(seen[name].min()), int(seen[name].max())]
        for name in ("agentview_image", "robot0_eye_in_hand_image")
    }
    found["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    world.close()
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # the benchmark prints its task orders
        result = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(result) + "\n")
