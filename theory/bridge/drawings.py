"""The figures of each experiment, with captions to quote."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from harness.evidence import Curve, DataTable, Figure, HeatMap, Mark
from harness.notebook import Notebook
from harness.protocols import Evidence
from theory.bridge.arms import Arm
from theory.bridge.budgets import tokens
from theory.bridge.comparisons import difference, interaction
from theory.bridge.drift import BIN
from theory.bridge.facts import Facts
from theory.bridge.page import Page
from theory.bridge.recipes import FEEDS, PROMPT
from theory.bridge.training import BATCH, LENGTH


def pages(page: Page, facts: Mapping[str, Facts]) -> Iterator[Evidence]:
    """Yield the drawings of one experiment: its figures first, then its tables."""
    yield from DRAWINGS[page.name](page, facts)
    yield page.claims_table()
    yield page.seeds_table()
    yield page.costs_table()


def _drift(page: Page, facts: Mapping[str, Facts]) -> Iterator[Evidence]:
    for group in page.found.groups():
        yield _drift_figure(page, group, facts[group])
        yield from page.points("path KL", group)
    yield _growth(page)


def _drift_figure(page: Page, group: str, known: Facts) -> Figure:
    curves = []
    for name in page.found.names(group):
        fed, forced = (page.found.curve(group, name, one) for one in ("drift", "reverse"))
        curves += [
            _band(f"{name} self-fed", fed),
            _band(f"{name} teacher-forced", forced, bands=False),
        ]
    means = ", ".join(
        f"{name} {np.mean(values):.3g}"
        for name in page.found.names(group)
        if (values := page.found.values(group, name, "path KL"))
    )
    return page.book.figure(
        f"{page.title}: {group}",
        f"KL(network || truth) of the next symbol on {group}, mean over {BIN} symbols: solid on "
        "strings the network feeds itself, with a band from the lowest to the highest seed, dashed "
        "on true strings. "
        f"The dotted line is the training length. Path KL over 110 steps: {means}; the best law "
        f"without memory {known.memoryless.value:.3g}. {page.ends}",
        curves,
        [Mark(axis="x", at=40.0, text="training length")],
        x="symbol",
        y="KL per step, nats",
        log_y=True,
    )


def _band(name: str, steps: Mapping[float, Sequence[float]], *, bands: bool = True) -> Curve:
    """Return the mean over seeds at each step, with the range of the seeds."""
    x = tuple(sorted(steps))
    y = tuple(float(np.mean(steps[at])) for at in x)
    if not bands:
        return Curve(name=name, x=x, y=y, style="dashed")
    lo, hi = (tuple(float(end(steps[at])) for at in x) for end in (min, max))
    return Curve(name=name, x=x, y=y, lo=lo, hi=hi)


def _growth(page: Page) -> DataTable:
    """Return the growth of drift beside the factors of N1 and N8, as far as a probe gives them."""
    lines = []
    for arm in page.found.arms:
        inside, outside, factor, beta = (
            page.found.values(arm.group, arm.name, name)
            for name in (
                "drift inside",
                "drift outside",
                "largest factor",
                "largest write strength",
            )
        )
        if inside and outside and factor and beta:
            growth = float(np.mean(outside) / np.mean(inside))
            loop = max(factor) + max(beta)
            lines.append((arm.group, arm.name, growth, max(factor), loop, loop < 1))
    return page.book.table(
        f"{page.title}: growth of drift beside the closed-loop factor",
        "Drift outside over drift inside the training length; the largest exact factor of a "
        "memory step on self-fed strings (N1); the factor of N8 for unit keys at feedback gain "
        "1. The gain from memory to the next drawn symbol is not known (drawing is not "
        "Lipschitz), so no verdict rests on this, and a factor of 1 or more says nothing. "
        f"{page.ends}",
        ("world", "stack", "growth", "largest factor", "N8 at gain 1", "informative"),
        lines,
    )


def _factorial(page: Page, facts: Mapping[str, Facts]) -> Iterator[Evidence]:
    for group in page.found.groups():
        letters = list(dict.fromkeys("".join(page.found.names(group))))
        yield _grid(page, group, letters)
    yield _interactions(page)


def _grid(page: Page, group: str, letters: Sequence[str]) -> HeatMap:
    names = page.found.names(group)

    def value(first: str, second: str) -> float | None:
        known = (
            page.found.values(group, first + second, "path KL") if first + second in names else []
        )
        return math.log10(np.mean(known)) if known else None

    return page.book.heat_map(
        f"{page.title}: {group}",
        f"Mean path KL of every trained pair of blocks on {group}, as log10 of nats; the "
        "diagonal is homogeneous. S window, D dilated window, G memory, F full attention. "
        f"{page.ends}",
        x="second block",
        y="first block",
        unit="log10 path KL",
        columns=letters,
        rows=letters,
        values=[[value(first, second) for second in letters] for first in letters],
    )


def _interactions(page: Page) -> DataTable:
    lines = []
    for group in page.found.groups():
        names = page.found.names(group)
        for name in names:
            turned, pair = name[::-1], sorted(name)
            four = (2 * name[0], name, turned, 2 * name[1])
            if name != "".join(pair) or name[0] == name[1] or not set(four) <= set(names):
                continue
            losses = [page.found.values(group, one, "path KL") for one in four]
            if all(losses):
                found = difference(interaction(*losses), 0.975)
                lines.append((group, name, found.mean, found.lo, found.hi))
    return page.book.table(
        f"{page.title}: interaction",
        "Half of log AA + log BB - log AB - log BA per seed, with two-sided 95 % intervals: "
        f"secondary, and no measure of dominance. {page.ends}",
        ("world", "pair", "mean", "low", "high"),
        lines,
    )


def _order(page: Page, facts: Mapping[str, Facts]) -> Iterator[Evidence]:
    about = (
        "Excess per step on robot strings (V videos, H human, R robot, MIX all shuffled; R alone "
        "has fewer tokens). In `same` all layers are robot strings, so that order cannot matter. "
    )
    yield from page.points("forward", *page.found.groups(), about=about)


def _native(page: Page, facts: Mapping[str, Facts]) -> Iterator[Evidence]:
    yield from page.points("path KL", "permanence")


def _evolve(page: Page, facts: Mapping[str, Facts]) -> Iterator[Evidence]:
    exact = facts["ring"].entropy.value
    for quantity in ("path KL", "forward", "entropy"):
        marks = [Mark(axis="y", at=exact, text="exact entropy")] if quantity == "entropy" else []
        yield from page.points(quantity, "ring", marks=marks)
    yield _accounts(page)


def _accounts(page: Page) -> DataTable:
    def line(arm: Arm) -> tuple[str | int, ...]:
        recipe = arm.recipe
        sizes = {"batch": BATCH, "steps": recipe.round_steps, "rounds": recipe.rounds}
        return arm.name, *tokens(FEEDS[recipe.feed], length=LENGTH, prompt=PROMPT, **sizes)

    return page.book.table(
        f"{page.title}: what each arm was given",
        f"Over all rounds, after the same base. {page.ends}",
        ("arm", "trained", "generated", "true symbols", "exact labels", "scored"),
        [line(arm) for arm in page.found.arms],
    )


DRAWINGS: Mapping[str, Callable[[Page, Mapping[str, Facts]], Iterator[Evidence]]] = {
    "drift": _drift,
    "factorial": _factorial,
    "order": _order,
    "native": _native,
    "evolve": _evolve,
}


def facts_table(book: Notebook, known: Sequence[Facts]) -> DataTable:
    """Return what is exact of the worlds."""
    lines = [
        (one.world, one.entropy.value, one.smallest, w, gap.value, gap.error, one.memoryless.value)
        for one in known
        for w, gap in one.gaps.items()
    ]
    return book.table(
        "The worlds, exactly",
        "Entropy of the next symbol, its smallest probability, what the last w symbols cannot "
        "tell (symbols 10 to 39, mean of exact divergences over 1,500 strings), and the path KL "
        "of the best law without memory. Two window blocks of 4 reach 7 symbols.",
        ("world", "entropy", "smallest", "w", "gap", "standard error", "memoryless path KL"),
        lines,
    )
