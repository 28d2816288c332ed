"""``pack``: is a folder a sound pack, what may stand in its files, and how does one begin?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import say


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    group = typer.Typer(help="Papers as folders of tables, statements and checks.")
    group.command()(check)
    group.command()(schema)
    group.command()(new)
    app.add_typer(group, name="pack", no_args_is_help=True)


def check(
    pack: Annotated[str, typer.Argument(metavar="DIR|NAME", help="A folder, or a known name.")],
) -> int:
    """Check a pack: schema, ids, references, every check and its power; print its coverage.

    Exit 1 when something is to be mended, 4 when a file is wrong or missing. A check without power
    is named: no printed value could make it fail.
    """
    from harness.audit.pack_check import check_pack
    from harness.errors import ExitCode
    from harness.packs.loading import load_pack
    from harness.packs.published import published

    paper = load_pack(pack)
    found = check_pack(paper)
    tables, suites = paper.tables.tables(), {one.suite for one in paper.benchmarks}
    numbers = sum(len(published(paper, suite)) for suite in suites)
    holds = {
        "editions": len(paper.editions),
        "tables": len(tables),
        "cells": sum(len(table.cells) for table in tables),
        "statements": len(paper.claims),
        "statements about cost": len(paper.efficiency),
        "numbers that suites measure": numbers,
        "external measurements": len(paper.evidence),
    }
    say(f"{paper.id.id}: {paper.id.title} ({paper.paper})")
    say(f"folder {paper.id.path}, digest {paper.id.digest[:12]}")
    say("holds: " + ", ".join(f"{what} {count:,}" for what, count in holds.items()))
    say("checks: " + ", ".join(f"{what} {count:,}" for what, count in found.counts.items()))
    say(found.coverage)
    for name in found.powerless:
        say(f"no power: {name} passes whatever is printed; take it out, or hold more digits")
    for problem in found.problems:
        say(f"to mend: {problem}")
    return ExitCode.GATE_FAILED if found.problems else ExitCode.OK


def schema(
    file: Annotated[
        str, typer.Argument(help="pack, checks, facts, efficiency, published, evidence, expected.")
    ],
) -> int:
    """Print the JSON Schema of one file of a pack (of one line of it, for evidence)."""
    import json

    import msgspec

    from harness.errors import ConfigError, nearest
    from harness.packs.loading import SCHEMAS

    if file not in SCHEMAS:
        raise ConfigError(f"no file {file!r} has a schema", hint=nearest(file, SCHEMAS))
    print(json.dumps(msgspec.json.schema(SCHEMAS[file]), indent=1))
    return 0


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to be made.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Tables in any form that is read.")
    ],
    title: Annotated[str, typer.Option(help="Title of the paper or board.")] = "",
    paper: Annotated[str, typer.Option(help="Its identifier or address.")] = "",
    licence: Annotated[str, typer.Option(help="Under what the figures stand.")] = "",
) -> int:
    """Make a pack from files of tables (CSV, Markdown, LaTeX, HTML, JSON, pasted text).

    The files are copied as they are; pack.toml holds, for each table, the caption, units,
    directions and numbers of items that were read, to be corrected where they were read wrongly.
    """
    from harness.errors import ExitCode
    from harness.packs.loading import read_pack
    from harness.packs.new import About, new_pack

    sheets = new_pack(folder, files, About(title, paper, licence))
    for sheet in sheets:
        numbers = sum(len([*sheet.values(column)]) for column in sheet.value_columns)
        say(f"{sheet.id}: {len(sheet.rows)} rows, {numbers} numbers, {len(sheet.refused)} refused")
        for cell in sheet.refused:
            place = f"{sheet.rows[cell.row].name}, {' / '.join(sheet.path_of(cell))}"
            say(f"  not read: {place}: {cell.text!r} ({cell.refused})")
    read_pack(folder)
    say(f"made {folder}; say in pack.toml what the tables do not, then: kairos-eval pack check DIR")
    say("rules that its numbers bear out: kairos-eval audit DIR/tables/* --write-rules")
    say("  what the source states of them belongs into DIR/rules.toml")
    return ExitCode.OK
