"""Windows of frames: the definition against the spec's rules, the kernel against the definition."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.attention import (
    dense_attention,
    history_attention,
    masked_attention,
    window_attention,
)
from model.masks import Window, mixture_mask, visible
from model.rotary import axis_pairs, rotate, rotation, video_angles

torch.set_num_threads(1)


def qkv(frames, size, *, batch=2, heads=2, width=6, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shape = (batch, frames * size, heads, width)
    return [torch.randn(*shape, generator=draw, dtype=torch.float64) for _ in range(3)]


def gap(a, b):
    return float((a - b).abs().max() / b.abs().max())


def sees(i, j, size, w, rule):
    """The three window rules, written out once more."""
    if rule == "token":
        return abs(i - j) <= w * size
    if rule == "frame":
        return abs(i // size - j // size) < w
    return abs(i - j) <= w * size / 2


@pytest.mark.parametrize("rule", ["token", "frame", "paper"])
@pytest.mark.parametrize(("size", "w"), [(1, 1), (1, 3), (4, 2), (3, 3), (5, 1)])
def test_the_three_rules_are_those_of_the_table(rule, size, w):
    frames = 7
    mask = visible(Window(w, rule), size, range(frames), range(frames))
    tokens = range(frames * size)
    for i, j in itertools.product(tokens, tokens):
        assert bool(mask[i, j]) == sees(i, j, size, w, rule)


@pytest.mark.parametrize(
    ("rule", "keys"), [("token", "2wL+1"), ("frame", "(2w-1)L"), ("paper", "wL+1")]
)
def test_interior_queries_see_as_many_keys_as_stated(rule, keys):
    size, w = 4, 3
    mask = visible(Window(w, rule), size, range(21), range(21))
    stated = {"2wL+1": 2 * w * size + 1, "(2w-1)L": (2 * w - 1) * size, "wL+1": w * size + 1}
    assert int(mask[10 * size + 1].sum()) == stated[keys]


@given(
    frames=st.integers(1, 14),
    size=st.integers(1, 4),
    w=st.one_of(st.none(), st.integers(1, 16)),
    semantics=st.sampled_from(["token", "frame", "paper"]),
    dilation=st.integers(1, 5),
    rule=st.sampled_from(["fold_exact", "fold_zero_pad", "residue_mask"]),
    causality=st.sampled_from(["bidirectional", "causal", "block_causal"]),
    block=st.integers(1, 4),
)
def test_kernel_is_the_dense_definition(
    frames, size, w, semantics, dilation, rule, causality, block
):
    if rule == "residue_mask":
        semantics = "frame"
    window = Window(w, semantics, dilation, rule, causality, block)
    q, k, v = qkv(frames, size, batch=1)
    kernel = window_attention(q, k, v, size, window)
    assert gap(kernel, dense_attention(q, k, v, size, window)) < 1e-12


@pytest.mark.parametrize("semantics", ["token", "frame", "paper"])
@pytest.mark.parametrize("dilation", [1, 3])
def test_kernel_has_the_gradients_of_the_definition(semantics, dilation):
    window, size = Window(2, semantics, dilation), 3
    weight = torch.randn(2, 8 * size, 2, 6, dtype=torch.float64)

    def gradients(attention):
        leaves = [x.requires_grad_() for x in qkv(8, size)]
        loss = (attention(*leaves, size, window) * weight).sum()
        return torch.autograd.grad(loss, leaves)

    for a, b in zip(gradients(window_attention), gradients(dense_attention), strict=True):
        assert gap(a, b) < 1e-12


def test_an_explicit_softmax_loop_agrees():
    size, window = 2, Window(2, "frame", 2)
    q, k, v = qkv(5, size, batch=1, heads=1)
    out = window_attention(q, k, v, size, window)[0, :, 0]
    for i in range(10):
        near = [j for j in range(10) if (i // 2 - j // 2) % 2 == 0 and abs(i // 2 - j // 2) < 4]
        scores = torch.stack([q[0, i, 0] @ k[0, j, 0] for j in near]) / 6**0.5
        weights = scores.softmax(0)
        expected = sum(w * v[0, j, 0] for w, j in zip(weights, near, strict=True))
        assert gap(out[i], expected) < 1e-13


def test_zero_padding_adds_visible_zero_keys():
    window = Window(1, "token", 2, "fold_zero_pad")
    q, k, v = qkv(4, 1, batch=1, heads=1)
    out = window_attention(q, k, v, 1, window)[0, :, 0]
    # Frame 3 sees frames 1, 3 and the padded frame 5, whose key and value are zero.
    own = q[0, 3, 0] / 6**0.5
    scores = torch.stack([own @ k[0, 1, 0], own @ k[0, 3, 0], torch.zeros(()).double()])
    weights = scores.softmax(0)
    assert gap(out[3], weights[0] * v[0, 1, 0] + weights[1] * v[0, 3, 0]) < 1e-13


@pytest.mark.parametrize(("frames", "added"), [(8, 4), (9, 3), (11, 1), (7, 0), (4, 0)])
def test_zero_padding_is_at_least_one_frame_unless_the_clip_is_short(frames, added):
    assert Window(3, "token", 4, "fold_zero_pad").padding(frames) == added


def test_dilation_is_a_permuted_band():
    size, d = 2, 3
    q, k, v = qkv(9, size)
    order = torch.tensor([f for r in range(d) for f in range(r, 9, d)])
    tokens = (order[:, None] * size + torch.arange(size)).flatten()
    block = torch.block_diag(*(visible(Window(2), size, range(3), range(3)).double(),) * d).bool()
    expected = torch.empty_like(q)
    expected[:, tokens] = masked_attention(q[:, tokens], k[:, tokens], v[:, tokens], block)
    assert gap(window_attention(q, k, v, size, Window(2, "frame", d)), expected) < 1e-13


@pytest.mark.parametrize("rule", ["fold_exact", "residue_mask", "fold_zero_pad"])
def test_a_window_wider_than_the_clip_is_full_attention(rule):
    q, k, v = qkv(3, 2)
    full = masked_attention(q, k, v)
    assert gap(window_attention(q, k, v, 2, Window(50, "frame", 1, rule)), full) < 1e-14
    assert gap(window_attention(q, k, v, 2, Window(None)), full) < 1e-14


def test_carried_keys_continue_a_clip():
    size, window = 2, Window(2, "token", 2, causality="block_causal", block=2)
    q, k, v = qkv(10, size)
    whole = window_attention(q, k, v, size, window)
    for first in (4, 6, 8):
        start = first - window.past_frames(size)
        part = slice(first * size, (first + 2) * size)
        seen = slice(start * size, (first + 2) * size)
        got = window_attention(
            q[:, part], k[:, seen], v[:, seen], size, window, query_start=first, key_start=start
        )
        assert gap(got, whole[:, part]) < 1e-13


@pytest.mark.parametrize("restrict", [False, True])
@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("history", [0, 2, 6])
@pytest.mark.parametrize("window", [Window(2), Window(2, dilation=2), Window(None)])
def test_history_rules_are_the_mixture_mask(restrict, everywhere, history, window):
    q, k, v = qkv(6, 3)
    mask = mixture_mask(
        window,
        tokens_per_frame=3,
        frames=6,
        history=history,
        actions=0,
        restrict_history=restrict,
        all_history=everywhere,
    )
    out = history_attention(
        q, k, v, 3, window, history=history, restrict=restrict, everywhere=everywhere
    )
    assert gap(out, masked_attention(q, k, v, mask)) < 1e-13


WORKED = """
1 1 0 0 0 0 0 0   1 0 0 0 0 0 0 0
1 1 0 0 0 0 0 0   0 1 0 0 0 0 0 0
0 1 1 1 0 0 0 0   1 0 1 0 1 0 0 0
0 0 1 1 1 0 0 0   0 1 0 1 0 1 0 0
0 0 0 1 1 1 0 0   0 0 1 0 1 0 0 0
0 0 0 0 1 1 0 0   0 0 0 1 0 1 0 0
1 1 0 0 0 0 1 1   1 1 0 0 0 0 1 1
1 1 0 0 0 0 1 1   1 1 0 0 0 0 1 1
"""


@pytest.mark.parametrize(("column", "dilation"), [(0, 1), (1, 2)])
def test_the_worked_example_of_the_mixture(column, dilation):
    rows = [line.split("   ")[column].split() for line in WORKED.strip().splitlines()]
    mask = mixture_mask(
        Window(2, dilation=dilation),
        tokens_per_frame=1,
        frames=6,
        history=2,
        actions=2,
        restrict_history=True,
        all_history=False,
    )
    assert mask.int().tolist() == [[int(x) for x in row] for row in rows]


@given(
    frames=st.integers(1, 8),
    size=st.integers(1, 3),
    history=st.integers(0, 8),
    actions=st.integers(0, 4),
    w=st.integers(1, 4),
    d=st.integers(1, 3),
    restrict=st.booleans(),
    everywhere=st.booleans(),
)
def test_every_token_of_the_mixture_sees_something(
    frames, size, history, actions, w, d, restrict, everywhere
):
    mask = mixture_mask(
        Window(w, dilation=d),
        tokens_per_frame=size,
        frames=frames,
        history=min(history, frames),
        actions=actions,
        restrict_history=restrict,
        all_history=everywhere,
    )
    assert mask.any(1).all()
    assert not mask[: frames * size, frames * size :].any()


def test_rotation_is_multiplication_by_a_complex_number():
    angles = video_angles(3, 2, 2, 12)
    x = torch.randn(1, 12, 2, 12, dtype=torch.float64)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.polar(
        torch.ones_like(angles), angles
    ).unsqueeze(1)
    assert gap(rotate(x, rotation(angles, x)), torch.view_as_real(turned).flatten(-2)) < 1e-14


def test_a_common_frame_offset_changes_no_attention_beyond_the_released_table():
    q, k, v = qkv(5, 4, width=12)
    outputs = []
    for first in (0, 5000):
        turn = rotation(video_angles(5, 2, 2, 12, first_frame=first), q)
        outputs.append(dense_attention(rotate(q, turn), rotate(k, turn), v, 4, Window(2)))
    assert gap(outputs[1], outputs[0]) < 1e-11


@pytest.mark.parametrize(
    ("width", "pairs"), [(128, (22, 21, 21)), (12, (2, 2, 2)), (16, (4, 2, 2)), (64, (12, 10, 10))]
)
def test_pairs_of_the_three_axes(width, pairs):
    assert axis_pairs(width) == pairs


@pytest.mark.parametrize("width", [0, 4, 7])
def test_a_head_too_narrow_for_three_axes_is_refused(width):
    with pytest.raises(ValueError, match="even head width of at least 6"):
        axis_pairs(width)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 0}, "frames must be at least 1"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"block": -1}, "block must be at least 1"),
        ({"semantics": "frames"}, "expected one of token, frame, paper"),
        ({"causality": "acausal"}, "bidirectional"),
        ({"dilation_rule": "residue_mask", "semantics": "token"}, "use fold_exact"),
    ],
)
def test_window_rules_that_do_not_exist(change, message):
    with pytest.raises(ValueError, match=message):
        Window(**{"frames": 3, **change})


@pytest.mark.parametrize(
    ("tokens", "keys", "start", "message"),
    [
        (7, 8, 0, "whole frames of 2 tokens"),
        (8, 9, 0, "whole frames of 2 tokens"),
        (8, 6, 0, "own frame must be among the keys"),
        (8, 8, 3, "own frame must be among the keys"),
    ],
)
def test_partial_frames_and_absent_keys_are_refused(tokens, keys, start, message):
    q, k = torch.zeros(1, tokens, 1, 6), torch.zeros(1, keys, 1, 6)
    for attention in (window_attention, dense_attention):
        with pytest.raises(ValueError, match=message):
            attention(q, k, k, 2, Window(2), key_start=start)


def test_mismatched_widths_are_refused():
    q, k, v = torch.zeros(1, 4, 1, 6), torch.zeros(1, 4, 1, 8), torch.zeros(1, 4, 1, 6)
    with pytest.raises(ValueError, match="expected q"):
        window_attention(q, k, v, 2, Window(2))
    with pytest.raises(ValueError, match="head widths differ, 6 and 8"):
        window_attention(q, k, k, 2, Window(2))


def test_mixed_precisions_are_refused():
    q = torch.zeros(1, 4, 1, 6)
    for attention in (window_attention, dense_attention):
        with pytest.raises(ValueError, match="one dtype, got torch.float32, torch.float64"):
            attention(q, q.double(), q.double(), 2, Window(2))


def test_no_tokens_give_no_output():
    empty = torch.zeros(2, 0, 1, 6)
    assert window_attention(empty, empty, empty, 3, Window(2)).shape == (2, 0, 1, 6)


def test_more_history_than_frames_is_refused():
    with pytest.raises(ValueError, match="0 <= history <= frames"):
        mixture_mask(
            Window(2),
            tokens_per_frame=1,
            frames=2,
            history=3,
            actions=0,
            restrict_history=True,
            all_history=False,
        )
