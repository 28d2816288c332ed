"""A run as records of Every Eval Ever 0.3.0: one aggregate per task, and its instances beside it.

Field names and rules are those of ``schemas/eval.schema.json``, ``instance_level_eval.schema.json``
and ``validator/validation_core.py`` 176-232 of every-eval-ever 0.3.0 (MIT).
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from harness.columns import Point, over_passes, point
from harness.errors import PreconditionError
from harness.files import atomic_write
from harness.keys import canonical, content_key
from harness.logs.every_eval_ever import VERSION
from harness.protocols import Column, Scorer, Suite
from harness.provenance import version
from harness.records import Attempt, Cell, Results, TaskPlan, Verdict, WorkItem
from harness.reduce import passes_of
from harness.store import StoredRun
from harness.verdicts.pairing import Side, pair_id, sides
from suites.registry import get_suite

RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")


class Publisher(NamedTuple):
    """Who evaluated, and of whom the models are.

    ``relationship`` is one of ``RELATIONSHIPS``; ``developer`` is of models whose names have none.
    """

    organization: str = "unknown"
    relationship: str = "other"
    developer: str = "unknown"


class Record(NamedTuple):
    """What the files of one task share: their place and the ids that join them."""

    folder: str
    stem: str
    evaluation: str
    model: str
    at: str  # seconds since 1970, as text

    @property
    def samples(self) -> str:
        """Place of the instances."""
        return f"{self.folder}/{self.stem}_samples.jsonl"


def export_eee(run: StoredRun, to: Path, who: Publisher) -> list[Path]:
    """Write ``data/SUITE/DEVELOPER/MODEL/UUID.json`` below ``to``, with the instances beside it.

    The same store gives the same bytes. Columns without a value, and samples without one, are no
    records there: each aggregate says how many were planned and why some have none.

    Raises:
        PreconditionError: the run was never reduced, or holds no value.
    """
    if run.results is None:
        hint = f"kairos-eval report {run.path}"
        raise PreconditionError("this run was never reduced", where=str(run.path), hint=hint)
    written, side_of = list[Path](), sides(run)
    for place, plan in enumerate(run.plan.tasks):
        cells = [
            cell
            for cell in run.results.cells
            if cell.task == place and cell.group == "all" and cell.estimate.value is not None
        ]
        if plan.task.example or not cells:
            continue
        record, suite = record_of(run, place, plan, who), get_suite(plan.task.suite)
        side = side_of(plan)
        rows = b"".join(
            canonical(row) + b"\n" for cell in cells for row in instances(side, suite, cell, record)
        )
        document = aggregate(run.results, side, suite, cells, record, who)
        if rows:
            document["detailed_evaluation_results"] = details(record, rows)
            atomic_write(to / record.samples, rows)
            written.append(to / record.samples)
        path = to / record.folder / f"{record.stem}.json"
        atomic_write(path, json.dumps(document, indent=1) + "\n")
        written.append(path)
    if not written:
        real = any(not plan.task.example for plan in run.plan.tasks)
        why = "no task of this run has a value" if real else "made-up examples are not exported"
        raise PreconditionError(why, where=str(run.path))
    return written


def record_of(run: StoredRun, place: int, plan: TaskPlan, who: Publisher) -> Record:
    """Return where the records of a task go; names of data are made safe, and ids follow them."""
    developer, _, name = plan.task.model.rpartition("/")
    parts = [portable(part) for part in (plan.task.suite, developer or who.developer, name)]
    digest = bytes.fromhex(content_key("eee", run.plan.id, place))
    started = max(row.started for row in run.rows if isinstance(row, Attempt))
    at = str(int(datetime.fromisoformat(started).timestamp()))
    model = f"{parts[1]}/{parts[2]}"
    return Record(
        "/".join(("data", *parts)),
        str(uuid.UUID(bytes=digest, version=4)),
        f"{parts[0]}/{model}/{at}",
        model,
        at,
    )


def portable(name: str) -> str:
    """Return a name as one component of a path on every system."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "unknown"


def aggregate(
    results: Results,
    side: Side,
    suite: Suite,
    cells: list[Cell],
    record: Record,
    who: Publisher,
) -> dict[str, Any]:
    """Return the aggregate of one task."""
    plan = side.plan
    protocol = {name: str(value) for name, value in plan.protocol.items()}
    return {
        "schema_version": VERSION,
        "evaluation_id": record.evaluation,
        "retrieved_timestamp": record.at,
        "source_metadata": {
            "source_name": "kairos-eval",
            "source_type": "evaluation_run",
            "source_organization_name": who.organization,
            "evaluator_relationship": who.relationship,
        },
        "eval_library": {"name": "kairos-eval", "version": version()},
        "model_info": {
            "name": plan.task.model,
            "id": record.model,
            "developer": record.model.partition("/")[0],
            "additional_details": {
                "deployment_type": "unknown",
                "model_availability": "unknown",
            },
        },
        "evaluation_results": [
            {
                "evaluation_result_id": f"{cell.scorer}/{cell.column}",
                "evaluation_name": f"{plan.task.suite}/{plan.task.subset}",
                "source_data": {
                    "dataset_name": plan.task.suite,
                    "source_type": "other",
                    "additional_details": {**protocol, "judge": plan.judge.name},
                },
                "metric_config": metric(cell, column_of(suite, cell)),
                "score_details": score(cell, mean_over(side, suite, cell), results.verdicts),
            }
            for cell in cells
        ],
    }


def column_of(suite: Suite, cell: Cell) -> Column:
    """Return the column that a cell is of."""
    return next(one for one in suite.info.columns[cell.scorer] if one.name == cell.column)


def scorer_of(suite: Suite, cell: Cell) -> Scorer:
    """Return the scorer that a cell is of."""
    return next(one for one in suite.info.scorers if one.name == cell.scorer)


def metric(cell: Cell, column: Column) -> dict[str, Any]:
    """Return how the scores of a column are to be read."""
    low, high = cell.range or ("-Infinity", "Infinity")
    return {
        "evaluation_description": cell.title,
        "metric_id": f"{cell.suite}.{cell.column}",
        "metric_name": cell.column,
        "metric_unit": cell.unit,
        "lower_is_better": not column.higher_is_better,
        "score_type": "continuous",
        "min_score": low,
        "max_score": high,
        "additional_details": {"scorer": cell.scorer},
    }


def mean_over(side: Side, suite: Suite, cell: Cell) -> int:
    """Count the samples that a value is over, those that the protocol gives one included."""
    scorer, valued = scorer_of(suite, cell), dict[str, int]()
    lacking = set[str]()
    for _, part in suite.info.parts(scorer.name, column_of(suite, cell)):
        for passes in passes_of(side.plan, suite):
            if part.takes(passes[0].sample.labels):
                found = [point(one, part, scorer, suite.info.metrics, side.known) for one in passes]
                valued[pair_id(passes[0])] = passes[0].times
                if over_passes(found).value is None:
                    lacking.add(pair_id(passes[0]))
    return sum(times for name, times in valued.items() if name not in lacking)


def score(cell: Cell, count: int, verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    """Return the value of a cell over so many samples, what is missing, what a paper prints."""
    found = cell.estimate
    counts = {"planned": found.planned, "scored": found.n, **found.missing, "mean over": count}
    told = {name: str(count) for name, count in counts.items()}
    for one in verdicts:
        if one.reported is not None and cell.id in one.evidence:
            told[f"printed {one.reported.id}"] = one.reported.value
            told[f"verdict {one.reported.id}"] = str(one.outcome)
    uncertainty: dict[str, Any] = {"num_samples": count}
    if found.lo is not None and found.hi is not None:
        uncertainty["confidence_interval"] = {
            "lower": found.lo,
            "upper": found.hi,
            "confidence_level": found.level,
            "method": found.method,
        }
    return {"score": found.value, "details": told, "uncertainty": uncertainty}


def instances(side: Side, suite: Suite, cell: Cell, record: Record) -> Iterator[dict[str, Any]]:
    """Yield the samples of a column that is the mean of one value per sample."""
    column = column_of(suite, cell)
    if column.of or column.weighted_by:
        return
    scorer = scorer_of(suite, cell)
    for item in side.plan.items:
        if column.takes(item.sample.labels):
            found = point(item, column, scorer, suite.info.metrics, side.known)
            if found.value is not None:
                yield instance(item, found, cell, column, side.plan, record)


def instance(
    one: WorkItem, found: Point, cell: Cell, column: Column, plan: TaskPlan, record: Record
) -> dict[str, Any]:
    """Return the record of one sample; one that its protocol gives a value has an error, too."""
    counted = f"{found.missing}: counted as {found.value:g} by the protocol"
    asked = json.dumps({"sample": one.sample.id, **one.sample.inputs}, sort_keys=True)
    return {
        "schema_version": VERSION,
        "evaluation_id": record.evaluation,
        "model_id": record.model,
        "evaluation_name": f"{plan.task.suite}/{plan.task.subset}",
        "evaluation_result_id": f"{cell.scorer}/{cell.column}",
        "sample_id": one.sample.id,
        "sample_hash": hashlib.sha256(asked.encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": asked, "reference": []},
        "output": {"raw": []},
        "answer_attribution": [],
        "evaluation": {
            "score": found.value,
            "is_correct": column.kind == "rate" and found.value == column.ends[1],
        },
        **({"error": counted} if found.missing else {}),
        "metadata": {
            **{name: str(value) for name, value in one.sample.labels.items()},
            "cluster": one.sample.cluster,
            "repeat": str(one.repeat),
        },
    }


def details(record: Record, rows: bytes) -> Mapping[str, Any]:
    """Return what an aggregate says of its instances."""
    return {
        "format": "jsonl",
        "file_path": record.samples,
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(rows).hexdigest(),
        "total_rows": rows.count(b"\n"),
    }
