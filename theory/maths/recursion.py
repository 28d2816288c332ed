"""Linear memories of any kind: S_t = S_{t-1} A_t + W_t, read out as o_t = S_t q_t.

A memory S has d_v rows and d_k columns; transitions A act from the right and need not be symmetric.
Two runs, star (ideal) and hat (learned), differ by D_t = D_{t-1} A*_t + P_t with the injection
P_t = hatS_t - (hatS_{t-1} A*_t + W*_t). With M(i:t) = A_{i+1} .. A_t the error e_t = |D_t| obeys

    e_t <= sum_i |P_i M(i:t)| <= sum_i |P_i| |M(i:t)|_2 <= products of |A|_2 <= sup |A|_2, sup |P|

Arrays are float64; leading axes are a batch, time stands before the axes of a vector or matrix.
Source: theory/README.md, N14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from theory.maths.bounds import discounted, geometric_sup
from theory.maths.delta import frobenius
from theory.maths.inputs import Floats, check_finite

TOLERANCE = 1e-4
"""Largest difference of the stated read-out to the output, relative to the largest of its sequence.

Single precision over a thousand steps stays below it.
"""
TINY = float(np.finfo(np.float64).tiny)


def transitions(decay: ArrayLike, erase: Sequence[tuple[ArrayLike, ArrayLike]] = ()) -> Floats:
    """Return diag(decay) (I - u_1 w_1^T) (I - u_2 w_2^T) .., [..., T, d_k, d_k].

    A memory first decays, then what it holds under u_1 is taken off along w_1, and so on: the
    released delta rule is ``[(k, beta * k)]``, a non-symmetric erase has other directions.

    Args:
        decay: per channel, [..., T, d_k].
        erase: pairs (u, w), [..., T, d_k] each.
    """
    decay = np.asarray(decay, np.float64)
    A = decay[..., None] * np.eye(decay.shape[-1])
    for u, w in erase:
        held = A @ np.asarray(u, np.float64)[..., None]
        A = A - held * np.asarray(w, np.float64)[..., None, :]
    return A


def writes(v: ArrayLike, k: ArrayLike) -> Floats:
    """Return v k^T at every step, [..., T, d_v, d_k]."""
    return np.asarray(v, np.float64)[..., :, None] * np.asarray(k, np.float64)[..., None, :]


@dataclass(frozen=True)
class Recursion:
    """What a layer does with its inputs, from an empty memory.

    Args:
        transition: A_t, [..., T, d_k, d_k].
        write: W_t, [..., T, d_v, d_k].
        query: q_t, [..., T, d_k].
        output: what the layer itself reads out of its memory, [..., T, d_v].

    Raises:
        ValueError: shapes disagree, a number is not finite, or the recursion does not reproduce
            the output.
    """

    transition: Floats
    write: Floats
    query: Floats
    output: Floats

    def __post_init__(self) -> None:
        for name in ("transition", "write", "query", "output"):
            array = np.asarray(getattr(self, name), np.float64)
            check_finite(name, array)
            object.__setattr__(self, name, array)
        A, W = self.transition.shape, self.write.shape
        if len(A) < 3 or len(W) != len(A) or 0 in A or A[-1] != A[-2]:
            raise ValueError(
                "recursion: expected transitions [..., T, d_k, d_k] and writes [..., T, d_v, d_k], "
                f"got {A} and {W}"
            )
        wanted = {"write": (*A[:-2], W[-2], A[-1]), "query": A[:-1], "output": W[:-1]}
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {getattr(self, name).shape}")
        self._require_reproduced()

    def _require_reproduced(self) -> None:
        largest = np.abs(self.output).max(axis=(-2, -1))[..., None]
        if not largest.max() > 0.0:
            raise ValueError("output: nothing but zeros, so no recursion can be told from it")
        gap = np.abs(self.read() - self.output).max(axis=-1)
        wrong = ~(gap <= TOLERANCE * largest)
        if wrong.any():
            first = int(np.argmax(wrong.reshape(-1, self.steps).any(axis=0)))
            off = float((gap / np.maximum(largest, TINY)).max())
            raise ValueError(
                f"the stated recursion does not reproduce the output: off by {off:.2g} of the "
                f"largest value of a sequence, first at step {first}"
            )

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return self.transition.shape[-3]

    def walk(self) -> Iterator[Floats]:
        """Yield the memories S_1 .. S_T, [..., d_v, d_k] each."""
        S = np.zeros((*self.write.shape[:-3], *self.write.shape[-2:]))
        for t in range(self.steps):
            S = S @ self.transition[..., t, :, :] + self.write[..., t, :, :]
            yield S

    def read(self) -> Floats:
        """Return S_t q_t, [..., T, d_v]."""
        read = [(S @ self.query[..., t, :, None])[..., 0] for t, S in enumerate(self.walk())]
        return np.stack(read, axis=-2)


class Run(NamedTuple):
    """A perturbed run beside the clean one, which starts equal; leading axes are runs.

    ``direction`` and ``product`` are the two sharpest bounds at the last step only, in O(T).
    """

    e: Floats  # measured error, [..., T + 1]
    injection: Floats  # |P_t|, [..., T]
    factor: Floats  # |A_t|_2, [..., T]
    cap: Floats  # largest norms of both memories together, [...]
    direction: Floats  # sum_i |P_i M(i:T)|, [...]
    product: Floats  # sum_i |P_i| |M(i:T)|_2, [...]
    exact: Floats  # products of factors, measured injections, [..., T + 1]
    uniform: Floats  # largest factor, largest injection so far, [..., T + 1]


def spectral(matrices: Floats) -> Floats:
    """Return largest singular values, [...]."""
    squares = np.swapaxes(matrices, -1, -2) @ matrices
    return np.sqrt(np.maximum(np.linalg.eigvalsh(squares)[..., -1], 0.0))


def suffixes(transition: Floats) -> Floats:
    """Return A_{t+1} .. A_T for t = 1 .. T, the last of them the identity, [..., T, d_k, d_k]."""
    M, found = np.broadcast_to(np.eye(transition.shape[-1]), transition[..., 0, :, :].shape), []
    for t in reversed(range(transition.shape[-3])):
        found.append(M)
        M = transition[..., t, :, :] @ M
    return np.stack(found[::-1], axis=-3)


def prefixes(transition: Floats) -> Floats:
    """Return A_1 .. A_t for t = 1 .. T, [..., T, d_k, d_k]."""
    M, found = np.broadcast_to(np.eye(transition.shape[-1]), transition[..., 0, :, :].shape), []
    for t in range(transition.shape[-3]):
        M = M @ transition[..., t, :, :]
        found.append(M)
    return np.stack(found, axis=-3)


@dataclass(frozen=True)
class Clean:
    """A recursion with what every perturbed run of it is held against, each computed once.

    Raises:
        ValueError: a product of transitions leaves the range of floats.
    """

    star: Recursion
    factor: Floats  # |A_t|_2, [..., T]
    suffix: Floats  # A_{t+1} .. A_T
    strength: Floats  # their norms, [..., T]

    @classmethod
    def of(cls, star: Recursion) -> Clean:
        """Measure a recursion."""
        with np.errstate(over="ignore", invalid="ignore"):
            suffix = suffixes(star.transition)
        check_finite("products of transitions", suffix)
        return cls(star, spectral(star.transition), suffix, spectral(suffix))

    def run(
        self,
        transition: Floats | None = None,
        write: Floats | None = None,
        rounded: Callable[[Floats], Floats] = lambda S: S,
    ) -> Run:
        """Return what perturbed transitions, writes or memories do.

        Args:
            transition: hat A_t; None leaves the clean ones.
            write: hat W_t; None leaves the clean ones.
            rounded: what becomes of the learned memory after each step.

        Raises:
            ValueError: a memory leaves the range of floats.
        """
        A, W = self.star.transition, self.star.write
        hat_A, hat_W = A if transition is None else transition, W if write is None else write
        S = H = np.zeros((*W.shape[:-3], *W.shape[-2:]))
        injections, errors, sizes = [], [frobenius(S)], [(frobenius(S), frobenius(H))]
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(self.star.steps):
                driven = H @ A[..., t, :, :] + W[..., t, :, :]
                S = S @ A[..., t, :, :] + W[..., t, :, :]
                H = rounded(H @ hat_A[..., t, :, :] + hat_W[..., t, :, :])
                injections.append(H - driven)
                errors.append(frobenius(H - S))
                sizes.append((frobenius(S), frobenius(H)))
        P, e = np.stack(injections, axis=-3), np.stack(errors, axis=-1)
        check_finite("memories", e)
        cap = np.stack(sizes).max(axis=0).sum(axis=0)
        size = frobenius(P)
        direction = frobenius(P @ self.suffix).sum(axis=-1)
        bounds = direction, (size * self.strength).sum(axis=-1)
        exact = discounted(self.factor, size, e[..., 0])
        uniform = geometric_sup(self.factor.max(axis=-1), size, e[..., 0])
        return Run(e, size, self.factor, cap, *bounds, exact, uniform)


def halved_after(norms: Floats) -> Floats:
    """Return the first step at which norms [..., T] are at most half; T + 1 if never."""
    below = norms <= 0.5
    return np.where(below.any(axis=-1), below.argmax(axis=-1) + 1, norms.shape[-1] + 1)
