"""A stand-in for vla-eval 0.8.0: writes recordings in its schema, and runs like it.

As a program it takes vla-eval's arguments, reads the list of episodes beside the configuration and
records one after the other; ``FAKE_MODE`` makes it crash, stand still, ignore signals or fail.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists run_metadata (singleton integer primary key, eval_id text, config text);
create table if not exists eval_metadata (eval_id text primary key, safe_name text, metadata text);
create table if not exists eval_shards (eval_id text, shard_id integer, num_shards integer,
  complete integer, primary key (eval_id, shard_id));
create table if not exists episode_results (sid text, eid text, eval_id text, task_name text,
  episode_id integer, status text, metrics text, steps integer, elapsed_sec real, context text,
  jsonl_path text, failure_reason text, failure_detail text, primary key (sid, eid));
create table if not exists work_queue (eval_id text, item integer, task_idx integer,
  shard_id integer, done integer not null default 0, primary key (eval_id, item));
create table if not exists step_rows (sid text, eid text, step_id integer, fields text);
"""


def open_database(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    return connection


def add_entry(connection: sqlite3.Connection, name: str, params: dict[str, Any], **more) -> None:
    metadata = {
        "benchmark": name, "mode": "sync", "config": {"params": params, "max_steps": None},
        "metric_keys": {"success": "mean"}, "harness_version": "0.8.0", "server_info": {}, **more,
    }  # fmt: skip
    connection.execute(
        "insert or ignore into eval_metadata values (?, ?, ?)", (name, name, json.dumps(metadata))
    )


def add_episode(
    connection: sqlite3.Connection, entry: str, context: dict[str, Any], success: bool,
    error: str = "", trial: int = 0, attempt: int = 0,
) -> None:  # fmt: skip
    status = "error" if error else "success" if success else "fail"
    eid = f"{entry}-{context['task_idx']}-{trial}-{attempt}"
    stem = f"episodes/{entry}/task{context['task_idx']:04}_ep{trial:04}_{status}"
    connection.execute(
        "insert into episode_results values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ("s", eid, entry, context["name"], trial, status, json.dumps({"success": success}), 120,
         9.5, json.dumps(context), f"{stem}.jsonl", error or None,
         "RuntimeError: CUDA out of memory" if error else None),
    )  # fmt: skip


def write_libero(
    path: Path, tasks: Iterable[tuple[str, int, str, str, str]], *, rate: float = 0.9,
    seed: int = 0, trials: int = 1, tail: str = " view 0 0 100 0 0 initstate 7", **entry: Any,
) -> None:  # fmt: skip
    """Record (suite, index, official category, difficulty, base task) with random outcomes."""
    draw = random.Random(seed)
    with open_database(path) as connection:
        for suite, index, category, difficulty, base in tasks:
            name = f"e-{suite}"
            add_entry(connection, name, {"suite": suite, "seed": 7, "num_steps_wait": 10}, **entry)
            context = {
                "name": base.replace("_", " ") + tail, "suite": suite, "task_id": index,
                "category": category, "task_idx": index,
            }  # fmt: skip
            if difficulty != "none":
                context["difficulty_level"] = int(difficulty)
            for trial in range(trials):
                won = draw.random() < rate
                add_episode(connection, name, {**context, "episode_idx": trial}, won, trial=trial)
    connection.close()


def write_robotwin(
    path: Path, cells: Iterable[tuple[str, str, Iterable[int]]], *, rate: float = 0.9,
    seed: int = 0, **changes: Any,
) -> None:  # fmt: skip
    """Record (task, configuration, seeds) with random outcomes."""
    draw = random.Random(seed)
    with open_database(path) as connection:
        for task, config, seeds in cells:
            name = f"e-{task}-{config}"
            params = {"task_name": task, "task_config": config, "instruction_type": "unseen"}
            add_entry(connection, name, {**params, **changes.get("params", {})},
                      harness_version=changes.get("version", "0.8.0"))  # fmt: skip
            for index, number in enumerate(seeds):
                context = {"name": task, "suite": "robotwin", "seed": number, "episode_idx": 0,
                           "instruction": f"do it {number}", "task_idx": index}  # fmt: skip
                add_episode(connection, name, context, draw.random() < rate)
    connection.close()


def main(arguments: list[str]) -> int:
    """Run like ``vla-eval run``: continue a queue, one episode at a time."""
    mode, _, at = os.environ.get("FAKE_MODE", "").partition(":")
    if mode == "fail":
        sys.stdout.write("ModuleNotFoundError: no simulator here\n")
        return 1
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    options = dict(pairwise(arguments))
    config = json.loads(Path(options["-c"]).read_text())
    database = Path(config["output_dir"]) / f"recording-{options['--eval-id']}.sqlite"
    rows = list(csv.DictReader(Path("episodes.csv").read_text().splitlines()))
    connection = open_database(database)
    entry = config["benchmarks"][0]
    add_entry(connection, "e", entry["params"])
    connection.executemany(
        "insert or ignore into work_queue (eval_id, item, task_idx) values ('e', ?, ?)",
        [(number, number) for number in range(len(rows))],
    )
    connection.commit()
    todo = connection.execute("select item from work_queue where not done order by item").fetchall()
    for (number,) in todo:
        if number == int(at or -1) and mode != "broken":
            if mode == "crash":
                os._exit(9)
            sys.stdout.write("now I stand still\n")
            sys.stdout.flush()
            subprocess.Popen(["sleep", "600"])
            time.sleep(600)
        if mode == "slow":
            time.sleep(0.05)
        row = rows[number]
        name = row["base_task"].replace("_", " ") + " table 1"
        context = {"suite": row["suite"], "task_id": int(row["task_id"]), "name": name}
        context |= {"task_idx": number, "episode_idx": 0}
        failed = "env_step" if mode == "errors" and number % 4 == 0 else ""
        if mode == "broken" and number >= int(at):
            failed = "model_act"
            time.sleep(0.05)
        attempt = connection.execute(
            "select count(*) from episode_results where json_extract(context, '$.task_idx') = ?",
            (number,),
        ).fetchone()[0]
        won = number % 3 > 0 and not failed
        add_episode(connection, "e", context, won, failed, attempt=attempt)
        connection.execute("update work_queue set done = 1 where item = ?", (number,))
        connection.commit()
    connection.execute("insert or replace into eval_shards values ('e', 0, 1, 1)")
    connection.commit()
    sys.stdout.write(f"episodes made: {len(todo)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
