"""Sinusoidal codes for time and place, and the small network that embeds them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BASE = 10_000.0


def time_code(timesteps: Tensor, width: int) -> Tensor:
    """Return the sinusoidal code of timesteps in [0, 1000], cosines first, in float64.

    ``[cos(p f_0), ..., cos(p f_n), sin(p f_0), ...]`` with ``f_i = 10000**(-2 i / width)``.
    """
    half = width // 2
    rates = BASE ** (-torch.arange(half, dtype=torch.float64, device=timesteps.device) / half)
    angles = timesteps.double()[..., None] * rates
    return torch.cat((angles.cos(), angles.sin()), -1)


def place_code(height: int, width: int, channels: int) -> Tensor:
    """Return the 2D code of a grid in float64, ``[1, h * w, channels]``.

    The first half of the channels codes the row and the second the column, each as sines then
    cosines.

    Raises:
        ValueError: the channels cannot be split into four equal parts.
    """
    if channels % 4:
        raise ValueError(f"place code: expected a multiple of 4 channels, got {channels}")
    quarter = channels // 4
    rates = BASE ** (-torch.arange(quarter, dtype=torch.float64) / quarter)

    def axis(size: int) -> Tensor:
        angles = torch.arange(size, dtype=torch.float64)[:, None] * rates
        return torch.cat((angles.sin(), angles.cos()), -1)

    rows = axis(height)[:, None].expand(-1, width, -1)
    columns = axis(width)[None].expand(height, -1, -1)
    return torch.cat((rows, columns), -1).flatten(0, 1)[None]


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Return ``Linear, SiLU, Linear``, the form of every embedding network of the release."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.SiLU(), nn.Linear(outputs, outputs))
