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
from harness.evidence import BoundCheck, DataTable, Figure, Measurement
from harness.importing import PREFIX, load_function, source_digest
from harness.notebook import curve
from harness.protocols import Evidence, Experiment
from harness.seeds import generator
from harness.settings import complete
from theory.catalog.notebook import BREACH, LEVEL, SECTION, StatementNotebook
from theory.maths.checks import count
from theory.maths.inputs import Floats
from theory.probes.factorisation import REGRESSIONS, Defect, defect
from theory.probes.own import called

VERSION, WINDOWS, LEAST = 1, 7, 100
FITS = {name: REGRESSIONS[name] for name in ("ridge", "random features")}
RARE = "an event that is rarer than one draw in all that were made is not seen"
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
        yield refutation(book, left, exact)
        spread = (y - y.mean()) ** 2 * (len(y) / (len(y) - 1))
        yield book.estimate(f"R_0 of {self.task} against Var y", spread, exact[0].R_w, note=RARE)


def refutation(
    book: StatementNotebook, left: Mapping[int, Defect], exact: Mapping[int, Exact]
) -> BoundCheck:
    """Return every R_w that is said held against what regressions leave, which tests one side."""
    instance = f"R_w of {book.statement} at {len(left)} windows is not refuted from above"
    most = {w: upper(one, len(left)) for w, one in left.items()}
    known = {w: limit for w, limit in most.items() if limit is not None}
    broken = any(exact[w].R_w > limit * BREACH for w, limit in known.items())
    if len(known) < len(most) and not broken:
        worst = next(one.errors[one.best].few for w, one in left.items() if most[w] is None)
        reason = f"no bound at {len(most) - len(known)} windows: {worst}"
        return book.check(instance, (None, "<=", max(known.values(), default=0.0)), reason=reason)
    said = [exact[w].R_w for w in known]
    return book.batch(instance, (said, "<=", list(known.values())), note=RARE)


def upper(one: Defect, windows: int) -> float | None:
    """Return a bound on R_w that holds at all windows with probability ``LEVEL``.

    None where few draws carry every held-out error.
    """
    z = float(scipy.stats.norm.ppf(1.0 - (1.0 - LEVEL) / (windows * len(one.errors))))
    usable = [mean for mean in one.errors.values() if not mean.few]
    return min((mean.value + z * (mean.error or 0.0) for mean in usable), default=None)


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
        DataError: no two finite numbers, a window better than the history, a risk that rises, or
            an R_full that depends on the window.
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
    full = [one.R_full for one in found.values()]
    if max(full) - min(full) > 1e-9 * max(1.0, *full):
        raise DataError(
            f"R_full is {min(full):g} at one window and {max(full):g} at another",
            expected="one number, whatever the window",
            where=where,
        )
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
    limits = [upper(one, len(left)) for one in left.values()]
    drawable = [np.nan if limit is None else limit for limit in limits]
    curves = [curve("regressions", list(left), drawable)]
    if exact:
        curves.append(curve("exact", list(exact), [one.R_w for one in exact.values()]))
    first, last = (left[w].errors[left[w].best].value for w in (min(left), max(left)))
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
