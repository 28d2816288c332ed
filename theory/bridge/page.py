"""The page of an experiment: every seed, every verdict, every cost, and what it may not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.evidence import BoundCheck, Curve, DataTable, Figure, Mark
from harness.notebook import Notebook
from harness.verdicts.statements import bound_outcome
from theory.bridge.budgets import mixers as letters
from theory.bridge.claims import trained_on
from theory.bridge.evidence import Findings

TITLES = {
    "drift": "E1 closed-loop drift",
    "factorial": "E2 all pairs of pathways",
    "order": "E3a order of layers",
    "native": "E3b native against retrofit",
    "evolve": "E4 self-evolution",
}
BEARS = {
    "drift": (
        "whether memory cuts self-fed divergence where the truth needs more than the window, "
        "and only there",
        "that the released system limits its errors, or anything on cost at scale",
    ),
    "factorial": (
        "whether two kinds of block beat each kind alone at equal depth and size",
        "anything on three pathways at billions of parameters",
    ),
    "order": (
        "whether order matters at equal tokens with one fixed schedule",
        "whether more stages with schedules of their own help",
    ),
    "native": ("the cost of a late change of mixer", "the cost of a late change of data"),
    "evolve": (
        "the gain over equal fresh data, and its side effects",
        "anything on robots that learn on line",
    ),
}
"""What each experiment may say, and what it may not."""
TOY = "Toy worlds; evidence on mechanisms."
QUANTITIES = (
    "path KL",
    "forward",
    "forward inside",
    "forward outside",
    "reverse",
    "drift inside",
    "drift outside",
    "amplification",
    "entropy",
    "exact entropy",
)
COSTS = ("parameters", "at the start", "multiply-adds", "state bytes", "positions")


@dataclass(frozen=True)
class Page:
    """What is drawn of one experiment.

    Args:
        name: of the experiment.
        book: writes the drawings.
        found: what its trainings found.
        claims: its rows with claims.
    """

    name: str
    book: Notebook
    found: Findings
    claims: Sequence[BoundCheck]

    @property
    def title(self) -> str:
        """Return the title of the experiment."""
        return TITLES[self.name]

    @property
    def ends(self) -> str:
        """Return what every caption ends with: seeds, steps, parameters, and what this is."""
        recipes = [arm.recipe for arm in self.found.arms]
        steps = [recipe.steps for recipe in recipes]
        counts = [one.shape.sizes.parameters(one.shape.mixers) for one in recipes]
        seeds = f"Seeds {self.found.seeds[0]} to {self.found.seeds[-1]}"
        return f"{seeds}, {_span(steps)} steps, {_span(counts)} parameters. {TOY}"

    def points(
        self, quantity: str, *groups: str, marks: Sequence[Mark] = (), about: str = ""
    ) -> Iterator[Figure]:
        """Draw a quantity of every training, a figure per group, a column of seeds per arm."""
        for group in groups:
            known = {
                name: values
                for name in self.found.names(group)
                if (values := self.found.values(group, name, quantity))
            }
            if not known:
                continue
            means = ", ".join(f"{name} {np.mean(values):.3g}" for name, values in known.items())
            yield self.book.figure(
                f"{self.title}: {quantity} of every seed, {group}",
                f"{quantity[0].upper()}{quantity[1:]} of each training on {group}, in nats, a dot "
                f"per seed. {about}Means: {means}. {self.ends}",
                [
                    Curve(name=name, x=(place,) * len(values), y=tuple(values), style="points")
                    for place, (name, values) in enumerate(known.items(), 1)
                ],
                marks,
                x="arm",
                y=f"{quantity}, nats",
                ticks=known,
            )

    def seeds_table(self) -> DataTable:
        """Return every number per seed, so that the statistics can be redone by hand."""
        lines = []
        for arm in self.found.arms:
            for seed in self.found.seeds:
                rows = self.found.measured(arm, seed)
                values = [rows[name].value if name in rows else None for name in QUANTITIES]
                reason = next((row.reason for row in rows.values() if row.reason), "")
                lines.append((arm.group, arm.name, seed, *values, reason))
        return self.book.table(
            f"{self.title}: every seed",
            "Path KL in nats over 110 self-fed steps; all else per step. Forward is KL(truth || "
            "network) on true strings, reverse the other direction on the same; drift is "
            "reverse on the network's own strings. Inside: symbols 10 to 39, outside: 80 to "
            f"119. {self.ends}",
            ("group", "arm", "seed", *QUANTITIES, "reason"),
            lines,
        )

    def claims_table(self) -> DataTable:
        """Return every comparison with its bounds, margin and verdict."""
        lines = [
            (
                row.statement,
                row.instance,
                row.lhs,
                row.lo,
                row.hi,
                row.rhs,
                row.p,
                bound_outcome(row).value,
                row.note or row.reason,
            )
            for row in self.claims
        ]
        may, may_not = BEARS[self.name]
        return self.book.table(
            f"{self.title}: what comes out",
            "Mean difference over seeds with one-sided 95 % bounds, the margin that matters, "
            f"and p by Holm where superiority is claimed. It may say {may}; not {may_not}. "
            f"{self.ends}",
            ("claim", "comparison", "mean", "low", "high", "margin", "p", "verdict", "note"),
            lines,
        )

    def costs_table(self) -> DataTable:
        """Return what each arm costs: equal parameters are not equal work."""
        lines = []
        for arm in self.found.arms:
            shape = arm.recipe.shape
            sizes, mixers = shape.sizes, shape.mixers
            before = arm.recipe.before
            start = sizes.parameters(letters(before), shape.widths) if before else None
            lines.append(
                (
                    arm.group,
                    arm.name,
                    shape.stack,
                    sizes.parameters(mixers),
                    start,
                    sizes.work(mixers, 40),
                    sizes.state_bytes(mixers, 120),
                    trained_on(self.found, arm.group, arm.name),
                )
            )
        return self.book.table(
            f"{self.title}: what each arm costs",
            "Parameters at the end (and at the start where the mixer changes), multiply-adds "
            "per token at length 40, bytes of state at length 120, positions trained on. Equal "
            "parameters are not equal work. Memory: gated delta rule, form impl, no short "
            f"convolution, unit keys. {self.ends}",
            ("group", "arm", "stack", *COSTS),
            lines,
        )


def _span(values: Sequence[int]) -> str:
    """Write the smallest and the largest of some numbers, or the one that all are."""
    least, most = min(values), max(values)
    return f"{least:,} to {most:,}" if least < most else f"{most:,}"
