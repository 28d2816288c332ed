"""The claim ledger: every claim of a pack, met by whatever evidence a run gathered.

Seven sources of claims, one list of verdicts: statements of the text, published numbers that
suites measure, measurements that others published, tables whose benchmark this version cannot run
yet, checks over printed tables, mathematical statements, and statements about cost.
"""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from harness.evidence import BoundCheck, Measurement, Statement
from harness.outcomes import Outcome
from harness.packs.pack import Pack
from harness.packs.published import published
from harness.protocols import OFFICIAL, PURE, Column, Suite, SuiteInfo
from harness.records import (
    ALL,
    Cell,
    ClaimKind,
    Reported,
    Row,
    RunPlan,
    Scalar,
    TaskPlan,
    Verdict,
)
from harness.verdicts.checks import decide_check, decide_sentence
from harness.verdicts.costs import efficiency_verdicts
from harness.verdicts.docket import Docket
from harness.verdicts.external import external
from harness.verdicts.facts import with_facts
from harness.verdicts.numbers import decide, untested
from harness.verdicts.statements import decide_statement
from harness.verdicts.table_evidence import TableEvidence, table_evidence

RUN_COMMAND = "kairos-eval run RUNFILE  (start from `kairos-eval init`)"
TABLE_FIELDS = ("mode",)
"""Protocol fields that say, beside its samples, which printed table a number belongs to."""
_SHOWN = 6  # names of models in a message


def build(
    plan: RunPlan,
    cells: Sequence[Cell],
    rows: Sequence[Row],
    suites: Mapping[str, Suite],
    docket: Docket,
    theorems: Sequence[Statement] = (),
    beside: TableEvidence | None = None,
    answered: Sequence[Verdict] = (),
) -> list[Verdict]:
    """Return one verdict per claim, in a fixed order.

    A run with the audit takes in every claim of the pack; one without, the published numbers of
    the benchmarks it ran, the statements it checked and the costs it measured. Mathematical
    statements belong to the experiments of a run, not to a pack. ``beside`` is what printed places
    can bear, where it is known already, and ``answered`` the statements that tasks are declared to
    answer.
    """
    pack = docket.pack
    if not plan.spec.audit:
        ran = {task.task.suite for task in plan.tasks}
        mine = {name: suite for name, suite in suites.items() if name in ran}
        return [
            *with_facts(answered, docket),
            *numbers(plan, cells, mine, pack),
            *mathematics(theorems, rows, every=False),
            *costs(docket, rows, every=False),
        ]
    tables = printed_tables(docket)
    beside = beside or table_evidence(docket, suites)
    met = {verdict.claim for verdict in answered}
    text = [one for one in sentences(tables, docket) if one.evidence or one.claim not in met]
    verdicts = [
        *(beside.added(verdict, docket) for verdict in text),
        *answered,
        *numbers(plan, cells, suites, pack),
        *external(pack),
        *without_suite(pack, suites),
        *tables,
        *mathematics(theorems, rows, every=asks_for(plan, "theory/")),
        *costs(docket, rows, every=True),
    ]
    return with_facts(verdicts, docket)


def printed_tables(docket: Docket) -> list[Verdict]:
    """Judge the checks of printed tables."""
    return [decide_check(check, docket) for check in docket.checks]


def sentences(tables: Sequence[Verdict], docket: Docket) -> list[Verdict]:
    """Judge each statement of the text by the checks that read its cells."""
    decided = {verdict.claim: verdict for verdict in tables}
    return [
        decide_sentence(claim, docket.checks_of(claim), decided, docket)
        for claim in docket.pack.claims
    ]


def asks_for(plan: RunPlan, kind: str) -> bool:
    """Say whether a run has experiments of a kind."""
    return any(experiment.name.startswith(kind) for experiment in plan.experiments)


def costs(docket: Docket, rows: Sequence[Row], *, every: bool) -> list[Verdict]:
    """Judge each statement about cost by what was profiled and by the printed numbers."""
    profiled = any(
        isinstance(row, Measurement) and row.experiment.startswith("profile/") for row in rows
    )
    if not (every or profiled):
        return []
    verdicts = efficiency_verdicts(docket.pack.efficiency, rows, docket.pack)
    return [one for one in verdicts if every or one.outcome is not Outcome.UNTESTED]


def mathematics(
    theorems: Sequence[Statement], rows: Iterable[Row], *, every: bool
) -> list[Verdict]:
    """Judge each mathematical statement by the instances it was checked on."""
    met: dict[str, list[BoundCheck]] = {}
    for row in rows:
        if isinstance(row, BoundCheck):
            met.setdefault(row.statement, []).append(row)
    listed = {theorem.id for theorem in theorems}
    own = [of_the_user(name) for name in met if name not in listed]
    return [
        decide_statement(theorem, met.get(theorem.id, ()))
        for theorem in [*theorems, *own]
        if every or theorem.id in met
    ]


def of_the_user(name: str) -> Statement:
    """Return the statement that a function of the user's makes, which no catalogue lists."""
    return Statement(
        id=name,
        title="A statement of your own",
        text="What its function returns is what it says.",
        origin="new",
        source=name,
        place="the function",
    )


class Meeting(NamedTuple):
    """A published number, and a measured cell of its very samples; both state the same fields."""

    reported: Reported
    cell: Cell
    ours: dict[str, Scalar]  # the protocol of the cell
    critical: tuple[str, ...]  # protocol fields that define what is measured

    def decided(self, allow: Container[str] = ()) -> Verdict:
        """Decide the number; protocol fields that are allowed to differ are left out."""
        theirs = {n: v for n, v in self.reported.protocol.items() if n not in allow}
        ours = {n: v for n, v in self.ours.items() if n not in allow}
        critical = [name for name in self.critical if name not in allow]
        reported = msgspec.structs.replace(self.reported, protocol=theirs)
        return decide(self.cell, reported, ours, critical)


def meetings(
    plan: RunPlan, cells: Sequence[Cell], suite: Suite, pack: Pack
) -> Iterator[tuple[Reported, list[Meeting]]]:
    """Yield each published number of a suite with the cells that measured it, one per task."""
    measured: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.suite == suite.info.name:
            measured.setdefault((cell.model, cell.scorer, cell.column), []).append(cell)
    for reported in published(pack, suite.info.name):
        scorer = str(reported.protocol.get("scorer", OFFICIAL))
        met: dict[int, Cell] = {}
        for cell in measured.get((reported.model, scorer, reported.column), []):
            if same_table(cell, plan.tasks[cell.task], reported, suite.info):
                met.setdefault(cell.task, cell)
        yield (
            reported,
            [_meeting(one, plan.tasks[one.task], reported, suite.info) for one in met.values()],
        )


def _meeting(cell: Cell, task: TaskPlan, reported: Reported, info: SuiteInfo) -> Meeting:
    """Hold a number by the protocol of its own samples, the scorer included."""
    theirs = {**reported.protocol, "scorer": cell.scorer}
    ours = {**protocol_of(cell, task, info), **same_subset(reported), "scorer": cell.scorer}
    column = column_of(info, cell.scorer, cell.column)
    critical = (*info.critical, *(column.critical if column else ()))
    return Meeting(msgspec.structs.replace(reported, protocol=theirs), cell, ours, critical)


def numbers(
    plan: RunPlan, cells: Sequence[Cell], suites: Mapping[str, Suite], pack: Pack
) -> list[Verdict]:
    """Hold every measured cell against the published numbers; list the rest as untested."""
    return [
        verdict
        for suite in suites.values()
        for reported, met in meetings(plan, cells, suite, pack)
        for verdict in (
            [one.decided() for one in met] or [untested(reported, suite.info.needs, RUN_COMMAND)]
        )
    ]


def same_subset(reported: Reported) -> dict[str, Scalar]:
    """Return the subset of a number's table: what is held against it has its very samples."""
    return {name: value for name, value in reported.protocol.items() if name == "subset"}


def without_suite(pack: Pack, suites: Iterable[str]) -> list[Verdict]:
    """Return an open verdict for each table of results whose benchmark has no suite here."""
    served = {one.locator.file for suite in suites for one in published(pack, suite)}
    verdicts: list[Verdict] = []
    for table in pack.tables.tables():
        results = [cell for cell in table.cells if cell.is_result]
        if table.edition != pack.current.id or not results or table.file in served:
            continue
        first = results[0]
        what = f"{first.benchmark} {first.subset}".strip()
        verdicts.append(
            Verdict(
                claim=f"table/{table.name}",
                kind=ClaimKind.NUMBER,
                outcome=Outcome.UNTESTED,
                statement=f"{what}: {len(results)} printed results",
                locator=first.locator,
                needs=f"measurements of {what}, for which this version has no suite",
            )
        )
    return verdicts


def samples_of(
    info: SuiteInfo, subset: str, column: Column, group: str = ALL
) -> dict[str, str] | None:
    """Return the labels that single out the samples of a column; None where none has them all.

    Two columns of equal labels have the same samples, whatever the subsets are called.
    """
    label, _, value = group.partition("=")
    found = dict(info.subset_labels.get(subset, {"": subset}))
    for name, wanted in (*column.where.items(), *([(label, value)] if value else [])):
        if found.setdefault(name, wanted) != wanted:
            return None
    return found


def column_of(info: SuiteInfo, scorer: str, name: str) -> Column | None:
    """Return a scorer's column by name, where it has it."""
    return next((one for one in info.columns.get(scorer, ()) if one.name == name), None)


def protocol_of(cell: Cell, task: TaskPlan, info: SuiteInfo) -> dict[str, Scalar]:
    """Return the protocol under which the samples of a cell came about."""
    column = column_of(info, cell.scorer, cell.column)
    labels = column and samples_of(info, str(task.protocol["subset"]), column, cell.group)
    own = {f"{name}={value}" for name, value in (labels or {}).items()}
    fields = {n: v for part, some in task.parts.items() if part in own for n, v in some.items()}
    return {**task.protocol, **fields}


def same_table(cell: Cell, task: TaskPlan, reported: Reported, info: SuiteInfo) -> bool:
    """Say whether a cell holds the very samples of a published number, in its table."""
    column, subset = column_of(info, cell.scorer, cell.column), task.protocol["subset"]
    if column is None:
        return False
    wanted = samples_of(info, str(reported.protocol.get("subset", subset)), column)
    return in_mode(task, reported) and wanted == samples_of(info, str(subset), column, cell.group)


def in_mode(task: TaskPlan, reported: Reported) -> bool:
    """Say whether a task was made as the table of a published number says."""
    return all(
        task.protocol.get(name) == reported.protocol[name]
        for name in TABLE_FIELDS
        if name in reported.protocol and name in task.protocol
    )


def unmet(plan: RunPlan, suites: Sequence[Suite], pack: Pack) -> list[str]:
    """Say of each task that no published number will be held against why, with near names.

    Args:
        plan: what is planned; made-up examples are passed over.
        suites: of the tasks, in their order.
        pack: the published numbers.
    """
    told: list[str] = []
    for task, suite in zip(plan.tasks, suites, strict=True):
        numbers = published(pack, suite.info.name)
        measured = not suite.info.columns.keys() - {PURE}  # nothing printed is held against it
        if (
            measured
            or task.task.example
            or any(will_meet(task, suite.info, one) for one in numbers)
        ):
            continue
        told.append(f"{suite.info.name}: nothing to compare: {_why_unmet(task, numbers)}")
    return told


def will_meet(task: TaskPlan, info: SuiteInfo, reported: Reported) -> bool:
    """Say whether a published number is about a task's model and samples, or a group of them."""
    scorer = str(reported.protocol.get("scorer", OFFICIAL))
    column, subset = column_of(info, scorer, reported.column), str(task.protocol["subset"])
    if column is None or scorer not in task.task.scorers or reported.model != task.task.model:
        return False
    wanted = samples_of(info, str(reported.protocol.get("subset", subset)), column)
    groups = [f"{name}={value}" for name, value in (wanted or {}).items() if name in info.groups]
    mine = [samples_of(info, subset, column, group) for group in (ALL, *groups)]
    return in_mode(task, reported) and wanted is not None and wanted in mine


def _why_unmet(task: TaskPlan, numbers: Sequence[Reported]) -> str:
    model, names = task.task.model, list(dict.fromkeys(one.model for one in numbers))
    if not names:
        return "the pack prints no number of this benchmark"
    if model in names:
        return f"no published number of {model!r} is about these samples, scorers and mode"
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(model.casefold(), folded, n=3, cutoff=0.6)
    if close:
        hint = "did you mean " + " or ".join(repr(folded[name]) for name in close) + "?"
    else:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        hint = "there are some for " + ", ".join(map(repr, names[:_SHOWN])) + more
    return f"no published number is for {model!r}; {hint}"
