"""Speed of the reference model, as ratios and exponents measured within one run on one core.

Ratios come from interleaved repeats, so that what else the machine does hits both sides alike. Each
turn begins with a call that is not measured: every side finds the heap as it leaves it itself, not
as the other did.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import replace
from operator import truediv

import pytest
import torch

from model.attention import masked_attention, window_attention
from model.config import get_config
from model.gated_delta import GatedDelta
from model.linear_memory import chunked
from model.masks import Window, visible
from model.network import VideoDiT
from model.streaming import advance, start

LINEAR = {
    "swa": Window(3),
    "swa-token": Window(3, "token"),
    "dswa": Window(3, dilation=4),
    "dswa-zero-pad": Window(3, "token", 4, "fold_zero_pad"),
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(before)


def seconds(calls, repeats):
    """Return the CPU seconds of each call's interleaved repeats."""
    spent = [[] for _ in calls]
    for _ in range(repeats):
        for call, times in zip(calls, spent, strict=True):
            call()
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
    return spent


def exponent(lengths, times):
    """Return the slope of log time over log length, and the R2 of the straight line in time."""
    x, y = [math.log(n) for n in lengths], [math.log(t) for t in times]
    slope = statistics.linear_regression(x, y).slope
    return slope, statistics.correlation(lengths, times) ** 2


def rule_inputs(length, heads=4, width=64):
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, length, heads, width, generator=draw) for _ in range(3))
    q, k = (torch.nn.functional.normalize(x, dim=-1) for x in (q, k))
    g = -0.1 * torch.rand(1, length, heads, generator=draw)
    return q, k, v, g, torch.rand(1, length, heads, generator=draw)


@pytest.mark.parametrize(("length", "least"), [(1024, 1.8), (4096, 2.5), (16_384, 2.5)])
def test_chunked_delta_rule_against_the_naive_chunk_function(benchmark, length, least):
    naive = pytest.importorskip("fla.ops.gated_delta_rule.naive", exc_type=ImportError)
    tensors = rule_inputs(length)

    def theirs():
        naive.naive_chunk_gated_delta_rule(*tensors)

    def ours():
        chunked(*tensors)

    benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
    ratios = list(map(truediv, *seconds((theirs, ours), 11 if length > 8000 else 41)))
    benchmark.extra_info["median_ratio"] = round(statistics.median(ratios), 2)
    assert statistics.median(ratios) >= least


def test_windows_against_a_dense_mask(benchmark):
    length, size = 8192, 64
    q, k, v = (torch.randn(1, length, 4, 64) for _ in range(3))
    frames = range(length // size)
    mask = visible(LINEAR["swa"], size, frames, frames)

    def ours():
        window_attention(q, k, v, size, LINEAR["swa"])

    benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
    dense, windowed = map(min, seconds((lambda: masked_attention(q, k, v, mask), ours), 3))
    benchmark.extra_info["ratio"] = round(dense / windowed, 1)
    assert dense / windowed >= 15


@pytest.mark.parametrize("kind", [*LINEAR, "gated", "delta-rule"])
def test_every_linear_kind_grows_linearly(benchmark, kind):
    size, lengths = 64, (1024, 2048, 4096, 8192, 16_384)
    layer = GatedDelta(128, get_config("small").video.delta, 1e-6)

    def call(length):
        if kind == "gated":
            x = torch.randn(1, length, 128)
            return lambda: layer(x)
        q, k, v, g, beta = rule_inputs(length)
        if kind == "delta-rule":
            return lambda: chunked(q, k, v, g, beta)
        return lambda: window_attention(q, k, v, size, LINEAR[kind])

    calls = [call(n) for n in lengths]
    benchmark.pedantic(calls[0], rounds=3, warmup_rounds=1)
    slope, r2 = exponent(lengths, list(map(min, seconds(calls, 5))))
    benchmark.extra_info.update(exponent=round(slope, 3), r2=round(r2, 5))
    assert slope <= 1.1


def stack_call(name, frames):
    model = VideoDiT(get_config(name).video)
    latents, context = torch.randn(1, 4, frames, 16, 16), torch.randn(1, 8, 24)
    return lambda: model(latents, torch.zeros(1), context)


def test_the_hybrid_stack_grows_linearly_and_full_attention_does_not(benchmark):
    frames = (16, 32, 64, 128)
    lengths = [64 * f for f in frames]
    hybrid = [stack_call("small", f) for f in frames]
    full = [stack_call("small-full-attention", f) for f in frames]
    benchmark.pedantic(hybrid[0], rounds=3, warmup_rounds=1)
    slope, r2 = exponent(lengths, list(map(min, seconds(hybrid, 5))))
    full_slope, _ = exponent(lengths, list(map(min, seconds(full, 2))))
    benchmark.extra_info.update(
        exponent=round(slope, 3), r2=round(r2, 5), full_exponent=round(full_slope, 3)
    )
    assert slope <= 1.1
    assert r2 >= 0.999
    assert full_slope > 1.6


def test_a_streamed_block_costs_the_same_wherever_it_stands(benchmark):
    config = replace(get_config("small").video, causality="block_causal", block=2)
    model, context = VideoDiT(config), torch.randn(1, 8, 24)
    block, times = torch.randn(1, 4, 2, 16, 16), torch.zeros(1)
    states = [start(model, 1, 16, 16)]
    for _ in range(60):
        states.append(advance(model, block, times, context, states[-1])[1])

    def at(place):
        return lambda: advance(model, block, times, context, states[place])

    benchmark.pedantic(at(60), rounds=5, warmup_rounds=1)
    early, late = map(min, seconds((at(10), at(60)), 15))
    benchmark.extra_info["late_to_early"] = round(late / early, 3)
    assert states[60].bytes() == states[10].bytes()
    assert late / early < 1.1
