"""One self-contained HTML page: no network, no script needed, the same bytes for the same store."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.evidence import DataTable, Panels, Pictures
from harness.packs.pack import Pack
from harness.records import Check, Drawing, Verdict
from harness.store import StoredRun
from reports import addresses, answer, charts, svg, text, views
from reports.bars import bars
from reports.finding_views import MOST_ROWS
from reports.headline import headline


def environment() -> Environment:
    """Return the template environment: autoescape always, undefined names are errors."""
    made = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["table"] = lambda drawing: isinstance(drawing, DataTable)
    made.tests["panels"] = lambda drawing: isinstance(drawing, Panels)
    made.tests["pictures"] = lambda drawing: isinstance(drawing, Pictures)
    made.globals.update(
        anchor=addresses.anchor,
        address=addresses.address,
        claim_address=addresses.claim_address,
        completeness=text.completeness,
        icons=text.ICONS,
        stacked_bar=svg.stacked_bar,
        forest=svg.forest,
        draw=charts.draw,
        bars=bars,
        most_rows=MOST_ROWS,
        glossary=glossary(),
        css=_static("charts.css") + _static("report.css"),
        css_charts=_static("charts.css"),
        js=_static("report.js"),
    )
    return made


def _static(name: str) -> Markup:
    """Return a file of ours to stand inline; it holds no data."""
    return Markup((files("reports") / "static" / name).read_text(encoding="utf-8"))  # noqa: S704


def render_html(
    run: StoredRun,
    citations: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    pack: Pack | None = None,
    folder: Path | None = None,
) -> str:
    """Draw a run as one page.

    Args:
        run: a run that was reduced.
        citations: BibTeX entries of what ran.
        titles: of the suites that ran, by name.
        pack: what its audit read; its tables are drawn.
        folder: in which the page will stand; files of samples are linked from there.
    """
    page = views.build_page(run, titles or {}, pack, folder)
    template = environment().get_template("report.html.j2")
    return template.render(page=page, citations=citations, data=script_data(page.data))


def script_data(content: object) -> Markup:
    """Return what a script element may hold: JSON in which nothing ends it."""
    text = msgspec.json.encode(content, order="deterministic").decode()
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(mark, code)
    return Markup(text)  # noqa: S704 -- no mark of HTML is left


def render_summary(run: StoredRun) -> str:
    """Return what a notebook shows of a run: the sentence, and the five questions."""
    results = views.results_of(run)
    template = environment().get_template("summary.html.j2")
    return template.render(said=answer.sentence(results), cards=answer.cards(results.verdicts))


def render_drawing(drawing: Drawing) -> str:
    """Return what a notebook shows of a picture or a stored table."""
    return environment().get_template("drawing.html.j2").render(drawing=drawing)


def glossary() -> list[dict[str, str]]:
    """Return every word of every verdict with one plain sentence and an example."""
    text = (files("reports") / "glossary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["word"]


def render_audit(
    checks: Sequence[Check], coverage_line: str, verdicts: Sequence[Verdict] = ()
) -> str:
    """Draw an audit alone, in the look of the report.

    Args:
        checks: of the audit.
        coverage_line: what they cover.
        verdicts: how each check stands; by its rule alone where there is none.
    """
    template = environment().get_template("audit.html.j2")
    return template.render(
        audits=views.audit_tables(checks, verdicts),
        coverage_line=coverage_line,
        total=len(checks),
        headline=headline(verdicts),
    )
