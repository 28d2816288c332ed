"""Three Monte Carlo estimators of the necessity gap, which must agree (S2, S1)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import scipy

from harness.errors import ConfigError
from theory.maths import checks
from theory.maths.inputs import Floats

LEVEL = 0.99
LARGEST = float(np.finfo(np.float64).max)
FEW = 30
"""Effective draws below which the central limit is not trusted at the levels in use."""


class Mean(NamedTuple):
    """A sample mean with its standard error and central-limit interval.

    With a single draw, the error and the interval are undefined (None). ``effective`` is the number
    of draws that carry the spread, (sum d^2)^2 / sum d^4 of deviations d; 0 without
    spread, None where it is not known.
    """

    value: float
    error: float | None
    lo: float | None
    hi: float | None
    n: int
    effective: float | None = None

    @property
    def few(self) -> str:
        """Why the interval is not to be trusted, or nothing."""
        if self.effective is None or self.effective >= FEW:
            return ""
        return f"{self.effective:.3g} of {self.n} draws carry the spread, fewer than {FEW}"

    def z(self, reference: float) -> float | None:
        """Return the distance to a reference in standard errors.

        None without a standard error; 0 where the two agree to rounding, whatever the spread;
        without spread and agreement infinitely far, reported as the largest float with its sign.
        """
        if self.error is None:
            return None
        if math.isclose(self.value, reference, rel_tol=1e-9, abs_tol=1e-12):
            return 0.0
        off = self.value - reference
        return off / self.error if self.error > 0 else math.copysign(LARGEST, off)


def mean_interval(values: Floats, level: float = LEVEL) -> Mean:
    """Return the mean of independent values with a central-limit interval.

    Raises:
        ConfigError: there is no value, or the level is not inside (0, 1).
    """
    checks.inside("level", level, 0.0, 1.0)
    if not len(values):
        raise ConfigError("no draws", expected="at least one to estimate from")
    value = float(np.mean(values))
    if len(values) == 1:
        return Mean(value, None, None, None, 1)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(scipy.stats.norm.ppf((1 + level) / 2)) * error
    return Mean(value, error, value - half, value + half, len(values), effective(values))


def effective(values: Floats) -> float:
    """Return how many values carry the spread; n / kurtosis, 0 where all are equal."""
    apart = np.abs(values - np.mean(values))
    largest = float(apart.max())
    if largest == 0.0:
        return 0.0
    squares = (apart / largest) ** 2
    return float(squares.sum() ** 2 / (squares**2).sum())


class GapEstimates(NamedTuple):
    """Estimates of one window's risks from one batch.

    Attributes:
        R_full: mean of ``(Y - m)^2``.
        R_w: mean of ``(Y - m_w)^2``.
        G1: mean of ``(m - m_w)^2``, the estimator to report: it has by far the least variance.
        G2: mean of ``(Y - m_w)^2 - (Y - m)^2``, unbiased whatever m is.
        cross: mean of ``2 (Y - m)(m - m_w)``, which is G2 - G1 and has mean zero (S1, S2).
    """

    R_full: Mean
    R_w: Mean
    G1: Mean
    G2: Mean
    cross: Mean


def gap_estimates(y: Floats, m: Floats, m_w: Floats, level: float = LEVEL) -> GapEstimates:
    """Return the estimates from targets and both predictions, each [n]."""
    full, short, between = (y - m) ** 2, (y - m_w) ** 2, (m - m_w) ** 2
    series = (full, short, between, short - full, 2 * (y - m) * (m - m_w))
    return GapEstimates(*(mean_interval(values, level) for values in series))


def nested_variance(m: Floats, windows: Sequence[Hashable]) -> Mean:
    """Return G3, the mean variance of m within equal windows, for finite window alphabets.

    Each window value seen c >= 2 times contributes its unbiased variance with weight c; values
    seen once say nothing of the spread and are left out. Standard error by the delete-one
    jackknife over window values is undefined for fewer than two of them.

    Raises:
        ConfigError: no window value was seen twice.
    """
    labels: dict[Hashable, int] = {}
    index = np.array([labels.setdefault(window, len(labels)) for window in windows], dtype=np.int64)
    counts = np.bincount(index)
    sums = np.bincount(index, weights=m)
    centred = (m - (sums / counts)[index]) ** 2
    spread = np.bincount(index, weights=centred)
    seen = counts >= 2
    if not seen.any():
        raise ConfigError("no window value came twice", expected="more draws or shorter windows")
    c = counts[seen].astype(np.float64)
    within = c * spread[seen] / (c - 1)
    value, total, n = float(within.sum() / c.sum()), c.sum(), int(c.sum())
    if len(c) < 2:
        return Mean(value, None, None, None, n)
    left_out = (within.sum() - within) / (total - c)
    error = math.sqrt((len(c) - 1) / len(c) * float(((left_out - left_out.mean()) ** 2).sum()))
    half = float(scipy.stats.norm.ppf((1 + LEVEL) / 2)) * error
    return Mean(value, error, value - half, value + half, n)
