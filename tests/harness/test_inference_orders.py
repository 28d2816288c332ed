"""Ranks, marks, rows of totals, reference rows, other tables and notes."""

from __future__ import annotations

import numpy as np
import pytest
from made_tables import accused, audited, read, sheet

from harness.inference.audit import audit
from harness.inference.document import Bearing


def board(scores: list[str], ranks: list[str] | None = None, title: str = "Rank") -> str:
    ranks = ranks or [str(i + 1) for i in range(len(scores))]
    lines = [
        f"| {rank} | m{i} | {score} |"
        for i, (rank, score) in enumerate(zip(ranks, scores, strict=True))
    ]
    return "\n".join([f"| {title} | Model | Score |", "|---|---|---|", *lines])


SCORES = ["90.1", "85.0", "85.0", "70.2", "66.0", "51.9", "40.0"]


@pytest.mark.parametrize("title", ["Rank", "#", "Place"])
def test_ranks_follow_their_column_and_ties_share_any_order(title: str) -> None:
    for ranks in ("1 2 3 4 5 6 7", "1 3 2 4 5 6 7", "1 2 2 4 5 6 7"):
        document = audited(board(SCORES, ranks.split(), title))
        (rule,) = document.rules
        assert (rule.op, rule.support, rule.rows) == ("rank", 7, 7)
        assert accused(document) == {}


def test_a_rank_that_is_not_the_place_of_its_value_does_not_follow() -> None:
    document = audited(board(SCORES, ["1", "2", "3", "4", "6", "5", "7"]))
    (rule,) = document.rules
    assert rule.support == 5
    found = [one for one in document.findings if one.level.accuses]
    assert [(one.printed, one.attainable) for one in found] == [("6", ("5",)), ("5", ("6",))]
    assert {one.level for one in found} == {Bearing.DOES_NOT_FOLLOW}


def test_random_ranks_are_no_rule() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        ranks = [str(one + 1) for one in rng.permutation(7)]
        assert audited(board(SCORES, ranks)).rules == () or ranks[:3] == ["1", "2", "3"]


def marked(seed: int, columns: int = 6, rows: int = 8) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    table = [[f"{one:.1f}" for one in row] for row in rng.uniform(10, 90, (rows, columns))]
    for column in range(columns):
        order = sorted(range(rows), key=lambda row: -float(table[row][column]))
        table[order[0]][column] += "*"
        table[order[1]][column] += "_"
    return [[f"m{i}", *row] for i, row in enumerate(table)]


def test_bold_and_underline_mean_best_and_second_where_nearly_all_do() -> None:
    rows = marked(3)
    header = ["M", *"abcdef"]
    document = audit([sheet(header, rows)])
    assert [(one.op, one.support, one.rows) for one in document.rules] == [
        ("best", 6, 6), ("second", 6, 6)
    ]  # fmt: skip
    assert accused(document) == {}
    best = next(i for i, row in enumerate(rows) if row[1].endswith("*"))
    other = sorted(range(8), key=lambda i: float(rows[i][1].rstrip("*_")))[4]
    rows[best][1], rows[other][1] = rows[best][1].rstrip("*"), rows[other][1] + "*"
    assert accused(audit([sheet(header, rows)])) == {(f"m{other}", "a"): "does_not_follow"}


def test_a_row_that_is_bold_as_a_whole_is_emphasis() -> None:
    rows = [[row[0], *(one.rstrip("*_") for one in row[1:])] for row in marked(5)]
    rows[3] = [rows[3][0], *(f"{one}*" for one in rows[3][1:])]
    assert audit([sheet(["M", *"abcdef"], rows)]).rules == ()


def test_a_row_of_totals_is_held_against_the_rows_above() -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(100, 900, (5, 6))
    rows = [[f"t{i}", *(f"{one / 10:.1f}" for one in row)] for i, row in enumerate(values)]
    means = [f"{one:.1f}" for one in (values / 10).mean(axis=0)]
    header = ["Task", *"abcdef"]
    document = audit([sheet(header, [*rows, ["Average", *means]])])
    (rule,) = document.rules
    assert (rule.along, rule.result, len(rule.inputs)) == ("column", ("Average",), 5)
    means[2] = f"{float(means[2]) + 0.7:.1f}"
    document = audit([sheet(header, [*rows, ["Average", *means]])])
    assert accused(document) == {("Average", "c"): "does_not_follow"}
    (finding,) = [one for one in document.findings if one.level.accuses]
    assert finding.inputs == tuple((f"t{i}",) for i in range(5))


def test_the_percentage_of_a_table_of_sums_follows_its_own_row() -> None:
    rng = np.random.default_rng(6)
    good, bad = rng.integers(20, 90, 6), rng.integers(20, 90, 6)
    cells = [(f"s{i}", int(a), int(b)) for i, (a, b) in enumerate(zip(good, bad, strict=True))]
    cells.append(("Total", int(good.sum()), int(bad.sum())))
    rows = [[name, str(a), str(b), str(a + b), f"{100 * a / (a + b):.1f}"] for name, a, b in cells]
    document = audit([sheet(["Suite", "good", "bad", "Total", "Rate"], rows)])
    assert {one.op for one in document.rules} >= {"100*ratio"}
    assert accused(document) == {}


def test_gains_are_held_against_a_reference_row() -> None:
    rng = np.random.default_rng(7)
    values = rng.integers(300, 900, 10)
    rows = [[f"m{i}", f"{one / 10:.1f}", f"{(one - values[0]) / 10:+.1f}"]
            for i, one in enumerate(values)]  # fmt: skip
    rows[0][2] = "-"
    document = audit([sheet(["M", "Acc", "Gain"], rows)])
    (rule,) = document.rules
    assert (rule.op, rule.reference, rule.support) == ("difference", ("m0",), 9)
    rows[4][2] = f"{float(rows[4][2]) + 1:+.1f}"
    assert accused(audit([sheet(["M", "Acc", "Gain"], rows)])) == {
        ("m4", "Gain"): "does_not_follow"
    }


def test_gains_beside_a_value_are_held_against_a_reference_row() -> None:
    rows = "".join(f"| m{i} | {60 + 3.1 * i:.1f} (+{3.1 * i:.1f}) |\n" for i in range(1, 9))
    text = f"| M | Acc |\n|---|---|\n| base | 60.0 |\n{rows}"
    (rule,) = audited(text).rules
    assert (rule.op, rule.reference, rule.support) == ("difference", ("base",), 8)
    assert accused(audited(text.replace("(+9.3)", "(+8.3)"))) == {("m3", "Acc"): "does_not_follow"}


def test_a_column_may_be_the_mean_of_another_table() -> None:
    rng = np.random.default_rng(9)
    values = rng.uniform(20, 90, (8, 4)).round(1)
    parts = ["| M | a | b | c | d |", "|---|---|---|---|---|"]
    parts += [
        f"| m{i} | {' | '.join(f'{one:.1f}' for one in row)} |" for i, row in enumerate(values)
    ]
    whole = ["| M | Easy | Speed |", "|---|---|---|"]
    whole += [f"| m{i} | {row.mean():.1f} | {rng.uniform(1, 9):.1f} |"
              for i, row in enumerate(values)]  # fmt: skip
    document = audit(read("\n".join([*parts, "", "Second table", "", *whole])))
    (rule,) = document.rules
    assert (rule.op, rule.result, rule.support) == ("mean_of_table", ("Easy",), 8)


def test_weights_may_be_the_numbers_of_items_in_the_header() -> None:
    rng = np.random.default_rng(10)
    values, n = rng.uniform(20, 90, (7, 3)).round(1), np.array([500, 480, 1200])
    rows = ["| M | a (n=500) | b (n=480) | c (n=1200) | Overall |", "|---|---|---|---|---|"]
    rows += [f"| m{i} | {' | '.join(f'{one:.1f}' for one in row)} | {row @ n / n.sum():.1f} |"
             for i, row in enumerate(values)]  # fmt: skip
    rules = [one for one in audited("\n".join(rows)).rules if one.op == "weighted_mean"]
    assert [(one.weights, one.support) for one in rules] == [((500, 480, 1200), 7)]


def kinds(document) -> list[str]:
    return [one.kind for one in document.findings if one.level is Bearing.NOTE]


def test_notes_accuse_nobody() -> None:
    rows = [["a", "81.0", "0.48", "31.2"], ["b", "82.4", "44.0", "33.1"],
            ["c", "82.4", "44.0", "33.1"], ["d", "79.1", "51.20", "38.8"]]  # fmt: skip
    document = audit([sheet(["M", "x", "y", "z"], rows)])
    assert sorted(kinds(document)) == ["copied_row", "decimals", "percent_fraction"]
    assert accused(document) == {}


def test_copied_columns_and_impossible_shares_are_noted() -> None:
    rows = [["a", "81%", "81%"], ["b", "120%", "120%"], ["c", "44%", "44%"], ["d", "12%", "12%"]]
    document = audit([sheet(["M", "x", "y"], rows)])
    assert kinds(document) == ["copied_column", "bounds", "bounds"]


def test_rows_of_one_name_are_no_copies() -> None:
    rows = [["a", "1.0", "2.0", "3.5"], ["a", "1.0", "2.0", "3.5"], ["b", "4.0", "5.0", "6.1"]]
    assert kinds(audit([sheet(["M", "x", "y", "z"], rows)])) == []


def test_a_row_that_is_marked_nowhere_is_no_candidate_for_the_best() -> None:
    header, rows = ["M", *"abcdef"], [[*row] for row in marked(5)]
    people = ["people", *("99.9" if j < 2 else "1.0" for j in range(len(rows[0]) - 1))]
    assert not accused(audit([sheet(header, [*rows, people])]))
