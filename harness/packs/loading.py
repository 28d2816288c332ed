"""Finding and reading packs; whatever is wrong in one is a message with place and remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from harness.errors import ConfigError, DataError, nearest
from harness.files import real
from harness.keys import folder_sha256
from harness.packs.claims import load_claims
from harness.packs.efficiency import EfficiencyClaim, EfficiencyFile, resolve
from harness.packs.pack import Pack
from harness.packs.printed import pack_tables
from harness.packs.reading import read_documents, read_if_there, read_toml
from harness.packs.rules import RulesFile, load_rules
from harness.packs.schema import (
    Edition,
    ExpectedFile,
    ExternalMeasurement,
    Facts,
    Manifest,
    PublishedFile,
    Templates,
)
from harness.packs.tables import NUMBER, Table, Tables
from harness.reading import csv_rows, read_text
from harness.records import PackId

TOML_FILES = {
    "pack.toml": Manifest,
    "checks.toml": Templates,
    "facts.toml": Facts,
    "efficiency.toml": EfficiencyFile,
    "published.toml": PublishedFile,
    "rules.toml": RulesFile,
}
"""Files of entries, by the type of the whole file."""

SCHEMAS = {
    **{name.removesuffix(".toml"): kind for name, kind in TOML_FILES.items()},
    "evidence": ExternalMeasurement,
    "expected": ExpectedFile,
}
"""What a JSON Schema is given for; ``evidence`` is that of a line."""

OTHER_FILES = ("tables", "claims.csv", "aliases.csv", "evidence", "expected.json", "README.md")

VARIABLE, GROUP = "KAIROS_EVAL_PACKS", "kairos_eval.packs"


@cache
def load_pack(wanted: str = "") -> Pack:
    """Return a pack by folder or name, by default the shipped one that says so.

    Raises:
        ConfigError: nothing of this name is there; names what is.
        DataError: a file of the pack is missing or wrong.
    """
    if not wanted:
        return read_pack(next(folder for _, folder in shipped() if _manifest(folder).default))
    here, known = real(Path(wanted)), dict(reversed([*known_packs()]))
    if (here / "pack.toml").is_file() or (wanted not in known and here.is_dir()):
        return read_pack(here)
    if wanted in known:
        return read_pack(known[wanted])
    raise ConfigError(
        f"no pack {wanted!r}",
        expected=f"a folder, or a name from {VARIABLE}, {GROUP} or the shipped ones",
        hint=nearest(wanted, known),
    )


def known_packs() -> Iterator[tuple[str, Path]]:
    """Yield name and folder of every pack that can be named; the first of a name wins."""
    for place in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        here = real(Path(place))
        for folder in (here, *sorted(here.glob("*/"))):
            if (folder / "pack.toml").is_file():
                yield folder.name, folder
    for point in entry_points(group=GROUP):
        yield point.name, Path(str(files(point.value)))
    yield from shipped()


def shipped() -> Iterator[tuple[str, Path]]:
    """Yield name and folder of the packs of this distribution."""
    for path in sorted(Path(__file__).parent.glob("*/pack.toml")):
        yield path.parent.name, path.parent


def _manifest(folder: Path) -> Manifest:
    path = folder / "pack.toml"
    if not path.is_file():
        hint = "harness/packs/README.md says what a pack holds"
        raise DataError("a file of the pack is missing", where=str(path), hint=hint)
    return read_toml(path, Manifest)


def read_pack(folder: Path) -> Pack:
    """Read the folder of a pack.

    Raises:
        DataError: a file is missing, unknown or wrong; names file and remedy.
    """
    manifest = _manifest(folder)
    check_files(folder)
    check_editions(manifest, folder)
    tables = editioned(pack_tables(folder / "tables", manifest), manifest.edition, folder)
    bare = Pack(
        id=PackId(id=manifest.id, title=manifest.title, path=str(folder), digest=digest(folder)),
        tables=tables,
        paper=manifest.paper,
        licence=manifest.licence,
        own_models=frozenset(manifest.own_models),
        experiments=manifest.experiments,
        rules=tuple(load_rules(rules)) if (rules := folder / "rules.toml").is_file() else (),
        editions=manifest.edition,
        notes={note.name: note for note in manifest.table},
        aliases=_aliases(folder / "aliases.csv"),
        templates=read_if_there(folder / "checks.toml", Templates),
        facts=read_if_there(folder / "facts.toml", Facts),
        benchmarks=read_if_there(folder / "published.toml", PublishedFile).benchmark,
        evidence=tuple(
            row
            for path in sorted((folder / "evidence").glob("*.jsonl"))
            for row in read_documents(path, ExternalMeasurement, read_text(path).splitlines())
        ),
    )
    claims = folder / "claims.csv"
    pack = replace(
        bare,
        claims=load_claims(claims, bare.newest_first) if claims.is_file() else (),
        efficiency=tuple(_efficiency(folder / "efficiency.toml", bare)),
    )
    check_references(pack)
    return pack


def check_files(folder: Path) -> None:
    """Refuse a folder that holds files of no meaning."""
    known = (*TOML_FILES, *OTHER_FILES)
    for path in sorted(folder.iterdir()):
        if path.name not in known and not path.name.startswith((".", "__")):
            raise DataError(
                f"a pack has no file {path.name!r}", where=str(path), hint=nearest(path.name, known)
            )


def check_editions(manifest: Manifest, folder: Path) -> None:
    """Refuse editions that cannot be told apart or that refer to nothing."""
    where = str(folder / "pack.toml")
    if not manifest.licence.strip():
        raise DataError("the licence is empty", where=where, hint="say under what the facts stand")
    if not manifest.edition:
        raise DataError("the pack has no edition", where=where, expected="an [[edition]] block")
    for name in ("id", "source", "order"):
        values = [getattr(edition, name) for edition in manifest.edition]
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            raise DataError(
                f"two editions have the {name} {double!r}",
                where=where,
                hint=f"give each edition its own {name}, or take one out",
            )
    order = {edition.id: edition.order for edition in manifest.edition}
    for edition in manifest.edition:
        earlier = {name for name in order if order[name] < edition.order}
        if edition.supersedes and edition.supersedes not in earlier:
            raise DataError(
                f"edition {edition.id!r} supersedes {edition.supersedes!r}",
                where=where,
                expected="an edition of lower order",
                hint=nearest(edition.supersedes, earlier) if earlier else "",
            )
        if edition.repeats and edition.repeats not in {*order} - {edition.id}:
            raise DataError(
                f"edition {edition.id!r} repeats {edition.repeats!r}",
                where=where,
                hint=nearest(edition.repeats, {*order} - {edition.id}),
            )


def check_references(pack: Pack) -> None:
    """Refuse what names a table, cell or statement that the pack does not hold."""
    claims = {claim.id for claim in pack.claims}
    for claim in pack.claims:
        for title in claim.tables:
            pack.require_table(title)
    for title in pack.notes:
        pack.require_table(title)
    for benchmark in pack.benchmarks:
        for table in benchmark.table:
            pack.require_table(table.name)
    for row in pack.evidence:
        cell = pack.cell(row.cell.table, row.cell.row, row.cell.column) if row.cell else None
        if row.claim and row.claim not in claims:
            raise DataError(
                f"evidence {row.id!r} names the statement {row.claim!r}",
                where=pack.id.path,
                hint=nearest(row.claim, claims),
            )
        if cell and cell.unit != row.unit:
            raise DataError(
                f"evidence {row.id!r} is in {row.unit!r}, the cell it names in {cell.unit!r}",
                where=pack.id.path,
                expected="a measurement in the unit of its `cell`; of another quantity, no `cell`",
            )
        if row.matches_protocol == "yes" and (cell is None or not NUMBER.match(row.value)):
            raise DataError(
                f"evidence {row.id!r} matches the protocol of no printed number",
                where=pack.id.path,
                expected="a `cell` and a plain decimal number as `value`",
            )


def editioned(tables: Tables, editions: tuple[Edition, ...], folder: Path) -> Tables:
    """Return the tables with the edition that prints each.

    Raises:
        DataError: a cell's source is no edition of the pack, or the file is named after another.
    """
    by_source = {edition.source: edition.id for edition in editions}
    found: dict[str, Table] = {}
    for table in tables.tables():
        for cell in table.cells:
            if cell.source not in by_source:
                raise DataError(
                    f"the source {cell.source!r} is no edition of this pack",
                    where=f"{folder / 'tables' / cell.file}:{cell.line}",
                    hint=nearest(cell.source, by_source),
                )
        edition = by_source[table.source]
        if not table.edition and not table.name.startswith(edition + ".") and len(editions) > 1:
            raise DataError(
                f"a table of edition {edition!r} is called {table.name!r}",
                where=str(folder / "tables" / table.cells[0].file),
                expected=f"{edition}.NAME, or `edition` in its [[table]] entry",
            )
        found[table.name] = replace(table, edition=edition)
    return Tables(found)


def digest(folder: Path) -> str:
    """Return the SHA-256 of the files of a pack, names included."""
    kinds = (".toml", ".csv", ".jsonl", ".json")
    tables = folder / "tables"
    read = (
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in kinds or path.parent == tables)
    )
    return folder_sha256(folder, read)


def read_expected(folder: Path) -> dict[str, str] | None:
    """Return the verdicts that a pack expects of its checks, None where it expects nothing."""
    path = folder / "expected.json"
    if not path.is_file():
        return None
    (expected,) = read_documents(path, ExpectedFile, [read_text(path)])
    return expected.verdicts


def _aliases(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    rows = csv_rows(read_text(path), str(path), ("printed", "canonical"), exactly=True)
    return {row["printed"].lower(): row["canonical"] for _, row in rows}


def _efficiency(path: Path, pack: Pack) -> Iterator[EfficiencyClaim]:
    for entry in read_if_there(path, EfficiencyFile).claim:
        source = pack.edition(entry.edition).source if entry.edition else ""
        yield resolve(entry, source, pack.tables, str(path))
