"""Detectable differences: library oracles, exact power and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower, TTestPower
from statsmodels.stats.proportion import proportion_effectsize

from harness.stats.intervals import wilson
from harness.stats.paired import mcnemar
from harness.stats.power import (
    detectable_mean,
    detectable_paired_binary,
    detectable_rate,
    mcnemar_power,
    rounding_halfwidth,
)


@pytest.mark.parametrize("n", [5, 12, 50, 350])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_detectable_mean_comes_near_the_noncentral_t(n, power):
    exact = TTestPower().solve_power(nobs=n, alpha=0.05, power=power)
    found = detectable_mean(2.0, n, 0.95, power) / 2.0
    assert 0.95 * exact < found < 1.01 * exact


@pytest.mark.parametrize(("n", "other"), [(20, 20), (350, 100)])
def test_detectable_mean_of_two_samples(n, other):
    exact = TTestIndPower().solve_power(nobs1=n, ratio=other / n, alpha=0.05, power=0.8)
    assert detectable_mean(1.0, n, n_other=other) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(("n", "other"), [(200, 200), (350, 80)])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.42])
def test_detectable_rate_of_two_samples_has_the_power_asked_for(p, n, other):
    found = detectable_rate(p, n, n_other=other)
    effect = abs(proportion_effectsize(p + found, p))
    power = NormalIndPower().power(effect, n, 0.05, ratio=other / n)
    # statsmodels also counts rejections on the wrong side, below 1e-5 here.
    assert power == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize(("p", "n"), [(0.5, 100), (0.3, 350), (0.762, 500), (0.05, 400)])
def test_detectable_rate_is_found_by_wilson_about_that_often(p, n):
    other = p + detectable_rate(p, n) * (1 if p <= 0.5 else -1)
    k = np.arange(n + 1)
    apart = [not wilson(int(i), n).lo <= p <= wilson(int(i), n).hi for i in k]
    power = stats.binom.pmf(k, n, other)[apart].sum()
    # Counts are whole: the power moves in steps of a few points around the 0.8 asked for.
    assert power == pytest.approx(0.8, abs=0.06)


def test_detectable_rate_mirrors():
    assert detectable_rate(0.2, 50) == pytest.approx(detectable_rate(0.8, 50))


@pytest.mark.parametrize(
    "detectable",
    [
        lambda n: detectable_mean(1.0, n),
        lambda n: detectable_rate(0.4, n),
        lambda n: detectable_paired_binary(0.3, n),
    ],
)
def test_more_data_detect_less(detectable):
    found = [detectable(n) for n in (40, 100, 350, 2_000)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 3 * found[-1]


@pytest.mark.parametrize(
    "nothing",
    [
        detectable_mean(1.0, 1),
        detectable_mean(1.0, 10, n_other=1),
        detectable_rate(0.5, 0),
        detectable_rate(0.5, 3),
        detectable_paired_binary(0.3, 5),
        detectable_paired_binary(0.0, 500),
        detectable_paired_binary(0.5, 0),
    ],
)
def test_too_little_data_detect_nothing(nothing):
    assert nothing is None


def test_mean_scales_with_its_unit():
    assert detectable_mean(30.0, 25) == pytest.approx(100 * detectable_mean(0.3, 25))
    assert detectable_mean(0.0, 25) == 0.0


@pytest.mark.parametrize(("discordance", "n"), [(0.2, 120), (0.05, 350), (1.0, 40)])
def test_detectable_paired_binary_by_simulation(discordance, n):
    found = detectable_paired_binary(discordance, n)
    assert 0.0 < found <= discordance
    rng = np.random.default_rng(5)
    b, c, _ = rng.multinomial(
        n, [(discordance + found) / 2, (discordance - found) / 2, 1 - discordance], 20_000
    ).T
    pairs, counts = np.unique(np.stack([b, c]), axis=1, return_counts=True)
    rejected = [mcnemar(int(x), int(y)) <= 0.05 for x, y in pairs.T]
    # 20,000 runs: four standard errors of 0.8 are 0.0113.
    assert counts[rejected].sum() / 20_000 == pytest.approx(0.8, abs=0.0114)


def test_mcnemar_keeps_its_level_and_gains_power():
    powers = [mcnemar_power(d, 0.3, 200) for d in (0.0, 0.05, 0.1, 0.2, 0.3)]
    assert 0.01 < powers[0] <= 0.05
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(("decimals", "half"), [(0, 0.5), (1, 0.05), (2, 0.005), (4, 0.00005)])
def test_rounding_halfwidth(decimals, half):
    assert rounding_halfwidth(decimals) == half


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rounding_halfwidth(-1), "decimals"),
        (lambda: detectable_mean(-1.0, 5), "standard deviation"),
        (lambda: detectable_mean(float("nan"), 5), "standard deviation"),
        (lambda: detectable_rate(1.5, 5), "rate"),
        (lambda: detectable_paired_binary(1.5, 5), "discordance"),
        (lambda: detectable_mean(1.0, 5, power=0.01), "power"),
        (lambda: detectable_rate(0.5, 5, level=95), "confidence level"),
    ],
)
def test_impossible_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
