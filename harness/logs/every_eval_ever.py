"""Records of Every Eval Ever 0.3.0: an aggregate, and its instances beside it.

Read after ``schemas/eval.schema.json`` and ``schemas/instance_level_eval.schema.json`` (MIT).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from harness.errors import DataError, PreconditionError
from harness.keys import file_sha256
from harness.logs.log import (
    Log,
    LogTask,
    Measure,
    Value,
    by_field,
    mean_of,
    numbered_rows,
    scalars,
    value_of,
)
from harness.reading import convert

FORMAT = "every_eval_ever"
VERSION = "0.3.0"
REPEATS = ("epoch", "repeat", "repeat_index")
"""Fields of ``metadata`` that tell rows of one sample apart."""


class Metric(msgspec.Struct):
    """How a score is to be read."""

    lower_is_better: bool


class Result(msgspec.Struct):
    """One aggregate score."""

    evaluation_name: str
    metric_config: Metric
    evaluation_result_id: str | None = None


class Details(msgspec.Struct):
    """The file of instances."""

    file_path: str = ""
    hash_algorithm: str = ""
    checksum: str = ""
    total_rows: int | None = None


class Named(msgspec.Struct):
    """A library or a model, by its name or id."""

    name: str = "unknown"
    id: str = "unknown"
    version: str = "unknown"


class Aggregate(msgspec.Struct):
    """What is read of an aggregate."""

    schema_version: str
    evaluation_id: str
    model_info: Named
    evaluation_results: list[Result]
    eval_library: Named = msgspec.field(default_factory=Named)
    detailed_evaluation_results: Details | None = None


class Evaluation(msgspec.Struct):
    """The score of an instance."""

    score: Any = None


class Instance(msgspec.Struct):
    """A row of a file of instances."""

    sample_id: str
    evaluation_name: str
    evaluation: Evaluation
    evaluation_result_id: str | None = None
    sample_hash: str | None = None
    error: Any = None
    metadata: dict[str, Any] | None = None


class Placed(NamedTuple):
    """An instance and where it stands."""

    place: str
    row: Instance

    @property
    def value(self) -> Value:
        """Its score; a row with an error has none."""
        if self.row.error is not None:
            return f"error: {str(self.row.error)[:120]}"
        return value_of(self.row.evaluation.score)

    @property
    def repeat(self) -> tuple[object, ...]:
        """What its metadata says of which repeat it is."""
        return tuple((self.row.metadata or {}).get(name) for name in REPEATS)


def read_eee(path: Path, document: Any) -> Log:
    """Return the log of an aggregate and the instances beside it.

    Args:
        path: of the aggregate.
        document: its content.

    Raises:
        DataError: it is of another schema version, its instances are not those it names, or one
            sample stands twice under one result.
        PreconditionError: no instances lie beside it.
    """
    version = document.get("schema_version")
    if version != VERSION:
        raise DataError(
            f"schema version {version!r} of Every Eval Ever", where=str(path), expected=VERSION
        )
    log = convert(document, Aggregate, str(path))
    beside = path.with_name(f"{path.stem}_samples.jsonl")
    if not beside.is_file():
        raise PreconditionError(
            "no instances lie beside this aggregate",
            where=str(path),
            expected=beside.name,
            hint="convert the evaluation with --include_samples",
        )
    placed = [Placed(at, convert(row, Instance, at)) for at, row in numbered_rows(beside)]
    check(beside, log.detailed_evaluation_results, len(placed))
    named: dict[str, list[Result]] = {}
    for one in log.evaluation_results:
        named.setdefault(one.evaluation_name, []).append(one)
    return Log(
        FORMAT, path, tuple(task_of(name, log, found, placed) for name, found in named.items())
    )


def check(path: Path, details: Details | None, rows: int) -> None:
    """Refuse instances whose number or digest is not the one that the aggregate gives.

    Raises:
        DataError: one differs.
    """
    if details is None:
        return
    if details.total_rows not in (None, rows):
        raise DataError(f"{rows} rows", where=str(path), expected=str(details.total_rows))
    told = details.checksum if details.hash_algorithm == "sha256" else ""
    if told and (found := file_sha256(path)) != told:
        raise DataError(f"SHA-256 {found}", where=str(path), expected=told)


def task_of(name: str, log: Aggregate, results: list[Result], placed: list[Placed]) -> LogTask:
    """Return the results of one evaluation; rows that name no result are no scores."""
    mine = [one for one in placed if one.row.evaluation_name == name]
    ids = {one.evaluation_result_id for one in results}
    scored = {one.row.sample_id: one.row for one in mine if one.row.evaluation_result_id in ids}
    hashes = {n: row.sample_hash for n, row in scored.items() if row.sample_hash}
    return LogTask(
        suite=f"{FORMAT}/{name}",
        model=log.model_info.id,
        protocol={"task": name, "eval_library": log.eval_library.name},
        questions={"sample_hash": hashes},
        measures=tuple(measures(results, mine)),
        fields=by_field({n: scalars(row.metadata or {}) for n, row in scored.items()}),
        documents=hashes,
        provenance={log.eval_library.name: log.eval_library.version},
    )


def measures(results: list[Result], placed: list[Placed]) -> Iterator[Measure]:
    """Yield a column per result."""
    for one in results:
        name = one.evaluation_result_id
        rows: dict[str, list[Placed]] = {}
        for found in placed:
            if name is not None and found.row.evaluation_result_id == name:
                rows.setdefault(found.row.sample_id, []).append(found)
        aside = "" if rows else "aggregate only: no row of its samples names this result"
        epochs = {sample: repeats(found) for sample, found in rows.items()}
        values = {sample: mean_of(found) for sample, found in epochs.items()}
        higher = not one.metric_config.lower_is_better
        column = name or one.evaluation_name
        yield Measure("recorded", column, values, higher, aside=aside, epochs=epochs)


def repeats(rows: list[Placed]) -> list[Value]:
    """Return the values of the repeats of a sample.

    Raises:
        DataError: two rows are the same repeat.
    """
    seen: dict[tuple[object, ...], Placed] = {}
    for one in rows:
        first = seen.setdefault(one.repeat, one)
        if first is not one:
            raise DataError(
                f"sample {one.row.sample_id!r} stands twice under one result",
                where=f"{first.place} and {one.place}",
                expected="one row, or repeats that `metadata` tells apart by `epoch` or `repeat`",
            )
    return [one.value for one in rows]
