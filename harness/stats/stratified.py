"""Means over strata: a table's average of averages, with the error that its sampling has.

A printed average is often a mean of means (tasks within phases) over samples that were drawn in
groups (variants of one base task, base tasks within a suite). Both are set apart here: which
weights make the value, and which units are independent.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.stats.clusters import FEW_CLUSTERS
from harness.stats.intervals import Floats, Interval, check_level, finite, t_quantile, undefined

METHOD = "stratified t"
Path = tuple[str, ...]


class StratifiedMean(NamedTuple):
    """A weighted mean of leaf means with its standard error; absent parts have a reason."""

    value: float
    se: float | None
    interval: Interval
    clusters: int
    df: int


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


def nested_mean(values: Sequence[float], paths: Sequence[Path]) -> float:
    """Return the mean of means over the levels of ``paths``; ``()`` gives the plain mean."""
    means = {leaf: math.fsum(part) / len(part) for leaf, part in _leaves(values, paths).items()}
    weights = nested_weights(paths)
    return math.fsum(weights[leaf] * mean for leaf, mean in means.items())


def stratified_mean(
    values: Floats,
    paths: Sequence[Path],
    clusters: Sequence[str],
    strata: Sequence[Path],
    level: float = 0.95,
) -> StratifiedMean:
    """Return a mean of means with a standard error over clusters drawn within strata.

    With leaf h of weight w_h, size n_h and mean m_h the value is ``sum_h w_h m_h``. Each cluster
    has the residual ``e_g = sum over its values of w_h/n_h (y - m_h)``, and
    ``se^2 = sum over strata of G/(G-1) sum (e_g - mean e)^2``, with a t interval on the number of
    clusters minus strata. One stratum that is one leaf gives the usual cluster-robust error;
    strata that are the leaves, of single values, give ``sum w_h^2 s_h^2/n_h``.

    A stratum of one cluster shows no spread: where that cluster has a residual, all strata are
    merged into one (errs wide); where it has none, it adds nothing.

    Args:
        values: shape (n,), n > 0.
        paths: leaf of each value, as labels from the outermost level in; ``()`` for one leaf.
        clusters: label of the independent unit of each value.
        strata: stratum of each value; clusters of one label in two strata are two.
        level: two-sided confidence level.

    Source: Taylor linearisation, e.g. Lohr, Sampling (2022), chapter 9.
    """
    check_level(level)
    array = finite(values).tolist()
    leaves = _leaves(array, paths)
    weights = nested_weights(paths)
    means = {leaf: math.fsum(part) / len(part) for leaf, part in leaves.items()}
    value = math.fsum(weights[leaf] * mean for leaf, mean in means.items())
    share = {leaf: weights[leaf] / len(part) for leaf, part in leaves.items()}
    residuals: dict[tuple[Path, str], list[float]] = defaultdict(list)
    for y, leaf, cluster, stratum in zip(array, paths, clusters, strata, strict=True):
        residuals[stratum, cluster].append(share[leaf] * (y - means[leaf]))
    by_stratum: dict[Path, list[float]] = defaultdict(list)
    for (stratum, _), parts in sorted(residuals.items()):
        by_stratum[stratum].append(math.fsum(parts))
    if any(len(group) == 1 and group[0] for group in by_stratum.values()):
        by_stratum = {(): [e for group in by_stratum.values() for e in group]}
    return _with_interval(value, by_stratum, len(residuals), level)


def _with_interval(
    value: float, strata: Mapping[Path, list[float]], clusters: int, level: float
) -> StratifiedMean:
    df = clusters - len(strata)
    variance = math.fsum(_spread(group) for group in strata.values())
    if df < 1 or variance <= 0.0:
        reason = f"{clusters} clusters in {len(strata)} strata show no spread"
        return StratifiedMean(value, None, undefined(METHOD, reason), clusters, df)
    se = math.sqrt(variance)
    half = t_quantile(level, df) * se
    few = f"only {clusters} clusters: the interval may be too narrow"
    reason = few if clusters < FEW_CLUSTERS else ""
    return StratifiedMean(
        value, se, Interval(value - half, value + half, METHOD, reason), clusters, df
    )


def _spread(group: Sequence[float]) -> float:
    if len(group) < 2:
        return 0.0
    mean = math.fsum(group) / len(group)
    return math.fsum((e - mean) ** 2 for e in group) * len(group) / (len(group) - 1)


def _leaves(values: Sequence[float], paths: Sequence[Path]) -> dict[Path, list[float]]:
    found: dict[Path, list[float]] = defaultdict(list)
    for value, path in zip(values, paths, strict=True):
        found[path].append(value)
    return found
