"""Drawings: complete, escaped, the same bytes for the same data, and the data beside them."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.evidence import (
    Bars,
    BoundCheck,
    Curve,
    DataTable,
    Figure,
    HeatMap,
    Hypothesis,
    HypothesisStanding,
    Mark,
)
from harness.outcomes import Outcome
from harness.records import ClaimKind, Locator, Verdict
from reports.axes import axis, linear_ticks, log_ticks
from reports.bars import bars
from reports.charts import draw
from reports.finding_views import closest, numbers_of
from reports.html import render_html
from reports.plots import plot

HOSTILE = "<b>&\"' bound"


def figure(key: str = "f", **fields: object) -> Figure:
    decays = tuple(
        Curve(name=f"rate {rate}", x=tuple(range(20)),
              y=tuple(math.exp(-rate * t) for t in range(20)))
        for rate in (0.1, 0.5)
    )  # fmt: skip
    made = Figure(
        key=key, experiment="e", section="theory", title=f"Error {HOSTILE}", caption="Falls.",
        x_label="step", y_label="e", curves=decays, marks=(Mark(axis="x", at=3.0, text="here"),),
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def heat(**fields: object) -> HeatMap:
    made = HeatMap(
        key="h", experiment="e", section="theory", title="Rates", caption="By task.",
        x_label="phase", y_label="task", value_label="rate", columns=("clean", "hard"),
        rows=("lift", "place"), values=((0.5, None), (0.25, 1.0)),
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


TABLE = DataTable(
    key="t", experiment="e", section="theory", title="Steps", caption="Shares.",
    columns=("head", "share"), rows=(("a", 0.5), ("<i>b", None)),
)  # fmt: skip


@pytest.mark.parametrize("one", [figure(), figure(log_y=True), figure(log_x=True), heat()])
def test_a_drawing_is_one_balanced_svg_in_the_colour_of_the_page(one, read_page):
    text = str(draw(one))
    page = read_page(text)
    assert text.startswith("<svg") and text.count("<svg") == 1 and not page.open
    assert 'role="img"' in text and "aria-label" in text and "style=" not in text
    assert len(page.ids) == len(set(page.ids))
    assert page.scripts == 0 and page.loads == []
    assert text == str(draw(one))


def test_bars_reach_over_the_places_of_their_rows(read_page):
    spans = (("wide", ((1.0, 3.0), None, (1.0, 3.0))), ("<i>narrow", ((1.0, 1.0),) * 3))
    ranks = Bars(label="rank", at=(1, 2, 3), spans=spans, focus=1)
    rows = (("<b>first", "9.0", 1), ("second", "8.5", 2), ("third", "8.0", 3))
    one = msgspec.structs.replace(TABLE, columns=("row", "printed", "rank"), rows=rows, bars=ranks)
    text = str(bars(one, ranks))
    assert not read_page(text).open and "<b>" not in text and "<i>" not in text
    wide, narrow = (re.search(rf'<path d="([^"]+)" class="span s{n}"></path>(?!<text)', text)
                    for n in (0, 1))  # fmt: skip
    places = {
        label: float(x) for x, label in re.findall(r'x="([0-9.]+)" y="\d+" class="mid">(\d)<', text)
    }
    ends = [
        (float(a) + 5, float(b) - 5)
        for a, b in re.findall(r"M([0-9.]+) [0-9.]+H([0-9.]+)", wide[1])
    ]
    assert ends == [pytest.approx((places["1"], places["3"]), abs=0.11)] * 2
    assert narrow[1].count("M") == 3
    assert re.findall(r'class="own">(\w+)<', text) == ["second"]
    assert numbers_of(one) == {"heads": one.columns, "table": one.rows}


def test_texts_of_a_drawing_are_escaped():
    curves = (Curve(name=HOSTILE, x=(0, 1), y=(1, 2)), Curve(name="b", x=(0, 1), y=(1, 2)))
    text = str(draw(figure(x_label=HOSTILE, curves=curves)))
    assert "<b>" not in text and "&lt;b&gt;" in text


def test_absent_points_are_gaps_not_zeros():
    whole = str(draw(figure(curves=(Curve(name="a", x=(0, 1, 2), y=(1.0, 1.0, 1.0)),))))
    gap = str(draw(figure(curves=(Curve(name="a", x=(0, 1, 2), y=(1.0, None, 1.0)),))))
    zero = str(draw(figure(curves=(Curve(name="a", x=(0, 1, 2), y=(1.0, 0.0, 1.0)),))))
    assert len({whole, gap, zero}) == 3


def test_a_log_scale_drops_what_it_cannot_show():
    assert "<svg" in draw(figure(log_y=True, curves=(Curve(name="a", x=(0, 1), y=(0.0, 1.0)),)))


def test_names_stand_apart_and_inside_the_picture_however_many_curves_end_at_one_place():
    many = tuple(Curve(name=f"curve {n}", x=(0, 1), y=(0.0, 1.0)) for n in range(12))
    names = re.findall(r'<text x="[\d.]+" y="([\d.]+)">curve', str(draw(figure(curves=many))))
    heights = sorted(map(float, names))
    assert len(heights) == 12 and heights[0] > 0 and heights[-1] < 330
    assert min(b - a for a, b in pairwise(heights)) >= 14.9


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_inside(low, span):
    ticks = linear_ticks(low, low + span)
    assert 3 <= len(ticks) <= 10
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in ticks)


@given(st.floats(1e-12, 1e6), st.floats(1.2, 1e12))
def test_ticks_of_a_log_axis_lie_inside(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert 2 <= len(ticks) <= 14
    assert all(0.99 * low <= tick <= 1.01 * low * ratio for tick in ticks)


def test_places_follow_their_scale_and_what_a_log_axis_lacks_stands_at_its_end():
    straight, log = (axis([1.0, 100.0], 0.0, 10.0, log=one) for one in (False, True))
    assert straight.at(50.5) == pytest.approx(5.0)
    assert (log.at(10.0), log.at(0.0)) == (pytest.approx(5.0), 0.0)


def test_numbers_hold_every_value_and_leave_absent_ones_empty():
    assert numbers_of(heat())["values"] == [[0.5, None], [0.25, 1.0]]
    curves = numbers_of(figure())["curves"]
    assert [len(curve[2]) for curve in curves] == [20, 20]
    assert curves[0][1] == list(range(20)) and curves[1][1] is None  # the places are the same
    assert numbers_of(TABLE) == {}


def test_a_figure_is_drawn_on_axes_and_a_table_has_no_picture():
    axes = plot(figure(log_y=True))
    assert [line.get_label() for line in axes.lines] == ["here", "rate 0.1", "rate 0.5"]
    assert axes.get_yscale() == "log"
    assert len(plot(heat()).collections) == 1
    with pytest.raises(ConfigError, match="is no one figure"):
        plot(TABLE)


@pytest.mark.parametrize(
    ("ratios", "outcome", "said"),
    [
        ((0.2, 0.75), Outcome.HOLDS, "How tight: 0.75 of the bound at most (two)"),
        ((1.0, 0.75), Outcome.HOLDS, "How tight: attained (one)"),
        ((None, None), Outcome.HOLDS, ""),
        ((0.2, 0.75), Outcome.VIOLATED, ""),
    ],
)
def test_how_tight_a_statement_is_says_its_nearest_instance_that_holds(ratios, outcome, said):
    checks = [
        BoundCheck(key=name, experiment="e", statement="S1", instance=name, relation="<=",
                   lhs=1.0, rhs=2.0, ratio=ratio)
        for name, ratio in zip(("one", "two"), ratios, strict=True)
    ]  # fmt: skip
    assert closest(checks, dict.fromkeys(("one", "two"), outcome)) == said


def test_a_report_shows_statements_with_hypotheses_and_sections_with_data(make_run, read_page):
    run = make_run()
    check = BoundCheck(
        key="k",
        experiment="e",
        statement="S6",
        instance=f"unit keys {HOSTILE}",
        relation="<=",
        lhs=2.0,
        rhs=1.0,
        ratio=0.5,
        spread=(0.1, 0.2, 0.3, 0.4, 0.5),
        witness='{"alpha": 0.9}',
        hypotheses=(Hypothesis(id="A8", text="short keys", standing=HypothesisStanding.MET),),
        best=0.99,
    )
    verdict = Verdict(
        claim="theory/S6", kind=ClaimKind.THEOREM, outcome=Outcome.VIOLATED,
        statement="Lemma 4: bounded", locator=Locator(source="paper", place="Lemma 4"),
        evidence=("k",),
    )  # fmt: skip
    results = msgspec.structs.replace(
        run.results, verdicts=(*run.results.verdicts, verdict), drawings=(heat(),),
        outcomes={"k": Outcome.VIOLATED},
        experiment_counts={"planned": 2, "done": 1, "no GPU": 1},
    )  # fmt: skip
    rows = [*run.rows, check, figure("f1"), figure("f2"), TABLE]
    text = render_html(replace(run, rows=rows, results=results))
    page = read_page(text)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    for wanted in ("A8", "short keys", "2 ≤ 1", "0.1 · 0.2 · 0.3 · 0.4 · 0.5", "0.99",
                   "2 planned = 1 done + 1 no GPU", "&lt;i&gt;b", "Falls."):  # fmt: skip
        assert wanted in text
    assert "<b>" not in text
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)
    numbers = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])["figures"]
    assert len(numbers) == 4
