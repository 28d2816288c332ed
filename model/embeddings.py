"""Codes for time and place, and the small networks that embed time, text and the first frame."""

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


class TimeEmbedding(nn.Module):
    """Timestep to the embedding ``t`` and the six modulation rows ``m`` of every block.

    ``t = MLP(time_code(p))`` and ``m = Linear(SiLU(t))``, rows in the order scale, shift, gate,
    scale, shift, gate (kairos_dit_v2.py:406).
    """

    def __init__(self, dim: int, freq_dim: int) -> None:
        super().__init__()
        self.freq_dim = freq_dim
        self.embedding = mlp(freq_dim, dim)
        self.projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))

    def forward(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Embed timesteps ``[...]`` as ``t [..., dim]`` and ``m [..., 6, dim]``."""
        code = time_code(timesteps, self.freq_dim).to(self.embedding[0].weight)
        t = self.embedding(code)
        return t, self.projection(t).unflatten(-1, (6, -1))


class FirstFrame(nn.Module):
    """Tokens of the first latent frame, to stand before the text (off in every release).

    Two strided convolutions, then LayerNorm, Linear, SiLU, Linear, LayerNorm, plus the 2D code.
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.image_downsample = nn.Sequential(
            nn.Conv2d(channels, dim, 3, stride=2, padding=1),
            nn.Conv2d(dim, dim, 3, stride=2, padding=1),
        )
        self.proj = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim),
            nn.LayerNorm(dim),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Embed a latent frame ``[B, C, H, W]`` as tokens ``[B, (H / 4) * (W / 4), dim]``."""
        x = self.image_downsample(latent)
        code = place_code(*x.shape[-2:], x.shape[1]).to(x)
        return self.proj(x.flatten(2).mT) + code
