"""The report on a task: its risk gap over the window, exact, sampled and bounded."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.base import Scalar
from harness.errors import ConfigError, UserError, nearest
from harness.evidence import Curve, DataTable, Figure
from harness.notebook import Notebook, curve
from harness.protocols import Evidence, Experiment
from harness.reading import parse_json
from harness.settings import complete
from theory.catalog.notebook import SECTION, StatementNotebook
from theory.maths.checks import choice, count
from theory.maths.gap_estimators import Mean
from theory.task_reports.checks import BY, chain_bounds, checks
from theory.task_reports.draws import Sampled
from theory.tasks.base import Task
from theory.tasks.hmm import Hmm
from theory.tasks.registry import TASKS, get_task

VERSION = 1
DRAWN = {"samples": 20_000, "seed": 0, "convention": "v1"}
DEFAULTS: dict[str, Scalar] = {"task": "occluded_identity", **DRAWN}
"""Settings of a page; all others are parameters of the task."""
LEAST = 100
"""Fewest draws that are looked at."""
TELLING: tuple[dict[str, Scalar], ...] = (
    {"task": "occluded_identity", "glimpse": 0.1},
    {"task": "fuse", "mode": "one_shot", "hazard": 0.05},
    {"task": "hmm"},
    {"task": "bursty"},
)
"""Atoms that attain corollary N, a cliff, a curve with two upper bounds, a realisable memory."""
VARIANTS: tuple[dict[str, Scalar], ...] = (
    {"task": "stages", "target": "parity", "p_success": 1.0},
    {"task": "stages", "convention": "v3"},
    {"task": "memory_drift", "mode": "corner", "form": "paper"},
)
"""Reports of the full preset beside every task at its defaults."""


def task(settings: Mapping[str, Scalar]) -> Sequence[Experiment]:
    """Return the report on one task.

    Settings: task, samples, seed, convention (``v1`` or ``v3``), and the parameters of the task,
    lists written as JSON.

    Raises:
        UserError: an unknown task or setting, a parameter out of its range, or a task too large
            to enumerate (with the count and the alternative).
    """
    own = {name: value for name, value in settings.items() if name in DEFAULTS}
    found = complete(own, DEFAULTS)
    count("samples", found["samples"], LEAST)
    choice("convention", found["convention"], ("v1", "v3"))
    params = {name: value for name, value in settings.items() if name not in DEFAULTS}
    built = made(found["task"], params)
    sampled = Sampled(built, found["samples"], found["seed"], found["convention"])
    return [TaskReport(sampled, params)]


def quick(seed: int) -> Sequence[Experiment]:
    """Return the reports on a few telling tasks."""
    return [task({**chosen, "seed": seed})[0] for chosen in TELLING]


def full(seed: int) -> Sequence[Experiment]:
    """Return the reports on all tasks at their defaults, and of what the defaults leave out."""
    chosen = [*({"task": name} for name in TASKS), *TELLING[:2], *VARIANTS]
    return [task({**one, "seed": seed})[0] for one in chosen]


def made(name: str, params: Mapping[str, Scalar]) -> Task:
    """Return a task with parameters from settings.

    Raises:
        UserError: see ``task``.
    """
    default = get_task(name)
    known = {spec.name: getattr(default, spec.name) for spec in fields(default)}  # type: ignore[arg-type]
    given = {}
    for key, value in params.items():
        if key not in known:
            raise ConfigError(
                f"unknown setting {key!r} of task {name!r}", hint=nearest(key, [*known, *DEFAULTS])
            )
        given[key] = parameter(key, value, known[key])
    try:
        built = get_task(name, **given)
        built.exact(min(1, built.horizon))  # refuses what is infinite or too large
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"task {name!r} cannot be made of {given}: {error}",
            expected=f"parameters like {known}",
        ) from error
    return built


def parameter(name: str, value: Scalar, default: object) -> Any:
    """Return a parameter of the kind of its default; lists and null come as JSON.

    Raises:
        ConfigError: another kind.
    """
    found: Any = value
    if isinstance(value, str) and not isinstance(default, str):
        try:
            found = parse_json(value, "the setting")
        except UserError:
            found = value
    several = isinstance(default, Sequence) and not isinstance(default, str)
    kinds = (str,) if isinstance(default, str) else (list,) if several else (int, float)
    if default is None:
        kinds = (list, int, float)
    if found is not None and (isinstance(found, bool) or not isinstance(found, kinds)):
        shown = json.dumps(default) if several else repr(default)
        raise ConfigError(f"{name} = {value!r}", expected=f"a value like {shown}")
    return found


class TaskReport:
    """Everything that is known of one task: figure, increments, table, instances of statements.

    Args:
        sampled: the task and its draws.
        params: the parameters of the task as they were given.
    """

    def __init__(self, sampled: Sampled, params: Mapping[str, Scalar]) -> None:
        self.sampled, task, edition = sampled, sampled.task.name, sampled.convention
        words = ", ".join(f"{name} = {value}" for name, value in params.items())
        variant = f" with {words}" if words else ""
        windows = "" if edition == "v1" else f" ({edition} windows)"
        self.words = f"{task}{variant}{windows}"
        self.name, self.title = f"theory/task/{task}", f"Task {self.words}"
        drawn = {"samples": sampled.samples, "seed": sampled.seed, "convention": edition}
        self.settings: dict[str, Scalar] = {"version": VERSION, "task": task, **drawn, **params}

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield every row about the task."""
        fields = {"statement": "S2", "seed": self.sampled.seed}
        book = StatementNotebook(self.name, SECTION, self.settings, **fields)
        yield gap_figure(book, self.words, self.sampled)
        yield increments_figure(book, self.words, self.sampled)
        yield risk_table(book, self.words, self.sampled)
        yield from checks(book, self.sampled)


def gap_figure(book: Notebook, words: str, sampled: Sampled) -> Figure:
    """Draw gap(w): the exact curve, the three estimators, and bounds where they say something."""
    windows, looked = sampled.windows, sampled.looked
    found = sampled.estimates
    curves = [curve("exact", windows, [sampled.exact[w].gap for w in windows])]
    pairs = [(w, sampled.exact[w].extras.get("cor1")) for w in windows]
    atoms = [(w, bound) for w, bound in pairs if bound is not None]
    if atoms:
        curves.append(curve("corollary N", *zip(*atoms, strict=True), style="dashed"))
    if isinstance(sampled.task, Hmm):
        for statement, bounds in chain_bounds(sampled.task, windows).items():
            below = [b if b <= sampled.exact[w].var_Y else math.nan for w, b in bounds.items()]
            if np.isfinite(below).sum() > 1:
                curves.append(curve(BY[statement], windows, below, style="dashed"))
    curves.append(_points("G1, (m - m_w)^2", {w: found[w].G1 for w in looked}))
    curves.append(_points("G2, difference of risks", {w: found[w].G2 for w in looked}))
    nested = {w: mean._replace(lo=None, hi=None) for w, mean in sampled.nested.items()}
    if nested:
        curves.append(_points("G3, variance within windows", nested))
    first, at = sampled.exact[windows[0]], sampled.telling
    return book.figure(
        f"What a window loses: {words}",
        f"Gap between the best risk from a window and from the whole history, R_full = "
        f"{first.R_full:.4g}, Var(Y) = {first.var_Y:.4g}. Exact curve; points: three estimators "
        f"from {sampled.samples} draws, G1 and G2 with intervals of level {sampled.level:.6g}. "
        f"At w = {at} the gap is {sampled.exact[at].gap:.4g}; it ends at w = {_closed(sampled)}.",
        curves,
        x="window w",
        y="risk gap",
    )


def _closed(sampled: Sampled) -> int:
    """Return the first window on the curve that leaves no gap."""
    slack = 1e-12 * max(sampled.exact[w].var_Y for w in sampled.windows)
    return next((w for w in sampled.windows if sampled.exact[w].gap <= slack), sampled.task.horizon)


def _points(name: str, means: Mapping[int, Mean]) -> Curve:
    value, _, lo, hi, *_ = zip(*means.values(), strict=True)
    return curve(name, list(means), value, style="points", lo=lo, hi=hi)


def increments_figure(book: Notebook, words: str, sampled: Sampled) -> Figure:
    """Draw the share of the gap that each step into the past carries (N12a)."""
    windows = sampled.windows
    gaps = [sampled.exact[w].gap for w in windows]
    shares = [before - after for before, after in pairwise(gaps)]
    largest = max(range(len(shares)), key=shares.__getitem__, default=None)
    ending = "No window is left out."
    if largest is not None:
        ending = f"The largest, {shares[largest]:.4g}, is what w = {windows[largest + 1]} adds."
    return book.figure(
        f"Which steps of the past matter: {words}",
        "Increments of the Bayes prediction are orthogonal, so the gap splits over the steps of "
        f"the past: each bar is what its window adds to the one before, exact. {ending}",
        [curve("increment", windows[1:], shares, style="bars")],
        x="window w",
        y="share of the gap",
    )


def risk_table(book: Notebook, words: str, sampled: Sampled) -> DataTable:
    """Return exact risks and estimates at the windows that were looked at."""
    rows = []
    for w in sampled.looked:
        exact, found, nested = sampled.exact[w], sampled.estimates[w], sampled.nested.get(w)
        estimates = found.G1.value, found.G1.lo, found.G1.hi, found.G2.value
        within = None if nested is None else nested.value
        rows.append((w, exact.R_w, exact.gap, *estimates, within, exact.extras.get("cor1")))
    first = sampled.exact[sampled.windows[0]]
    extras = {n: v for n, v in first.extras.items() if n not in ("cor1", "visible_actions")}
    known = "".join(f", {name} = {v:.4g}" for name, v in extras.items() if v is not None)
    return book.table(
        f"Risks: {words}",
        f"R_full = {first.R_full:.6g}, Var(Y) = {first.var_Y:.6g}{known}. Exact, then from "
        f"{sampled.samples} draws: G1 = (m - m_w)^2 with its interval, G2 the difference of risks, "
        "G3 the variance of m within equal windows, where windows come twice. Last, corollary N on "
        "one window value, where it is known.",
        ("w", "R_w", "gap", "G1", "from", "to", "G2", "G3", "cor. N"),
        rows,
    )
