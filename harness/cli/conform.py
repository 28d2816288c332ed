"""``conform``: run cases with expected values; name every mismatch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import say
from harness.cli.options import Assets


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(conform)


def conform(
    what: Annotated[
        str,
        typer.Argument(
            help="A suite, or reported, model, theory, bridge, history, logs, judge_statistics or "
            "video_metrics."
        ),
    ],
    path: Annotated[
        Path,
        typer.Argument(
            help="A file of cases with expected values; for model, a folder of golden tensors."
        ),
    ],
    assets: Assets = None,
) -> int:
    """Run conformance cases and exit 1 naming every mismatch.

    A case that needs a checkout which --assets does not hold is counted as not run, never as
    passed.
    """
    from harness.errors import DataError, ExitCode
    from harness.run.conformance import runner_of

    runner = runner_of(what)
    if not path.exists():
        raise DataError("no such file", where=str(path))
    result = runner(path, assets)
    for mismatch in result.mismatches:
        say(f"MISMATCH {mismatch.case}: {mismatch.field}")
        say(f"    expected {mismatch.expected}")
        say(f"    got      {mismatch.got}")
    for skipped in result.not_run:
        say(f"NOT RUN  {skipped.case}: {skipped.reason}")
    wrong = len({mismatch.case for mismatch in result.mismatches})
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(result.kinds.items()))
    say(
        f"{what}: {result.run - wrong} of {result.run} cases agree, {wrong} do not, "
        f"{len(result.not_run)} not run ({kinds})"
    )
    if result.mismatches:
        return ExitCode.GATE_FAILED
    return ExitCode.OK if result.run else ExitCode.INCOMPLETE
