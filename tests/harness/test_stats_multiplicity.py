"""Holm's adjustment against statsmodels and its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.stats.multiplicity import holm

pvalues = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@given(pvalues)
@settings(deadline=None, max_examples=25)  # statsmodels takes some 50 ms per call
def test_holm_agrees_with_statsmodels(raw):
    expected = multipletests(raw, method="holm")[1]
    assert holm(np.array(raw)) == pytest.approx(expected, abs=1e-12)


@given(pvalues)
def test_holm_never_lowers_a_p_value_nor_passes_bonferroni(raw):
    array = np.array(raw)
    adjusted = holm(array)
    assert (adjusted >= array).all()
    assert (adjusted <= np.minimum(1.0, array * array.size)).all()


@given(pvalues, st.randoms())
def test_holm_follows_its_input(raw, random):
    order = random.sample(range(len(raw)), len(raw))
    array = np.array(raw)
    assert holm(array[order]).tolist() == holm(array)[order].tolist()


def test_holm_of_a_worked_case():
    # 0.01*4, 0.02*3, 0.03*2 (raised to 0.06 already reached), 0.5.
    assert holm(np.array([0.03, 0.5, 0.01, 0.02])) == pytest.approx([0.06, 0.5, 0.04, 0.06])


def test_holm_of_nothing_is_nothing():
    assert holm(np.array([])).size == 0


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_probability(bad):
    with pytest.raises(ValueError, match="p-values"):
        holm(np.array([0.5, bad]))
