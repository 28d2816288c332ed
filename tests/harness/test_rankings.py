"""Printed rankings, ablations and win rates of made-up tables, and what each can bear."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from printed_tables import pack_of, table

from harness.audit.engine import run_checks
from harness.audit.templates import checks_of
from harness.errors import DataError
from harness.evidence import Bars
from harness.packs.loading import load_pack
from harness.packs.pack import Pack
from harness.packs.schema import TableNote
from harness.protocols import Column
from harness.records import Locator, Reported
from harness.verdicts import effects, rankings
from harness.verdicts.docket import Docket
from harness.verdicts.ledger import printed_tables, sentences
from harness.verdicts.rankings import Sizes, ranking_of
from harness.verdicts.table_evidence import table_evidence
from suites.registry import all_suites


def row(model: str, value: str, mark: str = "no", **more: str) -> dict[str, str]:
    return {"model": model, "value": value, "reproduced_by_authors": mark, **more}


ROWS = [row("ours", "9.0", "own"), row("A", "8.6", "yes"), row("B", "8.9"), row("C", "8.0", "yes")]


def test_the_authors_row_and_what_it_rests_on() -> None:
    shown = table(ROWS)
    pack = pack_of(shown)
    (one,) = rankings.printed_rankings(pack, {})
    assert (one.focus, one.ranking.starred) == ("ours||", ["A||", "C||"])
    assert "ours is first alone until" in one.said
    assert "move by 0.4 (A *)" in one.said
    assert "ours is 1 of 4, 1 of 2 without them" in one.said
    summary, panel = rankings.drawings([one], pack)
    assert summary.rows[0][:5] == ("B score", 4, 2, "ours", 0.4)
    assert [cells[:3] for cells in panel.rows] == [
        ("ours", "9.0", 1), ("B", "8.9", 2), ("A *", "8.6", 3), ("C *", "8.0", 4)
    ]  # fmt: skip
    assert panel.bars == Bars(
        label="rank",
        at=(1, 2, 3, 4),
        spans=(
            ("if rows with * move by 0.4", ((1, 1), (2, 3), (1, 4), (3, 4))),
            ("by rounding", ((1, 1), (1, 2), (3, 3), (4, 4))),
        ),
        focus=0,
    )
    assert {cells[-1] for cells in panel.rows} == {"no interval"}


def test_a_table_without_marks_says_that_nothing_can_be_tested() -> None:
    shown = table([{**one, "reproduced_by_authors": "unstated"} for one in ROWS])
    pack = pack_of(shown)
    found = rankings.printed_rankings(pack, {})
    (summary,) = rankings.drawings(found, pack)
    assert "nothing can be tested" in summary.rows[0][4]
    starred = ranking_of(pack, shown, shown.cells, {}, unstated_as_starred=True)
    assert starred.ranking.first().value == Fraction(1, 20)


def test_variants_that_are_settings_are_ranked_apart() -> None:
    rows = [row(m, v, "yes", variant=mode) for m, v, mode in
            (("A", "1", "x"), ("B", "2", "x"), ("A", "9", "y"), ("B", "8", "y"))]  # fmt: skip
    found = rankings.printed_rankings(pack_of(table(rows)), {})
    assert [len(one.cells) for one in found] == [2, 2]
    apart = [row("A", "1", variant="DPO"), row("B", "2")]
    assert [len(one.cells) for one in rankings.printed_rankings(pack_of(table(apart)), {})] == [2]


def test_what_is_no_ranking_is_none() -> None:
    assert rankings.printed_rankings(pack_of(table(ROWS[:1])), {}) == []
    assert rankings.printed_rankings(pack_of(table(ROWS, higher_is_better="na")), {}) == []
    assert list(rankings.drawings([], pack_of())) == []
    shown = table(ROWS)
    with pytest.raises(DataError, match="no ranking"):
        ranking_of(pack_of(shown), shown, shown.cells[:1], {})
    with pytest.raises(DataError, match="no row 'D"):
        ranking_of(pack_of(shown), shown, shown.cells, {}, focus="D||")


def reported(line: int, n: int) -> Reported:
    place = Locator(source="p", place="T1", file="t.csv", line=line)
    return Reported(
        id=str(line), value="1", decimals=0, unit="1", suite="s", model="m", column="c", n=n,
        locator=place,
    )  # fmt: skip


def known(toy, n: int, *metrics: tuple[str, float, float]) -> dict[tuple[str, int], Sizes]:
    columns = [
        Column(name=name, title=name, weights={name: 1.0}, lo=lo, hi=hi) for name, lo, hi in metrics
    ]
    total = Column(
        name="total", title="total", lo=0, hi=4, weights={name: 1.0 for name, _, _ in metrics}
    )
    info = type("Info", (), {"columns": {"official": (*columns, total)}})
    return {("t.csv", line): Sizes(info, reported(line, n)) for line in range(2, 20)}


def test_the_widest_interval_of_a_sum_is_that_of_its_printed_parts(toy) -> None:
    rows = [
        row("A", value, "yes", metric=metric)
        for metric, value in (("a", "0.5"), ("b", "2"), ("total", "2.5"))
    ]
    shown = table(rows)
    sizes = known(toy, 100, ("a", 0, 1), ("b", 0, 3))
    half = rankings.half_width(shown.cells[2], shown, sizes)
    assert float(half) == pytest.approx(1.959964 * ((0.25 + 2) / 100) ** 0.5, abs=1e-4)
    end = table([row("A", "1", metric="a")])
    assert rankings.half_width(end.cells[0], end, sizes) is None
    assert rankings.half_width(shown.cells[2], shown, {}) is None


def ablation(*rows: dict[str, str]) -> Pack:
    shown = table(rows)
    return dataclasses.replace(pack_of(shown), notes={"t": TableNote(name="t", kind="ablation")})


def test_an_ablation_of_unstated_n_is_left_open() -> None:
    pack = ablation(row("ours", "1", variant="a"), row("ours", "2", variant="b"))
    docket = Docket([], pack)
    (one,) = effects.effects(pack, {}, docket)
    assert (one.n, one.found) == (None, None)
    assert "not known" in one.said
    (drawn,) = effects.drawings([one], docket)
    assert drawn.rows[0][-1] == "n or range not known"
    assert rankings.printed_rankings(pack, {}) == []


def test_printed_win_rates_without_votes() -> None:
    pack = pack_of(table([row("ours", "66.7", metric="win_rate", variant="vs A")]))
    ((opponent, *rest),) = effects.win_rates(Docket([], pack))
    assert opponent == "B vs A"
    assert rest[2:5] == [3, 3, 35]
    assert rest[-1] == "n not stated"


def test_statements_keep_their_verdict_and_get_what_they_rest_on() -> None:
    """The shipped pack: superlatives over starred rows, and gains whose n its suites know."""
    paper = load_pack("")
    docket = Docket(list(run_checks(checks_of(paper), paper)), paper)
    beside = table_evidence(docket, all_suites().working)
    before = sentences(printed_tables(docket), docket)
    after = [beside.added(verdict, docket) for verdict in before]
    added = {
        new.claim: (new.evidence[len(old.evidence) :], new.reasons[len(old.reasons) :])
        for old, new in zip(before, after, strict=True)
    }
    assert [one.standing for one in before] == [one.standing for one in after]
    kinds = [name.partition("/")[0] for names, _ in added.values() for name in names]
    assert {"ranking", "effect"} == set(kinds)
    assert all(len(names) == len(said) for names, said in added.values())
    for claim, (names, _) in added.items():
        numbers = docket.claims[claim].numbers
        for one in (one for one in beside.effects if one.id in names):
            assert one.before.value in numbers
            assert one.after.value in numbers
    assert {drawn.section for drawn in beside.drawings(docket)} == {"rankings"}
