"""Rotary position codes: frame, row and column for video tokens, one axis for action tokens.

Adjacent channels ``(2c, 2c + 1)`` of a head are one complex number, turned by
``position * 10000**(-c / pairs)`` for pair ``c`` of an axis with ``pairs`` pairs. Angles are
computed when needed, so a stream may run past the 1024 frames of the released tables, and they
always use the original frame index: a dilated window still measures true frame distances.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BASE = 10_000.0


def axis_pairs(head_dim: int) -> tuple[int, int, int]:
    """Return how many channel pairs encode frame, row and column (kairos_dit_v2.py).

    Rows and columns get a third of the pairs each, rounded down; frames get the rest.

    Raises:
        ValueError: the head width is odd or too narrow to hold a pair per axis.
    """
    if head_dim % 2 or head_dim < 6:
        raise ValueError(f"rotary code: expected an even head width of at least 6, got {head_dim}")
    half = head_dim // 2
    spatial = half // 3
    return half - 2 * spatial, spatial, spatial


def axis_angles(positions: Tensor, pairs: int) -> Tensor:
    """Return the angles of one axis in float64, shape ``[*positions, pairs]``."""
    exponents = torch.arange(pairs, dtype=torch.float64, device=positions.device) / pairs
    return positions.double()[..., None] * BASE**-exponents


def video_angles(
    frames: int,
    height: int,
    width: int,
    head_dim: int,
    *,
    first_frame: int = 0,
    device: torch.device | None = None,
) -> Tensor:
    """Return the angles of a video's tokens, ``[F * h * w, head_dim / 2]``, frame-major."""
    axes = (
        torch.arange(first_frame, first_frame + frames, device=device),
        torch.arange(height, device=device),
        torch.arange(width, device=device),
    )
    grids = torch.meshgrid(*axes, indexing="ij")
    angles = [axis_angles(g, n) for g, n in zip(grids, axis_pairs(head_dim), strict=True)]
    return torch.cat(angles, -1).flatten(0, 2)


def action_angles(actions: int, head_dim: int, device: torch.device | None = None) -> Tensor:
    """Return the angles of action tokens 0, 1, ..., ``[A, head_dim / 2]``, over all pairs."""
    return axis_angles(torch.arange(actions, device=device), head_dim // 2)


class Rotation(NamedTuple):
    """Cosines and sines of the angles, ``[N, 1, hd / 2]``, in the network's dtype."""

    cos: Tensor
    sin: Tensor


def rotation(angles: Tensor, like: Tensor) -> Rotation:
    """Prepare angles ``[N, hd / 2]`` once for all layers, in the dtype given."""
    return Rotation(angles.cos().to(like)[:, None], angles.sin().to(like)[:, None])


def rotate(x: Tensor, turn: Rotation) -> Tensor:
    """Turn the channel pairs of ``x [B, N, H, hd]``."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = (even * turn.cos - odd * turn.sin, even * turn.sin + odd * turn.cos)
    return torch.stack(turned, -1).flatten(-2)
