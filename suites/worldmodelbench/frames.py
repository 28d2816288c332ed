"""Which frames of a video the official judge sees.

Upstream is ``llava/utils/media.py`` of NVlabs/VILA, function ``_load_video``: at commit c8f603b
for whole-clip sampling, from 506b9ad on also for sampling at a rate. The container's frame count
may be too high, so the clip ends at the last frame that can be grabbed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def choose_frames(
    reported: int,
    readable: Callable[[int], bool],
    wanted: int,
    *,
    fps: float = 0.0,
    video_fps: float = 0.0,
) -> list[int]:
    """Return the frame indices the judge sees, in order, repetitions kept.

    Args:
        reported: frame count stated by the container.
        readable: says whether the frame at an index can be decoded.
        wanted: ``num_video_frames`` of the checkpoint.
        fps: the checkpoint's ``fps``; 0 spreads ``wanted`` frames over the whole clip. The
            pinned revision ignores this setting and always behaves as for 0.
        video_fps: frame rate of the video; only used when ``fps`` is positive.

    Raises:
        ValueError: no frame can be grabbed, or ``wanted`` is negative.
    """
    count = reported
    while count > 0 and not readable(count - 1):
        count -= 1
    if count <= 0:
        raise ValueError("the video has no readable frame")
    chosen = at_rate(count, wanted, fps, video_fps) if fps > 0 else spread(count, wanted)
    # A frame that cannot be read is left out, not replaced: the judge gets fewer frames.
    return [index for index in chosen if 0 <= index < reported and readable(index)]


def spread(count: int, wanted: int) -> list[int]:
    """Spread ``wanted`` indices evenly over ``count`` frames, both ends included.

    Halves are rounded to the even neighbour, and a short clip repeats frames.
    """
    return _whole(np.round(np.linspace(0, count - 1, wanted)))


def at_rate(count: int, wanted: int, fps: float, video_fps: float) -> list[int]:
    """Take frames at ``fps`` from the start of the clip, at most ``wanted`` of them."""
    seconds = count / video_fps if video_fps > 0 else 0
    times = np.arange(0, seconds, 1.0 / fps)[:wanted]
    return _whole(times * video_fps)


def _whole(values: Sequence[float] | np.ndarray) -> list[int]:
    return [int(value) for value in values]
