"""Means over strata: a table's average of averages, with the error that its sampling has.

A printed average is often a mean of means (tasks within phases) over samples that were drawn in
groups (variants of one base task, base tasks within a suite). Both are set apart here: which
weights make the value, and which units are independent. Ratios of sums, and sums of several such
means over the same samples, have their error by the same rule.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.stats.clusters import FEW_CLUSTERS, ROUNDING
from harness.stats.intervals import Floats, Interval, check_level, finite, t_quantile, undefined

METHOD = "stratified t"
Path = tuple[str, ...]


class StratifiedMean(NamedTuple):
    """A weighted mean of leaf means with its standard error; absent parts have a reason.

    ``size`` is one over the largest weight of a cluster in a mean: how many equal independent
    draws it is worth at least.
    """

    value: float
    se: float | None
    interval: Interval
    clusters: int
    df: int
    size: float


class Part(NamedTuple):
    """One mean of means in a sum of several: its factor, and its values with their places.

    ``values`` are in any unit, ``paths``, ``clusters`` and ``strata`` as in ``stratified_mean``;
    ``sizes``, all above 0, weigh the values within their leaf: it is then a ratio of sums.
    """

    factor: float
    values: Floats
    paths: Sequence[Path]
    clusters: Sequence[str]
    strata: Sequence[Path]
    sizes: Sequence[float] | None = None


class _Leaf(NamedTuple):
    """The innermost mean: ``sum(x y) / sum(x)``, and ``sum(x)``."""

    mean: float
    size: float


def nested_weights(paths: Sequence[Path]) -> dict[Path, float]:
    """Return the weight of each leaf when every level is averaged without weights.

    Args:
        paths: labels of each value, outermost first, all of one length; ``()`` makes one leaf.

    >>> nested_weights([("clean", "a"), ("clean", "b"), ("random", "a")])
    {('clean', 'a'): 0.25, ('clean', 'b'): 0.25, ('random', 'a'): 0.5}
    """
    weights = dict.fromkeys(paths, 1.0)
    for depth in range(len(paths[0]) if paths else 0):
        siblings: dict[Path, set[str]] = defaultdict(set)
        for leaf in weights:
            siblings[leaf[:depth]].add(leaf[depth])
        for leaf in weights:
            weights[leaf] /= len(siblings[leaf[:depth]])
    return weights


def nested_mean(
    values: Sequence[float], paths: Sequence[Path], sizes: Sequence[float] | None = None
) -> float:
    """Return the mean of means over the levels of ``paths``; ``()`` gives the plain mean.

    ``sizes``, all above 0, weigh the values within their leaf.
    """
    weights = nested_weights(paths)
    leaves = _leaves(values, paths, sizes or [1.0] * len(values))
    return math.fsum(weights[path] * leaf.mean for path, leaf in leaves.items())


def stratified_mean(
    values: Floats,
    paths: Sequence[Path],
    clusters: Sequence[str],
    strata: Sequence[Path],
    level: float = 0.95,
) -> StratifiedMean:
    """Return a mean of means with a standard error over clusters drawn within strata.

    The sum of one part, see ``combined_mean``. One stratum that is one leaf gives the usual
    cluster-robust error; strata that are the leaves, of single values, give
    ``sum w_h^2 s_h^2/n_h``.

    Args:
        values: shape (n,), n > 0.
        paths: leaf of each value, as labels from the outermost level in; ``()`` for one leaf.
        clusters: label of the independent unit of each value.
        strata: stratum of each value; clusters of one label in two strata are two.
        level: two-sided confidence level.
    """
    return combined_mean([Part(1.0, values, paths, clusters, strata)], level)


def combined_mean(parts: Sequence[Part], level: float = 0.95) -> StratifiedMean:
    """Return a sum of means of means and of ratios, over clusters that may enter several.

    With factor f, leaf h of weight w_h and its values y of sizes x, a part is
    ``f sum_h w_h m_h``, where ``m_h = sum(x y) / sum(x)``. Each cluster has the residual
    ``e_g = sum over its values in all parts of f w_h x (y - m_h) / sum_h(x)``, and
    ``se^2 = sum over strata of G/(G-1) sum (e_g - mean e)^2``, with a t interval on the number of
    clusters minus strata.

    A stratum of one cluster shows no spread: where that cluster has a residual, all strata are
    merged into one (errs wide); where it has none, it adds nothing.

    Args:
        parts: at least one, each with at least one value.
        level: two-sided confidence level.

    Source: Taylor linearisation, e.g. Lohr, Sampling (2022), chapters 4 and 9.
    """
    check_level(level)
    means: list[float] = []
    units: dict[tuple[Path, str], int] = {}  # a cluster in its stratum, and its place
    places, residuals, shares = list[int](), list[float](), list[float]()
    for part in parts:
        array = finite(part.values).tolist()
        sizes = part.sizes or [1.0] * len(array)
        leaves, weights = _leaves(array, part.paths, sizes), nested_weights(part.paths)
        means += [part.factor * weights[path] * leaf.mean for path, leaf in leaves.items()]
        pulls = {
            path: (part.factor * weights[path] / leaf.size, leaf.mean)
            for path, leaf in leaves.items()
        }
        own = zip(part.strata, part.clusters, strict=True)
        for y, x, path, unit in zip(array, sizes, part.paths, own, strict=True):
            pull, mean = pulls[path]
            places.append(units.setdefault(unit, len(units)))
            residuals.append(pull * x * (y - mean))
            shares.append(abs(pull) * x)
    by_stratum: dict[Path, list[float]] = defaultdict(list)
    for (stratum, _), found in zip(units, _sums(residuals, places, len(units)), strict=True):
        by_stratum[stratum].append(found)
    least = ROUNDING * max(map(abs, means))
    if any(len(group) == 1 and abs(group[0]) > least for group in by_stratum.values()):
        by_stratum = {(): [e for group in by_stratum.values() for e in group]}
    weights = _sums(shares, places, len(units))
    found = _with_interval(math.fsum(means), by_stratum, len(units), level, least)
    return found._replace(size=math.fsum(weights) / max(weights))


def _sums(values: list[float], places: Sequence[int], count: int) -> list[float]:
    """Return the exact sum of the values of each place, of ``count`` places numbered as met."""
    if count == len(values):
        return values
    found: list[list[float]] = [[] for _ in range(count)]
    for place, value in zip(places, values, strict=True):
        found[place].append(value)
    return [math.fsum(some) for some in found]


def _with_interval(
    value: float, strata: Mapping[Path, list[float]], clusters: int, level: float, least: float
) -> StratifiedMean:
    """Return the t interval; a standard error of at most ``least`` is rounding, not spread."""
    df = clusters - len(strata)
    se = math.sqrt(math.fsum(_spread(group) for group in strata.values()))
    if df < 1 or se <= least:
        reason = f"{clusters} clusters in {len(strata)} strata show no spread"
        return StratifiedMean(value, None, undefined(METHOD, reason), clusters, df, 1.0)
    half = t_quantile(level, df) * se
    few = f"only {clusters} clusters: the interval may be too narrow"
    reason = few if clusters < FEW_CLUSTERS else ""
    interval = Interval(value - half, value + half, METHOD, reason)
    return StratifiedMean(value, se, interval, clusters, df, 1.0)


def _spread(group: Sequence[float]) -> float:
    if len(group) < 2:
        return 0.0
    mean = math.fsum(group) / len(group)
    return math.fsum((e - mean) ** 2 for e in group) * len(group) / (len(group) - 1)


def _leaves(
    values: Sequence[float], paths: Sequence[Path], sizes: Sequence[float]
) -> dict[Path, _Leaf]:
    found: dict[Path, list[tuple[float, float]]] = defaultdict(list)
    for value, path, size in zip(values, paths, sizes, strict=True):
        found[path].append((size * value, size))
    return {path: _leaf(pairs) for path, pairs in found.items()}


def _leaf(pairs: Sequence[tuple[float, float]]) -> _Leaf:
    size = math.fsum(x for _, x in pairs)
    return _Leaf(math.fsum(xy for xy, _ in pairs) / size, size)
