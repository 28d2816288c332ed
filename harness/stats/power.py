"""The smallest difference that a given amount of data could have shown.

All results are detectable differences: true effects that a two-sided test at 1 - level would
find with probability ``power``. ``None`` means that no possible effect would be found.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special, stats

from harness.stats.intervals import Floats, check_level


def detectable_mean(
    sd: float, n: int, level: float = 0.95, power: float = 0.8, *, n_other: int | None = None
) -> float | None:
    """Return the smallest detectable shift of a mean, in the unit of ``sd``.

    ``(t_level + t_power) * sd * sqrt(1/n + 1/n_other)`` with t quantiles on n - 1 or
    n + n_other - 2 degrees of freedom: at most 5 % below and 1 % above the noncentral t for n >= 5.

    Args:
        sd: standard deviation of the values, or of the paired differences; >= 0.
        n: number of independent values or pairs; below 2 nothing is detectable.
        level: confidence level of the two-sided test.
        power: wanted probability of detection, above 1 - level and below 1.
        n_other: size of an independent second sample with the same spread; ``None`` compares
            with a fixed number or looks at paired differences.
    """
    _check(level, power)
    if not (math.isfinite(sd) and sd >= 0.0):
        raise ValueError(f"standard deviation: expected a finite number >= 0, got {sd!r}")
    if n < 2 or (n_other is not None and n_other < 2):
        return None
    df = n - 1 if n_other is None else n + n_other - 2
    quantiles = stats.t.ppf([(1.0 + level) / 2.0, power], df)
    return float(quantiles.sum()) * sd * math.sqrt(_inverse_sizes(n, n_other))


def detectable_rate(
    p: float, n: int, level: float = 0.95, power: float = 0.8, *, n_other: int | None = None
) -> float | None:
    """Return the smallest detectable shift of a rate away from ``p``, towards one half.

    On the arcsine scale: ``asin(sqrt(q)) = asin(sqrt(p)) +- (z_level + z_power)/2 *
    sqrt(1/n + 1/n_other)``, result ``|q - p|``. Towards one half the shift is the larger of the
    two directions, so the answer does not flatter the data.

    Args:
        p: rate under the hypothesis of no difference, 0 to 1.
        n: number of independent trials; below 1 nothing is detectable.
        level: confidence level of the two-sided test.
        power: wanted probability of detection, above 1 - level and below 1.
        n_other: trials of an independent second sample; ``None`` compares with a fixed rate.

    Source: Cohen 1988, section 6.2 (effect size h).
    """
    _check(level, power)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"rate: expected 0 to 1, got {p!r}")
    if n < 1 or (n_other is not None and n_other < 1):
        return None
    quantiles = special.ndtri(np.array([(1.0 + level) / 2.0, power]))
    half_h = float(quantiles.sum()) / 2.0 * math.sqrt(_inverse_sizes(n, n_other))
    angle = math.asin(math.sqrt(min(p, 1.0 - p))) + half_h
    if angle > math.pi / 2.0:
        return None
    return math.sin(angle) ** 2 - min(p, 1.0 - p)


def detectable_paired_binary(
    discordance: float, n: int, level: float = 0.95, power: float = 0.8
) -> float | None:
    """Return the smallest difference of two paired rates that McNemar's exact test would find.

    The power is computed by enumeration of all numbers of discordant pairs, not by simulation:
    it is exact, needs no seed and takes milliseconds.

    Args:
        discordance: share of samples on which the two sides disagree, 0 to 1; an upper limit
            of the difference itself.
        n: number of pairs.
        level: confidence level of the two-sided test.
        power: wanted probability of detection, above 1 - level and below 1.
    """
    _check(level, power)
    if not 0.0 <= discordance <= 1.0:
        raise ValueError(f"discordance: expected 0 to 1, got {discordance!r}")
    if n < 1 or discordance == 0.0:
        return None

    def shortfall(difference: float) -> float:
        return mcnemar_power(difference, discordance, n, level) - power

    if shortfall(discordance) < 0.0:
        return None
    return float(optimize.root_scalar(shortfall, bracket=(0.0, discordance), xtol=1e-9).root)


def mcnemar_power(difference: float, discordance: float, n: int, level: float = 0.95) -> float:
    """Return the probability that McNemar's exact test rejects equality of two paired rates.

    ``sum over m of Bin(m; n, discordance) * P(|b - m/2| in the rejection region | m)`` with b
    binomial of size m and success share ``(1 + difference/discordance)/2``.
    """
    reach = 10.0 * math.sqrt(n * discordance * (1.0 - discordance)) + 10.0
    centre = n * discordance
    lowest, highest = max(0, int(centre - reach)), min(n, int(centre + reach))
    pairs = np.arange(lowest, highest + 1, dtype=np.float64)
    weights = stats.binom.pmf(pairs, n, discordance)
    critical = _critical(pairs, (1.0 - level) / 2.0)
    share = (1.0 + difference / discordance) / 2.0
    rejected = stats.binom.cdf(critical, pairs, share)
    rejected += stats.binom.cdf(critical, pairs, 1.0 - share)
    return float(np.sum(weights * rejected))


def _critical(pairs: Floats, tail: float) -> Floats:
    """Return, per number of fair coins, the largest count with lower tail at most ``tail``."""
    found = stats.binom.ppf(tail, pairs, 0.5)
    return np.where(stats.binom.cdf(found, pairs, 0.5) <= tail, found, found - 1.0)


def rounding_halfwidth(decimals: int) -> float:
    """Return half a unit of the last printed digit: 0.05 for one decimal."""
    if decimals < 0:
        raise ValueError(f"decimals: expected 0 or more, got {decimals}")
    return float(f"5e-{decimals + 1}")


def _inverse_sizes(n: int, n_other: int | None) -> float:
    return 1.0 / n + (0.0 if n_other is None else 1.0 / n_other)


def _check(level: float, power: float) -> None:
    check_level(level)
    if not 1.0 - level < power < 1.0:
        raise ValueError(f"power: expected a number between 1 - level and 1, got {power!r}")
