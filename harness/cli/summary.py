"""What a run prints: one screen, verdicts first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.plan import Prepared, describe
from harness.records import Cell, ClaimKind, Level, Results
from harness.reduce import ALL
from harness.stats.power import detectable_rate

_STYLE = {Level.GOOD: "green", Level.DOUBT: "yellow", Level.BAD: "red", Level.OPEN: "dim"}


def show(results: Results, report: Path, *, finished: bool) -> None:
    """Print the verdicts by kind of claim, what was measured and where the report is."""
    console = Console(highlight=False)
    ledger = Table(title="Claims and their verdicts", title_justify="left", box=None)
    ledger.add_column("kind")
    ledger.add_column("claims", justify="right")
    ledger.add_column("verdicts")
    for kind in ClaimKind:
        verdicts = [verdict for verdict in results.verdicts if verdict.kind is kind]
        if not verdicts:
            continue
        levels = {verdict.outcome: verdict.level for verdict in verdicts}
        counted = Counter(verdict.outcome for verdict in verdicts)
        order = sorted(counted, key=lambda outcome: (list(Level).index(levels[outcome]), outcome))
        ledger.add_row(
            kind,
            str(len(verdicts)),
            " · ".join(
                f"[{_STYLE[levels[outcome]]}]{counted[outcome]} {outcome}[/]" for outcome in order
            ),
        )
    console.print(ledger)
    console.print(measured(results.cells))
    console.print()
    for name, counts in (("", results.counts), ("examples: ", results.example_counts)):
        if counts["planned"]:
            console.print(name + completeness(counts))
    if not finished:
        console.print("the budget is spent; the same command goes on")
    console.print(f"report: {report}", soft_wrap=True)


def measured(cells: tuple[Cell, ...]) -> Table:
    """Return a table of the measured totals, one row per task and scorer."""
    table = Table(title="\nMeasured (last column of each table)", title_justify="left", box=None)
    for name in ("suite", "model", "scorer", "column", "value", "95 % interval", "n/planned"):
        table.add_column(name, justify="right" if name in ("value", "n/planned") else "left")
    last: dict[tuple[int, str], Cell] = {
        (cell.task, cell.scorer): cell for cell in cells if cell.group == ALL
    }
    for cell in last.values():
        estimate, digits = cell.estimate, cell.decimals
        value = "—" if estimate.value is None else f"{estimate.value:.{digits}f}"
        interval = "undefined"
        if estimate.lo is not None and estimate.hi is not None:
            interval = f"{estimate.lo:.{digits}f} to {estimate.hi:.{digits}f}"
        model = cell.model + (" [example]" if cell.example and "example" not in cell.model else "")
        table.add_row(cell.suite, model.replace("[", r"\["), cell.scorer, cell.title, value,
                      interval, f"{estimate.n}/{estimate.planned}")  # fmt: skip
    return table


def completeness(counts: dict[str, int]) -> str:
    """Write planned = scored + missing, with the reasons."""
    reasons = [
        f"{count} {name}"
        for name, count in sorted(counts.items())
        if name not in ("planned", "scored")
    ]
    return f"{counts['planned']} planned = " + " + ".join([f"{counts['scored']} scored", *reasons])


def show_plan(prepared: Prepared, directory: Path) -> None:
    """Print what a run would do."""
    console = Console(highlight=False)
    table = Table(box=None)
    for name in ("suite", "model", "samples", "absent", "questions", "detectable"):
        table.add_column(name, justify="left" if name in ("suite", "model") else "right")
    for suite, model, samples, absent, questions in describe(prepared.plan):
        least = detectable_rate(0.5, samples)
        table.add_row(
            suite, model.replace("[", r"\["), str(samples), str(absent), str(questions),
            "none" if least is None else f"{100 * least:.1f} points",
        )  # fmt: skip
    console.print(table)
    console.print("detectable: difference of a rate near 50 % seen with 80 % power at level 95 %")
    for task in prepared.plan.tasks:
        for note in task.notes:
            console.print(f"note: {note}", markup=False)
    console.print(f"plan {prepared.plan.id}; would be kept in {directory}", soft_wrap=True)
