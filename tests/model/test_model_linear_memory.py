"""The three forms of the gated delta rule agree, and do what its algebra says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.linear_memory import Memory, chunked, dense, recurrent

torch.set_num_threads(1)
FORMS = ("impl", "paper")
LENGTHS = (0, 1, 2, 15, 16, 17, 31, 97)


def inputs(length, *, batch=2, heads=3, key=5, value=7, seed=0, dtype=torch.float64, decay=1.0):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=dtype)

    q, k = normal(batch, length, heads, key), normal(batch, length, heads, key)
    k = torch.nn.functional.normalize(k, dim=-1)
    g = -decay * torch.rand(batch, length, heads, generator=draw, dtype=dtype)
    beta = torch.rand(batch, length, heads, generator=draw, dtype=dtype)
    state = normal(batch, heads, key, value)
    return q, k, normal(batch, length, heads, value), g, beta, state


def gap(a, b):
    """Largest difference relative to the largest entry of the reference."""
    if b.numel() == 0:
        return 0.0 if a.shape == b.shape else float("inf")
    return float((a - b).abs().max() / b.abs().max().clamp_min(1e-300))


def by_hand(q, k, v, g, beta, scale, state, form):
    """One head, plain matrices in the paper's orientation: S is value by key."""
    memory = state.mT.clone()
    eye, outputs = torch.eye(k.shape[-1], dtype=k.dtype), []
    for t in range(q.shape[0]):
        a, b, outer = g[t].exp(), beta[t], torch.outer(k[t], k[t])
        keep = a * (eye - b * outer) if form == "impl" else a * eye - b * outer
        memory = memory @ keep + b * torch.outer(v[t], k[t])
        outputs.append(scale * memory @ q[t])
    return torch.stack(outputs), memory.mT


@pytest.mark.parametrize("form", FORMS)
def test_recurrence_is_the_matrix_formula_of_the_paper(form):
    q, k, v, g, beta, state = inputs(9)
    out = recurrent(q, k, v, g, beta, scale=0.3, state=state, form=form)
    for b in range(2):
        for h in range(3):
            one = (q[b, :, h], k[b, :, h], v[b, :, h], g[b, :, h], beta[b, :, h])
            output, after = by_hand(*one, 0.3, state[b, h], form)
            assert gap(out.output[b, :, h], output) < 1e-14
            assert gap(out.state[b, h], after) < 1e-14


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("carried", [False, True])
def test_all_forms_agree_forward(form, length, carried):
    q, k, v, g, beta, state = inputs(length)
    state = state if carried else None
    oracle = recurrent(q, k, v, g, beta, state=state, form=form)
    for chunk, segment in ((1, 1), (4, 8), (16, 32), (64, 64), (7, 20)):
        out = chunked(q, k, v, g, beta, state=state, form=form, chunk=chunk, segment=segment)
        assert gap(out.output, oracle.output) < 1e-12
        assert gap(out.state, oracle.state) < 1e-12
    out = dense(q, k, v, g, beta, state=state, form=form)
    assert gap(out.output, oracle.output) < 1e-12
    assert gap(out.state, oracle.state) < 1e-12


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [1, 17, 41])
def test_all_forms_agree_backward(form, length):
    tensors = inputs(length, seed=3)
    weights = torch.randn(2, length, 3, 7, dtype=torch.float64)

    def gradients(rule, **sizes):
        leaves = [x.clone().requires_grad_() for x in tensors]
        q, k, v, g, beta, state = leaves
        out = rule(q, k, v, g, beta, state=state, form=form, **sizes)
        loss = (out.output * weights).sum() + out.state.square().sum()
        return torch.autograd.grad(loss, leaves)

    oracle = gradients(recurrent)
    for found in (gradients(chunked, chunk=8, segment=16), gradients(dense)):
        for a, b in zip(found, oracle, strict=True):
            assert gap(a, b) < 1e-11


@given(
    length=st.integers(0, 70),
    cut=st.integers(0, 70),
    chunk=st.integers(1, 40),
    segment=st.integers(1, 90),
    form=st.sampled_from(FORMS),
    seed=st.integers(0, 99),
)
def test_a_carried_state_makes_any_split_equal_the_whole(length, cut, chunk, segment, form, seed):
    q, k, v, g, beta, state = inputs(length, batch=1, heads=2, seed=seed)
    whole = recurrent(q, k, v, g, beta, state=state, form=form)
    cut, parts = min(cut, length), []
    for part in (slice(0, cut), slice(cut, length)):
        piece = (x[:, part] for x in (q, k, v, g, beta))
        out = chunked(*piece, state=state, form=form, chunk=chunk, segment=segment)
        parts.append(out.output)
        state = out.state
    assert gap(torch.cat(parts, 1), whole.output) < 1e-12
    assert gap(state, whole.state) < 1e-12


@pytest.mark.parametrize("rule", [recurrent, chunked, dense])
def test_orthonormal_keys_are_recalled_perfectly(rule):
    keys = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64))[0][None, :, None]
    values = torch.randn(1, 8, 1, 3, dtype=torch.float64)
    ones, zeros = torch.ones(1, 8, 1, dtype=torch.float64), torch.zeros(1, 8, 1).double()
    state = rule(keys, keys, values, zeros, ones, scale=1.0).state
    assert gap(torch.einsum("thk,hkv->thv", keys[0], state[0])[None], values) < 1e-13


@pytest.mark.parametrize("rule", [recurrent, chunked, dense])
@pytest.mark.parametrize("form", FORMS)
def test_without_writing_the_memory_only_decays(rule, form):
    q, k, v, g, beta, state = inputs(33)
    out = rule(q, k, v, g, 0 * beta, state=state, form=form)
    assert gap(out.state, g.sum(1).exp()[..., None, None] * state) < 1e-13


@pytest.mark.parametrize("form", FORMS)
def test_without_decay_both_orders_are_the_plain_delta_rule(form):
    q, k, v, g, beta, state = inputs(33)
    plain = recurrent(q, k, v, 0 * g, beta, state=state)
    assert gap(chunked(q, k, v, 0 * g, beta, state=state, form=form).state, plain.state) < 1e-13


def test_the_two_orders_differ_where_there_is_decay():
    q, k, v, g, beta, state = inputs(33)
    a = recurrent(q, k, v, g, beta, state=state, form="impl").state
    b = recurrent(q, k, v, g, beta, state=state, form="paper").state
    assert gap(a, b) > 1e-3


@given(seed=st.integers(0, 999), form=st.sampled_from(FORMS))
def test_unit_keys_never_expand_the_memory(seed, form):
    q, k, v, g, beta, state = inputs(1, batch=1, heads=1, seed=seed)
    other = state + torch.randn_like(state)
    a = recurrent(q, k, v, g, beta, state=state, form=form).state
    b = recurrent(q, k, v, g, beta, state=other, form=form).state
    spectral = torch.linalg.matrix_norm
    assert spectral(a - b, 2) <= spectral(state - other, 2) * (1 + 1e-12)


def test_the_paper_order_is_the_released_rule_with_rescaled_inputs():
    q, k, v, g, beta, state = inputs(29)
    decay = g.exp()
    released = chunked(q, k, decay[..., None] * v, g, beta / decay, state=state)
    paper = recurrent(q, k, v, g, beta, state=state, form="paper")
    assert gap(released.output, paper.output) < 1e-12


@pytest.mark.parametrize("likeness", ["random", "equal", "near"])
def test_float32_chunks_stay_accurate_even_when_keys_are_alike(likeness):
    q, k, v, g, beta, _ = inputs(300, batch=1, heads=2, key=64, value=64, seed=5)
    if likeness != "random":
        k = k[:, :1] + (0.05 * k if likeness == "near" else 0 * k)
        k, g, beta = torch.nn.functional.normalize(k, dim=-1), 0.01 * g, 0 * beta + 0.97
    oracle = recurrent(q, k, v, g, beta)
    single = [x.float() for x in (q, k, v, g, beta)]
    for chunk in (16, 32):
        assert gap(chunked(*single, chunk=chunk).output.double(), oracle.output) < 5e-6


@pytest.mark.parametrize("form", FORMS)
def test_strong_decay_does_not_overflow_in_float32(form):
    q, k, v, g, beta, state = inputs(100, decay=80.0, dtype=torch.float32)
    out = chunked(q, k, v, g, beta, state=state, form=form)
    wide = recurrent(*(x.double() for x in (q, k, v, g, beta)), state=state.double(), form=form)
    assert gap(out.output.double(), wide.output) < 2e-5


def test_inputs_are_left_as_they_were():
    tensors = inputs(20)
    before = [x.clone() for x in tensors]
    q, k, v, g, beta, state = tensors
    for rule in (recurrent, chunked, dense):
        rule(q, k, v, g, beta, state=state)
    assert all(torch.equal(a, b) for a, b in zip(tensors, before, strict=True))


def bad(**change):
    q, k, v, g, beta, state = inputs(4)
    given_ = {"q": q, "k": k, "v": v, "g": g, "beta": beta, "state": state, "form": "impl"}
    given_.update(change)
    return given_


@pytest.mark.parametrize("rule", [recurrent, chunked, dense])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": torch.zeros(2, 4, 3, 6).double()}, "expected q and k"),
        ({"v": torch.zeros(2, 5, 3, 7).double()}, "expected q and k"),
        ({"q": torch.zeros(4, 5).double(), "k": torch.zeros(4, 5).double()}, "expected q and k"),
        ({"g": torch.zeros(2, 4).double()}, "expected g"),
        ({"beta": torch.zeros(2, 4, 2).double()}, "expected beta"),
        ({"state": torch.zeros(2, 3, 7, 5).double()}, "key index first"),
        ({"state": torch.zeros(2, 3, 5, 7, dtype=torch.int64)}, "floating state"),
        ({"v": torch.zeros(2, 4, 3, 7)}, "share one floating dtype"),
        ({"form": "implementation"}, "expected impl or paper"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_sides(rule, change, message):
    with pytest.raises(ValueError, match=message):
        rule(**bad(**change))


def test_chunks_must_hold_a_token():
    with pytest.raises(ValueError, match="at least 1 token"):
        chunked(**bad(), chunk=0)


def test_result_is_named():
    q, k, v, g, beta, _ = inputs(3)
    assert isinstance(chunked(q, k, v, g, beta), Memory)


@pytest.mark.parametrize("rule", [recurrent, chunked, dense])
def test_half_precision_is_computed_in_single(rule):
    q, k, v, g, beta, state = inputs(40)
    half = [x.bfloat16() for x in (q, k, v)]
    single = [x.float() for x in half]
    out = rule(*half, g.float(), beta.float(), state=state.float())
    wide = rule(*single, g.float(), beta.float(), state=state.float())
    assert out.output.dtype == torch.bfloat16
    assert out.state.dtype == torch.float32
    assert torch.equal(out.state, wide.state)
    assert torch.equal(out.output, wide.output.bfloat16())
    assert rule(*(x[:, :0] for x in (*half, g, beta))).output.dtype == torch.bfloat16
