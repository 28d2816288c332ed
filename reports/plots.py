"""Stored drawings on axes of matplotlib, for notebooks and papers; the report draws its own."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from harness.errors import ConfigError
from harness.evidence import Curve, Figure, HeatMap
from harness.records import Drawing

STYLES = {"dashed": "--", "points": "", "cloud": ""}


def plot(one: Drawing, axes: Axes | None = None) -> Axes:
    """Draw a figure or a grid; return the axes that hold it.

    Args:
        one: what is drawn.
        axes: where; on a figure of its own when there are none.

    Raises:
        ConfigError: it is a table, or several pictures.
    """
    if not isinstance(one, Figure | HeatMap):
        raise ConfigError(f"{one.title!r} is no one figure or grid", hint="see `.data`")
    drawn = axes or Canvas(layout="constrained").subplots()
    drawn.set(xlabel=one.x_label, ylabel=one.y_label, title=one.title)
    if isinstance(one, Figure):
        drawn.set(xscale="log" if one.log_x else "linear", yscale="log" if one.log_y else "linear")
        for mark in one.marks:
            line = drawn.axvline if mark.axis == "x" else drawn.axhline
            line(mark.at, color="0.5", linestyle=":", label=mark.text)
        if one.ticks:
            drawn.set_xticks(range(1, len(one.ticks) + 1), one.ticks, rotation=15)
    else:
        grid = drawn.pcolormesh(np.array(one.values, float), cmap="cividis")
        drawn.set_xticks(np.arange(len(one.columns)) + 0.5, [str(name) for name in one.columns])
        drawn.set_yticks(np.arange(len(one.rows)) + 0.5, [str(name) for name in one.rows])
        if drawn.figure is not None:
            drawn.figure.colorbar(grid, ax=drawn, label=one.value_label)
        return drawn
    for curve in one.curves:
        _curve(drawn, curve)
    if not (isinstance(one, Figure) and one.ticks):
        drawn.legend()
    return drawn


def _curve(axes: Axes, curve: Curve) -> None:
    """Draw one series; a point without a value leaves a gap."""
    x, y = np.array(curve.x), np.array(curve.y, float)
    marker = "o" if curve.style == "points" or len(x) <= 12 else ""
    (line,) = axes.plot(
        x, y, linestyle=STYLES.get(curve.style, "-"), marker=marker, label=curve.name
    )
    if curve.lo and curve.hi:
        lo, hi = np.array(curve.lo, float), np.array(curve.hi, float)
        axes.fill_between(x, lo, hi, color=line.get_color(), alpha=0.2, linewidth=0)
