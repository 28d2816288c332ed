"""How a curve changes over a clip: our slope and end against start, and published variants.

A curve holds one value for each whole second. VDE: ``vde.py`` of ZIPLABHuggingface/LVG-Bench.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from suites.clips.measures.absent import Absent, Maybe, present

EDGE_SHARE = 0.15
WINDOW_S = 3
"""Seconds at either end of a clip that are held against each other."""
LAGS_S = (0.125, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class Drift(NamedTuple):
    """Change of a curve's logarithm: per second (Theil-Sen), and from the start to the end."""

    slope: Maybe
    end_start: Maybe


class Vde(NamedTuple):
    """Video drift error: as published, and divided by the sum of its weights."""

    linear: float
    log: float
    linear_normalised: Maybe
    log_normalised: Maybe


class Lag(NamedTuple):
    """Mean cosine of the features of frames that are a lag apart, in seconds."""

    lag: float
    step: int
    pairs: int
    value: Maybe


def drift(curve: Sequence[float | None]) -> Drift:
    """Return how a curve drifts; seconds without a value are passed over."""
    if len(curve) < 2 * WINDOW_S:
        return Drift(Absent.TOO_SHORT, Absent.TOO_SHORT)
    known = [(second, value) for second, value in enumerate(curve) if value is not None]
    ends = [
        [value for value in part if value is not None]
        for part in (curve[:WINDOW_S], curve[-WINDOW_S:])
    ]
    if not all(ends):
        return Drift(Absent.TOO_FEW_FRAMES, Absent.TOO_FEW_FRAMES)
    if any(value <= 0 for _, value in known):
        return Drift(Absent.NOT_POSITIVE, Absent.NOT_POSITIVE)
    seconds, values = zip(*known, strict=True)
    slope = float(np.asarray(scipy.stats.theilslopes(np.log(values), seconds))[0])
    start, end = (math.fsum(part) / len(part) for part in ends)
    return Drift(slope, math.log(end / start))


def vde(metrics: Sequence[float]) -> Vde:
    """Return the video drift error of a metric on the chunks of a clip, in float32 as upstream.

    The sums are not divided by their weights, so they grow with the number of chunks; a first
    value of 0 gives infinity and a negative one a negative error; early chunks weigh most, and
    the last weighs nothing in the logarithmic form.
    """
    values = np.asarray(metrics, np.float32)
    count = len(values)
    if count < 2:
        return Vde(0.0, 0.0, Absent.TOO_FEW, Absent.TOO_FEW)
    if values[0] == 0:
        return Vde(math.inf, math.inf, Absent.ZERO_START, Absent.ZERO_START)
    apart = np.abs(values[1:] - values[0]) / values[0]
    weights = np.arange(count - 1, 0, -1, dtype=np.float32)
    sums = [(float(np.sum(w * apart)), float(w.sum())) for w in (weights, np.log(weights))]
    (linear, whole), (log, log_whole) = sums
    return Vde(linear, log, linear / whole, log / log_whole if log_whole else Absent.NO_WEIGHT)


def chunk_length(frames: int, chunks: int) -> int | Absent:
    """Return the frames of each chunk of a clip; what is left at its end is left out."""
    return frames // chunks if frames >= chunks else Absent.TOO_FEW_FRAMES


def start_end(values: Sequence[float], share: float = EDGE_SHARE) -> Maybe:
    """Return the start-end contrast of a metric of frames: how far its ends differ, unsigned.

    ``|M(first 15 %) - M(last 15 %)|``, equation 7 of FramePack (arXiv 2504.12626). It has the unit
    of the metric, so contrasts of two metrics do not compare, nor does it say which end is better.
    """
    count = round(share * len(values))
    if not count:
        return Absent.TOO_FEW_FRAMES
    return abs(math.fsum(values[:count]) - math.fsum(values[-count:])) / count


def first_last(curve: Sequence[float | None], seconds: int = 5) -> Maybe:
    """Return how far the means of the first and the last seconds differ, unsigned.

    The form of quality drift in Rolling Forcing (arXiv 2509.25161), there of imaging quality and
    of 30 s; it is stated after a description, not after the source.
    """
    if len(curve) < 2 * seconds:
        return Absent.TOO_SHORT
    ends = [
        [value for value in part if value is not None]
        for part in (curve[:seconds], curve[-seconds:])
    ]
    if not all(ends):
        return Absent.TOO_FEW_FRAMES
    start, end = (math.fsum(part) / len(part) for part in ends)
    return abs(start - end)


def coherence(
    features: NDArray[np.floating], fps: float, lags: Sequence[float] = LAGS_S
) -> list[Lag]:
    """Return how alike frames stay over lags in seconds; cosines are not clamped.

    Args:
        features: of shape (frames, size); frames with a zero feature are in no pair.
        fps: frames a second.
        lags: in seconds.
    """
    sizes = np.linalg.norm(features, axis=1)
    found: list[Lag] = []
    for lag in lags:
        step = max(1, math.floor(lag * fps + 0.5))
        if step >= len(features):
            found.append(Lag(lag, step, 0, Absent.LAG_TOO_LONG))
            continue
        products = np.sum(features[:-step] * features[step:], axis=1)
        norms = sizes[:-step] * sizes[step:]
        kept = norms > 0
        cosines = products[kept] / norms[kept]
        mean = float(cosines.mean()) if kept.any() else Absent.ZERO_FEATURE
        found.append(Lag(lag, step, int(kept.sum()), mean))
    return found


def mean_coherence(lags: Sequence[Lag]) -> float | None:
    """Return the mean over the lags that have a value."""
    values = [value for one in lags if (value := present(one.value)) is not None]
    return math.fsum(values) / len(values) if values else None
