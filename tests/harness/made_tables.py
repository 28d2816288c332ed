"""Sheets made in tests: from texts, and tables whose derived column is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np

from harness.inference.audit import audit
from harness.inference.document import Document
from harness.inference.grid import Source
from harness.inference.relations import Relation
from harness.sheets.ops import Op
from harness.sheets.printed import Printed
from harness.sheets.reading import read_sheets
from harness.sheets.sheet import Cell, Column, ColumnKind, Number, Row, Sheet

Header = str | tuple[str, ...]

CONVENTIONS = {
    # how the inputs are printed, how the result is, and whether it is computed from printed cells
    "half up": (ROUND_HALF_UP, ROUND_HALF_UP, False),
    "half to even": (ROUND_HALF_EVEN, ROUND_HALF_EVEN, False),
    "truncation": (ROUND_DOWN, ROUND_DOWN, False),
    "ceiling": (ROUND_CEILING, ROUND_CEILING, False),
    "from printed cells": (ROUND_HALF_UP, ROUND_HALF_UP, True),
    "from printed cells, to even": (ROUND_HALF_EVEN, ROUND_HALF_EVEN, True),
    "result cut off": (ROUND_HALF_UP, ROUND_DOWN, False),
    "printed cells, result cut off": (ROUND_HALF_UP, ROUND_DOWN, True),
}
OPS = ("mean", "mean", "sum", "sum/100", "weighted_mean", "difference", "ratio", "100*ratio")
NAMES = {
    "mean": "Average",
    "sum": "Total",
    "sum/100": "Avg. Len.",
    "weighted_mean": "Score",
    "difference": "Gap",
    "ratio": "Speedup",
    "100*ratio": "Ratio",
}


def sheet(header: Sequence[Header], rows: Sequence[Sequence[str]], labels: int = 1) -> Sheet:
    """Return a sheet of plain numbers after columns of labels."""
    paths = [(one,) if isinstance(one, str) else one for one in header]
    kinds = [ColumnKind.LABEL if at < labels else ColumnKind.VALUE for at in range(len(paths))]
    cells = []
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            digits = text.rstrip("%*_")
            unit = "percent" if "%" in text else ""
            is_number = j >= labels and digits not in ("", "-")
            number = Number(Printed.read(digits), unit) if is_number else None
            marks = {"bold"} if "*" in text else {"underline"} if "_" in text else set()
            cells.append(Cell(i, j, text.strip("*_"), number, marks=frozenset(marks), line=i + 2))
    return Sheet(
        id="t",
        file="t.csv",
        caption="",
        form="csv",
        columns=tuple(Column(path, kind) for path, kind in zip(paths, kinds, strict=True)),
        rows=tuple(Row(tuple(row[:labels]), 0, i + 2) for i, row in enumerate(rows)),
        cells=tuple(cells),
    )


def read(text: str, name: str = "t.md") -> list[Sheet]:
    """Return the tables of a text."""
    return read_sheets(Path(name), text=text)


def audited(text: str, **more: object) -> Document:
    """Return the audit of a text."""
    return audit(read(text), **more)  # type: ignore[arg-type]


def accused(document: Document) -> dict[tuple[str, str], str]:
    """Return the level of every accused cell, by row and column as one reads them."""
    return {
        (" / ".join(one.row), " / ".join(one.column)): str(one.level)
        for one in document.findings
        if one.level.accuses
    }


@dataclass(frozen=True)
class Made:
    """A made table, the rows with a planted fault, and the rule that it follows."""

    sheet: Sheet
    faults: frozenset[int]
    relation: Relation


def made(seed: int, convention: str, *, faults: bool = False) -> Made:
    """Return a table with one derived column, printed under a convention.

    Args:
        seed: of everything that is drawn.
        convention: a key of ``CONVENTIONS``.
        faults: whether one result in twelve, at least one, is off by one to five units.
    """
    rng = np.random.default_rng(seed)
    rows, decimals = int(rng.integers(6, 26)), int(rng.choice([1, 1, 2]))
    op = str(rng.choice(OPS))
    two = op in ("weighted_mean", "difference", "ratio", "100*ratio")
    inputs = 2 if two else int(rng.integers(2, 8))
    common = rng.uniform(0, 8) * rng.normal(size=(rows, 1))
    values = rng.uniform(30, 80) + common + rng.uniform(3, 12) * rng.normal(size=(rows, inputs))
    true = [[Decimal(f"{one:.9f}") for one in row] for row in np.clip(values, 1, 99.9)]
    cut, cut_result, from_printed = CONVENTIONS[convention]
    printed = [[shortened(one, decimals, cut) for one in row] for row in true]
    places = 2 if op in ("sum/100", "ratio") else decimals
    results = [
        shortened(_derived(op, row), places, cut_result)
        for row in (printed if from_printed else true)
    ]
    wrong = rng.choice(rows, max(1, rows // 12), replace=False) if faults else []
    for row in wrong:
        off = int(rng.integers(1, 6)) * int(rng.choice([-1, 1]))
        results[row] += off * Decimal(1).scaleb(-places)
    extra = np.clip(rng.uniform(20, 80) + rng.normal(0, 8, (rows, int(rng.integers(0, 3)))), 0, 100)
    header = ["Model", *(f"c{i}" for i in range(inputs)), NAMES[op]]
    header += [f"e{i}" for i in range(extra.shape[1])]
    body = [
        [f"m{i}", *map(str, printed[i]), str(results[i]), *(f"{one:.1f}" for one in extra[i])]
        for i in range(rows)
    ]
    relation = Relation(
        Op(op), inputs, tuple(map(Source, range(inputs))), (4, 1) if op == "weighted_mean" else ()
    )
    return Made(sheet(header, body), frozenset(map(int, wrong)), relation)


def _derived(op: str, row: Sequence[Decimal]) -> Decimal:
    match op:
        case "mean":
            return sum(row, Decimal(0)) / len(row)
        case "sum":
            return sum(row, Decimal(0))
        case "sum/100":
            return sum(row, Decimal(0)) / 100
        case "weighted_mean":
            return (4 * row[0] + row[1]) / 5
        case "difference":
            return row[0] - row[1]
        case "ratio":
            return row[0] / row[1]
    return 100 * row[0] / row[1]


def shortened(value: Decimal, decimals: int, rounding: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=rounding)


def unrelated(seed: int) -> Sheet:
    """Return a table of columns with one common factor and no relation, one of them named."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(3, 25)), int(rng.integers(3, 10))
    decimals = int(rng.choice([0, 1, 1, 2]))
    common = rng.uniform(0, 8) * rng.normal(size=(rows, 1))
    levels = rng.uniform(0, 10) * rng.normal(size=columns) * rng.integers(0, 2)
    noise = rng.uniform(0.5, 6) * rng.normal(size=(rows, columns))
    values = np.clip(rng.uniform(30, 80) + common + levels + noise, 0, 100)
    header = ["Model", *(f"c{i}" for i in range(columns))]
    if rng.random() < 0.7:
        header[int(rng.choice([1, columns]))] = str(rng.choice(["Average", "Total", "Overall"]))
    body = [[f"m{i}", *(f"{one:.{decimals}f}" for one in row)] for i, row in enumerate(values)]
    return sheet(header, body)
