"""Results of vla-eval: aggregate JSON and SQLite recordings, read into plain episodes.

Of several rows of one work item the last one counts; the others are reported. Errors count as
failures, as vla-eval itself counts them, and are kept apart.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DataError

TABLES = {"eval_metadata", "episode_results"}


@dataclass(frozen=True)
class Episode:
    """One episode that counts."""

    success: bool
    error: str  # why it ended in an error, or empty
    context: Mapping[str, Any]
    params: Mapping[str, Any]
    harness_version: str
    source: str
    steps: int | None = None


@dataclass
class Recording:
    """What a recording holds: episodes, and superseded rows by evaluation."""

    episodes: list[Episode] = field(default_factory=list)
    superseded: list[Mapping[str, Any]] = field(default_factory=list)  # params of each one


def read_aggregate(document: Mapping[str, Any], source: str) -> Recording:
    """Read an ``_aggregate.json``; its rounded means are never used.

    Raises:
        DataError: the document is no aggregate, or a success is neither true nor false.
    """
    if "tasks" not in document or "config" not in document:
        raise DataError("not a vla-eval aggregate", where=source, expected="tasks and config")
    params = document["config"].get("params", {})
    found = Recording()
    for task in document["tasks"]:
        for row in task["episodes"]:
            found.episodes.append(
                Episode(
                    success=_success(row["metrics"], source),
                    error=str(row.get("failure_reason") or ""),
                    context=row,
                    params=params,
                    harness_version=str(document.get("harness_version", "")),
                    source=source,
                    steps=row.get("steps"),
                )
            )
    return found


def read_sqlite(path: Path) -> Recording:
    """Read a recording, read-only; a half-written, locked or foreign file is one message.

    Raises:
        DataError: as said.
    """
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)
        try:
            return read_connection(connection, path.name)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataError(
            f"the recording cannot be read: {error}",
            where=str(path),
            expected="a whole SQLite file; of a running evaluation copy the -wal file too",
        ) from error


def read_connection(connection: sqlite3.Connection, source: str) -> Recording:
    """Read an open recording of the old or the new schema."""
    names = {row[0] for row in connection.execute("select name from sqlite_master")}
    if not names >= TABLES:
        raise DataError(
            f"tables missing: {', '.join(sorted(TABLES - names))}",
            where=source,
            expected="a vla-eval recording",
        )
    metadata = {
        eval_id: json.loads(text)
        for eval_id, text in connection.execute("select eval_id, metadata from eval_metadata")
    }
    query = (
        "select rowid, eval_id, task_name, episode_id, status, metrics, steps, context, "
        "failure_reason from episode_results order by rowid"
    )
    kept: dict[object, tuple[Any, ...]] = {}
    found = Recording()
    for row in connection.execute(query):
        rowid, eval_id, task_name, episode_id = row[:4]
        context = json.loads(row[7] or "{}")
        index = context.get("task_idx")
        item = rowid if index is None else (eval_id, task_name, episode_id, index)
        if item in kept:
            found.superseded.append(_params(metadata, eval_id, source))
        kept[item] = (*row, context)
    for row in sorted(kept.values()):
        eval_id, status, metrics, steps, reason, context = row[1], row[4], row[5], row[6], *row[8:]
        found.episodes.append(
            Episode(
                success=_success(json.loads(metrics), source),
                error=str(reason or ("error" if status == "error" else "")),
                context=context,
                params=_params(metadata, eval_id, source),
                harness_version=str(metadata[eval_id].get("harness_version", "")),
                source=source,
                steps=steps,
            )
        )
    return found


def _params(metadata: Mapping[str, Any], eval_id: str, source: str) -> Mapping[str, Any]:
    if eval_id not in metadata:
        raise DataError(f"no metadata for evaluation {eval_id!r}", where=source)
    return metadata[eval_id].get("config", {}).get("params", {})


def _success(metrics: Mapping[str, Any], source: str) -> bool:
    value = metrics.get("success")
    if value not in (True, False, 0, 1):
        raise DataError(f"success is {value!r}", where=source, expected="true or false")
    return bool(value)
