"""What experiments find: measurements, checked inequalities, and data to be drawn.

An experiment is computed here rather than judged: a bound checked on an instance, a profile, a
trained model. Its rows stand in the same journal as all others. Drawings are stored as data
(curves, grids, tables with captions); how they look is decided where they are drawn.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from harness.base import Record, Scalar


class HypothesisStanding(StrEnum):
    """Whether a hypothesis holds on an instance."""

    MET = "met"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


class Hypothesis(Record, frozen=True, kw_only=True):
    """One thing that a statement presupposes, and how it stands on one instance."""

    id: str  # of the assumption ledger (A8), or a short name
    text: str
    standing: HypothesisStanding
    detail: str = ""


class BoundCheck(Record, tag="bound_check", frozen=True, kw_only=True):
    """One statement met by one instance: both sides, and what it presupposes.

    The statement says ``lhs relation rhs``. Without an interval (``lo``, ``hi``) the left side is
    exact up to ``tolerance``, a relative slack for rounding. A side that does not exist is None
    and ``reason`` says why. ``ratio`` is the tightness in [0, 1], 1 = attained; ``spread`` holds
    its minimum, quartiles and maximum over a batch, ``best`` the largest that a search found.
    A comparison of arms says more than an inequality and names its ``rule``: ``superiority`` (the
    mean gain ``lhs`` is real and at least the margin ``rhs``) or ``equivalence`` (the mean
    difference lies within the margin on both sides); ``lo`` and ``hi`` are then one-sided bounds.
    """

    key: str
    experiment: str
    statement: str  # id of a Statement
    instance: str  # what it was checked on, in words
    relation: Literal["<=", ">=", "="]
    lhs: float | None
    rhs: float | None
    lo: float | None = None
    hi: float | None = None
    rule: Literal["", "superiority", "equivalence"] = ""
    p: float | None = None  # of superiority: one-sided, adjusted for the family of claims
    tolerance: float = 1e-9
    hypotheses: tuple[Hypothesis, ...] = ()
    ratio: float | None = None
    spread: tuple[float, ...] = ()
    best: float | None = None
    informative: bool | None = None  # of an upper bound: is it below what holds trivially
    n: int = 1  # instances in the batch
    seed: int | None = None
    witness: str = ""  # JSON: inputs, seed and both sides; mandatory where the relation fails
    note: str = ""
    reason: str = ""


class Measurement(Record, tag="measurement", frozen=True, kw_only=True):
    """One measured number of an experiment, or the reason why there is none."""

    key: str
    experiment: str
    quantity: str  # e.g. "seconds", "risk"
    series: str  # e.g. the arm of a profile or the model that was trained
    x: float | None = None  # e.g. length in tokens, or training step
    value: float | None
    lo: float | None = None
    hi: float | None = None
    unit: str = "1"
    n: int = 1  # repeats behind the value
    labels: dict[str, Scalar] = {}
    reason: str = ""


class Curve(Record, frozen=True, kw_only=True):
    """One series of a figure; a point without a value is None.

    Curves of one ``tone`` share colour and hatch. A thin line and a cloud of points are faint, and
    the legend does not name them.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    lo: tuple[float | None, ...] = ()
    hi: tuple[float | None, ...] = ()
    style: Literal["line", "dashed", "points", "bars", "thin", "cloud"] = "line"
    tone: int | None = None


class Mark(Record, frozen=True, kw_only=True):
    """A labelled straight line across a figure."""

    axis: Literal["x", "y"]
    at: float
    text: str


class Figure(Record, tag="figure", frozen=True, kw_only=True):
    """Curves over one axis, with a caption that can be quoted."""

    key: str
    experiment: str
    section: str  # the page of the report it stands on, e.g. "theory"
    title: str
    caption: str
    x_label: str
    y_label: str
    log_x: bool = False
    log_y: bool = False
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()
    ticks: tuple[str, ...] = ()  # what x = 1, 2, .. are called, where they are no numbers


class HeatMap(Record, tag="heat_map", frozen=True, kw_only=True):
    """A grid of values over two axes, with curves drawn over it; ``values[row][column]``.

    Axes with texts are categories, axes with numbers are evenly spaced.
    """

    key: str
    experiment: str
    section: str
    title: str
    caption: str
    x_label: str
    y_label: str
    value_label: str
    columns: tuple[float | str, ...]
    rows: tuple[float | str, ...]
    values: tuple[tuple[float | None, ...], ...]
    curves: tuple[Curve, ...] = ()


class Panels(Record, tag="panels", frozen=True, kw_only=True):
    """Small figures side by side, with one caption."""

    key: str
    experiment: str
    section: str
    title: str
    caption: str
    panels: tuple[Figure, ...]


class Picture(Record, frozen=True, kw_only=True):
    """A small JPEG, in base64, and what it shows."""

    text: str
    data: str


class Pictures(Record, tag="pictures", frozen=True, kw_only=True):
    """Pictures one below the other, with one caption."""

    key: str
    experiment: str
    section: str
    title: str
    caption: str
    pictures: tuple[Picture, ...]


class Bars(Record, frozen=True, kw_only=True):
    """Ranges of the rows of a table, on one axis from 1 on."""

    label: str  # of the axis
    at: tuple[float, ...]  # where each row stands
    spans: tuple[tuple[str, tuple[tuple[float, float] | None, ...]], ...]  # named, widest first
    focus: int | None = None  # the row that is asked about


class DataTable(Record, tag="table", frozen=True, kw_only=True):
    """A table with a caption; with ``bars`` its first two columns name rows and their values."""

    key: str
    experiment: str
    section: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    bars: Bars | None = None


class Done(Record, tag="done", frozen=True, kw_only=True):
    """An experiment that has found everything it looks for."""

    key: str  # content key of its name and settings
    experiment: str
    seconds: float
    reason: str = ""  # why it ended early, when it failed


class Statement(Record, frozen=True, kw_only=True):
    """A mathematical statement that can be checked: data, held in a package of statements."""

    id: str
    title: str
    text: str  # with its hypotheses, in plain words
    origin: Literal["printed", "corrected", "new", "refuted"]  # with respect to the paper
    source: str  # where it stands
    place: str  # which part of it, e.g. "Theorem 4 (i)"
    needs: str = ""  # what a check would need, when none can be made here
    command: str = ""  # the command that checks it
