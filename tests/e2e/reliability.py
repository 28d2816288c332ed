"""A campaign: commands are killed at random moments until they are done; the stores come out equal.

Run as ``python tests/e2e/reliability.py KIND FAULTS [SEED]``; ends with an error where a store
differs. Kinds: ``main`` (the main job), ``judge`` (videos shown to a judge server), ``video``
(videos measured), ``simulator`` (a stand-in makes rollouts; it is killed, too), ``history``,
``clock`` (of the wall, which leaps between any two looks at it), ``writers`` (two at once),
``disk`` (one that fills up; in ``unshare -rm``), ``worker`` and ``node`` (of a Ray cluster; in
``unshare -rnpf --mount-proc``, so that nothing else is met). Commands are forked from a process
that has loaded them, so that kills hit their work.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import multiprocessing
import os
import pkgutil
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FORKS = multiprocessing.get_context("forkserver")
LOADED = [
    found.name
    for package in ("harness/cli", "harness/run", "harness/judges", "reports", "suites")
    for found in pkgutil.walk_packages([str(ROOT / package)], package.replace("/", ".") + ".")
] + ["harness.config", "theory.catalog", "scipy.stats", "pydantic", "filelock", "av"]
NUMBERS = itertools.count()
PROVENANCE = ("seconds", "started", "environment", "attempts", "number")
"""Fields of rows that no two runs share."""
FAKE = HERE.parent / "suites" / "fake_recording.py"
EPISODES = 12
KILLS = 8
"""Of one run, before it may end."""
MAIN = ("run", "--no-experiments", "--quiet")
JUDGED = ("run", "run.toml", "--quiet", "--no-reuse")
RUN = """
name = "judged"
assets = "assets"
[[tasks]]
suite = "worldmodelbench"
model = "m"
subset = "robot"
videos = "videos"
limit = {limit}
protocol = {{ mode = "i2v", cot = false }}
[tasks.judge]
kind = "openai_api"
name = "judge"
base_url = "{url}"
frames = 2
concurrency = 4
"""

EXAMPLE = 'name = "x"\n[[tasks]]\nsuite = "robotwin"\nmodel = "m"\nexample = true\n'
FILMS = """
name = "films"
[[tasks]]
suite = "video_quality"
model = "m"
videos = "videos"
"""


class Judge(BaseHTTPRequestHandler):
    """Answers after a moment, the same question always the same."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [part["text"] for part in body["messages"][-1]["content"] if "text" in part]
        time.sleep(0.02)
        said = f"Score: {sum(map(len, texts)) % 4} No"
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        content = json.dumps({"model": "served", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):  # who asked may be dead
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None: ...


class Quiet(ThreadingHTTPServer):
    """A server that expects that those who ask it die."""

    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None: ...


def helpers(name: str) -> Any:
    """Return a module of tests beside this one."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judged(folder: Path, limit: int = 8) -> None:
    """Write a run file, videos and files of the benchmark, and start the judge."""
    other = helpers("test_judge_run")
    server = Quiet(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assets, videos = folder / "assets/worldmodelbench", folder / "videos"
    assets.mkdir(parents=True)
    videos.mkdir()
    official = ROOT.parent / "shared/data/worldmodelbench/official/worldmodelbench.json"
    (assets / "evaluation.py").write_text(other.CODE)
    (assets / "worldmodelbench.json").write_bytes(official.read_bytes())
    rows = [row for row in json.loads(official.read_text()) if row["domain"] == "robotics"]
    stems = sorted(Path(row["first_frame"]).stem for row in rows)[:limit]
    other.clip(videos / f"{stems[0]}.mp4")
    for stem in stems[1:]:
        (videos / f"{stem}.mp4").write_bytes((videos / f"{stems[0]}.mp4").read_bytes())
    url = f"http://127.0.0.1:{server.server_port}/v1"
    (folder / "run.toml").write_text(RUN.format(url=url, limit=limit))


class Leaping(datetime):
    """A clock of the wall that nobody can rely on: up to a year ahead or behind at each look."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + timedelta(days=random.uniform(-365, 365))


class Command:
    """``kairos-eval`` with arguments, in a process of its own."""

    def __init__(self, folder: Path, *arguments: object, leaps: bool = False) -> None:
        self.said = folder / f"said-{next(NUMBERS)}"
        words = [*map(str, arguments)]
        self.process = FORKS.Process(target=obey, args=(folder, words, self.said, leaps))
        self.process.start()

    def killed(self, after: float) -> bool:
        """Kill it after some seconds; say whether that came before its end."""
        self.process.join(after)
        self.process.kill()
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL

    def ended(self, expected: tuple[int, ...] = (0, 1, 3)) -> int:
        """Return the exit code once it ends by itself; it is an expected one."""
        self.process.join(900)
        said, code = self.said.read_text(), self.process.exitcode
        assert "Traceback" not in said, said
        assert code in expected, (code, said)
        return code


def obey(folder: Path, words: list[str], said: Path, leaps: bool) -> None:
    """Be the command."""
    multiprocessing.set_start_method("fork", force=True)  # as a command that nobody forked
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
    sys.argv = ["kairos-eval", *words]
    if leaps:
        from harness import provenance

        provenance.datetime = Leaping
        time.time = lambda: Leaping.now().timestamp()
    from harness.cli.main import main

    main()


def killed(
    order: random.Random, within: float, begin: Callable[[], Command], kills: int = KILLS
) -> int:
    """Kill a command some times at random moments, then let it end; return how often it was."""
    met = sum(begin().killed(order.uniform(0.01, within)) for _ in range(kills))
    begin().ended()
    return met


def timed(command: Command) -> float:
    """Return how long a command takes."""
    began = time.monotonic()
    command.ended()
    return time.monotonic() - began


def store(run: Path) -> tuple[list[str], object]:
    """Return the rows of a run without what no two runs share, and its cells."""
    rows: list[str] = []
    for path in run.glob("journal*.jsonl"):
        for line in path.read_text().split("\n")[:-1]:
            row = {k: v for k, v in json.loads(line).items() if k not in PROVENANCE}
            rows += [json.dumps(row, sort_keys=True)] if row["type"] != "attempt" else []
    return sorted(rows), json.loads((run / "results.json").read_text())["cells"]


def runs(
    folder: Path, faults: int, order: random.Random, words: tuple[str, ...], leaps: bool = False
) -> int:
    """Kill runs of one kind; each ends in the store of one that nobody killed."""
    Command(folder, *words, "--out", "first").ended()
    within, done = timed(Command(folder, *words, "--out", "whole")), 0
    while done < faults:
        out = folder / f"r{next(NUMBERS)}"
        done += killed(order, within, partial(Command, folder, *words, "--out", out, leaps=leaps))
        assert store(out) == store(folder / "whole")
        shutil.rmtree(out)
    return done


def main_job(folder: Path, faults: int, order: random.Random) -> int:
    """Kill the main job."""
    return runs(folder, faults, order, MAIN)


def judge(folder: Path, faults: int, order: random.Random) -> int:
    """Kill a run that shows videos to a judge."""
    judged(folder)
    return runs(folder, faults, order, JUDGED)


def clock(folder: Path, faults: int, order: random.Random) -> int:
    """Kill a run that shows videos to a judge while the clock of the wall leaps."""
    judged(folder)
    return runs(folder, faults, order, JUDGED, leaps=True)


def video(folder: Path, faults: int, order: random.Random) -> int:
    """Kill a run that measures videos."""
    (folder / "videos").mkdir()
    for number in range(6):
        helpers("test_judge_run").clip(folder / f"videos/p{number}__0.mp4")
    (folder / "run.toml").write_text(FILMS)
    return runs(folder, faults, order, JUDGED)


def simulator(folder: Path, faults: int, order: random.Random) -> int:
    """Kill a run whose rollouts are being made, or what makes them."""
    planned(folder)
    os.environ["FAKE_MODE"] = "slow"
    words, within, whole, done = ("--limit", EPISODES, "--quiet", "--out"), 0.0, None, 0
    while done < faults:
        plan, out = folder / f"plan{next(NUMBERS)}", folder / f"r{next(NUMBERS)}"
        shutil.copytree(folder / "plan", plan)
        for _ in range(KILLS if whole else 0):
            command = Command(folder, "run", plan, *words, out)
            if order.random() < 0.5:
                done += command.killed(order.uniform(0.01, within))
                continue
            command.process.join(order.uniform(0.01, within))
            done += kill_group(plan)
            command.ended((0, 4))
        within = timed(Command(folder, "run", plan, *words, out)) if whole is None else within
        Command(folder, "run", plan, *words, out).ended()
        whole = whole or store(out)
        assert store(out) == whole
    return done


def planned(folder: Path) -> None:
    """Plan a few episodes that the stand-in for vla-eval makes."""
    from harness.cli.robots import plan_rollouts
    from harness.protocols import RolloutRequest

    program, plan = folder / "vla-eval", folder / "plan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    program.chmod(0o755)
    plan_rollouts("liberoplus", RolloutRequest(subset="light"), plan, simulator=str(program))
    lines = (plan / "episodes.csv").read_text().splitlines()[: EPISODES + 1]
    (plan / "episodes.csv").write_text("\n".join(lines) + "\n")
    path = plan / "simulation.json"
    path.write_text(path.read_text().replace('"episodes": 1142', f'"episodes": {EPISODES}'))


def kill_group(plan: Path) -> bool:
    """Kill the simulator that works in a folder, with all its processes."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (path / "cwd").resolve() == plan and b"fake_recording" in (
                path / "cmdline"
            ).read_bytes():
                os.killpg(int(path.name), signal.SIGKILL)
                return True
    return False


def history(folder: Path, faults: int, order: random.Random) -> int:
    """Kill additions to a history, and let two be added at once."""
    (folder / "run.toml").write_text(EXAMPLE)
    Command(folder, *JUDGED, "--out", "run").ended()
    words = ("history", "add", "run", "--partial", "--to")
    Command(folder, *words, "first").ended()
    within, done = timed(Command(folder, *words, "whole")), 0
    whole = {path.name: path.read_bytes() for path in (folder / "whole").rglob("*.json")}
    while done < faults:
        last = folder / f"h{next(NUMBERS)}"
        done += killed(order, within, partial(Command, folder, *words, last), 4 * KILLS)
        both = [Command(folder, *words, place) for place in (last, last / "two") for _ in range(2)]
        assert {one.ended((0,)) for one in both} == {0}
        for place in (last, last / "two"):
            found = {path.name: path.read_bytes() for path in (place / "runs").rglob("*.json")}
            assert found == whole
        Command(folder, "history", "show", last).ended((0,))
    return done


def writers(folder: Path, faults: int, order: random.Random) -> int:
    """Let two commands write one run at once: one is refused, or finds everything done."""
    within = timed(Command(folder, *MAIN, "--out", "whole"))
    for number in range(faults):
        first = Command(folder, *MAIN, "--out", f"r{number}")
        time.sleep(order.uniform(0, within))
        second = Command(folder, *MAIN, "--out", f"r{number}")
        codes = {one.ended((0, 1, 3, 4)) for one in (first, second)}
        assert codes != {4}, "both were refused"
        assert store(folder / f"r{number}") == store(folder / "whole")
    return faults


def disk(folder: Path, faults: int, order: random.Random) -> int:
    """Let the disk fill up at a random row, give it room, and go on."""
    Command(folder, *MAIN, "--out", "whole").ended()
    for number in range(faults):
        place = folder / f"r{number}"
        place.mkdir()
        small = f"size={order.randrange(8, 900)}k"
        subprocess.run(["mount", "-t", "tmpfs", "-o", small, "tmpfs", place], check=True)
        Command(folder, *MAIN, "--out", place).ended((4,))
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        Command(folder, *MAIN, "--out", place).ended()
        assert store(place) == store(folder / "whole")
        subprocess.run(["umount", place], check=True)
    return faults


def worker(folder: Path, faults: int, order: random.Random) -> int:
    """Kill workers of a Ray cluster while they ask a judge."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    judged(folder, 50)

    def kill() -> bool:
        found = ray_workers()
        if found:
            os.kill(order.choice(found), signal.SIGKILL)
        return bool(found)

    return spread(folder, faults, order, kill, "--workers", "4")


def node(folder: Path, faults: int, order: random.Random) -> int:
    """Kill nodes of a Ray cluster while their workers ask a judge; another one joins each time."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    judged(folder, 50)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]

    def kill() -> bool:
        nodes.append(cluster.add_node(num_cpus=1))
        cluster.remove_node(nodes.pop(order.randrange(3)), allow_graceful=False)
        return True

    try:
        return spread(folder, faults, order, kill, "--workers", "3", "--address", cluster.address)
    finally:
        cluster.shutdown()


def spread(
    folder: Path, faults: int, order: random.Random, kill: Callable[[], bool], *more: str
) -> int:
    """Kill parts of a Ray cluster each time that its workers have stored something more."""
    Command(folder, *JUDGED, "--out", "whole").ended()
    words, done = (*JUDGED, "--executor", "ray", *more), 0
    while done < faults:
        out, seen = folder / f"r{next(NUMBERS)}", 0
        command = Command(folder, *words, "--out", out)
        while command.process.exitcode is None:
            time.sleep(order.uniform(0.05, 0.3))
            size = sum(path.stat().st_size for path in out.glob("journal-worker*.jsonl"))
            if size > seen and kill():
                done, seen = done + 1, size
        command.ended()
        assert store(out) == store(folder / "whole")
    return done


def ray_workers() -> list[int]:
    """Return the processes of this namespace that are actors at work; none that just starts."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"ray::Worker.do" in path.read_bytes():
                found.append(int(path.parent.name))
    return found


KINDS = {
    "main": main_job,
    "judge": judge,
    "video": video,
    "simulator": simulator,
    "history": history,
    "clock": clock,
    "writers": writers,
    "disk": disk,
    "worker": worker,
    "node": node,
}


def campaign(kind: str, faults: int, seed: int = 0) -> int:
    """Run one kind until that many faults have happened; return how many did."""
    os.environ |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    FORKS.set_forkserver_preload(LOADED)
    with tempfile.TemporaryDirectory() as folder:
        return KINDS[kind](Path(folder), faults, random.Random(seed))


if __name__ == "__main__":
    began = time.monotonic()
    done = campaign(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:4]))
    sys.stdout.write(f"{sys.argv[1]}: {done} faults in {time.monotonic() - began:.0f} s, equal\n")
