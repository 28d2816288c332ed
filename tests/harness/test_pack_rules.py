"""A pack that states its rules in the form in which an audit of files writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_tables import audited

from harness.audit.engine import run_checks
from harness.audit.rule_checks import ROUNDINGS
from harness.audit.templates import checks_of
from harness.errors import DataError
from harness.inference.relations import BY_NAME
from harness.inference.stated import write_rules
from harness.outcomes import Outcome
from harness.packs.loading import read_pack
from harness.packs.new import About, new_pack
from harness.packs.rules import parse_rules
from harness.records import Check
from harness.sheets.ops import ROUNDINGS as NAMED
from harness.sheets.reading import read_sheets

ROWS = [(81.2, 60.1, 40.3), (71.2, 62.1, 45.3), (75.5, 50.1, 49.3), (65.5, 51.1, 39.3),
        (90.4, 66.6, 57.8)]  # fmt: skip


def table(*, wrong: bool = False) -> str:
    lines = ["| Model | A | B | C | Average | change (%) |", "|---|---|---|---|---|---|"]
    for i, row in enumerate(ROWS):
        change = f"{100 * (row[0] - ROWS[0][0]) / ROWS[0][0]:+.1f}" if i else "-"
        mean = sum(row) / 3 + (1 if wrong and i == 3 else 0)
        shown = [*(f"{one:.1f}" for one in row), f"{mean:.1f}", change]
        lines.append(f"| m{i} | {' | '.join(shown)} |")
    means = [f"{sum(column) / len(ROWS):.1f}" for column in zip(*ROWS, strict=True)]
    return "\n".join([*lines, f"| Mean | {' | '.join(means)} | | |"])


def pack_of(folder: Path, text: str, rules: str) -> list[Check]:
    source = folder / "main.md"
    source.write_text(text, "utf-8")
    new_pack(folder / "pack", [source], About())
    (folder / "pack" / "rules.toml").write_text(rules, "utf-8")
    pack = read_pack(folder / "pack")
    return run_checks(checks_of(pack), pack)


def test_what_an_audit_writes_is_what_a_pack_checks(tmp_path: Path) -> None:
    text = table(wrong=True)
    written = write_rules(audited(text).rules, read_sheets(Path("t.md"), text=text))
    checks = pack_of(tmp_path, text, written)
    verdicts = {check.id: check.verdict for check in checks}
    assert [one for one, it in verdicts.items() if it != "pass"] == ["rule2.main.m3"]
    assert verdicts["rule2.main.m3"] == Outcome.DOES_NOT_FOLLOW  # nobody states it
    ops = {str(check.rule["op"]) for check in checks}
    assert ops == {"mean", "percent_change"}
    assert sum("rule1" in one for one in verdicts) == 4  # every row but the reference
    assert sum(one.endswith(".Mean") for one in verdicts) == 3  # a mean down each column


def test_a_stated_rule_that_a_row_breaks_fails(tmp_path: Path) -> None:
    rule = '[[rule]]\nop = "mean"\nresult = "Average"\ninputs = ["A", "B", "C"]\nsource = "s. 4"\n'
    checks = pack_of(tmp_path, table(wrong=True), rule)
    assert {check.id: check.verdict for check in checks if check.verdict != "pass"} == {
        "rule1.main.m3": "fail"
    }


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('op = "mean"\nresult = "Avarage"\ninputs = ["A", "B"]', "no table has all of Avarage"),
        ('op = "rank"\nresult = "A"\ninputs = ["B"]', "a pack has no check for rank"),
        ('op = "median"\nresult = "A"\ninputs = ["B"]', "unknown operation 'median'"),
        (
            'op = "mean"\nrounding = "result cut off"\nresult = "Average"\ninputs = ["A", "B"]',
            "no check for mean result cut off",
        ),
    ],
)
def test_a_rule_that_no_check_holds_is_named(tmp_path: Path, rule: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        pack_of(tmp_path, table(), f"[[rule]]\n{rule}\n")
    assert "rules.toml" in str(refused.value.where)


@pytest.mark.parametrize(
    ("op", "result", "expected"),
    [
        ("100*ratio", "82.7", "pass"),
        ("percent_change", "-17.3", "pass"),
        ("percent_reduction", "17.3", "pass"),
        ("percent_reduction", "17.8", "fail"),
        ("sum/100", "1.53", "pass"),
        ("sum/100", "1.57", "fail"),
    ],
)
def test_operations_of_two_columns(tmp_path: Path, op: str, result: str, expected: str) -> None:
    text = f"| M | a | b | r |\n|---|---|---|---|\n| m | 69.2 | 83.7 | {result} |\n"
    rule = f'[[rule]]\nop = "{op}"\nresult = "r"\ninputs = ["a", "b"]\n'
    (check,) = pack_of(tmp_path, text, rule)
    assert str(check.verdict) == expected, check.arithmetic


@pytest.mark.parametrize(("rest", "expected"), [("30.8", "pass"), ("31.8", "fail")])
def test_a_rest_is_checked(tmp_path: Path, rest: str, expected: str) -> None:
    text = f"| M | a | r |\n|---|---|---|\n| m | 69.2 | {rest} |\n"
    (check,) = pack_of(tmp_path, text, '[[rule]]\nop = "100-x"\nresult = "r"\ninputs = ["a"]\n')
    assert str(check.verdict) == expected, check.arithmetic


def test_names_of_roundings_are_those_of_inference() -> None:
    assert {*NAMED} == {*BY_NAME} and {*ROUNDINGS} <= {"", *NAMED}
    rule = 'op = "mean"\nresult = "r"\ninputs = ["a", "b"]\nrounding = "up"'
    with pytest.raises(DataError, match="unknown rounding 'up'"):
        parse_rules(f"[[rule]]\n{rule}", "r.toml")
