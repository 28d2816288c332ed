"""The official scorers, bug for bug.

Upstream is Hritikbansal/videophy at commit 01d366c; ``entail`` is
``videocon/training/pipeline_video/entailment_inference.py``, ``processing`` is
``mplug_owl_video/processing_mplug_owl.py`` beside it, ``vp2`` is ``VIDEOPHY2/inference.py``.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FRAMES = 32

_WORDS = ("zero", "one", "two", "three", "four", "five")
_ORDER = (*((word, float(value)) for value, word in enumerate(_WORDS)),
          *((str(value), float(value)) for value in range(6)))  # fmt: skip


def frame_indices(total_frames: int, num_frames: int = FRAMES) -> list[int]:
    """Return the frames the judge sees (processing:15-21).

    From ``num_frames`` frames on the last frame is never taken; shorter clips repeat frames.

    Raises:
        ZeroDivisionError: ``num_frames`` is 0.
    """
    step = float(total_frames - 1) / num_frames
    start = int(step / 2)
    return [start + int(np.round(step * k)) for k in range(num_frames)]


def entailment(
    logits: Sequence[Sequence[Sequence[float]]],
    input_ids: Sequence[Sequence[int]],
    *,
    dtype: str,
    yes_id: int,
    no_id: int,
    pad_id: int,
) -> list[float]:
    """Return P(Yes) / (P(Yes) + P(No)) per video in the dtype of the logits (entail:28-43).

    The position read is the one before the first pad token, or the last; a pad in first place
    sends it to the last as well. Both probabilities can underflow: the score is then NaN.

    Args:
        logits: shape (B, T, V).
        input_ids: shape (B, T).
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        yes_id: token of the answer yes.
        no_id: token of the answer no.
        pad_id: token that fills up a sequence.

    Raises:
        ValueError: an unknown dtype.
    """
    scores: list[float] = []
    for rows, ids in zip(logits, input_ids, strict=True):
        position = list(ids).index(pad_id) - 1 if pad_id in ids else -1
        probabilities = softmax(np.asarray(rows[position], np.float64), dtype)
        yes, no = probabilities[yes_id], probabilities[no_id]
        both = rounded(np.float32(yes) + np.float32(no), dtype)
        with np.errstate(invalid="ignore", divide="ignore"):
            scores.append(float(rounded(np.float32(yes) / np.float32(both), dtype)))
    return scores


def softmax(logits: NDArray[np.float64], dtype: str) -> NDArray[np.float32]:
    """Return the softmax in float32 of logits of ``dtype``, rounded back to it.

    The last bit of a float32 exponential depends on the library, so torch computes it where it
    is installed; without torch a score may differ by about 1e-7.
    """
    values = rounded(logits.astype(np.float32), dtype).astype(np.float32)
    if importlib.util.find_spec("torch"):
        torch = importlib.import_module("torch")
        exact = torch.softmax(torch.from_numpy(values).to(getattr(torch, dtype)), dim=0)
        return exact.float().numpy()
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        powers = np.exp(values - values.max())
        return rounded(powers / powers.sum(), dtype)


def rounded(values: NDArray[np.float32] | np.float32, dtype: str) -> NDArray[np.float32]:
    """Return float32 values rounded to nearest even in ``dtype``, still as float32."""
    array = np.asarray(values, np.float32)
    if dtype == "float32":
        return array
    if dtype == "float16":
        with np.errstate(over="ignore", under="ignore"):
            return array.astype(np.float16).astype(np.float32)
    if dtype != "bfloat16":
        raise ValueError(f"dtype {dtype!r}: expected float32, float16 or bfloat16")
    bits = array.view(np.uint32).astype(np.uint64)
    even = ((bits >> np.uint64(16)) & np.uint64(1)) + np.uint64(0x7FFF)
    short = ((bits + even) & np.uint64(0xFFFF0000)).astype(np.uint32)
    return np.where(np.isnan(array), array, short.view(np.float32))


def is_high(score: float) -> float:
    """Return the 0/1 reading of a score: an exact half counts as 1, and so does NaN."""
    return 0.0 if score < 0.5 else 1.0


def parse_vp2(answer: str) -> float:
    """Return the score VideoPhy-2 reads from a reply (vp2:39-42, 58-71).

    Words before digits, small before large, anywhere in the text: "none" is 1, "10" is 0, and a
    reply with nothing to find is 0.
    """
    text = answer.lower().strip()
    return next((value for key, value in _ORDER if key in text), 0.0)


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean as the official numbers are made; NaN spreads, empty is NaN."""
    return float(np.mean(values)) if values else math.nan
