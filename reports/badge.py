"""A static SVG badge: how many claims hold, are in doubt, do not hold, and are open."""

from __future__ import annotations

from collections import Counter

from harness.records import Level
from harness.store import StoredRun
from reports.svg import tag
from reports.text import LEVEL_NAMES, results_of

_COLOURS = {
    Level.GOOD: "#1f6b43",
    Level.DOUBT: "#7a5300",
    Level.BAD: "#a3231b",
    Level.OPEN: "#50565e",
}
_NAME, _CHARACTER, _PAD = "kairos-eval", 7, 12  # widths in pixels


def render_badge(run: StoredRun) -> str:
    """Draw the badge of a run; levels without a claim are left out."""
    counts = Counter(verdict.level for verdict in results_of(run).verdicts)
    cells = [(_NAME, "#30343b")]
    cells += [
        (f"{counts[level]} {LEVEL_NAMES[level]}", _COLOURS[level])
        for level in Level
        if counts[level]
    ]
    x, label = 0, ", ".join(text for text, _ in cells)
    parts = tag("title", label)
    for text, colour in cells:
        width = _CHARACTER * len(text) + _PAD
        parts += tag("rect", x=x, width=width, height=20, fill=colour)
        parts += tag("text", text, x=x + _PAD // 2, y=14, fill="#fff",
                     textLength=width - _PAD)  # fmt: skip
        x += width
    return (
        tag("svg", parts, xmlns="http://www.w3.org/2000/svg", width=x, height=20, role="img",
            aria_label=label, font_family="Verdana,DejaVu Sans,sans-serif", font_size=11)
        + "\n"
    )  # fmt: skip
