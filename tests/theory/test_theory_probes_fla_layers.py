"""Layers of flash-linear-attention: each recursion reproduces its layer, a wrong one does not."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from harness.errors import DataError
from theory.probes import fla_layers
from theory.probes.fla_layers import ADAPTERS, WIDTH, build, followed

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("fla") is None, reason="flash-linear-attention is not installed"
)


def tokens() -> torch.Tensor:
    return torch.randn(1, 70, WIDTH, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_stated_recursion_reproduces_the_layers_forward(name: str) -> None:
    found = followed(name, build(name, 0), tokens())
    largest = np.abs(found.output).max()
    np.testing.assert_allclose(found.read(), found.output, atol=2e-6 * largest)
    assert found.output.std() > 0.0


@pytest.mark.parametrize("name", ["fla-deltanet", "fla-deltaproduct", "fla-comba", "fla-kda"])
def test_another_erase_than_the_layers_is_refused(name: str, monkeypatch) -> None:
    right = fla_layers.erased
    monkeypatch.setattr(fla_layers, "erased", lambda A, u, w: right(A, u, 0.9 * w))
    with pytest.raises(DataError, match="does not reproduce the output"):
        followed(name, build(name, 0), tokens())


def test_the_transitions_are_of_the_kind_that_the_layer_is_known_for() -> None:
    by_name = {name: followed(name, build(name, 0), tokens()).transition for name in ADAPTERS}
    off = {n: np.abs(A - A * np.eye(A.shape[-1])).max() for n, A in by_name.items()}
    assert off["fla-gla"] == off["fla-retnet"] == off["fla-mamba2"] == 0.0  # no erase
    spread = {
        n: np.ptp(np.diagonal(A, axis1=-2, axis2=-1), axis=-1).max() for n, A in by_name.items()
    }
    assert spread["fla-gla"] > 0.0  # per channel
    assert spread["fla-retnet"] == spread["fla-mamba2"] == 0.0
    asymmetry = {n: np.abs(A - A.swapaxes(-1, -2)).max() for n, A in by_name.items()}
    assert asymmetry["fla-rwkv7"] > 1e-3
    assert asymmetry["fla-deltanet"] < 1e-6
    assert asymmetry["fla-comba"] < 1e-6  # normalised, its inner decay changes nothing


@pytest.mark.parametrize("name", ["fla-gla", "fla-deltanet", "fla-retnet"])
def test_short_sequences_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(DataError, match="take more than 64 steps"):
        followed(name, build(name, 0), tokens()[:, :64])


def test_a_layer_without_the_kernel_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be followed as fla-gla"):
        followed("fla-gla", build("fla-mamba2", 0), tokens())
    layer = build("fla-kda", 0)
    layer.lower_bound = -5.0
    with pytest.raises(DataError, match="lower bound"):
        followed("fla-kda", layer, tokens())


def test_following_a_layer_leaves_it_and_its_module_as_they_were() -> None:
    layer = build("fla-deltanet", 0)
    module = importlib.import_module("fla.layers.delta_net")
    kernel = module.chunk_delta_rule
    followed("fla-deltanet", layer, tokens())
    assert module.chunk_delta_rule is kernel
    assert all("forward" not in vars(one) for one in layer.modules())
