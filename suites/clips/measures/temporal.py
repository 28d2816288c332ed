"""From frame to frame: flicker, warping error, cuts.

Flicker of VBench: ``vbench/temporal_flickering.py:42,49``, 45e79ec. Warping error: Lai et al. 2018,
with the occlusion test of Sundaram et al. 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.appearance import Frame, Plane, luma
from suites.clips.measures.motion import Flow

MOST_OCCLUDED = 0.5
_MARGIN = 15  # px
_BINS = 64
_CUT_DISTANCE = 0.5  # of luma histograms, of at most 2
_CUT_FACTOR, _GUARD = 3.0, 1 / 255
_NEIGHBOURS, _FEWEST_OTHERS, _FEWEST_PAIRS = 8, 3, 4


class Warp(NamedTuple):
    """How well flow carries the second of two frames back onto the first."""

    error: Maybe  # mean squared difference over 255^2
    occluded_share: float
    residual: float  # mean absolute difference of luma over 255, occluded pixels included


class Cuts(NamedTuple):
    """Where a video is cut, by position of the pair of frames."""

    distances: tuple[float, ...]  # of luma histograms, 0 to 2
    pairs: tuple[int, ...]
    reason: Absent | None


def frame_change(first: Frame, second: Frame) -> float:
    """Return the mean absolute difference of two frames, 0 to 255, in float32 as VBench does."""
    a, b = first.astype(np.float32), second.astype(np.float32)
    return float(np.mean(np.abs(a - b)))


def vbench_flicker(changes: Sequence[float]) -> Maybe:
    """Return VBench's temporal flickering score, 1 for a still, from the changes of its pairs.

    It falls with honest motion; upstream uses it on static videos only.
    """
    return (255.0 - float(np.mean(changes))) / 255.0 if len(changes) else Absent.ONE_FRAME


def global_flicker(means: Sequence[float]) -> Maybe:
    """Return the flicker of mean luma, 0 to 1: what differs from the mean of both neighbours."""
    if len(means) < 3:
        return Absent.ONE_FRAME if len(means) < 2 else Absent.TOO_FEW_FRAMES
    y = np.asarray(means, float)
    return float(np.std(y[1:-1] - (y[:-2] + y[2:]) / 2)) / 255.0


def warp(first: Frame, second: Frame, forward: Flow, backward: Flow) -> Warp:
    """Carry ``second`` back along the flow and compare it with ``first``.

    A pixel is occluded where it leaves the picture, and where going forward and back does not
    end near where it began; the error is absent where most pixels are.

    Args:
        first: uint8 RGB.
        second: of the same size.
        forward: flow from first to second.
        backward: flow from second to first.
    """
    height, width = forward.shape[:2]
    x = np.arange(width, dtype=forward.dtype) + forward[..., 0]
    y = np.arange(height, dtype=forward.dtype)[:, None] + forward[..., 1]
    carried = bilinear(np.concatenate([second.astype(backward.dtype), backward], axis=-1), x, y)
    colour, back = carried[..., :3], carried[..., 3:]
    gap = _squared(forward + back)
    apart = gap > 0.01 * (_squared(forward) + _squared(back)) + 0.5
    occluded = apart | (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    difference = colour - first
    residual = float(np.mean(np.abs(luma(difference)))) / 255.0
    share = float(occluded.mean())
    if share > MOST_OCCLUDED:
        return Warp(Absent.OCCLUDED, share, residual)
    squares = np.square(difference).sum(axis=-1, dtype=np.float64)[~occluded]
    return Warp(float(squares.mean()) / 3 / 255.0**2, share, residual)


def cycle_error(forward: Flow, backward: Flow) -> Maybe:
    """Return how far, in pixels, going forward and back ends from where it began, on average.

    That is the end-point error of WorldArena's photometric consistency, to the nearest pixel and
    without a margin of 15 px (``flow_aepe_metrics.py``), whose flow is that of SEA-RAFT. There it
    is of neighbouring frames at native size, and its inverse is the score.
    """
    there, back = (flow[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] for flow in (forward, backward))
    height, width = there.shape[:2]
    if not there.size:
        return Absent.TOO_SMALL
    x = np.clip(np.rint(np.arange(width) + there[..., 0]), 0, width - 1).astype(np.intp)
    y = np.clip(np.rint(np.arange(height)[:, None] + there[..., 1]), 0, height - 1).astype(np.intp)
    return float(np.sqrt(_squared(there + back[y, x])).mean(dtype=np.float64))


def bilinear(image: NDArray, x: Plane, y: Plane) -> Plane:
    """Sample an image of shape (height, width, channels) at places; beyond its edge, the edge."""
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left = np.minimum(x.astype(np.intp), max(width - 2, 0))
    top = np.minimum(y.astype(np.intp), max(height - 2, 0))
    planes = np.ascontiguousarray(np.moveaxis(image, -1, 0)).reshape(-1, height * width)
    place = top * width + left
    right, down = (1 if width > 1 else 0), (width if height > 1 else 0)
    along, below = x - left.astype(x.dtype), y - top.astype(y.dtype)
    upper, lower = (
        planes.take(start, axis=1) * (1 - along) + planes.take(start + right, axis=1) * along
        for start in (place, place + down)
    )
    return np.moveaxis(upper * (1 - below) + lower * below, 0, -1)


def _squared(flow: Flow) -> Plane:
    return flow[..., 0] ** 2 + flow[..., 1] ** 2


def luma_histogram(y: Plane) -> NDArray[np.float64]:
    """Return the shares of luma in 64 equal bins from 0 to 256."""
    counts = np.bincount((y.ravel() / (256 / _BINS)).astype(np.intp), minlength=_BINS)
    return counts / y.size


def find_cuts(histograms: Sequence[NDArray], residuals: Sequence[float]) -> Cuts:
    """Find the pairs between which the scene changes.

    A cut shows in the histogram and in what flow cannot explain, by more than three times the
    median of the pairs around it.

    Args:
        histograms: of luma, one for each frame.
        residuals: of luma after warping, one for each pair.
    """
    distances = tuple(_chi_square(p, q) for p, q in pairwise(histograms))
    if len(distances) < _FEWEST_PAIRS:
        return Cuts(distances, (), Absent.TOO_FEW_FRAMES)
    found = [
        place
        for place, distance in enumerate(distances)
        if distance > _CUT_DISTANCE and _stands_out(residuals, place)
    ]
    return Cuts(distances, tuple(found), None)


def _chi_square(p: NDArray, q: NDArray) -> float:
    total = p + q
    return float(np.sum(np.square(p - q)[total > 0] / total[total > 0]))


def _stands_out(residuals: Sequence[float], place: int) -> bool:
    around = range(max(0, place - _NEIGHBOURS), min(len(residuals), place + _NEIGHBOURS + 1))
    others = [residuals[one] for one in around if one != place]
    if len(others) < _FEWEST_OTHERS:
        return False
    return residuals[place] > _CUT_FACTOR * max(float(np.median(others)), _GUARD)
