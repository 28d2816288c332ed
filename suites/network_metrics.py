"""Numbers on videos from networks: which can be measured with the weights that are here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.assets import Found, Manifest, locate
from harness.keys import file_sha256, folder_sha256
from harness.protocols import INSTRUMENT
from harness.records import JudgeId, Question
from harness.video import decoder_id, frame_count, read_frames, read_still
from suites.instruments import Instrument
from suites.networks import LOADERS, Network

NETWORKS, IMAGE = "networks", "image"
"""The name that questions give of this judge, and the role of a conditioning image."""
_KEPT = (".py", ".pth", ".tar", ".json", ".safetensors", ".bin")
"""Files of a folder of code or weights that change what it computes."""
_Files = tuple[tuple[str, Path], ...]


class Clip(NamedTuple):
    """What is measured: frames (T, height, width, 3) and image in uint8, and the caption."""

    frames: NDArray[np.uint8]
    image: NDArray[np.uint8]
    caption: str


class Metric(NamedTuple):
    """A number on a clip: the networks that it needs, what gives it, whether the image enters."""

    needs: tuple[str, ...]
    measure: Callable[[Mapping[str, Network], Clip], float]
    image: bool = False


class NetworkMetrics:
    """Metrics that networks of the user's measure, asked for as ``seed/metric``.

    Args:
        manifest: says where code and weights lie, and with what digest.
        metrics: by name.
        assets: the user's directory.
        device: of the networks.
    """

    def __init__(
        self, manifest: Manifest, metrics: Mapping[str, Metric], assets: Path | None, device: str
    ) -> None:
        self.manifest, self.metrics, self.assets, self.device = manifest, metrics, assets, device

    @cached_property
    def lacking(self) -> dict[str, str]:
        """Why metrics cannot be measured."""
        faults = {one: self._fault(one) for metric in self.metrics.values() for one in metric.needs}
        found = {
            name: "; ".join(filter(None, map(faults.__getitem__, metric.needs)))
            for name, metric in self.metrics.items()
        }
        return {name: why for name, why in found.items() if why}

    @cached_property
    def instrument(self) -> Instrument:
        """What measures; its identity holds every file by digest, versions and the device."""
        usable = {name: one for name, one in self.metrics.items() if name not in self.lacking}
        networks = sorted({network for metric in usable.values() for network in metric.needs})
        found = [self._found(name) for network in networks for name in LOADERS[network].assets]
        files = tuple({one.asset.name: one.path for one in found if one.path}.items())
        digests = {name: _digest(path) for name, path in files}
        torch = {"torch": version("torch"), "dtype": "float32"} if digests else {}
        place = {"decoder": decoder_id(), "device": self.device}
        identity = JudgeId(kind=INSTRUMENT, name=NETWORKS, settings={**digests, **torch, **place})
        return Instrument(identity, partial(_measured, usable, files, self.device))

    def questions(self, seed: str, video: str, caption: str) -> Iterator[Question]:
        """Yield what is asked about the video of a seed, whose role is ``video``."""
        for name, metric in self.metrics.items():
            if name not in self.lacking:
                media = (video, IMAGE) if metric.image else (video,)
                yield Question(id=f"{seed}/{name}", judge=NETWORKS, media=media, prompt=caption)

    def notes(self) -> list[str]:
        """Say which columns stay empty, and why."""
        return [f"{metric} is not measured: {why}" for metric, why in self.lacking.items()]

    def _found(self, asset: str) -> Found:
        return locate(self.manifest, asset, self.assets)

    def _fault(self, network: str) -> str:
        """Say why a network cannot be used; nothing where it can."""
        loader = LOADERS[network]
        for one in map(self._found, loader.assets):
            if one.path is None:
                return f"{one.asset.path} is absent"
            stated = re.search(r"-([0-9a-f]{8})\.", one.asset.path)  # as torch names its files
            known = not stated or file_sha256(one.path).startswith(stated[1])
            if one.state == "differs" or not known:
                return f"{one.asset.path} is not the official file"
            absent = [part for part in loader.holds if not (one.path / part).exists()]
            if absent:
                return f"{one.asset.path} lacks {absent[0]}"
        return "" if find_spec(loader.package) else f"the package {loader.package} is not installed"


def _measured(
    metrics: Mapping[str, Metric],
    files: _Files,
    device: str,
    question: Question,
    media: Sequence[Path],
) -> float:
    """Measure one number on a video, the first of the media, and its conditioning image."""
    metric, frames = metrics[question.id.rpartition("/")[2]], _frames(media[0])
    networks = {name: _network(name, files, device) for name in metric.needs}
    image = read_still(media[1]) if metric.image else frames[0]
    return metric.measure(networks, Clip(frames, image, question.prompt or ""))


@cache
def _network(name: str, files: _Files, device: str) -> Network:
    """Load a network once for this process."""
    return LOADERS[name].load(dict(files), device)


@lru_cache(maxsize=1)
def _frames(path: Path) -> NDArray[np.uint8]:
    """Return all frames of a video; its metrics are asked for one after the other."""
    return np.stack(read_frames(path, range(frame_count(path))))


def _digest(path: Path) -> str:
    if path.is_file():
        return file_sha256(path)
    return folder_sha256(path, [one for one in path.rglob("*") if one.suffix in _KEPT])
