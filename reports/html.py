"""One self-contained HTML page: no network, no script needed, same store same bytes."""

from __future__ import annotations

from collections.abc import Sequence

from harness.store import StoredRun
from reports.audit_page import render_audit
from reports.sections import EVIDENCE, Builder, build_sections
from reports.template import environment
from reports.text import results_of

__all__ = ["render_audit", "render_html"]


def render_html(
    run: StoredRun, citations: Sequence[str] = (), builders: Sequence[Builder] = EVIDENCE
) -> str:
    """Draw a run as one page.

    Args:
        run: a run that was reduced.
        citations: BibTeX entries of what ran.
        builders: makers of the sections of evidence, in the order of the page.

    Raises:
        PreconditionError: the run was never reduced.
    """
    sections = build_sections(run, results_of(run), citations, builders)
    return (
        environment()
        .get_template("report.html.j2")
        .render(title=run.plan.spec.name, plan=run.plan.id, sections=sections)
    )
