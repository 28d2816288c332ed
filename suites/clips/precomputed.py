"""Features that the user computed, of CLIP, DINO, V-JEPA or whatever: one array for each video."""

from __future__ import annotations

import io
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError, PreconditionError
from harness.reading import guarded, read_bytes
from harness.video import DecodeError
from suites.clips.measures.diversity import Features

SUFFIXES = (".npy", ".npz", ".safetensors")
FOLDER = "features"
"""Where they lie beside the videos."""
_EXPECTED = "one array (frames, size) as .npy, .npz or .safetensors"


def features_of(path: Path) -> Path:
    """Return where the features of a video lie: under its stem in the folder ``features``.

    Raises:
        DataError: there are none.
        PreconditionError: the package that reads them is not installed.
    """
    folder = path.parent / FOLDER
    found = [file for suffix in SUFFIXES if (file := folder / f"{path.stem}{suffix}").is_file()]
    if not found:
        raise DataError(f"no features of {path.name!r}", where=str(folder), expected=_EXPECTED)
    if found[0].suffix == ".safetensors" and find_spec("safetensors") is None:
        hint = "pip install safetensors, or save them as .npy"
        raise PreconditionError("the package `safetensors` is not installed", hint=hint)
    return found[0]


def read_features(path: Path) -> Features:
    """Return stored features, finite, of which no frame's are all zero.

    Raises:
        DecodeError: the file holds none, or several arrays.
    """
    with guarded(str(path), _EXPECTED, error=DecodeError):
        found = _arrays(path)
    if len(found) != 1:
        what = f"{len(found)} arrays: {', '.join(sorted(found))}"
        raise DecodeError(what, where=str(path), expected=_EXPECTED)
    (array,) = found.values()
    numbers = isinstance(array, np.ndarray) and array.dtype.kind in "fiu" and array.ndim == 2
    if not numbers or not array.size or not np.isfinite(array).all() or not array.any(1).all():
        raise DecodeError("no finite features (frames, size)", where=str(path), expected=_EXPECTED)
    return array.astype(np.float64)


def _arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file by name; a pickle is refused."""
    content = read_bytes(path, error=DecodeError)
    if path.suffix == ".safetensors":
        try:
            return import_module("safetensors.numpy").load(content)
        except import_module("safetensors").SafetensorError as error:
            raise ValueError(str(error)) from error
    found = np.load(io.BytesIO(content), allow_pickle=False)
    return dict(found) if path.suffix == ".npz" else {"": found}
