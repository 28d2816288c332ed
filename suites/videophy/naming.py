"""Which video belongs to which caption: by number, by the caption's own name, or by a map.

Names are compared, never joined to paths, so a caption cannot name a file outside the folder.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.errors import DataError

_TAKE = re.compile(r"_\d+\Z")


def underscored(caption: str) -> str:
    """Return a caption as the annotated videos are named: blanks become underscores."""
    return caption.replace(" ", "_")


def match_names(captions: Sequence[str], names: Iterable[str]) -> dict[int, str]:
    """Return the file name of each caption's video, by the caption's position.

    Accepted are ``<position>.mp4`` (from 0, zero-padded or not) and the underscored caption,
    with or without its final period and a ``_<k>`` behind it.

    Raises:
        DataError: two files claim one caption, or the folder mixes both ways.
    """
    by_name: dict[str, int] = {}
    for index, caption in enumerate(captions):
        for form in (underscored(caption), underscored(caption.rstrip("."))):
            by_name.setdefault(form, index)
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
        index = by_name.get(stem, by_name.get(_TAKE.sub("", stem)))
        if index is not None:
            named.setdefault(index, []).append(name)
    if numbered and named:
        raise DataError(
            "the folder names some videos by number and some by caption",
            expected="one way of naming, or a map",
            where=f"{next(iter(numbered.values()))[0]} and {next(iter(named.values()))[0]}",
        )
    found = numbered or named
    double = {index: files for index, files in found.items() if len(files) > 1}
    if double:
        index, files = next(iter(double.items()))
        raise DataError(
            f"{len(double)} captions have several videos, e.g. {', '.join(files)}",
            where=f"caption {index}: {captions[index]!r}",
            hint="leave one video per caption, or give a map",
        )
    return {index: files[0] for index, files in found.items()}


def judge_csv(folder: Path, videos: Mapping[int, str], captions: Sequence[str]) -> str:
    """Return the judge's input: header ``videopath,caption``, the caption unchanged."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("videopath", "caption"))
    for index, name in sorted(videos.items()):
        writer.writerow((str(folder / name), captions[index]))
    return out.getvalue()
