"""``long_horizon``: how the curves of a video drift from its start to its end.

A drift is the logarithm of the mean of the last three seconds over that of the first three; slopes
are those of Theil and Sen. Seeds are averaged within a prompt, and prompts decide.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from harness.columns import average
from harness.outcomes import Level, Outcome
from harness.protocols import Answer, Contrast, Value, Workload
from harness.records import Cell, Drawing, Reported, Task, TaskPlan, WorkItem
from suites.clips import draw, suite
from suites.clips.contrasts import Key, drift_contrast, outcome_of, with_sharpness
from suites.clips.film import CURVES, TITLES, Film
from suites.clips.instrument import FILM, read_film
from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.drift import LAGS_S, WINDOW_S, Drift, drift, vde
from suites.clips.settings import settings_of
from suites.clips.sides import (
    REFERENCE,
    SIDE,
    STUDENT,
    Films,
    by_prompt,
    counted,
    films_of,
    lost,
    mismatch,
    paired_values,
    read_sides,
    without,
)

DRIFTS = tuple(name for curve in CURVES for name in (curve, f"{curve}/slope"))
VDES = tuple(
    f"{kind}/{curve}" for curve in CURVES if curve != "speed" for kind in ("vde", "vde_log")
)
COHERENCES = tuple(f"coherence/{lag:g}" for lag in LAGS_S)
METRICS = (*DRIFTS, *VDES, *COHERENCES)
"""Ours, then published variants under their own names: they are never mixed."""
FAULTS = {
    ("colour_over_contrast", Outcome.DRIFTS_UP): "over-saturation",
    ("contrast", Outcome.DRIFTS_DOWN): "washing out",
    ("sharpness_normalised", Outcome.DRIFTS_DOWN): "blur",
    ("speed", Outcome.DRIFTS_DOWN): "freezing",
    ("luma_mean", Outcome.DRIFTS_UP): "exposure rises",
    ("luma_mean", Outcome.DRIFTS_DOWN): "exposure falls",
}
"""What a drift is called where it has a name."""


def drift_of(film: Film, curve: str) -> Drift:
    """Return the drift of one curve of a film; speed counts as its noise floor at least."""
    values = film.curves[curve]
    if curve == "speed":
        if film.floor is None:
            reason = Absent(film.absent.get("speed", Absent.ONE_FRAME))
            return Drift(reason, reason)
        values = [None if value is None else max(value, film.floor) for value in values]
    if values and curve in film.absent and set(values) == {None}:
        reason = Absent(film.absent[curve])
        return Drift(reason, reason)
    return drift(values)


def title(metric: str) -> str:
    """Return the title of a metric's column."""
    first, _, second = metric.partition("/")
    if metric in DRIFTS:
        return TITLES[first] + (" per s" if second else "")
    if metric in COHERENCES:
        return f"Coherence {second} s"
    return f"VDE{' log' if first == 'vde_log' else ''} {TITLES[second]}"


def published(film: Film, metric: str) -> Maybe:
    """Return a variant of others: video drift error as published, or coherence at a lag."""
    kind, _, of = metric.partition("/")
    if kind == "coherence":
        return film.coherence.get(of, Absent.LAG_TOO_LONG)
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
        [suite.column(name, title(name), where={SIDE: STUDENT}) for name in METRICS],
        needs="videos of at least six seconds; no GPU, no download",
    )

    def load(self, task: Task, assets: Path | None) -> Workload:
        """Read the folder of videos, and the reference's where there is one."""
        return suite.workload(task, read_sides(task, reference=None))

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
            for name, found in zip((f"{curve}/slope", curve), drift_of(film, curve), strict=True)
        ]
        return [*ours, *(value_of(name, published(film, name)) for name in (*VDES, *COHERENCES))]

    def contrasts(
        self, task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]
    ) -> Sequence[Contrast]:
        """Ask of every decided curve whether it is steady, alone and beside the reference's."""
        films, margins = films_of(task, answers), settings_of(task.task).margins
        gone = lost(task, answers, FILM.id, STUDENT)
        asked = [
            {
                curve: counted(_steady(task, films, curve, margin), gone)
                for curve, margin in margins.items()
            }
        ]
        if task.task.reference:
            barred, gone = mismatch(task, films), lost(task, answers, FILM.id)
            whole = without(films, gone)
            asked.append(
                {
                    curve: counted(_excess(task, whole, curve, margin, barred), gone)
                    for curve, margin in margins.items()
                }
            )
        for some in asked:
            some["speed"] = with_sharpness(some["speed"], some["sharpness_normalised"])
        return [contrast for some in asked for contrast in some.values()]

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
                abs(found) / margin
                for curve, margin in margins.items()
                if not isinstance(found := drift_of(film, curve).end_start, Absent)
            ]
            return max(sizes, default=None)

        sheets = draw.worst(task, films, fault, "largest drift in margins")
        return [draw.curves(task, films), *([sheets] if sheets else [])]


def _steady(task: TaskPlan, films: Films, curve: str, margin: float) -> Contrast:
    """Ask whether a curve ends where it began."""
    drifts = {key: drift_of(film, curve).end_start for key, film in films[STUDENT].items()}
    missing = Counter(str(one) for one in drifts.values() if isinstance(one, Absent))
    known = {key: one for key, one in drifts.items() if not isinstance(one, Absent)}
    model, title = task.task.model, TITLES[curve].lower()
    asked = drift_contrast(
        by_prompt(known),
        margin,
        claim=f"long_horizon/{model}/{curve}",
        statement=f"{model}: {title} at the end of a clip is that at its start",
        missing=dict(missing),
    )
    said = finding(curve, outcome_of(asked), films[STUDENT].values(), margin)
    return msgspec.structs.replace(asked, notes=(said,) if said else ())


def _excess(task: TaskPlan, films: Films, curve: str, margin: float, barred: str) -> Contrast:
    """Ask whether a curve drifts more than the reference's does."""
    mine, theirs = (
        {key: drift_of(film, curve).end_start for key, film in films[side].items()}
        for side in (STUDENT, REFERENCE)
    )
    pairs, missing = paired_values(mine, theirs)
    model, title = task.task.model, TITLES[curve].lower()
    return drift_contrast(
        by_prompt({key: own - other for key, (own, other) in pairs.items()}),
        margin,
        claim=f"long_horizon/{model}/{curve}/excess",
        statement=f"{model}: {title} drifts no more than the reference's",
        missing=missing,
        barred=barred,
    )


def finding(curve: str, outcome: Outcome, films: Iterable[Film], margin: float) -> str:
    """Name the fault that a drift is, and from which second on the mean curve is beyond it."""
    if outcome.level is not Level.BAD:
        return ""
    courses = [one for film in films if (one := course(film, curve))]
    length = min(map(len, courses))
    mean = [math.fsum(one[second] for one in courses) / len(courses) for second in range(length)]
    inside = [second for second, value in enumerate(mean) if abs(value) <= margin]
    since = inside[-1] + 1 if inside else 0
    return f"{FAULTS.get((curve, outcome), curve)}: beyond the margin from second {since} on"


def course(film: Film, curve: str) -> list[float]:
    """Return the logarithm of a curve against its first seconds; nothing where it has none."""
    if isinstance(drift_of(film, curve).end_start, Absent):
        return []
    floor = film.floor if curve == "speed" and film.floor else 0.0
    values = [None if value is None else max(value, floor) for value in film.curves[curve]]
    start = math.log(average([value for value in values[:WINDOW_S] if value is not None]))
    found: list[float] = []
    for value in values:
        found.append(math.log(value) - start if value is not None else found[-1] if found else 0.0)
    return found


def value_of(name: str, found: Maybe) -> Value:
    """Return a drift as the value of a metric."""
    if isinstance(found, Absent):
        return suite.undefined(name, found)
    return Value(metric=name, value=found)


SUITE = LongHorizon()
