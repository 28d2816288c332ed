"""One paper or board, read: what it prints, says and calls its own.

The files and their keys are described in ``harness/packs/README.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.errors import DataError, nearest
from harness.packs.claims import Claim
from harness.packs.efficiency import EfficiencyClaim
from harness.packs.rules import StatedRule
from harness.packs.schema import (
    Benchmark,
    ColumnTemplate,
    Edition,
    ExternalMeasurement,
    Facts,
    TableNote,
    Templates,
)
from harness.packs.tables import Table, TableCell, Tables
from harness.records import PackId

_ROW = re.compile(r"(?P<model>.*?)(?: \[(?P<variant>.*)\])?(?:@(?P<subset>.*))?\Z", re.DOTALL)
_SIZE = re.compile(r"(.*)-(\d+(?:\.\d+)?)B\Z")
EVERYWHERE = Templates(
    column=(
        ColumnTemplate(id="O.bold", op="bold_is_max", family="ordering"),
        ColumnTemplate(id="X.decimals", op="decimals_uniform", family="cross"),
    )
)
"""Checks of tables about which nothing is known."""

NO_FACTS = Facts()


@dataclass(frozen=True, eq=False)
class Pack:
    """Everything that is one paper's. ``editions`` are in the order in which the pack lists them.

    ``aliases`` gives the canonical name of a printed one, by its lower case.
    """

    id: PackId
    tables: Tables
    paper: str = ""
    licence: str = ""
    own_models: frozenset[str] = frozenset()
    editions: tuple[Edition, ...] = (Edition(id="", label="", source="", order=0),)
    notes: Mapping[str, TableNote] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    templates: Templates = EVERYWHERE
    facts: Facts = NO_FACTS
    aliases: Mapping[str, str] = field(default_factory=dict)
    efficiency: tuple[EfficiencyClaim, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    evidence: tuple[ExternalMeasurement, ...] = ()
    experiments: tuple[str, ...] = ()
    rules: tuple[StatedRule, ...] = ()

    @classmethod
    def of_tables(cls, tables: Tables, path: str = "") -> Pack:
        """Return a pack of tables about which nothing else is known: no own models, no facts."""
        return cls(id=PackId(id="", title="", path=path, digest=""), tables=tables)

    @cached_property
    def newest_first(self) -> list[Edition]:
        """Return the editions, the current one first."""
        return sorted(self.editions, key=lambda edition: -edition.order)

    @property
    def current(self) -> Edition:
        """Return the current edition."""
        return self.newest_first[0]

    def edition(self, name: str) -> Edition:
        """Return an edition by its id.

        Raises:
            DataError: the pack has no such edition.
        """
        found = next((one for one in self.editions if one.id == name), None)
        if found is None:
            known = [one.id for one in self.editions]
            raise DataError(f"no edition {name!r}", where=self.id.path, hint=nearest(name, known))
        return found

    @cached_property
    def standing(self) -> list[Edition]:
        """Return the current edition after all that it supersedes, oldest first."""
        chain = [self.current]
        while chain[0].supersedes:
            chain.insert(0, self.edition(chain[0].supersedes))
        return chain

    def table(self, title: str, edition: str = "") -> Table | None:
        """Return a table of an edition, or of the newest edition that prints it."""
        wanted = [self.edition(edition)] if edition else self.newest_first
        found = (self._printed.get((one.id, title)) for one in wanted)
        return next((table for table in found if table), None)

    def require_table(self, title: str, edition: str = "") -> Table:
        """Return a table that must be there.

        Raises:
            DataError: no edition prints it; names the closest ones.
        """
        found = self.table(title, edition)
        if found is None:
            of = f" of edition {edition!r}" if edition else ""
            known = {table for one, table in self._printed if edition in ("", one)}
            raise DataError(
                f"no table {title!r}{of}", where=self.id.path, hint=nearest(title, known)
            )
        return found

    def cell(self, title: str, row: str, metric: str, edition: str = "") -> TableCell:
        """Return a cell by table, row and metric; a row is ``model[-SizeB] [variant]@subset``.

        Raises:
            DataError: the name fits no cell, or several.
        """
        table = self.require_table(title, edition)
        column = [cell for cell in table.cells if cell.metric == metric]
        found = next((cells for reading in readings(row) if (cells := _fit(column, reading))), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise DataError(
                f"{row!r} names {len(found)} cells of {metric!r}",
                where=table.name,
                hint="name its size, [variant] or @subset too",
            )
        if column:
            advice = nearest(row, {cell.label for cell in column})
        else:
            advice = nearest(metric, {cell.metric for cell in table.cells})
        raise DataError(f"no cell {row!r}, {metric!r}", where=table.name, hint=advice)

    def sources_of(self, title: str) -> tuple[str, ...]:
        """Return the documents that print a table."""
        return tuple(one.source for one in self.editions if (one.id, title) in self._printed)

    def kind_of(self, table: Table) -> str:
        """Say whether a table holds results, or repeats them as an ablation or a figure."""
        note = self.notes.get(table.title)
        return note.kind if note else "results"

    def canonical(self, printed: str) -> str:
        """Return the canonical name of a printed one; without an alias its lower case."""
        return self.aliases.get(printed.lower(), printed.lower())

    def is_own(self, cell: TableCell) -> bool:
        """Say whether the authors present this row as their own model."""
        return cell.reproduced_by_authors == "own" or self.is_own_model(cell.model)

    def is_own_model(self, printed: str) -> bool:
        """Say whether a printed name is one of the authors' models."""
        return self.canonical(printed) in self.own_models

    @cached_property
    def _printed(self) -> dict[tuple[str, str], Table]:
        return {(table.edition, table.title): table for table in self.tables.tables()}


def readings(row: str) -> list[dict[str, str]]:
    """Return the ways to read a row's name: a size at the end of a model may belong to its name."""
    match = _ROW.match(row)
    found = match.groupdict() if match else {"model": row}
    parts = {name: part for name, part in found.items() if part is not None}
    size = _SIZE.match(parts["model"])
    return [parts] + ([{**parts, "model": size[1], "params_b": size[2]}] if size else [])


def _fit(cells: Sequence[TableCell], parts: Mapping[str, str]) -> list[TableCell]:
    return [
        cell for cell in cells if all(getattr(cell, name) == part for name, part in parts.items())
    ]
