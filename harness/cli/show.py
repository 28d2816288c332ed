"""``show`` and ``open``: one claim with its whole chain, and the page of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.console import say, tell
from harness.cli.runs import MaybeRun, chosen, newest


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(show)
    app.command(name="open")(show_page)


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A claim (C057), statement (S7), check, printed cell or sample, what follows # "
            "in an address of the report; a printed number (9.30), a place (6.2.1).",
        ),
    ],
    run: MaybeRun = None,
) -> int:
    """Show one claim, statement, check, cell or sample with all that it rests on.

    Without any run the printed tables are audited now, and what needs a run is left out.
    """
    from harness.run.chains import audited, chain, of_run

    found = of_run(chosen(run)) if run or newest() else audited("")
    for depth, text in chain(found, name.removeprefix("#")):
        tell("  " * depth + text, "  " * (depth + 1))
    return 0


def show_page(run: MaybeRun = None) -> int:
    """Open the report of RUN in a browser."""
    import webbrowser

    from harness.errors import PreconditionError

    directory = chosen(run)
    page = (directory / "report" / "report.html").resolve()
    if not page.exists():
        raise PreconditionError(
            "this run has no report yet",
            where=str(directory),
            hint=f"kairos-eval report {directory}",
        )
    say(page)
    if not webbrowser.open(page.as_uri()):
        say("no browser can be started here; open this file in one", error=True)
    return 0
