"""How much moves, from optical flow: speed, VBench's dynamic degree, camera against objects.

A flow has shape (height, width, 2): to the right and down, in pixels, from one frame to the next.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.timing import SHORT_SIDE

Flow = NDArray[np.floating]

FLOOR_PX = 0.1
"""Motion below this is none that can be measured: what dense flow shows on a static scene."""
MOVING_PX = 3 * FLOOR_PX
"""What the camera leaves above this is an object's motion."""
TOP_SHARE = 0.05
_THRESHOLD = 6.0  # px at a short side of 256, of VBench
_GRID_START, _GRID_STEP = 8, 16
_INLIER_PX = 1.0
_RANSAC_SEED = 0


class PairMotion(NamedTuple):
    """Motion between two frames; speeds in diagonals a second."""

    mean: float
    top5: float
    moving_share: float  # of pixels above the floor


class Speed(NamedTuple):
    """Motion of a video: the median speed of its pairs, and the path in diagonals."""

    speed: Maybe
    path: Maybe
    used: int  # pairs


class DynamicDegree(NamedTuple):
    """VBench's binary dynamic degree, with what it is made of."""

    scores: tuple[float, ...]
    threshold: float
    count_needed: int
    moves: bool


class CameraSplit(NamedTuple):
    """Motion of the camera and of what is left once it is taken away, in pixels."""

    camera_px: Maybe
    object_px: Maybe
    moving_share: Maybe


def pair_motion(flow: Flow, rate: float) -> PairMotion:
    """Return the motion of one pair; ``rate`` is how many such pairs a second holds."""
    size = np.hypot(flow[..., 0], flow[..., 1]).ravel().astype(np.float64)
    diagonal = float(np.hypot(*flow.shape[:2]))
    count = max(1, int(TOP_SHARE * size.size))
    top = np.partition(size, size.size - count)[size.size - count :]
    scale = rate / diagonal
    moving = float(np.mean(size > FLOOR_PX))
    return PairMotion(float(size.mean()) * scale, float(top.mean()) * scale, moving)


def speed_floor(height: int, width: int, rate: float) -> float:
    """Return the noise floor as a speed, in diagonals a second."""
    return FLOOR_PX * rate / float(np.hypot(height, width))


def speed(
    pairs: Sequence[PairMotion], floor: float, rate: float, cuts: Collection[int] = ()
) -> Speed:
    """Return the motion of a video from its pairs, those that cross a cut left out.

    Args:
        pairs: in order of time.
        floor: speed below which none is measurable.
        rate: pairs a second.
        cuts: positions of pairs that cross a cut.
    """
    kept = [pair.mean for place, pair in enumerate(pairs) if place not in cuts]
    if not kept:
        reason = Absent.ALL_CUT if pairs else Absent.ONE_FRAME
        return Speed(reason, reason, 0)
    middle = float(np.median(kept))
    if middle < floor:
        return Speed(Absent.BELOW_FLOOR, Absent.BELOW_FLOOR, len(kept))
    return Speed(middle, sum(kept) / rate, len(kept))


def dynamic_degree(
    flows: Sequence[Flow], frames: int, frame_short_side: int | None = None
) -> DynamicDegree:
    """Return VBench's dynamic degree, bug for bug.

    With two frames no pair needs to move, so a static one counts as moving; frames of fewer than
    20 pixels have a top of nothing, whose mean is NaN. Source: ``vbench/dynamic_degree.py:44-90``
    of Vchitect/VBench, 45e79ec; 11abda9 multiplies the threshold by max(1, 8/fps).

    Args:
        flows: between consecutive sampled frames; computed in float32.
        frames: sampled frames.
        frame_short_side: of the frames, where flows are padded.
    """
    scores = tuple(_top_mean(np.asarray(flow, np.float32)) for flow in flows)
    short = min(flows[0].shape[:2]) if frame_short_side is None else frame_short_side
    threshold, needed = _THRESHOLD * short / SHORT_SIDE, round(4 * frames / 16)
    count, moves = 0, False
    for score in scores:
        count += score > threshold
        moves = moves or count >= needed
    return DynamicDegree(scores, threshold, needed, moves)


def _top_mean(flow: NDArray[np.float32]) -> float:
    size = np.sqrt(flow[..., 0] ** 2 + flow[..., 1] ** 2).ravel()
    count = int(TOP_SHARE * size.size)
    top = np.sort(size)[::-1][:count]
    return float(np.abs(top).mean()) if count else float("nan")


def camera_split(flow: Flow) -> CameraSplit:
    """Split flow into that of a moving camera and the rest; see ``camera_flow``.

    Raises:
        ModuleNotFoundError: OpenCV is not installed.
    """
    camera = camera_flow(flow)
    if camera is None:
        return CameraSplit(Absent.CAMERA_FIT, Absent.CAMERA_FIT, Absent.CAMERA_FIT)
    return CameraSplit(
        float(np.hypot(camera[..., 0], camera[..., 1]).mean()),
        float(_left(flow, camera).mean()),
        float(np.mean(_left(flow, camera) > MOVING_PX)),
    )


def moving(flow: Flow) -> NDArray[np.bool_] | None:
    """Return which pixels move otherwise than the camera; None where no camera can be fitted."""
    camera = camera_flow(flow)
    return None if camera is None else _left(flow, camera) > MOVING_PX


def _left(flow: Flow, camera: Flow) -> NDArray[np.floating]:
    return np.hypot(*np.moveaxis(flow - camera, -1, 0))


def camera_flow(flow: Flow) -> Flow | None:
    """Return the flow of a moving camera: a homography, of the shape of ``flow``.

    It is fitted to a grid of 16 px by RANSAC with inliers within 1 px, then again to the inliers.
    None where they are fewer than half of the grid.

    Raises:
        ModuleNotFoundError: OpenCV is not installed.
    """
    cv2 = import_module("cv2")
    height, width = flow.shape[:2]
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(float)
    grid = np.s_[_GRID_START::_GRID_STEP, _GRID_START::_GRID_STEP]
    start = pixels[grid].reshape(-1, 2)
    end = start + flow[grid].reshape(-1, 2)
    cv2.setRNGSeed(_RANSAC_SEED)
    if len(start) < 4:
        return None
    matrix, inliers = cv2.findHomography(start, end, cv2.RANSAC, _INLIER_PX)
    if matrix is None or 2 * int(inliers.sum()) < len(start):
        return None
    kept = inliers.ravel().astype(bool)
    matrix, _ = cv2.findHomography(start[kept], end[kept], 0)
    if matrix is None:
        return None
    camera = cv2.perspectiveTransform(pixels.reshape(1, -1, 2), matrix)
    return camera.reshape(pixels.shape) - pixels
