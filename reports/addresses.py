"""Lasting addresses: how ids, statements and printed cells are named in a page and on a line."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from harness.packs.tables import Table
from harness.records import Verdict

Place = tuple[str, str]
"""File and line of a printed cell."""
NAMINGS = (
    ("model",),
    ("model", "variant"),
    ("model", "params_b"),
    ("model", "params_b", "variant"),
    ("benchmark", "model", "params_b", "variant", "subset"),
    ("benchmark", "model", "params_b", "variant", "subset", "line"),
)
"""What may name a row, from the shortest: a cell takes the first that no other cell shares."""


def anchor(*parts: object) -> str:
    """Return a page anchor that no id can break: letters and digits of a hash."""
    return "x" + hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:12]


def address(name: str) -> str:
    """Return the lasting anchor of an id: itself as far as a page can carry it.

    Spaces become underscores; an id with other letters gets a hash, so that no two meet.

    >>> address("A.success.average.Model-0.7"), address("a.x/A B")
    ('A.success.average.Model-0.7', 'a.x/A_B')
    """
    spaced = name.replace(" ", "_")
    plain = re.sub(r"[^\w.:;=@+/~()-]", "_", spaced, flags=re.ASCII)[:120]
    return plain if plain == spaced and plain else f"{plain}~{anchor(name)[:7]}"


def claim_address(verdict: Verdict) -> str:
    """Return the address of a claim: its id, that of a statement without its room."""
    return address(verdict.claim.removeprefix("theory/"))


def paper_address(paper: str, edition: str = "") -> str:
    """Return where a paper can be read, of an edition ``v1``, ``v2``, ... that one; or nothing.

    >>> paper_address("arXiv 1706.03762", "v5"), paper_address("a talk")
    ('https://arxiv.org/abs/1706.03762v5', '')
    """
    if re.fullmatch(r"https?://[^\s\"'<>]+", paper):
        return paper
    number = re.search(r"arxiv\W*(\d{4}\.\d{4,5})", paper, re.ASCII | re.IGNORECASE)
    version = edition if re.fullmatch(r"v\d+", edition, re.ASCII) else ""
    return f"https://arxiv.org/abs/{number[1]}{version}" if number else ""


def cell_addresses(tables: Iterable[Table]) -> dict[Place, str]:
    """Return the addresses of printed cells: table, row and metric, as short as they may be.

    For example ``first.scores/Model/total``.
    """
    found: dict[Place, str] = {}
    for table in tables:
        open_ = list(table.cells)
        for naming in NAMINGS:
            names = [
                address("/".join([table.name, *_row(cell, naming), cell.metric])) for cell in open_
            ]
            counted = Counter(names)
            named = list(zip(open_, names, strict=True))
            found |= {(c.file, str(c.line)): name for c, name in named if counted[name] == 1}
            open_ = [cell for cell, name in named if counted[name] > 1]
    return found


def _row(cell: object, naming: Iterable[str]) -> list[str]:
    return [str(getattr(cell, name)) for name in naming if getattr(cell, name)]


def place_of(cell: Mapping[str, str]) -> Place:
    """Return file and line of a cell as a check stores it."""
    return cell.get("file", ""), str(cell.get("line", ""))
