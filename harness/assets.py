"""Official files of the benchmarks: what belongs where, and whether it is what it should be.

Nothing is fetched. A manifest (``assets.toml`` of a suite) names each file with its digest,
licence and origin; verification compares it with the user's own copy.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import msgspec

from harness.errors import DataError
from harness.keys import file_sha256
from harness.records import Record


class Asset(Record, frozen=True, kw_only=True):
    """One official file or repository."""

    path: str  # relative to the assets directory; several accepted places separated by " | "
    url: str
    licence: str
    purpose: str
    sha256: str | None = None
    size: int | None = None
    revision: str | None = None
    needed_for: str = ""


class Found(NamedTuple):
    """How an asset stands in a directory: verified, present, differs, or absent."""

    asset: Asset
    state: str
    detail: str


def load_manifest(package: str) -> list[Asset]:
    """Read the manifest of a suite's package.

    Raises:
        DataError: the manifest is not as the type says.
    """
    path = files(package) / "assets.toml"
    try:
        return msgspec.convert(tomllib.loads(path.read_text())["assets"], list[Asset])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, KeyError) as error:
        raise DataError(f"bad manifest: {error}", where=f"{package}/assets.toml") from error


def verify(assets: list[Asset], directory: Path) -> list[Found]:
    """Compare each asset with the user's copy, without opening anything outside ``directory``."""
    return [_verify(asset, directory) for asset in assets]


def _verify(asset: Asset, directory: Path) -> Found:
    places = [directory / place for place in asset.path.split(" | ")]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        return Found(asset, "absent", f"fetch {asset.url}" + _at(asset))
    if asset.sha256 is None or path.is_dir():
        return Found(asset, "present", f"{path} (no digest to compare)")
    digest = file_sha256(path)
    if digest == asset.sha256:
        return Found(asset, "verified", str(path))
    return Found(asset, "differs", f"{path} has sha256 {digest}, expected {asset.sha256}")


def _at(asset: Asset) -> str:
    parts = [f" at revision {asset.revision}" if asset.revision else ""]
    parts += [f", sha256 {asset.sha256}" if asset.sha256 else ""]
    return "".join(parts)
