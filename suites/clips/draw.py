"""What clips show, as data to be drawn: curves over time, the worst clips, motion and diversity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from harness.evidence import Curve, Figure, Panels, Picture, Pictures
from harness.notebook import Notebook
from harness.records import TaskPlan
from harness.stats.intervals import t_mean
from suites.clips.contrasts import Key
from suites.clips.film import CURVES, FIRST, Film
from suites.clips.sides import REFERENCE, STUDENT, Films

MOST_LINES = 40
"""Clips of a side that are drawn singly; the mean is over all."""
MOST_SHEETS = 6


def notebook(task: TaskPlan) -> Notebook:
    """Return what writes the drawings of one task."""
    name = f"{task.task.suite}/{task.task.model}"
    first = task.items[0].key if task.items else ""
    return Notebook(experiment=name, section=task.task.suite, settings={"first": first})


def curves(task: TaskPlan, films: Films) -> Panels:
    """Return every curve per second in a panel: thin lines for clips, the mean with its band."""
    book = notebook(task)
    sides = [(side, list(films[side].values())) for side in (STUDENT, REFERENCE) if films[side]]
    names = {STUDENT: task.task.model, REFERENCE: "reference"}
    panels = [
        book.figure(
            curve.replace("_", " ").capitalize(),
            "",
            [
                line
                for tone, (side, some) in enumerate(sides)
                for line in _lines(names[side], tone, [film.curves.get(curve, ()) for film in some])
            ],
            x="second",
            y=curve.replace("_", " "),
        )
        for curve in (*CURVES, FIRST)
        if any(film.curves.get(curve) for _, some in sides for film in some)
    ]
    tones = zip(("Blue", "orange"), (names[side] for side, _ in sides), strict=False)
    caption = (
        f"{', '.join(f'{tone} is {name}' for tone, name in tones)}. Medians of each whole second. "
        "Thin lines are clips, the thick one is their mean with its 95 % interval over clips, over "
        "those that last where clips differ in length."
    )
    title = f"{task.task.model}: curves over time"
    return Panels(
        key=book.key("panels", title),
        experiment=book.experiment,
        section=book.section,
        title=title,
        caption=caption,
        panels=tuple(panels),
    )


def _lines(name: str, tone: int, clips: Sequence[Sequence[float | None]]) -> Iterable[Curve]:
    """Yield the lines of one side: single clips, then their mean."""
    for number, values in enumerate(clips[:MOST_LINES], 1):
        seconds = tuple(float(second) for second in range(len(values)))
        yield Curve(
            name=f"{name}, clip {number}", x=seconds, y=tuple(values), style="thin", tone=tone
        )
    longest = max(map(len, clips), default=0)
    rows = [
        [values[second] for values in clips if len(values) > second] for second in range(longest)
    ]
    known = [[value for value in row if value is not None] for row in rows]
    bands = [t_mean(np.array(row)) for row in known]
    yield Curve(
        name=f"{name}, n = {len(clips)}",
        x=tuple(float(second) for second in range(longest)),
        y=tuple(float(np.mean(row)) if row else None for row in known),
        lo=tuple(band.lo for band in bands),
        hi=tuple(band.hi for band in bands),
        tone=tone,
    )


def worst(
    task: TaskPlan,
    films: Films,
    fault: Callable[[Key, Film], float | None],
    said: str,
) -> Pictures | None:
    """Return the clips with the largest faults as contact sheets, each above its partner's.

    Args:
        task: as planned.
        films: of both sides.
        fault: how far a clip is off; None where that is not known.
        said: what ``fault`` measures, for the caption.
    """
    known = [(size, key) for key, film in films[STUDENT].items() if (size := fault(key, film))]
    ranked = sorted(known, reverse=True)[:MOST_SHEETS]
    pictures: list[Picture] = []
    for size, key in ranked:
        film, partner = films[STUDENT][key], films[REFERENCE].get(key)
        pictures.append(Picture(text=f"{key.title}: {said} {size:.2f}", data=film.sheet))
        if partner is not None:
            pictures.append(Picture(text=f"{key.title}, reference", data=partner.sheet))
    if not pictures:
        return None
    book, title = notebook(task), f"{task.task.model}: worst clips"
    return Pictures(
        key=book.key("pictures", title),
        experiment=book.experiment,
        section=book.section,
        title=title,
        caption=f"Frames from start to end, evenly in time. Ordered by {said}.",
        pictures=tuple(pictures),
    )


def plane(
    task: TaskPlan, places: Mapping[str, Sequence[tuple[float, float]]], distance: str
) -> Figure:
    """Return motion against diversity, a point for each model and a small one for each prompt."""
    lines: list[Curve] = []
    for tone, (name, points) in enumerate(places.items()):
        if not points:
            continue
        x, y = np.array(points).T
        lines.append(
            Curve(
                name=f"{name}, prompts",
                x=tuple(x.tolist()),
                y=tuple(y.tolist()),
                style="cloud",
                tone=tone,
            )
        )
        middle = Curve(
            name=f"{name}, mean",
            x=(float(x.mean()),),
            y=(float(y.mean()),),
            style="points",
            tone=tone,
        )
        lines.append(middle)
    return notebook(task).figure(
        f"{task.task.model}: motion against diversity",
        "A student that moves less lies to the left of its teacher, one that is homogenised below.",
        lines,
        x="speed, diagonals a second",
        y=f"diversity, {distance}",
    )
