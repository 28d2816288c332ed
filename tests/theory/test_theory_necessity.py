"""Necessity on finite laws: theorem N, corollary N, increments, states, and their estimators."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UserError
from harness.outcomes import Outcome
from harness.seeds import generator
from harness.verdicts.statements import bound_outcome
from theory.catalog.notebook import StatementNotebook
from theory.maths.gap_estimators import gap_estimates, mean_interval, nested_variance
from theory.maths.necessity import (
    Atom,
    Row,
    atom_bounds,
    bit_bound,
    finite_risks,
    histories,
    orthogonal_increments,
    state_defect,
    two_value_bound,
)
from theory.tasks.hmm import Hmm
from theory.tasks.registry import get_task


@st.composite
def laws(draw: st.DrawFn) -> list[Row]:
    """A finite law: up to three windows, five histories, four targets each."""
    raw = draw(
        st.lists(
            st.tuples(st.integers(1, 9), st.integers(0, 4), st.integers(-4, 4)),
            min_size=1, max_size=12,
        )
    )  # fmt: skip
    total = sum(weight for weight, _, _ in raw)
    return [Row(weight / total, h, h % 3, y / 4) for weight, h, y in raw]


def _best(rows: list[Row], field: str) -> float:
    """The risk of the best predictor on a field, by least squares on its indicators."""
    labels = sorted({getattr(row, field) for row in rows})
    X = np.array([[float(getattr(row, field) == label) for label in labels] for row in rows])
    root = np.sqrt([row.prob for row in rows])
    y = np.array([row.y for row in rows])
    fitted = np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    return float((root**2) @ (y - X @ fitted) ** 2)


@settings(max_examples=150, deadline=None)
@given(rows=laws())
def test_theorem_n_three_gaps_agree(rows: list[Row]) -> None:
    found = finite_risks(rows)
    assert found.R_full == pytest.approx(_best(rows, "history"), abs=1e-12)
    assert found.R_w == pytest.approx(_best(rows, "window"), abs=1e-12)
    assert found.gap == pytest.approx(found.gap_square, abs=1e-12)
    assert found.gap == pytest.approx(found.gap_variance, abs=1e-12)
    assert found.gap >= -1e-12
    spread = {
        window: [h.m for h in histories(rows).values() if h.window == window]
        for window in {row.window for row in rows}
    }
    assert found.window_recoverable == all(max(v) - min(v) < 1e-7 for v in spread.values())


@settings(max_examples=100, deadline=None)
@given(rows=laws(), shift=st.integers(-4, 4), scale=st.integers(-3, 3))
def test_theorem_n_invariances(rows: list[Row], shift: int, scale: int) -> None:
    found = finite_risks(rows)
    moved = finite_risks([row._replace(y=scale * row.y + shift) for row in rows])
    assert moved.gap == pytest.approx(scale**2 * found.gap, abs=1e-11)
    finer = finite_risks([row._replace(window=row.history) for row in rows])
    assert finer.R_w <= found.R_w + 1e-12
    assert finer.gap == pytest.approx(0, abs=1e-12)
    merged = finite_risks([row._replace(history=row.window) for row in rows])
    assert merged.R_full >= found.R_full - 1e-12  # merging histories loses m^2


def test_theorem_n_ignores_null_histories() -> None:
    rows = [Row(0.5, "a", "s", 1.0), Row(0.5, "b", "t", 2.0)]
    null = [*rows, Row(0.0, "c", "s", 9.0), Row(0.0, "a", "other", 4.0)]  # X1
    assert finite_risks(null) == finite_risks(rows)
    assert finite_risks(null).window_recoverable


def test_conditioning_on_an_event_is_not_an_atom() -> None:
    rows = [Row(0.5, 0, 0, 0.0), Row(0.5, 1, 1, 1.0)]  # X2: the window reveals the bit
    misread = two_value_bound(Atom(1.0, [0.5, 0.5], [0.0, 1.0]))
    assert finite_risks(rows).gap == 0 and misread == 0.25


@settings(max_examples=150, deadline=None)
@given(
    raw=st.lists(
        st.lists(st.tuples(st.integers(1, 9), st.integers(-6, 6)), min_size=1, max_size=4),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_corollary_n_bounds_the_gap_atom_by_atom(raw: list[list[tuple[int, int]]]) -> None:
    total = sum(weight for atom in raw for weight, _ in atom)
    atoms, rows = [], []
    for s, pairs in enumerate(raw):
        mass = sum(weight for weight, _ in pairs)
        mu = [value / 4 for _, value in pairs]
        atoms.append(Atom(mass / total, [weight / mass for weight, _ in pairs], mu))
        rows += [Row(w / total, (s, i), s, mu[i]) for i, (w, _) in enumerate(pairs)]
    found = atom_bounds(atoms)
    assert found.gap == pytest.approx(finite_risks(rows).gap_square, abs=1e-12)
    mixed = [atom for atom in atoms if len(set(atom.mu)) > 1]
    for atom, bound, tight in zip(atoms, found.paper_bounds, found.tightness, strict=True):
        assert (bound is not None) == (len(set(atom.mu)) == 2 or len(atom.mu) == 2)
        if bound is None:
            continue
        assert bound <= found.gap + 1e-12
        if found.gap > 0:
            assert tight == pytest.approx(bound / found.gap)
        if mixed == [atom]:
            assert bound == pytest.approx(found.gap, abs=1e-12)


def test_bit_bound_is_attained_by_a_bit_that_tells_m() -> None:
    rng = np.random.default_rng(0)
    prob, a = rng.dirichlet(np.ones(6)), rng.random(6)
    mu0, mu1 = rng.standard_normal((2, 6))
    rows = [
        Row(p * (1 - weight), (i, 0), i, low)
        for i, (p, weight, low) in enumerate(zip(prob, a, mu0, strict=True))
    ] + [
        Row(p * weight, (i, 1), i, high)
        for i, (p, weight, high) in enumerate(zip(prob, a, mu1, strict=True))
    ]
    assert bit_bound(prob, a, mu0, mu1) == pytest.approx(finite_risks(rows).gap, abs=1e-12)


def _hmm_law(task: Hmm) -> tuple[list[np.ndarray], np.ndarray]:
    """All symbol strings of a task, their window predictions m_0..m_T+1 and probabilities."""
    M, steps = task.chain.symbols, task.horizon
    strings = np.array(np.meshgrid(*[range(M)] * steps, indexing="ij")).reshape(steps, -1).T
    batch = task.sample(1, generator(0))
    full = type(batch)(strings[..., None].astype(float), np.zeros((len(strings), steps, 0)),
                       np.zeros(len(strings)))  # fmt: skip
    predictions = [task.window_bayes(full, w) for w in range(steps + 1)]
    prob = np.concatenate([block.sum(axis=1) for block in task.filters(steps)])
    return predictions, prob


def test_orthogonal_increments_add_up_to_every_gap() -> None:
    task = Hmm(t=5)
    increments = orthogonal_increments(*_hmm_law(task))
    for w in range(task.horizon + 1):
        assert increments[w:].sum() == pytest.approx(task.exact(w).gap, abs=1e-12)


def test_sufficient_states_have_no_defect() -> None:
    task = get_task("fuse", delay=3, tau=1, t=4, hazard=0.3, dud=0.0)
    cause = 2
    rows = [
        Row(prob, bits, bits[-1], float(bits[cause]))
        for bits in np.ndindex(2, 2, 2, 2, 2)
        if (prob := math.prod(0.3 if b else 0.7 for b in bits)) > 0
    ]
    assert finite_risks(rows).gap == pytest.approx(task.exact(1).gap)
    assert state_defect(rows, lambda history: history) == 0
    assert state_defect(rows, lambda history: history[cause]) == pytest.approx(0, abs=1e-15)  # type: ignore[index]
    assert state_defect(rows, lambda history: 0) == pytest.approx(0.21)
    assert state_defect(rows, lambda history: 0, with_window=True) == pytest.approx(
        finite_risks(rows).gap
    )


@pytest.mark.parametrize("w", [0, 2, 4])
def test_three_estimators_agree_on_a_finite_task(w: int) -> None:
    task = Hmm(t=5, tau=0)
    batch = task.sample(40_000, generator(21, w))
    found, exact = (
        gap_estimates(batch.y, task.bayes(batch), task.window_bayes(batch, w)),
        task.exact(w),
    )
    windows = [tuple(row) for row in batch.obs[:, task.horizon - w :, 0]]
    G3 = nested_variance(task.bayes(batch), windows)
    assert abs(found.G1.z(exact.gap) or 0) < 4
    assert abs(found.G2.z(exact.gap) or 0) < 4
    assert pytest.approx(exact.gap, rel=0.05) == G3.value
    assert found.G2.value - found.G1.value == pytest.approx(found.cross.value, abs=1e-12)
    assert found.G1.error is not None and found.G2.error is not None
    assert found.G1.error < found.G2.error


def test_nested_variance_is_unbiased_for_groups_of_two() -> None:
    rng = np.random.default_rng(3)
    m = rng.standard_normal(4000)
    assert nested_variance(m, list(range(2000)) * 2).value == pytest.approx(1, abs=0.1)
    lone = nested_variance(np.array([0.0, 2.0]), ["s", "s"])
    assert lone.value == 2.0 and lone.error is None
    with pytest.raises(UserError, match="twice"):
        nested_variance(np.array([0.0, 2.0]), ["s", "t"])


def test_intervals_cover_the_mean() -> None:
    rng = np.random.default_rng(5)
    covered = sum(
        (found := mean_interval(rng.exponential(size=400), level=0.9)).lo is not None
        and found.lo <= 1 <= (found.hi or 0)
        for _ in range(1000)
    )
    assert 0.87 < covered / 1000 < 0.93


def test_standard_error_is_the_unbiased_one() -> None:
    found = mean_interval(np.array([1.0, 2.0, 4.0]), level=0.95)
    assert found.error == pytest.approx(math.sqrt((16 + 1 + 25) / 9 / 2 / 3))
    assert found.hi == pytest.approx(7 / 3 + 1.959963985 * (found.error or 0))


def test_z_of_a_mean_without_spread() -> None:
    same = mean_interval(np.full(5, 2.0))
    assert same.z(2.0) == 0 and (same.z(1.0) or 0) > 1e300
    assert mean_interval(np.array([1.0])).z(0.0) is None
    with pytest.raises(UserError, match="no draws"):
        mean_interval(np.array([]))


def test_bayes_error_is_orthogonal_to_functions_of_the_history_only() -> None:
    task = get_task("bursty")
    batch = task.sample(20_000, generator(22))
    m, last = task.bayes(batch), batch.obs[:, -1, 0]
    tests = np.stack([np.zeros_like(m), last, (batch.obs[:, -4, 0] > 0).astype(float)])
    means = [mean_interval((batch.y - m) * (m - z)) for z in (*tests, batch.y)]
    assert all(abs(mean.z(0.0) or 0) < 4 for mean in means[:-1])
    cheat = means[-1]  # X3: not a function of the history
    assert cheat.value == pytest.approx(-task.exact(0).R_full, abs=0.05)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([Row(0.5, "a", "s", 1.0)], "sums to 0.5"),
        ([Row(0.5, "a", "s", 1.0), Row(0.5, "a", "t", 1.0)], "2 windows"),
        ([Row(1.5, "a", "s", 1.0), Row(-0.5, "b", "t", 1.0)], r"\[0, 1\]"),
        ([Row(1.0, "a", "s", math.inf)], "not finite"),
        ([], "shape"),
    ],
)
def test_laws_that_are_none_are_refused(rows: list[Row], message: str) -> None:
    with pytest.raises(UserError, match=message):
        finite_risks(rows)


def test_atoms_that_are_none_are_refused() -> None:
    atoms: list[tuple[Any, str]] = [
        ([Atom(0.7, [1.0], [0.0]), Atom(0.7, [1.0], [1.0])], "total"),
        ([Atom(0.7, [0.5, 0.4], [0.0, 1.0])], "sums to 0.9"),
        ([Atom(0.7, [0.5, 0.5], [0.0])], "mu of atom 0"),
    ]
    for given_atoms, message in atoms:
        with pytest.raises(UserError, match=message):
            atom_bounds(given_atoms)


def test_gap_curves_fall_along_nested_windows() -> None:
    for name in ("hmm", "arfima", "lgssm"):
        gaps = [get_task(name).exact(w).gap for w in range(8)]
        assert all(after <= before + 1e-12 for before, after in pairwise(gaps))


def test_the_number_of_draws_that_carry_a_spread() -> None:
    rng = np.random.default_rng(0)
    for values, kurtosis in ((rng.normal(size=10**5), 3.0), (rng.exponential(size=10**5), 9.0)):
        effective = mean_interval(values).effective
        assert effective == pytest.approx(len(values) / scipy.stats.kurtosis(values, fisher=False))
        assert effective == pytest.approx(len(values) / kurtosis, rel=0.1)
    assert "1 of 1000 draws" in mean_interval(np.eye(1, 1000)[0]).few
    assert mean_interval(np.full(9, 2.0)).effective == 0.0


def test_a_mean_that_few_draws_carry_refutes_nothing() -> None:
    book = StatementNotebook("theory/statement/S2", "theory", statement="S2")
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):  # two or three of 2000 draws are not 0
        values = 1.0 * (rng.random(2000) < 1e-3)
        values[0] = 1.0  # at least one came, or nothing in the draws tells of it
        found.append(bound_outcome(book.estimate("rare", values, 1e-2)))
    assert Outcome.VIOLATED not in found
    assert Outcome.INCONCLUSIVE in found
    wrong = book.estimate("usual", rng.exponential(size=2000), 1.5)
    assert bound_outcome(wrong) is Outcome.VIOLATED
