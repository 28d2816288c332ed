"""Optical flow between two frames, by OpenCV; its version is part of every value that rests on it.

DIS: Kroeger et al. 2016. Farneback: 2003, with pyramids halved three times and windows of 15 px.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from suites.clips.measures.appearance import Frame, luma
from suites.clips.measures.motion import Flow

Grey = NDArray[np.uint8]
PairFlow = Callable[[Grey, Grey], Flow]

FLOWS = ("dis-medium", "dis-fast", "farneback")
HINT = "pip install 'kairos-eval[video]'"
_FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)
ABSENT = "none: OpenCV is not installed"


def flow_id(name: str) -> str:
    """Return what flow is measured by: algorithm and version of its library."""
    if find_spec("cv2") is None:
        return ABSENT
    return f"{name}, OpenCV {import_module('cv2').__version__}"


def grey_of(frame: Frame) -> Grey:
    """Return the luma of a frame in whole levels, as flow takes it."""
    return np.round(luma(frame)).astype(np.uint8)


def halfway(first: Frame, last: Frame, flow: Flow) -> NDArray[np.float32]:
    """Return the frame half-way between two, 0 to 1: the mean of both, each carried half the flow.

    Raises:
        ModuleNotFoundError: OpenCV is not installed.
    """
    cv2 = import_module("cv2")
    half = np.asarray(flow, np.float32) / 2
    place = np.stack(np.meshgrid(*map(np.arange, flow.shape[1::-1])), -1).astype(np.float32)
    ends = [
        cv2.remap(frame, place + away, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for frame, away in ((first, -half), (last, half))
    ]
    return (ends[0].astype(np.float32) + ends[1]) / np.float32(510)


def make_flow(name: str) -> PairFlow | None:
    """Return a function from two planes of luma to the flow between them; None without OpenCV.

    It runs on one thread: parallel work is one process for each video.
    """
    if find_spec("cv2") is None:
        return None
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)
    if name == "farneback":
        return lambda a, b: cv2.calcOpticalFlowFarneback(a, b, None, *_FARNEBACK)
    presets = {"dis-medium": "MEDIUM", "dis-fast": "FAST"}
    preset = getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{presets[name]}")
    dense = cv2.DISOpticalFlow_create(preset)
    return lambda a, b: dense.calc(a, b, None)
