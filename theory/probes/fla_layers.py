"""Layers of flash-linear-attention as recursions, held against the layers' own forward.

A layer is built small, run in float32 on the CPU, and followed up to its kernel. The kernel needs a
GPU; in its place stands fla's own naive version, whose result is the layer's output here. What the
kernel was given is stated as transitions, writes and queries, and that recursion must reproduce the
result. Mamba-2 has a forward for the CPU, which is followed up to its norm.

Source: fla/layers and fla/ops/*/naive.py of flash-linear-attention 0.6.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import DataError
from harness.seeds import derive_seed
from harness.vision import ready_torchvision
from model.gated_delta import l2_normalise, log_decay
from theory.maths.recursion import Recursion
from theory.probes.choices import WIDTH
from theory.probes.recognition import FOREIGN, convolved

HEADS, HEAD = 4, 16
Given = Mapping[str, Any]
Parts = tuple[Tensor, Tensor, Tensor]
"""Transitions [B, T, H, d_k, d_k], writes [B, T, H, d_v, d_k] and queries [B, T, H, d_k]."""


class Reached(Exception):
    """A forward came to the place up to which it is followed; what it has there."""

    def __init__(self, found: Any) -> None:
        super().__init__("the place up to which a layer is followed")
        self.found = found


def until_reached(call: Callable[[], object]) -> Any:
    """Return what a call has where it is stopped.

    Raises:
        ValueError: it goes through to its end.
    """
    try:
        call()
    except Reached as reached:
        return reached.found
    raise ValueError("its forward does not come to the place up to which it is followed")


def outer(a: Tensor, b: Tensor) -> Tensor:
    """Return a b^T over the last axes."""
    return a[..., :, None] * b[..., None, :]


def erased(A: Tensor, u: Tensor, w: Tensor) -> Tensor:
    """Return A (I - u w^T): what is held under u is taken off along w."""
    return A - outer((A @ u[..., None])[..., 0], w)


def _naive(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"fla.ops.{module}"), function)


def _unit(given: Given, *names: str) -> list[Tensor]:
    """Return vectors, of length one where the kernel makes them so."""
    normal = l2_normalise if given.get("use_qk_l2norm_in_kernel") else (lambda u: u)
    return [normal(given[name]) for name in names]


def gla(given: Given) -> tuple[Parts, Tensor]:
    """Decay every channel, erase nothing."""
    q, k, v, g = (given[name] for name in ("q", "k", "v", "g"))
    output, _ = _naive("gla.naive:naive_recurrent_gla")(q, k, v, g)
    return (torch.diag_embed(g.exp()), outer(v, k), q * k.shape[-1] ** -0.5), output


def delta(given: Given) -> tuple[Parts, Tensor]:
    """Erase along the key, decay nothing."""
    q, k = _unit(given, "q", "k")
    v, beta = given["v"], given["beta"]
    heads_first = (u.transpose(1, 2) for u in (q, k, v, beta))
    output, _ = _naive("delta_rule.naive:delta_rule_recurrence")(*heads_first)
    along = beta[..., None] * k
    parts = erased(_identity(k), k, along), outer(v, along), q * k.shape[-1] ** -0.5
    return parts, output.transpose(1, 2)


def delta_product(given: Given) -> tuple[Parts, Tensor]:
    """Decay by one number, then erase and write several times."""
    q, k = _unit(given, "q", "k")
    v, beta, g, n = given["v"], given["beta"], given["g"], given["num_householder"]
    scale = k.shape[-1] ** -0.5
    naive = _naive("gated_delta_product.naive:naive_recurrent_gated_delta_product")
    output, _ = naive(q, k, v, g, beta, scale, num_householder=n)
    A = g.exp()[..., None, None] * _identity(q)
    W = torch.zeros_like(outer(v[:, ::n], q))
    for j in range(n):
        key, along = k[:, j::n], beta[:, j::n, :, None] * k[:, j::n]
        A, W = erased(A, key, along), erased(W, key, along) + outer(v[:, j::n], along)
    return (A, W, q * scale), output


def comba(given: Given) -> tuple[Parts, Tensor]:
    """Decay by one number, erase what is held under p along the key.

    p is the key times a number, and the kernel normalises it (chunk.py:205), so it is the key.
    """
    q, k, p = _unit(given, "q", "k", "p")
    v, beta, g = given["v"], given["beta"], given["g"]
    output, _ = _naive("comba.naive:naive_recurrent_comba")(q, k, v, p, beta, g)
    along = beta[..., None] * k
    A = erased(g.exp()[..., None, None] * _identity(k), p, along)
    return (A, outer(v, along), q * k.shape[-1] ** -0.5), output


def kda(given: Given) -> tuple[Parts, Tensor]:
    """Decay every channel, then erase along the key."""
    if given["lower_bound"] is not None:
        raise ValueError("gates with a lower bound are not followed")
    q, k = _unit(given, "q", "k")
    v, beta = given["v"], given["beta"].sigmoid() * (2.0 if given["allow_neg_eigval"] else 1.0)
    bias = given["dt_bias"].view(given["g"].shape[-2:])
    g = log_decay(given["g"], given["A_log"][:, None], bias)
    output, _ = _naive("kda.naive:naive_recurrent_kda")(q, k, v, g, beta)
    along = beta[..., None] * k
    A = erased(torch.diag_embed(g.exp()), k, along)
    return (A, outer(v, along), q * k.shape[-1] ** -0.5), output


def retention(given: Given) -> tuple[Parts, Tensor]:
    """Decay each head by a number of its own."""
    q, k, v = (given[name] for name in ("q", "k", "v"))
    output = _naive("retention.naive:naive_retention")(*(u.transpose(1, 2) for u in (q, k, v)))
    gamma = 1.0 - 2.0 ** (-5.0 - torch.arange(q.shape[2]))
    A = gamma[:, None, None] * _identity(k)
    return (A, outer(v, k), q * k.shape[-1] ** -0.5), output.transpose(1, 2)


def rwkv7(given: Given) -> tuple[Parts, Tensor]:
    """Decay every channel and take off what the undecayed memory holds under a, along b."""
    r, w, k, v, a, b = (given[name] for name in ("r", "w", "k", "v", "a", "b"))
    heads_first = (u.transpose(1, 2) for u in (r * k.shape[-1] ** 0.5, k, v, a, b, w))
    output, _ = _naive("generalized_delta_rule.dplr.naive:dplr_recurrence")(*heads_first)
    return (torch.diag_embed(w.exp()) + outer(a, b), outer(v, k), r), output.transpose(1, 2)


def mamba2(layer: Any, x: Tensor) -> tuple[Parts, Tensor]:
    """Decay by one number, write dt x under B; what bypasses the memory is taken off the output."""
    if layer.activation not in ("silu", "swish"):
        raise ValueError(f"activation {layer.activation!r} is not followed")
    layer.act = functional.silu  # fla's own is a kernel
    y = _before(layer.norm, lambda: layer(x))
    inner, groups, state = layer.intermediate_size, layer.n_groups, layer.ssm_state_size
    _, mixed, dt = layer.in_proj(x).split([inner, layer.conv_dim, layer.num_heads], dim=-1)
    mixed = layer.act(layer.conv1d(mixed.mT)[..., : x.shape[1]].mT)
    u, B, C = mixed.split([inner, groups * state, groups * state], dim=-1)
    u = u.unflatten(-1, (layer.num_heads, -1))
    repeat = (1, 1, layer.num_heads // groups, 1)
    B, C = (one.unflatten(-1, (groups, state)).repeat(repeat) for one in (B, C))
    dt = functional.softplus(dt + layer.dt_bias).clamp(*layer.dt_limit)
    A = (-layer.A_log.exp() * dt).exp()[..., None, None] * torch.eye(int(state))
    output = y.unflatten(-1, (layer.num_heads, -1)) - layer.D[:, None] * u
    return (A, outer(dt[..., None] * u, B), C), output


def _identity(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1]).expand(*like.shape[:-1], -1, -1)


@dataclass(frozen=True)
class Adapter:
    """How a layer of fla is built, and how its kernel is followed.

    Attributes:
        layer: module and class below ``fla.layers``.
        kernel: the name its forward calls; none where it needs no kernel.
        follow: from what the kernel is given to its parts and output.
        options: of the layer beside its sizes.
        plain: further names of its module and what takes their place on a CPU.
    """

    layer: str
    kernel: str
    follow: Callable[..., tuple[Parts, Tensor]]
    options: Mapping[str, Any] = field(default_factory=dict)
    plain: Mapping[str, str] = field(default_factory=dict)


SIZES = {"hidden_size": WIDTH, "num_heads": HEADS}
PLAIN_RWKV = {
    "token_shift": "fla.modules.token_shift:token_shift_ref",
    "fused_addcmul_rwkv7": "fla.ops.rwkv7.fused_addcmul:torch_addcmul_rwkv7",
    "fused_k_rwkv7": "fla.ops.rwkv7.fused_k_update:k_update_ref",
}
ADAPTERS: dict[str, Adapter] = {
    "fla-gla": Adapter("gla:GatedLinearAttention", "chunk_gla", gla, SIZES),
    "fla-deltanet": Adapter("delta_net:DeltaNet", "chunk_delta_rule", delta, SIZES),
    "fla-deltaproduct": Adapter(
        "gated_deltaproduct:GatedDeltaProduct",
        "chunk_gated_delta_product",
        delta_product,
        {**SIZES, "head_dim": HEAD, "num_householder": 2, "expand_v": 1},
    ),
    "fla-comba": Adapter(
        "comba:Comba",
        "chunk_comba",
        comba,
        {**SIZES, "head_dim": HEAD, "expand_v": 1},
    ),
    "fla-kda": Adapter(
        "kda:KimiDeltaAttention",
        "chunk_kda",
        kda,
        {**SIZES, "head_dim": HEAD},
    ),
    "fla-retnet": Adapter(
        "multiscale_retention:MultiScaleRetention",
        "chunk_retention",
        retention,
        SIZES,
    ),
    "fla-mamba2": Adapter(
        "mamba2:Mamba2",
        "",
        mamba2,
        {**SIZES, "num_heads": 8, "head_dim": HEAD, "state_size": HEAD},
    ),
    "fla-rwkv7": Adapter(
        "rwkv7:RWKV7Attention",
        "chunk_rwkv7",
        rwkv7,
        {"hidden_size": WIDTH, "head_dim": HEAD, "layer_idx": 0, "num_hidden_layers": 2},
        PLAIN_RWKV,
    ),
}
"""Layers by the name of their target (see ``choices.FOLLOWED``)."""


def build(name: str, seed: int) -> nn.Module:
    """Return a layer at default initialisation, in float32 on the CPU."""
    ready_torchvision()  # its layers import transformers
    place, _, cls = ADAPTERS[name].layer.partition(":")
    with warnings.catch_warnings(), _silent():  # of missing GPUs and of its own dependencies
        warnings.simplefilter("ignore")
        module = importlib.import_module(f"fla.layers.{place}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "probe", name))
            return getattr(module, cls)(**ADAPTERS[name].options).float()


@contextmanager
def _silent() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def followed(name: str, layer: nn.Module, x: Tensor) -> Recursion:
    """Return what a layer makes of tokens [B, T, width], as a recursion with axes [B, H, T].

    Raises:
        DataError: its forward cannot be followed here, or the recursion does not reproduce it.
    """
    adapter, where = ADAPTERS[name], f"{type(layer).__module__}.{type(layer).__qualname__}"
    try:
        with torch.no_grad():
            parts, output = _followed(adapter, layer, x)
        arrays = (u.transpose(1, 2).double().numpy() for u in (*parts, output))
        return Recursion(*arrays)
    except FOREIGN as error:
        raise DataError(
            f"{type(layer).__name__} cannot be followed as {name}: {error}".splitlines()[0],
            expected="a layer whose forward is reproduced by the recursion stated for it",
            where=where,
        ) from error


def _followed(adapter: Adapter, layer: nn.Module, x: Tensor) -> tuple[Parts, Tensor]:
    if not adapter.kernel:
        return adapter.follow(layer, x)

    def kernel(**given: Any) -> None:
        raise Reached(adapter.follow(given))

    with _replaced(adapter, layer, kernel):
        return until_reached(lambda: layer(x))


def _before(module: nn.Module, call: Callable[[], object]) -> Tensor:
    """Return the first argument that reaches a module during a call, which ends there."""

    def stop(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        raise Reached(given[0])

    hook = module.register_forward_pre_hook(stop)
    try:
        return until_reached(call)
    finally:
        hook.remove()


@contextmanager
def _replaced(adapter: Adapter, layer: nn.Module, kernel: Callable[..., None]) -> Iterator[None]:
    """Put plain functions in the place of what needs a GPU, for one forward."""
    names = importlib.import_module(type(layer).__module__).__dict__
    stand_in: dict[str, Any] = {adapter.kernel: kernel}
    short = adapter.kernel.replace("chunk", "fused_recurrent")
    if short in names and short != adapter.kernel:
        stand_in[short] = _too_short
    for name, place in adapter.plain.items():
        module, _, function = place.partition(":")
        stand_in[name] = getattr(importlib.import_module(module), function)
    if "token_shift" in stand_in:
        stand_in["token_shift"] = partial(_shifted, stand_in["token_shift"])
    own = {name: names[name] for name in stand_in}
    convolutions = [one for one in layer.modules() if type(one).__name__ == "ShortConvolution"]
    for one in convolutions:
        one.forward = partial(_short, one)
    if hasattr(layer, "rotary"):
        layer.rotary.forward = partial(_rotated, layer.rotary)  # type: ignore[union-attr]
    names.update(stand_in)
    try:
        yield
    finally:
        names.update(own)
        for one in [*convolutions, *(m for n, m in layer.named_children() if n == "rotary")]:
            del one.forward


def _too_short(*_: Any, **__: Any) -> None:
    raise ValueError("short sequences go to another kernel; take more than 64 steps")


def _short(convolution: nn.Module, x: Tensor, **_: Any) -> tuple[Tensor, None]:
    weight = convolution.weight[:, 0]  # type: ignore[index]
    return convolved(x, weight, convolution.bias, convolution.activation)  # type: ignore[arg-type]


def _shifted(shift: Callable[..., Tensor], x: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
    return shift(x), None


def _rotated(rotary: nn.Module, q: Tensor, k: Tensor, **_: Any) -> tuple[Tensor, Tensor]:
    """Rotate halves of [B, T, H, d] by position, as rotary embeddings do."""
    turns = torch.outer(torch.arange(q.shape[1]).float(), rotary.inv_freq)  # type: ignore[arg-type]
    cos, sin = turns.cos()[:, None], turns.sin()[:, None]

    def turned(u: Tensor) -> Tensor:
        a, b = u.chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)

    return turned(q), turned(k)
