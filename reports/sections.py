"""The sections of a report, each made by a small builder; a new kind of evidence adds one.

A builder reads the stored run and returns its section, or None when the run holds nothing of its
kind. A section says where each piece of its evidence stands on the page, so that the claim
ledger, drawn last and shown first, can link every verdict to what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.records import Check, Results
from harness.store import StoredRun
from harness.verdicts import cell_id
from reports.views.audits import audits_view, check_anchor
from reports.views.ledger import ledger_view
from reports.views.measured import cell_anchor, measured_view
from reports.views.provenance import provenance_view


@dataclass(frozen=True)
class Section:
    """One section of a page: a template and what it shows."""

    anchor: str
    title: str
    template: str
    view: object
    targets: Mapping[str, str] = field(default_factory=dict)  # evidence id -> page anchor


Builder = Callable[[StoredRun, Results], Section | None]


def measured_section(run: StoredRun, results: Results) -> Section | None:
    """Show what was measured, by suite."""
    if not run.plan.tasks:
        return None
    targets = {cell_id(cell): cell_anchor(cell) for cell in results.cells if cell.group == "all"}
    view = measured_view(run, results)
    return Section("measured", "Measured", "measured.html.j2", view, targets)


def audits_section(run: StoredRun, results: Results) -> Section | None:
    """Show the checks of printed tables."""
    checks = [row for row in run.rows if isinstance(row, Check)]
    if not checks:
        return None
    targets = {check.id: check_anchor(check.id) for check in checks}
    return Section("audits", "Audits", "audits.html.j2", audits_view(checks), targets)


EVIDENCE: tuple[Builder, ...] = (measured_section, audits_section)
"""What a verdict can rest on, in the order of the page."""


def build_sections(
    run: StoredRun,
    results: Results,
    citations: Sequence[str] = (),
    builders: Sequence[Builder] = EVIDENCE,
) -> list[Section]:
    """Return the ledger, every section of evidence that the run fills, and the provenance."""
    evidence = [section for build in builders if (section := build(run, results))]
    targets = {name: where for section in evidence for name, where in section.targets.items()}
    ledger = Section("ledger", "Claims", "ledger.html.j2", ledger_view(results, targets))
    origin = provenance_view(run, citations)
    provenance = Section("provenance", "Provenance", "provenance.html.j2", origin)
    return [ledger, *evidence, provenance]
