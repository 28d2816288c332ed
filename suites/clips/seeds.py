"""How unlike the videos of one prompt are: frames of all seeds at equal times, pair by pair."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import chain, combinations, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.columns import average
from harness.records import Record
from harness.video import DecodeError, timed_frames
from suites.clips.flow import Grey, PairFlow, grey_of, make_flow
from suites.clips.measures.absent import Absent, present
from suites.clips.measures.appearance import Frame
from suites.clips.measures.distance import Distance, at_rest, layout, look
from suites.clips.measures.diversity import diversity, feature_diversity
from suites.clips.measures.motion import moving
from suites.clips.perceptual import analysed
from suites.clips.precomputed import read_features

WHOLE, LOOK, LAYOUT, BACKGROUND = "", "look", "layout", "background"
PARTS = (LOOK, LAYOUT, BACKGROUND)
"""What diversity is also measured of."""
FLOOR_FRAMES = 8
_ROUNDING = 1e-6  # seconds


class Seeds(Record, frozen=True, kw_only=True):
    """The diversity of the seeds of one prompt: the mean distance of their pairs."""

    seeds: int
    frames: int  # compared in each pair
    floor: float | None = None  # distance of a clip to its own re-encoding
    official: float | None = None  # an empty pair counts 0 here
    value: float | None = None
    reason: str = ""
    parts: dict[str, float] = {}  # by what is compared
    unknown: str = Absent.TOO_FEW_FRAMES.value  # why a part is none of them
    means: tuple[tuple[float, ...], ...] = ()  # of features over time, by seed


def frames_at(path: Path, start: float, rate: float) -> Iterator[Frame]:
    """Yield the frame that is shown at ``start``, ``start + 1/rate``, ... seconds from the first.

    Raises:
        DecodeError: the file is no video, or not a whole one.
    """
    count, began, since = 0, None, 0.0
    shown: Frame | None = None
    for time, frame in timed_frames(path):
        began = time if began is None else began
        since = time - began
        while shown is not None and start + count / rate < since - _ROUNDING:
            yield shown
            count += 1
        shown = frame
    while shown is not None and start + count / rate <= since + _ROUNDING:
        yield shown
        count += 1


def compare(
    paths: Sequence[Path], distance: Distance, start: float, rate: float, flow: str
) -> Seeds:
    """Measure the distances of all pairs of videos over their common span.

    Args:
        paths: one video for each seed.
        distance: of two frames.
        start: seconds from the first frame; image-to-video models share their beginning.
        rate: frames a second that are compared.
        flow: one of ``FLOWS``, which tells background from what moves.

    Raises:
        DecodeError: a file is no video, or not a whole one.
    """
    videos = [frames_at(path, start, rate) for path in paths]
    found, frames = Distances(len(paths), distance, make_flow(flow)), 0
    for shown in zip(*videos, strict=False):  # one frame of each is held, however long they are
        if len({frame.shape for frame in shown}) > 1:
            return Seeds(seeds=len(paths), frames=frames, reason=str(Absent.UNEQUAL_SIZE))
        found.take(shown)
        frames += 1
    deque(chain(*videos), maxlen=0)  # a file that ends too early is an error beyond the span, too
    all_of = {kind: diversity(len(paths), pairs) for kind, pairs in found.pairs.items()}
    whole = all_of.pop(WHOLE)
    return Seeds(
        seeds=len(paths),
        frames=frames,
        floor=noise_floor(paths[0], distance, start, rate),
        official=present(whole.official),
        value=present(whole.ours),
        reason=str(whole.ours) if isinstance(whole.ours, Absent) else "",
        parts={kind: one.ours for kind, one in all_of.items() if not isinstance(one.ours, Absent)},
        unknown=found.unknown,
    )


class Distances:
    """Takes frames of all seeds at equal times and holds every two against each other.

    ``pairs`` are distances by what is compared: all, what frames show on average, where they show
    it, and what neither of them moves, known from the second frame on.
    """

    def __init__(self, seeds: int, distance: Distance, flow: PairFlow | None) -> None:
        self._places = tuple(combinations(range(seeds), 2))
        self.pairs: dict[str, list[list[float]]] = {
            kind: [[] for _ in self._places] for kind in (WHOLE, *PARTS)
        }
        self._distance, self._flow = distance, flow
        self._before: list[Grey] = []
        self.unknown = str(Absent.NO_FLOW_LIBRARY if flow is None else Absent.TOO_FEW_FRAMES)

    def take(self, shown: Sequence[Frame]) -> None:
        """Take one frame of each seed."""
        seen = [self._distance.embed(frame) for frame in shown]
        views = {WHOLE: seen, LOOK: [*map(look, seen)], LAYOUT: [*map(layout, seen)]}
        moves = self._moving(shown)
        for place, (a, b) in enumerate(self._places):
            for kind, some in views.items():
                self.pairs[kind][place].append(self._distance.between(some[a], some[b]))
            rest = [at_rest(seen[one], moves[a] | moves[b]) for one in (a, b)] if moves else []
            if rest and (first := rest[0]) and (second := rest[1]):
                self.pairs[BACKGROUND][place].append(self._distance.between(first, second))
            elif rest:
                self.unknown = str(Absent.ALL_MOVES)

    def _moving(self, shown: Sequence[Frame]) -> list[NDArray[np.bool_]]:
        """Return what moves in each frame; nothing where that is not known of all."""
        if self._flow is None:
            return []
        before, self._before = self._before, [grey_of(analysed(frame)) for frame in shown]
        pairs = zip(before, self._before, strict=False)  # the first frames have none before them
        found = [moving(self._flow(a, b)) for a, b in pairs]
        known = [moves for moves in found if moves is not None]
        if len(known) < len(found):
            self.unknown = str(Absent.CAMERA_FIT)
        return known if len(known) == len(shown) else []


def compare_features(paths: Sequence[Path]) -> Seeds:
    """Measure how unlike the features of the seeds are, each an array (frames, size) in a file.

    Raises:
        DecodeError: a file holds no such array, or one of another size.
    """
    seen = [read_features(path) for path in paths]
    if len({one.shape[1] for one in seen}) > 1:
        raise DecodeError("features of unequal size", where=str(paths[0]))
    value = present(feature_diversity(seen))
    frames, unknown = min(map(len, seen)), "of pixels or a network's layers"
    means = tuple(tuple(one.mean(axis=0).tolist()) for one in seen)
    return Seeds(seeds=len(seen), frames=frames, value=value, unknown=unknown, means=means)


def noise_floor(path: Path, distance: Distance, start: float, rate: float) -> float | None:
    """Return the mean distance of a video's first frames to their re-encoding at CRF 12.

    Odd sizes lose their last row or column, which the encoder cannot take. None without a frame.
    """
    frames = [even(frame) for frame in islice(frames_at(path, start, rate), FLOOR_FRAMES)]
    if not frames:
        return None
    pairs = zip(frames, reencoded(frames), strict=True)
    return average([distance.between(*map(distance.embed, pair)) for pair in pairs])


def even(frame: Frame) -> Frame:
    """Return a frame without a last odd row or column."""
    height, width = frame.shape[:2]
    return frame[: height // 2 * 2, : width // 2 * 2]


def reencoded(frames: Sequence[Frame]) -> list[Frame]:
    """Return frames of even size after H.264 at a constant quality of CRF 12."""
    av, buffer = import_module("av"), io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", 16, options={"crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
