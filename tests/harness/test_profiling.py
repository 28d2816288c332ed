"""Timers interleave and medians cover; fits recover known laws."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from harness.profiling.scaling import linear, power_law
from harness.profiling.timers import Duration, cpu_timer, interleaved, median


def test_candidates_are_warmed_up_and_interleaved() -> None:
    calls: list[str] = []
    work = {name: lambda name=name: calls.append(name) for name in "abc"}
    found = list(interleaved(work, rounds=4, warmup=2, timer=lambda w: (w(), Duration(1, 1))[1]))
    assert calls[:6] == list("aabbcc")
    rounds = [[name for name, number, _ in found if number == r] for r in range(4)]
    assert all(sorted(names) == list("abc") for names in rounds)
    assert len({tuple(names) for names in rounds}) > 1


def test_the_cpu_timer_sees_work() -> None:
    duration = cpu_timer(lambda: sum(range(200_000)))
    assert duration.busy_s > 0
    assert duration.wall_s > 0


@pytest.mark.parametrize("size", [6, 7, 9, 15, 30])
def test_the_interval_of_a_median_covers_it(size: int) -> None:
    rng = np.random.default_rng(size)
    covered = 0
    for _ in range(2_000):
        found = median(rng.lognormal(size=size).tolist())
        assert found.lo is not None
        assert found.hi is not None
        covered += found.lo <= 1.0 <= found.hi
    assert covered / 2_000 > 0.95 - 3 * (0.95 * 0.05 / 2_000) ** 0.5


def test_too_few_repeats_leave_the_interval_undefined() -> None:
    found = median([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (found.value, found.lo, found.hi) == (3.0, None, None)
    assert "too few" in found.reason
    with pytest.raises(ValueError, match="no values"):
        median([])


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=40))
def test_the_median_agrees_with_numpy(values: list[float]) -> None:
    assert median(values).value == pytest.approx(np.median(values))


@given(exponent=st.floats(0.2, 3), factor=st.floats(1e-6, 1e3))
def test_an_exact_power_law_is_recovered(exponent: float, factor: float) -> None:
    lengths = [2.0**k for k in range(10, 15)]
    fit = power_law(lengths, [factor * n**exponent for n in lengths])
    assert fit.slope == pytest.approx(exponent, abs=1e-9)
    assert fit.r2 == pytest.approx(1)


def test_the_exponents_interval_agrees_with_statsmodels_and_covers() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(2.0 ** np.arange(10, 15), 3)
    covered = 0
    for number in range(500):
        y = x**1.5 * rng.lognormal(sigma=0.05, size=x.size)
        fit = power_law(x.tolist(), y.tolist())
        assert fit.lo is not None
        assert fit.hi is not None
        covered += fit.lo <= 1.5 <= fit.hi
        if number < 5:
            oracle = sm.OLS(np.log(y), sm.add_constant(np.log(x))).fit()
            assert (fit.lo, fit.hi) == pytest.approx(tuple(oracle.conf_int()[1]))
            assert fit.r2 == pytest.approx(oracle.rsquared)
    assert abs(covered / 500 - 0.95) < 0.03


def test_a_bend_lowers_r2_of_the_line() -> None:
    lengths = np.arange(1, 20) * 1000.0
    assert linear(lengths.tolist(), (3 * lengths + 5).tolist()).r2 == pytest.approx(1)
    assert linear(lengths.tolist(), (lengths**2).tolist()).r2 < 0.96


@pytest.mark.parametrize(
    ("lengths", "costs"), [([1, 1], [1, 2]), ([0, 1], [1, 2]), ([1, 2], [0, 2]), ([1, 2], [1])]
)
def test_lengths_that_fix_no_line_are_refused(lengths: list[float], costs: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected|needs"):
        power_law(lengths, costs)
