"""Percent changes, rests of a whole and references above: what is a rule, and who is accused."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import CONVENTIONS, accused, audited, sheet, shortened

from harness.errors import DataError
from harness.inference.audit import audit
from harness.inference.grid import Grid, Source
from harness.inference.relations import ROUND, Relation
from harness.packs.rules import StatedRule, parse_rules
from harness.sheets.ops import Op

Derived = Callable[[list[Decimal], list[Decimal], int], Decimal]
KINDS: dict[str, Derived] = {
    "change against a row": lambda a, _, i: 100 * (a[i] - a[0]) / a[0],
    "reduction against a row": lambda a, _, i: 100 * (a[0] - a[i]) / a[0],
    "change of two columns": lambda a, b, i: 100 * (b[i] - a[i]) / a[i],
    "reduction of two columns": lambda a, b, i: 100 * (a[i] - b[i]) / a[i],
    "rest": lambda a, _, i: 100 - a[i],
}


def made(seed: int, convention: str, kind: str, *, fault: bool = False) -> tuple[str, int]:
    """Return a table with a change or a rest, and the row of its fault (0 where it has none)."""
    rng = np.random.default_rng(seed)
    cut, cut_result, from_printed = CONVENTIONS[convention]
    rows = int(rng.integers(6, 20))
    before = np.clip(rng.uniform(40, 70) + rng.uniform(4, 12) * rng.normal(size=rows), 5, 99)
    after = before * rng.uniform(0.7, 1.4, rows)
    true = [[Decimal(f"{one:.9f}") for one in column] for column in (before, after)]
    a, b = ([shortened(one, 1, cut) for one in column] for column in true)
    printed = (a, b) if from_printed else (true[0], true[1])
    results = [shortened(KINDS[kind](*printed, i), 1, cut_result) for i in range(rows)]
    wrong = int(rng.integers(1, rows)) if fault else 0
    results[wrong] += int(rng.choice([-9, -6, 6, 9])) * Decimal("0.1") if fault else 0
    shown = ["-" if i == 0 and "row" in kind else str(one) for i, one in enumerate(results)]
    name = "Error" if kind == "rest" else "delta %"
    lines = [f"| M | Acc | new | {name} | other |", "|---|---|---|---|---|"]
    lines += [
        f"| m{i} | {a[i]} | {b[i]} | {shown[i]} | {rng.uniform(20, 90):.1f} |" for i in range(rows)
    ]
    return "\n".join(lines), wrong


def rates(convention: str, kind: str, seeds: range) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        counts["accused"] += bool(accused(audited(made(seed, convention, kind)[0])))
        text, wrong = made(seed, convention, kind, fault=True)
        hit = {row for row, _ in accused(audited(text))}
        counts["found"] += f"m{wrong}" in hit
        counts["false"] += bool(hit - {f"m{wrong}"})
    return counts


def test_planted_faults_of_changes_are_found_and_nobody_else_is_accused() -> None:
    ways = [*CONVENTIONS]
    counts = sum((rates(ways[i], kind, range(2)) for i, kind in enumerate(KINDS)), Counter[str]())
    assert (counts["accused"], counts["false"]) == (0, 0)
    assert counts["found"] >= 8


@pytest.mark.slow
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_changes_under_every_rounding_convention(convention: str) -> None:
    seeds = range(40)
    counts = sum((rates(convention, kind, seeds) for kind in KINDS), Counter[str]())
    sys.stdout.write(f"{convention}: {dict(counts)} of {len(seeds) * len(KINDS)}\n")
    assert (counts["accused"], counts["false"]) == (0, 0)
    assert counts["found"] >= 0.8 * len(seeds) * len(KINDS)


WHOLE = st.integers(10, 999).map(lambda it: f"{it / 10:.1f}")


@given(WHOLE, WHOLE, st.integers(-999, 999).map(lambda it: f"{it / 10:.1f}"))
def test_changes_and_rests_fit_as_corners_say(top: str, bottom: str, result: str) -> None:
    """The share 1 + change is monotone in both inputs: its ends are at corners."""
    half = Fraction(1, 20)
    ends = [
        100 * ((Fraction(top) + i) / (Fraction(bottom) + j) - 1)
        for i in (-half, half)
        for j in (-half, half)
    ]
    grid = Grid.of(sheet(["M", "a", "b", "r"], [["m", top, bottom, result]]), [0], [1, 2, 3])
    printed, rest = Fraction(result), 100 - Fraction(top)
    expected = {
        Op.CHANGE: min(ends) <= printed + half and printed - half <= max(ends),
        Op.REDUCTION: -max(ends) <= printed + half and printed - half <= -min(ends),
        Op.REST: abs(rest - printed) <= 2 * half,
    }
    for op, fits in expected.items():
        inputs = (Source(0),) if op is Op.REST else (Source(0), Source(1))
        relation = Relation(op, 2, inputs)
        assert bool(relation.fits(grid, ROUND)[0]) == fits
        span = relation.attainable(grid, 0, ROUND)
        assert (span.lo <= printed + half and printed - half <= span.hi) == fits
        assert span.lo <= relation.value(grid, 0) <= span.hi


def test_two_rows_that_miss_a_change_make_it_no_rule() -> None:
    text, _ = made(3, "half up", "change against a row")
    lines = text.splitlines()
    for at in (4, 6):
        cells = lines[at].split("|")
        cells[4] = f" {float(cells[4]) + 3:.1f} "
        lines[at] = "|".join(cells)
    assert not accused(audited("\n".join(lines)))


def test_a_change_beside_a_value_may_be_in_percent() -> None:
    rows = "".join(f"| m{i} | {40 + i}.0 (+{2.5 * i:.1f} %) |\n" for i in range(1, 9))
    text = f"| M | Acc |\n|---|---|\n| base | 40.0 |\n{rows}"
    (rule,) = audited(text).rules
    assert (rule.op, rule.reference, rule.support) == ("percent_change", ("base",), 8)
    found = audited(text.replace("(+7.5 %)", "(+8.5 %)"))
    assert accused(found) == {("m3", "Acc"): "does_not_follow"}
    (finding,) = [one for one in found.findings if one.level.accuses]
    assert (finding.changes_rank, finding.changes_best) == (None, None)


GROUPED = """\
| Method | Acc | F1 |
|---|---|---|
| small |  |  |
| Base | 70.0 | 60.1 |
| A | 72.1 (+2.1) | 62.2 (+2.1) |
| B | 73.4 (+3.4) | 64.1 (+4.0) |
| C | 74.9 (+4.9) | 61.3 (+1.2) |
| D | 71.2 (+1.2) | 66.6 (+6.5) |
| E | 75.0 (+5.0) | 63.0 (+2.9) |
| large |  |  |
| Base | 80.0 | 72.5 |
| A | 82.3 (+2.3) | 73.9 (+1.4) |
| B | 84.4 (+4.4) | 75.0 (+2.5) |
| C | 81.9 (+1.9) | 77.7 (+5.2) |
"""


def test_each_group_has_its_own_reference() -> None:
    document = audited(GROUPED)
    assert not accused(document)
    assert [(one.support, one.rows) for one in document.rules] == [(8, 8), (8, 8)]
    assert document.rules[0].text == "Acc = Acc - Acc of the reference above"
    wrong = audited(GROUPED.replace("(+3.4)", "(+5.4)"))
    assert accused(wrong) == {("small / B", "Acc"): "does_not_follow"}


def test_a_row_that_follows_another_reference_is_accused_of_nothing() -> None:
    rows = [("b1", 70.0, "-"), ("b2", 71.5, "-"), ("p", 72.1, "+2.1"), ("q", 73.4, "+3.4"),
            ("r", 74.9, "+4.9"), ("s", 71.2, "+1.2"), ("t", 82.3, "+12.3"),
            ("u", 75.0, "+3.5")]  # fmt: skip
    table = [[name, f"{value:.1f}", gain] for name, value, gain in rows]
    document = audit([sheet(["M", "Acc", "gain"], table)])
    (rule,) = document.rules
    assert (rule.reference, rule.support) == (("b1",), 5)
    assert not accused(document)


def test_a_row_as_good_as_the_reference_is_not_taken_for_it() -> None:
    values = [72.3, 86.1, 76.66, 91.2, 73.1, 67.5, 78.6, 86.2]
    gains = ["-" if i == 1 else f"{int(100 * (one / 86.1 - 1))}" for i, one in enumerate(values)]
    rows = [[f"m{i}", f"{one:.2f}", gains[i]] for i, one in enumerate(values)]
    document = audit([sheet(["M", "Acc", "delta"], rows)])
    (rule,) = document.rules
    assert (rule.reference, rule.support, rule.rows) == (("m1",), 7, 7)


def test_errors_are_held_against_accuracy_unless_a_third_share_is_printed() -> None:
    shares = [(81.2, 18.8), (75.0, 25.0), (66.1, 33.9), (90.3, 9.7), (70.0, 22.5), (58.8, 41.2)]
    rows = [[f"m{i}", f"{a:.1f}", f"{e:.1f}"] for i, (a, e) in enumerate(shares)]
    found = audit([sheet(["M", "Accuracy", "Error"], rows)])
    assert accused(found) == {("m4", "Error"): "does_not_follow"}
    assert not audit([sheet(["M", "win", "loss"], rows)]).rules
    third = [[*row, "7.5" if i == 4 else "0.0"] for i, row in enumerate(rows)]
    assert not accused(audit([sheet(["M", "Accuracy", "Error", "no answer"], third)]))
    ones = [[row[0], *(f"{float(one) / 100:.3f}" for one in row[1:])] for row in rows]
    (rule,) = audit([sheet(["M", "Accuracy", "Error"], ones)]).rules
    assert rule.op == "1-x"


def test_changes_and_rests_are_stated_in_a_rules_file() -> None:
    text = made(5, "half up", "change against a row", fault=True)[0]
    change = StatedRule(
        op="percent_change", result="delta", inputs=("Acc", "Acc"), reference="m0", source="sec. 4"
    )
    (level,) = accused(audited(text, stated=[change])).values()
    assert level == "contradicts"
    with pytest.raises(DataError, match="100-x with 2"):
        parse_rules('[[rule]]\nop = "100-x"\nresult = "e"\ninputs = ["a", "b"]', "r.toml")
