"""Tasks of one's own: a sampler, with or without exact risks.

The sampler is a function from a number and a generator to observations [n, T] or [n, T, d], oldest
first, and targets [n]. Its attribute ``exact``, if it has one, is a function from w to R_full and
R_w. The held-out error of a regression on the last w observations is at least R_w, whatever is
fitted, so it bounds R_w from above and refutes what is said to be exact and lies higher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy

from harness.base import Scalar
from harness.errors import DataError
from harness.evidence import DataTable, Figure, Measurement
from harness.importing import PREFIX, load_function, source_digest
from harness.notebook import curve
from harness.protocols import Evidence, Experiment
from harness.seeds import generator
from harness.settings import complete
from theory.catalog.notebook import LEVEL, SECTION, StatementNotebook
from theory.maths.checks import count
from theory.maths.inputs import Floats
from theory.probes.factorisation import REGRESSIONS, Defect, defect
from theory.probes.own import called

VERSION, WINDOWS, LEAST = 1, 7, 100
FITS = {name: REGRESSIONS[name] for name in ("ridge", "random features")}
NO_EXACT = "the sampler has no attribute `exact`, so R_full, R_w and the gap are not known"


class Exact(NamedTuple):
    """What a task says of itself at one window."""

    R_full: float
    R_w: float


def task(settings: Mapping[str, Scalar]) -> Sequence[Experiment]:
    """Return the report on a sampler.

    Settings: task, samples, seed.

    Raises:
        ConfigError: no such function, or an unknown setting.
    """
    found = complete(settings, {"task": "", "samples": 4000, "seed": 0})
    count("samples", found["samples"], LEAST)
    load_function(found["task"].removeprefix(PREFIX), found["task"])
    return [OwnTask(found["task"], found["samples"], found["seed"])]


class OwnTask:
    """Risks of windows of a sampler: exact where it knows them, bounded from draws."""

    def __init__(self, name: str, samples: int, seed: int) -> None:
        self.task, self.samples, self.seed = name, samples, seed
        self.name, self.title = f"theory/task/{name}", f"Task {name}"
        self.settings: dict[str, Scalar] = {"version": VERSION, "task": name, "samples": samples}
        self.settings |= {"seed": seed, "source": source_digest(name.removeprefix(PREFIX))}

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield every row about the task.

        Raises:
            DataError: what the sampler returns cannot be used.
        """
        fields = {"statement": self.task, "seed": self.seed}
        book = StatementNotebook(self.name, SECTION, self.settings, **fields)
        sampler = load_function(self.task.removeprefix(PREFIX), self.task)
        rng = generator(self.seed, "own task", self.task)
        obs, y = drawn(called(sampler, self.samples, rng, where=self.task), self.samples, self.task)
        windows = sorted({int(w) for w in np.linspace(0, obs.shape[1], WINDOWS)})
        left = {
            w: defect(y, obs[:, obs.shape[1] - w :].reshape(len(y), -1), self.seed, FITS)
            for w in windows
        }
        exact = exact_risks(getattr(sampler, "exact", None), windows, self.task)
        yield risk_table(book, self.task, left, exact)
        yield risk_figure(book, self.task, left, exact)
        if not exact:
            yield absent(book)
            return
        said, most = (
            [one.R_w for one in exact.values()],
            [upper(one, len(left)) for one in left.values()],
        )
        instance = f"R_w of {self.task} at {len(left)} windows against what regressions leave"
        yield book.batch(instance, (said, "<=", most), note=f"{len(y)} draws")


def upper(one: Defect, windows: int) -> float:
    """Return a bound on R_w that holds at all windows with probability ``LEVEL``."""
    z = float(scipy.stats.norm.ppf(1.0 - (1.0 - LEVEL) / (windows * len(one.errors))))
    return min(mean.value + z * (mean.error or 0.0) for mean in one.errors.values())


def drawn(found: Any, n: int, where: str) -> tuple[Floats, Floats]:
    """Return observations [n, T, d] and targets [n] of a sampler.

    Raises:
        DataError: another shape, a number that is not finite, or a target that never varies.
    """
    expected = f"observations [{n}, T] or [{n}, T, d] and targets [{n}], all finite"
    try:
        obs, y = (np.asarray(part, np.float64) for part in found)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the sampler returns {type(found).__name__}", expected=expected, where=where
        ) from error
    obs = obs[..., None] if obs.ndim == 2 else obs
    if obs.ndim != 3 or 0 in obs.shape or len(obs) != n or y.shape != (n,):
        shapes = f"the sampler returns shapes {list(obs.shape)} and {list(y.shape)}"
        raise DataError(shapes, expected=expected, where=where)
    if not (np.isfinite(obs).all() and np.isfinite(y).all()):
        raise DataError("the sampler returns values that are not finite", where=where)
    if np.ptp(y) == 0.0:
        raise DataError("the target never varies, so every risk is 0", where=where)
    return obs, y


def exact_risks(
    exact: Callable[[int], Any] | None, windows: Sequence[int], where: str
) -> dict[int, Exact]:
    """Return what a task says of its risks by window; nothing where it says nothing.

    Raises:
        DataError: no two finite numbers, a window better than the history, or one whose risk rises.
    """
    if exact is None:
        return {}
    found: dict[int, Exact] = {}
    for w in windows:
        given = called(exact, w, where=where)
        try:
            R_full, R_w = (float(one) for one in given)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"exact({w}) returns {given!r}", expected="R_full and R_w", where=where
            ) from error
        if not (math.isfinite(R_full) and math.isfinite(R_w) and -1e-12 <= R_full <= R_w + 1e-12):
            raise DataError(
                f"exact({w}) returns R_full = {R_full:g} and R_w = {R_w:g}",
                expected="finite numbers, 0 <= R_full <= R_w",
                where=where,
            )
        found[w] = Exact(R_full, R_w)
    risks = [one.R_w for one in found.values()]
    if any(later > earlier + 1e-9 for earlier, later in pairwise(risks)):
        raise DataError("R_w rises as the window grows", expected="risks that fall", where=where)
    return found


def risk_table(
    book: StatementNotebook, where: str, left: Mapping[int, Defect], exact: Mapping[int, Exact]
) -> DataTable:
    """Return exact risks, where they are known, beside what regressions leave."""
    rows = []
    for w, one in left.items():
        said = exact.get(w)
        known = (None, None) if said is None else (said.R_w, said.R_w - said.R_full)
        rows.append((w, *known, one.errors[one.best].value, upper(one, len(left)), one.best))
    words = "" if exact else f" R_w and gap are absent: {NO_EXACT}."
    return book.table(
        f"Risks: {where}",
        f"R_w and gap as the task gives them; then the held-out error of the better of "
        f"{len(FITS)} cross-fitted regressions on the window, and a bound on R_w from it, of level "
        f"{LEVEL:.2%} over all windows.{words}",
        ("w", "R_w", "gap", "regression", "R_w at most", "by"),
        rows,
    )


def risk_figure(
    book: StatementNotebook, where: str, left: Mapping[int, Defect], exact: Mapping[int, Exact]
) -> Figure:
    """Draw risks against the window."""
    curves = [curve("regressions", list(left), [upper(one, len(left)) for one in left.values()])]
    if exact:
        curves.append(curve("exact", list(exact), [one.R_w for one in exact.values()]))
    first, last = (upper(left[w], len(left)) for w in (min(left), max(left)))
    return book.figure(
        f"Risk against the window: {where}",
        f"What regressions leave falls from {first:.4g} without observations to {last:.4g} with "
        f"all; the exact risk is {'drawn beside it' if exact else 'not known'}.",
        curves,
        x="window w",
        y="mean square risk",
    )


def absent(book: StatementNotebook) -> Measurement:
    """Return the row that says why there is no exact risk."""
    return book.measurement("gap", "exact", None, reason=NO_EXACT)
