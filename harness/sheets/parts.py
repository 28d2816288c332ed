"""Cells that print several values side by side, as 81.2/74.5 under EM/F1: a column of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.sheets.grid import Line, Piece
from harness.sheets.layout import Block
from harness.sheets.markup import Marked
from harness.sheets.numerals import OPEN, read_number

LEAST_CELLS, MOST_PARTS = 2, 4
_NAMES = (
    re.compile(r"\(([^()]+)\)"),
    re.compile(r"(.* / .*)"),
    re.compile(r"([^\s(){}/]+(?:/[^\s(){}/]+)+)"),
)
_EMPTY = re.compile(r"\(\s*\)|[_^]\{\s*\}")
_ARROW = re.compile(r"\s*[↑↓]\s*\Z")


def parted(block: Block) -> Block:
    """Return a block with a column for each of the values that a column's cells print.

    All of them print as many, and the header names as many, or another column does the same.
    Whole numbers are k of n, unless the header names them and some k exceeds its n. Which part a
    mark is about cannot be known: parts have none.
    """
    lines = [line for _, _, line in block.body]
    texts = [[_at(line, place) for line in lines] for place in range(_width(lines))]
    printed = {place: _count(cells) for place, cells in enumerate(texts)}
    several = sum(n > 1 for n in printed.values()) > 1
    named = {place for place, n in printed.items() if _is_named(block.header, place, n)}
    split = {
        place: n
        for place, n in printed.items()
        if n > 1 and (place in named or (several and not _is_whole(texts[place])))
    }
    if not split:
        return block
    last = block.header[-1] if block.header else None
    return replace(
        block,
        header=[
            level
            for line in block.header
            for level in _headed(line, split, set(split) - named if line is last else set())
        ],
        body=[(groups, group, _divided(line, split)) for groups, group, line in block.body],
        counts=[_divided(line, split) for line in block.counts],
    )


def _width(lines: Sequence[Line]) -> int:
    return max((len(line.pieces) for line in lines), default=0)


def _at(line: Line, place: int) -> str:
    return line.pieces[place].said.code if place < len(line.pieces) else ""


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("/")]


def _count(cells: Sequence[str]) -> int:
    """Return how many numbers each cell of a column prints; 1 where they differ."""
    filled = [_parts(cell) for cell in cells if cell.lower() not in OPEN]
    counts = {len(parts) for parts in filled}
    if len(filled) < LEAST_CELLS or len(counts) > 1 or max(counts) > MOST_PARTS:
        return 1
    said = [part for parts in filled for part in parts]
    if not all(part.lower() in OPEN or read_number(part).number for part in said):
        return 1
    return 1 if _is_whole(cells) and not _exceeds(cells) else counts.pop()


def _is_whole(cells: Sequence[str]) -> bool:
    """Say whether all cells read as k of n."""
    filled = [cell for cell in cells if cell.lower() not in OPEN]
    return all((one := read_number(cell).number) is not None and bool(one.n) for cell in filled)


def _exceeds(cells: Sequence[str]) -> bool:
    numbers = [one for cell in cells if (one := read_number(cell).number)]
    return any((one.k or 0) > (one.n or 0) for one in numbers)


def _names(text: str, n: int) -> tuple[str, list[str]]:
    """Return what a header calls n parts: ``Avg. (EM/F1)`` is Avg., of EM and of F1."""
    for pattern in _NAMES:
        found = pattern.search(text)
        parts = _parts(found[1]) if found else []
        if found and len(parts) == n and all(parts):
            outer = _EMPTY.sub("", text[: found.start(1)] + text[found.end(1) :]).strip()
            arrow = _ARROW.search(parts[-1])
            return outer + (arrow[0] if arrow else ""), parts
    return text, []


def _is_named(header: Sequence[Line], place: int, n: int) -> bool:
    return n > 1 and any(_names(_at(line, place), n)[1] for line in header)


def _headed(line: Line, split: Mapping[int, int], unnamed: set[int]) -> tuple[Line, Line]:
    """Return a line of the header as two levels: the columns, and their parts.

    Unnamed parts are numbered; other columns have the same name in both.
    """
    above: list[Piece] = []
    below: list[Piece] = []
    for place, piece in enumerate(line.pieces):
        n = split.get(place, 1)
        outer, parts = _names(piece.said.code, n) if n > 1 else (piece.said.code, [])
        if place in unnamed:
            parts = [f"{k} of {n}" for k in range(1, n + 1)]
        for part in parts or [outer] * n:
            above.append(Piece(Marked(outer or part), max(piece.span, n), piece.copied))
            below.append(Piece(Marked(part), piece.span, piece.copied))
    return Line(above, line.number), Line(below, line.number)


def _divided(line: Line, split: Mapping[int, int]) -> Line:
    """Return a line with a place for each part; a cell of one text stands in all of them."""
    pieces: list[Piece] = []
    for place, piece in enumerate(line.pieces):
        n = split.get(place, 1)
        parts = _parts(piece.said.code)
        several = n > 1 and len(parts) == n
        pieces += [Piece(Marked(part)) for part in parts] if several else [piece] * n
    return Line(pieces, line.number)
