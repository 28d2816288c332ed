"""Relations against brute force, the chance of a rule against other formulas, and who wins."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import accused, audited, sheet
from scipy.stats import binom

from harness.inference.audit import audit
from harness.inference.chance import at_least
from harness.inference.grid import Grid, Source
from harness.inference.relations import BY_NAME, EXACT, ROUND, Relation
from harness.inference.rules import judge, line_chances, rule_of
from harness.sheets.ops import Op
from harness.sheets.printed import Rounding, Span


@given(st.lists(st.floats(0, 1), max_size=8), st.integers(0, 9))
def test_chance_is_the_sum_over_all_sets_of_events(chances: list[float], k: int) -> None:
    at = range(len(chances))
    expected = sum(
        prod(chances[i] if i in hit else 1 - chances[i] for i in at)
        for size in range(k, len(chances) + 1)
        for hit in map(set, combinations(at, size))
    )
    assert at_least(k, chances) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("k", "m", "q"), [(7, 10, 0.2), (90, 100, 0.7), (300, 1000, 0.25)])
def test_equal_chances_are_binomial(k: int, m: int, q: float) -> None:
    assert at_least(k, [q] * m) == pytest.approx(binom.sf(k - 1, m, q), rel=1e-9)


NUMBERS = st.tuples(st.integers(-999, 999), st.integers(0, 2)).map(
    lambda it: f"{'-' if it[0] < 0 else ''}{abs(it[0]) / 10 ** it[1]:.{it[1]}f}"
)


def grid_of(rows) -> Grid:
    table = sheet(["M", "a", "b", "r"], [["m", *row] for row in rows])
    return Grid.of(table, range(len(rows)), [1, 2, 3])


def span_of(relation: Relation, inputs: list[Span]) -> Span:
    """Return every value of a linear relation by adding up ends, one input at a time."""
    lo = hi = Fraction(0)
    lo_open = hi_open = False
    for weight, one in zip(relation.terms, inputs, strict=True):
        ends = [(weight * one.lo, one.lo_open), (weight * one.hi, one.hi_open)]
        (low, low_open), (high, high_open) = ends if weight > 0 else ends[::-1]
        lo, hi = lo + low, hi + high
        lo_open, hi_open = lo_open or low_open, hi_open or high_open
    return Span(lo / relation.divisor, hi / relation.divisor, lo_open, hi_open)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5),
    st.sampled_from([Op.SUM, Op.MEAN, Op.SUM_100, Op.DIFFERENCE, Op.WEIGHTED]),
    st.sampled_from(sorted(BY_NAME)),
)
def test_lines_fit_as_exact_intervals_meet(rows, op: Op, way: str) -> None:
    grid = Grid.of(
        sheet(["M", "a", "b", "r"], [["m", *row] for row in rows]), range(len(rows)), [1, 2, 3]
    )
    relation = Relation(op, 2, (Source(0), Source(1)), (4, 1) if op is Op.WEIGHTED else ())
    convention = BY_NAME[way]
    for line, fits in enumerate(relation.fits(grid, convention)):
        inputs = [grid.printed(line, one).under(convention.inputs).span for one in relation.inputs]
        result = grid.printed(line, Source(2)).under(convention.result).span
        assert fits == span_of(relation, inputs).meets(result)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5),
    st.sampled_from([Op.RATIO, Op.PERCENT]),
)
def test_ratios_fit_as_exact_intervals_meet(rows, op: Op) -> None:
    grid = Grid.of(
        sheet(["M", "a", "b", "r"], [["m", *row] for row in rows]), range(len(rows)), [1, 2, 3]
    )
    relation = Relation(op, 2, (Source(0), Source(1)))
    usable, fits = relation.usable(grid), relation.fits(grid, ROUND)
    for line in np.flatnonzero(usable):
        result = grid.printed(int(line), Source(2)).span
        assert fits[line] == relation.attainable(grid, int(line), ROUND).meets(result)


def test_numbers_beyond_64_bits_are_exact_too() -> None:
    rows = [["m", f"{10**18 + i}.5", f"{i}.5", f"{10**18 + 2 * i + 1}.0"] for i in range(4)]
    grid = Grid.of(sheet(["M", "a", "b", "r"], rows), range(4), [1, 2, 3])
    relation = Relation(Op.SUM, 2, (Source(0), Source(1)))
    assert grid.value.dtype == object
    assert relation.fits(grid, ROUND).all()


def test_the_weakest_evidence_that_suffices_has_few_decimals_and_a_named_column() -> None:
    """Figures of a printed table: 6 of 8 rows follow, with a chance of 0.002."""
    values = ["38 43 34 39 37", "43 55 40 42 45", "43 50 44 37 44", "40 44 38 32 36",
              "41 56 44 37 45", "35 56 43 39 44", "45 57 49 51 51", "45 58 50 40 49"]  # fmt: skip
    rows = [[f"m{i}", *(f"0.{one}" for one in line.split())] for i, line in enumerate(values)]
    named = audit([sheet(["Model", "a", "b", "c", "d", "Average"], rows)])
    assert accused(named) == {(f"m{i}", "Average"): "does_not_follow" for i in (0, 3)}
    assert 0.001 < (named.rules[0].chance or 0) < 0.005
    assert audit([sheet(["Model", "a", "b", "c", "d", "Quality"], rows)]).rules == ()


def test_a_relation_that_is_only_approximate_is_no_rule() -> None:
    """The mean of three columns of which one is not printed misses narrowly in many rows."""
    rng = np.random.default_rng(3)
    values = rng.uniform(60, 62, (20, 3))
    rows = [[f"m{i}", f"{a:.1f}", f"{b:.1f}", f"{(a + b + c) / 3:.1f}"]
            for i, (a, b, c) in enumerate(values)]  # fmt: skip
    assert audit([sheet(["M", "a", "b", "Average"], rows)]).rules == ()


def test_columns_that_move_together_are_no_rule() -> None:
    rows = [[f"m{i}", f"{40 + i}.1", f"{40 + i}.3", f"{40 + i}.2"] for i in range(12)]
    assert audit([sheet(["M", "a", "b", "c"], rows)]).rules == ()


def test_a_cell_that_fits_another_accepted_rule_is_noted_and_not_accused() -> None:
    rng = np.random.default_rng(8)
    rows = []
    for i in range(24):
        a, b, c, d = (round(float(one), 1) for one in rng.uniform(20, 90, 4))
        mean = (a + b + c + d) / 4 if i % 3 else (a + b) / 2
        rows.append([f"m{i}", f"{a:.1f}", f"{b:.1f}", f"{c:.1f}", f"{d:.1f}", f"{mean:.1f}"])
    document = audit([sheet(["M", "a", "b", "c", "d", "Average"], rows)])
    (rule,) = document.rules
    assert (rule.inputs, rule.support, rule.rows) == ((("a",), ("b",), ("c",), ("d",)), 16, 24)
    assert len(accused(document)) == 8  # a third of the rows is too few for a rule of their own


def test_sum_and_difference_of_the_same_columns_are_one_rule() -> None:
    rng = np.random.default_rng(4)
    values = rng.integers(10, 900, (12, 2))
    rows = [[f"m{i}", str(a), str(b), str(a + b)] for i, (a, b) in enumerate(values)]
    (rule,) = audit([sheet(["M", "wins", "losses", "Total"], rows)]).rules
    assert (rule.op, rule.result) == ("sum", ("Total",))
    gap = [[f"m{i}", str(a), str(b), str(a - b)] for i, (a, b) in enumerate(values)]
    (rule,) = audit([sheet(["M", "ours", "base", "Gap"], gap)]).rules
    assert (rule.op, rule.result) == ("difference", ("Gap",))


def test_counts_are_exact_and_off_by_one_does_not_follow() -> None:
    rng = np.random.default_rng(4)
    values = rng.integers(10, 900, (16, 3))
    totals = values.sum(axis=1)
    totals[5] += 1
    rows = [[f"m{i}", *map(str, row), str(total)]
            for i, (row, total) in enumerate(zip(values, totals, strict=True))]  # fmt: skip
    document = audit([sheet(["M", "a", "b", "c", "Total"], rows)])
    assert accused(document) == {("m5", "Total"): "does_not_follow"}
    assert document.rules[0].rounding == "exact"


def test_whole_numbers_that_were_rounded_are_no_counts() -> None:
    rng = np.random.default_rng(4)
    values = rng.uniform(5, 90, (16, 3))
    rows = [[f"m{i}", *(f"{one:.0f}" for one in row), f"{row.sum():.0f}"]
            for i, row in enumerate(values)]  # fmt: skip
    document = audit([sheet(["M", "a", "b", "c", "Total"], rows)])
    assert accused(document) == {}
    assert document.rules[0].fits["round"] == 16


def test_a_table_that_cuts_digits_off_is_consistent_and_says_so() -> None:
    rng = np.random.default_rng(11)
    rows = []
    for i in range(14):
        tenths = [int(one) for one in rng.integers(100, 900, 5)]
        total = sum(tenths) // 10
        rows.append([f"m{i}", *(f"{one / 10:.1f}" for one in tenths), f"{total / 100:.2f}"])
    document = audit([sheet(["M", *"12345", "Avg. Len."], rows)])
    (rule,) = document.rules
    assert (rule.op, rule.rounding, rule.support) == ("sum/100", "truncate", 14)
    assert rule.fits["round"] < 14
    assert accused(document) == {}


@pytest.mark.parametrize(
    ("way", "said"), [(lambda tens: (tens + 1) // 2, "half up"), (None, "half to even")]
)
def test_exact_ties_name_half_up_or_half_to_even(way, said: str) -> None:
    rng = np.random.default_rng(2)
    rows = []
    for i in range(16):
        a, b = (int(one) for one in rng.integers(100, 900, 2))
        half = way(a + b) if way else round(Fraction(a + b, 2))
        rows.append([f"m{i}", f"{a / 10:.1f}", f"{b / 10:.1f}", f"{half / 10:.1f}"])
    (rule,) = audit([sheet(["M", "a", "b", "Average"], rows)]).rules
    assert rule.ties == said


def test_every_accusation_carries_what_a_reader_needs() -> None:
    values = [("10.0", "20.0", "15.0"), ("30.1", "50.3", "40.2"), ("70.0", "20.4", "45.2"),
              ("12.2", "80.0", "46.1"), ("61.0", "33.0", "99.0")]  # fmt: skip
    document = audit(
        [sheet(["M", "a", "b", "Average"], [[f"m{i}", *v] for i, v in enumerate(values)])]
    )
    (finding,) = [one for one in document.findings if one.level.accuses]
    assert finding.printed == "99.0"
    assert finding.attainable == ("46.95", "47.05")
    assert "mean(61.0, 33.0) = 47" in finding.arithmetic
    assert (finding.changes_rank, finding.changes_best) == (False, False)
    assert 0.9 < (finding.power or 0) < 1
    assert finding.line == 6


def test_what_would_change_is_held_against_the_column() -> None:
    values = [("10.0", "20.0", "15.0"), ("30.1", "50.3", "40.2"), ("70.0", "20.4", "45.2"),
              ("12.2", "80.0", "46.1"), ("61.0", "33.0", "44.0")]  # fmt: skip
    document = audit(
        [sheet(["M", "a", "b", "Average"], [[f"m{i}", *v] for i, v in enumerate(values)])]
    )
    (finding,) = [one for one in document.findings if one.level.accuses]
    assert (finding.changes_rank, finding.changes_best) == (True, True)


def test_chance_and_its_parts_follow_their_definition() -> None:
    rows = [["x", "1.0", "5.0", "3.0"], ["y", "2.0", "4.0", "3.1"], ["z", "6.0", "2.0", "4.0"]]
    grid = Grid.of(sheet(["M", "a", "b", "r"], rows), range(3), [1, 2, 3])
    relation = Relation(Op.MEAN, 2, (Source(0), Source(1)))
    usable = relation.usable(grid)
    spread = np.std([1 - 5, 2 - 4, 6 - 2])
    expected = [0.2 / min(1.0, gap, 2.5 * spread) for gap in (4, 2, 4)]
    assert line_chances(relation, grid, usable) == pytest.approx(expected)
    rows[1][3] = "3.0"  # what another line prints too
    grid = grid_of([row[1:] for row in rows])
    assert line_chances(relation, grid, usable) == pytest.approx([0.5, 0.5, 0.2])
    grid = grid_of([("1.0", "5.0", "3.0"), ("2.0", "4.0", "3.1"), ("6.0", "2.0", "4.0")])
    assert judge(relation, grid, 1e-9) is None  # three rows by chance 0.008
    assert judge(relation, grid, 0.01) is not None


def test_reading_with_exact_inputs_is_within_rounding() -> None:
    rows = [["x", "1.0", "2.0", "1.5"], ["y", "1.0", "2.0", "1.6"], ["z", "1.0", "2.0", "1.7"]]
    grid = Grid.of(sheet(["M", "a", "b", "r"], rows), range(3), [1, 2, 3])
    rule = rule_of(Relation(Op.MEAN, 2, (Source(0), Source(1))), grid)
    assert list(rule.fits[BY_NAME["from printed cells"]]) == [True, False, False]
    assert list(rule.fits[ROUND]) == [True, True, False]
    assert list(rule.relation.fits(grid, EXACT)) == [True, False, False]
    assert rule.fits.keys() >= {ROUND} and EXACT not in rule.fits
    assert Rounding.NEAREST in grid.reaches


def test_units_keep_what_cannot_be_added_apart() -> None:
    text = "| M | time (s) | size (GB) | Total |\n|---|---|---|---|\n" + "".join(
        f"| m{i} | {a} | {b} | {a + b} |\n"
        for i, (a, b) in enumerate([(3, 50), (9, 70), (4, 20), (8, 31)])
    )
    assert not [rule for rule in audited(text).rules if rule.op == "sum"]
