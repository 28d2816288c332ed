"""How far two frames are apart: without a network, and the formula of LPIPS given features.

LPIPS: Zhang et al. 2018, ``lpips/lpips.py`` of the package ``lpips`` 0.1.4. Numbers of different
networks are not comparable, so a network is part of a distance's name.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.appearance import Frame

Layers = list[NDArray[Any]]
"""What is compared of a frame: arrays (channels, rows, columns)."""
CELLS = 16
"""Cells on the short side of ``pooled_rms``."""
_SHIFT = np.array([-0.030, -0.088, -0.188])
_SCALE = np.array([0.458, 0.448, 0.450])
_EPSILON = 1e-10
Range = Literal["uint8", "unit", "signed"]


class Distance(Protocol):
    """How far two frames are apart; each frame is embedded once."""

    def embed(self, frame: Frame) -> Layers:
        """Return what is compared of a frame; shapes follow from its shape."""
        ...

    def between(self, a: Layers, b: Layers) -> float:
        """Return the distance of two embedded frames."""
        ...


class NetworkInput(NamedTuple):
    """Pixels as LPIPS's networks take them, or why they are refused; and a doubt about them."""

    scaled: NDArray[np.float64] | None
    reason: Absent | None
    warning: str | None


def pooled(frame: Frame) -> NDArray[np.float64] | Absent:
    """Return area means, 0 to 1, of 16 cells on the short side, shape (rows, columns, 3)."""
    height, width = frame.shape[:2]
    cell = min(height, width) // CELLS
    if min(height, width) % CELLS or max(height, width) % cell:
        return Absent.NOT_DIVISIBLE
    cells = frame.reshape(height // cell, cell, width // cell, cell, 3)
    return cells.mean(axis=(1, 3)) / 255.0


def pooled_rms(a: Frame, b: Frame) -> Maybe:
    """Return the distance of two frames without a network, 0 to 1: layout and colour alone."""
    if a.shape != b.shape:
        return Absent.UNEQUAL_SIZE
    first, second = pooled(a), pooled(b)
    if isinstance(first, Absent) or isinstance(second, Absent):
        return Absent.NOT_DIVISIBLE
    return rms(first, second)


def rms(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the root of the mean squared difference of two arrays of one shape."""
    return float(np.sqrt(np.mean(np.square(a - b))))


def look(layers: Layers) -> Layers:
    """Return what layers show on average, wherever it is."""
    return [layer.mean(axis=(1, 2), keepdims=True) for layer in layers]


def layout(layers: Layers) -> Layers:
    """Return where layers show what, without what they show on average."""
    return [layer - mean for layer, mean in zip(layers, look(layers), strict=True)]


def at_rest(layers: Layers, moves: NDArray[np.bool_]) -> Layers | None:
    """Return the places of layers where most pixels rest, as one row; None where there is none.

    Args:
        layers: of a frame.
        moves: which pixels of the frame move, shape (height, width); at least as many as places.
    """
    found: Layers = []
    for layer in layers:
        starts = [
            np.arange(count) * size // count
            for size, count in zip(moves.shape, layer.shape[1:], strict=True)
        ]
        moving, every = (
            np.add.reduceat(np.add.reduceat(of, starts[0], 0), starts[1], 1)
            for of in (moves.astype(float), np.ones(moves.shape))
        )
        rests = moving < every / 2
        if not rests.any():
            return None
        found.append(layer[:, rests][:, None])
    return found


def feature_distance(
    x: NDArray[np.floating], y: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> float:
    """Return one layer's share of LPIPS; without weights, every channel counts 1.

    Args:
        x: features of shape (channels, height, width).
        y: of the same shape.
        weights: of the channels.
    """
    apart = np.square(_unit(np.asarray(x, float)) - _unit(np.asarray(y, float)))
    if weights is not None:
        apart = apart * np.asarray(weights, float)[:, None, None]
    return float(apart.sum(axis=0).mean())


def _unit(features: NDArray[np.float64]) -> NDArray[np.float64]:
    return features / (np.sqrt(np.square(features).sum(axis=0)) + _EPSILON)


def network_input(pixels: NDArray, declared: Range) -> NetworkInput:
    """Return pixels as LPIPS's networks take them.

    Args:
        pixels: RGB in the last axis.
        declared: uint8 is 0 to 255 in whole numbers, unit 0 to 1, signed -1 to 1.
    """
    values = np.asarray(pixels, float)
    lo, hi = {"uint8": (0, 255), "unit": (0, 1), "signed": (-1, 1)}[declared]
    broken = declared == "uint8" and bool(np.any(values != np.round(values)))
    if broken or values.min() < lo or values.max() > hi:
        return NetworkInput(None, Absent.RANGE, None)
    narrow = {"uint8": values.max() <= 1, "unit": False, "signed": values.min() >= 0}[declared]
    signed = {"uint8": values / 127.5 - 1, "unit": 2 * values - 1, "signed": values}[declared]
    return NetworkInput((signed - _SHIFT) / _SCALE, None, "looks_like_unit" if narrow else None)
