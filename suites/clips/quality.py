"""``video_quality``: what any folder of videos looks like and how it moves; numbers, no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.protocols import Answer, Value, Workload
from harness.records import Cell, Drawing, Reported, Task, TaskPlan, WorkItem
from suites.clips import draw, suite
from suites.clips.film import FLOWN, METRICS, PAIRED, STILL, TITLES
from suites.clips.instrument import FILM, read_film
from suites.clips.sides import STUDENT, films_of, read_sides


class VideoQuality(suite.ClipSuite):
    """Appearance and motion of single videos; see ``README.md`` for every formula."""

    info = suite.declared(
        "video_quality",
        "Video quality",
        METRICS,
        [suite.column(name, TITLES[name]) for name in (*PAIRED, *STILL, *FLOWN[::-1])],
    )

    def load(self, task: Task, assets: Path | None) -> Workload:
        """Read the folder of videos."""
        return suite.workload(task, read_sides(task, reference=False), assets)

    def score(
        self, item: WorkItem, answers: Mapping[str, Answer], scorer: str, task: Task
    ) -> Sequence[Value]:
        """Return the medians over frames and pairs of one video."""
        answer = answers[FILM.id]
        film = read_film(answer)
        return (
            suite.unanswered(METRICS, answer) if film is None else suite.film_values(film, METRICS)
        )

    def drawings(
        self,
        task: TaskPlan,
        cells: Sequence[Cell],
        answers: Mapping[str, Mapping[str, Answer]],
        published: Sequence[Reported],
    ) -> Sequence[Drawing]:
        """Return the curves over time."""
        films = films_of(task, answers)
        return [draw.curves(task, films)] if films[STUDENT] else []


SUITE = VideoQuality()
