"""Small deterministic drawings: a stacked bar of verdicts and a forest plot."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from harness.records import Level
from reports.task_views import ColumnView
from reports.text import number
from reports.views import Tally

WIDTH = 640


def _tag(name: str, text: str = "", **attributes: object) -> Markup:
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
        width = WIDTH * count / tally.total
        title = _tag("title", f"{count} {outcome}")
        parts += _tag(
            "rect", title, x=f"{x:.2f}", y=0, width=f"{width:.2f}", height=18,
            class_=f"fill-{level.value}",
        )  # fmt: skip
        x += width
    label = ", ".join(f"{count} {outcome}" for outcome, _, count in tally.parts)
    return _tag(
        "svg", parts, viewBox=f"0 0 {WIDTH} 18", role="img", preserveAspectRatio="none",
        class_="bar", aria_label=f"{tally.kind}: {label}",
    )  # fmt: skip


def forest(columns: Sequence[ColumnView]) -> Markup:
    """Draw each column's interval on its own range, with published numbers as diamonds."""
    rows = [column for column in columns if column.cell.estimate.value is not None]
    height, parts = 26 * len(rows) + 8, Markup("")
    for index, column in enumerate(rows):
        parts += _forest_row(column, 26 * index + 18)
    return _tag(
        "svg", parts, viewBox=f"0 0 {WIDTH} {height}", role="img", class_="forest",
        aria_label="measured values with intervals; diamonds are published values",
    )  # fmt: skip


def _forest_row(column: ColumnView, y: int) -> Markup:
    estimate, decimals = column.cell.estimate, column.cell.decimals
    value = estimate.value if estimate.value is not None else 0.0
    lo = estimate.lo if estimate.lo is not None else value
    hi = estimate.hi if estimate.hi is not None else value
    published = [float(v.reported.value) for v in column.verdicts if v.reported]
    left, right = min([lo, value, *published]), max([hi, value, *published])
    pad = (right - left) * 0.08 or max(abs(right), 1.0) * 0.05
    left, right = left - pad, right + pad

    def x(number_: float) -> float:
        return 150 + 380 * (number_ - left) / (right - left)

    drawn = _tag("text", column.title, x=0, y=y + 4)
    drawn += _tag("line", x1=150, x2=530, y1=y, y2=y, class_="axis")
    drawn += _tag("line", x1=f"{x(lo):.1f}", x2=f"{x(hi):.1f}", y1=y, y2=y, class_="range")
    drawn += _tag("circle", cx=f"{x(value):.1f}", cy=y, r=4, class_="point")
    for one in published:
        at = x(one)
        drawn += _tag(
            "path", d=f"M{at:.1f} {y - 6}l5 6l-5 6l-5 -6z", class_="published"
        )  # fmt: skip
    return drawn + _tag("text", number(estimate.value, decimals), x=540, y=y + 4)


def badge(tallies: Sequence[Tally]) -> str:
    """Return a small standalone SVG: how many claims are good, doubtful, bad and open."""
    totals = dict.fromkeys(Level, 0)
    for tally in tallies:
        for _, level, count in tally.parts:
            totals[level] += count
    colours = {Level.GOOD: "#2f7d4f", Level.DOUBT: "#8a6100", Level.BAD: "#b3261e",
               Level.OPEN: "#5f6368"}  # fmt: skip
    names = {Level.GOOD: "hold", Level.DOUBT: "in doubt", Level.BAD: "fail", Level.OPEN: "open"}
    x, parts = 78, ['<rect width="78" height="20" fill="#30343b"/>',
                    '<text x="8" y="14" fill="#fff">kairos-eval</text>']  # fmt: skip
    for level, count in totals.items():
        text = f"{count} {names[level]}"
        width = 7 * len(text) + 12
        parts.append(f'<rect x="{x}" width="{width}" height="20" fill="{colours[level]}"/>')
        parts.append(f'<text x="{x + 6}" y="14" fill="#fff">{escape(text)}</text>')
        x += width
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{x}" height="20" role="img" '
        'font-family="Verdana,sans-serif" font-size="11">' + "".join(parts) + "</svg>\n"
    )
