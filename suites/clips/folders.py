"""Folders of generated videos: one a model, ``<prompt>__<seed>.mp4``, or listed in a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import DataError
from harness.reading import csv_rows, read_text
from suites.clips.contrasts import Key
from suites.videos import is_file_name, listing, printable

MANIFEST = "manifest.csv"
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
COLUMNS = ("file", "prompt", "seed")
STATED = ("steps", "cfg", "shift", "rewritten")
"""Optional columns on how a video was made."""
PROTOCOL = ("shift", "rewritten")
"""Those of them that both sides of a comparison must share."""
_SHOWN = 5


class Clip(NamedTuple):
    """One video of a folder; ``path`` is None where a manifest lists what is not there."""

    id: str
    key: Key
    path: Path | None
    stated: dict[str, str]


class Folder(NamedTuple):
    """The videos of a model, by id, and what to know about them."""

    clips: tuple[Clip, ...]
    notes: tuple[str, ...]
    images: bool  # whether conditioning images are named

    @property
    def prompts(self) -> list[str]:
        """Return the prompts in order."""
        return sorted({clip.key.prompt for clip in self.clips})


def read_folder(folder: Path) -> Folder:
    """Return the videos of a folder.

    Raises:
        PreconditionError: it cannot be listed.
        DataError: the manifest is wrong, or two videos are of one prompt, image and seed.
    """
    files = listing(folder)
    if MANIFEST in files:
        found = _listed(files)
        images = any(clip.key.image for clip in found)
    else:
        found = [_named(path) for name, path in files.items() if _is_video(name)]
        images = False
    _refuse_twice(found, folder)
    used = {clip.path.name for clip in found if clip.path} | {MANIFEST}
    ignored = sorted(printable(name) for name in files.keys() - used)
    notes = (
        [f"{folder.name}: {len(ignored)} files are not used: {some(ignored)}"] if ignored else []
    )
    absent = [clip.id for clip in found if clip.path is None]
    if absent:
        notes.append(f"{folder.name}: listed and absent: {some(absent)}")
    return Folder(tuple(sorted(found, key=lambda clip: clip.id)), tuple(notes), images)


def some(names: Sequence[str]) -> str:
    """Return the first few names and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _is_video(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _named(path: Path) -> Clip:
    stem = printable(path.stem)
    prompt, divider, seed = stem.rpartition("__")
    key = Key(prompt, "", seed) if divider and prompt else Key(stem, "", "0")
    return Clip(stem, key, path, {})


def _listed(files: dict[str, Path]) -> list[Clip]:
    where = files[MANIFEST]
    found: list[Clip] = []
    for line, row in csv_rows(read_text(where), str(where), COLUMNS):
        name, prompt, seed = (row[column].strip() for column in COLUMNS)
        if not is_file_name(name) or not prompt or not seed:
            raise DataError(
                f"file {name!r}, prompt {prompt!r}, seed {seed!r}",
                where=f"{where}:{line}",
                expected="the name of a file in this folder, a prompt and a seed",
            )
        stated = {column: row[column].strip() for column in STATED if row.get(column, "").strip()}
        key = Key(prompt, row.get("image", "").strip(), seed)
        found.append(Clip(Path(name).stem, key, files.get(name), stated))
    return found


def _refuse_twice(clips: Iterable[Clip], folder: Path) -> None:
    clips = list(clips)
    for parts in ([clip.key for clip in clips], [clip.id for clip in clips]):
        twice = [one for one, times in Counter(parts).items() if times > 1]
        if twice:
            name = twice[0].title if isinstance(twice[0], Key) else twice[0]
            raise DataError(
                f"two videos of {name!r}",
                where=str(folder),
                expected="one video for each prompt and seed",
                hint="rename or move one of them, or list the right ones in manifest.csv",
            )
