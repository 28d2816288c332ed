"""Logs of inspect_ai, version 2 of its format: ``.json``, or ``.eval``, which is a zip of JSON.

Read after inspect_ai 0.3.285 (MIT): ``log/_log.py`` for the fields, ``scorer/_metric.py`` 279-340
for how a value becomes a number, ``log/_recorders/eval.py`` 119-128 for the members of the zip.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from harness.errors import DataError, PreconditionError
from harness.keys import content_key
from harness.logs.log import Log, LogTask, Measure, Value, by_field, mean_of, scalars, value_of
from harness.reading import MOST_BYTES, convert, guarded, load_json, parse_json

FORMAT = "inspect_ai"
KIND = "a log of inspect_ai (a zip of JSON)"
VERSION = 2
WORDS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
TRUTHS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


class Recorded(msgspec.Struct):
    """A score of one epoch of one sample."""

    value: Any
    history: list[Any] = []


class Sample(msgspec.Struct):
    """One epoch of one sample."""

    id: int | str
    epoch: int
    input: Any = None
    target: Any = None
    metadata: dict[str, Any] = {}
    scores: dict[str, Recorded] | None = None
    error: dict[str, Any] | None = None
    invalidation: Any = None

    def lacks(self) -> str:
        """Say why this epoch has no score, or nothing."""
        if self.invalidation is not None:
            return "invalidated"
        if self.error is not None:
            return f"error: {str(self.error.get('message', ''))[:120]}"
        return ""


class Scorer(msgspec.Struct):
    """A scorer, and the metrics that the task's author reduces it by."""

    name: str
    metrics: Any = None


class Dataset(msgspec.Struct):
    """The samples that were planned."""

    sample_ids: list[int | str] | None = None


class Config(msgspec.Struct):
    """How the task was run."""

    epochs: int | None = None
    epochs_reducer: list[str] | None = None
    limit: Any = None
    log_samples: bool | None = None


class Eval(msgspec.Struct):
    """What was run."""

    task: str
    model: str
    dataset: Dataset
    config: Config
    created: str = ""
    task_version: int | str = 0
    task_args: dict[str, Any] = {}
    packages: dict[str, str] = {}
    scorers: list[Scorer] | None = None


class Reduced(msgspec.Struct):
    """The value of a sample over its epochs."""

    sample_id: int | str
    value: Any


class Reduction(msgspec.Struct):
    """The values of one scorer under one reducer; one default reducer goes without a name."""

    scorer: str
    samples: list[Reduced]
    reducer: str | None = None


class Document(msgspec.Struct):
    """A log."""

    version: int
    eval: Eval
    status: str = "unfinished"
    invalidated: bool = False
    samples: list[Sample] | None = None
    reductions: list[Reduction] | None = None


def read_inspect(path: Path, document: Any = None) -> Log:
    """Return the log of one task.

    Args:
        path: the file.
        document: its content where that was read already.

    Raises:
        DataError: it is no such log, of another version, or one sample stands in it twice.
        PreconditionError: its members are compressed with zstd and no package reads them.
    """
    if document is None:
        document = unzipped(path) if is_zip(path) else load_json(path)
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise DataError(
            f"version {version!r} of the log format of inspect_ai",
            where=str(path),
            expected=str(VERSION),
            hint="read and write the log anew with a current inspect_ai",
        )
    log = convert(document, Document, str(path))
    if log.samples is None or log.eval.config.log_samples is False:
        raise DataError(
            "this log holds no samples", where=str(path), hint="run the task with log_samples=True"
        )
    return Log(FORMAT, path, (task_of(log, str(path)),))


def is_zip(path: Path) -> bool:
    """Say whether a file begins as a zip does; what is cut off has no end that a reader finds."""
    with guarded(str(path), "a file that can be read"), path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def unzipped(path: Path) -> dict[str, Any]:
    """Return an ``.eval`` file as the document that a ``.json`` file holds.

    Without ``header.json`` the run was not finished: what is there is returned.
    """
    reader = zip_reader()
    zstd = getattr(reader, "zstd", None)
    broken = (reader.BadZipFile, *((zstd.ZstdError,) if zstd else ()))
    hint = "the zip is cut off or damaged: copy it again from where it was written"
    with guarded(str(path), KIND, hint=hint):
        try:
            with reader.ZipFile(path) as archive:
                return members(archive, path)
        except broken as error:  # the package's own, which are not those of Python's zipfile
            raise zipfile.BadZipFile(str(error)) from error
        except NotImplementedError as error:
            raise PreconditionError(
                "its members are compressed with zstd, which this Python cannot read",
                where=str(path),
                hint="pip install 'kairos-eval[logs]', which brings backports.zstd",
            ) from error


def members(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """Return the members of an archive as one document."""
    names = list(dict.fromkeys(archive.namelist()))
    if (size := sum(one.file_size for one in archive.infolist())) > MOST_BYTES:
        raise DataError(f"{size:,} bytes", where=str(path), expected=f"at most {MOST_BYTES:,}")

    def member(name: str) -> Any:
        return parse_json(archive.read(name), f"{path}: {name}")

    head = next((n for n in ("header.json", "_journal/start.json") if n in names), "")
    if not head:
        raise DataError("no header.json", where=str(path), expected=KIND)
    document = {**member(head)}
    document["samples"] = [member(name) for name in names if name.startswith("samples/")]
    if "reductions.json" in names:
        document["reductions"] = member("reductions.json")
    return document


def zip_reader() -> ModuleType:
    """Return a ``zipfile`` that reads zstd where there is one; Python's own does from 3.14 on."""
    if sys.version_info < (3, 14):
        try:
            from backports.zstd import zipfile as reader
        except ImportError:
            return zipfile
        return reader
    return zipfile


def task_of(log: Document, where: str) -> LogTask:
    """Return the task of a log."""
    spec, samples = log.eval, epochs_of(log, where)
    reducers = spec.config.epochs_reducer or ["mean"]
    first = {name: one[0] for name, one in samples.items() if one}
    return LogTask(
        suite=f"{FORMAT}/{spec.task}",
        model=spec.model,
        protocol={
            "task": spec.task,
            "task_version": spec.task_version,
            "epochs": spec.config.epochs or 1,
            "reducer": ", ".join(reducers),
            **{f"task_args.{name}": str(value) for name, value in spec.task_args.items()},
        },
        questions={
            "input": {name: content_key(said(one.input)) for name, one in first.items()},
            "target": {name: content_key(one.target) for name, one in first.items()},
        },
        measures=tuple(measures(log, samples, reducers)),
        fields=by_field({name: scalars(one.metadata) for name, one in first.items()}),
        provenance={
            FORMAT: spec.packages.get("inspect_ai", "unknown"),
            "created": spec.created,
            "limit": str(spec.config.limit),
        },
        unfinished="" if log.status == "success" else f"status {log.status}",
        notes=tuple(notes(log)),
    )


def epochs_of(log: Document, where: str) -> dict[str, list[Sample]]:
    """Return the epochs of every planned sample, in order, by its id as text."""
    kinds: dict[str, type] = {}
    found: dict[str, dict[int, Sample]] = {str(n): {} for n in log.eval.dataset.sample_ids or ()}
    for one in log.samples or ():
        name = str(one.id)
        if kinds.setdefault(name, type(one.id)) is not type(one.id):
            raise DataError(f"sample {name!r} stands as number and as text", where=where)
        epochs = found.setdefault(name, {})
        if one.epoch in epochs:
            raise DataError(f"epoch {one.epoch} of sample {name!r} stands twice", where=where)
        epochs[one.epoch] = one
    return {name: [epochs[number] for number in sorted(epochs)] for name, epochs in found.items()}


def said(content: Any) -> Any:
    """Return what an input says: of messages, role and content, for their ids are random."""
    if not isinstance(content, list):
        return content
    return [
        [one.get("role"), one.get("content")] if isinstance(one, dict) else one for one in content
    ]


def measures(
    log: Document, samples: Mapping[str, Sequence[Sample]], reducers: Sequence[str]
) -> Iterator[Measure]:
    """Yield a column per scorer, key of its mappings, and reducer."""
    scorers = {one.name: cluster_of(one.metrics) for one in log.eval.scorers or ()}
    for one in log.samples or ():
        for name in one.scores or ():
            scorers.setdefault(name, "")
    for name, cluster in scorers.items():
        keys, aside = keys_of(log, name)
        for key in keys:
            column = f"{name}.{key}" if key else name
            for reducer in reducers:
                if aside:
                    yield Measure(reducer, column, {}, aside=aside)
                    continue
                epochs = {n: scores_of(log, every, name, key) for n, every in samples.items()}
                values = {n: mean_of(found) for n, found in epochs.items()}
                if reducer != "mean":
                    recorded = reductions_of(log, name, key, reducer, only=len(reducers) == 1)
                    if recorded is None:
                        aside = f"the log holds no reductions by {reducer}"
                    values = {n: reduced(n, v, samples, recorded or {}) for n, v in values.items()}
                yield Measure(reducer, column, values, cluster=cluster, aside=aside, epochs=epochs)


def cluster_of(metrics: Any) -> str:
    """Return the field by which a metric of a scorer clusters its standard error, if any does."""
    if isinstance(metrics, dict):
        options = metrics.get("options")
        if isinstance(options, dict) and isinstance(options.get("cluster"), str):
            return options["cluster"]
        metrics = list(metrics.values())
    if not isinstance(metrics, list):
        return ""
    return next(filter(None, map(cluster_of, metrics)), "")


def keys_of(log: Document, scorer: str) -> tuple[list[str], str]:
    """Return the keys of a scorer's mappings (one empty key for plain values), and why not."""
    keys: dict[str, None] = {}
    for sample in log.samples or ():
        score = (sample.scores or {}).get(scorer)
        if score is not None and isinstance(score.value, list):
            return [""], "the values of its samples are lists"
        if score is not None and isinstance(score.value, dict):
            keys |= dict.fromkeys(score.value)
    return list(keys) or [""], ""


def scores_of(log: Document, epochs: Sequence[Sample], scorer: str, key: str) -> list[Value]:
    """Return the score of each planned epoch of a sample, or why it has none."""
    planned = log.eval.config.epochs or 1
    found = [
        "the log is invalidated" if log.invalidated else score_of(one, scorer, key)
        for one in epochs
    ]
    return [*found, *["not run"] * (planned - len(epochs))]


def score_of(sample: Sample, scorer: str, key: str) -> Value:
    """Return a score of one epoch as a number, or why it is none."""
    if why := sample.lacks():
        return why
    score = (sample.scores or {}).get(scorer)
    if score is None:
        return "no score"
    value = score.value
    if key:
        value = value.get(key) if isinstance(value, dict) else None
    return as_number(value)


def as_number(value: object) -> Value:
    """Return a value as inspect's ``value_to_float`` does, but for texts that it counts as 0."""
    if not isinstance(value, str):
        return value_of(value)
    if value in WORDS:
        return WORDS[value]
    if value.lower() in TRUTHS:
        return TRUTHS[value.lower()]
    try:
        return value_of(float(value))
    except ValueError:
        return "a text that is no number, which inspect counts as 0"


def reductions_of(
    log: Document, scorer: str, key: str, reducer: str, *, only: bool
) -> dict[str, Value] | None:
    """Return what the log records under a reducer, or None where it records nothing."""
    for one in log.reductions or ():
        if one.scorer == scorer and (one.reducer == reducer or (only and one.reducer is None)):
            return {
                str(row.sample_id): as_number(
                    row.value.get(key) if key and isinstance(row.value, dict) else row.value
                )
                for row in one.samples
            }
    return None


def reduced(
    name: str, mean: Value, samples: Mapping[str, Sequence[Sample]], recorded: Mapping[str, Value]
) -> Value:
    """Return the recorded reduction of a sample, unless its epochs have no value."""
    if isinstance(mean, str):
        return mean
    if any(one.invalidation is not None for one in samples[name]):
        return "its reduction rests on an invalidated epoch"
    return recorded.get(name, "no reduction")


def notes(log: Document) -> Iterator[str]:
    """Yield what else is to be known of a log."""
    scores = [score for one in log.samples or () for score in (one.scores or {}).values()]
    if edited := sum(bool(score.history) for score in scores):
        yield f"{edited} scores were edited: the present values count"
    if log.eval.config.limit is not None:
        yield f"limited to {log.eval.config.limit}"
