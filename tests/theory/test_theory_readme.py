"""The write-up agrees with what the commands print, names every statement, and its code runs."""

from __future__ import annotations

import re
import runpy
from functools import cache
from pathlib import Path

import pytest

from harness.evidence import BoundCheck
from harness.verdicts.statements import bound_outcome
from theory.catalog import load_statements
from theory.statements.experiment import StatementCheck

TEXT = (Path(__file__).parents[2] / "theory" / "README.md").read_text(encoding="utf-8")
ROWS = [
    [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TEXT.partition("## What the checks print")[2].splitlines()
    if re.match(r"\| [SNXRZM]\d", line)
]


@cache
def checks(statement: str) -> dict[str, BoundCheck]:
    rows = StatementCheck(statement).run({}, None)
    return {row.instance: row for row in rows if isinstance(row, BoundCheck)}


def three(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1][:40]}")
def test_number_of_the_write_up_is_what_the_check_finds(row):
    statement, instance, sides, tightness, verdict = row
    found = checks(statement)[instance]
    left = "residual" if instance.endswith("(residual)") else three(found.lhs)
    assert sides == f"{left} {found.relation} {three(found.rhs)}"
    assert tightness == three(found.ratio)
    assert verdict == bound_outcome(found)


def test_every_statement_is_written_up():
    assert len(ROWS) > 30
    for one in load_statements():
        stem = one.id.rstrip("abcdefgh")
        assert re.search(rf"\b{stem}(?:\b|[a-h])", TEXT), one.id


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_code_of_the_write_up_runs(code, capsys, tmp_path):
    (tmp_path / "snippet.py").write_text(code, encoding="utf-8")
    runpy.run_path(str(tmp_path / "snippet.py"), run_name="__main__")
    assert capsys.readouterr().out
