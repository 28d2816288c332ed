"""What result-file cases share: their files by path, and the vla-eval recording they describe."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from harness.conform import Case
from harness.errors import DataError
from suites._vla_eval import Recording, read_aggregate, read_connection


def as_json(content: Any, path: str) -> Any:
    """Return parsed JSON, parsing it where it is still text."""
    if not isinstance(content, str):
        return content
    try:
        return json.loads(content)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=path) from error


def contents(case: Case) -> dict[str, Any]:
    """Return a case's files by path."""
    return {file["path"]: file.get("json", file.get("text")) for file in case["files"]}


def build_sqlite(case: Mapping[str, Any]) -> sqlite3.Connection:
    """Build the recording that a case describes, in memory."""
    connection = sqlite3.connect(":memory:")
    for table, columns in case["schema"].items():
        made = ", ".join(f'"{name}" {kind}' for name, kind in columns)
        connection.execute(f'create table "{table}" ({made})')
        rows = case.get(table, [])
        marks = ", ".join("?" * len(columns))
        connection.executemany(f'insert into "{table}" values ({marks})', rows)  # noqa: S608
    return connection


def recording(case: Case) -> Recording:
    """Return the episodes of a vla-eval case, from its files or its database."""
    if "sqlite" in case:
        with closing(build_sqlite(case["sqlite"])) as connection:
            return read_connection(connection, case["sqlite"]["file"])
    whole = Recording()
    for path, content in contents(case).items():
        whole.episodes += read_aggregate(as_json(content, path), path).episodes
    return whole
