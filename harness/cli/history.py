"""``history``: what every column and time did over many runs, and a gate on the last ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.console import say
from harness.cli.options import RunDir

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.history import RunEntry

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of the history.")]
Order = Annotated[str, typer.Option("--by", help="Order runs by commit or date.")]
Branch = Annotated[str, typer.Option(help="Only runs of commits on this branch.")]
Last = Annotated[int, typer.Option(min=1, help="Newest runs in which a change counts.")]
Groups = Annotated[
    bool, typer.Option("--groups", help="Groups of samples, too, beside all samples.")
]
HISTORY = Path("history")


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    verbs = typer.Typer(
        help="Keep what runs measured in a folder under version control; find changed levels.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    verbs.command()(add)
    verbs.command()(show)
    verbs.command()(gate)
    app.add_typer(verbs, name="history")


def add(
    run: RunDir,
    to: Annotated[Path, typer.Option(help="The folder of the history.")] = HISTORY,
    partial: Annotated[
        bool, typer.Option("--partial", help="Add an incomplete run; its gaps count as missing.")
    ] = False,
    repository: Annotated[
        Path, typer.Option(help="The repository whose commit the run evaluates.")
    ] = Path(),
) -> int:
    """Add RUN to a history: one file, named by its content; a run that is there is left alone.

    The commit is the one that --repository is at. A run that began before that commit was made
    is of another one, and is kept without any.
    """
    from harness import history
    from harness.errors import IncompleteError
    from harness.run import session
    from harness.run.history import history_entry
    from harness.verdicts.gate import incomplete

    results = session.conclude(run)
    if (lacking := incomplete(results)) and not partial:
        raise IncompleteError(
            f"this run is incomplete: {lacking}",
            where=str(run),
            hint="run it again to finish it, or add it as it is with --partial",
        )
    entry, said = history_entry(run, results, repository)
    if said:
        say(f"note: {said}")
    path, new = history.add(to, entry)
    say(f"{'added' if new else 'already there'}: {path}")
    return 0


def show(
    folder: Folder = HISTORY,
    by: Order = "commit",
    branch: Branch = "",
    last: Last = 5,
    groups: Groups = False,
    page: Annotated[Path | None, typer.Option(help="Also write one HTML page.")] = None,
) -> int:
    """Print every series with its last level and its change points; --page draws them all."""
    from harness.files import atomic_write
    from harness.verdicts.series import judged
    from reports.history import rows, table

    found = judged(runs_of(folder, by, branch), last=last, groups=groups)
    for line in table(rows(found)):
        say(line)
    if page is not None:
        from reports.history import render_history

        atomic_write(page, render_history(found, title=folder.resolve().name))
        say(f"page: {page}")
    return 0


def gate(
    folder: Folder = HISTORY,
    last: Last = 5,
    groups: Groups = False,
    effect: Annotated[
        float, typer.Option(help="Smallest change that matters, in the unit of a series.")
    ] = 0.0,
    by: Order = "commit",
    branch: Branch = "",
    baseline: Annotated[
        Path | None,
        typer.Option(help="Known verdicts of `compare --write-baseline`: what they accept passes."),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
) -> int:
    """Exit 1 when a level changed for the worse within the last runs, or a series vanished.

    A change is a level that begins in the last runs, differs by more than the deviations within
    it, and by at least --effect. One bad run is no level: `compare` judges single runs. A change
    that --baseline knows is accepted. Exit 3 when no series is long enough.
    """
    from harness.cli.options import at_least_0
    from harness.verdicts.known import accepted_levels, load_known
    from harness.verdicts.series import judged
    from harness.verdicts.trend import Trend, gate_of
    from reports.history import alarm, render_history_junit

    size = at_least_0("--effect", effect)
    found = judged(runs_of(folder, by, branch), last=last, effect=size, groups=groups)
    if baseline is not None:
        found = accepted_levels(found, load_known(baseline), str(baseline))
    counts = {kind: sum(one.finding.outcome is kind for one in found) for kind in Trend}
    for one in found:
        if one.finding.outcome in (Trend.FAIL, Trend.VANISHED):
            say(alarm(one))
    gated = sum(counts[kind] for kind in (Trend.PASS, Trend.FAIL))
    say(", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
    times = f": a false alarm is at most {gated} times as likely as in one" if gated > 1 else ""
    say(f"{gated} series gated{times}")
    if junit is not None:
        from harness.files import atomic_write

        atomic_write(junit, render_history_junit(found))
    return gate_of(found)


def runs_of(folder: Path, by: str, branch: str) -> Sequence[RunEntry]:
    """Return the runs of a history, the oldest first.

    Raises:
        ConfigError: an unknown order.
        PreconditionError: there is no run.
    """
    from harness import history
    from harness.errors import ConfigError, PreconditionError

    if by not in ("commit", "date"):
        raise ConfigError(f"--by {by}", expected="commit or date")
    runs = [one for _, one in history.load(folder, by)]
    if branch:
        runs = [one for one in runs if one.commit and one.commit.branch == branch]
    if not runs:
        raise PreconditionError(
            "there is no run in this history" + (f" on branch {branch!r}" if branch else ""),
            where=str(folder),
            hint=f"kairos-eval history add RUN --to {folder}",
        )
    return runs
