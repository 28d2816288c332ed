"""Block-by-block generation with a carried memory.

Streaming equals one forward over the whole clip exactly when nothing looks ahead of its block:
gated delta layers are causal by construction; softmax layers must have ``causal`` or
``block_causal`` windows whose blocks divide the streamed ones; and the end of the clip must not
matter, which rules out ``fold_zero_pad``. A network that breaks a condition is refused.

The released code carries nothing between forwards; this is the rollout that the paper describes.
For each block the noisy tokens are denoised against a committed state that stays as it is, then
one pass of the clean block at timestep 0 commits it, so a block costs steps + 1 passes whatever
its place, and the state is that of one clean forward over everything so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from model.config import VideoConfig
from model.diffusion import Velocity, euler
from model.gated_delta import DeltaState
from model.masks import Window
from model.network import VideoDiT
from model.states import KeyValues, LayerState, StreamState

Sampler = Callable[[Velocity, Tensor, Sequence[float]], Tensor]
"""From a velocity field, starting noise and levels to a clean block; ``euler`` or ``renoise``."""


def obstacles(config: VideoConfig, frames: int) -> list[str]:
    """Say why a network cannot stream blocks of ``frames`` latent frames; empty if it can."""
    found = []
    softmax = any(kind != "GATED" for kind in config.layers)
    dilated = "DSWA" in config.layers and max(config.dilations) > 1
    if frames < 1:
        found.append(f"a block holds at least one frame, got {frames}")
    if softmax and config.causality == "bidirectional":
        found.append("its bidirectional windows look at frames that are not there yet")
    if softmax and config.causality == "block_causal" and frames % config.block:
        found.append(f"blocks of {frames} frames are not whole blocks of {config.block}")
    if dilated and config.dilation_rule == "fold_zero_pad":
        found.append("fold_zero_pad depends on where the clip ends")
    if config.first_frame_tokens:
        found.append("its text carries features of the clip's first frame")
    if softmax and config.all_history:
        found.append("all_history keeps every frame in sight, so its memory would grow")
    return found


def start(model: VideoDiT, batch: int, height: int, width: int) -> StreamState:
    """Return the state before the first frame, of latent size ``height x width``.

    Raises:
        ValueError: the network cannot stream at all.
    """
    _refuse(model.config, model.config.block)
    config, like = model.config, model.patch_embedding.weight
    layers: list[LayerState] = []
    for window in model.windows:
        if window is None:
            delta = config.delta
            keys, values = delta.heads * delta.key_dim, delta.heads * delta.value_dim
            rows = delta.conv - 1
            memory = like.new_zeros(batch, delta.heads, delta.key_dim, delta.value_dim)
            q, k, v = (like.new_zeros(batch, rows, n) for n in (keys, keys, values))
            layers.append(DeltaState(memory, q, k, v))
        else:
            empty = like.new_zeros(batch, 0, config.heads, config.head_dim)
            layers.append(KeyValues(empty, empty))
    return StreamState(0, height, width, tuple(layers))


def advance(
    model: VideoDiT,
    latents: Tensor,
    timesteps: Tensor,
    context: Tensor,
    state: StreamState,
    *,
    context_mask: Tensor | None = None,
) -> tuple[Tensor, StreamState]:
    """Run one block after everything committed; return its velocity and the state after it.

    Args:
        model: a network that can stream.
        latents: the block ``[B, C, f, H, W]``.
        timesteps: ``[B]``.
        context: text states ``[B, Lt, text_dim]``.
        state: of ``start`` or of an earlier block; not changed.
        context_mask: booleans ``[B, Lt]``.

    Raises:
        ValueError: the network cannot stream such a block, or the sizes do not match the state.
    """
    _refuse(model.config, latents.shape[2])
    if tuple(latents.shape[3:]) != (state.height, state.width):
        raise ValueError(
            f"stream: expected a block of {state.height} x {state.width} latents like the "
            f"committed frames, got {latents.shape[3]} x {latents.shape[4]}"
        )
    if latents.shape[0] != state.layers[0][0].shape[0]:
        raise ValueError(
            f"stream: expected {state.layers[0][0].shape[0]} clips as committed, "
            f"got {latents.shape[0]}"
        )
    clip = model.embed(latents, timesteps, context, context_mask, first=state.frames)
    layers: list[LayerState] = []

    def keep(window: Window | None, after: LayerState) -> None:
        layers.append(_trimmed(window, after, clip.tokens_per_frame))

    velocity = model.project(model.run_blocks(clip, state, keep), clip)
    frames = state.frames + latents.shape[2]
    return velocity, StreamState(frames, state.height, state.width, tuple(layers))


def rollout(
    model: VideoDiT,
    noises: Sequence[Tensor],
    context: Tensor,
    sigmas: Sequence[float],
    *,
    state: StreamState | None = None,
    sampler: Sampler = euler,
    context_mask: Tensor | None = None,
) -> Iterator[tuple[Tensor, StreamState]]:
    """Generate block after block; yield each clean block and the state after its commit.

    Args:
        model: a network that can stream.
        noises: starting noise of each block ``[B, C, f, H, W]``.
        context: text states.
        sigmas: noise levels of every block.
        state: of committed history; ``None`` starts from nothing.
        sampler: turns noise to a clean block.
        context_mask: booleans ``[B, Lt]``.

    Raises:
        ValueError: the network cannot stream such blocks.
    """
    for noise in noises:
        if state is None:
            state = start(model, noise.shape[0], *noise.shape[3:])
        committed = state

        def velocity(x: Tensor, timesteps: Tensor, committed: StreamState = committed) -> Tensor:
            return advance(model, x, timesteps, context, committed, context_mask=context_mask)[0]

        clean = sampler(velocity, noise, sigmas)
        state = commit(model, clean, context, committed, context_mask=context_mask)
        yield clean, state


def commit(
    model: VideoDiT,
    clean: Tensor,
    context: Tensor,
    state: StreamState,
    *,
    context_mask: Tensor | None = None,
) -> StreamState:
    """Return the state after a clean block, seen at timestep 0 as history is."""
    zero = torch.zeros(clean.shape[0], device=clean.device)
    return advance(model, clean, zero, context, state, context_mask=context_mask)[1]


def _trimmed(window: Window | None, after: LayerState, tokens_per_frame: int) -> LayerState:
    """Drop the keys that no later frame can see."""
    past = window.past_frames(tokens_per_frame) if window else None
    if past is None or isinstance(after, DeltaState):
        return after
    first = max(0, after.k.shape[1] - past * tokens_per_frame)
    return KeyValues(after.k[:, first:].clone(), after.v[:, first:].clone())


def _refuse(config: VideoConfig, frames: int) -> None:
    if found := obstacles(config, frames):
        raise ValueError(
            f"this network cannot stream: {'; '.join(found)}. Use a configuration with "
            "causality 'causal' or 'block_causal' and dilation rule 'fold_exact' or 'residue_mask'"
        )
