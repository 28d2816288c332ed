"""An audit of printed tables as one page, in the look of the report."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Check
from reports.template import environment
from reports.views.audits import audits_view


def render_audit(checks: Sequence[Check], coverage_line: str) -> str:
    """Draw the checks of an audit.

    Args:
        checks: all checks, passing ones too.
        coverage_line: which derived cells the checks reach; empty when not known.
    """
    view = audits_view(checks, coverage_line)
    return environment().get_template("audit.html.j2").render(view=view)
