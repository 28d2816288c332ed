"""Paired comparison: matching by id, exact tests and score intervals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from harness.errors import DataError
from harness.stats.clusters import cluster_mean
from harness.stats.paired import mcnemar, paired_means, paired_permutation, tango


def sides(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    a, b = common + rng.normal(0.3, 0.5, n), common + rng.normal(0.0, 0.5, n)
    return a, b, [f"s{i:03d}" for i in range(n)]


def test_paired_means_are_the_paired_t_test_whatever_the_order():
    a, b, ids = sides(0, 30)
    expected = stats.ttest_rel(a, b)
    ends = expected.confidence_interval(0.9)
    shuffle = np.random.default_rng(1).permutation(30)
    found = paired_means(a, b[shuffle], ids, [ids[i] for i in shuffle], level=0.9)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.lo, found.hi) == pytest.approx((ends.low, ends.high), rel=1e-9)
    assert (found.pairs, found.clusters, found.method) == (30, 30, "paired t")


def test_pairing_finds_what_the_unpaired_test_misses():
    a, b, ids = sides(1, 40)
    assert stats.ttest_ind(a, b).pvalue > 0.05
    assert paired_means(a, b, ids, ids).p < 0.02


def test_clusters_of_pairs_are_respected():
    a, b, ids = sides(4, 60)
    labels = [f"c{i // 3}" for i in range(60)]
    found, expected = paired_means(a, b, ids, ids, labels), cluster_mean(a - b, labels)
    assert found[:4] == expected[:4]
    assert found.clusters == 20


@pytest.mark.parametrize("shift", [0.25, -1.0])
@pytest.mark.parametrize("units", [2, 5, 12])
def test_equal_differences_have_the_p_value_of_exchange_and_no_interval(shift, units):
    a, ids = np.arange(float(units)), [f"s{i}" for i in range(units)]
    found = paired_means(a + shift, a, ids, ids)
    assert (found.value, found.se, found.lo, found.hi) == (shift, None, None, None)
    assert found.reason == f"the {units} clusters show no spread"
    exchanged = [abs(sum(s)) for s in itertools.product([-1, 1], repeat=units)]
    assert found.p == np.mean(np.array(exchanged) == units)


def test_sides_that_agree_have_p_one():
    found = paired_means(np.arange(5.0), np.arange(5.0), list("abcde"), list("abcde"))
    assert (found.value, found.lo, found.p) == (0.0, None, 1.0)
    assert found.reason == "the two sides agree on all 5 samples"


def test_clusters_that_cancel_within_have_p_one():
    a, ids = np.array([1.0, -1.0, 2.0, -2.0]), list("abcd")
    found = paired_means(a, np.zeros(4), ids, ids, list("xxyy"))
    assert (found.value, found.lo, found.p) == (0.0, None, 1.0)


def test_one_pair_has_no_interval_and_proves_nothing():
    found = paired_means(np.array([3.0]), np.array([1.0]), ["x"], ["x"])
    assert (found.value, found.lo, found.p) == (2.0, None, 1.0)
    assert found.reason


def test_no_pairs_have_nothing():
    found = paired_means(np.array([]), np.array([]), [], [])
    assert (found.value, found.lo, found.p, found.reason) == (None, None, None, "no values")


def test_ids_of_one_side_only_are_named():
    with pytest.raises(DataError) as error:
        paired_means(np.zeros(3), np.zeros(3), ["a", "b", "c"], ["a", "b", "d"])
    assert "'c' only on the first side" in str(error.value)
    assert "'d' only on the second side" in str(error.value)


def test_many_unmatched_ids_are_counted():
    ids = [f"s{i}" for i in range(9)]
    with pytest.raises(DataError, match="and 3 more only on the first side"):
        paired_means(np.zeros(9), np.zeros(1), ids, ["s0"])


def test_repeated_ids_are_refused():
    with pytest.raises(DataError, match="more than once: 'a'"):
        paired_means(np.zeros(3), np.zeros(2), ["a", "a", "b"], ["a", "b"])


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 5), (1, 7), (10, 10), (30, 55)])
def test_mcnemar_agrees_with_statsmodels(b, c):
    expected = statsmodels_mcnemar([[20, b], [c, 30]], exact=True).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, rel=1e-12)
    assert mcnemar(c, b) == mcnemar(b, c)


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="b=-1"):
        mcnemar(-1, 3)


def profile_score(d: float, b: int, c: int, n: int) -> float:
    """Return Tango's statistic with the nuisance share found by numerical maximisation."""
    rest = n - b - c

    def minus_log(q: float) -> float:
        shares = ((b, q + d), (c, q), (rest, 1.0 - 2.0 * q - d))
        return -sum(k * np.log(max(s, 1e-300)) for k, s in shares if k)

    low, high = max(0.0, -d), (1.0 - d) / 2.0
    q = optimize.minimize_scalar(
        minus_log, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    return (b - c - n * d) / np.sqrt(n * (2.0 * q + d * (1.0 - d)))


@pytest.mark.parametrize(
    ("b", "c", "n"), [(1, 7, 21), (12, 2, 50), (30, 55, 300), (4, 0, 10), (2, 3, 5)]
)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_tango_ends_solve_the_score_equation(b, c, n, level):
    found = tango(b, c, n, level)
    z = stats.norm.ppf((1 + level) / 2)
    assert profile_score(found.lo, b, c, n) == pytest.approx(z, abs=1e-4)
    assert profile_score(found.hi, b, c, n) == pytest.approx(-z, abs=1e-4)


def test_tango_of_the_airway_data():
    # Bentur 2009 as analysed by Fagerland, Lydersen, Laake 2014: 1 and 7 of 21 discordant.
    found = tango(1, 7, 21)
    assert (round(found.lo, 3), round(found.hi, 3)) == (-0.517, -0.026)


@given(st.tuples(*[st.integers(0, 30)] * 3).filter(lambda t: sum(t) > 0))
@settings(deadline=None, max_examples=60)
def test_tango_mirrors_nests_and_holds_the_difference(cells):
    b, c, rest = cells
    n = b + c + rest
    found, mirrored, wide = tango(b, c, n), tango(c, b, n), tango(b, c, n, 0.99)
    assert -1.0 <= wide.lo <= found.lo <= (b - c) / n <= found.hi <= wide.hi <= 1.0
    assert found.lo == pytest.approx(-mirrored.hi, abs=1e-8)


def test_tango_needs_pairs_that_can_be():
    assert tango(0, 0, 0).reason == "no pairs"
    with pytest.raises(ValueError, match="b=3, c=3, n=5"):
        tango(3, 3, 5)


# Many exchanges of the last case tie with the data, save for rounding.
FEW_PAIRS = [
    [1, 2, -0.5, 3, 0.25],
    [1, 0, 0, -1, 1, 1, 1],
    [0.1, 0.2, 0.3],
    [-0.1, 0.6, 0.1, -0.5, 0.4, 1.3, 0.9, -0.7],
]


@pytest.mark.parametrize("data", FEW_PAIRS)
def test_permutation_is_exact_for_few_pairs(data):
    d = np.array(data, dtype=float)
    sums = [abs(np.dot(d, s)) for s in itertools.product([-1, 1], repeat=d.size)]
    expected = np.mean(np.array(sums) >= abs(d.sum()) - 1e-12)
    assert paired_permutation(d, np.zeros_like(d), seed=0) == pytest.approx(expected)
    theirs = stats.permutation_test(
        (d, np.zeros_like(d)), lambda x, y: np.mean(x - y), permutation_type="samples"
    )
    assert expected == pytest.approx(theirs.pvalue)


def test_permutation_by_draws_comes_near_scipys():
    a, b, _ = sides(2, 40)
    theirs = stats.permutation_test(
        (a - 0.2, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=19_999,
        rng=np.random.default_rng(1),
    ).pvalue
    found = paired_permutation(a - 0.2, b, seed=0, resamples=19_999)
    # Four standard errors of the difference of two shares of 20,000 draws.
    assert abs(found - theirs) < 4 * np.sqrt(2 * theirs * (1 - theirs) / 20_000)


def test_permutation_does_not_see_the_order_of_pairs_and_is_never_zero():
    a, b, _ = sides(3, 50)
    assert paired_permutation(a, b, 7) == paired_permutation(a[::-1], b[::-1], 7)
    assert paired_permutation(np.arange(1.0, 51.0), np.zeros(50), 0, resamples=99) == 0.01


def test_permutation_of_equal_sides_is_one_and_of_none_absent():
    assert paired_permutation(np.ones(4), np.ones(4), 0) == 1.0
    assert paired_permutation(np.array([]), np.array([]), 0) is None
    with pytest.raises(ValueError, match="equal lengths, got 1 and 2"):
        paired_permutation(np.zeros(1), np.zeros(2), 0)
