"""What a trained network shows, as rows: its risk, what it recovers, and what its window forbids.

p is the prediction, m that of Bayes from the history, m_w from the window. Each quantity has the
estimator with the least variance: the excess E(p - m)^2 for what is recovered, losses paired with
those of m_w for the claim that the risk is not below R_w.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from harness.evidence import BoundCheck, Hypothesis, Measurement
from harness.notebook import Notebook, finite
from harness.protocols import Evidence
from harness.seeds import generator
from theory.catalog import condition
from theory.maths.gap_estimators import Mean, gap_estimates, mean_interval
from theory.probes.windows import remaining, window_invariance
from theory.tasks.base import Batch, Floats, Risks, Task
from theory.training.limits import DELTA, target_range, upper_limit
from theory.training.trainer import Recipe, Trained, one_thread, predict

LEVEL = 0.99
RESAMPLED = 512  # sequences whose older inputs are drawn anew
NO_GAP = "the window holds all that the history tells"
CURVE, RISK, EXCESS = "held-out risk", "risk", "excess risk"
RECOVERED, RESET, EXPLAINED = "share of the gap recovered", "risk after a reset", "share explained"
LAST = EXPLAINED
"""The quantity of the row that ends a training: where it is stored, all are."""


READS_HISTORY = condition(
    "A6",
    "the prediction is made from the history alone",
    detail="the encoded history is the network's only input",
)


@dataclass(frozen=True)
class Sizes:
    """Sequences drawn to look at one training; part of the settings of an experiment."""

    held_out: int = 4096
    test: int = 8192
    resets: int = 4096


@dataclass(frozen=True)
class Training:
    """One training: who is trained, and how its rows are written.

    Args:
        label: of the training in figures.
        arm: the network, e.g. ``hybrid``.
        recipe: what is trained, and how.
        experiment: writes the rows of the experiment.
        sizes: of the samples.
        resets: whether the memory is also emptied on the way.
    """

    label: str
    arm: str
    recipe: Recipe
    experiment: Notebook
    sizes: Sizes
    resets: bool = True

    @property
    def task(self) -> Task:
        """Return the task."""
        return self.recipe.problem

    @cached_property
    def window(self) -> int:
        """Return the w of what the windowed blocks reach."""
        return self.task.window_of(self.recipe.shape.reach)

    @cached_property
    def exact(self) -> Risks:
        """Return the exact risks at this window."""
        return self.task.exact(self.window)

    @property
    def empties(self) -> bool:
        """Say whether there is a memory that is to be emptied."""
        return self.resets and self.recipe.shape.remembers

    @property
    def words(self) -> str:
        """Return the training in words."""
        recipe = self.recipe
        name = f"{self.label} network on {self.task.name}"
        return f"{name}, seed {recipe.seed}, {recipe.steps} steps"

    def left(self) -> list[int]:
        """Return how many last inputs are still read if the memory is emptied at each position."""
        mixers, lags, length = (getattr(self.recipe.shape, n) for n in ("mixers", "lags", "length"))
        return [remaining(mixers, lags, length, place) for place in range(length)]

    def draw(self, n: int, purpose: str) -> Batch:
        """Draw sequences that no training has seen."""
        return self.task.sample(n, generator(self.recipe.seed, self.recipe.task, purpose))

    @cached_property
    def book(self) -> Notebook:
        """Return what writes the rows of this training."""
        recipe, exact = self.recipe, self.exact
        trained = {"training": recipe.key, "arm": self.arm, "stack": "+".join(recipe.mixers)}
        settings = {"seed": recipe.seed, "steps": recipe.steps, "beta_max": recipe.beta_max}
        risks = {"R_full": exact.R_full, "R_w": exact.R_w, "var_Y": exact.var_Y}
        own = {**self.experiment.settings, "training": recipe.key}
        labels = {**trained, **settings, "window": self.window, **risks}
        return replace(self.experiment, settings=own, labels=labels)

    def row(self, quantity: str, mean: Mean | None, **more: Any) -> Measurement:
        """Return one measured number of this training; ``more`` are fields of a Measurement."""
        value, _, lo, hi, n, *_ = mean or (None, None, None, None, 1)
        return self.book.measurement(quantity, self.label, value, lo=lo, hi=hi, n=n, **more)

    def bound(self, statement: str, instance: str, *sides: Any, **more: Any) -> BoundCheck:
        """Return one instance of a statement; its witness holds both sides and the recipe."""
        lhs, _, rhs = sides
        recipe, known = self.recipe, {"lhs": finite(lhs), "rhs": finite(rhs)}
        given = {"recipe": asdict(recipe), **known, **more.pop("given", {})}
        words = f"{self.words}{instance}"
        return self.book.bound(statement, words, *sides, seed=recipe.seed, witness=given, **more)


def failed(training: Training, reason: str) -> Measurement:
    """Return the last row of a training that came to nothing."""
    return training.row(LAST, None, reason=reason)


def rows_of(training: Training, trained: Trained) -> Iterator[Evidence]:
    """Yield every row of a finished training; the last one has the quantity ``LAST``."""
    task, exact = training.task, training.exact
    for step, mean in trained.curve:
        yield training.row(CURVE, mean, x=float(step))
    batch = training.draw(training.sizes.test, "test")
    p = predict(trained.network, task.encode(batch))
    found = gap_estimates(batch.y, task.bayes(batch), p, LEVEL)
    yield training.row(RISK, found.R_w)
    yield training.row(EXCESS, found.G1)
    yield _identity(training, batch, p)
    yield _lower_bound(training, trained, batch, p, training.recipe.shape.reach)
    if training.empties:
        yield from _resets(training, trained)
    yield _share(training, RECOVERED, found.G1, exact.gap, NO_GAP)
    yield _share(
        training, LAST, found.G1, exact.var_Y - exact.R_full, "there is nothing to explain"
    )


def _share(
    training: Training, quantity: str, excess: Mean, whole: float, reason: str
) -> Measurement:
    """Return 1 - excess / whole, which is (R - risk) / (R - R_full) for R = R_full + whole."""
    if whole <= 1e-12:
        return training.row(quantity, None, reason=reason)
    lo, hi = (None if end is None else 1 - end / whole for end in (excess.hi, excess.lo))
    return training.row(quantity, Mean(1 - excess.value / whole, None, lo, hi, excess.n))


def _identity(training: Training, batch: Batch, p: Floats) -> BoundCheck:
    """Hold Lemma 2 against a trained network: its excess, from losses and as a distance."""
    found = gap_estimates(batch.y, training.task.bayes(batch), p, 1 - DELTA)
    distance, cross = found.G1.value, found.cross
    lo, hi = (None if end is None else distance + end for end in (cross.lo, cross.hi))
    return training.bound(
        "S4",
        ": losses above those of the Bayes prediction, against the squared distance to it",
        found.G2.value,
        "=",
        distance,
        lo=lo,
        hi=hi,
        hypotheses=(READS_HISTORY,),
        note=f"{len(batch.y)} sequences",
    )


def _resets(training: Training, trained: Trained) -> Iterator[Evidence]:
    """Yield the risk of a network whose memory is emptied at some position, and its bound."""
    task, left = training.task, training.left()
    batch = training.draw(training.sizes.resets, "resets")
    inputs = task.encode(batch)
    for place in sorted({*range(0, len(left), max(1, len(left) // 6)), len(left) - 1}):
        w = task.window_of(left[place])
        p = predict(trained.network, inputs, place)
        losses = mean_interval((batch.y - p) ** 2, LEVEL)
        labels = {"left": w, "exact": task.exact(w).R_w}
        yield training.row(RESET, losses, x=float(place), labels=labels)
        yield _lower_bound(training, trained, batch, p, left[place], place)


def _lower_bound(
    training: Training,
    trained: Trained,
    batch: Batch,
    p: Floats,
    positions: int,
    reset: int | None = None,
) -> BoundCheck:
    """Hold the risk against R_w of the last ``positions``: not significantly below.

    The left side is the largest risk that the losses do not refute at level ``DELTA``. Predictions
    are clipped to the range of the target where it has one, which only lowers the risk.
    """
    task = training.task
    w, limits = task.window_of(positions), target_range(task)
    width, how = None, "central limit, as losses are not bounded"
    if limits is not None:
        p, width = np.clip(p, *limits), (limits[1] - limits[0]) ** 2 * (1 + 1e-9)
        how = f"e-value, predictions clipped to [{limits[0]:g}, {limits[1]:g}]"
    paired = (batch.y - p) ** 2 - (batch.y - task.window_bayes(batch, w)) ** 2
    R_w, difference = task.exact(w).R_w, mean_interval(paired, LEVEL)
    risk, z = R_w + difference.value, difference.z(0.0) or 0.0
    emptied = "" if reset is None else f", memory emptied at {reset}"
    return training.bound(
        "S2",
        f"{emptied}: largest risk not refuted by its losses, against R_w at w = {w}",
        R_w + upper_limit(paired, width),
        ">=",
        R_w,
        hypotheses=(_reads_window(training, trained, batch, positions, reset),),
        ratio=min(R_w / risk, 1.0) if risk > 0 else None,
        given={"risk": risk, "reset": reset},
        note=f"risk {risk:.5g}, R_w {R_w:.5g}, z {z:+.3g}; level {DELTA:g}, {how}",
    )


def _reads_window(
    training: Training, trained: Trained, batch: Batch, positions: int, reset: int | None
) -> Hypothesis:
    """Draw anew what lies before the window; the prediction must stay the same."""
    inputs = torch.from_numpy(training.task.encode(batch)[:RESAMPLED])
    with one_thread():
        change = window_invariance(lambda x: trained.network(x, reset), inputs, positions)
    changed = f"changes by up to {change.largest:.3g}"
    found = "stays the same to the last bit" if change.invariant else changed
    detail = f"with all older inputs of {len(inputs)} sequences drawn anew it {found}"
    text = f"the prediction depends on the last {positions} inputs only"
    return condition("window", text, change.invariant, detail)
