"""What the three suites share: a folder as samples, films as values, the meter as their judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.assets import Manifest, load_manifest
from harness.errors import ConfigError
from harness.protocols import PURE, Answer, Column, Scorer, SuiteInfo, Value, Workload
from harness.records import Drawing, Missing, Question, Sample, Task, WorkItem
from suites.clips import forecast
from suites.clips.film import Film
from suites.clips.flow import HINT
from suites.clips.folders import Clip, Folder, read_folder
from suites.clips.instrument import FILM, JUDGE, make_meter
from suites.clips.measures.absent import Absent
from suites.clips.perceptual import find_network
from suites.clips.settings import ALLOWED, settings_of
from suites.videos import artifact_of, item_of

INFINITE = float("inf")
SCORERS = (
    Scorer(name=PURE, title="measured", description="Formulas on pixels; nobody's judgment."),
)
CITATION = """@misc{kairoseval-clips,
  title = {Kairos-Eval: videos over time, measured without a judge},
  note = {README.md of suites/clips states every formula with its source}
}"""
LICENCE = "formulas only; the videos are the user's"
NEEDS = "a folder of videos; no GPU, no download"


def declared(
    name: str,
    title: str,
    metrics: Iterable[str],
    columns: Iterable[Column],
    *critical: str,
    needs: str = NEEDS,
) -> SuiteInfo:
    """Return the declaration of a suite; ``critical`` stands beside what fixes every film."""
    return SuiteInfo(
        name=name,
        title=title,
        metrics=dict.fromkeys(metrics, (-INFINITE, INFINITE)),
        groups=(),
        columns={PURE: tuple(columns)},
        scorers=SCORERS,
        subsets={"all": 0},
        protocol=ALLOWED,
        critical=("analysis_short_side", "flow", "step", *critical),
        judges=("recorded",),
        citation=CITATION,
        licence=LICENCE,
        needs=needs,
        pairs="shared",
    )


class ClipSuite:
    """What holds of all three: two sides stand in one task, and distances may need weights."""

    info: SuiteInfo

    def official_files(self) -> Manifest:
        """Return the weights that perceptual distances need."""
        return load_manifest("suites.clips")

    def pair_drawings(self, first: object, second: object) -> Sequence[Drawing]:
        """Return nothing."""
        return ()


def column(name: str, title: str, **rest: object) -> Column:
    """Return a column that is the mean of one metric, of any size."""
    fixed = {"weights": {name: 1.0}, "lo": -INFINITE, "hi": INFINITE, "decimals": 4}
    return Column(name=name, title=title, **{**fixed, **rest})  # type: ignore[arg-type]


def folder_of(task: Task, *, reference: bool | None) -> Folder:
    """Return the videos of a task.

    Args:
        task: as asked for.
        reference: whether the suite needs one; None where it may have one.

    Raises:
        ConfigError: the task names no videos, or no reference where one is needed, or one where
            none is taken.
    """
    where = f"task {task.suite} / {task.model}"
    if not task.videos or task.results:
        raise ConfigError("clips are measured from `videos`", expected="a folder", where=where)
    if reference is not None and bool(task.reference) != reference:
        wanted = "a folder of the teacher's videos" if reference else "no reference"
        raise ConfigError(f"reference = {task.reference!r}", expected=wanted, where=where)
    return read_folder(Path(task.videos))


def film_item(
    task: Task,
    clip: Clip,
    labels: Mapping[str, str] | None = None,
    model: str = "",
    questions: tuple[Question, ...] = (FILM,),
) -> WorkItem:
    """Return one video as work; ``model`` is whose it is, where it is not the task's own."""
    sample = Sample(
        id=clip.id,
        suite=task.suite,
        cluster=clip.key.prompt,
        labels={"prompt": clip.key.prompt, "seed": clip.key.seed, **(labels or {})},
        inputs={"image": clip.key.image, **clip.stated},
    )
    return item_of(
        task,
        sample,
        questions,
        artifact=artifact_of(clip.path) if clip.path else None,
        missing=None if clip.path else Missing.INPUT,
        model=model,
    )


class Sides(NamedTuple):
    """The folders of a task, its own first, and the work that they are."""

    folders: tuple[Folder, ...]
    items: tuple[WorkItem, ...]
    notes: tuple[str, ...]
    places: dict[str, str] = {}  # where files lie, by role


def workload(task: Task, sides: Sides, assets: Path | None) -> Workload:
    """Return the work of a task with what measures it.

    Args:
        task: as asked for.
        sides: its videos and prompts.
        assets: where weights of perceptual distances lie.

    Raises:
        PreconditionError, DataError: weights are absent, or are not those of the distance.
    """
    settings = settings_of(task)
    meter = make_meter(settings, find_network(settings.distance, assets))
    measured = meter.identity.settings
    hint = [f"flow is absent: {HINT}"] if str(measured["flow"]).startswith("none") else []
    return Workload(
        items=sides.items,
        protocol={**task.protocol, **measured},
        notes=(*sides.notes, *hint, *forecast.said(sides.folders, settings)),
        instruments={JUDGE: meter},
        folders=sides.places,
    )


def undefined(metric: str, reason: str) -> Value:
    """Return a metric as not defined for a sample, with the code of the reason."""
    detail = f"{reason}: {HINT}" if reason == Absent.NO_FLOW_LIBRARY else reason
    return Value(metric=metric, value=None, missing=Missing.UNDEFINED, detail=detail)


def unanswered(metrics: Iterable[str], answer: Answer) -> list[Value]:
    """Return all metrics as absent for the reason that the answer is."""
    return [
        Value(metric=name, value=None, missing=answer.missing, detail=answer.detail)
        for name in metrics
    ]


def film_values(film: Film, metrics: Iterable[str]) -> list[Value]:
    """Return metrics of a film."""
    return [
        Value(metric=name, value=film.values[name])
        if name in film.values
        else undefined(name, film.absent.get(name, Absent.ONE_FRAME))
        for name in metrics
    ]
