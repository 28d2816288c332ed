"""``distillation``: whether a student moves as its teacher does, and is as diverse.

Both sides are paired by prompt, conditioning image and seed. Beside the ratio of motion stands the
control arm: one seed of the teacher against another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.columns import average
from harness.contrasts import estimate
from harness.outcomes import Outcome
from harness.protocols import Answer, Column, Contrast, Value, Workload
from harness.records import (
    Cell,
    Drawing,
    Question,
    Reported,
    Sample,
    Task,
    TaskPlan,
    WorkItem,
)
from suites.clips import draw, forecast, suite
from suites.clips.contrasts import (
    Key,
    Logs,
    Reading,
    drift_contrast,
    outcome_of,
    pair_logs,
    ratio_contrast,
    with_sharpness,
)
from suites.clips.film import Film
from suites.clips.folders import Folder
from suites.clips.instrument import DIVERSITY, FILM, JUDGE, read_film, read_seeds
from suites.clips.measures.absent import Absent, Maybe
from suites.clips.measures.diversity import FEWEST_ITEMS, discrepancy, vendi_ratio
from suites.clips.precomputed import features_of
from suites.clips.seeds import PARTS, Seeds
from suites.clips.settings import FEATURES, POOLED, Settings, settings_of
from suites.clips.sides import (
    REFERENCE,
    SIDE,
    STUDENT,
    Films,
    by_prompt,
    counted,
    films_of,
    key_of,
    lost,
    mismatch,
    paired_values,
    read_sides,
    without,
    without_image,
)
from suites.videos import artifact_of, item_of

FILMED = ("speed", "sharpness_normalised")
PART = {part: f"{DIVERSITY}_{part}" for part in PARTS}
"""Metrics of what diversity is of, beside the whole."""
DIVERSITIES = (DIVERSITY, *PART.values())
METRICS = (*FILMED, *DIVERSITIES)
KIND, VIDEO, PROMPT = "kind", "video", "prompt"
_SHARP = "sharpness_normalised"
LEAST_SEEN = 0.1
"""Contrast and colourfulness, of 0 to 255, below which a video has none, for their ratio."""
_DRAWS = 999  # random splits of videos into two sides


def columns() -> tuple[Column, ...]:
    """Return speed, sharpness and diversity of either side."""
    parts = {metric: part.capitalize() for part, metric in PART.items()}
    titles = {"speed": "Speed", _SHARP: "Sharp./contr.²", DIVERSITY: "Diversity", **parts}
    return tuple(
        suite.column(
            metric if side == STUDENT else f"{side}_{metric}",
            f"{title}, {side}",
            weights={metric: 1.0},
            where={SIDE: side, KIND: PROMPT if metric in DIVERSITIES else VIDEO},
        )
        for metric, title in reversed(titles.items())
        for side in (REFERENCE, STUDENT)
    )


class Distillation(suite.ClipSuite):
    """A student's videos held against its teacher's; see ``README.md``."""

    info = suite.declared(
        "distillation",
        "Distillation",
        METRICS,
        columns(),
        "distance",
        needs="videos of teacher and student for the same prompts and seeds; no GPU, no download",
    )

    def load(self, task: Task, assets: Path | None) -> Workload:
        """Read both folders; prompts with two common seeds are asked how diverse they are."""
        found = read_sides(task, reference=True, **{KIND: VIDEO})
        mine, theirs = found.folders
        groups, places = _groups(task, mine, theirs)
        seeds = len(mine.clips) / max(1, len(mine.prompts))
        said = forecast.power(len(mine.prompts), seeds, settings_of(task).ratio)
        whole = found._replace(
            items=(*found.items, *groups),
            notes=(*found.notes, said),
            places={**found.places, **places},
        )
        return suite.workload(task, whole, assets)

    def score(
        self, item: WorkItem, answers: Mapping[str, Answer], scorer: str, task: Task
    ) -> Sequence[Value]:
        """Return speed and sharpness of a video, or the diversity of a prompt."""
        if item.sample.labels[KIND] == VIDEO:
            answer, film = answers[FILM.id], read_film(answers[FILM.id])
            rest = [suite.undefined(name, "of prompts") for name in DIVERSITIES]
            known = suite.unanswered(FILMED, answer) if film is None else None
            return [*(known or suite.film_values(film, FILMED)), *rest]  # type: ignore[arg-type]
        answer, rest = answers[DIVERSITY], [suite.undefined(name, "of videos") for name in FILMED]
        seeds = read_seeds(answer)
        if seeds is None:
            return [*rest, *suite.unanswered(DIVERSITIES, answer)]
        found = {DIVERSITY: seeds.value, **{PART[part]: x for part, x in seeds.parts.items()}}
        return [
            *rest,
            *(
                suite.undefined(name, seeds.reason or seeds.unknown)
                if (value := found.get(name)) is None
                else Value(metric=name, value=value)
                for name in DIVERSITIES
            ),
        ]

    def contrasts(
        self, task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]
    ) -> Sequence[Contrast]:
        """Ask whether motion and diversity are preserved."""
        settings, gone = settings_of(task.task), lost(task, answers, FILM.id)
        films = without(films_of(task, answers), gone)
        barred = mismatch(task, films)
        diversity = diversity_ratio(task, answers, settings)
        return [
            msgspec.structs.replace(one, barred=barred)
            for one in (
                counted(motion_ratio(task, films, settings), gone),
                beside_colour(diversity, films, settings),
            )
        ]

    def drawings(
        self,
        task: TaskPlan,
        cells: Sequence[Cell],
        answers: Mapping[str, Mapping[str, Answer]],
        published: Sequence[Reported],
    ) -> Sequence[Drawing]:
        """Return curves, the pairs that differ most in speed, and motion against diversity."""
        films = films_of(task, answers)

        def fault(key: Key, film: Film) -> float | None:
            partner = films[REFERENCE].get(key)
            mine, theirs = (one and one.values.get("speed", one.floor) for one in (film, partner))
            return abs(math.log(mine / theirs)) if mine and theirs else None

        sheets = draw.worst(task, films, fault, "difference of log speed")
        places = _places(task, films, answers)
        plane = draw.plane(task, places, settings_of(task.task).distance)
        return [draw.curves(task, films), plane, *([sheets] if sheets else [])]


def _places(
    task: TaskPlan, films: Films, answers: Mapping[str, Mapping[str, Answer]]
) -> dict[str, list[tuple[float, float]]]:
    """Return speed and diversity of every prompt that has both, by side."""
    names = {STUDENT: task.task.model, REFERENCE: "reference"}
    diverse = _diversities(task, answers)
    found: dict[str, list[tuple[float, float]]] = {}
    for side, name in names.items():
        speeds: dict[Key, list[float]] = {}
        for key, film in films[side].items():
            if "speed" in film.values:
                speeds.setdefault(key._replace(seed=""), []).append(film.values["speed"])
        found[name] = [
            (average(speeds[group]), value)
            for group, value in diverse[side].items()
            if group in speeds and not isinstance(value, Absent)
        ]
    return found


def _diversities(
    task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]
) -> dict[str, dict[Key, Maybe]]:
    """Return the diversity of every prompt, by side."""
    sides: dict[str, dict[Key, Maybe]] = {STUDENT: {}, REFERENCE: {}}
    for item, found in _seeds(task, answers):
        value = Absent(found.reason) if found.value is None else found.value
        sides[item.sample.labels[SIDE]][key_of(item)] = value
    return sides


def _floors(task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]) -> list[float]:
    """Return how far clips are from their own re-encoding."""
    return [found.floor for _, found in _seeds(task, answers) if found.floor is not None]


def _seeds(
    task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]
) -> Iterator[tuple[WorkItem, Seeds]]:
    """Yield every prompt of a side with what was measured of its seeds."""
    for item in task.items:
        answer = answers.get(item.key, {}).get(DIVERSITY)
        found = None if answer is None else read_seeds(answer)
        if found is not None:
            yield item, found


def _groups(task: Task, mine: Folder, theirs: Folder) -> tuple[list[WorkItem], dict[str, str]]:
    """Return the common seeds of every prompt as work, a side at a time, and where files lie."""
    named = mine.images and theirs.images
    sides = [
        {clip.key if named else without_image(clip.key): clip for clip in folder.clips if clip.path}
        for folder in (mine, theirs)
    ]
    by_group: dict[Key, list[Key]] = {}
    for key in sorted(sides[0].keys() & sides[1].keys()):
        by_group.setdefault(key._replace(seed=""), []).append(key)
    items: list[WorkItem] = []
    folders: dict[str, str] = {}
    precomputed = settings_of(task).distance == FEATURES
    for side, clips in zip((STUDENT, REFERENCE), sides, strict=True):
        for group, keys in by_group.items():
            paths = [path for key in keys if (path := clips[key].path)]
            if len(paths) > 1:
                paths = [features_of(path) for path in paths] if precomputed else paths
                item = _group(task, side, group, paths)
                items.append(item)
                folders |= dict.fromkeys(item.media, str(paths[0].parent))
    return items, folders


def _group(task: Task, side: str, group: Key, paths: Sequence[Path]) -> WorkItem:
    media = {f"{side} {number}": artifact_of(path) for number, path in enumerate(paths)}
    sample = Sample(
        id=group.title,
        suite=task.suite,
        cluster=group.prompt,
        labels={"prompt": group.prompt, SIDE: side, KIND: PROMPT},
        inputs={
            "image": group.image,
            "seeds": len(media),
            **{n: a.sha256 for n, a in media.items()},
        },
    )
    question = Question(id=DIVERSITY, judge=JUDGE, media=tuple(media))
    model = "" if side == STUDENT else REFERENCE
    return msgspec.structs.replace(item_of(task, sample, (question,), model=model), media=media)


def motion_ratio(task: TaskPlan, films: Films, settings: Settings) -> Contrast:
    """Ask whether the student moves as much as the teacher, with sharpness and the control arm."""
    found = _speed_logs(films[STUDENT], films[REFERENCE])
    asked = ratio_contrast(
        "motion",
        found,
        settings.ratio,
        claim=f"distillation/{task.task.model}/motion_ratio",
        statement=f"{task.task.model} moves as much as its teacher",
    )
    asked = with_sharpness(asked, _sharpness(films, settings))
    control = _control(films[REFERENCE], settings)
    if control is None:
        return _noted(asked, "no control arm: the reference has one seed a prompt")
    measured, outcome = estimate(control), outcome_of(control)
    if measured.value is None:
        return asked
    ends = "" if measured.lo is None else f" [{measured.lo:.3f}, {measured.hi:.3f}]"
    said = f"control arm, teacher's seeds against each other: {measured.value:.3f}{ends}, {outcome}"
    if outcome in (Outcome.PRESERVED, Outcome.OPEN_MARGIN):
        return _noted(asked, said)
    return msgspec.structs.replace(asked, doubt=said)


def _noted(contrast: Contrast, note: str) -> Contrast:
    return msgspec.structs.replace(contrast, notes=(*contrast.notes, note))


def _speed_logs(mine: Mapping[Key, Film], theirs: Mapping[Key, Film]) -> Logs:
    """Pair speeds; one below its floor stays in as a bound, one absent otherwise is counted."""
    absent = Counter(
        reason
        for key in mine.keys() & theirs.keys()
        if (reason := _no_speed(mine[key]) or _no_speed(theirs[key]))
    )
    sides = [
        {
            key: Reading(film.values.get("speed"), film.floor or 0.0)
            for key, film in side.items()
            if not any(_no_speed(other[key]) for other in (mine, theirs) if key in other)
        }
        for side in (mine, theirs)
    ]
    found = pair_logs(*sides)
    return found._replace(missing={**found.missing, **absent})


def _no_speed(film: Film) -> str:
    reason = film.absent.get("speed", "")
    return "" if reason == Absent.BELOW_FLOOR else reason


def _sharpness(films: Films, settings: Settings) -> Contrast:
    """Ask whether the student is as sharp as the teacher."""
    return drift_contrast(by_prompt(_log_ratios(films, _SHARP)), settings.margins[_SHARP])


def _log_ratios(films: Films, metric: str, least: float = 0.0) -> dict[Key, float]:
    """Return the logarithm of student over teacher of every pair that has both.

    What lies below ``least`` counts as that; without it, what is 0 is left out.
    """
    sides = [
        {
            key: max(value, least)
            for key, film in films[side].items()
            if (value := film.values.get(metric)) is not None and max(value, least) > 0
        }
        for side in (STUDENT, REFERENCE)
    ]
    pairs, _ = paired_values(*sides)
    return {key: math.log(mine / theirs) for key, (mine, theirs) in pairs.items()}


def beside_colour(diversity: Contrast, films: Films, settings: Settings) -> Contrast:
    """Doubt an answer on diversity that a change of contrast or colour may have made.

    A distance of pixels grows with both: a washed out student looks homogenised, a saturated one
    diversified. The answer must stay the same once the larger of the two changes is taken away.
    """
    changes = {
        name: average(list(found.values()))
        for name in ("contrast", "colourfulness")
        if (found := _log_ratios(films, name, LEAST_SEEN))
    }
    if not changes:
        return diversity
    said = ", ".join(f"{name} {change:+.2f}" for name, change in changes.items())
    diversity = _noted(diversity, f"beside it, in logarithms: {said}")
    if settings.distance != POOLED:
        return diversity
    outcome = outcome_of(diversity)
    if all(
        outcome_of(_without(diversity, end(0.0, *changes.values()))) is outcome
        for end in (min, max)
    ):
        return diversity
    doubt = f"{outcome} by itself, but not without the change of colour or contrast"
    return msgspec.structs.replace(diversity, doubt=doubt)


def _without(contrast: Contrast, change: float) -> Contrast:
    """Return a question with a change taken out of every logarithm."""
    logs = {unit: tuple(x - change for x in some) for unit, some in contrast.logs.items()}
    return msgspec.structs.replace(contrast, logs=logs)


def _control(teacher: Mapping[Key, Film], settings: Settings) -> Contrast | None:
    """Ask whether two seeds of the teacher move alike; None where no prompt has two."""
    seeds: dict[Key, list[Key]] = {}
    for key in sorted(teacher):
        seeds.setdefault(key._replace(seed=""), []).append(key)
    twice = {group: keys for group, keys in seeds.items() if len(keys) > 1}
    if not twice:
        return None
    first, second = (
        {group: teacher[keys[place]] for group, keys in twice.items()} for place in (0, 1)
    )
    return ratio_contrast("motion", _speed_logs(first, second), settings.ratio)


def diversity_ratio(
    task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]], settings: Settings
) -> Contrast:
    """Ask whether the seeds of a prompt are as unlike as the teacher's."""
    gone = lost(task, answers, DIVERSITY)
    sides = without(_diversities(task, answers), gone)
    pairs, missing = paired_values(sides[STUDENT], sides[REFERENCE])
    if not (sides[STUDENT] or sides[REFERENCE] or gone):
        missing = {Absent.ONE_SEED.value: len({item.sample.cluster for item in task.items})}
    measured = _floors(task, answers)
    floor = settings.distance_floor or max(measured, default=0.0)
    mine, theirs = (
        {key: Reading(values[side], floor) for key, values in pairs.items()} for side in (0, 1)
    )
    logs = pair_logs(mine, theirs)
    said = f"distance {settings.distance}, noise floor {floor:.4g}"
    if measured:
        said += f"; clips are up to {max(measured):.4g} from their own re-encoding"
    of_parts = _ratios_of_parts(task, answers)
    asked = ratio_contrast(
        "diversity",
        logs._replace(missing={**missing, **logs.missing}),
        settings.ratio,
        claim=f"distillation/{task.task.model}/diversity_ratio",
        statement=f"seeds of one prompt of {task.task.model} are as unlike as its teacher's",
        notes=(
            said,
            *([f"ratios by what is compared: {of_parts}"] if of_parts else []),
            *_by_features(task, answers),
        ),
    )
    return counted(asked, gone)


def _by_features(task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]) -> Iterator[str]:
    """Say what features of videos show beside their cosines: Vendi scores and MMD^2."""
    sides: dict[str, dict[Key, NDArray[np.float64]]] = {STUDENT: {}, REFERENCE: {}}
    for item, found in _seeds(task, answers):
        if found.means:
            sides[item.sample.labels[SIDE]][key_of(item)] = np.array(found.means)
    if not all(sides.values()):
        return
    scores = [
        vendi_ratio(mine, sides[REFERENCE][key])
        for key, mine in sides[STUDENT].items()
        if key in sides[REFERENCE]
    ]
    logs = [math.log(one) for one in scores if not isinstance(one, Absent)]
    if logs:
        yield f"ratio of Vendi scores {math.exp(average(logs)):.3f} over {len(logs)} prompts"
    videos = [np.concatenate([*side.values()]) for side in sides.values()]
    found = discrepancy(videos[0], videos[1], draws=_DRAWS)
    counts = " and ".join(str(len(side)) for side in videos)
    if isinstance(found.mmd2, Absent):
        yield f"no MMD² of {counts} videos: {found.mmd2}, {FEWEST_ITEMS} a side are needed"
    else:
        yield f"MMD² {found.mmd2:.4g} of {counts} videos, kernel (x·y/size)², p = {found.p:.3g}"


def _ratios_of_parts(task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]) -> str:
    """Say the ratio of diversity by look, layout and background, each over prompts that have it."""
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    sides: dict[str, dict[Key, Seeds]] = {STUDENT: {}, REFERENCE: {}}
    for item, seeds in _seeds(task, answers):
        sides[item.sample.labels[SIDE]][key_of(item)] = seeds
    for key in sides[STUDENT].keys() & sides[REFERENCE].keys():
        mine, theirs = (sides[side][key].parts for side in (STUDENT, REFERENCE))
        for part in PARTS:
            if mine.get(part) and theirs.get(part):
                found[part].append(math.log(mine[part] / theirs[part]))
    return ", ".join(f"{part} {math.exp(average(x)):.2f}" for part, x in found.items() if x)


SUITE = Distillation()
