"""The interface for programs and notebooks: a run as data frames, an audit, a comparison.

Columns of the frames are documented in ``harness.export``. Nothing here computes a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from harness import export
from harness.errors import DataError, PreconditionError, nearest
from harness.evidence import Figure, HeatMap, Panels, Pictures
from harness.inference.document import Document, Finding, RuleEntry
from harness.integrity import open_run
from harness.records import Drawing, Results
from harness.store import PLAN, StoredRun
from harness.verdicts import changes
from harness.verdicts.changes import Comparison
from suites.registry import get_suite

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

T = TypeVar("T")


def load(path: str | Path) -> Run:
    """Open a run: a run directory, or a pattern such as ``runs/main-*``, which means the newest.

    Raises:
        PreconditionError: there is no run, or it was never reduced; says how to make or reduce one.
        DataError: a row breaks the plan of its run.
    """
    newest = _newest(path)
    if not (newest / PLAN).exists():
        raise PreconditionError(
            "there is no run here",
            where=str(path),
            expected="a run directory made by `kairos-eval run`, or a pattern of some",
        )
    stored = open_run(newest, get_suite)
    if stored.results is None:
        raise PreconditionError(
            "this run has no results yet",
            where=str(newest),
            hint=f"kairos-eval report {newest}",
        )
    return Run(stored, stored.results)


def _newest(path: str | Path) -> Path:
    """Return the newest run that a pattern means, or the path itself where it means none."""
    asked = Path(path).expanduser()
    found = Path(asked.anchor).glob(str(asked.relative_to(asked.anchor)))
    runs = [one for one in found if (one / PLAN).exists()]
    return max(runs, key=lambda one: one.stat().st_mtime, default=asked)


def audit(*paths: str | Path, rules: str | Path | None = None, **settings: Any) -> Audit:
    """Hold the tables of files against themselves.

    Args:
        paths: CSV, Markdown, LaTeX, HTML, JSON or pasted text.
        rules: TOML file of rules that the source or you state.
        settings: ``n``, ``own`` and ``only_stated`` of ``harness.inference.audit.audit``.

    Raises:
        DataError: a file holds no table, or a rule names what it does not hold.
    """
    from harness.inference.audit import audit as infer
    from harness.packs.rules import load_rules
    from harness.sheets.reading import read_sheets

    sheets = [sheet for path in paths for sheet in read_sheets(Path(path))]
    stated = load_rules(Path(rules)) if rules else []
    return Audit(infer(sheets, stated, **settings))


def compare(baseline: str | Path, candidate: str | Path, **asked: Any) -> Change:
    """Hold two runs against each other, sample by sample.

    Args:
        baseline: run directory, or a pattern, which means the newest.
        candidate: another one.
        asked: ``effect``, ``level``, ``factor``, ``columns``, ``allow`` as of ``kairos-eval
            compare``.

    Raises:
        UserError: a run is not there or was never reduced, or no run has a named column.
    """
    from harness.run import compared

    found, _ = compared.compare([_newest(baseline), _newest(candidate)], compared.Asked(**asked))
    return Change(found)


def _table(name: str, what: str) -> Any:
    """Return a property that is one kind of row as a data frame, made when first asked for."""

    def read(self: Run) -> pd.DataFrame:
        return export.frame(self.stored, name)

    read.__doc__ = what
    made: Callable[[Run], pd.DataFrame] = read
    return cached_property(made)


class Run:
    """A run that was reduced: every kind of its rows as a data frame, and its pictures.

    ``stored`` holds the records themselves, ``results`` one reduction of them.
    """

    verdicts = _table("verdicts", "One row per claim: outcome, standing, value, reasons, owner.")
    checks = _table("checks", "One row per check of printed cells, with its arithmetic.")
    cells = _table("cells", "One row per measured column, scorer and group, with its estimate.")
    samples = _table("samples", "One row per planned sample, with why it is missing.")
    scores = _table("scores", "One row per sample, scorer and metric.")
    replies = _table("judgments", "One row per question: the raw reply, or why there is none.")
    statements = _table("statements", "One row per instance of a mathematical statement.")
    measurements = _table("measurements", "One row per measured number of an experiment.")

    def __init__(self, stored: StoredRun, results: Results) -> None:
        self.stored, self.results = stored, results

    @cached_property
    def figures(self) -> pd.DataFrame:
        """One row per picture and stored table; ``figure(title)`` returns it."""
        import pandas as pd

        names = ("section", "title", "caption", "key")
        rows = [[getattr(one, name) for name in names] for one in export.drawings(self.stored)]
        return pd.DataFrame(rows, columns=list(names))

    def figure(self, title: str) -> Picture:
        """Return the first picture whose title begins so.

        Raises:
            DataError: there is none; names the nearest titles.
        """
        known = export.drawings(self.stored)
        for one in known:
            if one.title.startswith(title):
                return Picture(one)
        hint = nearest(title, [one.title for one in known])
        raise DataError(f"no picture is called {title!r}", where=str(self.stored.path), hint=hint)

    def __repr__(self) -> str:
        name, counts = (
            self.stored.plan.spec.name,
            (self.results.counts, self.results.example_counts),
        )
        samples = sum(one["planned"] for one in counts)
        parts = [f"{len(self.results.verdicts)} verdicts", f"{samples} samples"]
        return f"<Run {name!r} in {self.stored.path}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        from reports.html import render_summary

        return render_summary(self.stored)


class Picture:
    """A figure, grid or table of a run; ``stored`` is its record."""

    def __init__(self, stored: Drawing) -> None:
        self.stored, self.title, self.caption = stored, stored.title, stored.caption

    @cached_property
    def data(self) -> pd.DataFrame:
        """Its numbers: the table itself, or series, x, y, lo and hi of every point."""
        import pandas as pd

        names = ["series", "x", "y", "lo", "hi"]
        if isinstance(self.stored, Figure | HeatMap):
            return pd.DataFrame(list(export.points(self.stored)), columns=names)
        if isinstance(self.stored, Panels):
            panels = [(one.title, *row) for one in self.stored.panels for row in export.points(one)]
            return pd.DataFrame(panels, columns=["panel", *names])
        if isinstance(self.stored, Pictures):
            return pd.DataFrame([[one.text] for one in self.stored.pictures], columns=["picture"])
        return pd.DataFrame(list(self.stored.rows), columns=list(self.stored.columns))

    def draw(self, axes: Axes | None = None) -> Axes:
        """Draw with matplotlib, on ``axes`` or on a new figure."""
        from reports.plots import plot

        return plot(self.stored, axes)

    def __repr__(self) -> str:
        return f"<Picture {self.title!r}: {len(self.data)} rows>"

    def _repr_html_(self) -> str:
        from reports.html import render_drawing

        return render_drawing(self.stored)


class Audit:
    """What an audit of tables found; ``document`` is the whole of it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings = _frame(Finding, document.findings)
        self.rules = _frame(RuleEntry, document.rules)

    def __repr__(self) -> str:
        from reports.table_audit import headline

        return f"<Audit: {headline(self.document)}>"


class Change:
    """What two runs differ in; ``found`` is the whole of it, ``exit_code`` that of the command."""

    def __init__(self, found: Comparison) -> None:
        self.found, self.exit_code = found, found.exit_code
        self.changes = _frame(changes.Change, found.changes)

    def __repr__(self) -> str:
        from reports.comparison import headline

        return f"<Change: {headline(self.found)}>"


def _frame(kind: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> pd.DataFrame:
    import pandas as pd

    names = list(kind.__struct_fields__)
    return pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)
