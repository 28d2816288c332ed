"""Which keys a query may see: windows of frames, dilation, causality, and the mixture's regions.

This file defines visibility and computes no attention; ``attention.py`` has a kernel that never
builds these matrices and is tested against them. Tokens are frame-major: token ``i`` belongs to
frame ``i // L``, with ``L`` tokens per frame. The released code has two window rules and the
paper a third; they differ in width (kairos_dit_v2.py:222, mot_mask_utils.py:72, eq. 7):

====== ======================================= ================
rule   visible if                              keys inside
====== ======================================= ================
token  ``abs(i - j) <= w * L``                 ``2 w L + 1``
frame  ``abs(i // L - j // L) < w``            ``(2 w - 1) L``
paper  ``abs(i - j) <= w * L / 2``             ``w L + 1``
====== ======================================= ================

A dilation ``d`` applies the rule inside each residue class of the frame index modulo ``d``, with
frame ``f`` at place ``f // d``. ``residue_mask`` and ``fold_exact`` do just that (the first is the
released mask function, for the frame rule only); ``fold_zero_pad`` first appends between one and
``d`` frames of zero keys and values, which are *visible* (mot.py:455-486), and drops the dilation
when ``F // d <= 1``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

Semantics = Literal["token", "frame", "paper"]
DilationRule = Literal["residue_mask", "fold_exact", "fold_zero_pad"]
Causality = Literal["bidirectional", "block_causal", "causal"]


@dataclass(frozen=True)
class Window:
    """One layer's rule of visibility.

    Args:
        frames: window ``w``; ``None`` sees every frame (full attention).
        semantics: ``token``, ``frame`` or ``paper`` (see the module).
        dilation: ``d``, at least 1.
        dilation_rule: what a dilation does at the clip's end.
        causality: ``causal`` hides later frames; ``block_causal`` hides later blocks.
        block: frames per block, for ``block_causal``.

    Raises:
        ValueError: a number below 1, an unknown word, or ``residue_mask`` with a token window.
    """

    frames: int | None
    semantics: Semantics = "frame"
    dilation: int = 1
    dilation_rule: DilationRule = "fold_exact"
    causality: Causality = "bidirectional"
    block: int = 1

    def __post_init__(self) -> None:
        for name in ("frames", "dilation", "block"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"window: {name} must be at least 1, got {value}")
        words = (("semantics", Semantics), ("dilation_rule", DilationRule))
        for name, allowed in (*words, ("causality", Causality)):
            if getattr(self, name) not in get_args(allowed):
                raise ValueError(
                    f"window: unknown {name} {getattr(self, name)!r}, "
                    f"expected one of {', '.join(get_args(allowed))}"
                )
        if self.dilation_rule == "residue_mask" and self.semantics != "frame":
            raise ValueError(
                "window: residue_mask is defined for the frame rule only; "
                f"use fold_exact with the {self.semantics} rule"
            )

    def radius(self, tokens_per_frame: int) -> int | None:
        """Return the largest visible distance in tokens, or None where whole frames decide."""
        if self.frames is None or self.semantics == "frame":
            return None
        width = self.frames * tokens_per_frame
        return width if self.semantics == "token" else width // 2

    def reach(self, tokens_per_frame: int) -> int | None:
        """Return how many (dilated) frames away a visible key can be; None: any number."""
        if self.frames is None:
            return None
        radius = self.radius(tokens_per_frame)
        return self.frames - 1 if radius is None else -(-radius // tokens_per_frame)

    def past_frames(self, tokens_per_frame: int) -> int | None:
        """Return how many frames before the present a streaming layer must keep; None: all."""
        reach = self.reach(tokens_per_frame)
        return None if reach is None else reach * self.dilation

    def last_frame(self, frame: int) -> int | None:
        """Return the last frame that causality lets a frame see; None: no such limit."""
        if self.causality == "bidirectional":
            return None
        block = self.block if self.causality == "block_causal" else 1
        return (frame // block + 1) * block - 1

    def for_clip(self, frames: int) -> Window:
        """Return the rule as it acts on a clip: zero-padded folding is dropped on a short one."""
        if self.dilation_rule == "fold_zero_pad" and frames // self.dilation <= 1:
            return replace(self, dilation=1)
        return self

    def padding(self, frames: int) -> int:
        """Return how many zero frames ``fold_zero_pad`` appends to a clip (mot.py:455)."""
        window = self.for_clip(frames)
        if window.dilation == 1 or self.dilation_rule != "fold_zero_pad":
            return 0
        return self.dilation - frames % self.dilation


def visible(
    window: Window,
    tokens_per_frame: int,
    queries: range,
    keys: range,
    device: torch.device | None = None,
) -> Tensor:
    """Return which key token each query token may see, as booleans ``[Nq, Nk]``.

    Args:
        window: the rule.
        tokens_per_frame: ``L``.
        queries: absolute indices of the query frames.
        keys: absolute indices of the key frames; with ``fold_zero_pad`` the appended ones too.
        device: where to make the mask, which is large; ``None`` is torch's default.
    """
    frame_q, place_q = _places(queries, tokens_per_frame, window.dilation, device)
    frame_k, place_k = _places(keys, tokens_per_frame, window.dilation, device)
    frame_q, place_q = frame_q[:, None], place_q[:, None]
    seen = (frame_q - frame_k) % window.dilation == 0
    if window.frames is not None:
        distance, width = (place_q - place_k).abs(), window.frames * tokens_per_frame
        if window.semantics == "token":
            seen &= distance <= width
        elif window.semantics == "paper":
            seen &= 2 * distance <= width
        else:
            apart = place_q // tokens_per_frame - place_k // tokens_per_frame
            seen &= apart.abs() < window.frames
    if window.causality != "bidirectional":
        block = window.block if window.causality == "block_causal" else 1
        seen &= frame_k // block <= frame_q // block
    return seen


def mixture_mask(
    window: Window,
    *,
    tokens_per_frame: int,
    frames: int,
    history: int,
    actions: int,
    restrict_history: bool,
    all_history: bool,
    device: torch.device | None = None,
) -> Tensor:
    """Return the mask of video and action tokens together, booleans ``[V + A, V + A]``.

    Token order is history video, future video, actions. Video never sees actions; actions see
    the history and one another without a window. The video rows alone, the action rows and the
    action corner are the other three masks of the release (mot_mask_utils.py:60-110).

    Args:
        window: the layer's rule for video among video.
        tokens_per_frame: ``L``.
        frames: video frames, history included.
        history: clean frames at the start, at most ``frames``.
        actions: action tokens.
        restrict_history: history queries see history only.
        all_history: every video query, those of the history included, sees every history token;
            applied after the restriction.
        device: where to make the mask; ``None`` is torch's default.

    Raises:
        ValueError: more history than frames, or a negative count.
    """
    if not 0 <= history <= frames or actions < 0:
        raise ValueError(
            f"mask: expected 0 <= history <= frames and actions >= 0, "
            f"got history {history}, frames {frames}, actions {actions}"
        )
    video, past = frames * tokens_per_frame, history * tokens_per_frame
    mask = torch.zeros(video + actions, video + actions, dtype=torch.bool, device=device)
    clip = range(frames)
    mask[:video, :video] = visible(window, tokens_per_frame, clip, clip, device)
    if restrict_history:
        mask[:past, past:video] = False
    if all_history:
        mask[:video, :past] = True
    mask[video:, :past] = True
    mask[video:, video:] = True
    return mask


def _places(
    frames: range, tokens_per_frame: int, dilation: int, device: torch.device | None
) -> tuple[Tensor, Tensor]:
    """Return each token's frame, and its token index within its residue class."""
    frame = torch.arange(frames.start, frames.stop, device=device)
    frame = frame.repeat_interleave(tokens_per_frame)
    within = torch.arange(tokens_per_frame, device=device).repeat(len(frames))
    return frame, frame // dilation * tokens_per_frame + within
