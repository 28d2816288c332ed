"""A history drawn: every series with its levels, as a page, as lines of text, and as JUnit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from harness.escaping import line
from harness.history import Entry, RunEntry
from harness.outcomes import Level
from harness.verdicts.trend import Judged, Trend
from reports.html import environment
from reports.junit import Case, State, junit
from reports.svg import drawing, tag
from reports.text import DASH

LEVELS = {
    Trend.PASS: Level.GOOD,
    Trend.FAIL: Level.BAD,
    Trend.VANISHED: Level.BAD,
    Trend.ACCEPTED: Level.OPEN,
    Trend.TOO_SHORT: Level.OPEN,
    Trend.ENDED: Level.OPEN,
}
WIDTH, HEIGHT, EDGE = 640, 150, 12
HEADINGS = ("outcome", "series", "runs", "last level", "its interval", "changes")


class SeriesView(NamedTuple):
    """One series as it is shown."""

    outcome: str
    level: Level
    name: str
    protocol: str
    runs: str
    last: str
    interval: str
    changes: tuple[str, ...]
    said: str
    picture: Markup


def number(value: float | None) -> str:
    """Write a value of a series, which may be of any size."""
    return DASH if value is None else f"{value:.6g}"


def unit_of(one: Judged) -> str:
    """Return the unit of a series behind a number; a plain number has none."""
    unit = one.series.newest.unit
    return "" if unit in ("", "1") else f" {unit}"


def name_of(one: Judged) -> str:
    """Return the key of a series in one line."""
    return " / ".join(part for part in one.series.key if part)


def run_name(run: RunEntry) -> str:
    """Return a run by its commit and date."""
    date = run.run.finished_at[:10]
    return f"{run.commit.sha[:12]}, {date}" if run.commit else f"{run.run.name}, {date}"


def alarm(one: Judged) -> str:
    """Say in one line what changed, since which run, and how long ago; or what vanished."""
    found, unit = one.finding, unit_of(one)
    if found.outcome is Trend.VANISHED or found.change_at is None:
        return line(f"{found.outcome}: {name_of(one)}: {one.reason}")
    old = next(piece for piece in reversed(found.segments) if piece.left < found.change_at)
    new = found.segments[-1]
    first, since = one.run_at(old.left), one.run_at(found.change_at)
    return line(
        f"{found.outcome}: {name_of(one)}: {number(found.before)} -> {number(found.after)}{unit} "
        f"({old.right - old.left} runs since {run_name(first)}, then "
        f"{new.right - new.left} runs since {run_name(one.run_at(new.left))}); changed with "
        f"{run_name(since)}, {one.delay} runs up to the newest"
    )


def view(one: Judged) -> SeriesView:
    """Return a series as it is shown."""
    pieces, unit = one.finding.segments, unit_of(one)
    ends = one.intervals[-1] if one.intervals else None
    interval = f"{number(ends[0])} to {number(ends[1])}" if ends else "no interval"
    changes = tuple(
        f"{number(old.value)} -> {number(new.value)} with {run_name(one.run_at(new.left))}"
        for old, new in itertools.pairwise(pieces)
    )
    count = sum(value is not None for value in one.series.values)
    alarmed = one.finding.outcome in (Trend.FAIL, Trend.VANISHED)
    return SeriesView(
        outcome=one.finding.outcome,
        level=LEVELS[one.finding.outcome],
        name=name_of(one),
        protocol=" ".join(filter(None, (one.series.protocol[:8], one.series.machine[:8]))),
        runs=f"{count} of {len(one.series.runs)}",
        last=f"{number(pieces[-1].value)}{unit}" if pieces else DASH,
        interval=interval,
        changes=changes,
        said=alarm(one) if alarmed else one.reason,
        picture=picture(one),
    )


def rows(found: Iterable[Judged]) -> list[SeriesView]:
    """Return the series of a history, those that fail first."""
    shown = [view(one) for one in found]
    return sorted(shown, key=lambda one: one.level is not Level.BAD)


def table(views: Sequence[SeriesView]) -> Iterator[str]:
    """Yield the lines of a table for a terminal."""
    cells: list[tuple[str, ...]] = [HEADINGS]
    for one in views:
        alarmed = one.level is Level.BAD
        changes = one.said if alarmed else "; ".join((*one.changes, *filter(None, [one.said])))
        cells.append((one.outcome, one.name, one.runs, one.last, one.interval, changes or "none"))
    texts = [[line(cell) for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def picture(one: Judged) -> Markup:
    """Draw the values of a series with their intervals, its levels, and where they change."""
    entries = [entry for entry in one.series.entries if entry and entry.value is not None]
    if not entries:
        return Markup()
    ends = [
        value
        for entry in entries
        for value in (entry.lo, entry.value, entry.hi)
        if value is not None
    ]
    low, high = min(ends), max(ends)
    span = (high - low) or abs(high) or 1.0
    count = len(one.series.runs)

    def x(place: float) -> float:
        return EDGE + (WIDTH - 2 * EDGE) * (place + 0.5) / count

    def y(value: float) -> float:
        return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / span

    drawn = Markup()
    for piece, band in zip(one.finding.segments, one.intervals, strict=True):
        left, right = x(piece.left - 0.5), x(piece.right - 0.5)
        if band:
            top, bottom = y(min(band[1], high)), y(max(band[0], low))
            drawn += tag(
                "rect",
                x=f"{left:.1f}",
                y=f"{top:.1f}",
                width=f"{right - left:.1f}",
                height=f"{max(bottom - top, 0):.1f}",
                class_="band",
            )
        at = f"{y(piece.value):.1f}"
        drawn += tag("line", x1=f"{left:.1f}", x2=f"{right:.1f}", y1=at, y2=at, class_="level")
        if piece is not one.finding.segments[0]:
            drawn += tag(
                "line", x1=f"{left:.1f}", x2=f"{left:.1f}", y1=0, y2=HEIGHT, class_="change"
            )
    for place, (run, entry) in enumerate(zip(one.series.runs, one.series.entries, strict=True)):
        if entry:
            drawn += _point(run, entry, x(place), y)
    label = f"{name_of(one)}: {len(entries)} values from {number(low)} to {number(high)}"
    return drawing(drawn, "series", label, viewBox=f"0 0 {WIDTH} {HEIGHT}")


def _point(run: RunEntry, entry: Entry, at: float, y: Callable[[float], float]) -> Markup:
    drawn = Markup()
    if entry.value is None:
        return drawn
    if entry.lo is not None and entry.hi is not None:
        ends = {"y1": f"{y(entry.lo):.1f}", "y2": f"{y(entry.hi):.1f}"}
        drawn += tag("line", x1=f"{at:.1f}", x2=f"{at:.1f}", **ends, class_="range")
    why = f"; {entry.why_absent}" if entry.why_absent else ""
    title = tag("title", f"{run_name(run)}: {number(entry.value)} {entry.unit}{why}")
    whole = "point" if entry.whole is not None else "partial"
    return drawn + tag(
        "circle", title, cx=f"{at:.1f}", cy=f"{y(entry.value):.1f}", r=3.5, class_=whole
    )


def render_history(found: Sequence[Judged], title: str) -> str:
    """Draw a history as one self-contained page."""
    template = environment().get_template("history.html.j2")
    runs = {run.run.id: run for one in found for run in one.series.runs}
    return template.render(
        title=title,
        series=rows(found),
        runs=sorted(runs.values(), key=lambda run: run.when("commit")),
        run_name=run_name,
    )


def render_history_junit(found: Sequence[Judged]) -> str:
    """Write a case per series: a failure where the gate fails, a skip where it cannot judge."""
    states: dict[Level, State] = {Level.GOOD: "passed", Level.BAD: "failure", Level.OPEN: "skipped"}
    cases = [
        Case(one.name, "history", states[one.level], one.outcome, one.said or one.last)
        for one in map(view, found)
    ]
    return junit({"history": cases})
