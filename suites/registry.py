"""The benchmarks by name; other distributions add theirs through an entry-point group."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from harness.errors import ConfigError, nearest
from harness.protocols import Suite

GROUP = "kairos_eval.suites"

SUITES = {
    "worldmodelbench": "suites.worldmodelbench.suite:SUITE",
    "videophy": "suites.videophy.suite:VIDEOPHY",
    "videophy2": "suites.videophy.suite:VIDEOPHY2",
    "robotwin": "suites.robotwin.suite:SUITE",
    "liberoplus": "suites.liberoplus.suite:SUITE",
}


def suite_names() -> dict[str, str]:
    """Return all known suites as name -> ``module:object``."""
    foreign = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**foreign, **SUITES}


def get_suite(name: str) -> Suite:
    """Import a suite by name.

    Raises:
        ConfigError: no suite has this name; names the nearest ones.
    """
    known = suite_names()
    if name not in known:
        raise ConfigError(f"unknown suite {name!r}", hint=nearest(name, known))
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
