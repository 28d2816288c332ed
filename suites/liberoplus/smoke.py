"""Run real LIBERO-Plus tasks for a few steps through vla-eval, and see that results come back.

    python -P -m suites.liberoplus.smoke simulator --out smoke [--suite libero_object] [--steps 20]

One task of every category that LIBERO's own assets allow, in each suite, is reset and stepped by
vla-eval 0.8.0 in the simulator's own environment, with a scripted policy behind this project's
bridge; then the recording is read as any result is. Light Conditions cannot run with those assets
at all, Background Textures only in ``libero_object``, Objects Layout not where objects were added.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, DataError, ExitCode, PreconditionError, UserError, nearest
from harness.files import atomic_write
from suites._vla_eval import Episode, read_sqlite
from suites.liberoplus.catalog import CATEGORIES, SUITES, catalog
from suites.liberoplus.ingest import vla_eval
from suites.liberoplus.local_checkouts import CLASSIFICATION
from suites.liberoplus.local_simulator import Simulator, open_simulator

TASKS = {
    "libero_spatial": (258, 608, 984, 1382, 1749),
    "libero_object": (22, 248, 646, 1042, 1396, 1428, 1839),
    "libero_goal": (281, 690, 1098, 1527, 1912),
    "libero_10": (289, 682, 1101, 1511, 1946),
}
"""Indices, from 0: a task of each runnable category, and over the suites one of each noise."""

BENCHMARK = "vla_eval.benchmarks.libero_plus.benchmark:LIBEROPlusBenchmark"
POLICY = "python:suites.liberoplus.smoke_policy:reach"
SERVE = "from harness.cli.main import main; main()"
REPLY_S = 60.0
EVALUATION = "smoke"
_SCENE = re.compile(r"^[A-Z_]+_SCENE\d+_")


@dataclass(frozen=True)
class Cell:
    """One task to run, with the parameters and names that make vla-eval choose it alone."""

    suite: str
    index: int
    names: tuple[str, ...]  # its sentence; none where it is the first of its category

    @property
    def category(self) -> str:
        """Return its category's key."""
        return catalog()[self.suite, self.index].category

    def entry(self, steps: int) -> dict[str, Any]:
        """Return vla-eval's configuration of this task: one episode, ``steps`` steps at most."""
        official = {key: name for name, key in CATEGORIES.items()}[self.category]
        return {
            "benchmark": BENCHMARK,
            "subname": f"{self.suite}_{self.index}",
            "episodes_per_task": 1,
            "max_steps": steps,
            "max_tasks": 1,
            **({"tasks": list(self.names)} if self.names else {}),
            "params": {
                "suite": self.suite, "category": official, "seed": 7, "num_steps_wait": 10,
                "send_wrist_image": True, "send_state": True, "quat_no_antipodal": True,
            },
        }  # fmt: skip


def cells(simulator: Simulator, suites: Sequence[str]) -> Iterator[Cell]:
    """Yield the tasks of some suites; sentences come from the simulator's own list of tasks.

    A reworded task's sentence stands in its task file alone, so such a task is its category's
    first, as vla-eval lists them.
    """
    text = (simulator.source / CLASSIFICATION).read_text(encoding="utf-8")
    listed = json.loads(text)
    for suite in suites:
        for index in TASKS[suite]:
            name = listed[suite][index]["name"]
            sentence = _SCENE.sub("", name).replace("_", " ")
            yield Cell(suite, index, () if "_language_" in name else (sentence,))


@contextmanager
def bridge(log: Path) -> Iterator[str]:
    """Serve the scripted policy in a process of its own and yield its address.

    Raises:
        PreconditionError: it does not start; names its log.
    """
    command = [sys.executable, "-P", "-c", SERVE, "serve", "--policy", POLICY,
               "--suite", "liberoplus", "--port", "0", "--deadline", str(REPLY_S / 2)]  # fmt: skip
    with log.open("w") as told:
        process = subprocess.Popen(  # noqa: S603 -- this project's own program
            command, stdout=subprocess.PIPE, stderr=told, text=True
        )
        try:
            ready = [line.split()[-1] for line in _until(process, "ready on")]
            if not ready:
                raise PreconditionError("the bridge did not start", where=str(log))
            yield ready[0]
        finally:
            process.terminate()
            process.communicate()


def _until(process: subprocess.Popen[str], words: str) -> Iterator[str]:
    """Yield the first line of a program's output that holds ``words``, if one comes."""
    for line in process.stdout or ():
        if words in line:
            yield line
            return


def run(simulator: Simulator, chosen: Sequence[Cell], steps: int, out: Path, stall_s: float,
        beat: Callable[[str], object]) -> Path:  # fmt: skip
    """Run the tasks one after the other in one vla-eval process; return its recording.

    A scene that cannot be built is retried by the simulator for ever, without a word, so the
    whole process group ends when nothing was recorded for ``stall_s`` seconds.

    Raises:
        PreconditionError: it stalled or failed; what it recorded stays.
    """
    out.mkdir(parents=True, exist_ok=True)
    recording = out / "results" / f"recording-{EVALUATION}.sqlite"
    shutil.rmtree(out / "results", ignore_errors=True)
    with bridge(out / "bridge.log") as address:
        config = {
            "server": {"url": address, "timeout": REPLY_S},
            "output_dir": str(recording.parent),
            "benchmarks": [cell.entry(steps) for cell in chosen],
        }
        atomic_write(out / "run.yaml", json.dumps(config, indent=1) + "\n")  # JSON is YAML
        render = ["--render", "cpu"] if simulator.render == "osmesa" else []
        command = [simulator.program("vla-eval"), "run", "-c", out / "run.yaml", "--no-docker",
                   "--eval-id", EVALUATION, "--yes", *render]  # fmt: skip
        with (out / "vla-eval.log").open("w") as log:
            process = subprocess.Popen(  # noqa: S603 -- the simulator's own program
                [str(part) for part in command], env=simulator.variables(), cwd=out,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            try:
                code = watch(process, recording, stall_s, beat)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
    if code:
        raise PreconditionError(
            f"vla-eval ended with {code}", where=str(out / "vla-eval.log"),
            hint="its last lines say why; run the same command again",
        )  # fmt: skip
    return recording


def watch(process: subprocess.Popen[Any], recording: Path, stall_s: float,
          beat: Callable[[str], object]) -> int:  # fmt: skip
    """Wait for vla-eval while its recording grows; return its exit code.

    Raises:
        PreconditionError: nothing was recorded for ``stall_s`` seconds.
    """
    grown, since = 0, time.monotonic()
    while (code := process.poll()) is None:
        time.sleep(0.5)
        files = recording.parent.glob(f"{recording.name}*")
        stamp = max((file.stat().st_mtime_ns for file in files), default=0)
        if stamp != grown:
            grown, since = stamp, time.monotonic()
            beat(f"memory of the simulator: {resident_mb(process.pid)} MB at most")
        elif time.monotonic() - since > stall_s:
            raise PreconditionError(
                f"nothing was recorded for {stall_s:g} s", where=str(recording),
                hint="a scene with missing assets is retried for ever; see vla-eval.log",
            )  # fmt: skip
    return code


def resident_mb(pid: int) -> int | None:
    """Return the largest resident size of a process so far, where the system tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak.group(1)) // 1024 if peak else None


def check(recording: Path, chosen: Sequence[Cell], steps: int) -> list[Episode]:
    """Read the recording as any result is, and hold it against what was asked for.

    Raises:
        DataError: an episode is missing, failed with an error, or was of another length.
    """
    found = read_sqlite(recording)
    vla_eval(found.episodes, len(found.superseded))  # holds category and difficulty against ours
    by_task = {(one.context["suite"], one.context["task_id"]): one for one in found.episodes}
    wrong: list[str] = []
    for cell in chosen:
        one = by_task.pop((cell.suite, cell.index), None)
        if one is None:
            wrong.append(f"{cell.suite} {cell.index} ({cell.category}): no episode")
        elif one.error:
            wrong.append(f"{cell.suite} {cell.index} ({cell.category}): {one.error}")
        elif one.steps != steps and not one.success:
            wrong.append(f"{cell.suite} {cell.index} ({cell.category}): {one.steps} steps")
    wrong += [f"{suite} {index}: not asked for" for suite, index in by_task]
    if wrong:
        raise DataError("; ".join(wrong), where=str(recording), expected=f"{steps} steps each")
    return found.episodes


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run, show one line per task."""
    parser = argparse.ArgumentParser(prog="smoke", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("simulator", type=Path, help="folder made by prepare_local")
    parser.add_argument("--out", type=Path, required=True, help="folder for logs and results")
    parser.add_argument("--suite", action="append", help="only this one (repeatable)")
    parser.add_argument("--steps", type=int, default=20, help="policy steps per task")
    parser.add_argument("--stall", type=float, default=300.0, help="seconds without a result")
    line = parser.parse_args(arguments)
    try:
        for suite in line.suite or ():
            if suite not in SUITES:
                raise ConfigError(f"--suite {suite}", hint=nearest(suite, SUITES))
        simulator, _ = open_simulator(line.simulator)
        chosen = list(cells(simulator, line.suite or SUITES))
        recording = run(simulator, chosen, line.steps, line.out.resolve(), line.stall,
                        lambda text: sys.stderr.write(f"{text}\n"))  # fmt: skip
        episodes = check(recording, chosen, line.steps)
    except UserError as error:
        sys.stderr.write(f"error: {error.message()}\n")
        return error.code
    for cell, one in zip(chosen, episodes, strict=True):
        outcome = "success" if one.success else "no success"
        sys.stdout.write(
            f"{cell.suite:14} {cell.category:10} {cell.index:5} {one.steps:4} steps "
            f"{one.seconds or 0:6.1f} s  {outcome}\n"
        )
    sys.stdout.write(f"{len(episodes)} episodes without an error: {recording}\n")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
