"""Where profiles meet the reference model: what is timed, and on which device."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import ConfigError, PreconditionError
from harness.profiling.sweep import Prepare
from harness.profiling.timers import Timer, Work, cpu_timer, cuda_timer

if TYPE_CHECKING:
    from model.config import ModelConfig, VideoConfig

SIDE = 16  # latent rows and columns: 64 tokens per frame at a patch of 2 x 2
TEXT = 8  # text tokens


class Timing(NamedTuple):
    """How to time on a device."""

    name: str
    threads: int
    timer: Timer
    exhausted: tuple[type[BaseException], ...]


def require_torch() -> None:
    """Say how to install the reference model's packages when they are absent."""
    if importlib.util.find_spec("torch") is None:
        raise PreconditionError(
            "the reference model needs torch", hint="pip install 'kairos-eval[model]'"
        )


def timing_on(device: str) -> Timing:
    """Return how to time on ``cpu`` or ``cuda``; a CPU is used with one thread.

    Raises:
        ConfigError: another device.
        PreconditionError: a GPU is asked for and there is none.
    """
    require_torch()
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
        return Timing("cpu", 1, cpu_timer, (MemoryError,))
    if device != "cuda":
        raise ConfigError(f"unknown device {device!r}", expected="cpu or cuda")
    if not torch.cuda.is_available():
        raise PreconditionError("no CUDA device is there", hint="use --device cpu")
    exhausted = (MemoryError, torch.OutOfMemoryError)
    return Timing(torch.cuda.get_device_name(), torch.get_num_threads(), cuda_timer, exhausted)


def parse_lengths(text: str) -> list[int]:
    """Read comma-separated token counts; each must be whole frames."""
    frame = (SIDE // 2) ** 2
    lengths = [part.strip() for part in text.split(",") if part.strip()]
    for part in lengths:
        if not part.isdecimal() or int(part) < frame or int(part) % frame:
            raise ConfigError(
                f"length {part!r}", expected=f"a multiple of {frame} tokens (one frame)"
            )
    if not lengths:
        raise ConfigError("no lengths", expected="e.g. 512,1024,2048")
    return sorted({int(part) for part in lengths})


def config_of(name: str) -> ModelConfig:
    """Return a configuration by name.

    Raises:
        ConfigError: no such name; gives the nearest ones.
    """
    require_torch()
    from model.config import get_config

    try:
        return get_config(name)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def arms_of(name: str, device: str) -> Mapping[str, Prepare]:
    """Return what is timed: the network, the same with full attention, each kind alone."""
    from model.config import full_attention

    video = config_of(name).video
    variants = {"hybrid": video, "full attention": full_attention(video)}
    for kind in dict.fromkeys(video.layers):
        variants[f"{kind} alone"] = replace(video, layers=(kind,) * len(video.layers))
    return {arm: preparer(config, device) for arm, config in variants.items()}


def preparer(config: VideoConfig, device: str) -> Prepare:
    """Return what builds one forward of a network at a length, with fixed random weights."""
    import torch

    from model.network import VideoDiT

    torch.manual_seed(0)
    network: Any = VideoDiT(config).eval().to(device)

    def prepare(length: int) -> Work:
        frames = length // (SIDE // 2) ** 2
        latents = torch.randn(1, config.in_channels, frames, SIDE, SIDE, device=device)
        text = torch.randn(1, TEXT, config.text_dim, device=device)
        time = torch.full((1,), 500.0, device=device)

        def work() -> None:
            with torch.inference_mode():
                network(latents, time, text)

        return work

    return prepare
