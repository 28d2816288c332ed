"""Two folders side by side: the student's or model's own, and the reference's, paired."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.errors import DataError
from harness.protocols import Answer, Contrast
from harness.records import VIDEO, Missing, Task, TaskPlan, WorkItem
from suites.clips import forecast, suite
from suites.clips.contrasts import UNPAIRED, Key
from suites.clips.film import Film
from suites.clips.folders import PROTOCOL, Folder, read_folder, some
from suites.clips.instrument import FILM, read_film
from suites.clips.measures.absent import Absent, Maybe
from suites.clips.precomputed import features_of
from suites.videos import artifact_of

SIDE, STUDENT, REFERENCE = "side", "student", "reference"
Films = dict[str, dict[Key, Film]]
Found = TypeVar("Found")
_SAME_RATE = 1e-3  # relative


def read_sides(task: Task, *, reference: bool | None, **labels: str) -> suite.Sides:
    """Return the videos of a task and those of its reference, where it names one, as work.

    Args:
        task: as asked for.
        reference: whether the suite needs one; None where it may have one.
        labels: of every video.

    Raises:
        ConfigError, DataError, PreconditionError: folders that cannot be read or paired.
    """
    mine = suite.folder_of(task, reference=reference)
    items = side_items(task, mine, STUDENT, **labels)
    if not task.reference:
        return suite.Sides((mine,), tuple(items), mine.notes)
    theirs = read_folder(Path(task.reference))
    said = (*check_pairs(mine, theirs), *forecast.unlike(mine, theirs))
    return suite.Sides(
        folders=(mine, theirs),
        items=(*items, *side_items(task, theirs, REFERENCE, **labels)),
        notes=(*mine.notes, *theirs.notes, *said),
        places={REFERENCE: task.reference},
    )


def side_items(task: Task, folder: Folder, side: str, **labels: str) -> list[WorkItem]:
    """Return the videos of a side as work; the model of the reference's is the reference."""
    items: list[WorkItem] = []
    model, role = ("", VIDEO) if side == STUDENT else (REFERENCE, REFERENCE)
    question = FILM if side == STUDENT else msgspec.structs.replace(FILM, media=(role,))
    for clip in folder.clips:
        item = suite.film_item(task, clip, {SIDE: side, **labels}, model, (question,))
        media = {role: item.artifact} if item.artifact and role != VIDEO else {}
        items.append(msgspec.structs.replace(item, media=media))
    return items


def with_features(sides: suite.Sides) -> suite.Sides:
    """Let every video be measured together with the features that lie beside it.

    Raises:
        DataError, PreconditionError: a video has none, or none that can be read.
    """
    names = dict(zip((STUDENT, REFERENCE), sides.folders, strict=False))
    paths = {
        (side, clip.id): clip.path
        for side, some in names.items()
        for clip in some.clips
        if clip.path
    }
    items: list[WorkItem] = []
    places = dict(sides.places)
    for item in sides.items:
        side = item.sample.labels[SIDE]
        if path := paths.get((side, item.sample.id)):
            file, role = features_of(path), f"features of {side}"
            places[role] = str(file.parent)
            roles = (VIDEO if side == STUDENT else REFERENCE, role)
            asked = tuple(msgspec.structs.replace(one, media=roles) for one in item.questions)
            media = {**item.media, role: artifact_of(file)}
            item = msgspec.structs.replace(item, questions=asked, media=media)
        items.append(item)
    return sides._replace(items=tuple(items), places=places)


def check_pairs(mine: Folder, theirs: Folder) -> list[str]:
    """Say how two folders pair; images that one side does not name are passed over.

    Raises:
        DataError: two videos of a side are then of one prompt and seed, or no video has a partner.
    """
    notes: list[str] = []
    keys = [{clip.key for clip in folder.clips} for folder in (mine, theirs)]
    if not (mine.images and theirs.images):
        if mine.images or theirs.images:
            notes.append(
                "conditioning images are named on one side only: paired by prompt and seed"
            )
        keys = [{without_image(key) for key in side} for side in keys]
    for side, folder in zip(keys, (mine, theirs), strict=True):
        if len(side) < len(folder.clips):
            raise DataError(
                "several conditioning images of one prompt and seed, and none on the other side",
                expected="an `image` column in the manifest.csv of both folders",
            )
    for side, role in zip(keys, (STUDENT, REFERENCE), strict=True):
        if not side:
            raise DataError(
                f"no video in the folder of the {role}", expected="<prompt>__<seed>.mp4"
            )
    alone = [sorted(key.title for key in side - other) for side, other in (keys, keys[::-1])]
    if not keys[0] & keys[1]:
        raise DataError(
            f"the two folders share no prompt and seed: {some(alone[0])} against {some(alone[1])}",
            expected="<prompt>__<seed>.mp4 of the same prompts and seeds on both sides",
            hint="name the videos alike, or list them in manifest.csv",
        )
    for name, some_alone in zip((STUDENT, REFERENCE), alone, strict=True):
        if some_alone:
            notes.append(f"without a partner, {name}: {len(some_alone)}: {some(some_alone)}")
    return notes


def without_image(key: Key) -> Key:
    """Return a key without its conditioning image."""
    return key._replace(image="")


def key_of(item: WorkItem) -> Key:
    """Return what pairs an item."""
    labels = item.sample.labels
    return Key(labels["prompt"], str(item.sample.inputs.get("image", "")), labels.get("seed", ""))


def keys_of(task: TaskPlan) -> dict[str, Key]:
    """Return the pairing key of every item by its own key, without images where a side has none."""
    found = {item.key: key_of(item) for item in task.items}
    named = {item.sample.labels[SIDE] for item in task.items if found[item.key].image}
    return found if len(named) != 1 else {name: without_image(key) for name, key in found.items()}


def films_of(task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]]) -> Films:
    """Return the films of both sides by what pairs them."""
    found: Films = {STUDENT: {}, REFERENCE: {}}
    keys = keys_of(task)
    for item in task.items:
        answer = answers.get(item.key, {}).get(FILM.id)
        film = None if answer is None else read_film(answer)
        if film is not None:
            found[item.sample.labels[SIDE]][keys[item.key]] = film
    return found


def lost(
    task: TaskPlan, answers: Mapping[str, Mapping[str, Answer]], asked: str, *only: str
) -> dict[Key, str]:
    """Return what was planned and could not be measured, with the reason.

    Args:
        task: as planned.
        answers: replies by item.
        asked: id of the question that measures.
        only: sides that count; all where none is named.
    """
    found: dict[Key, str] = {}
    keys = keys_of(task)
    for item in task.items:
        mine = not only or item.sample.labels[SIDE] in only
        if mine and asked in {question.id for question in item.questions}:
            answer = answers.get(item.key, {}).get(asked)
            if answer is None or answer.raw is None:
                absent = item.missing if answer is None else answer.missing
                found[keys[item.key]] = str(absent or Missing.UNSCORED)
    return found


def without(
    values: Mapping[str, Mapping[Key, Found]], gone: Iterable[Key]
) -> dict[str, dict[Key, Found]]:
    """Return both sides without some pairs."""
    out = set(gone)
    return {
        side: {key: value for key, value in some.items() if key not in out}
        for side, some in values.items()
    }


def counted(contrast: Contrast, gone: Mapping[Key, str]) -> Contrast:
    """Return a question with what could not be measured among what is missing."""
    return msgspec.structs.replace(contrast, missing={**contrast.missing, **Counter(gone.values())})


def mismatch(task: TaskPlan, films: Films, but: Collection[str] = ()) -> str:
    """Say how partners were not made alike; an empty string where nothing differs.

    Args:
        task: as planned.
        films: of both sides.
        but: fields that may differ.
    """
    keys = keys_of(task)
    stated: dict[str, dict[Key, dict[str, object]]] = {STUDENT: {}, REFERENCE: {}}
    for item in task.items:
        stated[item.sample.labels[SIDE]][keys[item.key]] = dict(item.sample.inputs)
    for key in sorted(films[STUDENT].keys() & films[REFERENCE].keys()):
        for name in PROTOCOL:
            mine, theirs = (stated[side].get(key, {}).get(name) for side in (STUDENT, REFERENCE))
            if mine != theirs:
                return _mismatch(name, mine or "not stated", theirs or "not stated", key)
        for name, mine, theirs in _unlike(films[STUDENT][key], films[REFERENCE][key]):
            if name not in but:
                return _mismatch(name, mine, theirs, key)
    return ""


def _unlike(mine: Film, theirs: Film) -> Iterator[tuple[str, object, object]]:
    """Yield the fields that two films differ in, with their values."""
    size, other = (f"{film.width}x{film.height}" for film in (mine, theirs))
    if size != other:
        yield "size", size, other
    if mine.frames != theirs.frames:
        yield "frames", mine.frames, theirs.frames
    rate, pace = mine.fps or 0.0, theirs.fps or 0.0
    if not math.isclose(rate, pace, rel_tol=_SAME_RATE):
        yield "rate", f"{rate:.3f}", f"{pace:.3f}"


def _mismatch(field: str, mine: object, theirs: object, key: Key) -> str:
    return f"protocol_mismatch: {field}, {mine} against {theirs} ({key.title})"


def paired_values(
    mine: Mapping[Key, Maybe], theirs: Mapping[Key, Maybe]
) -> tuple[dict[Key, tuple[float, float]], dict[str, int]]:
    """Return the pairs with a number on both sides, and how many have none by reason."""
    missing = Counter({UNPAIRED: len(mine.keys() ^ theirs.keys())})
    found: dict[Key, tuple[float, float]] = {}
    for key in sorted(mine.keys() & theirs.keys()):
        sides = mine[key], theirs[key]
        reason = next((str(one) for one in sides if isinstance(one, Absent)), None)
        if reason:
            missing[reason] += 1
        else:
            found[key] = float(sides[0]), float(sides[1])
    return found, dict(+missing)


def by_prompt(values: Mapping[Key, float]) -> dict[str, tuple[float, ...]]:
    """Return values by prompt, those of its seeds together."""
    found: dict[str, list[float]] = {}
    for key, value in sorted(values.items()):
        found.setdefault(key.prompt, []).append(value)
    return {prompt: tuple(some) for prompt, some in found.items()}
