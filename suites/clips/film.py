"""One pass over a video: every frame is decoded once, and all that is measured takes its share.

Frames are seen one at a time and forgotten, so memory does not grow with length.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.columns import average
from harness.records import Record
from harness.video import header, timed_frames
from suites.clips.flow import Grey, grey_of, halfway, make_flow
from suites.clips.measures import motion, temporal, timing
from suites.clips.measures.absent import Absent, Maybe, present
from suites.clips.measures.appearance import Appearance, Frame, appearance, blockiness, luma
from suites.clips.measures.distance import CELLS, Distance, Layers, pooled
from suites.clips.measures.diversity import Features, cosine_kernel
from suites.clips.measures.drift import chunk_length, coherence, start_end
from suites.features import motion_smoothness

STILL = (
    "luma_mean",
    "contrast",
    "colourfulness",
    "saturation",
    "clipped_share",
    "sharpness",
    "sharpness_normalised",
    "colour_over_contrast",
)
"""Metrics of single frames: the median over frames."""
FLOWN = (
    "speed",
    "path",
    "moving_share",
    "camera_speed",
    "object_speed",
    "warping_error",
    "fb_epe_dis",
    "smoothness_dis",
)
"""Metrics that rest on optical flow."""
PAIRED = ("flicker_vbench", "flicker_global", "blockiness")
METRICS = (*STILL, *FLOWN, *PAIRED)
TITLES = {
    "luma_mean": "Luma",
    "contrast": "Contrast",
    "colourfulness": "Colour",
    "saturation": "Satur.",
    "clipped_share": "Clipped",
    "sharpness": "Sharp.",
    "sharpness_normalised": "Sharp./contr.²",
    "colour_over_contrast": "Colour/contr.",
    "speed": "Speed",
    "path": "Path",
    "moving_share": "Moving",
    "camera_speed": "Camera",
    "object_speed": "Objects",
    "warping_error": "Warp err.",
    "fb_epe_dis": "Cycle err.",
    "smoothness_dis": "Smoothness (DIS)",
    "flicker_vbench": "Flicker (VBench)",
    "flicker_global": "Flicker",
    "blockiness": "Blocks",
    "drift_first": "From 1st frame",
}
CURVES = (*(name for name in STILL if name != "sharpness"), "speed")
FIRST = "drift_first"
"""The curve of distances to the first frame: what was wanted to move is in it, too."""
CHUNKS = 10
"""Equal parts that the video drift error compares."""
SHEET_FRAMES, SHEET_HEIGHT = 6, 72
_ROUNDING = 1e-6


class Film(Record, frozen=True, kw_only=True):
    """What was measured on one video."""

    width: int  # px, native
    height: int
    frames: int
    fps: float | None
    step: int | None  # frames between flow pairs
    upscaled: bool
    floor: float | None  # of speed, diagonals a second
    values: dict[str, float]
    absent: dict[str, str]  # metric -> reason code
    curves: dict[str, tuple[float | None, ...]]  # per whole second
    chunks: dict[str, tuple[float, ...]] = {}  # means of ten equal parts, by curve
    start_end: dict[str, float] = {}  # how far the ends differ, by curve
    coherence: dict[str, float] = {}  # mean cosine of frames by lag in seconds
    cuts: tuple[float, ...] = ()  # seconds
    sheet: str = ""  # frames through the video side by side, JPEG in base64

    @property
    def seconds(self) -> float:
        """Return how long the video is shown."""
        return self.frames / self.fps if self.fps else 0.0


class Pair(NamedTuple):
    """What two frames at the flow's step show."""

    time: float
    moved: motion.PairMotion
    warp: temporal.Warp
    split: motion.CameraSplit
    cycle: Maybe


def resized(frame: Frame, height: int, width: int) -> Frame:
    """Return a frame at another size: area means where it shrinks, bicubic where it grows."""
    image = import_module("PIL.Image")
    if frame.shape[:2] == (height, width):
        return frame
    shrinks = height <= frame.shape[0]
    method = image.Resampling.BOX if shrinks else image.Resampling.BICUBIC
    return np.asarray(image.fromarray(frame).resize((width, height), method))


def pooled_cells(frame: Frame) -> NDArray[np.float64]:
    """Return the pooled cells of a frame, whose size is first made a multiple of theirs."""
    size = timing.analysis_size(frame.shape[0], frame.shape[1])
    cell = timing.SHORT_SIDE // CELLS
    high, wide = (max(CELLS, round(side / cell)) * cell for side in size[:2])
    return np.asarray(pooled(resized(frame, high, wide)))


class Compared(NamedTuple):
    """How frames are held against the first one: by a distance, so many a second, or by features.

    Features have shape (n, size), evenly from the first frame to the last.
    """

    distance: Distance | None = None
    rate: float = 4.0
    features: Features | None = None


def measure(
    path: Path, short_side: int, flow: str, step: int = 0, compared: Compared | None = None
) -> Film:
    """Measure a video.

    Args:
        path: the video.
        short_side: of the frames that are analysed, px.
        flow: one of ``FLOWS``.
        step: frames between flow pairs; 0 follows from the rate.
        compared: how its frames are held against the first one.

    Raises:
        DecodeError: it is no video, or not a whole one.
    """
    rate = header(path).rate
    first = step or (timing.flow_step(rate) if rate else 1)
    meter = Meter(short_side, flow, first, compared).fed(timed_frames(path))
    right = step or timing.time_base(meter.times).step or first
    if right != first:  # the container's own rate misled
        meter = Meter(short_side, flow, right, compared).fed(timed_frames(path))
    return meter.film()


class Meter:
    """Takes the frames of a video one after the other; ``film`` says what they show."""

    def __init__(
        self, short_side: int, flow: str, step: int, compared: Compared | None = None
    ) -> None:
        self.step, self.short_side = step, short_side
        self.compared = compared or Compared()
        self.away: list[tuple[float, float]] = []  # times, and distances to the first frame
        self.smooth: list[float] = []
        self.times: list[float] = []
        self.native: tuple[int, int] | None = None
        self.size = timing.Size(0, 0, False)
        self.looks: list[Appearance] = []
        self.changes: list[float] = []
        self.blocks: list[Maybe] = []
        self.histograms: list[NDArray[np.float64]] = []
        self.pairs: list[Pair] = []
        self.cells: list[NDArray[np.float32]] = []
        self.thumbs: list[Frame] = []
        self._flow = make_flow(flow)
        self._before: Frame | None = None
        self._sampled: tuple[float, Frame, Grey] | None = None
        self._even: tuple[Frame, Grey] | None = None
        self._origin: Layers = []

    def fed(self, frames: Iterable[tuple[float, Frame]]) -> Meter:
        """Take every frame with its time; return this meter."""
        for time, frame in frames:
            self.take(time, frame)
        return self

    def take(self, time: float, native: Frame) -> None:
        """Take the next frame."""
        if self.native is None:
            self.native = native.shape[0], native.shape[1]
            self.size = timing.analysis_size(*self.native, self.short_side)
        frame = resized(native, self.size.height, self.size.width)
        self.looks.append(appearance(frame))
        if self._before is not None:
            self.changes.append(temporal.frame_change(self._before, frame))
        flow = None
        if len(self.times) % self.step == 0:
            self.blocks.append(blockiness(native))
            self.cells.append(pooled_cells(native).astype(np.float32).ravel())
            flow = self._sample(time, frame)
        if len(self.times) % 2 == 0:
            self._interpolate(frame, flow if self.step == 2 else None)
        self._compare(time, native)
        if not self.times or time - self.times[0] >= len(self.thumbs):
            wide = max(1, round(SHEET_HEIGHT * self.size.width / self.size.height))
            self.thumbs.append(resized(frame, SHEET_HEIGHT, wide))
        self._before = frame
        self.times.append(time)

    def _sample(self, time: float, frame: Frame) -> motion.Flow | None:
        """Measure and return the flow from the frame sampled before to this one."""
        self.histograms.append(temporal.luma_histogram(luma(frame)))
        if self._flow is None:
            return None
        grey, forward = grey_of(frame), None
        if self._sampled is not None:
            since, earlier, before = self._sampled
            forward, backward = self._flow(before, grey), self._flow(grey, before)
            warp = temporal.warp(earlier, frame, forward, backward)
            moved, split = motion.pair_motion(forward, 1.0), motion.camera_split(forward)
            cycle = temporal.cycle_error(forward, backward)
            self.pairs.append(Pair(since, moved, warp, split, cycle))
        self._sampled = time, frame, grey
        return forward

    def _interpolate(self, frame: Frame, flow: motion.Flow | None) -> None:
        """Hold the frame before this one against what flow from the last but one makes of it."""
        if self._flow is None:
            return
        grey = grey_of(frame)
        if self._even is not None and self._before is not None:
            first, before = self._even
            guess = halfway(first, frame, self._flow(before, grey) if flow is None else flow)
            self.smooth.append(motion_smoothness(np.stack([first, self._before, frame]), [guess]))
        self._even = frame, grey

    def _compare(self, time: float, native: Frame) -> None:
        """Hold a frame against the first one, where it is the time for that."""
        distance, rate, _ = self.compared
        since = time - self.times[0] if self.times else 0.0
        if distance is None or since * rate < len(self.away) - _ROUNDING:
            return
        seen = distance.embed(native)
        self._origin = self._origin or seen
        self.away.append((time, distance.between(self._origin, seen)))

    def film(self) -> Film:
        """Return what all frames show."""
        base = timing.time_base(self.times)
        found = self._still() | self._paired()
        cuts: tuple[int, ...] = ()
        if self.pairs and base.fps and not base.reason:
            cuts = temporal.find_cuts(
                self.histograms, [one.warp.residual for one in self.pairs]
            ).pairs
            flown, floor, curve = self._flown(base.fps / self.step, cuts)
        else:
            reason = Absent.NO_FLOW_LIBRARY if self._flow is None else base.reason
            flown, floor, curve = dict.fromkeys(FLOWN, reason or Absent.ONE_FRAME), None, ()
        found |= flown
        height, width = self.native or (0, 0)
        return Film(
            width=width,
            height=height,
            frames=len(self.times),
            fps=base.fps,
            step=None if base.reason else self.step,
            upscaled=self.size.upscaled,
            floor=floor,
            values={
                name: value for name, one in found.items() if (value := present(one)) is not None
            },
            absent={name: str(one) for name, one in found.items() if isinstance(one, Absent)},
            curves={**self._curves(), "speed": curve, FIRST: self._from_first()},
            chunks=self._chunks(),
            start_end=self._start_end(),
            coherence=self._coherence(base.fps),
            cuts=tuple(self.pairs[place].time - self.times[0] for place in cuts),
            sheet=contact_sheet(self.thumbs),
        )

    def _still(self) -> dict[str, Maybe]:
        return {name: median([getattr(one, name) for one in self.looks]) for name in STILL}

    def _paired(self) -> dict[str, Maybe]:
        if len(self.times) < 2:
            return dict.fromkeys(PAIRED, Absent.ONE_FRAME)
        return {
            "flicker_vbench": temporal.vbench_flicker(self.changes),
            "flicker_global": temporal.global_flicker([one.luma_mean for one in self.looks]),
            "blockiness": median(self.blocks),
        }

    def _flown(
        self, rate: float, cuts: Sequence[int]
    ) -> tuple[dict[str, Maybe], float, tuple[float | None, ...]]:
        """Return the metrics that rest on flow, the floor of speed, and its curve."""
        moved = [
            one.moved._replace(mean=one.moved.mean * rate, top5=one.moved.top5 * rate)
            for one in self.pairs
        ]
        kept = [place for place in range(len(moved)) if place not in cuts]
        floor = motion.speed_floor(self.size.height, self.size.width, rate)
        total = motion.speed(moved, floor, rate, cuts)
        splits = [self.pairs[n].split for n in kept]
        found: dict[str, Maybe] = {
            "camera_speed": above([one.camera_px for one in splits], floor),
            "object_speed": above([one.object_px for one in splits], floor),
            "speed": total.speed,
            "path": total.path,
            "moving_share": median([moved[n].moving_share for n in kept], Absent.ALL_CUT),
            "warping_error": median([self.pairs[n].warp.error for n in kept], Absent.ALL_CUT),
            "fb_epe_dis": mean([self.pairs[n].cycle for n in kept], Absent.ALL_CUT),
            "smoothness_dis": mean(self.smooth, Absent.TOO_FEW_FRAMES),
        }
        speeds = [None if n in cuts else one.mean for n, one in enumerate(moved)]
        return found, floor, tuple(timing.per_second([one.time for one in self.pairs], speeds))

    def _chunks(self) -> dict[str, tuple[float, ...]]:
        """Return the means of ten equal parts of every curve that each frame has a value of."""
        length = chunk_length(len(self.looks), CHUNKS)
        if isinstance(length, Absent):
            return {}
        parts = {
            name: np.array(values[: length * CHUNKS]).reshape(CHUNKS, length).mean(axis=1)
            for name, values in self._whole().items()
        }
        return {name: tuple(means.tolist()) for name, means in parts.items()}

    def _start_end(self) -> dict[str, float]:
        """Return how far the ends of every curve differ that each frame has a value of."""
        found = {name: present(start_end(values)) for name, values in self._whole().items()}
        return {name: value for name, value in found.items() if value is not None}

    def _coherence(self, fps: float | None) -> dict[str, float]:
        """Return how alike frames stay, for every lag that the video is long enough for.

        They are compared by the features that the user gave, else pooled.
        """
        features = self.compared.features
        if fps is None:
            return {}
        if features is None:
            lags = coherence(np.array(self.cells), fps / self.step)
        else:
            lags = coherence(features, fps * (len(features) - 1) / (len(self.times) - 1))
        known = [(f"{one.lag:g}", present(one.value)) for one in lags]
        return {lag: value for lag, value in known if value is not None}

    def _looked(self) -> dict[str, list[float | None]]:
        """Return the value of every frame, by curve."""
        names = [name for name in CURVES if name != "speed"]
        return {name: [present(getattr(one, name)) for one in self.looks] for name in names}

    def _whole(self) -> dict[str, list[float]]:
        """Return the curves that each frame has a value of."""
        known = {n: [v for v in some if v is not None] for n, some in self._looked().items()}
        return {name: some for name, some in known.items() if len(some) == len(self.looks)}

    def _curves(self) -> dict[str, tuple[float | None, ...]]:
        return {
            name: tuple(timing.per_second(self.times, values))
            for name, values in self._looked().items()
        }

    def _from_first(self) -> tuple[float | None, ...]:
        """Return the distance to the first frame per second."""
        features = self.compared.features
        if features is None or not self.times:
            times, values = [time for time, _ in self.away], [value for _, value in self.away]
        else:
            times = np.linspace(self.times[0], self.times[-1], len(features)).tolist()
            values = (1.0 - cosine_kernel(features)[0]).tolist()
        return tuple(timing.per_second(times, values))


def above(pixels: Sequence[Maybe], floor: float) -> Maybe:
    """Return the median of motion in pixels as a speed, absent below the noise floor of speed."""
    found = median(pixels, Absent.ALL_CUT)
    if isinstance(found, Absent):
        return found
    return found / motion.FLOOR_PX * floor if found >= motion.FLOOR_PX else Absent.BELOW_FLOOR


def median(values: Sequence[Maybe], nothing: Absent = Absent.ONE_FRAME) -> Maybe:
    """Return the median of the values that are there; the first reason where none is."""
    known = [value for one in values if (value := present(one)) is not None]
    if known:
        return float(np.median(known))
    return next((one for one in values if isinstance(one, Absent)), nothing)


def mean(values: Sequence[Maybe], nothing: Absent) -> Maybe:
    """Return the mean of the values that are there; the first reason where none is."""
    known = [value for one in values if (value := present(one)) is not None]
    if known:
        return average(known)
    return next((one for one in values if isinstance(one, Absent)), nothing)


def contact_sheet(thumbs: Sequence[Frame]) -> str:
    """Return a few frames side by side as a JPEG in base64."""
    image = import_module("PIL.Image")
    places = np.linspace(0, len(thumbs) - 1, min(SHEET_FRAMES, len(thumbs))).round().astype(int)
    buffer = io.BytesIO()
    strip = np.concatenate([thumbs[place] for place in places], axis=1)
    image.fromarray(strip).save(buffer, "JPEG", quality=60)
    return base64.b64encode(buffer.getvalue()).decode()
