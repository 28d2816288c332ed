"""What the suites ask of their values: whether curves are steady, and ratios near one.

A ratio is of student over teacher, paired by prompt, image and seed, as a logarithm. A side below
its noise floor takes the floor and is censored: leaving it out would drop exactly a frozen or
collapsed student. Only a pair below on both sides is left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from harness.contrasts import estimate
from harness.outcomes import Level, Outcome
from harness.protocols import Contrast
from harness.verdicts.contrasts import word
from suites.clips.measures.absent import Absent

MARGIN = (0.9, 1.1)
BOTH_BELOW = "both_below_floor"
UNPAIRED = "unpaired"
WORDS = {
    "motion": (Outcome.PRESERVED, Outcome.DIMINISHED, Outcome.AMPLIFIED),
    "diversity": (Outcome.PRESERVED, Outcome.HOMOGENISED, Outcome.DIVERSIFIED),
}


class Key(NamedTuple):
    """What pairs a student's value with a teacher's."""

    prompt: str
    image: str = ""
    seed: str = ""

    @property
    def title(self) -> str:
        """Return its parts that are there, for a message."""
        return " / ".join(filter(None, self))


class Reading(NamedTuple):
    """A value with its noise floor, both in the same unit; a value that is absent is None."""

    value: float | None
    floor: float


class Logs(NamedTuple):
    """Logarithms of ratios by prompt, and what did not enter or entered as a bound."""

    logs: dict[str, tuple[float, ...]]
    missing: dict[str, int]
    censored_student: tuple[Key, ...]
    censored_teacher: tuple[Key, ...]

    @property
    def censored(self) -> tuple[str, ...]:
        """Return the censored pairs by name."""
        return tuple(key.title for key in (*self.censored_student, *self.censored_teacher))


def pair_logs(student: Mapping[Key, Reading], teacher: Mapping[Key, Reading]) -> Logs:
    """Pair two sides and take logarithms; a value of None is below its floor."""
    found: dict[str, list[float]] = {}
    below: tuple[list[Key], list[Key]] = ([], [])
    missing = Counter({UNPAIRED: len(student.keys() ^ teacher.keys())})
    for key in sorted(student.keys() & teacher.keys()):
        sides = student[key], teacher[key]
        low = [side.value is None or side.value < side.floor for side in sides]
        if all(low):
            missing[BOTH_BELOW] += 1
            continue
        for names, is_low in zip(below, low, strict=True):
            names += [key] if is_low else []
        mine, theirs = (_raised(side) for side in sides)
        if min(mine, theirs) <= 0:  # nothing measured, and no floor to take instead
            missing[Absent.BELOW_FLOOR.value] += 1
            continue
        found.setdefault(key.prompt, []).append(math.log(mine / theirs))
    logs = {prompt: tuple(values) for prompt, values in found.items()}
    return Logs(logs, dict(+missing), tuple(below[0]), tuple(below[1]))


def _raised(side: Reading) -> float:
    return side.floor if side.value is None else max(side.value, side.floor)


def ratio_contrast(
    quantity: str,
    found: Logs,
    margin: Sequence[float] = MARGIN,
    *,
    claim: str = "",
    statement: str = "",
    notes: Sequence[str] = (),
) -> Contrast:
    """Return the question whether a ratio of student to teacher lies within a margin."""
    missing = dict(found.missing)
    if not found.logs and missing.get(BOTH_BELOW):
        missing[Absent.BELOW_FLOOR.value] = missing.pop(BOTH_BELOW)
    return Contrast(
        claim=claim,
        statement=statement,
        words=WORDS[quantity],
        margin=(math.log(margin[0]), math.log(margin[1])),
        logs=found.logs,
        ratio=True,
        missing=missing,
        censored=found.censored,
        notes=tuple(notes),
    )


def drift_contrast(
    logs: Mapping[str, tuple[float, ...]],
    margin: float,
    *,
    claim: str = "",
    statement: str = "",
    missing: Mapping[str, int] | None = None,
    barred: str = "",
) -> Contrast:
    """Return the question whether a logarithm, such as end over start, stays within a margin."""
    return Contrast(
        claim=claim,
        statement=statement,
        missing=dict(missing or {}),
        barred=barred,
        words=(Outcome.STEADY, Outcome.DRIFTS_DOWN, Outcome.DRIFTS_UP),
        margin=(-margin, margin),
        logs=dict(logs),
    )


def outcome_of(contrast: Contrast) -> Outcome:
    """Return what a question ends in, for a remark on another."""
    return word(contrast, estimate(contrast))


def with_sharpness(contrast: Contrast, sharpness: Contrast) -> Contrast:
    """Say beside a question about speed what sharpness does: blur alone moves measured flow."""
    measured = estimate(sharpness)
    outcome = outcome_of(sharpness)
    if measured.value is None or outcome in (Outcome.ABSENT, Outcome.INCOMPARABLE):
        return contrast
    change = math.log(measured.value) if sharpness.ratio else measured.value
    said = f"sharpness beside it: {change:+.2f} in logarithms"
    if outcome.level is Level.BAD:
        said += "; sharpness drifts, and blur by itself raises measured speed by up to a fifth"
    return msgspec.structs.replace(contrast, notes=(*contrast.notes, said))
