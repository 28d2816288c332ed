"""``long_horizon``: how the curves of a video drift from its start to its end.

A drift is the logarithm of the mean of the last three seconds over that of the first three; slopes
are those of Theil and Sen. Seeds are averaged within a prompt, and prompts decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.protocols import Answer, Column, Contrast, Value, Workload
from harness.records import Cell, Drawing, Reported, Task, TaskPlan, WorkItem
from suites.clips import draw, stability, suite
from suites.clips.contrasts import Key, with_sharpness
from suites.clips.film import CURVES, FIRST, TITLES, Film
from suites.clips.instrument import FILM, read_film
from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.drift import LAGS_S, first_last, vde
from suites.clips.settings import FEATURES, MARGINS, settings_of
from suites.clips.sides import (
    SIDE,
    STUDENT,
    counted,
    films_of,
    lost,
    read_sides,
    with_features,
    without,
)

DRIFTS = tuple(name for curve in CURVES for name in (curve, f"{curve}/slope"))
LOOKS = tuple(curve for curve in CURVES if curve != "speed")
VARIANTS = ("vde", "vde_log", "start_end", "first_last")
"""Measures of others, of one curve each."""
VARIED = tuple(f"{kind}/{curve}" for curve in LOOKS for kind in VARIANTS)
COHERENCES = tuple(f"coherence/{lag:g}" for lag in LAGS_S)
METRICS = ("seconds", FIRST, *DRIFTS, *VARIED, *COHERENCES)
"""Ours, then published variants under their own names: they are never mixed."""
SHOWN = (*COHERENCES, "seconds", *DRIFTS[1::2], FIRST, *CURVES)
"""Columns, that of speed last; what is published stands in every video's own rows."""
MARGINAL = tuple(curve for curve in MARGINS if curve in CURVES)


def column(metric: str) -> Column:
    """Return the column of a metric; a distance fixes how frames are compared."""
    first, _, second = metric.partition("/")
    compares = metric == FIRST or metric in COHERENCES
    title = TITLES.get(first, first.capitalize())
    unit = "" if not second else f" {second} s" if compares else " per s"
    critical = ("distance",) if compares else ()
    return suite.column(metric, title + unit, where={SIDE: STUDENT}, critical=critical)


def published(film: Film, metric: str) -> Maybe:
    """Return a variant of others, each as its authors define it, on a curve of ours."""
    kind, _, of = metric.partition("/")
    if kind == "coherence":
        return film.coherence.get(of, Absent.LAG_TOO_LONG)
    if kind == "start_end":
        return film.start_end.get(of, Absent.TOO_FEW_FRAMES)
    if kind == "first_last":
        return first_last(film.curves[of])
    if of not in film.chunks:
        return Absent.TOO_FEW_FRAMES
    found = vde(film.chunks[of])
    size = found.linear if kind == "vde" else found.log
    return size if math.isfinite(size) else Absent.ZERO_START


class LongHorizon(suite.ClipSuite):
    """Drift of appearance and motion over a video; see ``README.md``."""

    info = suite.declared(
        "long_horizon",
        "Long horizon",
        METRICS,
        map(column, SHOWN),
        needs="videos of at least six seconds; no GPU, no download",
    )

    def load(self, task: Task, assets: Path | None) -> Workload:
        """Read the folder of videos, and the reference's where there is one."""
        sides = read_sides(task, reference=None)
        if settings_of(task).distance == FEATURES:
            sides = with_features(sides)
        return suite.workload(task, sides, assets)

    def score(
        self, item: WorkItem, answers: Mapping[str, Answer], scorer: str, task: Task
    ) -> Sequence[Value]:
        """Return end against start and slope of every curve of one video."""
        answer = next(iter(answers.values()))
        film = read_film(answer)
        if film is None:
            return suite.unanswered(METRICS, answer)
        ours = [
            value_of(name, found)
            for curve in CURVES
            for name, found in zip(
                (f"{curve}/slope", curve), stability.drift_of(film, curve), strict=True
            )
        ]
        return [
            value_of("seconds", film.seconds or Absent.ONE_FRAME),
            value_of(FIRST, stability.distance_at_end(film)),
            *ours,
            *(value_of(name, published(film, name)) for name in (*VARIED, *COHERENCES)),
        ]

    def contrasts(
        self, task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]
    ) -> Sequence[Contrast]:
        """Ask of every decided curve whether it is steady, alone and beside the reference's."""
        films, settings = films_of(task, answers), settings_of(task.task)
        margins = {curve: settings.margins[curve] for curve in MARGINAL}
        gone = lost(task, answers, FILM.id, STUDENT)
        alone = {curve: stability.steady(task, films, curve, margins[curve]) for curve in margins}
        asked = [counted(one, gone) for one in _beside_sharpness(alone)]
        if stability.unequal(films):
            long = {c: stability.over_lengths(task, films, c, margins[c]) for c in margins}
            asked += [counted(one, gone) for one in _beside_sharpness(long)]
        if not task.task.reference:
            return asked
        gone = lost(task, answers, FILM.id)
        whole = without(films, gone)
        more = {curve: stability.excess(task, whole, curve, margins[curve]) for curve in margins}
        rest = [*_beside_sharpness(more), stability.farther(task, whole, settings, more)]
        for part in stability.SHORTER if stability.all_shorter(whole) else ():
            parts = {
                curve: stability.beside_shorter(task, whole, curve, margins[curve], part)
                for curve in margins
            }
            rest += _beside_sharpness(parts)
        return [*asked, *(counted(one, gone) for one in rest)]

    def drawings(
        self,
        task: TaskPlan,
        cells: Sequence[Cell],
        answers: Mapping[str, Mapping[str, Answer]],
        published: Sequence[Reported],
    ) -> Sequence[Drawing]:
        """Return the curves over time and the clips that drift most."""
        films, margins = films_of(task, answers), settings_of(task.task).margins

        def fault(key: Key, film: Film) -> float | None:
            sizes = [
                abs(found) / margins[curve]
                for curve in MARGINAL
                if not isinstance(found := stability.drift_of(film, curve).end_start, Absent)
            ]
            return max(sizes, default=None)

        sheets = draw.worst(task, films, fault, "largest drift in margins")
        return [draw.curves(task, films), *([sheets] if sheets else [])]


def _beside_sharpness(asked: dict[str, Contrast]) -> list[Contrast]:
    """Return questions by curve, that on speed with what sharpness does."""
    speed = with_sharpness(asked["speed"], asked["sharpness_normalised"])
    return list({**asked, "speed": speed}.values())


def value_of(name: str, found: Maybe) -> Value:
    """Return a drift as the value of a metric."""
    if isinstance(found, Absent):
        return suite.undefined(name, found)
    return Value(metric=name, value=found)


SUITE = LongHorizon()
