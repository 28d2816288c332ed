"""What gives no rule: settings and references that change nothing; and what a table costs."""

from __future__ import annotations

import random
import time

import pytest
from made_tables import accused, audited

from harness.inference.audit import audit
from harness.inference.chance import MANY, at_least
from harness.packs.rules import StatedRule
from harness.sheets.reading import read_sheets

SETTINGS = """\
| setting | A | B | C |
|---|---|---|---|
| peak learning rate | 1e-6 | 1e-6 | 1e-6 |
| warm-up steps | 100 | 100 | 100 |
| batch size | 1024 | 1024 | 1024 |
| epochs | 10 | 10 | 5 |
| weight decay | 0.05 | 0.05 | 0.05 |
| drop path | 0 | 0 | 0 |
"""
SWEEP = """\
| prompt | gen | batch | time (s) |
|---|---|---|---|
| 128 | 128 | 1 | 0.108 |
| 128 | 128 | 2 | 0.198 |
| 128 | 128 | 4 | 0.373 |
| 128 | 128 | 8 | 0.751 |
| 128 | 128 | 16 | 1.569 |
| 128 | 128 | 32 | 3.409 |
| 128 | 256 | 1 | 0.107 |
| 128 | 256 | 2 | 0.194 |
| 128 | 256 | 4 | 0.373 |
| 128 | 256 | 8 | 0.752 |
| 128 | 256 | 16 | 1.602 |
"""


@pytest.mark.parametrize("text", [SETTINGS, SWEEP])
def test_settings_accuse_nobody(text: str) -> None:
    document = audited(text)
    assert not accused(document)
    assert not [rule for rule in document.rules if rule.reference]


def test_of_equal_rules_the_one_with_most_evidence_is_told() -> None:
    rows = [(70.1, 60.3, 50.2), (80.7, 75.1, 70.5), (66.2, 50.0, 41.1), (90.4, 88.8, 80.2)]
    lines = ["| M | a | b | c | Avg. | high | low |", "|---|---|---|---|---|---|---|"]
    for i, row in enumerate(rows):
        mean = sum(row) / 3
        shown = [*row, mean, mean + 2 + i / 7, mean - 2 - i / 7]
        lines.append(f"| m{i} | " + " | ".join(f"{one:.1f}" for one in shown) + " |")
    (rule,) = [one for one in audited("\n".join(lines)).rules if one.result == ("Avg.",)]
    assert rule.inputs == (("a",), ("b",), ("c",))


GROUPS = """\
| M | a1 | a2 | Avg. a | b1 | b2 | b3 | Avg. b | Overall | time |
|---|---|---|---|---|---|---|---|---|---|
| u | 60.1 | 50.3 | 55.2 | 71.0 | 64.0 | 81.3 | 72.1 | 63.7 | 4.1 |
| v | 70.4 | 61.2 | 65.8 | 60.2 | 55.5 | 78.6 | 64.8 | 65.3 | 9.0 |
| w | 55.0 | 44.8 | 49.9 | 80.1 | 70.9 | 88.2 | 79.7 | 64.8 | 3.3 |
| x | 81.3 | 75.5 | 78.4 | 58.7 | 49.3 | 60.9 | 56.3 | 67.4 | 7.2 |
| y | 45.6 | 39.0 | 42.3 | 66.6 | 61.1 | 70.2 | 66.0 | 54.2 | 2.9 |
| z | 66.0 | 58.2 | 62.1 | 77.7 | 69.4 | 79.9 | 75.7 | 68.1 | 5.8 |
"""


def test_an_average_of_averages_that_stand_apart_is_found() -> None:
    assert accused(audited(GROUPS)) == {("z", "Overall"): "does_not_follow"}


def test_a_stated_weighted_mean_says_where_the_plain_mean_fits() -> None:
    stated = StatedRule(op="weighted_mean", result="r", inputs=("a", "b"), weights=(4, 1))
    rows = "| u | 80.0 | 60.0 | 70.0 |\n| v | 50.0 | 40.0 | 48.0 |\n"
    text = f"| M | a | b | r |\n|---|---|---|---|\n{rows}"
    (found,) = audited(text, stated=[stated]).findings
    assert found.level == "contradicts"
    assert found.text.endswith("the unweighted mean fits")


@pytest.mark.parametrize(
    ("rows", "columns", "seconds"),
    [
        (40, 15, 3),
        pytest.param(300, 21, 10, marks=pytest.mark.slow),
        pytest.param(60, 200, 40, marks=pytest.mark.slow),
        pytest.param(20_000, 8, 40, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("kind", ["constant", "few values", "shares"])
def test_the_time_of_a_table_is_bounded(rows, columns, seconds, kind: str) -> None:
    draw = random.Random(3)
    made = {
        "constant": lambda: "12.34",
        "few values": lambda: str(draw.randrange(6)),
        "shares": lambda: f"{draw.uniform(0, 100):.1f}",
    }[kind]
    lines = ["m," + ",".join(f"c{i}" for i in range(columns))]
    lines += [f"m{i}," + ",".join(made() for _ in range(columns)) for i in range(rows)]
    sheets = read_sheets(None, text="\n".join(lines))
    begun = time.process_time()
    assert not accused(audit(sheets))
    assert time.process_time() - begun < seconds


def test_the_bound_for_many_events_is_never_below_the_exact_chance() -> None:
    draw = random.Random(4)
    chances = [draw.uniform(0.1, 0.4) for _ in range(MANY)]
    beyond = [*chances, 0.25]
    for k in (200, 260, 300, 400, MANY):
        assert at_least(k, beyond) >= at_least(k, chances)


def test_equal_chances_are_a_binomial_tail() -> None:
    for k in (1, 3, 7):
        close = [0.3] * 9 + [0.3 + 1e-12]
        assert at_least(k, [0.3] * 10) == pytest.approx(at_least(k, close), rel=1e-9)


COSTS = """\
| M | input | cached | output | Total |
|---|---|---|---|---|
| a | 24.39 | 5.54 | 124.21 | 154.14 |
| b | 6.19 | 1.38 | 48.30 | 55.87 |
| c | 3.10 | 0.00 | 21.75 | 24.85 |
| d | 9.42 | 0.00 | 3.31 | 12.73 |
| e | 1.65 | 0.22 | 1.29 | 3.16 |
| f | 7.07 | 0.00 | 11.02 | 18.09 |
| g | 0.88 | 0.00 | 2.45 | 3.33 |
| h | 4.13 | 0.67 | 2.05 | 6.85 |
| i | 5.36 | 0.00 | 8.71 | 14.07 |
| j | 2.02 | 0.00 | 6.60 | 8.62 |
"""


def test_a_sum_that_leaves_out_a_part_is_no_rule_beside_the_whole() -> None:
    document = audited(COSTS)
    assert not accused(document)
    assert [one.op for one in document.rules] == ["sum"]


def test_a_row_of_changes_is_no_result() -> None:
    values = [(70.1, 60.3, 50.2), (80.7, 75.1, 70.5), (66.2, 50.0, 41.1), (75.5, 62.5, 44.4)]
    lines = ["| M | a | b | c | Avg. |", "|---|---|---|---|---|"]
    lines += [f"| m{i} | {' | '.join(map(str, row))} | {sum(row) / 3:.1f} |"
              for i, row in enumerate(values)]  # fmt: skip
    for label in ("Δ", "Gain over m0", "Improvement (%)"):
        document = audited("\n".join([*lines, f"| {label} | 7.7 | 3.6 | 40.4 | 14.6 |"]))
        assert not accused(document)
        assert [one.rows for one in document.rules] == [4]


AGREE = """\
| M | a | b | c |
|---|---|---|---|
""" + "\n".join(
    f"| m{i} | {50 + i * 1.7 + (3 if i in (4, 9) else 0):.1f} | {50 + i * 1.7:.1f} | 0.{i % 3} |"
    for i in range(14)
)


def test_columns_that_agree_but_for_a_few_rows_are_no_difference() -> None:
    document = audited(AGREE)
    assert not accused(document)
    assert not [one for one in document.rules if one.op != "k/n"]


def test_a_ratio_that_most_small_numbers_fit_is_no_rule() -> None:
    draw = random.Random(6)
    lines = ["| M | n | base | r | s |", "|---|---|---|---|---|"]
    for i in range(18):
        r = draw.uniform(1, 15) if i % 6 else draw.uniform(80, 300)
        lines.append(
            f"| m{i} | 1 | {draw.uniform(3, 20):.2f} | {r:.2f} | {draw.uniform(2, 9):.2f} |"
        )
    assert not accused(audited("\n".join(lines)))


def test_f1_is_no_mean_of_precision_and_recall() -> None:
    pairs = [(97.56, 94.44), (97.56, 94.87), (97.17, 92.77), (90.1, 90.5), (88.2, 88.4),
             (85.3, 85.1), (91.7, 91.9), (80.4, 80.6), (79.9, 80.0)]  # fmt: skip
    lines = ["| M | P | R | F |", "|---|---|---|---|"]
    lines += [f"| m{i} | {p} | {r} | {2 * p * r / (p + r):.2f} |" for i, (p, r) in enumerate(pairs)]
    assert not accused(audited("\n".join(lines)))


def test_rows_that_say_their_own_direction_have_no_marked_best() -> None:
    lines = ["| Metric | M | a | b | c | d |", "|---|---|---|---|---|---|"]
    for metric, best in (("CD ↓", 0), ("IoU ↑", 3)):
        for i in range(4):
            cells = [f"{'**' if i == best else ''}{i + 1}.{j}{'**' if i == best else ''}"
                     for j in range(4)]  # fmt: skip
            lines.append(f"| {metric} | m{i} | {' | '.join(cells)} |")
    assert not accused(audited("\n".join(lines)))


def test_counts_beside_values_that_are_no_shares_of_them_are_of_something_else() -> None:
    rows = [(19.1, 38), (15.2, 36), (11.3, 37), (9.2, 37)]
    lines = ["| M | Improvement |", "|---|---|"]
    lines += [f"| m{i} | {value} ({k}/39) |" for i, (value, k) in enumerate(rows)]
    assert not accused(audited("\n".join(lines)))
