"""How unlike the videos of one prompt are, and how unlike two sets of features.

The official form is that of PAI-Bench's conditional generation
(``compute_diversity_score.py:137-165``): an empty pair counts 0 there. Vendi score: Friedman and
Dieng 2023; it grows with the number of items, so only equal numbers compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from suites.clips.measures.absent import Absent, Maybe

FEWEST_FRAMES = 8
FEWEST_ITEMS = 50
"""Items on a side below which a distribution distance is refused."""
MOST_SPLITS = 10_000
Features = NDArray[np.floating]


class Diversity(NamedTuple):
    """Diversity of the seeds of one prompt."""

    official: Maybe
    ours: Maybe
    used: int  # pairs with enough common frames


def diversity(seeds: int, pairs: Sequence[Sequence[float]]) -> Diversity:
    """Return the mean distance of the pairs of seeds.

    Args:
        seeds: how many there are.
        pairs: distances over common frames, for each unordered pair of seeds.
    """
    if seeds < 2:
        return Diversity(Absent.ONE_SEED, Absent.ONE_SEED, 0)
    means = [float(np.mean(one)) if len(one) else 0.0 for one in pairs]
    official = float(np.mean(means))
    used = [mean for mean, one in zip(means, pairs, strict=True) if len(one) >= FEWEST_FRAMES]
    whole = len(used) == len(pairs)
    return Diversity(official, float(np.mean(used)) if whole else Absent.TOO_FEW_FRAMES, len(used))


def feature_diversity(features: Sequence[Features] | Features) -> Maybe:
    """Return 1 minus the mean cosine of the seeds' features, each of shape (frames, size)."""
    if len(features) < 2:
        return Absent.ONE_SEED
    means = np.stack([np.mean(one, axis=0) for one in features])
    kernel = cosine_kernel(means)
    return 1.0 - float(kernel[np.triu_indices(len(kernel), 1)].mean())


def cosine_kernel(features: Features) -> NDArray[np.float64]:
    """Return the cosines between the rows of an array of shape (items, size)."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit @ unit.T


def vendi_score(kernel: NDArray[np.floating]) -> float:
    """Return how many distinct items a kernel with ones on its diagonal holds, 1 to n."""
    values = np.linalg.eigvalsh(np.asarray(kernel, float) / len(kernel))
    positive = values[values > 0]
    return float(np.exp(-np.sum(positive * np.log(positive))))


def vendi_ratio(student: Features, teacher: Features) -> Maybe:
    """Return the ratio of the Vendi scores of two sets of features of equal number."""
    if len(student) != len(teacher):
        return Absent.UNEQUAL_N
    return vendi_score(cosine_kernel(student)) / vendi_score(cosine_kernel(teacher))


class Discrepancy(NamedTuple):
    """An unbiased MMD^2, which may be negative, and its permutation p where it is exact."""

    mmd2: Maybe
    p: float | None


def discrepancy(
    x: Features,
    y: Features,
    *,
    degree: int = 2,
    gamma: float | None = None,
    coef0: float = 0.0,
    fewest: int = FEWEST_ITEMS,
    draws: int = 0,
) -> Discrepancy:
    """Return MMD^2 under the kernel ``(gamma x.y + coef0) ** degree``.

    Args:
        x: features of one side, shape (n, size).
        y: of the other.
        degree: of the kernel.
        gamma: of the kernel; 1 / size when None.
        coef0: of the kernel.
        fewest: items on a side below which there is no value.
        draws: random splits that p rests on where there are too many for all; 0: no p then.

    Source: Gretton et al. 2012; the degree is that of JEDi, arXiv 2410.05203v2.
    """
    if min(len(x), len(y)) < fewest:
        return Discrepancy(Absent.TOO_FEW, None)
    pool = np.concatenate([x, y]).astype(float)
    scale = 1 / pool.shape[1] if gamma is None else gamma
    kernel = (scale * (pool @ pool.T) + coef0) ** degree
    observed = _mmd2(kernel, range(len(x)))
    least = observed - 1e-12 * float(np.abs(kernel).max())
    if comb(len(pool), len(x)) <= MOST_SPLITS:
        splits = [_mmd2(kernel, chosen) for chosen in combinations(range(len(pool)), len(x))]
        return Discrepancy(observed, float(np.mean(np.array(splits) >= least)))
    rng = np.random.default_rng(0)
    drawn = [_mmd2(kernel, rng.permutation(len(pool))[: len(x)].tolist()) for _ in range(draws)]
    above = sum(one >= least for one in drawn)
    return Discrepancy(observed, (1 + above) / (1 + draws) if draws else None)


def _mmd2(kernel: NDArray[np.float64], chosen: Sequence[int]) -> float:
    first = np.zeros(len(kernel), bool)
    first[list(chosen)] = True
    sides = [kernel[np.ix_(side, side)] for side in (first, ~first)]
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in sides]
    return float(within[0] + within[1] - 2 * kernel[np.ix_(first, ~first)].mean())
