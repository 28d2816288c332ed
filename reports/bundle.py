"""All reports of a run, written side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.files import atomic_write
from harness.outcomes import Outcome, Standing
from harness.packs.pack import Pack
from harness.store import StoredRun
from reports.html import render_html
from reports.junit import render_junit
from reports.markdown import render_markdown
from reports.sarif import render_sarif
from reports.svg import badge
from reports.views import results_of, tallies


def write_reports(
    run: StoredRun,
    directory: Path,
    citations: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    pack: Pack | None = None,
    fail_on: Collection[Outcome | Standing] = (),
) -> dict[str, Path]:
    """Draw a run that was reduced; the same store gives the same bytes.

    Args:
        run: what was stored.
        directory: folder to write into.
        citations: BibTeX entries of what ran.
        titles: of the suites that ran, by name.
        pack: what an audit read.
        fail_on: the words that fail the run; summary, JUnit and SARIF say so.

    Returns:
        The written files by kind: html, markdown, junit, sarif, badge.
    """
    contents = {
        "html": ("report.html", render_html(run, citations, titles, pack, directory)),
        "markdown": ("summary.md", render_markdown(run, fail_on)),
        "junit": ("junit.xml", render_junit(run, fail_on)),
        "sarif": ("report.sarif", render_sarif(run, fail_on)),
        "badge": ("badge.svg", badge(tallies(results_of(run).verdicts))),
    }
    written: dict[str, Path] = {}
    for kind, (name, text) in contents.items():
        written[kind] = directory / name
        atomic_write(written[kind], text)
    return written
