"""Which video belongs to which caption: by number, by the caption's own name, or by a map.

Names are compared, never joined to paths, so a caption cannot name a file outside the folder.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from harness.errors import DataError

MAP_FILE = "videos.csv"
"""A file of this name in the folder says which video shows which caption, whatever the names."""

HEADER = ("videopath", "caption")
_TAKE = re.compile(r"_\d+\Z")


def underscored(caption: str) -> str:
    """Return a caption as the annotated videos are named: blanks become underscores."""
    return caption.replace(" ", "_")


def match_names(captions: Sequence[str], names: Iterable[str]) -> dict[int, str]:
    """Return the file name of each caption's video, by the caption's position.

    Accepted are ``<position>.mp4`` (from 0, zero-padded or not) and the underscored caption,
    with or without its final period and a ``_<k>`` behind it.

    Raises:
        DataError: two files claim one caption, one file two captions, or the folder mixes both
            ways.
    """
    forms = _forms(captions)
    numbered: dict[int, list[str]] = {}
    named: dict[int, list[str]] = {}
    for name in sorted(names):
        stem, dot, suffix = name.rpartition(".")
        if not dot or suffix.lower() != "mp4":
            continue
        if stem.isascii() and stem.isdecimal():
            if int(stem) < len(captions):
                numbered.setdefault(int(stem), []).append(name)
            continue
        claimed = forms.get(stem, set()) | forms.get(_TAKE.sub("", stem), set())
        if len(claimed) > 1:
            texts = " and ".join(repr(captions[index]) for index in sorted(claimed))
            raise DataError(
                f"{name!r} may be meant for several captions", where=texts, hint=_GIVE_MAP
            )
        for index in claimed:
            named.setdefault(index, []).append(name)
    if numbered and named:
        raise DataError(
            "the folder names some videos by number and some by caption",
            expected="one way of naming, or a map",
            where=f"{next(iter(numbered.values()))[0]} and {next(iter(named.values()))[0]}",
            hint=_GIVE_MAP,
        )
    return _single(captions, numbered or named)


_GIVE_MAP = f"leave one video per caption, or put a map {MAP_FILE} with the header " + ",".join(
    HEADER
)


def _forms(captions: Sequence[str]) -> dict[str, set[int]]:
    """Return the captions that a file stem without ``_<k>`` may stand for."""
    forms: dict[str, set[int]] = {}
    for index, caption in enumerate(captions):
        for text in (caption, caption.removesuffix(".")):
            forms.setdefault(underscored(text), set()).add(index)
    return forms


def _single(captions: Sequence[str], found: Mapping[int, list[str]]) -> dict[int, str]:
    double = {index: files for index, files in found.items() if len(files) > 1}
    if double:
        index, files = next(iter(double.items()))
        raise DataError(
            f"{len(double)} captions have several videos, e.g. {', '.join(files)}",
            where=f"caption {index}: {captions[index]!r}",
            hint=_GIVE_MAP,
        )
    return {index: files[0] for index, files in found.items()}


def read_map(text: str, where: str, captions: Sequence[str]) -> dict[int, str]:
    """Return the file name of each caption's video from an explicit map.

    The map has the format of the judge's input: header ``videopath,caption``. Only the last part
    of a path counts, since all videos lie in the folder of the map.

    Raises:
        DataError: another header, an incomplete row, a text that is no caption, or a caption or
            video that stands twice.
    """
    positions = {caption: index for index, caption in enumerate(captions)}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[int, str] = {}
    try:
        header = next(reader, [])
        if tuple(header) != HEADER:
            raise DataError(
                f"the header {','.join(header)!r}", where=where, expected=",".join(HEADER)
            )
        for row in reader:
            line = f"{where}, line {reader.line_num}"
            if len(row) != len(HEADER):
                raise DataError(f"{len(row)} columns", where=line, expected=",".join(HEADER))
            name, caption = PurePosixPath(row[0]).name, row[1]
            if caption not in positions:
                raise DataError(
                    f"{caption!r} is no caption of the benchmark",
                    where=line,
                    expected="the original caption with its final period",
                )
            if positions[caption] in found or name in found.values():
                raise DataError("a caption or a video stands twice", where=line)
            found[positions[caption]] = name
    except csv.Error as error:
        raise DataError(f"not CSV: {error}", where=f"{where}, line {reader.line_num}") from error
    return found
