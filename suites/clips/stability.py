"""What ``long_horizon`` asks of curves: are they steady, alone, beside others, over lengths?

Seeds are averaged within a prompt, and prompts decide. A reference of other length is not held
against the whole roll-out but second by second: a model's own short clips are such a reference.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from harness.columns import average
from harness.outcomes import Level, Outcome
from harness.protocols import Contrast
from harness.records import TaskPlan
from suites.clips.contrasts import Key, Reading, drift_contrast, outcome_of, pair_logs
from suites.clips.film import FIRST, Film
from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.drift import WINDOW_S, Drift, drift
from suites.clips.settings import Settings
from suites.clips.sides import REFERENCE, STUDENT, Films, by_prompt, mismatch, paired_values

Curve = Sequence[float | None]
FAULTS = {
    ("colour_over_contrast", Outcome.DRIFTS_UP): "over-saturation",
    ("contrast", Outcome.DRIFTS_DOWN): "washing out",
    ("sharpness_normalised", Outcome.DRIFTS_DOWN): "blur",
    ("speed", Outcome.DRIFTS_DOWN): "freezing",
    ("luma_mean", Outcome.DRIFTS_UP): "exposure rises",
    ("luma_mean", Outcome.DRIFTS_DOWN): "exposure falls",
}
"""What a drift is called where it has a name."""
SHORTER = ("equal_seconds", "last_seconds")
"""Parts of clips that are held against shorter ones."""


def curve_of(film: Film, curve: str) -> Curve | Absent:
    """Return a curve of a film; speed counts as its noise floor at least."""
    values = film.curves[curve]
    if curve == "speed":
        if film.floor is None:
            return Absent(film.absent.get("speed", Absent.ONE_FRAME))
        return [None if value is None else max(value, film.floor) for value in values]
    if values and curve in film.absent and set(values) == {None}:
        return Absent(film.absent[curve])
    return values


def drift_of(film: Film, curve: str) -> Drift:
    """Return the drift of one curve of a film."""
    values = curve_of(film, curve)
    return Drift(values, values) if isinstance(values, Absent) else drift(values)


def distance_at_end(film: Film) -> Maybe:
    """Return the mean distance of the last seconds to the first frame."""
    values = film.curves.get(FIRST, ())
    known = [value for value in values[-WINDOW_S:] if value is not None]
    return average(known) if known and len(values) >= 2 * WINDOW_S else Absent.TOO_SHORT


def steady(task: TaskPlan, films: Films, curve: str, margin: float) -> Contrast:
    """Ask whether a curve ends where it began."""
    drifts = {key: drift_of(film, curve).end_start for key, film in films[STUDENT].items()}
    known, missing = sorted_out(drifts)
    asked = drift_contrast(
        by_prompt(known),
        margin,
        claim=_claim(task, curve),
        statement=f"{_named(task, curve)} at the end of a clip is that at its start",
        missing=missing,
    )
    said = finding(curve, outcome_of(asked), films[STUDENT].values(), margin)
    return msgspec.structs.replace(asked, notes=(said,) if said else ())


def excess(task: TaskPlan, films: Films, curve: str, margin: float) -> Contrast:
    """Ask whether a curve drifts more than the reference's does."""
    mine, theirs = (
        {key: drift_of(film, curve).end_start for key, film in films[side].items()}
        for side in (STUDENT, REFERENCE)
    )
    pairs, missing = paired_values(mine, theirs)
    return drift_contrast(
        by_prompt({key: own - other for key, (own, other) in pairs.items()}),
        margin,
        claim=_claim(task, curve, "excess"),
        statement=f"{_named(task, curve)} drifts no more than the reference's",
        missing=missing,
        barred=mismatch(task, films),
    )


def farther(
    task: TaskPlan, films: Films, settings: Settings, more: Mapping[str, Contrast]
) -> Contrast:
    """Ask whether clips end as far from their first frame as the reference's do.

    A distance to the first frame holds wanted motion, so it is decided beside a reference only;
    and where another curve drifts more than the reference's, it is no finding of its own.

    Args:
        task: as planned.
        films: of both sides.
        settings: of the task.
        more: the same question on other curves.
    """
    ends = [
        {key: distance_at_end(film) for key, film in films[side].items()}
        for side in (STUDENT, REFERENCE)
    ]
    pairs, missing = paired_values(*ends)
    measured = [value for two in pairs.values() for value in two if value > 0]
    floor = settings.distance_floor or min(measured, default=0.0)
    sides = [{key: Reading(two[side], floor) for key, two in pairs.items()} for side in (0, 1)]
    found = pair_logs(*sides)
    asked = drift_contrast(
        found.logs,
        settings.margins[FIRST],
        claim=_claim(task, FIRST, "excess"),
        statement=f"{task.task.model}: clips end as far from their first frame as the reference's",
        missing={**missing, **found.missing},
        barred=mismatch(task, films),
    )
    notes = (f"distance {settings.distance}, noise floor {floor:.4g}",)
    others = [curve for curve, one in more.items() if outcome_of(one).level is Level.BAD]
    doubt = f"{', '.join(others)} drifts, and moves this distance by itself" if others else ""
    return msgspec.structs.replace(asked, censored=found.censored, notes=notes, doubt=doubt)


def all_shorter(films: Films) -> bool:
    """Say whether every clip of the reference is shorter than its partner, by a second or more."""
    both = films[STUDENT].keys() & films[REFERENCE].keys()
    return bool(both) and all(
        seconds(films[REFERENCE][key]) < seconds(films[STUDENT][key]) for key in both
    )


def seconds(film: Film) -> int:
    """Return how many whole seconds a film has."""
    return len(film.curves["luma_mean"])


def beside_shorter(task: TaskPlan, films: Films, curve: str, margin: float, part: str) -> Contrast:
    """Ask whether the first or the last seconds of clips are like shorter ones of the reference.

    ``part`` is one of ``SHORTER``; such a reference is the model's own clips of 5 s.
    """
    found = {
        key: _change(films[STUDENT][key], films[REFERENCE][key], curve, last=part == SHORTER[1])
        for key in films[STUDENT].keys() & films[REFERENCE].keys()
    }
    known, missing = sorted_out(found)
    which = part.partition("_")[0].replace("equal", "first")
    return drift_contrast(
        by_prompt(known),
        margin,
        claim=_claim(task, curve, part),
        statement=f"{_named(task, curve)} of the {which} seconds is that of the reference's clips",
        missing=missing,
        barred=mismatch(task, films, but=("frames",)),
    )


def _change(film: Film, short: Film, curve: str, *, last: bool) -> Maybe:
    """Return the log of a film's first or last seconds over all those of a shorter one."""
    curves = curve_of(film, curve), curve_of(short, curve)
    for values in curves:
        if isinstance(values, Absent):
            return values
    mine, theirs = ([*values] for values in curves if not isinstance(values, Absent))
    part = mine[len(mine) - len(theirs) :] if last else mine[: len(theirs)]
    known = [[value for value in some if value is not None] for some in (part, theirs)]
    if not all(known):
        return Absent.TOO_SHORT
    means = [average(some) for some in known]
    return math.log(means[0] / means[1]) if min(means) > 0 else Absent.NOT_POSITIVE


def unequal(films: Films) -> bool:
    """Say whether a prompt has clips of several lengths."""
    lengths = {(key.prompt, seconds(film)) for key, film in films[STUDENT].items()}
    return len(lengths) > len({prompt for prompt, _ in lengths})


def over_lengths(task: TaskPlan, films: Films, curve: str, margin: float) -> Contrast:
    """Ask whether clips that are twice as long drift more.

    The slope of the drift on the binary logarithm of the length, within prompts of several lengths.
    """
    drifts = {key: drift_of(film, curve).end_start for key, film in films[STUDENT].items()}
    known, missing = sorted_out(drifts)
    by: dict[str, list[tuple[float, float]]] = {}
    for key, value in known.items():
        by.setdefault(key.prompt, []).append((math.log2(seconds(films[STUDENT][key])), value))
    several = {one: some for one, some in by.items() if len({length for length, _ in some}) > 1}
    alone = sum(len(some) for one, some in by.items() if one not in several)
    slopes = {one: (_slope(some),) for one, some in several.items()}
    return drift_contrast(
        slopes,
        margin,
        claim=_claim(task, curve, "length"),
        statement=f"{_named(task, curve)} drifts as much in clips twice as long",
        missing={**missing, **({Absent.ONE_LENGTH.value: alone} if alone else {})},
    )


def _slope(points: Sequence[tuple[float, float]]) -> float:
    x, y = np.array(points).T
    return float(np.polyfit(x, y, 1)[0])


def sorted_out(values: Mapping[Key, Maybe]) -> tuple[dict[Key, float], dict[str, int]]:
    """Return the values that are there, and how many are not, by reason."""
    missing = Counter(str(one) for one in values.values() if isinstance(one, Absent))
    return {key: one for key, one in values.items() if not isinstance(one, Absent)}, dict(missing)


def _claim(task: TaskPlan, *parts: str) -> str:
    return "/".join(("long_horizon", task.task.model, *parts))


def _named(task: TaskPlan, curve: str) -> str:
    return f"{task.task.model}: {curve.replace('_', ' ')}"


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
    values = curve_of(film, curve)
    if isinstance(values, Absent) or isinstance(drift(values).end_start, Absent):
        return []
    start = math.log(average([value for value in values[:WINDOW_S] if value is not None]))
    found: list[float] = []
    for value in values:
        found.append(math.log(value) - start if value is not None else found[-1] if found else 0.0)
    return found
