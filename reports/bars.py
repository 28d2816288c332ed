"""Ranges of rows as bars on one axis: the places that the rows of a printed ranking could have."""

from __future__ import annotations

from markupsafe import Markup

from harness.evidence import Bars, DataTable
from reports.axes import CHARACTER, axis
from reports.svg import drawing, tag

WIDTH, ROW, TOP, BOTTOM = 600, 21, 30, 42
NAME, VALUE = 230.0, 60.0
"""Most pixels of a row's name, and those of its value."""
MOST_TICKS = 16
HEIGHTS = (13, 7, 3)
"""Of the bars of the first, second and third kind of range."""


def bars(table: DataTable, found: Bars) -> Markup:
    """Draw the ranges of a table's rows: each kind thinner than the one before, a dot on top."""
    left = min(NAME, max(CHARACTER * len(str(row[0])) for row in table.rows) * 1.15 + 12)
    right, bottom = WIDTH - VALUE, TOP + ROW * len(table.rows)
    ends = [end for _, span in found.spans for pair in span if pair for end in pair]
    x = axis([*ends, *found.at, 1.0], left + 14, right - 14, log=False)
    drawn, lines = _key(found), ""
    last = int(max([*ends, *found.at]))
    for place in range(1, last + 1, 1 + last // MOST_TICKS):
        at = f"{x.at(place):.1f}"
        lines += f"M{at} {TOP - 4}V{bottom}"
        drawn += tag("text", str(place), x=at, y=bottom + 16, class_="mid")
    middle = f"{(left + right) / 2:.0f}"
    drawn += tag("text", found.label, x=middle, y=bottom + 34, class_="mid quiet")
    drawn += tag("path", d=lines, class_="grid")
    tops = [TOP + ROW * row for row in range(len(table.rows))]
    for colour, (height, (_, span)) in enumerate(zip(HEIGHTS, found.spans, strict=False)):
        path = "".join(
            f"M{x.at(pair[0]) - 5:.1f} {top + (ROW - height) / 2:.1f}"
            f"H{x.at(pair[1]) + 5:.1f}v{height}H{x.at(pair[0]) - 5:.1f}z"
            for top, pair in zip(tops, span, strict=True)
            if pair
        )
        drawn += tag("path", d=path, class_=f"span s{colour}")
    dots = "".join(
        f"M{x.at(at) - 3:.1f} {top + ROW / 2}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0"
        for at, top in zip(found.at, tops, strict=True)
    )
    drawn += tag("path", d=dots, class_="dot")
    for number, (row, top) in enumerate(zip(table.rows, tops, strict=True)):
        bold = {"class_": "own"} if number == found.focus else {}
        room = (left - 8) * (0.8 if bold else 1.0)
        drawn += tag("text", _fit(str(row[0]), room), x=0, y=top + 15, **bold)
        drawn += tag("text", str(row[1]), x=WIDTH, y=top + 15, class_="end")
    height = bottom + BOTTOM
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": WIDTH, "height": height}
    return drawing(drawn, "chart", f"{table.title}. {table.caption}", **size)


def _key(found: Bars) -> Markup:
    """Say what each kind of bar is."""
    drawn, at = Markup(), 0.0
    for colour, (height, (name, _)) in enumerate(zip(HEIGHTS, found.spans, strict=False)):
        box = f"M{at:.0f} {10 - height / 2}h24v{height}h-24z"
        drawn += tag("path", d=box, class_=f"span s{colour}")
        drawn += tag("text", name, x=f"{at + 30:.0f}", y=14, class_="quiet")
        at += 50 + CHARACTER * len(name)
    return drawn


def _fit(name: str, width: float) -> str:
    most = int(width / CHARACTER)
    return name if len(name) <= most else name[: most - 1] + "…"
