"""Small deterministic drawings: a stacked bar of verdicts and a forest plot of intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.text import number
from reports.views.ledger import Tally
from reports.views.measured import CellView, TableView

BAR_WIDTH, BAR_HEIGHT = 640, 14
WIDTH, LEFT, RIGHT, ROW = 420, 132, 352, 26
_LABEL = 20  # characters of a row label


@dataclass(frozen=True)
class Mark:
    """One row of a forest plot."""

    label: str
    value: float
    lo: float
    hi: float
    text: str
    published: tuple[tuple[float, float], ...]  # value, half a printed unit


def tag(name: str, text: str = "", **attributes: object) -> Markup:
    """Return one element; attribute values and text are escaped."""
    inner = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), inner, text)  # noqa: S704


def stacked_bar(tally: Tally) -> Markup:
    """Draw the outcomes of one kind of claim as one bar."""
    x, parts = 0.0, Markup("")
    for outcome, level, count in tally.parts:
        width = BAR_WIDTH * count / tally.total
        title = tag("title", f"{count} {outcome}")
        parts += tag("rect", title, x=f"{x:.2f}", y=0, width=f"{max(width - 1.5, 0.5):.2f}",
                     height=BAR_HEIGHT, class_=f"fill-{level.value}")  # fmt: skip
        x += width
    label = ", ".join(f"{count} {outcome}" for outcome, _, count in tally.parts)
    return tag("svg", parts, viewBox=f"0 0 {BAR_WIDTH} {BAR_HEIGHT}", role="img", class_="bar",
               preserveAspectRatio="none", aria_label=f"{tally.kind}: {label}")  # fmt: skip


def forests(table: TableView) -> list[Markup]:
    """Draw one panel per column of a table that has anything to draw."""
    several = len({row.scorer for row in table.rows}) > 1
    panels: list[Markup] = []
    for index, title in enumerate(table.titles):
        marks = [
            mark(f"{row.label} · {row.scorer}" if several else row.label, cell)
            for row in table.rows
            if (cell := row.cells[index]) and cell.cell.estimate.value is not None
        ]
        if marks:
            panels.append(forest(title, marks))
    return panels


def mark(label: str, cell: CellView) -> Mark:
    """Return the row of one measured number, with the published values it was held against."""
    estimate = cell.cell.estimate
    value = estimate.value if estimate.value is not None else 0.0
    return Mark(
        label=label,
        value=value,
        lo=value if estimate.lo is None else estimate.lo,
        hi=value if estimate.hi is None else estimate.hi,
        text=cell.value,
        published=tuple(
            (float(verdict.reported.value), 0.5 * 10.0**-verdict.reported.decimals)
            for verdict in cell.verdicts
            if verdict.reported
        ),
    )


def forest(title: str, marks: Sequence[Mark]) -> Markup:
    """Draw intervals on one axis; a hollow box is a published value with its rounding."""
    ends = [end for one in marks for end in (one.lo, one.hi)]
    ends += [v + side for one in marks for v, half in one.published for side in (-half, half)]
    left, right = min(ends), max(ends)
    pad = (right - left) * 0.06 or max(abs(right) * 0.05, 0.5)
    left, right = left - pad, right + pad

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (value - left) / (right - left)

    bottom = ROW * len(marks) + 6
    parts = Markup("")
    for tick, text in ticks(left, right):
        at = f"{x(tick):.1f}"
        parts += tag("line", x1=at, x2=at, y1=2, y2=bottom, class_="axis")
        parts += tag("text", text, x=at, y=bottom + 14, text_anchor="middle", class_="tick")
    for index, one in enumerate(marks):
        parts += _row(one, ROW * index + 16, x)
    label = "; ".join(f"{one.label}: {one.text}" for one in marks)
    return tag("svg", parts, viewBox=f"0 0 {WIDTH} {bottom + 20}", role="img", class_="forest",
               aria_label=f"{title}, measured values with intervals. {label}")  # fmt: skip


def _row(one: Mark, y: int, x) -> Markup:  # noqa: ANN001
    shown = one.label if len(one.label) <= _LABEL else one.label[: _LABEL - 1] + "…"
    drawn = tag("text", tag("title", one.label) + shown, x=0, y=y + 4)
    for value, half in one.published:
        low, high = x(value - half), x(value + half)
        wide = max(high - low, 6.0)
        drawn += tag("rect", x=f"{(low + high - wide) / 2:.1f}", y=y - 8, width=f"{wide:.1f}",
                     height=16, rx=2, class_="published")  # fmt: skip
    drawn += tag("line", x1=f"{x(one.lo):.1f}", x2=f"{x(one.hi):.1f}", y1=y, y2=y, class_="range")
    drawn += tag("circle", cx=f"{x(one.value):.1f}", cy=y, r=4, class_="point")
    return drawn + tag("text", one.text, x=WIDTH, y=y + 4, text_anchor="end", class_="value")


def ticks(left: float, right: float) -> list[tuple[float, str]]:
    """Return two to five round positions between two ends, with their labels."""
    raw = (right - left) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(left / step), math.floor(right / step)
    return [(index * step, number(index * step, digits)) for index in range(first, last + 1)]
