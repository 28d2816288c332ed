"""The one table of tasks: a literal from names to classes, imported on demand."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import Any

from harness.errors import ConfigError, nearest
from theory.tasks.base import Task

TASKS = {
    "arfima": "theory.tasks.arfima:Arfima",
    "assoc_distinct": "theory.tasks.assoc:AssocDistinct",
    "assoc_overwrite": "theory.tasks.assoc:AssocOverwrite",
    "bursty": "theory.tasks.bursty:Bursty",
    "fuse": "theory.tasks.fuse:Fuse",
    "gla_teacher": "theory.tasks.gla_teacher:GlaTeacher",
    "hmm": "theory.tasks.hmm:Hmm",
    "lag_spectrum": "theory.tasks.lag_spectrum:LagSpectrum",
    "lgssm": "theory.tasks.lgssm:Lgssm",
    "linear_branches": "theory.tasks.linear_branches:LinearBranches",
    "memory_drift": "theory.tasks.memory_drift:MemoryDrift",
    "occluded_identity": "theory.tasks.occluded_identity:OccludedIdentity",
    "seasonal_ar": "theory.tasks.seasonal_ar:SeasonalAr",
    "stages": "theory.tasks.stages:Stages",
}


def get_task(name: str, **params: Any) -> Task:
    """Return the task ``name`` with its defaults replaced by ``params``.

    Raises:
        ConfigError: the task or a parameter is unknown (the nearest names are given), or a
            parameter is out of its range.

    >>> get_task("bursty", flip=0.1).name
    'bursty'
    """
    if name not in TASKS:
        raise ConfigError(f"unknown task {name!r}", hint=nearest(name, TASKS))
    module, _, attribute = TASKS[name].partition(":")
    cls = getattr(importlib.import_module(module), attribute)
    known = [spec.name for spec in fields(cls)]
    for key in params:
        if key not in known:
            raise ConfigError(f"task {name!r} has no parameter {key!r}", hint=nearest(key, known))
    return cls(**params)
