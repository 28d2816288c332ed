"""The protocol of a task on clips: its keys with their defaults, held to what they may be."""

from __future__ import annotations

from typing import NamedTuple

from harness import settings
from harness.errors import ConfigError
from harness.records import Scalar, Task
from suites.clips.flow import FLOWS
from suites.clips.measures.timing import SHORT_SIDE

FEATURES = "features"
"""The distance of features that the user computed: 1 minus the cosine of their means over time."""
POOLED = "pooled_rms"
DISTANCES = (POOLED, "percept_mnv2", "lpips_alex", "lpips_vgg", "lpips_squeeze", FEATURES)
POOLED_FLOOR = 0.004
MARGINS = {
    "luma_mean": 0.1,
    "contrast": 0.1,
    "colour_over_contrast": 0.1,
    "sharpness_normalised": 0.25,
    "speed": 0.25,
    "drift_first": 0.25,
}
"""Curves that are decided, with the change of their logarithm that counts as none.

The last, the distance to the first frame, is decided beside a reference only.
"""

DEFAULTS: dict[str, Scalar] = {
    "analysis_short_side": SHORT_SIDE,
    "flow": FLOWS[0],
    "step": 0,
    "distance": POOLED,
    "distance_floor": 0.0,
    "start": 1.0,
    "rate": 4.0,
    **{f"margin_{curve}": margin for curve, margin in MARGINS.items()},
    "ratio_lo": 0.9,
    "ratio_hi": 1.1,
}
"""Protocol keys; a step or a floor of 0 follows from the rate of a video and from the distance."""

ALLOWED: dict[str, tuple[Scalar, ...]] = {
    **dict.fromkeys(DEFAULTS, ()),
    "flow": FLOWS,
    "distance": DISTANCES,
}
_POSITIVE = ("analysis_short_side", "rate", "ratio_lo", *(f"margin_{one}" for one in MARGINS))


class Settings(NamedTuple):
    """How clips are measured and what counts as a change."""

    analysis_short_side: int
    flow: str
    step: int
    distance: str
    distance_floor: float
    start: float
    rate: float
    margins: dict[str, float]
    ratio: tuple[float, float]


def settings_of(task: Task) -> Settings:
    """Return the protocol of a task.

    Raises:
        ConfigError: an unknown key, or a value that cannot be; names the nearest key.
    """
    found = settings.complete(task.protocol, DEFAULTS)
    where = f"protocol of task {task.suite} / {task.model}"
    for name in (*_POSITIVE, "step", "start", "distance_floor"):
        if found[name] < 0 or (name in _POSITIVE and not found[name]):
            raise ConfigError(f"{name} = {found[name]}", expected="a number above 0", where=where)
    if not found["ratio_lo"] < 1 < found["ratio_hi"]:
        margin = f"ratio_lo = {found['ratio_lo']}, ratio_hi = {found['ratio_hi']}"
        raise ConfigError(margin, expected="one below 1 and one above it", where=where)
    if found["distance"] == FEATURES and not found["distance_floor"]:
        raise ConfigError(
            "features have no noise floor of their own",
            expected="distance_floor, e.g. the value between a clip and its re-encoding",
            where=where,
        )
    if found["distance"] == POOLED and not found["distance_floor"]:
        found["distance_floor"] = POOLED_FLOOR
    return Settings(
        margins={curve: found[f"margin_{curve}"] for curve in MARGINS},
        ratio=(found["ratio_lo"], found["ratio_hi"]),
        **{name: found[name] for name in Settings._fields if name in found},
    )
