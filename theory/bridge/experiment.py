"""The bridge as an experiment: checks without training, trainings side by side, verdicts."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.evidence import BoundCheck, Hypothesis, Measurement
from harness.notebook import Notebook
from harness.protocols import Evidence
from harness.records import Scalar
from harness.settings import complete
from harness.stats.intervals import z_quantile
from harness.workers import make_executor
from theory.bridge.arms import PRESETS, Preset, arms_of, chosen, seeded
from theory.bridge.checks import instruments
from theory.bridge.claims import CLAIMS, Court, order_controls
from theory.bridge.drawings import facts_table, pages
from theory.bridge.drift import LEVEL, Look
from theory.bridge.evidence import LAST, Findings, rows_of
from theory.bridge.facts import Facts, facts
from theory.bridge.page import Page
from theory.bridge.recipes import VERSION, Recipe
from theory.bridge.training import observe
from theory.catalog import condition
from theory.catalog.notebook import SECTION
from theory.maths import checks

Outcome = tuple[Recipe, Look | str, float]
"""A recipe, what its training showed or why it came to nothing, and the seconds it took."""
log = logging.getLogger(__name__)


def bridge(settings: Mapping[str, Scalar]) -> Sequence[Bridge]:
    """Return the experiments of the bridge.

    Settings: experiment, one of drift, factorial, order, native, evolve, all; preset quick, default
    or full; seeds, the trainings per arm (0: those of the preset), and seed, the first of them.

    Raises:
        ConfigError: a setting is unknown or wrong; names the nearest.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    asked = complete(given, {"experiment": "all", "preset": "default", "seeds": 0, "seed": 0})
    checks.choice("preset", asked["preset"], list(PRESETS))
    checks.count("seeds", asked["seeds"], 1 if "seeds" in given else 0)
    checks.count("seed", asked["seed"])
    preset = PRESETS[asked["preset"]]
    seeds = range(asked["seed"], asked["seed"] + (asked["seeds"] or preset.seeds))
    return [Bridge(asked["experiment"], preset, seeds)]


class Bridge:
    """Experiments that share their trainings.

    Args:
        asked: name of an experiment, or ``all``.
        preset: how much is done.
        seeds: one training of each arm per seed.
    """

    def __init__(self, asked: str, preset: Preset, seeds: range) -> None:
        self.names, self.preset, self.seeds = chosen(asked), preset, seeds
        self.arms = {name: arms_of(name, preset) for name in self.names}
        self.name, self.title = "theory/bridge", f"Bridge: {', '.join(self.names)}"
        self.settings: dict[str, Scalar] = {
            "version": VERSION,
            "experiment": asked,
            "preset": preset.name,
            "first_seed": seeds[0],
            "seeds": len(seeds),
        }
        self.book = Notebook(self.name, SECTION, self.settings)

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield every row; trainings that are known whole are not made again.

        Raises:
            DataError: a checkpoint in ``scratch`` is damaged.
        """
        yield from instruments(self.book, self.seeds[0])
        worlds = dict.fromkeys(arm.group for arms in self.arms.values() for arm in arms)
        exact = {
            world: facts(world, self.preset.strings)
            for world in worlds
            if world in ("ring", "permanence", "walk")
        }
        if exact:
            yield facts_table(self.book, list(exact.values()))
        rows: dict[str, list[Measurement]] = {}
        for recipe, made in self.trainings(known, scratch):
            rows[recipe.key] = made
            yield from made
        for name in self.names:
            yield from self._conclude(name, Findings(self.arms[name], self.seeds, rows), exact)

    def trainings(
        self, known: Mapping[str, Evidence], scratch: Path
    ) -> Iterator[tuple[Recipe, list[Measurement]]]:
        """Yield every training with its rows, those of the journal first."""
        recipes = seeded([arm for arms in self.arms.values() for arm in arms], self.seeds)
        stored = _stored(self.book, known)
        missing = [one for one in recipes if one.key not in stored]
        yield from ((one, stored[one.key]) for one in recipes if one.key in stored)
        workers = min(len(missing), os.cpu_count() or 1)
        executor = make_executor("processes", max(workers, 1))
        told = False
        for recipe, found, seconds in executor.map(partial(_observed, scratch), missing):
            if not told:
                self._tell(seconds / _effort(recipe) * sum(map(_effort, missing)) / workers)
                told = True
            yield recipe, rows_of(self.book, recipe, found)

    def _tell(self, seconds: float) -> None:
        """Say so where a first training promises more than twice the time of the preset."""
        if seconds > 2 * self.preset.seconds:
            minutes = seconds / 60, self.preset.seconds / 60
            log.warning("this will take about %.0f min here, where %.0f min are meant", *minutes)

    def _conclude(
        self, name: str, found: Findings, exact: Mapping[str, Facts]
    ) -> Iterator[Evidence]:
        guards = list(_guards(self.book, name, found))
        yield from guards
        court = Court(self.book, found, _controls(self.book, name, found, exact))
        claims = CLAIMS[name](court)
        yield from claims
        yield from pages(Page(name, self.book, found, claims), exact)


def _effort(recipe: Recipe) -> float:
    """Return the positions of a training, rounds of self-evolution included."""
    rounds = 0 if recipe.feed == "nothing" else recipe.rounds
    return recipe.trained + rounds * recipe.round_steps * 32 * 120


def _observed(scratch: Path, recipe: Recipe) -> Outcome:
    began = time.monotonic()
    try:
        found: Look | str = observe(recipe, _resumed(recipe, scratch))
    except FloatingPointError as error:
        found = str(error)
    return recipe, found, time.monotonic() - began


def _resumed(recipe: Recipe, scratch: Path) -> Path:
    """Return the folder of checkpoints, with those of this training from runs that lie beside."""
    runs = scratch.parents[2] if len(scratch.parents) > 2 else scratch
    for file in sorted(runs.glob(f"*/scratch/*/{recipe.key}*.safetensors")):
        own = scratch / file.name
        if not own.is_file():
            scratch.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, own)
    return scratch


def _stored(book: Notebook, known: Mapping[str, Evidence]) -> dict[str, list[Measurement]]:
    """Return the rows of every training that the journal holds whole."""
    found: dict[str, list[Measurement]] = {}
    for row in known.values():
        if isinstance(row, Measurement) and "training" in row.labels:
            found.setdefault(str(row.labels["training"]), []).append(row)
    return {key: rows for key, rows in found.items() if any(r.quantity == LAST for r in rows)}


def _guards(book: Notebook, name: str, found: Findings) -> Iterator[BoundCheck]:
    """Yield what must hold in every training: chain rule, streaming, no excess below the gap."""
    worst: dict[str, tuple[float, str]] = {}
    for arm in found.arms:
        for seed in found.seeds:
            where = f"{arm.group} {arm.name}, seed {seed}"
            for quantity, off in _offences(found.measured(arm, seed)):
                worst[quantity] = max(worst.get(quantity, (0.0, "")), (off, where))
    limits = {"chain rule": 4.0, "streaming": 1e-5, "below the gap": 4.0}
    words = {
        "chain rule": "drawn log ratios against summed divergences, standard errors",
        "streaming": "laws of a roll-out against the whole pass",
        "below the gap": "forward excess below the exact window gap, standard errors",
    }
    for quantity, (off, where) in worst.items():
        yield book.bound(
            "B0",
            f"{name}: {words[quantity]}, the worst training",
            off,
            "<=",
            limits[quantity],
            witness={"training": where, "off": off},
            n=len(found.arms) * len(found.seeds),
            note=where,
        )


def _offences(rows: Mapping[str, Measurement]) -> Iterator[tuple[str, float]]:
    """Yield how far a training is from what must hold of each."""
    if (z := _errors(rows.get("chain rule"))) is not None:
        yield "chain rule", abs(z)
    if (z := _errors(rows.get("above the gap"))) is not None:
        yield "below the gap", max(0.0, -z)
    streaming = rows.get("streaming")
    if streaming is not None and streaming.value is not None:
        yield "streaming", streaming.value


def _errors(row: Measurement | None) -> float | None:
    """Return the value of a row in standard errors."""
    if row is None or row.value is None or row.lo is None or row.hi is None:
        return None
    error = (row.hi - row.lo) / (2 * z_quantile(LEVEL))
    return row.value / error if error > 0 else 0.0


def _controls(
    book: Notebook, name: str, found: Findings, exact: Mapping[str, Facts]
) -> dict[str, tuple[Hypothesis, ...]]:
    """Return by group what must hold for its comparisons to mean anything."""
    if name == "order":
        _, control, transfer = order_controls(Court(book, found))
        return {group: (control, transfer) for group in found.groups() if group != "same"}
    controls = {}
    for group in found.groups():
        known, arms = exact[group].memoryless.value, found.names(group)
        window = "SS" if "SS" in arms else arms[0]
        losses = found.values(group, window, "path KL")
        mean = sum(losses) / len(losses) if losses else None
        text = f"{window} is better than the best law without memory"
        standing = None if mean is None else mean < known
        detail = "" if mean is None else f"path KL {mean:.3g} against {known:.3g}"
        controls[group] = (condition("positive control", text, standing, detail),)
    return controls
