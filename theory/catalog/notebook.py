"""How a check writes down what it found: one row per statement and instance.

An inequality met by a batch is stored at its tightest instance, with the spread of the tightness
over the batch; an identity as its largest relative residual against a tolerance; an estimate with
its interval against the exact value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from harness.evidence import BoundCheck, Hypothesis
from harness.notebook import Notebook, Relation, plain_json
from harness.seeds import generator
from harness.verdicts.statements import conclusion
from theory.catalog import condition
from theory.maths.gap_estimators import Mean, mean_interval
from theory.maths.inputs import Floats

SECTION = "theory"
"""The page of the report that drawings stand on."""
TOLERANCE = 1e-9
"""Relative slack of an inequality between computed numbers."""
BREACH = 1.0 + 1e-6
"""A ratio above this is a violation."""
RESIDUAL = 1e-10
"""Largest relative residual of an identity between computed numbers."""
ROUNDING = 1e-12
"""Beside the largest of its batch, a side this small is rounding."""
REACHED = 0.999
"""Share of a bound that must be reached for it to count as attained."""
LEVEL = 1.0 - 1e-4
"""Of the interval of one estimate: a report of a hundred of them errs with probability 0.01."""
Sides = tuple[Any, Relation, Any]
Batches = tuple[ArrayLike, Literal["<=", ">="], ArrayLike]


@dataclass(frozen=True)
class StatementNotebook(Notebook):
    """Writes the rows of a check of one statement.

    Args:
        statement: id of the statement.
        seed: of all instances that are drawn.
        large: whether the budget is the large one.
        scratch: where an interrupted search left off; None keeps nothing.
    """

    statement: str = ""
    seed: int = 0
    large: bool = False
    scratch: Path | None = None

    def of(self, statement: str) -> StatementNotebook:
        """Return the notebook for instances of another statement."""
        return replace(self, statement=statement)

    def rng(self, *names: str | int) -> np.random.Generator:
        """Return random numbers fixed by seed, statement and purpose."""
        return generator(self.seed, self.statement, *names)

    def size(self, small: int, large: int) -> int:
        """Return the number of instances that the budget allows."""
        return large if self.large else small

    def check(
        self,
        instance: str,
        sides: Sides,
        *needs: Hypothesis,
        witness: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> BoundCheck:
        """Return a row for one instance: left side, relation, right side, and its hypotheses.

        Where the relation fails the row has a witness: what was given, else both sides and seed.

        Args:
            instance: what is checked, in words.
            sides: (left, relation, right).
            needs: the hypotheses, each with its standing here.
            witness: what to put in to see it; both sides and the seed are added.
            more: further fields of a BoundCheck; the tightness is computed unless given.
        """
        more = {"seed": self.seed, **more}
        row = self.bound(self.statement, instance, *sides, hypotheses=needs, **more)
        known = {"lhs": row.lhs, "rhs": row.rhs, "seed": self.seed}
        if witness is None and conclusion(row) is False:
            witness = {"instance": instance}
        return msgspec.structs.replace(
            row,
            ratio=row.ratio if "ratio" in more else tightness(row),
            witness="" if witness is None else plain_json({**witness, **known}),
        )

    def batch(
        self,
        instance: str,
        sides: Batches,
        *needs: Hypothesis,
        witness: Callable[[int], Mapping[str, Any]] = lambda _: {},
        **more: Any,
    ) -> BoundCheck:
        """Return a row for many instances of one inequality, stored at its tightest.

        An instance whose sides are both 0 attains nothing and says nothing of tightness; a smaller
        side that is rounding beside the others of the batch counts as 0.
        """
        lhs, relation, rhs = sides
        left, right = (np.ravel(a) for a in np.broadcast_arrays(lhs, rhs))
        left, right = np.array(left, np.float64), np.array(right, np.float64)
        smaller, larger = (left, right) if relation == "<=" else (right, left)
        smaller[np.abs(smaller) < ROUNDING * np.abs(smaller).max()] = 0.0
        ratios = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0.0)
        ratios[(larger <= 0.0) & (smaller > larger)] = math.inf
        at = int(np.argmax(ratios))
        seen = np.clip(ratios[larger > 0.0], 0.0, BREACH)
        if "best" in more:  # of search and batch together
            more["best"] = max(more["best"], float(seen.max(initial=0.0)))
        found = {"instance": at, **witness(at)} if ratios[at] > 1.0 + TOLERANCE else None
        more = {"n": len(left), **spread_of(seen), **more}
        tightest: Sides = (float(left[at]), relation, float(right[at]))
        return self.check(instance, tightest, *needs, witness=found, **more)

    def attained(
        self,
        instance: str,
        sides: Batches,
        *needs: Hypothesis,
        share: float = REACHED,
        **more: Any,
    ) -> BoundCheck:
        """Return a row on whether a bound is reached: the observed side against a share of it.

        It fails where the bound is looser than stated. ``sides`` are those of the inequality whose
        bound is said to be attained, each of its instances a place where it should be.
        """
        observed, relation, bound = sides
        turned: Batches = (
            (observed, ">=", share * np.asarray(bound, np.float64))
            if relation == "<="
            else (share * np.asarray(observed, np.float64), "<=", bound)
        )
        more = {"ratio": None, "spread": (), **more}
        return self.batch(f"{instance}: attained", turned, *needs, **more)

    def identity(
        self,
        instance: str,
        left: ArrayLike,
        right: ArrayLike,
        *needs: Hypothesis,
        tolerance: float = RESIDUAL,
        **more: Any,
    ) -> BoundCheck:
        """Return a row for an identity between arrays: its largest residual, relative to size.

        A residual is relative to the larger of 1 and the largest entry of both sides.
        """
        a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
        size = max(1.0, float(np.abs(a).max()), float(np.abs(b).max()))
        residual = float(np.abs(a - b).max()) / size
        more = {"ratio": None, "n": a.size, **more}
        return self.check(f"{instance} (residual)", (residual, "<=", tolerance), *needs, **more)

    def estimate(
        self, instance: str, found: Mean | Floats, exact: float, *needs: Hypothesis, note: str = ""
    ) -> BoundCheck:
        """Return a row that holds a sample mean, give or take rounding, against its value.

        ``found`` is the mean, or the independent values [n] that it is taken of. Where few draws
        carry the spread, a value outside the interval decides nothing.
        """
        mean = found if isinstance(found, Mean) else mean_interval(found, LEVEL)
        slack = RESIDUAL * max(abs(mean.value), abs(exact))
        lo = None if mean.lo is None else mean.lo - slack
        hi = None if mean.hi is None else mean.hi + slack
        more = {"lo": lo, "hi": hi, "n": mean.n, "ratio": None, "note": note}
        if mean.few and lo is not None and hi is not None and not lo <= exact <= hi:
            text = "enough draws carry the spread for the central limit"
            needs = (*needs, condition("draws", text, None, mean.few))
            more["note"] = note or mean.few
        return self.check(instance, (mean.value, "=", exact), *needs, **more)


def tightness(row: BoundCheck) -> float | None:
    """Return observed / bound for an upper bound, bound / observed for a lower one, else None.

    None too where a hypothesis is violated, the bound is broken or the larger side is 0.
    """
    broken = any(one.standing == "violated" for one in row.hypotheses)
    if row.lhs is None or row.rhs is None or row.relation == "=" or broken:
        return None
    smaller, larger = (row.lhs, row.rhs) if row.relation == "<=" else (row.rhs, row.lhs)
    if larger <= 0.0 or smaller > larger * BREACH:
        return None
    return min(max(smaller / larger, 0.0), 1.0)


def spread_of(ratios: ArrayLike) -> dict[str, Any]:
    """Return the fields of a row on how tight a batch is: median, and quartiles with both ends."""
    found = np.asarray(ratios, np.float64)
    return (
        {"ratio": float(np.median(found)), "spread": quantiles(found)}
        if found.size
        else {"ratio": None}
    )


def quantiles(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    """Return minimum, quartiles and maximum."""
    return tuple(map(float, np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0))))
