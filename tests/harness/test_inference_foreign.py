"""Ten printed tables of others: every listed misfit is found, and nobody else is accused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.inference.audit import audit
from harness.inference.stated import write_rules
from harness.packs.rules import load_rules, parse_rules
from harness.sheets.names import plain
from harness.sheets.reading import read_sheets

Cells = dict[tuple[str, str], str]
NAMES = [
    *("s01_phygenbench.md", "s02_gtavla.tex", "s03_worldscore.html", "s04_paibench_g.txt"),
    *("s05_calvin.csv", "s06_contentv_vbench.md", "s07_turbovla.md", "s08_liberoplus.md"),
    *("s09_mmlu.md", "s10_physicsiq.json"),
]


@pytest.fixture
def foreign(shared: Path) -> Path:
    return shared / "foreign"


def expected(folder: Path, name: str) -> dict:
    listed = json.loads((folder / "expected.json").read_text())["tables"]
    return next(one for one in listed if one["file"] == name)


def named(row: list[str], column: list[str]) -> tuple[str, str]:
    return plain("".join(row)), plain("".join(column))


def cells(listed: list[dict]) -> Cells:
    return {
        named(one["row"], column): one.get("level", "")
        for one in listed
        for column in one["columns"]
    }


def found(document) -> Cells:
    return {
        named(list(one.row), list(one.column)): str(one.level)
        for one in document.findings
        if one.level.accuses
    }


@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_misfit_is_found_and_nobody_else_is_accused(
    foreign: Path, name: str, stated: bool
) -> None:
    case = expected(foreign, name)
    file = case["rules_file"] if stated else None
    document = audit(read_sheets(foreign / name), load_rules(foreign / file) if file else [])
    tolerated = cells(case["tolerated"])
    wanted = {
        cell: level
        for cell, level in cells(case["misfits"]).items()
        if file or level != "contradicts"
    }
    assert {k: v for k, v in found(document).items() if k not in tolerated} == wanted
    for rule in case["rules"]:
        if file or rule.get("origin") != "stated":
            wanted_rule = (rule["op"], tuple(rule["result"]), rule["rows"])
            mine = [one for one in document.rules if (one.op, one.result, one.rows) == wanted_rule]
            assert mine, wanted_rule
            assert list(mine[0].weights) == rule.get("weights", [])


@pytest.mark.parametrize("name", NAMES)
def test_a_written_rules_file_finds_the_same_again(foreign: Path, name: str) -> None:
    sheets = read_sheets(foreign / name)
    first = audit(sheets)
    again = audit(sheets, parse_rules(write_rules(first.rules, sheets), "written"))
    assert found(again) == found(first)
    confirmed = write_rules(first.rules, sheets).replace('origin = "inferred"\n', "")
    last = audit(sheets, parse_rules(confirmed, "confirmed"), only_stated=True)
    levels = set(found(last).values())
    assert found(last).keys() <= found(first).keys()
    assert levels <= {"contradicts", "does_not_follow"}


def test_decoys_stay_without_a_rule(foreign: Path) -> None:
    world = audit(read_sheets(foreign / "s03_worldscore.html"))
    assert [one.result[-1] for one in world.rules] == ["WorldScore-Static"]
    assert audit(read_sheets(foreign / "s08_liberoplus.md")).rules == ()
