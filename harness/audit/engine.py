"""Run checks: one rule per operation, one verdict per check, nothing known by name.

A verdict follows from the printed cells, the rule's constants and the recorded facts alone. A rule
that lacks something gives ``not testable`` and says what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from harness.audit import rules_arithmetic as arithmetic
from harness.audit import rules_bold as bold
from harness.audit import rules_cross as cross
from harness.audit import rules_granularity as granularity
from harness.audit import rules_ordering as ordering
from harness.audit import rules_text as text
from harness.audit.context import Case, Cell, Finding, NotTestable, not_testable, resolve
from harness.audit.expression import is_expression
from harness.audit.spec import CheckSpec
from harness.errors import DataError, nearest
from harness.packs.pack import Pack
from harness.records import Check
from harness.sheets.printed import DOES_NOT_FOLLOW, FAIL, Rounding


class Operation(NamedTuple):
    """A rule, and the constants that a check may give it."""

    rule: Callable[[Case], Finding]
    constants: tuple[str, ...] = ()


_SPEECH = ("numerators", "denominator", "printed", "fps")

RULES: dict[str, Operation] = {
    "sum": Operation(arithmetic.sum_, ("n", "scale", "rounding")),
    "mean": Operation(arithmetic.mean, ("n", "scale", "rounding")),
    "weighted_mean": Operation(
        arithmetic.weighted_mean, ("weights", "trials_per_task", "scale", "rounding")
    ),
    "sum/100": Operation(arithmetic.sum_, ("n", "scale", "rounding")),
    **dict.fromkeys(("100-x", "1-x"), Operation(arithmetic.rest, ("rounding",))),
    **dict.fromkeys(
        ("100*ratio", "percent_change", "percent_reduction"),
        Operation(arithmetic.ratio, ("grain", "rounding")),
    ),
    "difference": Operation(arithmetic.difference, ("rounding",)),
    "ratio": Operation(text.stated_ratio, ("grain", "rounding", *_SPEECH)),
    "pipeline_speedup": Operation(arithmetic.pipeline_speedup, ("stated",)),
    "parallel_speedup": Operation(arithmetic.parallel_speedup, ("gpus", "rounding")),
    "grim": Operation(granularity.grim, ("n", "step", "scale", "rounding")),
    "decimals_uniform": Operation(granularity.decimals_uniform),
    "repeated_value": Operation(granularity.repeated_value),
    "is_max": Operation(ordering.extreme(1, "maximum")),
    "is_min": Operation(ordering.extreme(-1, "minimum")),
    "is_max_tied": Operation(ordering.is_max_tied),
    "is_second": Operation(ordering.rank),
    "rank": Operation(ordering.rank, ("rank",)),
    "marked_place": Operation(ordering.marked_place, ("mark",)),
    "greater": Operation(ordering.beats(1)),
    "less": Operation(ordering.beats(-1)),
    "all_greater": Operation(ordering.beats(1, first_wins=False)),
    "all_less": Operation(ordering.beats(-1, first_wins=False)),
    "better": Operation(ordering.beats(1, by_direction=True)),
    "all_better": Operation(ordering.beats(1, by_direction=True, first_wins=False)),
    "rises": Operation(ordering.moves(1)),
    "falls": Operation(ordering.moves(-1)),
    "is_min_change": Operation(ordering.change(-1)),
    "is_max_change": Operation(ordering.change(1)),
    "bold_is_max": Operation(bold.bold_is_max),
    "bold_scope": Operation(bold.bold_scope),
    "same_quantity": Operation(cross.same_quantity, ("rounding",)),
    "same_mark": Operation(cross.same_mark),
    "same_table": Operation(cross.same_table),
    "figure_in_table": Operation(cross.figure_in_table),
    "range": Operation(text.in_range, ("lo", "hi", "rounding")),
    "real_time": Operation(text.real_time, ("clip_s", "frames", "fps")),
    "supported": Operation(text.supported, ("threshold", "unit")),
    "text_equals_text": Operation(
        text.text_equals_text, ("values", "places", "quantity", "rounding")
    ),
    "equals": Operation(text.equals, ("stated", "rounding")),
    "count": Operation(text.count, ("of", "stated")),
    "at_least": Operation(text.threshold(1), ("stated", "rounding")),
    "at_most": Operation(text.threshold(-1), ("stated", "rounding")),
    "unit": Operation(text.unit),
    "tables_present": Operation(text.tables_present, ("announced",)),
}
"""Every operation; an operation may also be an expression such as ``mean_of(mean(a8), b)``."""

_COMPOSITE = Operation(arithmetic.composite, ("rounding",))


def run_checks(specs: Sequence[CheckSpec], pack: Pack) -> list[Check]:
    """Run checks in order on the tables of a pack.

    Raises:
        DataError: a check has an unknown operation or constant.
    """
    for spec in specs:
        operation(spec)
    columns: dict[tuple[str, ...], Any] = {}
    return [run_check(spec, pack, columns) for spec in specs]


def run_check(
    spec: CheckSpec, pack: Pack, columns: dict[tuple[str, ...], Any] | None = None
) -> Check:
    """Run one check; what breaks a rule that was inferred does not follow, it is not refuted.

    A cell that the tables do not hold leaves its check not testable; the cell says what is wrong.

    Args:
        spec: the check.
        pack: its tables.
        columns: what checks of the same tables share, filled by their rules.

    Raises:
        DataError: its operation or one of its constants is unknown.
    """
    rule = operation(spec).rule
    case = resolve(spec, pack, columns)
    problems = [cell.problem for cell in case.cells if cell.problem]
    try:
        finding = not_testable("; ".join(problems)) if problems else rule(case)
    except NotTestable as reason:
        finding = not_testable(str(reason))
    if spec.origin == "inferred" and finding.verdict == FAIL:
        finding = finding._replace(verdict=DOES_NOT_FOLLOW)
    return Check(
        id=spec.id,
        family=spec.family,
        table=spec.table,
        verdict=finding.verdict,
        cells=tuple(map(_written, case.cells)),
        rule=dict(spec.rule),  # type: ignore[arg-type]
        arithmetic=finding.arithmetic,
        explanation=finding.explanation,
        power=finding.power,
        claims=spec.claims,
        sources=spec.sources,
        origin=spec.origin,
        terms=spec.terms,
    )


def operation(spec: CheckSpec) -> Operation:
    """Return the operation of a check.

    Raises:
        DataError: it is unknown, or has no such constant; names the known ones.
    """
    where = f"check {spec.id!r}"
    found = _COMPOSITE if is_expression(spec.op) else RULES.get(spec.op)
    if found is None:
        raise DataError(f"unknown operation {spec.op!r}", where=where, hint=nearest(spec.op, RULES))
    for name in sorted(spec.rule.keys() - {"op", *found.constants}):
        others = [op for op, it in RULES.items() if name in it.constants]
        raise DataError(
            f"{spec.op} has no constant {name!r}",
            where=where,
            expected="its constants: " + (", ".join(found.constants) or "none"),
            hint=f"{', '.join(others)} would read it" if others else "",
        )
    rounding = str(spec.rule.get("rounding", Rounding.NEAREST))
    if rounding not in list(Rounding):
        what = f"unknown rounding {rounding!r}"
        raise DataError(what, where=where, expected=", ".join(Rounding))
    return found


def unresolved(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that name a cell which the tables do not hold."""
    return [check for check in checks if any("problem" in cell for cell in check.cells)]


def _written(cell: Cell) -> dict[str, str]:
    """Return a cell's key and value, with the line it is printed on or what is wrong with it."""
    plain = {name: getattr(cell.ref, name) for name in cell.ref.__struct_fields__}
    plain["line"] = str(cell.found.line) if cell.found else ""
    plain["problem"] = cell.problem
    return {name: value for name, value in plain.items() if value}
