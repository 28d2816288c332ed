"""Why a formula has no value."""

from __future__ import annotations

from enum import StrEnum


class Absent(StrEnum):
    """Reason codes; a formula returns one of these where it has no number."""

    ONE_FRAME = "one_frame"
    TOO_FEW_FRAMES = "too_few_frames"
    VARIABLE_RATE = "variable_frame_rate"
    BELOW_FLOOR = "below_noise_floor"
    ALL_CUT = "all_pairs_cut"
    CAMERA_FIT = "camera_fit_failed"
    OCCLUDED = "occluded"
    FLAT = "flat_frame"
    NOISE = "noise_dominates"
    TOO_SMALL = "too_small"
    UNEQUAL_SIZE = "unequal_size"
    NOT_DIVISIBLE = "size_not_divisible"
    RANGE = "range_mismatch"
    ONE_SEED = "one_seed"
    UNEQUAL_N = "unequal_n"
    TOO_FEW = "too_few"
    TOO_FEW_PROMPTS = "too_few_prompts"
    TOO_SHORT = "too_short"
    NOT_POSITIVE = "not_positive"
    ZERO_START = "zero_start"
    NO_WEIGHT = "no_weight"
    LAG_TOO_LONG = "lag_too_long"
    ZERO_FEATURE = "zero_feature"
    NO_FLOW_LIBRARY = "no_flow_library"
    ALL_MOVES = "all_moves"
    ONE_LENGTH = "one_length"


Maybe = float | Absent
"""A number, or why there is none."""


def present(value: Maybe | None) -> float | None:
    """Return the number where there is one."""
    return None if value is None or isinstance(value, Absent) else value
