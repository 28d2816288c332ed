"""Means of means: weights, errors against closed forms and the suites' own rules, coverage."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.clusters import cluster_mean
from harness.stats.stratified import nested_mean, nested_weights, stratified_mean
from suites.liberoplus.aggregate import cluster_error
from suites.robotwin.aggregate import Ingested, summarise
from suites.robotwin.tasks import TASKS

COUNTS = st.lists(st.tuples(st.integers(0, 6), st.integers(2, 8)), min_size=2, max_size=12)


def rows(counts: list[tuple[int, int]]) -> tuple[list[float], list[int]]:
    """Zeros and ones, and the number of the cell that each belongs to."""
    values, cells = [], []
    for cell, (k, n) in enumerate(counts):
        values += [1.0] * min(k, n) + [0.0] * (n - min(k, n))
        cells += [cell] * n
    return values, cells


def test_levels_are_averaged_without_weights() -> None:
    paths = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")]
    assert nested_weights(paths) == {("a", "x"): 0.25, ("a", "y"): 0.25, ("b", "x"): 0.5}
    assert nested_mean([1, 0, 1, 0], paths) == pytest.approx((0.5 + 1) / 4 + 0)
    assert nested_mean([1.0, 2.0, 6.0], [(), (), ()]) == 3.0


@given(COUNTS)
def test_one_stratum_and_leaf_is_the_cluster_robust_mean(counts: list[tuple[int, int]]) -> None:
    values, cells = rows(counts)
    clusters = [str(cell) for cell in cells]
    found = stratified_mean(np.array(values), [()] * len(values), clusters, [()] * len(values))
    other = cluster_mean(np.array(values), clusters)
    assert found.value == pytest.approx(other.value)
    if other.se is not None and found.se is not None:
        assert found.se == pytest.approx(other.se)
        assert found.interval.lo == pytest.approx(other.lo)


@given(COUNTS)
def test_fixed_tasks_give_the_suites_error(counts: list[tuple[int, int]]) -> None:
    values, cells = rows(counts)
    names = [TASKS[cell] for cell in cells]
    paths = [(name,) for name in names]
    units = [str(index) for index in range(len(values))]
    found = stratified_mean(np.array(values), paths, units, paths)
    expected = summarise(
        Ingested({(TASKS[i], "clean"): (min(k, n), n) for i, (k, n) in enumerate(counts)}), 100
    )["clean"]
    assert found.value == pytest.approx(expected["mean"])
    assert (found.se or 0.0) == pytest.approx(expected["se_fixed_tasks"], abs=1e-9)


@given(COUNTS, st.integers(1, 4))
def test_base_tasks_within_suites_give_the_suites_error(
    counts: list[tuple[int, int]], suites: int
) -> None:
    values, cells = rows(counts)
    strata = [(str(cell % suites),) for cell in cells]
    found = stratified_mean(
        np.array(values), [()] * len(values), [str(cell) for cell in cells], strata
    )
    expected = cluster_error(
        {(str(i % suites), str(i)): (min(k, n), n) for i, (k, n) in enumerate(counts)}
    )
    # A lone cluster without a residual needs no merging here; the suites' rule merges always.
    if not any(sum(i % suites == s for i in range(len(counts))) == 1 for s in range(suites)):
        assert (found.se or 0.0) == pytest.approx(expected or 0.0, abs=1e-12)


def test_a_lone_cluster_with_a_residual_merges_the_strata() -> None:
    values = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    clusters, strata = list("aabbcc"), [("s",)] * 4 + [("t",)] * 2
    merged = stratified_mean(values, [()] * 6, clusters, [()] * 6)
    assert stratified_mean(values, [()] * 6, clusters, strata).se == merged.se


def test_no_spread_is_a_reason_and_never_a_width_of_zero() -> None:
    found = stratified_mean(np.ones(4), [("a",), ("a",), ("b",), ("b",)], list("wxyz"), [()] * 4)
    assert (found.value, found.se, found.interval.lo) == (1.0, None, None)
    assert "no spread" in found.interval.reason


@given(st.permutations(range(9)))
def test_the_order_of_rows_does_not_change_a_bit(order: list[int]) -> None:
    values = np.array([0.1, 0.7, 0.3, 1.0, 0.0, 0.2, 0.9, 0.4, 0.6])
    paths = [("a",)] * 4 + [("b",)] * 5
    clusters = ["p", "p", "q", "q", "r", "r", "s", "s", "t"]
    strata = [("x",)] * 4 + [("y",)] * 5
    shuffled = stratified_mean(
        values[order], [paths[i] for i in order], [clusters[i] for i in order],
        [strata[i] for i in order],
    )  # fmt: skip
    assert shuffled == stratified_mean(values, paths, clusters, strata)


@pytest.mark.parametrize(("inner", "expected"), [(0.0, 0.95), (0.5, 0.95)])
def test_the_interval_covers_as_often_as_it_says(inner: float, expected: float) -> None:
    rng = np.random.default_rng(7)
    strata, clusters, per, hits, draws = 4, 10, 12, 0, 400
    labels = [(str(s),) for s in range(strata) for _ in range(clusters * per)]
    units = [str(c) for c in range(strata * clusters) for _ in range(per)]
    truth = np.repeat([0.2, 0.4, 0.6, 0.8], clusters)
    for _ in range(draws):
        rate = np.clip(truth + inner * (rng.random(truth.size) - 0.5) * 0.4, 0, 1)
        values = (rng.random((truth.size, per)) < rate[:, None]).astype(float).ravel()
        interval = stratified_mean(values, labels, units, labels).interval
        hits += interval.lo is not None and interval.lo <= 0.5 <= (interval.hi or 0)
    assert hits / draws == pytest.approx(expected, abs=3.5 * math.sqrt(0.05 * 0.95 / draws))


def test_exact_fractions_of_the_average() -> None:
    values, cells = rows([(1, 3), (2, 2), (0, 4)])
    found = nested_mean(values, [(str(cell),) for cell in cells])
    assert found == pytest.approx(float((Fraction(1, 3) + 1 + 0) / 3))
