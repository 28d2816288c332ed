"""What trainings tell together: figures and tables from their rows, with captions to quote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np

from harness.evidence import Curve, DataTable, Figure, Mark, Measurement
from harness.protocols import Evidence
from harness.stats.intervals import t_mean
from theory.attribution import (
    Coalition,
    coalitions,
    dividends,
    shapley,
    shapley_half_widths,
    synergy,
)
from theory.trials_rows import CURVE, EXCESS, EXPLAINED, LEVEL, RECOVERED, RESET, RISK

SECTION = "theory"
SHAPLEY, INTERACTION, SYNERGY = "Shapley value", "interaction", "synergy"
LONGEST = 40
"""Largest window of a drawn risk curve."""


@dataclass(frozen=True)
class Story:
    """The rows of one experiment and where what is made of them belongs.

    Args:
        problem: name of the problem.
        experiment: name of the experiment.
        key: turns a place into the key of a row.
        shown: networks drawn in the figures that compare trainings.
        exact: the exact risk R_w at each window from 0 on.
        floors: by the window of the blocks below a memory, the exact risk of what is left where
            the memory is emptied at each position from 0 on.
        rows: the measurements, training by training.
    """

    problem: str
    experiment: str
    key: Callable[..., str]
    shown: Sequence[str]
    exact: Sequence[float]
    floors: dict[int, tuple[float, ...]]
    rows: list[Measurement]

    def trainings(self, *, shown: bool = True) -> list[list[Measurement]]:
        """Return the rows of each training, with those of subsets only on demand."""
        grouped: dict[object, list[Measurement]] = {}
        for row in self.rows:
            if not shown or row.labels.get("arm") in self.shown:
                grouped.setdefault(row.labels["training"], []).append(row)
        return list(grouped.values())

    def name(self, row: Measurement) -> str:
        """Return the name of a training among those of this story."""
        several = len({one.labels["seed"] for one in self.rows}) > 1
        return f"{row.series}, seed {row.labels['seed']}" if several else row.series

    def figure(self, place: str, **parts: object) -> Figure:
        """Return a figure of this story."""
        return Figure(key=self.key(place), experiment=self.experiment, section=SECTION,
                      **parts)  # type: ignore[arg-type]  # fmt: skip


def drawings(story: Story) -> Iterator[Figure | DataTable]:
    """Yield what the rows of a story allow to draw."""
    yield risk_table(story)
    makers = (learning_figure, gap_figure, reset_figure)
    yield from (drawn for make in makers if (drawn := make(story)) is not None)


def learning_figure(story: Story) -> Figure | None:
    """Draw the held-out risk over the steps, with the exact risks as lines."""
    curves = [
        _curve(story.name(rows[0]), of(rows, CURVE))
        for rows in story.trainings()
        if of(rows, CURVE)
    ]
    if not curves:
        return None
    labels = [rows[0].labels for rows in story.trainings()]
    at: dict[float, list[int]] = {}
    for w, risk in sorted({(int(str(one["window"])), float(str(one["R_w"]))) for one in labels}):
        at.setdefault(risk, []).append(w)
    marks = {float(str(labels[0]["R_full"])): "R_full"}
    marks |= {risk: f"R_w, w = {' and '.join(map(str, ws))}" for risk, ws in at.items()}
    return story.figure(
        "learning",
        title=f"Learning curves on {story.problem}",
        caption=f"Held-out risk of small networks while they learn {story.problem}, {LEVEL:.0%} "
        "intervals over fresh sequences. Dotted: the exact risks of the whole history and of the "
        f"windows that windowed blocks reach. {_endings(story)}",
        x_label="optimiser steps",
        y_label="risk",
        curves=tuple(curves),
        marks=tuple(Mark(axis="y", at=risk, text=text) for risk, text in marks.items()),
    )


def _endings(story: Story) -> str:
    sentences = []
    for rows in story.trainings():
        risk, share = of(rows, RISK), of(rows, RECOVERED)
        if not risk or not share or risk[0].value is None:
            sentences.append(f"{story.name(rows[0])}: {_reason(rows)}.")
            continue
        text = f"{story.name(rows[0])} ends at {risk[0].value:.4f}"
        if share[0].value is not None:
            certain = share[0].lo is not None and share[0].lo > 0
            part = f"{share[0].value:.1%}" if certain else "nothing (beyond chance)"
            text += f" and recovers {part} of the gap to w = {risk[0].labels['window']}"
        sentences.append(f"{text}.")
    return " ".join(sentences)


def gap_figure(story: Story) -> Figure | None:
    """Draw the exact risk over the window, and each trained network where its window ends."""
    found = [(rows, of(rows, RISK)[0]) for rows in story.trainings() if of(rows, RISK)]
    if not found:
        return None
    windows = range(min(len(story.exact), LONGEST + 1))
    exact = Curve(name="exact R_w", x=tuple(map(float, windows)),
                  y=tuple(story.exact[w] for w in windows))  # fmt: skip
    points = [
        Curve(name=story.name(row), x=(float(str(row.labels["window"])),), y=(row.value,),
              lo=(row.lo,), hi=(row.hi,), style="points")
        for _, row in found
    ]  # fmt: skip
    ends = sorted({int(str(row.labels["window"])) for _, row in found})
    below = [
        story.name(row) for _, row in found
        if row.hi is not None and row.hi < float(str(row.labels["R_w"]))
    ]  # fmt: skip
    verdict = f"Below the curve: {', '.join(below)}." if below else "None lies below the curve."
    return story.figure(
        "gap",
        title=f"Trained risks on the gap curve of {story.problem}",
        caption=f"Exact risk of the best predictor from a window of w steps of {story.problem}, "
        "and the risk of each trained network at the window that its windowed blocks reach "
        "(computed from the stack). What lies below the curve remembers more than its window. "
        f"{verdict}",
        x_label="window w",
        y_label="risk",
        curves=(exact, *points),
        marks=(
            Mark(axis="y", at=float(str(found[0][1].labels["R_full"])), text="R_full"),
            *(Mark(axis="x", at=float(w), text=f"effective window {w}") for w in ends),
        ),
    )


def reset_figure(story: Story) -> Figure | None:
    """Draw the risk of memories that are emptied on the way, over the position."""
    trainings = [(rows[0], of(rows, RESET)) for rows in story.trainings() if of(rows, RESET)]
    if not trainings:
        return None
    curves = [_curve(story.name(first), found, "points") for first, found in trainings]
    lines = [
        Curve(name=f"exact R_w, blocks below reach {window}", style="dashed", y=floors,
              x=tuple(map(float, range(len(floors)))))
        for window, floors in story.floors.items()
    ]  # fmt: skip
    last = trainings[0][1][-1]
    return story.figure(
        "resets",
        title=f"Emptied memories on {story.problem}",
        caption="Risk after every memory is emptied at a position of the sequence, against the "
        "exact risk of what is then left to read: the positions since, and what the blocks below "
        "the memory reach before them. Below its line a point can lie by chance only. Emptied at "
        f"position {last.x:.0f}, {story.name(trainings[0][0])} falls back to {last.value:.4f} "
        f"(exact {float(str(last.labels['exact'])):.4f}).",
        x_label="position at which the memory is emptied",
        y_label="risk",
        curves=(*curves, *lines),
    )


def risk_table(story: Story) -> DataTable:
    """Return one line per training."""
    lines = []
    for rows in story.trainings(shown=False):
        labels = rows[0].labels
        values = [found[0] if (found := of(rows, name)) else None
                  for name in (RISK, EXCESS, RECOVERED)]  # fmt: skip
        risk, excess, share = (None if one is None else one.value for one in values)
        low, high = (None, None) if values[0] is None else (values[0].lo, values[0].hi)
        lines.append((
            rows[0].series, labels["seed"], labels["window"], labels["R_full"], labels["R_w"],
            risk, low, high, excess, share, _reason(rows),
        ))  # fmt: skip
    return DataTable(
        key=story.key("table"),
        experiment=story.experiment,
        section=SECTION,
        title=f"Networks trained on {story.problem}",
        caption=f"Risk on fresh sequences with its {LEVEL:.0%} interval, its excess over R_full "
        "(mean squared distance to the Bayes prediction), and the share of the gap R_w - R_full "
        "that is recovered, w being the smallest window that holds what the windowed blocks reach. "
        "A failure to recover shows nothing about what such a network could represent.",
        columns=("network", "seed", "window", "R_full", "R_w", "risk", "low", "high", "excess",
                 "recovered", "reason"),
        rows=tuple(lines),
    )  # fmt: skip


def _reason(rows: Sequence[Measurement]) -> str:
    """Say why a training or its recovery has no value."""
    return next((row.reason for row in rows if row.reason), "")


def attribution_rows(story: Story, players: Sequence[str]) -> list[Evidence]:
    """Return what each pathway earned, once per range of write strengths.

    The value of a subset is the share of the explainable variance that a network of just these
    pathways explains, ``(var Y - risk) / (var Y - R_full)``, nobody explaining nothing.
    """
    ranges = sorted({float(str(row.labels["beta_max"])) for row in story.rows})
    return [row for beta_max in ranges for row in _attribution(story, players, beta_max)]


def _attribution(story: Story, players: Sequence[str], beta_max: float) -> Iterator[Evidence]:
    rows = {
        group: [
            row for row in story.rows
            if row.quantity == EXPLAINED and row.labels["beta_max"] == beta_max
            and frozenset(str(row.labels["stack"]).split("+")) == group
            and str(row.labels["stack"]).count("+") == len(group) - 1
        ]
        for group in coalitions(players)
    }  # fmt: skip
    lacking = next(
        (row.reason for found in rows.values() for row in found if row.value is None), ""
    )
    if lacking:
        yield _earned(story, SYNERGY, "all pathways", beta_max, None, reason=lacking)
        return
    game = {group: fmean(row.value or 0.0 for row in found) for group, found in rows.items()}
    widths = {group: _half_width(found) for group, found in rows.items()}
    values, spread = shapley(game, players), shapley_half_widths(widths, players)
    parts = dividends(game, players)
    for player in players:
        yield _earned(story, SHAPLEY, player, beta_max, values[player], spread[player])
    for group, value in parts.items():
        if len(group) > 1:
            yield _earned(story, INTERACTION, _joined(group, players), beta_max, value)
    yield _earned(story, SYNERGY, "all pathways", beta_max, synergy(game, players))
    yield _coalition_table(story, players, beta_max, rows, game, widths, parts)
    yield _attribution_figure(story, players, beta_max, game, values)


def _earned(
    story: Story, quantity: str, series: str, beta_max: float, value: float | None,
    half: float | None = None, reason: str = "",
) -> Measurement:  # fmt: skip
    lo, hi = (None, None) if half is None or value is None else (value - half, value + half)
    return Measurement(
        key=story.key(quantity, series, beta_max), experiment=story.experiment, quantity=quantity,
        series=series, value=value, lo=lo, hi=hi, labels={"beta_max": beta_max}, reason=reason,
    )  # fmt: skip


def _half_width(rows: Sequence[Measurement]) -> float:
    """Return the half width over seeds (Student), or over sequences where there is one seed."""
    over_seeds = t_mean(np.array([row.value for row in rows]), LEVEL) if len(rows) > 1 else None
    if over_seeds is not None and over_seeds.lo is not None and over_seeds.hi is not None:
        return (over_seeds.hi - over_seeds.lo) / 2
    return max(((row.hi or 0.0) - (row.lo or 0.0)) / 2 for row in rows)


def _coalition_table(
    story: Story, players: Sequence[str], beta_max: float,
    rows: dict[Coalition, list[Measurement]], game: dict[Coalition, float],
    widths: dict[Coalition, float], parts: dict[Coalition, float],
) -> DataTable:  # fmt: skip
    lines = []
    for group, found in rows.items():
        labels = found[0].labels
        var_Y, R_w, R_full = (float(str(labels[name])) for name in ("var_Y", "R_w", "R_full"))
        most = 1.0 if "GLA" in group else (var_Y - R_w) / (var_Y - R_full)
        lines.append((_joined(group, players), game[group], widths[group], most, parts[group]))
    return DataTable(
        key=story.key("coalitions", beta_max),
        experiment=story.experiment,
        section=SECTION,
        title=f"What each subset of the pathways explains of {story.problem}",
        caption="Share of the explainable variance that a network of just these pathways explains, "
        "with the half width of its interval; the most that its window allows; and what the "
        "subset adds beyond all its parts (Harsanyi dividend): positive is synergy, negative "
        "redundancy. The dividends sum to the share of all pathways.",
        columns=("pathways", "explained", "half width", "most possible", "added beyond parts"),
        rows=tuple(lines),
    )


def _attribution_figure(
    story: Story, players: Sequence[str], beta_max: float, game: dict[Coalition, float],
    values: dict[str, float],
) -> Figure:  # fmt: skip
    everyone = frozenset(players)
    bars = [
        Curve(name=player, x=(4.0 * i, 4.0 * i + 1, 4.0 * i + 2), style="bars",
              y=(game[frozenset([player])], values[player],
                 game[everyone] - game[everyone - {player}]))
        for i, player in enumerate(players)
    ]  # fmt: skip
    more = synergy(game, players)
    alone = sum(game[frozenset([player])] for player in players)
    shares = ", ".join(f"{player} {values[player]:.3f}" for player in players)
    sign, kind = ("more", "synergy") if more > 0 else ("less", "redundancy")
    return story.figure(
        f"attribution {beta_max:g}",
        title=f"What each pathway earns on {story.problem}",
        caption=f"Share of the explainable variance of {story.problem}: of each pathway trained "
        "alone, its Shapley value over all seven subsets, and what it adds last. Shapley values: "
        f"{shares}; they sum to the {game[everyone]:.3f} of all pathways together, which is "
        f"{abs(more):.3f} {sign} than the {alone:.3f} that they explain one by one ({kind}). "
        "Networks of more pathways are deeper.",
        x_label="per pathway: alone, Shapley value, added last",
        y_label="share explained",
        curves=tuple(bars),
        marks=(Mark(axis="y", at=game[everyone], text="all pathways"),),
    )


def of(rows: Sequence[Measurement], quantity: str) -> list[Measurement]:
    """Return the rows of one quantity, in the order of x."""
    return sorted((row for row in rows if row.quantity == quantity), key=lambda row: row.x or 0.0)


def _curve(
    name: str, rows: Sequence[Measurement], style: Literal["line", "points"] = "line"
) -> Curve:
    return Curve(
        name=name, x=tuple(float(row.x or 0) for row in rows), y=tuple(row.value for row in rows),
        lo=tuple(row.lo for row in rows), hi=tuple(row.hi for row in rows), style=style,
    )  # fmt: skip


def _joined(group: Coalition, players: Sequence[str]) -> str:
    return "+".join(player for player in players if player in group)
