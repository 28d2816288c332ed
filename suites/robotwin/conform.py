"""Conformance cases of RoboTwin: each result format to the paper's row."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from harness.conform import Case, Conformance, load_cases, run_cases
from suites._vla_eval import Recording, read_aggregate, read_connection
from suites.robotwin import ingest, paper
from suites.robotwin.aggregate import Ingested, summarise
from suites.robotwin.tasks import PHASES

IDENTITY = {"schema_version": 1, "benchmark": "robotwin"}
TOLERANCE = 1e-9  # expected floats carry ten decimals


def run(path: Path, assets: Path | None) -> Conformance:
    """Run every case of ``path``; nothing else is needed."""
    _, cases = load_cases(path, IDENTITY)
    kinds = dict.fromkeys(FORMATS, _table)
    ready = [{**case, "kind": case.get("format")} for case in cases]
    return run_cases(ready, {**kinds, "paper_rows": _paper_rows}, TOLERANCE)


def _table(case: Case) -> Mapping[str, Any]:
    expected = case["options"]["expected_episodes"]
    found = FORMATS[case["format"]](case, expected)
    return {"expected": _lean(summarise(found, expected), case["expected"])}


def _lean(found: dict[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the per-task intervals where a case does not state them."""
    for task, phases in found["tasks"].items():
        for phase, row in phases.items():
            wanted = expected.get("tasks", {}).get(task, {}).get(phase, {})
            if isinstance(wanted, Mapping) and "wilson95" not in wanted:
                del row["wilson95"]
    return found


def _paper_rows(case: Case) -> Mapping[str, Any]:
    rows = {
        row["model"]: paper.verdict(row["clean"], row["randomized"], row["average"])
        for row in case["rows"]
    }
    return {"expected": {"rows": rows}}


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
        whole.episodes += read_aggregate(ingest.as_json(content, path), path).episodes
    return whole


def _vla_eval(case: Case, expected: int) -> Ingested:
    found = recording(case)
    reruns = Counter(
        (params["task_name"], PHASES[params["task_config"]]) for params in found.superseded
    )
    return ingest.vla_eval(found.episodes, reruns)


FORMATS: dict[str, Callable[[Case, int], Ingested]] = {
    "kairos_chunks": lambda case, expected: ingest.kairos_chunks(contents(case)),
    "kairos_summary_json": lambda case, expected: ingest.kairos_summary_json(contents(case)),
    "kairos_summary_csv": lambda case, expected: ingest.kairos_summary_csv(contents(case)),
    "kairos_resummary_csv": lambda case, n: ingest.kairos_resummary_csv(contents(case), n),
    "official_result_txt": lambda case, n: ingest.official_result_txt(contents(case), n),
    "vla_eval_aggregate": _vla_eval,
    "vla_eval_sqlite": _vla_eval,
}
