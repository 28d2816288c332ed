"""The gated delta layer: its parts against plain formulas, its options, its carried state."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.backends import delta_rule, obstacle
from model.config import DeltaConfig
from model.gated_delta import CausalConv, GatedDelta, l2_normalise, log_decay
from model.linear_memory import recurrent

torch.set_num_threads(1)
SIZES = {"heads": 2, "key_dim": 4, "value_dim": 6}
VARIANTS = [
    {},
    {"gate": "sigmoid"},
    {"form": "paper"},
    {"conv": 1},
    {"scale": 1.0},
    {"normalise": False},
    {"output_gate": False},
    {"gate": "sigmoid", "form": "paper", "conv": 2, "output_gate": False},
]


def layer(seed=0, **options):
    torch.manual_seed(seed)
    return GatedDelta(10, DeltaConfig(**SIZES, **options), 1e-6).double()


def tokens(length, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(2, length, 10, generator=draw, dtype=torch.float64)


def gap(a, b):
    """Largest difference relative to the largest entry; infinite where shapes differ."""
    if a.shape != b.shape:
        return float("inf")
    if not b.numel() or not b.any():
        return float(a.any())
    return float((a - b).detach().abs().max() / b.detach().abs().max())


def by_hand(net, x):
    """One sample, token by token, with plain loops and none of the package's functions."""
    config, names = net.config, dict(net.named_parameters())
    heads, kd, vd = config.heads, config.key_dim, config.value_dim
    streams = {}
    for name in "qkv":
        u = x @ names[f"{name}_proj.weight"].T
        if config.conv > 1:
            taps = names[f"{name}_conv1d.weight"][:, 0]
            mixed = torch.zeros_like(u)
            for t in range(len(u)):
                for s in range(config.conv):
                    if (past := t - config.conv + 1 + s) >= 0:
                        mixed[t] += taps[:, s] * u[past]
            u = mixed * torch.sigmoid(mixed)
        streams[name] = u.reshape(len(x), heads, -1)
    memory = torch.zeros(heads, kd, vd, dtype=x.dtype)
    outputs = []
    for t in range(len(x)):
        row = []
        for h in range(heads):
            q, k, v = (streams[n][t, h] for n in "qkv")
            if config.normalise:
                q, k = q / (q @ q + 1e-6) ** 0.5, k / (k @ k + 1e-6) ** 0.5
            a = x[t] @ names["a_proj.weight"][h]
            if config.gate == "mamba":
                soft = torch.log1p(torch.exp(a + names["dt_bias"][h]))
                alpha = torch.exp(-torch.exp(names["A_log"][h]) * soft)
            else:
                alpha = 1 / (1 + torch.exp(-a))
            beta = torch.sigmoid(x[t] @ names["b_proj.weight"][h])
            old = memory[h]
            read = old if config.form == "paper" else alpha * old
            memory[h] = alpha * old + beta * torch.outer(k, v - read.T @ k)
            o = memory[h].T @ q * (config.scale or kd**-0.5)
            o = o / (o @ o / vd + 1e-6) ** 0.5 * names["o_norm.weight"]
            if config.output_gate:
                z = (names["g_proj.weight"] @ x[t]).reshape(heads, vd)[h]
                o = o * z * torch.sigmoid(z)
            row.append(o)
        outputs.append(names["o_proj.weight"] @ torch.cat(row))
    return torch.stack(outputs)


@pytest.mark.parametrize("options", VARIANTS)
def test_the_layer_is_its_formulas(options):
    net, x = layer(**options), tokens(7)
    with torch.no_grad():
        assert gap(net(x)[0][1], by_hand(net, x[1])) < 1e-12


@pytest.mark.parametrize("options", VARIANTS)
@settings(max_examples=25)
@given(length=st.integers(0, 40), cut=st.integers(0, 40))
def test_any_split_with_the_carried_state_is_exact(options, length, cut):
    net, x = layer(**options), tokens(length)
    with torch.no_grad():
        whole, end = net(x)
        first, state = net(x[:, :cut])
        second, state = net(x[:, cut:], state)
    assert gap(torch.cat((first, second), 1), whole) < 1e-12
    for a, b in zip(state, end, strict=True):
        assert gap(a, b) < 1e-12


def test_the_state_does_not_grow():
    net = layer()
    sizes = {tuple(t.shape for t in net(tokens(n))[1]) for n in (1, 5, 50)}
    assert len(sizes) == 1


def test_the_layer_is_causal():
    net, x = layer(), tokens(20)
    other = x.clone()
    other[:, 12:] += 1
    with torch.no_grad():
        difference = (net(other)[0] - net(x)[0]).abs().amax((0, 2))
    assert (difference[:12] == 0).all()
    assert (difference[12:] > 0).all()


def test_gradients_reach_every_parameter():
    net = layer()
    net(tokens(9))[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_the_sigmoid_gate_is_a_special_case_of_the_released_one():
    a = torch.randn(50, dtype=torch.float64)
    zero = torch.zeros((), dtype=torch.float64)
    assert gap(log_decay(-a, zero, zero).exp(), a.sigmoid()) < 1e-14


def test_gate_parameters_start_in_their_released_ranges():
    torch.manual_seed(0)
    net = GatedDelta(4, DeltaConfig(heads=500, key_dim=1, value_dim=1), 1e-6)
    rate = net.A_log.exp()
    step = torch.nn.functional.softplus(net.dt_bias)
    assert rate.min() >= 0 and rate.max() <= 16 and 7 < rate.mean() < 9
    assert step.min() > 0.99e-3 and step.max() < 1.01e-1
    assert math.log(1e-2) - 0.3 < step.log().mean() < math.log(1e-2) + 0.3


def test_decay_is_at_least_single_precision():
    half = torch.zeros(3, dtype=torch.bfloat16)
    assert log_decay(half, half, half).dtype == torch.float32
    assert log_decay(half.double(), half, half).dtype == torch.float64


def test_normalisation_has_the_released_epsilon():
    assert (
        gap(l2_normalise(torch.full((1, 4), 1e-3).double()), torch.full((1, 4), 5**-0.5).double())
        < 1e-6
    )


def test_convolution_of_one_impulse_is_the_reversed_taps():
    conv = CausalConv(3, 4).double()
    impulse = torch.zeros(1, 6, 3, dtype=torch.float64)
    impulse[0, 1] = 1
    out, rows = conv(impulse, None)
    expected = torch.zeros(6, 3, dtype=torch.float64)
    expected[1:5] = conv.weight[:, 0].flip(1).T
    assert gap(out[0], expected) < 1e-15
    assert rows.shape == (1, 3, 3)


def rule_inputs(length=6):
    q, k, v = (torch.randn(1, length, 2, 4, dtype=torch.float64) for _ in range(3))
    return q, k, v, -torch.rand(1, length, 2).double(), torch.rand(1, length, 2).double()


@pytest.mark.parametrize("form", ["impl", "paper"])
@pytest.mark.parametrize("implementation", ["auto", "chunked", "dense"])
def test_implementations_agree(form, implementation):
    inputs = rule_inputs()
    oracle = delta_rule(*inputs, form=form, implementation="recurrent")
    out = delta_rule(*inputs, form=form, implementation=implementation)
    assert gap(out.output, oracle.output) < 1e-13


def test_an_unknown_implementation_is_refused():
    with pytest.raises(ValueError, match="auto, recurrent, chunked, dense, fla"):
        delta_rule(*rule_inputs(), implementation="triton")


def test_fla_on_a_cpu_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="needs a CUDA tensor, got one on cpu"):
        delta_rule(*rule_inputs(), implementation="fla")
    assert obstacle(torch.zeros(1, 1, 1, 1), "impl")


@pytest.mark.parametrize(
    ("change", "form", "reason"),
    [
        ({"is_cuda": False, "device": "cpu"}, "impl", "needs a CUDA tensor"),
        ({"dtype": torch.float64}, "impl", "no double precision"),
        ({}, "paper", "decay before they correct"),
        ({"shape": (1, 0, 2, 64)}, "impl", "no tokens"),
        ({"shape": (1, 9, 2, 512)}, "impl", "at most 256 wide, got 512"),
    ],
)
def test_every_obstacle_to_fused_kernels_is_said(change, form, reason):
    served = {"is_cuda": True, "dtype": torch.bfloat16, "shape": (1, 9, 2, 64), **change}
    assert reason in obstacle(SimpleNamespace(**served), form)


def test_fused_kernels_are_called_by_their_conventions(monkeypatch):
    inputs, state = rule_inputs(), torch.randn(1, 2, 4, 4, dtype=torch.float64)

    def kernel(q, k, v, *, g, beta, scale, initial_state, output_final_state, **options):
        assert g.dtype == initial_state.dtype == torch.float32
        assert output_final_state
        assert options == {"use_qk_l2norm_in_kernel": False}
        return recurrent(q, k, v, g, beta, scale=scale, state=initial_state)

    module = SimpleNamespace(chunk_gated_delta_rule=kernel)
    monkeypatch.setattr("model.backends.obstacle", lambda q, form: "")
    monkeypatch.setattr("model.backends.importlib.import_module", lambda name: module)
    oracle = recurrent(*inputs, scale=0.3, state=state)
    out = delta_rule(*inputs, scale=0.3, state=state)
    assert gap(out.output, oracle.output) < 1e-5


@pytest.mark.parametrize("change", [{"heads": 0}, {"conv": 0}, {"gate": "tanh"}, {"form": "x"}])
def test_impossible_layers_are_refused(change):
    with pytest.raises(ValueError, match=r"at least 1|unknown"):
        DeltaConfig(**change)
