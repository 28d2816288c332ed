"""Profiles as rows: one way to name, label and find them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.base import Scalar
from harness.errors import ConfigError, PreconditionError
from harness.evidence import Curve, DataTable, Figure, Measurement
from harness.keys import content_key
from harness.profiling.timers import Quantile

SECTION = "efficiency"
"""The page of the report that profiles stand on."""
SAME_MACHINE = ("device", "processor", "cpus", "threads")
"""Labels that make a machine class: times are comparable where all of them agree."""

SAME_WORK = ("config", "frame", "steps", "horizon")
"""Settings that say what was done; rows carry them, since other work cannot be compared."""


@dataclass(frozen=True)
class Notebook:
    """Writes the rows of one experiment; equal name, settings and place give equal keys."""

    experiment: str
    settings: dict[str, Scalar]
    labels: dict[str, Scalar] = field(default_factory=dict)

    @classmethod
    def of(cls, experiment: str, settings: dict[str, Scalar], **labels: Scalar) -> Notebook:
        """Return the notebook of an experiment; its rows say what was done."""
        work = {name: settings[name] for name in SAME_WORK if name in settings}
        return cls(experiment, settings, {**work, **labels})

    def key(self, *place: Scalar) -> str:
        """Return the key of the row at a place."""
        return content_key(self.experiment, self.settings, place)

    def measured(
        self,
        quantity: str,
        series: str,
        x: float | None,
        found: Quantile | float | None,
        *,
        unit: str = "1",
        reason: str = "",
        n: int = 1,
        labels: Mapping[str, Scalar] = MappingProxyType({}),
    ) -> Measurement:
        """Return one measurement; a plain number rests on ``n`` values and has no interval."""
        if not isinstance(found, Quantile):
            found = None if found is None else Quantile(found, None, None, n, reason)
        return Measurement(
            key=self.key(quantity, series, x),
            experiment=self.experiment,
            quantity=quantity,
            series=series,
            x=x,
            value=found.value if found else None,
            lo=found.lo if found else None,
            hi=found.hi if found else None,
            unit=unit,
            n=found.n if found else 0,
            labels={**self.labels, **labels},
            reason=found.reason if found else reason,
        )

    def figure(
        self,
        title: str,
        caption: str,
        labels: tuple[str, str],
        curves: Sequence[Curve],
        *,
        log: bool = False,
    ) -> Figure:
        """Return a figure of the efficiency page; ``log`` means both axes."""
        return Figure(
            key=self.key("figure", title),
            experiment=self.experiment,
            section=SECTION,
            title=title,
            caption=caption,
            x_label=labels[0],
            y_label=labels[1],
            log_x=log,
            log_y=log,
            curves=tuple(curves),
        )

    def table(
        self,
        title: str,
        caption: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Scalar]],
    ) -> DataTable:
        """Return a table of the efficiency page."""
        return DataTable(
            key=self.key("table", title),
            experiment=self.experiment,
            section=SECTION,
            title=title,
            caption=caption,
            columns=tuple(columns),
            rows=tuple(tuple(row) for row in rows),
        )


def curve_of(name: str, rows: Iterable[Measurement], *, scale: float = 1.0) -> Curve:
    """Return measurements as a curve over their x, with intervals where they have them."""
    points = sorted((row for row in rows if row.x is not None), key=lambda row: row.x or 0)
    return Curve(
        name=name,
        x=tuple(row.x or 0.0 for row in points),
        y=tuple(_scaled(row.value, scale) for row in points),
        lo=tuple(_scaled(row.lo, scale) for row in points),
        hi=tuple(_scaled(row.hi, scale) for row in points),
    )


def machine_of(rows: Iterable[Measurement]) -> str:
    """Name the machine that rows were measured on, for a caption."""
    row = next((row for row in rows if "device" in row.labels), None)
    if row is None:
        return "an unknown machine"
    labels = row.labels
    return (
        f"{labels['device']} ({labels.get('processor')}, {labels.get('cpus')} cores, "
        f"{labels.get('threads')} threads used)"
    )


def require_same_machine(known: Iterable[object], machine: Mapping[str, Scalar]) -> None:
    """Refuse to go on with a profile of times that was begun on another machine class.

    Raises:
        PreconditionError: a stored time stems from one; names what differs.
    """
    for row in known:
        if isinstance(row, Measurement) and row.quantity == "seconds":
            differ = [name for name in SAME_MACHINE if row.labels.get(name) != machine.get(name)]
            if differ:
                raise PreconditionError(
                    f"this profile was begun on another machine: {', '.join(differ)} differ",
                    hint="profile this machine into another --out",
                )


MOST_TOKENS = 2**31


def parse_lengths(text: str, frame: int) -> list[int]:
    """Read comma-separated token counts, each of whole frames, into ascending order.

    Raises:
        ConfigError: no length, or one that is not a positive multiple of ``frame``.
    """
    lengths = [part.strip() for part in text.split(",") if part.strip()]
    for part in lengths:
        if len(part) > len(str(MOST_TOKENS)) or (part.isdecimal() and int(part) > MOST_TOKENS):
            raise ConfigError(f"length {part[:20]}", expected=f"at most {MOST_TOKENS:,} tokens")
        if not (part.isascii() and part.isdecimal()) or int(part) < frame or int(part) % frame:
            whole = f"a multiple of {frame} tokens (one frame)"
            raise ConfigError(
                f"length {part!r}", expected=whole if frame > 1 else "a whole number of tokens"
            )
    if not lengths:
        raise ConfigError("no lengths", expected="e.g. 512,1024,2048")
    return sorted({int(part) for part in lengths})


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
