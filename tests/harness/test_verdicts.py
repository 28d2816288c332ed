"""Verdicts follow from interval, margin, protocol and completeness, and from nothing else."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from harness.outcomes import Level, Outcome
from harness.records import Cell, Estimate, Locator, Reported
from harness.verdicts.checks import worst_outcome
from harness.verdicts.numbers import decide, difference

PROTOCOL = {"mode": "i2v", "cot": False}


def rate(k: int, n: int, **changes: object) -> Cell:
    """A measured success rate in percent with Wilson's interval."""
    interval = binomtest(k, n).proportion_ci(method="wilson")
    estimate = Estimate(
        value=100 * k / n, lo=100 * interval.low, hi=100 * interval.high, method="Wilson",
        n=n, clusters=n, planned=n,
    )  # fmt: skip
    cell = Cell(
        suite="toy", model="m", scorer="official", column="c", title="C", group="all",
        unit="percent", decimals=1, estimate=estimate,
    )  # fmt: skip
    return msgspec.structs.replace(cell, **changes)


def printed(value: str, n: int | None = None, margin: float = 1.0, **protocol: object) -> Reported:
    return Reported(
        id="r", value=value, decimals=len(value.partition(".")[2]), unit="percent", suite="toy",
        model="m", column="c", n=n, locator=Locator(source="p", place="Table 1"),
        protocol={**PROTOCOL, **protocol}, margin=margin,
    )  # fmt: skip


def outcome(cell: Cell, reported: Reported, **protocol: object) -> str:
    return decide(cell, reported, {**PROTOCOL, **protocol}, ("mode",)).outcome


def test_99_measured_against_81_reported_is_never_reproduced() -> None:
    assert outcome(rate(99, 100), printed("81", n=100)) == Outcome.DIFFERENT


def test_without_the_reported_n_a_difference_is_not_called_one() -> None:
    verdict = decide(rate(99, 100), printed("81"), PROTOCOL, ("mode",))
    assert verdict.outcome == Outcome.NOT_DECIDABLE
    assert "different if it is over the same 100 samples" in verdict.reasons
    near = decide(rate(90, 100), printed("84"), PROTOCOL, ("mode",))
    assert near.outcome == outcome(rate(90, 100), printed("84", n=100)) == Outcome.UNDERPOWERED
    assert outcome(rate(76_500, 100_000), printed("76.5")) == Outcome.UNDERPOWERED


def test_a_close_number_with_few_samples_is_underpowered_and_says_what_it_could_see() -> None:
    verdict = decide(rate(381, 500), printed("76.5", n=500), PROTOCOL, ("mode",))
    assert verdict.outcome == Outcome.UNDERPOWERED
    assert verdict.detectable is not None
    assert any("80 % power" in reason for reason in verdict.reasons)
    spread = math.sqrt(0.762 * 0.238 * 2) * 100
    shift = t.ppf([0.975, 0.8], 499).sum() * spread / math.sqrt(500)
    assert verdict.detectable == pytest.approx(shift + 0.05, rel=0.02)


def test_enough_samples_inside_the_margin_reproduce() -> None:
    assert outcome(rate(76_500, 100_000), printed("76.5", n=100_000)) == Outcome.REPRODUCED


def test_a_significant_difference_inside_the_margin_is_not_called_different() -> None:
    assert outcome(rate(76_200, 100_000), printed("76.7", n=100_000)) == Outcome.REPRODUCED
    assert (
        outcome(rate(7_600, 10_000), printed("77.5", n=100_000_000, margin=2.0))
        != Outcome.DIFFERENT
    )


def test_rounding_of_the_printed_number_enters() -> None:
    cell = rate(765_400, 1_000_000)
    coarse, fine = printed("77", n=10**9), printed("76.54", n=10**9)
    wide, narrow = difference(cell, coarse), difference(cell, fine)
    assert wide is not None
    assert narrow is not None
    assert wide.hi - wide.lo == pytest.approx(narrow.hi - narrow.lo + 1 - 0.01)


def test_the_reported_numbers_own_n_widens_the_interval() -> None:
    cell = rate(381, 500)
    same, large = (
        difference(cell, printed("76.5", n=500)),
        difference(cell, printed("76.5", n=10**9)),
    )
    assert same is not None
    assert large is not None
    assert (same.hi - same.lo - 0.1) == pytest.approx(math.sqrt(2) * (large.hi - large.lo - 0.1))


def test_other_or_unknown_protocols_forbid_or_cap() -> None:
    good, same = rate(76_500, 100_000), printed("76.5", n=100_000)
    assert outcome(good, same, mode="t2v") == Outcome.INCOMPARABLE
    assert outcome(good, same, cot=True) == Outcome.INCOMPARABLE
    assert outcome(good, printed("76.5", n=100_000, mode="unknown")) == Outcome.INCOMPARABLE
    assert outcome(good, printed("76.5", n=100_000, cot="unknown")) == Outcome.UNDERPOWERED
    verdict = decide(good, same, {**PROTOCOL, "decoder": "x"}, ("mode",))
    assert verdict.outcome == Outcome.UNDERPOWERED
    assert "protocol: decoder is not known for the reported number" in verdict.reasons


def test_another_number_of_samples_is_incomparable() -> None:
    assert outcome(rate(40, 50), printed("80.0", n=350)) == Outcome.INCOMPARABLE
    (reason,) = decide(rate(840, 1050), printed("80.0", n=350), PROTOCOL, ("mode",)).reasons
    assert reason.endswith("name the results of one of 3 runs as a task of its own")


def test_three_of_350_missing_is_missing_with_both_bounds() -> None:
    cell = rate(300, 347)
    estimate = msgspec.structs.replace(
        cell.estimate, planned=350, missing={"input absent": 3},
        worst=100 * 300 / 350, best=100 * 303 / 350,
    )  # fmt: skip
    verdict = decide(msgspec.structs.replace(cell, estimate=estimate), printed("86.0", n=350),
                     PROTOCOL, ())  # fmt: skip
    assert verdict.outcome == Outcome.MISSING
    assert verdict.reasons == (
        "350 planned = 347 scored + 3 input absent; the complete value lies in 85.71 to 86.57",
    )


def test_example_data_are_never_compared() -> None:
    assert (
        outcome(rate(76_500, 100_000, example=True), printed("76.5", n=100_000))
        == Outcome.INCOMPARABLE
    )


@pytest.mark.parametrize("value", ["100", "99.9", "40"])
def test_an_undefined_interval_decides_nothing(value: str) -> None:
    cell = rate(50, 50)
    bare = msgspec.structs.replace(cell.estimate, lo=None, hi=None, reason="constant")
    verdict = decide(
        msgspec.structs.replace(cell, estimate=bare), printed(value, n=50), PROTOCOL, ()
    )
    assert verdict.outcome == Outcome.NOT_DECIDABLE
    assert verdict.reasons[0].endswith("margin ±1; no interval: constant")


@pytest.mark.parametrize(
    ("value", "expected"), [("39.6", Outcome.REPRODUCED), ("39.8", Outcome.DIFFERENT)]
)
def test_a_census_is_compared_exactly(value: str, expected: str) -> None:
    exact = Estimate(
        value=39.65, lo=39.65, hi=39.65, method="census (finite set, no sampling)",
        n=343, clusters=343, planned=343,
    )  # fmt: skip
    cell = msgspec.structs.replace(rate(136, 343), estimate=exact)
    assert outcome(cell, printed(value, n=343, margin=0.1)) == expected


@given(k=st.integers(0, 200), n=st.integers(1, 200), value=st.integers(0, 1000))
def test_a_verdict_never_contradicts_itself(k: int, n: int, value: int) -> None:
    k = min(k, n)
    verdict = decide(rate(k, n), printed(f"{value / 10:.1f}", n=n), PROTOCOL, ())
    gap = abs(100 * k / n - value / 10)
    if verdict.outcome == Outcome.REPRODUCED:
        assert gap <= 1.0
    if verdict.outcome == Outcome.DIFFERENT:
        assert gap > 1.0


def test_every_level_is_used_and_the_worst_outcome_wins() -> None:
    assert {outcome.level for outcome in Outcome} == set(Level)
    assert worst_outcome([Outcome.PASS, Outcome.WARN, Outcome.FAIL]) is Outcome.FAIL
    assert worst_outcome([Outcome.PASS, Outcome.WARN]) is Outcome.WARN
    assert worst_outcome([Outcome.NOT_TESTABLE, Outcome.PASS]) is Outcome.PASS
