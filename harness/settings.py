"""Settings of an experiment: defaults filled in, everything unknown or unfit refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.base import Scalar
from harness.errors import ConfigError, nearest


def complete(settings: Mapping[str, Scalar], defaults: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return settings with defaults filled in, whole numbers made floats where a float stands.

    Raises:
        ConfigError: an unknown name (the nearest is given), or a value of another kind than the
            default's.

    >>> complete({"seed": 3}, {"seed": 0, "fps": 16.0})
    {'seed': 3, 'fps': 16.0}
    """
    found: dict[str, Any] = dict(defaults)
    for name, value in settings.items():
        if name not in defaults:
            raise ConfigError(f"unknown setting {name!r}", hint=nearest(name, defaults))
        found[name] = _like(name, value, defaults[name])
    return found


def _like(name: str, value: Scalar, default: Scalar) -> Scalar:
    whole = type(default) is float and type(value) is int
    number = float(value) if whole else value  # type: ignore[arg-type]
    infinite = isinstance(number, float) and not math.isfinite(number)
    if type(number) is not type(default) or infinite:
        raise ConfigError(f"{name} = {value!r}", expected=f"a value like {default!r}")
    return number
