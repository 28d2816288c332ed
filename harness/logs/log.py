"""What a result log holds, as far as two logs can be compared by it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from harness.base import Scalar
from harness.errors import DataError
from harness.reading import parse_json, read_text

PAIR = "pair of numbers"
"""A shape of what is no number."""
Value = float | str
"""The value of a sample, or why it has none."""


class Measure(NamedTuple):
    """One column of a log: the value of every sample under one scorer.

    ``values`` are in the unit as recorded, by sample id. ``cluster`` is the field by which the
    log's own standard error groups samples. ``aside`` says why the column is compared only when
    it is asked for, as where its samples are no numbers. Of a ratio of sums ``weights`` hold what
    each sample adds to the sum below. ``epochs`` holds what each epoch of a sample gave, where it
    may have several.
    """

    scorer: str
    column: str
    values: Mapping[str, Value]
    higher_is_better: bool = True
    cluster: str = ""
    aside: str = ""
    weights: Mapping[str, float] = {}
    epochs: Mapping[str, Sequence[Value]] = {}


@dataclass(frozen=True)
class LogTask:
    """One task of a log.

    Args:
        suite: ``FORMAT/TASK``.
        model: as the log names it.
        protocol: what must agree before two logs are compared.
        questions: digests of what was asked, by what they are of and by sample id.
        fields: what a sample carries beside, by name and by sample id; may name clusters.
        documents: digest of the document of a sample, by id; equal ones are one cluster.
        measures: the columns.
        provenance: what may differ and is told.
        unfinished: why the log is not the whole of its run, or empty.
        notes: what else is to be known.
    """

    suite: str
    model: str
    protocol: Mapping[str, Scalar]
    questions: Mapping[str, Mapping[str, str]]
    measures: tuple[Measure, ...]
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    unfinished: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Log:
    """A result log: its format, where it lies, and its tasks."""

    format: str
    path: Path
    tasks: tuple[LogTask, ...]


def value_of(found: object) -> Value:
    """Return a recorded number, or why it is none; a truth value counts 0 or 1."""
    if isinstance(found, bool | int | float):
        number = float(found)
        return number if math.isfinite(number) else f"{number}: not scored"
    return "no value" if found is None else shape_of(found)


def mean_of(epochs: Sequence[Value]) -> Value:
    """Return the mean over the epochs that have a number, or why the first has none."""
    numbers = [one for one in epochs if isinstance(one, float)]
    return fmean(numbers) if numbers else epochs[0]


def shape_of(found: object) -> str:
    """Name the shape of what is no number."""
    if isinstance(found, list):
        pair = len(found) == 2 and all(isinstance(value_of(one), float) for one in found)
        return PAIR if pair else "list"
    return "mapping" if isinstance(found, dict) else "text"


def scalars(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a mapping that are plain values, as texts."""
    return {k: str(v) for k, v in found.items() if isinstance(v, str | int | float | bool)}


def by_field(samples: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Turn fields by sample into samples by field."""
    found: dict[str, dict[str, str]] = {}
    for sample, fields in samples.items():
        for name, value in fields.items():
            found.setdefault(name, {})[sample] = value
    return found


def numbered_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSONL file, each with its place (``FILE:LINE``).

    Raises:
        DataError: the file cannot be read, or a line is no JSON object.
    """
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        row = parse_json(line, place)
        if not isinstance(row, dict):
            raise DataError(f"a {type(row).__name__}", where=place, expected="a JSON object")
        yield place, row
