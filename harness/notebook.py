"""How an experiment writes down what it found: keyed rows that know where they belong.

Equal experiment, settings and place give equal keys, so an interrupted experiment continues the
rows of the journal. Whatever is not finite becomes an absent value; nothing here decides.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.base import Scalar
from harness.evidence import (
    Bars,
    BoundCheck,
    Curve,
    DataTable,
    Figure,
    HeatMap,
    Hypothesis,
    Mark,
    Measurement,
)
from harness.keys import content_key

Relation = Literal["<=", ">=", "="]


@dataclass(frozen=True)
class Notebook:
    """Writes the rows of one experiment.

    Args:
        experiment: its name, e.g. ``profile/scaling``.
        section: the page of the report that its drawings stand on, e.g. ``efficiency``.
        settings: everything that the rows depend on, the machine apart; part of every key.
        labels: carried by every measurement.
    """

    experiment: str
    section: str
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    labels: Mapping[str, Scalar] = field(default_factory=dict)

    def key(self, *place: Scalar) -> str:
        """Return the key of the row at a place."""
        return content_key(self.experiment, dict(self.settings), place)

    def measurement(
        self,
        quantity: str,
        series: str,
        value: float | None,
        *,
        x: float | None = None,
        labels: Mapping[str, Scalar] | None = None,
        **more: Any,
    ) -> Measurement:
        """Return one measured number; ``more`` are further fields of a Measurement."""
        return Measurement(
            key=self.key(quantity, series, x),
            experiment=self.experiment,
            quantity=quantity,
            series=series,
            x=x,
            value=value,
            labels={**self.labels, **(labels or {})},
            **more,
        )

    def bound(
        self,
        statement: str,
        instance: str,
        lhs: float | None,
        relation: Relation,
        rhs: float | None,
        *,
        hypotheses: Iterable[Hypothesis] = (),
        witness: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> BoundCheck:
        """Return one instance of a statement; ``more`` are further fields of a BoundCheck.

        A side that is not finite is absent, for the reason that it is not.
        """
        left, right = finite(lhs), finite(rhs)
        if (left, right) != (lhs, rhs):
            more.setdefault("reason", "a side leaves the range of floats")
        return BoundCheck(
            key=self.key(statement, instance),
            experiment=self.experiment,
            statement=statement,
            instance=instance,
            relation=relation,
            lhs=left,
            rhs=right,
            hypotheses=tuple(hypotheses),
            witness="" if witness is None else plain_json(witness),
            **more,
        )

    def figure(
        self,
        title: str,
        caption: str,
        curves: Iterable[Curve],
        marks: Iterable[Mark] = (),
        *,
        x: str,
        y: str,
        log_x: bool = False,
        log_y: bool = False,
        ticks: Iterable[str] = (),
    ) -> Figure:
        """Return a figure; ``x`` and ``y`` label its axes, ``ticks`` name x = 1, 2, .."""
        return Figure(
            key=self.key("figure", title),
            experiment=self.experiment,
            section=self.section,
            title=title,
            caption=caption,
            x_label=x,
            y_label=y,
            log_x=log_x,
            log_y=log_y,
            curves=tuple(curves),
            marks=tuple(marks),
            ticks=tuple(ticks),
        )

    def heat_map(
        self,
        title: str,
        caption: str,
        *,
        x: str,
        y: str,
        unit: str,
        columns: Iterable[float | str],
        rows: Iterable[float | str],
        values: Iterable[Iterable[float | None]],
        curves: Iterable[Curve] = (),
    ) -> HeatMap:
        """Return a grid ``values[row][column]``; ``unit`` says what they are."""
        return HeatMap(
            key=self.key("heat map", title),
            experiment=self.experiment,
            section=self.section,
            title=title,
            caption=caption,
            x_label=x,
            y_label=y,
            value_label=unit,
            columns=tuple(columns),
            rows=tuple(rows),
            values=tuple(tuple(map(finite, row)) for row in values),
            curves=tuple(curves),
        )

    def table(
        self,
        title: str,
        caption: str,
        columns: Iterable[str],
        rows: Iterable[Sequence[Scalar]],
        bars: Bars | None = None,
    ) -> DataTable:
        """Return a table; ``bars`` are drawn in its place where one draws."""
        return DataTable(
            key=self.key("table", title),
            experiment=self.experiment,
            section=self.section,
            title=title,
            caption=caption,
            columns=tuple(columns),
            rows=tuple(tuple(row) for row in rows),
            bars=bars,
        )


def finite(value: Any) -> float | None:
    """Return a number that can be stored; None for infinities and NaN.

    >>> finite(float("inf")), finite(2)
    (None, 2.0)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def plain_json(content: Mapping[str, Any]) -> str:
    """Return a mapping as JSON, arrays as nested lists."""
    return json.dumps(content, default=lambda value: np.asarray(value).tolist())


def curve(name: str, x: ArrayLike, y: ArrayLike, **style: Any) -> Curve:
    """Return one series; a value that is not finite is absent.

    >>> curve("e", [0, 1], [float("nan"), 2.0]).y
    (None, 2.0)
    """
    places = tuple(map(float, np.asarray(x, np.float64)))
    return Curve(name=name, x=places, y=tuple(map(finite, np.asarray(y, np.float64))), **style)
