"""Layers and bounds of one's own: what a stated recursion does, and what is said of its error.

A layer is a function from inputs [sequences, steps, width] to a ``Recursion``, which is refused
unless it reproduces the layer's output. A bound is a function from a measured ``Run`` to numbers
[..., T + 1] that the error e_t is said to stay below. Source: section "Your own" of
theory/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.attempt import tried
from harness.base import Scalar
from harness.errors import DataError
from harness.evidence import BoundCheck, DataTable, Figure
from harness.importing import PREFIX, load_function, source_digest
from harness.notebook import curve
from harness.protocols import Evidence
from harness.seeds import derive_seed, generator
from theory.catalog import assumed
from theory.catalog.notebook import SECTION, TOLERANCE, StatementNotebook
from theory.maths.inputs import Floats
from theory.maths.recursion import (
    Clean,
    Recursion,
    Run,
    frobenius,
    halved_after,
    prefixes,
    spectral,
)
from theory.probes.fla_layers import ADAPTERS, build, followed
from theory.probes.rounding import rounded
from theory.statements.drawings import logarithmic

VERSION = 1
SIZE = 1e-2
"""Relative size of what is injected."""
RUNGS = {
    "direction": "direction-aware",
    "product": "operator product",
    "exact": "exact factors",
    "uniform": "largest factor",
}
"""Bounds from the sharpest on, by field of a ``Run``."""
DRAWN = "writes and transitions"
LEAST = float(np.finfo(np.float64).min)
"""Stands for a bound of minus infinity."""


@dataclass(frozen=True)
class Given:
    """What is asked for.

    Args:
        target: ``python:MODULE:FUNCTION`` or a layer of flash-linear-attention.
        bound: ``python:MODULE:FUNCTION``, or nothing.
        seed: of inputs, weights and perturbations.
        sequences: independent inputs.
        steps: of each.
        width: of an input.
    """

    target: str
    bound: str
    seed: int
    sequences: int
    steps: int
    width: int


class OwnLayer:
    """What one recursion does step by step, and every bound held against perturbed runs of it."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.name, self.title = f"theory/probe/{given.target}", f"Probe of {given.target}"
        self.settings: dict[str, Scalar] = {"version": VERSION, **vars(given)}
        for role, name in (("target", given.target), ("bound", given.bound)):
            if name.startswith(PREFIX):
                self.settings[f"{role}_source"] = source_digest(name.removeprefix(PREFIX))

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield every row about the layer.

        Raises:
            UserError: no such function, or what it returns cannot be used.
        """
        given = self.given
        fields = {"statement": "N14", "seed": given.seed}
        book = StatementNotebook(self.name, SECTION, self.settings, **fields)
        clean = _measured(lambda: Clean.of(recursion_of(given)), given.target)
        runs = _measured(lambda: perturbed(clean, given.seed), given.target)
        yield steps_table(book, given.target, clean)
        yield tightness_table(book, given.target, runs)
        yield from rung_checks(book, given.target, clean, runs)
        own: dict[str, Floats] = {}
        if given.bound:
            function = load_function(given.bound.removeprefix(PREFIX), "--set bound")
            own = {name: _bounded(function, run, given.bound) for name, run in runs.items()}
            yield own_check(book.of(given.bound), given, runs, own)
        yield error_figure(book, given, runs[DRAWN], own.get(DRAWN))


def recursion_of(given: Given) -> Recursion:
    """Return what a layer makes of normal inputs.

    Raises:
        UserError: no such layer, or its recursion cannot be used.
    """
    rng = generator(given.seed, "own layer", given.target)
    x = rng.normal(size=(given.sequences, given.steps, given.width))
    if given.target in ADAPTERS:
        import torch

        layer = build(given.target, derive_seed(given.seed, "weights"))
        return followed(given.target, layer, torch.from_numpy(x).float())
    function = load_function(given.target.removeprefix(PREFIX), "bound probe")
    found = called(function, x, where=given.target)
    if not isinstance(found, Recursion):
        raise DataError(
            f"the layer returns {type(found).__name__}",
            expected="a theory.maths.recursion.Recursion",
            where=given.target,
        )
    if found.steps != given.steps:
        raise DataError(
            f"the layer returns {found.steps} steps for {given.steps} inputs", where=given.target
        )
    return found


def called(function: Callable[..., Any], *given: Any, where: str) -> Any:
    """Return what a function of the user's returns.

    Raises:
        DataError: it fails; with its own words.
    """
    found, error = tried(lambda: function(*given))
    if error is not None:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"the function fails: {said}", where=where) from error
    return found


def _measured(measure: Callable[[], Any], where: str) -> Any:
    try:
        return measure()
    except ValueError as error:
        raise DataError(str(error), where=where, hint="take fewer steps, or mend it") from error


def perturbed(clean: Clean, seed: int) -> dict[str, Run]:
    """Return runs with writes, transitions or both moved at every step, and in bfloat16.

    A write moves by ``SIZE`` times the typical size of writes, a transition by as much of its
    typical distance from the identity, both in random directions.
    """
    rng, star = generator(seed, "own perturbations"), clean.star
    moved = star.transition - np.eye(star.transition.shape[-1])
    A = star.transition + _noise(moved, rng)
    W = star.write + _noise(star.write, rng)
    return {
        "writes": clean.run(write=W),
        "transitions": clean.run(transition=A),
        DRAWN: clean.run(transition=A, write=W),
        "bfloat16 memory": clean.run(rounded=lambda S: rounded(S, "bfloat16")),
    }


def _noise(like: Floats, rng: np.random.Generator) -> Floats:
    noise = rng.normal(size=like.shape)
    typical = np.sqrt(np.mean(frobenius(like) ** 2))
    return SIZE * typical * noise / frobenius(noise)[..., None, None]


def steps_table(book: StatementNotebook, where: str, clean: Clean) -> DataTable:
    """Return what single steps and their products do, lowest, median and largest over runs."""
    A, first = clean.star.transition, clean.star.write[..., :1, :, :]
    whole = prefixes(A)
    left = frobenius(first @ clean_products(A)) / np.maximum(frobenius(first), 1e-300)
    asymmetry = spectral(A - np.swapaxes(A, -1, -2)) / np.maximum(clean.factor, 1e-300)
    steps = A.shape[-3]
    quantities = {
        "largest singular value of a step": clean.factor,
        "asymmetry |A - A^T| / |A|": asymmetry,
        "steps until the product of all transitions is at most half": halved_after(spectral(whole)),
        "steps until what is left of the first write is at most half": halved_after(left),
    }
    rows = [(name, *np.quantile(x, (0.0, 0.5, 1.0)).tolist()) for name, x in quantities.items()]
    contracting = float(np.mean(clean.factor < 1.0))
    return book.table(
        f"What a step does: {where}",
        f"{clean.factor.size} steps in {clean.factor.size // steps} runs of {steps}; "
        f"{contracting:.1%} of them contract. Half-lives of {steps + 1} are longer than the runs.",
        ("quantity", "least", "median", "most"),
        rows,
    )


def clean_products(transition: Floats) -> Floats:
    """Return A_2 .. A_t for t = 1 .. T: what becomes of the first write."""
    rest = transition.copy()
    rest[..., 0, :, :] = np.eye(transition.shape[-1])
    return prefixes(rest)


def tightness_table(book: StatementNotebook, where: str, runs: Mapping[str, Run]) -> DataTable:
    """Return the error at the end and every bound on it, root mean squares over runs."""
    rows = []
    for name, run in runs.items():
        e, cap = _rms(run.e[..., -1]), _rms(run.cap)
        bounds = [_rms(_last(run, rung)) for rung in RUNGS]
        rows.append((name, e, *bounds, cap, e / bounds[0] if bounds[0] > 0.0 else None))
    return book.table(
        f"Error at the end and bounds on it: {where}",
        f"Root mean squares over {runs[DRAWN].cap.size} runs; injected with a relative size of "
        f"{SIZE:g}. The trivial cap is the norms of both memories; last, the tightness of the "
        "sharpest bound.",
        ("perturbed", "error", *RUNGS.values(), "trivial cap", "tightness"),
        rows,
    )


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _last(run: Run, rung: str) -> Floats:
    bound = getattr(run, rung)
    return bound[..., -1] if bound.ndim == run.e.ndim else bound


def rung_checks(
    book: StatementNotebook, where: str, clean: Clean, runs: Mapping[str, Run]
) -> Iterator[BoundCheck]:
    """Yield every bound of N14 at the end of the runs, and the limit where one exists."""
    e = np.array([run.e[..., -1] for run in runs.values()])
    for rung, words in RUNGS.items():
        bound = np.array([_last(run, rung) for run in runs.values()])
        tells = bool(np.all(bound < np.array([run.cap for run in runs.values()])))
        instance = f"{words} on {where}, {len(runs)} perturbations, last step"
        yield book.batch(instance, (e, "<=", bound), tolerance=1e-8, informative=tells)
    largest = float(clean.factor.max())
    contracts = assumed("A9'", largest < 1.0, f"largest factor {largest:.6g}")
    most = max(float(run.injection.max()) for run in runs.values())
    limit = most / (1.0 - largest) if largest < 1.0 else None
    reason = "" if limit is not None else "one step keeps or grows a direction: no limit exists"
    instance = f"limit of the error of {where} over all perturbations"
    yield book.check(instance, (float(e.max()), "<=", limit), contracts, reason=reason)


def _bounded(function: Callable[..., Any], run: Run, where: str) -> Floats:
    """Return a bound of one's own on a run, broadcast to its errors; it sees read-only copies.

    Raises:
        DataError: it fails, or returns no real numbers or another shape.
    """
    copies = [array.copy() for array in run]
    for array in copies:
        array.setflags(write=False)
    found = np.asarray(called(function, Run(*copies), where=where))
    said = f"shape {list(found.shape)} of {found.dtype}"
    try:
        if found.dtype.kind not in "iuf":
            raise TypeError(said)
        return np.broadcast_to(found.astype(np.float64), run.e.shape)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the bound returns {said}",
            expected=f"numbers that broadcast to {list(run.e.shape)}, runs and steps 0 to T",
            where=where,
        ) from error


def own_check(
    book: StatementNotebook, given: Given, runs: Mapping[str, Run], own: Mapping[str, Floats]
) -> BoundCheck:
    """Return a bound of one's own against all runs: where it breaks, else at the last step."""
    instance = f"{given.bound} on {given.target}, {len(runs)} perturbations"
    e = np.array([run.e for run in runs.values()])
    bound = np.array([own[name] for name in runs])
    undefined = int((~np.isfinite(bound)).sum())
    broken = e > bound * (1.0 + TOLERANCE) + 1e-12 * e.max()
    if broken.any():
        at = np.unravel_index(int(np.argmax(broken * (1 + np.isfinite(bound)))), e.shape)
        place = {"perturbed": list(runs)[at[0]], "run": [int(i) for i in at[1:-1]]}
        sides = float(e[at]), "<=", max(float(bound[at]), LEAST)
        words = f"{int(broken.sum())} of {broken.size} places"
        return book.check(instance, sides, witness={**place, "t": int(at[-1])}, note=words)
    if undefined:
        reason = f"the bound is no finite number at {undefined} of {bound.size} places"
        return book.check(instance, (None, "<=", None), reason=reason)
    return book.batch(instance, (e[..., -1], "<=", bound[..., -1]), tolerance=1e-8)


def error_figure(book: StatementNotebook, given: Given, run: Run, own: Floats | None) -> Figure:
    """Draw the error of the run that ends worst under every bound that exists at every step."""
    worst = np.unravel_index(int(np.argmax(run.e[..., -1])), run.cap.shape)
    t, cap = np.arange(run.e.shape[-1]), float(run.cap[worst])
    curves = [curve("measured", t, logarithmic(run.e[worst]))]
    for rung in ("exact", "uniform"):
        curves.append(curve(RUNGS[rung], t, logarithmic(getattr(run, rung)[worst], 100.0 * cap)))
    for rung in ("direction", "product"):
        curves.append(curve(RUNGS[rung], t[-1:], getattr(run, rung)[worst][None], style="points"))
    if own is not None:
        finite = np.where(np.isfinite(own[worst]), own[worst], np.nan)
        curves.append(curve(given.bound, t, logarithmic(finite, 100.0 * cap)))
    curves.append(curve("trivial cap", t, np.full(t.shape, cap), style="dashed"))
    e, sharpest = float(run.e[worst][-1]), float(run.direction[worst])
    tightness = f"{e / sharpest:.3g}" if sharpest > 0.0 else "undefined"
    return book.figure(
        f"Error under every bound: {given.target}",
        f"Norm of the memory error, {DRAWN} moved by a relative size of {SIZE:g} at every step, "
        f"the run that ends worst. At t = {t[-1]} the error is {e:.3g}, the direction-aware bound "
        f"{sharpest:.3g} (tightness {tightness}), the trivial cap {cap:.3g}.",
        curves,
        x="step t",
        y="norm of the memory error",
        log_y=True,
    )
