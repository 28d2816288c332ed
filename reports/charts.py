"""Stored drawings as small SVG: curves over one axis, and grids.

A chart is as wide as it is drawn, so its text is never smaller than it is set; where a screen is
narrower, its frame scrolls. Series carry their names at their ends, and colours are those of Okabe
and Ito, dashed where they repeat. The same drawing gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from markupsafe import Markup

from harness.evidence import Curve, Figure, HeatMap
from reports.axes import CHARACTER, Axis, apart, axis
from reports.svg import drawing, tag

WIDTH, HEIGHT = 600, 330
TOP, LEFT, BOTTOM = 16, 66, 48
LABEL = 15  # pixels from one name at the edge to the next
COLOURS = 7  # classes c0 to c6 of the style sheet
FAINT = ("thin", "cloud")
"""Styles of series that stand behind others and have no name of their own."""
SHADES = (
    *("#00224e", "#12356e", "#3b496c", "#575d6d", "#707173"),
    *("#8a8678", "#a69d75", "#c5b56c", "#e4cf5b", "#fee838"),
)
"""Ten steps of cividis, from low to high."""

Point = tuple[float, float]


class End(NamedTuple):
    """Where a series ends, and how it is named there."""

    at: float
    series: int
    colour: str
    name: str


def draw(one: Figure | HeatMap) -> Markup:
    """Return a drawing as inline SVG; title and caption stand beside it, not in it."""
    parts, height = _grid(one) if isinstance(one, HeatMap) else (_curves(one), HEIGHT)
    label = f"{one.title}. {one.caption}"
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": WIDTH, "height": height}
    return drawing(parts, "chart", label, **size)


def _frame(x: Axis, y: Axis, right: float, bottom: float, names: tuple[str, str]) -> Markup:
    """Draw the lines and labels of both axes."""
    drawn, path = Markup(), ""
    for value, text in y.ticks:
        at = f"{y.at(value):.1f}"
        path += f"M{LEFT} {at}H{right:.0f}"
        drawn += tag("text", text, x=LEFT - 7, y=f"{y.at(value) + 4:.1f}", class_="end")
    for value, text in apart(x):
        path += f"M{x.at(value):.1f} {bottom:.0f}v5"
        drawn += tag("text", text, x=f"{x.at(value):.1f}", y=bottom + 18, class_="mid")
    middle = (LEFT + right) / 2
    drawn += tag("text", names[0], x=f"{middle:.0f}", y=bottom + 38, class_="mid quiet")
    across = (TOP + bottom) / 2
    turned = f"translate(12 {across:.0f}) rotate(-90)"
    drawn += tag("text", names[1], transform=turned, class_="mid quiet")
    return tag("path", d=path, class_="grid") + drawn


def _curves(figure: Figure) -> Markup:
    """Draw the series of a figure, their names at the right edge, and its marks."""
    bold = [curve for curve in figure.curves if curve.style not in FAINT]
    named = len(bold) > 1 and not figure.ticks
    longest = max((len(curve.name) for curve in bold if named), default=-2)
    right = WIDTH - min(210.0, 26 + CHARACTER * longest)
    bottom = HEIGHT - BOTTOM
    bars = [curve for curve in figure.curves if curve.style == "bars"]
    xs = [x for curve in figure.curves for x in curve.x]
    ys = [
        y
        for curve in figure.curves
        for side in (curve.y, curve.lo, curve.hi)
        for y in side
        if y is not None
    ]
    ys += [0.0] if bars and not figure.log_y else []
    xs += [mark.at for mark in figure.marks if mark.axis == "x"]
    ys += [mark.at for mark in figure.marks if mark.axis == "y"]
    room = 40 if figure.ticks else 14 if bars else 4
    x = axis(xs, LEFT + room, right - room, log=figure.log_x)
    if figure.ticks:
        x = Axis(x.at, [(float(place), name) for place, name in enumerate(figure.ticks, 1)])
    y = axis(ys, bottom, TOP, log=figure.log_y)
    drawn = _frame(x, y, right, bottom, (figure.x_label, figure.y_label))
    ends: list[End] = []
    for index, curve in enumerate(figure.curves):
        points = _points(curve, x, y, positive=(figure.log_x, figure.log_y))
        bar = (bars.index(curve), len(bars)) if curve in bars else None
        body = _series(curve, points, y, bar, bottom)
        faint = curve.style in FAINT
        colour = _colour(curve.tone if curve.tone is not None else index)
        drawn += tag("g", body, class_=colour + " faint" * faint, data_series=index)
        last = next((point[1] for point in reversed(points) if point), bottom)
        ends += [End(last, index, colour, curve.name)] if named and not faint else []
    return drawn + _marks(figure, x, y, right) + _names(ends, right, bottom)


def _colour(index: int) -> str:
    """Return the classes of a series: its colour, and dashes where colours repeat."""
    return f"c{index % COLOURS}{' far' if index >= COLOURS else ''}"


def _points(curve: Curve, x: Axis, y: Axis, positive: tuple[bool, bool]) -> list[Point | None]:
    """Return the places of a curve's points; None for one that is absent or off a log axis."""
    return [
        None
        if value is None or (positive[1] and value <= 0) or (positive[0] and at <= 0)
        else (x.at(at), y.at(value))
        for at, value in zip(curve.x, curve.y, strict=True)
    ]


def _series(
    curve: Curve,
    points: Sequence[Point | None],
    y: Axis,
    bar: tuple[int, int] | None,
    bottom: float,
) -> Markup:
    """Draw one series: its band or whiskers, then its line, dots or bars."""
    drawn, met = Markup(), [point for point in points if point]
    alone = curve.style in ("points", "cloud")
    dots = alone or (bar is None and len(met) <= 12 and curve.style not in FAINT)
    if bar is not None:
        return tag("path", d=_bars(met, *bar, bottom), class_="bars")
    if curve.lo and curve.hi:
        drawn += _spread(curve, points, y, whiskers=alone or len(met) < 2)
    if not alone and len(met) > 1:
        drawn += tag("path", d=_line(points), class_=f"line {curve.style}")
    if dots:
        path = "".join(f"M{px - 3:.1f} {py:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0" for px, py in met)
        drawn += tag("path", d=path, class_="dots")
    return drawn


def _line(points: Sequence[Point | None]) -> str:
    path, pen = "", "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        path += f"{pen}{point[0]:.1f} {point[1]:.1f}"
        pen = "L"
    return path


def _spread(curve: Curve, points: Sequence[Point | None], y: Axis, *, whiskers: bool) -> Markup:
    """Draw the interval of every point: as whiskers, or as a band along the line."""
    ends = [
        (point[0], y.at(low), y.at(high))
        for point, low, high in zip(points, curve.lo, curve.hi, strict=True)
        if point and low is not None and high is not None
    ]
    if whiskers:
        path = "".join(f"M{at:.1f} {low:.1f}V{high:.1f}" for at, low, high in ends)
        return tag("path", d=path, class_="line")
    there = "L".join(f"{at:.1f} {low:.1f}" for at, low, _ in ends)
    back = "L".join(f"{at:.1f} {high:.1f}" for at, _, high in reversed(ends))
    return tag("path", d=f"M{there}L{back}Z", class_="band") if ends else Markup()


def _bars(points: Sequence[Point], index: int, count: int, bottom: float) -> str:
    """Return bars of one series beside those of the others."""
    places = sorted({point[0] for point in points})
    gap = min((b - a for a, b in pairwise(places)), default=40.0)
    width = min(0.8 * gap, 40.0) / count
    left = (index - count / 2) * width
    return "".join(
        f"M{px + left:.1f} {bottom:.1f}V{py:.1f}h{width:.1f}V{bottom:.1f}z" for px, py in points
    )


def _marks(figure: Figure, x: Axis, y: Axis, right: float) -> Markup:
    """Draw labelled straight lines; texts at one place are joined."""
    texts: dict[tuple[str, float], list[str]] = {}
    for mark in figure.marks:
        texts.setdefault((mark.axis, mark.at), []).append(mark.text)
    drawn, bottom = Markup(), HEIGHT - BOTTOM
    for number, ((side, at), said) in enumerate(texts.items()):
        if side == "x":
            place = x.at(at)
            drawn += tag("path", d=f"M{place:.1f} {TOP}V{bottom}", class_="mark")
            late = place > (LEFT + right) / 2
            drawn += tag(
                "text",
                "; ".join(said),
                x=f"{place + (-5 if late else 5):.1f}",
                y=TOP + 11 + 15 * number,
                class_="end quiet" if late else "quiet",
            )
        else:
            place = y.at(at)
            drawn += tag("path", d=f"M{LEFT} {place:.1f}H{right:.0f}", class_="mark")
            drawn += tag("text", "; ".join(said), x=LEFT + 5, y=f"{place - 4:.1f}", class_="quiet")
    return drawn


def _names(ends: Sequence[End], right: float, bottom: float) -> Markup:
    """Write the name of every series beside its end, moved apart where they would meet."""
    drawn, order = Markup(), sorted(ends)
    room = int((WIDTH - right - 26) / CHARACTER)
    heights, free = [0.0] * len(order), float(TOP)
    for number, (at, *_) in enumerate(order):
        heights[number] = max(at, free)
        free = heights[number] + LABEL
    free = bottom
    for number in reversed(range(len(order))):
        heights[number] = min(heights[number], free)
        free = heights[number] - LABEL
    for height, (at, index, colour, name) in zip(heights, order, strict=True):
        lead = f"M{right + 2:.0f} {at:.1f}L{right + 8:.0f} {height:.1f}h9"
        shown = name if len(name) <= room else name[: room - 1] + "…"
        text = tag("text", shown, x=f"{right + 20:.0f}", y=f"{height + 4:.1f}")
        drawn += tag(
            "g",
            tag("path", d=lead, class_="line") + text,
            class_=f"name {colour}",
            data_series=index,
        )
    return drawn


def _grid(heat: HeatMap) -> tuple[Markup, int]:
    """Draw a grid in ten shades, curves over it, and what the shades stand for."""
    words = isinstance(heat.rows[0], str) if heat.rows else False
    height = max(HEIGHT, TOP + BOTTOM + 17 * len(heat.rows)) if words else HEIGHT
    left = LEFT + (min(150, int(CHARACTER * max(map(len, map(str, heat.rows))))) if words else 0)
    right, bottom = WIDTH - 110, height - BOTTOM
    values = [value for row in heat.values for value in row if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    wide, tall = (right - left) / len(heat.columns), (bottom - TOP) / max(1, len(heat.rows))
    paths = [""] * len(SHADES)
    for number, row in enumerate(heat.values):
        top = TOP + tall * number if words else bottom - tall * (number + 1)
        shades = [None if one is None else _shade(one, low, high) for one in row]
        for shade, run in groupby(range(len(shades)), key=lambda index: shades[index]):
            cells = list(run)
            if shade is not None:
                across = f"{wide * len(cells):.1f}"
                at = f"M{left + wide * cells[0]:.1f} {top:.1f}"
                paths[shade] += f"{at}h{across}v{tall:.1f}h-{across}z"
    drawn = Markup()
    for shade, path in zip(SHADES, paths, strict=True):
        drawn += tag("path", d=path, fill=shade) if path else Markup()
    x, y = (
        _side(heat.columns, left, right),
        _side(heat.rows, *((TOP, bottom) if words else (bottom, TOP))),
    )
    drawn += _sides(heat, x, y, left, right, bottom)
    for index, curve in enumerate(heat.curves):
        inside = [
            p if p and left <= p[0] <= right and TOP <= p[1] <= bottom else None
            for p in _points(curve, x, y, (False, False))
        ]
        drawn += tag("g", _series(curve, inside, y, None, bottom), class_="over", data_series=index)
    return drawn + _key(heat, low, high, right), height


def _shade(value: float, low: float, high: float) -> int:
    return int((value - low) / ((high - low) or 1.0) * (len(SHADES) - 1) + 0.5)


def _side(names: Sequence[float | str], first: float, last: float) -> Axis:
    """Return one side of a grid: numbers stand evenly, words in the middle of their cells."""
    numbers = [one for one in names if not isinstance(one, str)]
    if len(numbers) == len(names) and len(names) > 1:
        half = (numbers[-1] - numbers[0]) / (len(numbers) - 1) / 2
        return axis((numbers[0] - half, numbers[-1] + half), first, last, log=False)
    step = (last - first) / len(names)
    ticks = [(float(index), str(name)) for index, name in enumerate(names)]
    return Axis(lambda v: first + step * (v + 0.5), ticks)


def _sides(heat: HeatMap, x: Axis, y: Axis, left: float, right: float, bottom: float) -> Markup:
    drawn = Markup()
    for value, text in y.ticks:
        drawn += tag("text", text, x=f"{left - 6:.0f}", y=f"{y.at(value) + 4:.1f}", class_="end")
    for value, text in apart(x):
        drawn += tag("text", text, x=f"{x.at(value):.1f}", y=f"{bottom + 18:.0f}", class_="mid")
    middle, across = (left + right) / 2, (TOP + bottom) / 2
    drawn += tag(
        "text", heat.x_label, x=f"{middle:.0f}", y=f"{bottom + 38:.0f}", class_="mid quiet"
    )
    turned = f"translate(12 {across:.0f}) rotate(-90)"
    return drawn + tag("text", heat.y_label, transform=turned, class_="mid quiet")


def _key(heat: HeatMap, low: float, high: float, right: float) -> Markup:
    """Draw what the shades and the curves of a grid stand for."""
    drawn = Markup()
    for step, shade in enumerate(reversed(SHADES)):
        drawn += tag("path", d=f"M{right + 14:.0f} {TOP + 14 * step}h14v14h-14z", fill=shade)
    for text, at in ((high, 11), ((low + high) / 2, 76), (low, 140)):
        drawn += tag("text", f"{text:.3g}", x=f"{right + 34:.0f}", y=TOP + at)
    lines = [heat.value_label, *(f"{_DASH.get(one.style, '—')} {one.name}" for one in heat.curves)]
    for number, text in enumerate(lines):
        drawn += tag("text", text, x=WIDTH, y=TOP + 172 + 17 * number, class_="end quiet")
    return drawn


_DASH = {"dashed": "- -", "points": "·"}
