"""The experiment behind ``bound probe``: everything measured on one target, as rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harness.evidence import DataTable, Hypothesis, Measurement
from harness.keys import content_key
from harness.protocols import Evidence, Scalar
from theory.probes import checks, drawings, ledger
from theory.probes.decoder import Constants, angles, constants, read_out
from theory.probes.drawings import Page
from theory.probes.fading import Clock, Lives, gate_lives, lyapunov, mean_square_lives, write_lives
from theory.probes.gates import Gates
from theory.probes.perturb import WORDS, Channel, Response, perturb, respond
from theory.probes.rounding import chunk_error, respond_rounding
from theory.probes.steps import Steps, initial_quantile, quantiles, shares, steps_of
from theory.probes.targets import Case, Size, Target, get_target

VERSION = 1
SIZES = (1e-4, 1e-3, 1e-2, 1e-1)
SHOWN: tuple[Channel, ...] = ("alpha", "beta", "v", "k", "all")
FIGURE_SIZE = 1e-2
WIDE = 64
"""Key width from which only a few runs are perturbed and no products are formed."""


class Probe:
    """The paper's assumptions on the memory layers of one target, and every bound on their error.

    Args:
        target: a name of ``targets.TARGETS`` or the path of a checkpoint.
        seed: of inputs, weights and perturbations.
        sequences: independent inputs.
        frames: latent frames of each.
        side: latent rows and columns.
        fps: frames of video per second, for half-lives in seconds.
    """

    def __init__(
        self, target: str, seed: int = 0, sequences: int = 4, frames: int = 6, side: int = 8,
        fps: float = 16.0,
    ) -> None:  # fmt: skip
        self.size, self.seed, self.fps, self.target = (
            Size(sequences, frames, side), seed, fps, target
        )  # fmt: skip
        self.name = f"theory/probe/{Path(target).name}"
        self.title = f"Probe of {Path(target).name}"
        self.settings: dict[str, Scalar] = {
            "version": VERSION, "target": target, "seed": seed, "sequences": sequences,
            "frames": frames, "side": side, "fps": fps,
        }  # fmt: skip

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield every row about the target; rows already known are not yielded again.

        Raises:
            UserError: the target is unknown, not installed, broken, or has no memory.
        """
        for row in self._rows(get_target(self.target, self.seed, self.size)):
            if row.key not in known:
                yield row

    def key(self, *parts: str) -> str:
        """Return the key of a row."""
        return content_key("theory.probe", self.settings, *parts)

    def _rows(self, target: Target) -> Iterator[Evidence]:
        found = [self._decoder(case) for case in target.cases]
        facts = ledger.Facts(
            {case.name: case.gates for case in target.cases},
            target.repeated,
            target.causal,
            [one[0] for one in found if one is not None],
            target.clock,
        )
        hypotheses = ledger.measure(facts)
        title = f"Assumptions on the {target.title}"
        yield ledger.table(hypotheses, self.key("ledger"), self.name, title)
        if target.reach is not None:
            page = Page(self.key("reach"), self.name, target.title)
            yield drawings.reach_table(page, target.reach)
        for case, one in zip(target.cases, found, strict=True):
            yield from self._case(target, case, one, hypotheses)

    def _decoder(self, case: Case) -> tuple[Constants, Tensor] | None:
        """Return the constants of a layer's read-out, and the angles by which readings turn.

        Both on the first sequence, with all channels perturbed.
        """
        if case.layer is None or case.x is None:
            return None
        gates = case.gates.part(1, range(case.gates.shape[2]))
        clean, moved = (torch.from_numpy(one.read()) for one in (gates, self._moved(gates)))
        readout = read_out(case.layer, case.x[:1].float(), torch.from_numpy(gates.q))
        found = constants(readout, clean.flatten(0, 1), moved.flatten(0, 1))
        return found, angles(clean, moved)

    def _moved(self, gates: Gates) -> Gates:
        """Return the gates with all channels perturbed."""
        rng = np.random.default_rng(self.seed)
        hat = perturb(gates.inputs(), "all", FIGURE_SIZE, rng, beta_max=gates.beta_max)
        alpha, beta, v, k = (np.swapaxes(a, 1, 2) for a in (hat.alpha, hat.beta, hat.v, hat.k))
        return Gates(alpha, beta, k, v, gates.q, gates.raw_key_norm_sq, gates.form,
                     gates.beta_max, gates.dtype, gates.ones)  # fmt: skip

    def _case(
        self,
        target: Target,
        case: Case,
        found: tuple[Constants, Tensor] | None,
        hypotheses: list[Hypothesis],
    ) -> Iterator[Evidence]:
        steps = steps_of(case.gates)
        what = f"{target.name} {case.name}"
        yield self._table(case, steps, what)
        yield from self._shares(case, steps)
        yield from checks.factor_checks(steps, hypotheses, self.name, self.key(case.name), what)
        yield drawings.tightness_map(self._page(case, "map", what), steps, case.gates.d_k)
        yield from self._fading(target, case, what)
        if found is not None:
            yield from self._read_out(case, *found)
        yield from self._perturbed(case, hypotheses, what)

    def _page(self, case: Case, part: str, title: str) -> Page:
        return Page(self.key(case.name, part), self.name, title)

    def _table(self, case: Case, steps: Steps, what: str) -> DataTable:
        gates = case.gates
        numbers = [*steps.numbers(), ("raw squared key norm", gates.raw_key_norm_sq)]
        rows = tuple((name, *quantiles(array)) for name, array in numbers)
        return DataTable(
            key=self.key(case.name, "steps"),
            experiment=self.name,
            section=drawings.SECTION,
            title=f"Every step of {what}",
            caption=f"Quantiles over {steps.alpha.size} steps of {gates.shape[0]} sequences and "
            f"{gates.shape[2]} heads, form {gates.form}. {gates.ones} decays round to 1 in "
            f"{gates.dtype}. rho_naive puts the gates into the paper's formula, rho_mapped "
            "translates the update first; exact is the smallest factor that bounds a step.",
            columns=("quantity", "minimum", "lower quartile", "median", "upper quartile",
                     "maximum"),
            rows=rows,
        )  # fmt: skip

    def _measured(
        self, case: Case, quantity: str, value: float | None, *, lo: float | None = None,
        hi: float | None = None, unit: str = "1", n: int = 1, reason: str = "",
        x: float | None = None, **labels: Scalar,
    ) -> Measurement:  # fmt: skip
        return Measurement(
            key=self.key(case.name, quantity, *map(str, labels.values()), str(x)),
            experiment=self.name,
            quantity=quantity,
            series=case.name,
            x=x,
            value=value,
            lo=lo,
            hi=hi,
            unit=unit,
            n=n,
            labels=dict(labels),
            reason=reason,
        )

    def _shares(self, case: Case, steps: Steps) -> Iterator[Measurement]:
        for share in shares(steps, self.seed):
            yield self._measured(
                case, "share of steps", share.value, lo=share.interval.lo, hi=share.interval.hi,
                n=case.gates.shape[0], reason=share.interval.reason, condition=share.name,
            )  # fmt: skip
        yield self._measured(case, "largest alpha", float(steps.alpha.max()),
                             n=steps.alpha.size, ones=case.gates.ones)  # fmt: skip

    def _fading(self, target: Target, case: Case, what: str) -> Iterator[Evidence]:
        inputs, form = case.gates.inputs(), case.gates.form
        few = self._runs(case.gates).inputs()
        lives = {
            "gates": gate_lives(inputs),
            "mean square": mean_square_lives(few, form),
            "written association": write_lives(inputs, form),
        }
        page = self._page(case, "half-life", what)
        yield drawings.half_life_figure(page, lives, self._clock(target.clock))
        for definition, one in lives.items():
            yield from self._half_lives(target, case, definition, one)
        yield self._measured(case, "half-life at default initialisation", initial_quantile(0.5),
                             unit="scan steps", share=0.5)  # fmt: skip
        rates = lyapunov(few, form)
        finite = bool(np.all(np.isfinite(rates)))
        yield self._measured(
            case, "Lyapunov exponent", float(rates.mean()) if finite else None, n=rates.size,
            unit="1 / scan step", reason="" if finite else "a memory is erased whole",
        )  # fmt: skip

    def _clock(self, clock: Clock | None) -> Clock | None:
        return None if clock is None else Clock(clock.tokens_per_frame, self.fps, clock.stride)

    def _half_lives(
        self, target: Target, case: Case, definition: str, lives: Lives
    ) -> Iterator[Measurement]:
        clock = self._clock(target.clock)
        hidden = f"censored: {1.0 - lives.seen.mean():.1%} of half-lives outlast the sequence"
        for share in (0.25, 0.5, 0.75):
            tokens = lives.quantile(share)
            units = {"scan steps": None if tokens is None else float(tokens)}
            if clock is not None:
                units["latent frames"] = None if tokens is None else clock.frames(tokens)
                units["s"] = None if tokens is None else clock.seconds(tokens)
            for unit, value in units.items():
                yield self._measured(
                    case, "half-life", value, unit=unit, n=lives.steps.size,
                    reason=hidden if value is None else "",
                    definition=definition, share=share, counted=unit,
                )  # fmt: skip

    def _read_out(self, case: Case, found: Constants, turned: Tensor) -> Iterator[Measurement]:
        sides = {
            "upper, everywhere": found.upper_global,
            "upper, readings as large as observed": found.upper_observed,
            "lower": found.lower,
            "lower, along segments": found.local,
        }
        for side, value in sides.items():
            yield self._measured(case, "Lipschitz constant of the read-out", value, side=side,
                                 reason="" if value is not None else "none exists")  # fmt: skip
        yield self._measured(
            case, "angle of the reading", float(turned.median()), lo=float(turned.min()),
            hi=float(turned.max()), unit="rad", n=turned.numel(), size=FIGURE_SIZE,
        )  # fmt: skip

    def _perturbed(self, case: Case, hypotheses: list[Hypothesis], what: str) -> Iterator[Evidence]:
        gates = self._runs(case.gates)
        head = int(np.argmax(np.log(np.maximum(gates.alpha, 1e-300)).sum(axis=(0, 1))))
        responses = [*self._injected(gates), *self._natural(gates)]
        for response in responses:
            key = self.key(case.name, response.name)
            yield from checks.ladder_checks(response, hypotheses, self.name, key, what)
            page = self._page(case, f"ladder {response.name}", what)
            yield drawings.ladder_figure(page, response, head)
        yield from self._sizes(case, gates, what)
        by_name = {response.name: response for response in responses}
        mean_alpha = np.exp(np.log(np.maximum(gates.alpha, 1e-300)).mean(axis=1)).ravel()
        if np.all(mean_alpha < 1.0):
            page = self._page(case, "memory length", what)
            yield drawings.memory_figure(page, mean_alpha, by_name[WORDS["v"]])
        if np.all(gates.alpha > 0.0):
            gap = chunk_error(gates)
            yield self._measured(case, "chunked float32 against float64 steps", float(gap.max()),
                                 n=gap.size)  # fmt: skip

    def _runs(self, gates: Gates) -> Gates:
        """Return what is perturbed: everything, or of a wide layer two heads of two sequences."""
        if gates.d_k <= WIDE:
            return gates
        decays = np.log(np.maximum(gates.alpha, 1e-300)).sum(axis=(0, 1))
        order = np.argsort(decays)
        return gates.part(2, [int(order[-1]), int(order[len(order) // 2])])

    def _injected(self, gates: Gates) -> Iterator[Response]:
        start, inputs, form = gates.start(), gates.inputs(), gates.form
        narrow = gates.d_k <= WIDE
        for channel in SHOWN:
            yield respond(start, inputs, form, channel, FIGURE_SIZE, self.seed,
                          beta_max=gates.beta_max, paths=narrow)  # fmt: skip
        for when in ("one", "start"):
            yield respond(start, inputs, form, "all", FIGURE_SIZE, self.seed, when=when,
                          beta_max=gates.beta_max, paths=False)  # fmt: skip

    def _natural(self, gates: Gates) -> Sequence[Response]:
        start, inputs, form = gates.start(), gates.inputs(), gates.form
        half, small = (respond_rounding(start, inputs, form, p) for p in ("bfloat16", "float16"))
        return [*half, small[0]]

    def _sizes(self, case: Case, gates: Gates, what: str) -> Iterator[Evidence]:
        errors: dict[str, list[float]] = {}
        start, inputs = gates.start(), gates.inputs()
        for channel in SHOWN:
            for size in SIZES:
                response = respond(start, inputs, gates.form, channel, size, self.seed,
                                   beta_max=gates.beta_max, paths=False)  # fmt: skip
                last = response.ladder.e[..., -1]
                errors.setdefault(WORDS[channel], []).append(math.sqrt(float(np.mean(last**2))))
        yield drawings.size_figure(self._page(case, "sizes", what), SIZES, errors)
        for channel, values in errors.items():
            for size, value in zip(SIZES, values, strict=True):
                yield self._measured(case, "final memory error", value, x=size, channel=channel,
                                     n=gates.alpha.shape[0] * gates.alpha.shape[2])  # fmt: skip
