"""What a run prints: one screen, the answer first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from harness.cli.console import console, say, tell, text
from harness.evidence import BoundCheck, DataTable, Figure, HeatMap, HypothesisStanding
from harness.judges.hosts import proxy_of
from harness.outcomes import SEVERITY, Level
from harness.plan import Prepared, describe
from harness.protocols import PURE
from harness.records import ALL, Cell, ClaimKind, Results, Row
from harness.stats.power import detectable_rate
from harness.verdicts.facts import facts_of
from reports.answer import model_lines, sentence
from reports.finding_views import comparison
from reports.health import health_lines, rater_lines
from reports.text import ICONS, completeness, interval, value_of
from reports.views import tallies

WORST = 3  # findings named on a terminal
MOST_ROWS = 40  # of a stored table on a terminal
_STYLE = {Level.GOOD: "green", Level.DOUBT: "yellow", Level.BAD: "red", Level.OPEN: "dim"}


def show(results: Results, report: Path, *, finished: bool, remarks: Sequence[str] = ()) -> None:
    """Print the answer, the worst findings, counts by kind of claim, and where the report is.

    Args:
        results: of the run.
        report: the page to open.
        finished: whether everything planned was worked on.
        remarks: what happened in this command and is in no store.
    """
    tell(sentence(results))
    for line in model_lines(results):
        tell(f"  {line}")
    for line in worst(results):
        tell(line, "    ")
    say()
    for name, parts in counted(results):
        tell(f"{name:24}{parts}", " " * 24)
    for line in measured(results.cells):
        say(line)
    say()
    for name, counts in (("", results.counts), ("examples: ", results.example_counts)):
        if counts["planned"]:
            tell(name + completeness(counts, "scored"))
    if results.experiment_counts.get("planned"):
        tell("experiments: " + completeness(results.experiment_counts, "done"))
    for line in remarked(results, remarks):
        tell(line, "  ")
    if not finished:
        failed = set(results.experiment_counts) - {"planned", "done", "not yet done"}
        why = "an experiment failed" if failed else "the budget is spent"
        say(f"{why}; the same command goes on")
    say(f"report: {report}")


def worst(results: Results) -> Iterator[str]:
    """Yield the findings that stand hardest in the current edition, one line each."""
    facts = [one for one in facts_of(results.verdicts) if one.current]
    hard = [one for one in facts if one.standing in SEVERITY[:2]]
    for fact in sorted(hard, key=lambda one: SEVERITY.index(one.standing))[:WORST]:
        lead = min(fact.verdicts, key=lambda one: SEVERITY.index(one.standing))
        table = lead.kind is ClaimKind.TABLE and lead.reasons
        about = lead.reasons[-1] if table else lead.statement
        row = fact.owner or "no row"
        yield f"  {ICONS[lead.level]} {fact.standing}  {lead.claim} ({row}): {about}"
    if len(hard) > WORST:
        yield f"    and {len(hard) - WORST} more: `kairos-eval list claims --verdict doubtful`"


def counted(results: Results) -> Iterator[tuple[str, str]]:
    """Yield the name of each kind of claim with its verdicts, counted."""
    for tally in tallies(results.verdicts):
        yield tally.kind, ", ".join(f"{count} {shown}" for shown, count in tally.parts)


def remarked(results: Results, remarks: Sequence[str]) -> Iterator[str]:
    """Yield what is to be known of judges and raters, then the notes of the run."""
    real = {one.task: f"{one.suite} · {one.model}" for one in results.cells if not one.example}
    for one in results.health:
        for line in health_lines(one, results.cells) if one.task in real else ():
            yield f"{real[one.task]}: {line}"
    for pair in results.raters:
        for line in rater_lines([pair], pair.tasks[0]) if pair.tasks[0] in real else ():
            yield f"{real[pair.tasks[0]]}: {line}"
    for note in dict.fromkeys((*remarks, *results.notes)):
        yield f"note: {note}"


def show_findings(results: Results, rows: Sequence[Row], report: Path) -> None:
    """Print what experiments found: every check with its sides, then tables and captions."""
    terminal = console()
    outcomes = {verdict.claim.removeprefix("theory/"): verdict for verdict in results.verdicts}
    for name in dict.fromkeys(row.statement for row in rows if isinstance(row, BoundCheck)):
        verdict = outcomes.get(name)
        if verdict:
            style = _STYLE[verdict.level]
            say()
            head = (text(verdict.outcome, style), text(name, "bold"), text(verdict.statement))
            terminal.print(*head, sep="  ")
        for row in rows:
            if isinstance(row, BoundCheck) and row.statement == name:
                line = check_line(row, results.outcomes[row.key])
                say("    " + line)
    for row in rows:
        print_drawing(row)
    say()
    say("experiments: " + completeness(results.experiment_counts, "done"))
    say(f"report: {report}")


def check_line(check: BoundCheck, outcome: str) -> str:
    """Write one instance of a statement in a line."""
    sides = comparison(check) or " ".join(
        "undefined" if side is None else side if isinstance(side, str) else f"{side:.5g}"
        for side in (check.lhs, check.relation, check.rhs)
    )
    tightness = "" if check.ratio is None else f"; tightness {check.ratio:.3g}"
    if check.spread:
        low, *_, high = check.spread
        middle = check.spread[len(check.spread) // 2]
        tightness = f"; tightness median {middle:.3g} ({low:.2g} to {high:.3g})"
    if check.best is not None:
        tightness += f", best found {check.best:.4g}"
    unmet = [one.id for one in check.hypotheses if one.standing is HypothesisStanding.VIOLATED]
    why = f"; not met: {', '.join(unmet)}" if unmet else ""
    unknown = [
        one.detail or one.id
        for one in check.hypotheses
        if one.standing is HypothesisStanding.UNKNOWN
    ]
    why += f"; undecided: {', '.join(unknown)}" if unknown else ""
    reason = f"; {check.reason}" if check.reason else ""
    return f"{outcome:12} {check.instance}: {sides}{tightness}{why}{reason}"


def print_drawing(row: Row) -> None:
    """Print a stored table, or what a figure shows; other rows are none of either."""
    if isinstance(row, DataTable):
        print_table(row)
    elif isinstance(row, Figure | HeatMap):
        say()
        say(row.title)
        say(f"    {row.caption}")


def print_table(table: DataTable) -> None:
    """Print the first rows of a stored table, as wide as it is: a cut number says another thing."""
    shown = Table(box=None)
    for position, name in enumerate(table.columns):
        texts = any(isinstance(row[position], str) for row in table.rows)
        shown.add_column(text(name), no_wrap=True, justify="left" if texts else "right")
    for row in table.rows[:MOST_ROWS]:
        values = ("—" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in row)
        shown.add_row(*map(text, values))
    say()
    say(table.title)
    widest = console(10_000).measure(shown).maximum
    console(max(console().width, widest)).print(shown)
    say(f"    {table.caption}")


def measured(cells: tuple[Cell, ...]) -> Iterator[str]:
    """Yield the last totals with a value by task and scorer, examples apart; * is off scale."""
    totals = [cell for cell in cells if cell.group == ALL and not cell.example]
    valued = [cell for cell in totals if cell.estimate.value is not None]
    last = {(cell.task, cell.scorer): cell for cell in (*totals, *valued)}
    task = -1
    for cell in last.values():
        if cell.task != task:
            task = cell.task
            yield ""
            yield f"{cell.suite} · {cell.model}"
        estimate = cell.estimate
        ends = f"[{interval(estimate, cell.decimals)}]".replace(" to ", ", ")
        scored = f"{estimate.n}/{estimate.planned}"
        yield f"  {cell.scorer:10} {cell.title:24} {value_of(cell):>9} {ends:20} {scored:>11}"


def show_plan(prepared: Prepared, directory: Path, unmet: Sequence[str] = ()) -> None:
    """Print what a run would do, and which tasks no printed number would be held against."""
    table = Table(box=None)
    for name in ("suite", "model", "samples", "absent", "questions", "detectable"):
        table.add_column(name, justify="left" if name in ("suite", "model") else "right")
    rows = zip(describe(prepared.plan), prepared.suites, strict=True)
    for (suite, model, samples, absent, questions), whose in rows:
        least = detectable_rate(0.5, samples)
        shown = "none" if least is None else f"{100 * least:.1f} points"
        shown = "no rate" if PURE in whose.info.columns else shown
        sizes = map(str, (samples, absent, questions))
        table.add_row(text(suite), text(model), *sizes, shown)
    console().print(table)
    for experiment in prepared.plan.experiments:
        say(f"experiment: {experiment.title} ({experiment.name})")
    say("detectable: difference of a rate near 50 % seen with 80 % power at level 95 %")
    judges = (one for plan in prepared.plan.tasks for one in (plan.judge, *plan.judges.values()))
    for url in dict.fromkeys(str(one.settings.get("base_url", "")) for one in judges):
        if proxy := proxy_of(url):
            say(f"judge: {url} is asked through the proxy {proxy}")
    for note in (*unmet, *(note for task in prepared.plan.tasks for note in task.notes)):
        say(f"note: {note}")
    say(f"plan {prepared.plan.id}; would be kept in {directory}")
