"""Made-up films and tasks of clips as planned, with no file behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np

from harness.contrasts import estimate
from harness.outcomes import Outcome
from harness.protocols import Answer, Contrast
from harness.records import JudgeId, Task, TaskPlan
from harness.verdicts.contrasts import word
from suites.clips import distillation, sides
from suites.clips.contrasts import Key
from suites.clips.film import CURVES, FIRST, METRICS, Film
from suites.clips.folders import Clip, Folder
from suites.clips.instrument import DIVERSITY, FILM
from suites.clips.seeds import Seeds

SECONDS = 8
JUDGE = JudgeId(kind="recorded", name="recorded")
Change = Callable[[str, np.ndarray], np.ndarray]


def film(rng: np.random.Generator, noise: float = 0.03, change: Change | None = None) -> Film:
    """A made-up film whose curves are level up to noise, unless changed."""
    level = dict.fromkeys(CURVES, 50.0) | {"speed": 0.02, "clipped_share": 0.01, FIRST: 0.1}
    curves = {name: value * np.exp(rng.normal(0, noise, SECONDS)) for name, value in level.items()}
    if change:
        curves = {name: change(name, values) for name, values in curves.items()}
    means = {name: float(np.median(values)) for name, values in curves.items()}
    return Film(
        width=448,
        height=256,
        frames=16 * SECONDS,
        fps=16.0,
        step=2,
        upscaled=False,
        floor=0.0016,
        values={**dict.fromkeys(METRICS, 1.0), **means},
        absent={},
        curves={name: tuple(values.tolist()) for name, values in curves.items()},
    )


def folder(prompts: int, seeds: int, **stated: str) -> Folder:
    clips = [
        Clip(f"p{p}__{s}", Key(f"p{p}", "", str(s)), Path(f"p{p}__{s}.mp4"), stated)
        for p in range(prompts)
        for s in range(seeds)
    ]
    return Folder(tuple(clips), (), False)


def plan_of(
    suite: str,
    films: Mapping[str, Mapping[Key, Film]],
    diversities: Mapping[str, Mapping[Key, Seeds]] | None = None,
    stated: Mapping[str, dict[str, str]] | None = None,
) -> tuple[TaskPlan, dict[str, dict[str, Answer]]]:
    """A task as planned with its replies, from made-up films; no file is read."""
    two_sided = suite == "distillation"
    task = Task(
        suite=suite, model="m", videos="v", reference="r" if films.get(sides.REFERENCE) else None
    )
    items, answers = [], {}
    for side, some in films.items():
        for key, one in some.items():
            clip = Clip(f"{key.prompt}__{key.seed}", key, None, dict((stated or {}).get(side, {})))
            kind = {distillation.KIND: distillation.VIDEO} if two_sided else {}
            (item,) = sides.side_items(task, Folder((clip,), (), False), side, **kind)
            item = msgspec.structs.replace(item, missing=None)
            items.append(item)
            answers[item.key] = {FILM.id: Answer(raw=msgspec.json.encode(one).decode())}
    for side, groups in (diversities or {}).items():
        for key, found in groups.items():
            item = distillation._group(task, side, key, [])
            items.append(item)
            answers[item.key] = {DIVERSITY: Answer(raw=msgspec.json.encode(found).decode())}
    return TaskPlan(task=task, judge=JUDGE, protocol={}, items=tuple(items)), answers


def keys(prompts: int, seeds: int) -> list[Key]:
    return [Key(f"p{p}", "", str(s)) for p in range(prompts) for s in range(seeds)]


def words(contrasts: list[Contrast]) -> dict[str, Outcome]:
    return {one.claim.split("/", 2)[2]: word(one, estimate(one)) for one in contrasts}


def slowed(name: str, values: np.ndarray) -> np.ndarray:
    return values * 0.5 if name == "speed" else values
