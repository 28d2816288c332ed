"""``audit FILE...``: tables as people have them, read, held against themselves, and shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness.errors import ConfigError, DataError, ExitCode, nearest
from harness.escaping import json_text, lines
from harness.sheets.sheet import Sheet


class Asked(NamedTuple):
    """What the command line asks of an audit of files, option by option."""

    paths: Sequence[Path]
    rules: Path | None
    form: str
    read: bool
    write_rules: bool
    cell: tuple[str, str] | None
    n: Sequence[str]
    units: Sequence[str]
    own: Sequence[str]
    only_stated: bool
    strict: bool
    exit_zero: bool


def audit_files(asked: Asked) -> int:
    """Read tables, hold them against themselves, and write what was asked for.

    Raises:
        UserError: a file holds no table, or an option or rule names what is not there.
    """
    from harness.inference.audit import audit
    from harness.inference.document import Bearing
    from harness.inference.stated import write_rules
    from harness.inference.tables import in_units
    from harness.packs.rules import load_rules
    from reports.table_audit import FORMATS, GATES

    if asked.form not in {*FORMATS, *GATES}:
        raise ConfigError(
            f"unknown format {asked.form!r}", hint=nearest(asked.form, (*FORMATS, *GATES))
        )
    if asked.rules is not None and not is_rules_file(asked.rules):
        hint = "give its tables with --tables, or state rules in a TOML file"
        raise DataError("a check file beside FILE", where=str(asked.rules), hint=hint)
    sheets = in_units(sheets_of(asked.paths), dict(_pair(one, "--unit") for one in asked.units))
    if asked.read:
        sys.stdout.write(_as_read(sheets, asked.form))
        return ExitCode.OK
    check_rows(sheets, asked)
    document = audit(
        sheets,
        load_rules(asked.rules) if asked.rules else [],
        n=dict(map(_size, asked.n)),
        own=asked.own,
        only_stated=asked.only_stated,
    )
    if asked.write_rules:
        sys.stdout.write(write_rules(document.rules, sheets))
        return ExitCode.OK
    shown = document.about(*asked.cell) if asked.cell else document
    gated = {Bearing.CONTRADICTS, *([Bearing.DOES_NOT_FOLLOW] if asked.strict else [])}
    gates = asked.form in GATES
    text = GATES[asked.form](shown, gated) if gates else FORMATS[asked.form](shown, sheets)
    sys.stdout.write(text)
    failed = any(finding.level in gated for finding in shown.findings)
    return ExitCode.GATE_FAILED if failed and not asked.exit_zero else ExitCode.OK


def check_rows(sheets: Sequence[Sheet], asked: Asked) -> None:
    """Refuse rows and columns that options name and no table has.

    Raises:
        ConfigError: names the nearest ones.
    """
    from harness.inference.tables import find_column
    from harness.sheets.names import plain

    rows = [row for sheet in sheets for row in sheet.rows]
    labels = {plain(label): label for row in rows for label in (*row.labels, "".join(row.labels))}
    cell = [("--cell", asked.cell[0])] if asked.cell else []
    for option, name in [*(("--own", one) for one in asked.own), *cell]:
        if plain(name) not in labels:
            raise ConfigError(
                f"{option} {name}: no such row", hint=nearest(name, list(labels.values())[:500])
            )
    if asked.cell and all(find_column(sheet, asked.cell[1]) is None for sheet in sheets):
        known = [column.name for sheet in sheets for column in sheet.columns]
        what = f"--cell ... {asked.cell[1]}: no such column, or several"
        raise ConfigError(what, hint=nearest(asked.cell[1], known[:500]))


def is_rules_file(path: Path) -> bool:
    """Say whether a file states rules (TOML) rather than checks (a JSON object)."""
    from harness.reading import read_text

    return not read_text(path).lstrip().startswith("{")


def files_in(folder: Path) -> list[Path]:
    """Return the CSVs of a folder, by name.

    Raises:
        DataError: there is none.
    """
    found = sorted(folder.glob("*.csv"))
    if not found:
        raise DataError("no CSV is in this folder", where=str(folder))
    return found


def sheets_of(paths: Sequence[Path]) -> list[Sheet]:
    """Return the tables of files in their order, each with its file as the user names it."""
    from harness.sheets.reading import read_sheets

    found: list[Sheet] = []
    names = [path.name for path in paths]
    for path in paths:
        whole = names.count(path.name) > 1  # two files of one name are told apart by their paths
        for sheet in read_sheets(None if str(path) == "-" else path):
            name = sheet.id.replace(path.name, str(path), 1) if whole else sheet.id
            found.append(replace(sheet, file=str(path), id=name))
    if len({sheet.id for sheet in found}) < len(found):
        raise ConfigError("one file is given twice", expected="each FILE once")
    return found


def _as_read(sheets: Sequence[Sheet], form: str) -> str:
    """Return the tables as they were read: JSON where asked for, else as a person checks them."""
    from harness.sheets.showing import as_json, as_text

    return json_text(as_json(sheets)) if form == "json" else lines(as_text(sheets))


def _pair(text: str, option: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``; a name may hold the sign itself."""
    name, _, value = text.rpartition("=")
    if not name or not value:
        raise ConfigError(f"{option} {text}", expected="COLUMN=VALUE")
    return name, value


def _size(text: str) -> tuple[str, int]:
    """Read ``N`` or ``COLUMN=N``."""
    name, _, value = text.rpartition("=")
    if not (value.isascii() and value.isdecimal() and int(value[:12]) > 0 and len(value) < 10):
        raise ConfigError(f"--n {text}", expected="N or COLUMN=N, N a whole number from 1")
    return name, int(value)


def schema_of(names: Sequence[str]) -> str:
    """Return the JSON Schema that is asked for: of check files, or of the output.

    Raises:
        ConfigError: there is none of that name.
    """
    from harness.audit.spec import schema_text as of_checks
    from harness.inference.document import schema_text as of_output

    known = {"checks": of_checks, "output": of_output}
    name = names[0] if names else "checks"
    if len(names) > 1 or name not in known:
        raise ConfigError(f"--schema {' '.join(names)}", hint=nearest(name, known))
    return known[name]()
