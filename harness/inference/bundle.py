"""A submission to a leaderboard, held against its own cases: counts, seeds, digest, values."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

from harness.base import Record
from harness.errors import DataError, nearest
from harness.reading import convert, csv_rows, parse_toml, read_bytes, read_text
from harness.sheets.names import plain
from harness.sheets.printed import Printed, show
from harness.sheets.reading import read_sheets

MANIFEST = "bundle.toml"
Case = Mapping[str, str]


class Reported(Record, frozen=True, kw_only=True):
    """How one printed value comes out of the cases."""

    name: str  # of the printed column, with all levels of its header
    of: str  # column of the cases
    op: Literal["mean", "sum"] = "mean"
    scale: int = 1  # 100 where shares are printed in percent
    where: dict[str, str] = {}  # cases that count, by column


class Bundle(Record, frozen=True, kw_only=True):
    """``bundle.toml``: the files of a submission and what it says of them."""

    schema: Literal["bundle/1"]
    cases: str  # CSV, one line per case
    row: str  # a table of one row, in any form that is read
    sha256: str  # of the file of cases
    key: tuple[str, ...]  # columns that tell cases apart
    n: int  # cases that were planned
    column: tuple[Reported, ...]
    missing: int = 0  # planned cases without a value
    seed: str = ""  # column of seeds, one of the key
    seeds: tuple[str, ...] = ()  # what every case was run with


class Finding(NamedTuple):
    """One thing that was checked."""

    holds: bool
    text: str


def check_bundle(folder: Path) -> list[Finding]:
    """Return everything that a submission says of itself, and whether its cases bear it out.

    Raises:
        DataError: a file is missing or malformed, or names a column that is not there.
    """
    where = str(folder / MANIFEST)
    bundle = convert(parse_toml(read_text(folder / MANIFEST), where), Bundle, where)
    for name in (bundle.cases, bundle.row):
        if Path(name).name != name:
            raise DataError(f"file {name!r}", where=where, expected="a file of the same folder")
    content = read_bytes(folder / bundle.cases)
    needed = [*bundle.key, *(one.of for one in bundle.column)]
    needed += [name for one in bundle.column for name in one.where]
    needed += [bundle.seed] if bundle.seed else []
    rows = csv_rows(content, bundle.cases, list(dict.fromkeys(needed)))
    cases = [row for _, row in rows]
    digest = hashlib.sha256(content).hexdigest()
    found = [Finding(digest == bundle.sha256.lower(), f"sha256 of {bundle.cases} is {digest}")]
    printed = _printed_row(folder / bundle.row)
    return [*found, *_counts(bundle, cases), *_values(bundle, cases, printed)]


def _printed_row(path: Path) -> dict[str, Printed]:
    sheets = read_sheets(path)
    if len(sheets) != 1 or len(sheets[0].rows) != 1:
        raise DataError("not a table of one row", where=path.name)
    (sheet,) = sheets
    cells = [sheet.grid.get((0, column)) for column in sheet.value_columns]
    found = [one for one in cells if one and one.number]
    return {sheet.columns[one.column].name: one.number.printed for one in found if one.number}


def _counts(bundle: Bundle, cases: Sequence[Case]) -> Iterator[Finding]:
    values = list(dict.fromkeys(one.of for one in bundle.column))
    absent = sum(not all(case[name] for name in values) for case in cases)
    absent += bundle.n - len(cases)
    told = f"{len(cases)} lines; {bundle.n} planned = {bundle.n - absent} scored + {absent} missing"
    yield Finding(absent == bundle.missing, f"{told}; stated missing {bundle.missing}")
    keys = [tuple(case[name] for name in bundle.key) for case in cases]
    twice = next((key for key, count in Counter(keys).items() if count > 1), None)
    said = f"twice: {', '.join(twice)}" if twice else "each case once"
    yield Finding(twice is None, f"{said} (by {', '.join(bundle.key)})")
    if bundle.seed:
        yield _seeds(bundle, cases)


def _seeds(bundle: Bundle, cases: Sequence[Case]) -> Finding:
    own = [name for name in bundle.key if name != bundle.seed]
    seeds: dict[tuple[str, ...], set[str]] = {}
    for case in cases:
        seeds.setdefault(tuple(case[name] for name in own), set()).add(case[bundle.seed])
    odd = next((case for case, has in seeds.items() if has != set(bundle.seeds)), None)
    wanted = ", ".join(bundle.seeds)
    if odd is None:
        return Finding(True, f"seeds {wanted} for each of {len(seeds)} cases")
    return Finding(False, f"{', '.join(odd)}: seeds {', '.join(sorted(seeds[odd]))}, not {wanted}")


def _values(
    bundle: Bundle, cases: Sequence[Case], printed: Mapping[str, Printed]
) -> Iterator[Finding]:
    names = {plain(name): name for name in printed}
    told = {plain(one.name) for one in bundle.column}
    for name in sorted(set(names) - told):
        yield Finding(False, f"{names[name]}: printed, but no [[column]] says where it comes from")
    for one in bundle.column:
        if plain(one.name) not in names:
            hint = nearest(one.name, printed)
            raise DataError(f"no printed column {one.name!r}", where=bundle.row, hint=hint)
        value = printed[names[plain(one.name)]]
        chosen = [case for case in cases if all(case[k] == it for k, it in one.where.items())]
        numbers = [_number(case[one.of], bundle.cases) for case in chosen if case[one.of]]
        if not numbers:
            yield Finding(False, f"{one.name}: no case has a value of {one.of}")
            continue
        total, count = sum(numbers, Fraction(0)), len(numbers)
        made = one.scale * total / (count if one.op == "mean" else 1)
        over = f" / {count}" if one.op == "mean" else ""
        times = f"{one.scale} * " if one.scale != 1 else ""
        text = f"{one.name}: {times}{show(total)}{over} = {show(made)}; printed {value.text}"
        yield Finding(value.span.holds(made), f"{text} stands for {value.span}")


def _number(text: str, where: str) -> Fraction:
    words = {"true": "1", "false": "0"}
    try:
        return Printed.read(words.get(text.strip().lower(), text)).value
    except ValueError:
        raise DataError(f"{text[:60]!r} is no plain decimal", where=where) from None
