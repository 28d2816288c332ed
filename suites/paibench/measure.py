"""The eight dimensions of a video by their official networks and inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suites.features import (
    aesthetic_quality,
    cosine,
    image_agreement,
    middle_indices,
    motion_smoothness,
    temporal_consistency,
)
from suites.network_metrics import Clip, Metric
from suites.networks import Network, pixels
from suites.paibench.ingest import PAIRS
from suites.paibench.official import resized, within

_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
Networks = Mapping[str, Network]


def _clip_pixels(frames: NDArray[np.uint8], *, whole: bool = False) -> Any:
    size = resized(224, *frames.shape[1:3])
    return pixels(frames, size, crop=224, norm=_CLIP, whole=whole)


def _agreement(net: Network, clip: Clip, how: Callable[..., Any], width: int | None) -> float:
    """Return ``image_agreement``; the image is resized in whole levels, as PIL does."""
    image = net(how(clip.image[None], whole=True))
    return image_agreement(image[0], net(how(clip.frames)), width)


def i2v_background(nets: Networks, clip: Clip) -> float:
    """Agreement with the image in DreamSim features; the aspect is not kept."""
    how = partial(pixels, size=(224, 224), antialias=True)
    return _agreement(nets["dreamsim"], clip, how, None)


def i2v_subject(nets: Networks, clip: Clip) -> float:
    """Agreement with the image in DINO features of the centre."""

    def how(frames: NDArray[np.uint8], **rest: Any) -> Any:
        size = resized(256, *frames.shape[1:3])
        return pixels(frames, size, antialias=True, crop=224, norm=_IMAGENET, **rest)

    return _agreement(nets["dino"], clip, how, 768)


def aesthetic(nets: Networks, clip: Clip) -> float:
    """LAION's head on CLIP ViT-L/14."""
    return aesthetic_quality(nets["clip l14"](_clip_pixels(clip.frames)), *nets["laion"]())


def imaging(nets: Networks, clip: Clip) -> float:
    """MUSIQ, 0 to 100, frames one by one."""
    sized = pixels(clip.frames, within(512, *clip.frames.shape[1:3]), mode="bilinear")
    return float(np.mean([nets["musiq"](frame[None]).item() for frame in sized]))


def background(nets: Networks, clip: Clip) -> float:
    """Steadiness in CLIP ViT-B/32 features of the centre."""
    return temporal_consistency(nets["clip b32"](_clip_pixels(clip.frames)), 512).score


def motion(nets: Networks, clip: Clip) -> float:
    """How well AMT-S guesses every second frame."""
    kept = pixels(clip.frames[::2], (clip.frames.shape[1], clip.frames.shape[2]))
    guesses = [nets["amt"](a, b).transpose(1, 2, 0) for a, b in pairwise(kept)]
    return motion_smoothness(clip.frames, guesses)


def subject(nets: Networks, clip: Clip) -> float:
    """Steadiness in DINO features of the whole frame."""
    size = resized(224, *clip.frames.shape[1:3])
    return temporal_consistency(
        nets["dino"](pixels(clip.frames, size, mode="bilinear", norm=_IMAGENET)), 768
    ).score


def overall(nets: Networks, clip: Clip) -> float:
    """Cosine of eight frames and the caption in ViCLIP."""
    chosen = clip.frames[middle_indices(8, len(clip.frames))]
    return cosine(*nets["viclip"](_clip_pixels(chosen, whole=True), clip.caption))


def frame_pairs(nets: Networks, clip: Clip) -> float:
    """Pairs of neighbouring frames."""
    return len(clip.frames) - 1


METRICS = {
    "i2v_background": Metric(("dreamsim",), i2v_background, image=True),
    "i2v_subject": Metric(("dino",), i2v_subject, image=True),
    "aesthetic_quality": Metric(("clip l14", "laion"), aesthetic),
    "imaging_quality": Metric(("musiq",), imaging),
    "background_consistency": Metric(("clip b32",), background),
    "motion_smoothness": Metric(("amt",), motion),
    "subject_consistency": Metric(("dino",), subject),
    "overall_consistency": Metric(("viclip",), overall),
    PAIRS: Metric((), frame_pairs),
}
