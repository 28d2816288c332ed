"""Distances of two frames: pooled pixels without a network, or features of one with its weights.

Weights are the user's and are read as plain tensors; their digest and all their keys must agree.
``percept_mnv2`` is the form of LPIPS without learned heads on MobileNetV2 and is no LPIPS.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.assets import load_manifest, require
from harness.errors import DataError, PreconditionError
from harness.keys import file_sha256
from harness.vision import ready_torchvision
from suites.clips.film import pooled_cells, resized
from suites.clips.measures.appearance import Frame
from suites.clips.measures.distance import (
    Distance,
    Layers,
    feature_distance,
    network_input,
    rms,
)
from suites.clips.measures.timing import analysis_size
from suites.clips.settings import FEATURES, POOLED

TAPS = (6, 13, 17)
"""Layers of MobileNetV2 that are compared; earlier ones see little but noise."""
_IMAGENET_MEAN, _IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HINT = "pip install 'kairos-eval[lpips]'"


class Pooled:
    """Root mean square of cells of 1/16 of the short side: no network."""

    def embed(self, frame: Frame) -> Layers:
        """Return the cells of a frame."""
        return [np.moveaxis(pooled_cells(frame), -1, 0)]

    def between(self, a: Layers, b: Layers) -> float:
        """Return the distance, 0 to 1."""
        return rms(a[0], b[0])


class Network(NamedTuple):
    """Which network measures, and the file of its weights."""

    name: str
    path: Path
    sha256: str

    @property
    def identity(self) -> str:
        """Return the name with what fixes the numbers."""
        return f"{self.name}, sha256 {self.sha256[:16]}"


def find_network(name: str, assets: Path | None) -> Network | None:
    """Return the network of a distance; None for one that needs none.

    Raises:
        PreconditionError: weights or packages are absent.
        DataError: the weights are not those of the network.
    """
    if name in (POOLED, FEATURES):
        return None
    manifest = load_manifest("suites.clips")
    asset, (path, _) = manifest.asset(name), require(manifest, name, assets)
    digest = file_sha256(path)
    wanted = asset.sha256 or asset.revision or ""
    if not digest.startswith(wanted):
        raise DataError(
            f"these are not the weights of {name}: sha256 {digest[:16]}...",
            where=str(path),
            expected=f"sha256 {wanted[:16]}...",
            hint="fetch the file again; numbers of other weights are another metric",
        )
    network = Network(name, path, digest)
    load(network)  # refuses what does not fit before anything is measured
    return network


def distance_of(network: Network | None) -> Distance:
    """Return the distance by a network, or by pooled pixels without one."""
    return Pooled() if network is None else load(network)


@cache
def load(network: Network) -> Distance:
    """Load a network once for this process.

    Raises:
        PreconditionError: torch, torchvision or lpips is not installed.
        DataError: the weights have other keys or shapes than the network.
    """
    try:
        torch = import_module("torch")
        ready_torchvision()
        models = import_module("torchvision.models")
        weights = torch.load(network.path, map_location="cpu", weights_only=True)
        if network.name == "percept_mnv2":
            net = models.mobilenet_v2()
            _fill(net, weights, network)
            return Taps(torch, net.features.eval())
        lpips = import_module("lpips")
        with warnings.catch_warnings():  # it asks torchvision in an outdated way
            warnings.simplefilter("ignore")
            name = network.name.removeprefix("lpips_")
            whole = lpips.LPIPS(net=name, pnet_rand=True, verbose=False)
    except ModuleNotFoundError as error:
        raise PreconditionError(
            f"the distance {network.name} needs the package `{error.name}`", hint=_HINT
        ) from error
    _fill(whole.net, trunk_of(whole.net.state_dict(), weights), network)
    return Lpips(torch, whole)


def trunk_of(wanted: dict[str, Any], weights: dict[str, Any]) -> dict[str, Any]:
    """Return the weights of torchvision's classifier under the names of LPIPS's slices."""
    names = {name: "features." + name.partition(".")[2] for name in wanted}
    return {name: weights[old] for name, old in names.items() if old in weights}


def _fill(net: Any, weights: dict[str, Any], network: Network) -> None:
    try:
        net.load_state_dict(weights, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise DataError(
            f"these weights do not fit the network of {network.name}: {str(error)[:300]}",
            where=str(network.path),
            hint="fetch the file again",
        ) from error


class Taps:
    """Features of MobileNetV2, every channel weighing 1, summed over some of its layers."""

    def __init__(self, torch: Any, features: Any) -> None:
        self._torch, self._features = torch, features

    def embed(self, frame: Frame) -> Layers:
        """Return the features at the taps, each of shape (channels, height, width)."""
        pixels = (analysed(frame) / 255.0 - _IMAGENET_MEAN) / _IMAGENET_SD
        found: Layers = []
        with self._torch.inference_mode():
            x = as_batch(self._torch, pixels)
            for place, layer in enumerate(self._features[: max(TAPS) + 1]):
                x = layer(x)
                if place in TAPS:
                    found.append(x[0].numpy())
        return found

    def between(self, a: Layers, b: Layers) -> float:
        """Return the distance."""
        return sum(feature_distance(x, y) for x, y in zip(a, b, strict=True))


class Lpips:
    """LPIPS, version 0.1, with its learned heads."""

    def __init__(self, torch: Any, whole: Any) -> None:
        self._torch, self._net = torch, whole.net.eval()
        self._heads: Sequence[NDArray] = [
            lin.model[-1].weight.detach().numpy().reshape(-1) for lin in whole.lins
        ]

    def embed(self, frame: Frame) -> Layers:
        """Return the features of the trunk's slices."""
        scaled = network_input(analysed(frame), "uint8").scaled
        with self._torch.inference_mode():
            return [one[0].numpy() for one in self._net(as_batch(self._torch, scaled))]

    def between(self, a: Layers, b: Layers) -> float:
        """Return the distance."""
        layers = zip(a, b, self._heads, strict=True)
        return sum(feature_distance(x, y, weights) for x, y, weights in layers)


def analysed(frame: Frame) -> Frame:
    """Return a frame at analysis size."""
    size = analysis_size(frame.shape[0], frame.shape[1])
    return resized(frame, size.height, size.width)


def as_batch(torch: Any, pixels: Any) -> Any:
    """Return pixels of shape (height, width, 3) as one input of a network."""
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(pixels), -1, 0), dtype=np.float32)
    return torch.from_numpy(planes)[None]
