"""Cells that print several values side by side become columns, and only where that is sure."""

from __future__ import annotations

import pytest
from made_tables import accused, audited, read

from harness.sheets.sheet import Sheet


def table(header: str, *rows: str) -> Sheet:
    bars = "|---" * (header.count("|") - 1) + "|"
    (sheet,) = read("\n".join([header, bars, *rows]))
    return sheet


def paths(sheet: Sheet) -> list[str]:
    return [sheet.columns[at].name for at in sheet.value_columns]


def texts(sheet: Sheet) -> list[list[str]]:
    return [
        [cell.text if (cell := sheet.grid.get((row, at))) and cell.number else "-"
         for at in sheet.value_columns]
        for row in range(len(sheet.rows))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("SQuAD (EM/F1)", ["SQuAD / EM", "SQuAD / F1"]),
        ("SQuAD EM/F1", ["SQuAD / EM", "SQuAD / F1"]),
        ("EM/F1", ["EM", "F1"]),
        ("Exact match / F1 score", ["Exact match", "F1 score"]),
    ],
)
def test_the_header_names_the_parts(header: str, names: list[str]) -> None:
    sheet = table(f"| M | {header} ↑ |", "| a | 81.2/88.4 |", "| b | 70.1 / 75.0 |", "| c | - |")
    assert paths(sheet) == names
    assert texts(sheet) == [["81.2", "88.4"], ["70.1", "75.0"], ["-", "-"]]
    assert {sheet.columns[at].direction for at in sheet.value_columns} == {"up"}


def test_parts_keep_their_uncertainty_and_no_mark() -> None:
    sheet = table("| M | EM/F1 |", "| a | **81.2±0.4**/88.4±0.3 |", "| b | 70.1±0.2/75.0±0.5 |")
    cells = [sheet.grid[0, at] for at in sheet.value_columns]
    spreads = [one.number.uncertainty for one in cells if one.number]
    assert [one.text for one in spreads if one] == ["0.4", "0.3"]
    assert not any(one.marks for one in cells)


def test_parts_that_nobody_names_are_numbered_where_several_columns_have_them() -> None:
    sheet = table("| M | x | y |", "| a | 81.2/88.4 | 1.5/2.5 |", "| b | 70.1/75.0 | 3.5/4.5 |")
    assert paths(sheet) == ["x / 1 of 2", "x / 2 of 2", "y / 1 of 2", "y / 2 of 2"]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("| M | betas | Acc |", ["| a | 0.9/0.999 | 71.0 |", "| b | 0.9/0.95 | 72.0 |"]),
        ("| M | EM/F1 | Acc |", ["| a | 81.2/88.4 | 71.0 |", "| b | 70.1 | 72.0 |"]),
        ("| M | solved | Acc |", ["| a | 468/500 | 71.0 |", "| b | 470/500 | 72.0 |"]),
        ("| M | good/all | Acc |", ["| a | 468/500 | 71.0 |", "| b | 470/500 | 72.0 |"]),
        ("| M | EM/F1/MRR | Acc |", ["| a | 81.2/88.4 | 71.0 |", "| b | 70.1/71.1 | 72.0 |"]),
    ],
)
def test_what_may_be_anything_else_is_no_parts(header: str, rows: list[str]) -> None:
    names = paths(table(header, *rows))
    assert not {"EM", "F1", "good", "1 of 2", "betas / 1 of 2"} & set(names)


def test_whole_numbers_of_which_some_k_exceeds_its_n_are_parts_if_named() -> None:
    sheet = table("| M | win/loss | Acc |", "| a | 12/5 | 71.0 |", "| b | 3/9 | 72.0 |")
    assert paths(sheet) == ["win", "loss", "Acc"]


PAIRS = """\
| Model | SQuAD (EM/F1) | Trivia (EM/F1) | NQ (EM/F1) | Avg. (EM/F1) |
|---|---|---|---|---|
| a | 81.2/88.4 | 60.1/66.2 | 40.3/47.7 | 60.5/67.4 |
| b | 71.2/82.4 | 62.1/69.2 | 45.3/49.7 | 59.5/67.1 |
| c | 75.5/80.0 | 50.1/56.9 | 49.3/57.7 | 58.3/64.9 |
| d | 65.5/70.0 | 51.1/59.9 | 39.3/45.7 | 52.0/58.5 |
| e | 66.5/71.2 | 55.5/57.3 | 41.1/47.0 | 54.4/58.5 |
"""


def test_each_part_is_held_against_its_own_kind() -> None:
    document = audited(PAIRS)
    assert not accused(document)
    assert [(one.result, one.support) for one in document.rules] == [
        (("Avg.", "EM"), 5),
        (("Avg.", "F1"), 5),
    ]
    assert accused(audited(PAIRS.replace("52.0/58.5", "52.0/59.5"))) == {
        ("d", "Avg. / F1"): "does_not_follow"
    }


@pytest.mark.parametrize("spread", ["± 0.{}", "(0.{})"])
def test_of_a_mean_and_its_deviation_the_mean_is_held_against_others(spread: str) -> None:
    rows = [(81.2, 60.1, 40.3), (71.2, 62.1, 45.3), (75.5, 50.1, 49.3), (65.5, 51.1, 39.3)]
    lines = ["| M | a | b | c | Average |", "|---|---|---|---|---|"]
    for i, row in enumerate(rows):
        shown = [f"{one:.1f} {spread.format(i + 1)}" for one in (*row, sum(row) / 3)]
        lines.append(f"| m{i} | {' | '.join(shown)} |")
    text = "\n".join(lines)
    (rule,) = audited(text).rules
    assert (rule.op, rule.support) == ("mean", 4)
    wrong = audited(text.replace("59.5", "60.5", 1))
    assert accused(wrong) == {("m1", "Average"): "does_not_follow"}
