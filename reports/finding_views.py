"""What a page shows of experiments: statements with their instances, and drawings by section."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.evidence import (
    BoundCheck,
    DataTable,
    Figure,
    HeatMap,
    Hypothesis,
    Panels,
    Pictures,
)
from harness.export import points
from harness.outcomes import Outcome
from harness.records import Drawing, Results, Verdict
from harness.store import StoredRun
from reports.addresses import anchor, claim_address
from reports.text import DASH

SIGNS = {"<=": "≤", ">=": "≥", "=": "="}
MOST_CHECKS = 3  # instances shown of one statement
MOST_ROWS = 30  # rows of a table that is shown whole
ORIGINS = {
    "printed": "as printed",
    "corrected": "corrected",
    "refuted": "a looser reading",
    "new": "new here",
}
REFUTED = "Refuted: "
PRINTED = (ORIGINS["printed"], ORIGINS["refuted"])
PLACE = re.compile(r"(Theorem|Corollary|Lemma|Definitions?) \S+( and \d+)?(?<!,)")
READ, BEYOND, OWN = "Other readings", "Corrected and sharpened here", "New here"
TITLES = {"theory": "Theory", "efficiency": "Speed", "rankings": "Rankings"}


@dataclass(frozen=True)
class CheckView:
    """One instance of a statement."""

    anchor: str
    outcome: Outcome
    instance: str
    inequality: str
    ratio: str
    spread: str
    hypotheses: str  # how each stands
    notes: tuple[str, ...]
    witness: str


@dataclass(frozen=True)
class StatementView:
    """One statement with its verdict and the instances behind it."""

    verdict: Verdict
    anchor: str
    origin: str
    title: str
    text: str
    closest: str  # how near any instance comes to the bound
    checks: tuple[CheckView, ...]
    hypotheses: dict[str, str]  # what each says, by its id
    hidden: int


@dataclass(frozen=True)
class StatementGroup:
    """What belongs to one place of the paper, or is this project's own."""

    title: str
    statements: tuple[StatementView, ...]


@dataclass(frozen=True)
class Section:
    """The drawings of one page of the report."""

    name: str
    anchor: str
    title: str
    drawings: tuple[Drawing, ...]


def statement_views(run: StoredRun, results: Results) -> tuple[StatementView, ...]:
    """Return the statements that were checked, each with its instances."""
    met: dict[str, list[BoundCheck]] = {}
    for row in run.rows:
        if isinstance(row, BoundCheck):
            met.setdefault(f"theory/{row.statement}", []).append(row)
    return tuple(
        StatementView(
            verdict=verdict,
            anchor=claim_address(verdict),
            origin=ORIGINS.get(verdict.origin, ""),
            title=verdict.statement.removeprefix(REFUTED).partition(": ")[0],
            text=verdict.statement.removeprefix(REFUTED).partition(": ")[2],
            closest=closest(met[verdict.claim], results.outcomes),
            checks=tuple(
                check_view(check, results.outcomes[check.key])
                for check in met[verdict.claim][:MOST_CHECKS]
            ),
            hypotheses={
                one.id: one.text for check in met[verdict.claim] for one in check.hypotheses
            },
            hidden=max(0, len(met[verdict.claim]) - MOST_CHECKS),
        )
        for verdict in results.verdicts
        if verdict.claim in met
    )


def statement_groups(statements: Iterable[StatementView]) -> tuple[StatementGroup, ...]:
    """Group statements by the place of the paper that they read, then what is added to it."""
    groups: dict[str, list[StatementView]] = {}
    for one in statements:
        place = PLACE.match(one.verdict.locator.place)
        own = BEYOND if one.origin == ORIGINS["corrected"] else OWN
        name = place[0] if place else READ if one.origin in PRINTED else own
        groups.setdefault(name, []).append(one)
    last = (READ, BEYOND, OWN)
    order = sorted(groups, key=lambda name: last.index(name) + 1 if name in last else 0)
    return tuple(StatementGroup(name, tuple(groups[name])) for name in order)


def closest(checks: Iterable[BoundCheck], outcomes: Mapping[str, Outcome]) -> str:
    """Say which instance that holds comes nearest to its bound; nothing where none tells."""
    told = [
        (max((check.ratio, *check.spread, check.best or 0.0)), check.instance)
        for check in checks
        if check.ratio is not None and outcomes[check.key] is Outcome.HOLDS
    ]
    if not told:
        return ""
    most, instance = max(told, key=lambda one: one[0])
    attained = "attained" if short(most) == "1" else f"{short(most)} of the bound at most"
    return f"How tight: {attained} ({instance})"


def check_view(check: BoundCheck, outcome: Outcome) -> CheckView:
    """Return one instance as it is shown."""
    return CheckView(
        anchor=anchor("bound", check.key),
        outcome=outcome,
        instance=check.instance,
        inequality=comparison(check)
        or f"{short(check.lhs)} {SIGNS[check.relation]} {short(check.rhs)}",
        ratio=short(check.ratio),
        spread=" · ".join(short(value) for value in check.spread),
        hypotheses=", ".join(map(stands, check.hypotheses)),
        notes=tuple(filter(None, (check.note, check.reason, best(check)))),
        witness=check.witness,
    )


def comparison(check: BoundCheck) -> str:
    """Write a comparison of arms: its mean, bounds and margin; nothing for a plain inequality."""
    if not check.rule:
        return ""
    ends = "" if check.lo is None else f" [{short(check.lo)}, {short(check.hi)}]"
    return f"difference {short(check.lhs)}{ends}, margin {short(check.rhs)}"


def stands(hypothesis: Hypothesis) -> str:
    """Say how a hypothesis stands on an instance; its text stands with the statement."""
    detail = f" ({hypothesis.detail})" if hypothesis.detail else ""
    return f"{hypothesis.id} {hypothesis.standing.value}{detail}"


def best(check: BoundCheck) -> str:
    """Say how close a search came, and whether an upper bound says anything."""
    parts = [f"best case found: {short(check.best)}"] if check.best is not None else []
    if check.informative is False:
        parts.append("above the trivial cap, so it says nothing here")
    return "; ".join(parts)


def short(value: float | None) -> str:
    """Write a number with four significant digits, or a dash for an absent one."""
    return DASH if value is None else f"{value:.4g}"


def numbers_of(drawing: Drawing) -> dict[str, object]:
    """Return the numbers of a picture as the page's script reads them; a table shows its own."""
    if isinstance(drawing, Figure):
        curves: list[list[object]] = []
        for index, one in enumerate(drawing.curves):
            same = index and one.x == drawing.curves[0].x  # null: the places of the first curve
            sides = [None if same else one.x, one.y, one.lo, one.hi]
            curves.append([one.name, *(side and list(map(rounded, side)) for side in sides)])
        return {"x": drawing.x_label, "y": drawing.y_label, "curves": curves}
    if isinstance(drawing, HeatMap):
        values = [list(map(rounded, row)) for row in drawing.values]
        sides = {"columns": drawing.columns, "rows": drawing.rows, "values": values}
        return {"x": drawing.x_label, "y": drawing.y_label, "value": drawing.value_label, **sides}
    if isinstance(drawing, Panels):
        rows = [(one.title, *point) for one in drawing.panels for point in points(one)]
        return {"heads": ("panel", "series", "x", "y", "lo", "hi"), "table": rows}
    if isinstance(drawing, Pictures):
        return {}
    apart = drawing.bars or len(drawing.rows) > MOST_ROWS
    return {"heads": drawing.columns, "table": drawing.rows} if apart else {}


def rounded(value: float | None) -> float | None:
    """Return a number with five significant digits, as many as a picture can show."""
    return None if value is None else float(f"{value:.5g}")


def sections(drawings: Iterable[Drawing], titles: Mapping[str, str]) -> tuple[Section, ...]:
    """Group all drawings by the page they stand on, tables last; ``titles`` are of suites."""
    by_name: dict[str, list[Drawing]] = {}
    for drawing in drawings:
        by_name.setdefault(drawing.section, []).append(drawing)
    return tuple(
        Section(
            name=name,
            anchor=anchor("section", name),
            title={**TITLES, **titles}.get(name, name),
            drawings=tuple(
                sorted(found, key=lambda one: isinstance(one, DataTable) and not one.bars)
            ),
        )
        for name, found in by_name.items()
    )
