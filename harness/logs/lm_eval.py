"""Results of lm-eval and of lmms-eval: a results file and a JSONL file of samples per task.

Read after lm-eval 0.4.13 (MIT; ``evaluator.py`` 628-667, ``loggers/evaluation_tracker.py``
335-372) and lmms-eval 0.7.3 (``evaluator.py`` 334-357, ``loggers/evaluation_tracker.py`` 258-300).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from harness.errors import ConfigError, DataError, PreconditionError
from harness.keys import content_key
from harness.logs.log import (
    PAIR,
    Log,
    LogTask,
    Measure,
    Value,
    by_field,
    numbered_rows,
    scalars,
    shape_of,
    value_of,
)
from harness.reading import convert, load_json

ROLLING = {
    "word_perplexity": ("nats per word", 1.0),
    "byte_perplexity": ("nats per byte", 1.0),
    "bits_per_byte": ("bits per byte", math.log(2)),
}
"""Metrics over all text of a task, what is compared of them, and its unit in nats."""
INVALID = "[invalid]"
"""What a filter leaves of a reply in which it found no answer."""


class Dialect(NamedTuple):
    """How one of the two names its files and what identifies a question.

    ``before`` and ``after`` enclose the date in the name of a results file; ``samples`` is the
    name of a file of samples.
    """

    format: str
    before: str
    after: str
    samples: str
    identity: tuple[str, ...]

    def date(self, path: Path) -> str:
        """Return the date in the name of a results file."""
        return path.name.removeprefix(self.before).removesuffix(self.after)


LM_EVAL = Dialect(
    format="lm_eval",
    before="results_",
    after=".json",
    samples="samples_{task}_{date}.jsonl",
    identity=("doc_hash", "target_hash", "prompt_hash"),
)
LMMS_EVAL = Dialect(
    format="lmms_eval",
    before="",
    after="_results.json",
    samples="{date}_samples_{task}.jsonl",
    identity=("target", "input"),
)
DIALECTS = (LM_EVAL, LMMS_EVAL)


class Counted(msgspec.Struct):
    """How many documents a task has and how many of them were run."""

    original: int
    effective: int


class Results(msgspec.Struct):
    """What is read of a results file."""

    results: dict[str, dict[str, Any]]
    config: dict[str, Any]
    versions: dict[str, Any] = {}
    shots: dict[str, Any] = msgspec.field(name="n-shot", default={})
    directions: dict[str, dict[str, bool | None]] = msgspec.field(
        name="higher_is_better", default={}
    )
    counted: dict[str, Counted] = msgspec.field(name="n-samples", default={})
    model_name: str | None = None
    lm_eval_version: str | None = None
    lmms_eval_version: str | None = None


class Row(NamedTuple):
    """A row of a file of samples: one document under one filter."""

    sample: str
    filter: str
    metrics: tuple[str, ...]
    found: Mapping[str, Any]


def results_files(folder: Path) -> list[tuple[Dialect, Path]]:
    """Return the results files that lie in a folder."""
    return [
        (dialect, path)
        for path in sorted(folder.iterdir())
        if path.is_file() and (dialect := dialect_of(path))
    ]


def dialect_of(path: Path) -> Dialect | None:
    """Return which of the two a results file is of, by its name."""
    for one in DIALECTS:
        if path.name.startswith(one.before) and path.name.endswith(one.after):
            return one
    return None


def read_folder(folder: Path) -> Log:
    """Return the log of a folder that holds one results file.

    Raises:
        ConfigError: it holds several.
        DataError: see ``read_results``.
    """
    found = results_files(folder)
    if len(found) != 1:
        names = ", ".join(path.name for _, path in found)
        raise ConfigError(
            f"{len(found)} results files: {names}", where=str(folder), expected="one; name the file"
        )
    dialect, path = found[0]
    return read_results(path, dialect)


def read_results(path: Path, dialect: Dialect) -> Log:
    """Return the log of a results file and the samples beside it of the same date.

    Raises:
        DataError: a file is not what it should be, or a document stands twice under one filter.
        PreconditionError: no samples were logged.
    """
    results = convert(load_json(path), Results, str(path))
    places = {
        task: path.with_name(dialect.samples.format(task=task, date=dialect.date(path)))
        for task in results.results
        if "/" not in task  # no file has such a name
    }
    there = {task: place for task, place in places.items() if place.is_file()}
    if not there:
        raise PreconditionError(
            "no samples lie beside these results",
            where=str(path),
            expected=", ".join(place.name for place in places.values()) or "samples of a task",
            hint="run the evaluation with --log_samples",
        )
    tasks = (task_of(task, results, place, dialect) for task, place in there.items())
    return Log(dialect.format, path, tuple(tasks))


def task_of(task: str, results: Results, path: Path, dialect: Dialect) -> LogTask:
    """Return one task of a log."""
    directions = results.directions.get(task, {})
    rows = list(rows_of(path, results.results[task], list(directions)))
    first = {row.sample: row.found for row in rows}
    counted = results.counted.get(task)
    missing = counted.effective - len(first) if counted else 0
    identity = {
        name: {n: content_key(found[name]) for n, found in first.items() if name in found}
        for name in dialect.identity
    }
    return LogTask(
        suite=f"{dialect.format}/{task}",
        model=model_of(results),
        protocol={
            "task": task,
            "version": str(results.versions.get(task)),
            "n-shot": str(results.shots.get(task)),
        },
        questions=identity,
        measures=tuple(measures(rows, directions)),
        fields=by_field(
            {n: scalars(d) for n, f in first.items() if isinstance(d := f.get("doc"), dict)}
        ),
        documents=documents(first),
        provenance={
            dialect.format: results.lm_eval_version or results.lmms_eval_version or "unknown",
            "limit": str(results.config.get("limit")),
        },
        unfinished=f"{missing} of its documents have no row" if missing > 0 else "",
        notes=tuple(notes(rows, counted)),
    )


def rows_of(path: Path, scores: Mapping[str, Any], named: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a file of samples.

    Args:
        path: the file.
        scores: the results of the task, whose names end in ``,FILTER``.
        named: its metrics, where a row does not name them.

    Raises:
        DataError: a row has no ``doc_id``, or a document stands twice under one filter.
    """
    sole = next((name.rpartition(",")[2] for name in scores if "," in name), "none")
    seen: dict[tuple[str, str], str] = {}
    for place, found in numbered_rows(path):
        number, metrics = found.get("doc_id"), found.get("metrics", named)
        if not isinstance(number, int) or not isinstance(metrics, list):
            raise DataError("no row of samples", where=place, expected="doc_id and metrics")
        row = Row(str(number), str(found.get("filter", sole)), tuple(metrics), found)
        first = seen.setdefault((row.sample, row.filter), place)
        if first != place:
            raise DataError(
                f"document {number} stands twice under the filter {row.filter}",
                where=f"{first} and {place}",
                expected="one row per document and filter",
                hint="two runs were written into one file: take the rows of one",
            )
        yield row


def measures(rows: Sequence[Row], directions: Mapping[str, bool | None]) -> Iterator[Measure]:
    """Yield a column per filter and metric, and one per field of a metric that is a mapping."""
    columns: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for metric in row.metrics:
            columns.setdefault((row.filter, metric), {})[row.sample] = row.found.get(metric)
    for (name, metric), found in columns.items():
        higher = directions.get(metric) is not False
        if metric in ROLLING and all(shape_of(one) == PAIR for one in found.values()):
            yield rolling(name, metric, found)
            continue
        shapes = {shape_of(one) for one in found.values() if isinstance(one, list | dict | str)}
        aside = f"its samples are no numbers: {', '.join(sorted(shapes))}" if shapes else ""
        values = {n: value_of(one) for n, one in found.items()}
        yield Measure(name, metric, {} if aside else values, higher, aside=aside)
        for key in numeric_keys(found.values()):
            parts: dict[str, Value] = {
                n: value_of(one.get(key)) if isinstance(one, dict) else "no value"
                for n, one in found.items()
            }
            why = "a field of a mapping that the task reduces by a function of its own"
            yield Measure(name, f"{metric}.{key}", parts, higher, aside=why)


def rolling(name: str, metric: str, found: Mapping[str, Sequence[float]]) -> Measure:
    """Return a score over all text: minus the log-likelihoods' sum over that of the weights.

    Per word, or per byte, in nats or bits: a perplexity is its exponential. Its samples are pairs
    of a log-likelihood and a weight, and less is better.
    """
    unit, nats = ROLLING[metric]
    why = f"its samples are pairs of a log-likelihood and a weight; --column {metric} compares "
    return Measure(
        name,
        metric,
        {n: -pair[0] / nats for n, pair in found.items()},
        higher_is_better=False,
        aside=f"{why}{unit}",
        weights={n: float(pair[1]) for n, pair in found.items()},
    )


def numeric_keys(found: Any) -> list[str]:
    """Return the keys of mappings under which every mapping holds a number."""
    mappings = [one for one in found if isinstance(one, dict)]
    keys = dict.fromkeys(key for one in mappings for key in one)
    return [k for k in keys if all(isinstance(value_of(one.get(k)), float) for one in mappings)]


def documents(first: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the hash of each document, unless one hash stands for all of them."""
    found = {n: str(one["doc_hash"]) for n, one in first.items() if one.get("doc_hash")}
    return found if len(set(found.values())) > 1 else {}


def model_of(results: Results) -> str:
    """Return the model as the log names it, or its type with its arguments."""
    if results.model_name:
        return results.model_name
    arguments = results.config.get("model_args")
    if isinstance(arguments, dict):
        arguments = ",".join(f"{name}={value}" for name, value in arguments.items())
    return f"{results.config.get('model')} {arguments or ''}".strip()


def notes(rows: Sequence[Row], counted: Counted | None) -> Iterator[str]:
    """Yield what else is to be known of a task: its limit, and answers that were not found."""
    if counted and counted.effective < counted.original:
        yield f"{counted.effective} of {counted.original} documents were run"
    unfound: dict[str, int] = {}
    for row in rows:
        replies = row.found.get("filtered_resps")
        if INVALID in (replies if isinstance(replies, list) else [replies]):
            unfound[row.filter] = unfound.get(row.filter, 0) + 1
    for name, count in unfound.items():
        yield f"{name}: {count} answers were not found and count as they were scored"
