"""All reports of a run, written side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.files import atomic_write
from harness.store import StoredRun
from reports.badge import render_badge
from reports.html import render_html
from reports.junit import render_junit
from reports.markdown import render_markdown
from reports.sarif import render_sarif


def write_reports(
    run: StoredRun, directory: Path, citations: Sequence[str] = ()
) -> dict[str, Path]:
    """Draw a run that was reduced; the same store gives the same bytes.

    Nothing is written before everything is drawn.

    Args:
        run: the stored run.
        directory: where the files go; made when absent.
        citations: BibTeX entries of what ran.

    Returns:
        The written files by kind: html, markdown, junit, sarif, badge.

    Raises:
        PreconditionError: the run was never reduced, or the directory cannot be written.
    """
    contents = {
        "html": ("report.html", render_html(run, citations)),
        "markdown": ("summary.md", render_markdown(run)),
        "junit": ("junit.xml", render_junit(run)),
        "sarif": ("report.sarif", render_sarif(run)),
        "badge": ("badge.svg", render_badge(run)),
    }
    written: dict[str, Path] = {}
    for kind, (name, text) in contents.items():
        written[kind] = directory / name
        atomic_write(written[kind], text)
    return written
