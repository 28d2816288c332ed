"""Every bound held against a perturbed memory of a real layer, one row per bound."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from harness.evidence import BoundCheck, Hypothesis
from theory.probes.drawings import BOUNDS, number
from theory.probes.perturb import ROUNDING, Response
from theory.probes.steps import Steps, quantiles

BINDING = {
    "direction": ("N5", ()),
    "sharp": ("N4", ()),
    "product": ("N5", ()),
    "exact_measured": ("N1", ()),
    "exact_xi": ("N3", ("A7", "A10", "A11")),
    "paper_discounted": ("S7", ("A7", "A10", "A11", "A13", "A14")),
    "paper_sup": ("S7", ("A7", "A9", "A10", "A11", "A13", "A14")),
}
"""Rung -> the statement it belongs to, and the assumptions of the ledger that it needs."""
TOLERANCE = 1e-9


class Sides(NamedTuple):
    """Both sides of a bound at one step of one run."""

    run: int
    step: int
    lhs: float
    rhs: float


def sides(response: Response, rung: str) -> Sides | None:
    """Return where a bound is broken worst, else its tightest run at the last step.

    An error below the rounding of the memories it is the difference of is no error; None where
    nothing else moved.
    """
    ladder = response.ladder
    steps = ladder.e.shape[-1]
    e, bound = (np.reshape(getattr(ladder, name), (-1, steps)) for name in ("e", rung))
    real = e > ROUNDING * np.reshape(ladder.cap, (-1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(real, e / bound, -1.0)
    broken = ratio > 1.0 + TOLERANCE * steps
    if not np.any(broken):
        ratio[:, :-1] = np.where(real[:, -1:].any(), -1.0, ratio[:, :-1])
    run, step = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    if ratio[run, step] < 0.0:
        return None
    return Sides(int(run), int(step), float(e[run, step]), float(bound[run, step]))


def ladder_checks(
    response: Response, ledger: Sequence[Hypothesis], experiment: str, key: str, what: str
) -> Iterator[BoundCheck]:
    """Yield one row per rung: the last step of its tightest run, or where it is broken.

    The paper's bounds carry the hypotheses that the ledger found; rungs that are identities and
    norms alone have none.
    """
    standing = {hypothesis.id: hypothesis for hypothesis in ledger}
    for rung, (statement, needs) in BINDING.items():
        if getattr(response.ladder, rung) is None:
            continue
        found = sides(response, rung)
        ratios = np.clip(response.ratios(rung), 0.0, 1.0 + 1e-6)
        blind = response.blind_from(rung)
        spoken = sum(first is None for first in blind)
        yield BoundCheck(
            key=f"{key}/{rung}",
            experiment=experiment,
            statement=statement,
            instance=f"{BOUNDS[rung]} bound on {what}, {response.name} perturbed",
            relation="<=",
            lhs=None if found is None else found.lhs,
            rhs=None if found is None else number(found.rhs),
            tolerance=TOLERANCE * response.ladder.e.shape[-1],
            hypotheses=tuple(standing[name] for name in needs),
            ratio=float(np.median(ratios)) if ratios.size else None,
            spread=quantiles(ratios) if ratios.size else (),
            informative=spoken == len(blind),
            n=len(blind),
            witness="" if found is None else json.dumps(found._asdict()),
            note=f"below the trivial cap throughout in {spoken} of {len(blind)} runs"
            + _first(blind),
            reason="nothing moved and the bound says so" if found is None else "",
        )


def _first(blind: Sequence[int | None]) -> str:
    """Say when the bound stops saying anything, in the median of the runs in which it does."""
    known = [first for first in blind if first is not None]
    return f"; in the others from step {int(np.median(known))} on" if known else ""


def factor_checks(
    steps: Steps, ledger: Sequence[Hypothesis], experiment: str, key: str, what: str
) -> Iterator[BoundCheck]:
    """Yield Lemma 3 on the layer: the exact factor against the paper's, and contraction itself."""
    standing = {hypothesis.id: hypothesis for hypothesis in ledger}
    ratio = (steps.exact / np.where(steps.rho_mapped > 0.0, steps.rho_mapped, 1.0)).ravel()
    at = int(np.argmax(ratio))
    yield BoundCheck(
        key=f"{key}/factor",
        experiment=experiment,
        statement="S5",
        instance=f"exact one-step factor of {what} against the paper's, {ratio.size} steps",
        relation="<=",
        lhs=float(steps.exact.ravel()[at]),
        rhs=float(steps.rho_mapped.ravel()[at]),
        ratio=float(np.median(ratio)),
        spread=quantiles(ratio),
        n=ratio.size,
        witness=json.dumps({"step": at}),
        note="the inequality needs no hypothesis; that rho is below 1 is another matter",
    )
    yield BoundCheck(
        key=f"{key}/contraction",
        experiment=experiment,
        statement="S5",
        instance=f"contraction of every step of {what} as Lemma 3 states it",
        relation="<=",
        lhs=float(steps.exact.max()),
        rhs=1.0,
        hypotheses=tuple(standing[name] for name in ("A7", "A8", "A13")),
        n=ratio.size,
        note=f"printed hypothesis at {steps.printed.mean():.1%} of the steps, "
        f"largest exact factor {steps.exact.max():.6g}",
    )
