"""What a network remembers between two parts of a clip."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from model.gated_delta import DeltaState


class KeyValues(NamedTuple):
    """Rotated keys and values of a softmax layer, ``[B, N, H, hd]`` each."""

    k: Tensor
    v: Tensor


LayerState = DeltaState | KeyValues


class StreamState(NamedTuple):
    """What a streaming network remembers after ``frames`` frames of ``height x width`` latents.

    A softmax layer keeps the keys and values of the frames its window can still reach; a gated
    delta layer its memory. Apart from full attention, the size does not grow with ``frames``.
    """

    frames: int
    height: int
    width: int
    layers: tuple[LayerState, ...]

    def bytes(self) -> int:
        """Return the memory that the tensors take."""
        return sum(t.numel() * t.element_size() for layer in self.layers for t in layer)
