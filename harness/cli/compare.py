"""``compare`` and ``explain``: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import say

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="[BASELINE] RUN",
        help="One or two run directories, or two result logs of another harness.",
    ),
]
Cluster = Annotated[
    str, typer.Option(metavar="FIELD", help="Of logs: samples that share this field are one unit.")
]
Lower = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Of logs: less is better here (repeatable)."),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="A primary column (COLUMN, SCORER/COLUMN, SUITE/SCORER/COLUMN; repeatable): the "
        "others are not tested.",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A protocol field that may differ, or a benchmark, SUITE/SCORER, experiment or claim "
        "that may have vanished (repeatable); the output says so.",
    ),
]
KnownFile = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="Known verdicts and changes, which pass."),
]
WriteKnown = Annotated[
    Path | None,
    typer.Option("--write-baseline", metavar="FILE", help="Accept what RUN ends in; exit 0."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(compare)
    app.command()(explain)


def _show_schema(wanted: bool) -> None:
    if wanted:
        from reports.comparison import schema_text

        print(schema_text(), end="")
        raise typer.Exit


def compare(
    runs: Runs,
    effect: Annotated[
        float, typer.Option(help="Smallest difference that matters, in the column's unit.")
    ] = 0.0,
    level: Annotated[
        float, typer.Option(help="Confidence of intervals and of each family of tests.")
    ] = 0.95,
    factor: Annotated[float, typer.Option(help="Smallest ratio of two times that matters.")] = 1.5,
    column: Names = None,
    allow: Allow = None,
    cluster: Cluster = "",
    lower: Lower = None,
    printed: Annotated[
        bool, typer.Option("--printed", help="Hold RUN against the numbers that its paper prints.")
    ] = False,
    known: KnownFile = None,
    write_known: WriteKnown = None,
    form: Annotated[
        str, typer.Option("--format", help="text, markdown, json, junit, sarif or html.")
    ] = "text",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Also write all forms there.")
    ] = None,
    schema: Annotated[
        bool,
        typer.Option("--schema", callback=_show_schema, is_eager=True, help="The JSON schema."),
    ] = False,
) -> int:
    """Compare two runs sample by sample; exit 1 when something regressed or vanished.

    A regression of a column needs a factor and a test: a difference of at least --effect,
    significant after Holm's correction within its suite and scorer. Runs that share no sample are
    compared as independent draws. A time regressed when it is --factor times as long and more than
    chance; a claim, when its verdict got worse or was lost. What the baseline has and RUN does not
    is vanished (exit 1); a side that is unfinished or has lost values is incomplete, and runs whose
    protocol, judge, machine or samples differ are incomparable (exit 3, as for a comparison of
    nothing). With RUN alone its verdicts are held against the known ones of --baseline, or, with
    --printed, its numbers against the printed ones. A table lists every protocol field in which
    two runs, or a run and a printed number, differ.

    Logs are .eval and .json files of inspect_ai, folders of lm-eval or lmms-eval (results with
    their samples), and aggregates of Every Eval Ever 0.3.0; they are compared by the same rules.
    """
    from harness.cli.options import at_least_0
    from harness.errors import ConfigError, ExitCode, nearest
    from harness.files import atomic_write
    from harness.run import compared
    from reports.comparison import FORMS, forms

    if form not in FORMS:
        raise ConfigError(f"unknown format {form!r}", hint=nearest(form, FORMS))
    if not 0 < level < 1:
        raise ConfigError(f"--level {level}", expected="a number between 0 and 1")
    if at_least_0("--factor", factor) <= 1:
        raise ConfigError(f"--factor {factor}", expected="a number above 1")
    asked = compared.Asked(
        effect=at_least_0("--effect", effect),
        level=level,
        factor=factor,
        columns=tuple(column or ()),
        allow=tuple(allow or ()),
        known=known,
        write=write_known,
        cluster=cluster,
        lower=tuple(lower or ()),
        printed=printed,
    )
    found, after = compared.compare(runs, asked)
    written = forms(found, lambda one: compared.place(one, after))
    print(written[form][1](), end="")
    if to is not None:
        for name, text in written.values():
            atomic_write(to / name, text())
    return ExitCode(found.exit_code)


def explain(
    first: Annotated[Path, typer.Argument(help="A run directory.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
) -> int:
    """Say which field of their plans keeps two runs from being the same run."""
    from harness.keys import explain as explain_fields
    from harness.store import load_plan

    lines = explain_fields(load_plan(first), load_plan(second))
    for line in lines or ["the plans are equal"]:
        say(line)
    return 0
