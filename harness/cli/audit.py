"""``audit``: hold printed tables against themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import PackOption

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="Tables as they are: CSV, Markdown, LaTeX, HTML, JSON, pasted text; - is standard "
        "input. Without any, the checks of a pack.",
    ),
]
Tables = Annotated[
    Path | None, typer.Option(help="Folder of table CSVs of which nothing else is known.")
]
Checks = Annotated[
    Path | None, typer.Option(help="Check file (JSON); without it, the checks of the pack.")
]
Rules = Annotated[
    Path | None, typer.Option(help="With FILE: rules that the paper or you state (TOML).")
]
Form = Annotated[
    str,
    typer.Option("--format", help="text, json or html; with FILE also markdown, sarif, junit."),
]
Read = Annotated[
    bool, typer.Option("--read", help="With FILE: only show the tables as they were read.")
]
WriteRules = Annotated[
    bool, typer.Option("--write-rules", help="With FILE: write the rules found, as TOML.")
]
Suggest = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same as FILE --write-rules.")
]
OneCell = Annotated[
    tuple[str, str] | None,
    typer.Option(metavar="ROW COLUMN", help="With FILE: only the rules that touch this cell."),
]
Sizes = Annotated[
    list[str] | None,
    typer.Option(
        "--n", metavar="[COLUMN=]N", help="With FILE: items behind a column or all shares."
    ),
]
Units = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=UNIT", help="With FILE: unit of a column; % for shares."),
]
Own = Annotated[
    list[str] | None,
    typer.Option(metavar="ROW", help="With FILE: a row that is the authors' own."),
]
OnlyStated = Annotated[bool, typer.Option("--only-stated", help="With FILE: infer no rules.")]
Schema = Annotated[
    bool,
    typer.Option(
        "--schema",
        help="Print a JSON Schema: `--schema checks` of check files (also without the word), "
        "`--schema output` of an audit of FILE.",
    ),
]
Bundle = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="A submission to a board: hold its row against its cases."),
]
Everything = Annotated[bool, typer.Option("--all", help="Show passing checks too.")]
Strict = Annotated[bool, typer.Option(help="Exit 1 for a cell that misses an inferred rule, too.")]
ExitZero = Annotated[bool, typer.Option(help="Exit 0 even when something is contradicted.")]


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(audit)


def audit(
    files: Files = None,
    pack: PackOption = "",
    tables: Tables = None,
    checks: Checks = None,
    rules: Rules = None,
    form: Form = "text",
    read: Read = False,
    write_rules: WriteRules = False,
    suggest: Suggest = None,
    cell: OneCell = None,
    n: Sizes = None,
    unit: Units = None,
    own: Own = None,
    only_stated: OnlyStated = False,
    schema: Schema = False,
    bundle: Bundle = None,
    everything: Everything = False,
    strict: Strict = False,
    exit_zero: ExitZero = False,
) -> int:
    """Audit printed tables: any FILE as it is, or the tables and checks of a pack.

    From FILE, the numbers themselves tell which cells are computed from which: sums, means,
    weighted means, differences, ratios, shares of n, ranks. A rule that was inferred never
    contradicts; a row that breaks it does not follow. What breaks a rule that the paper or you
    state (--rules, k of n in a cell, n) contradicts. --read shows what was read; --write-rules
    writes the rules found, to be confirmed and given back.

    --bundle holds the row that a leaderboard would print against the cases it is made of.

    With a pack, each check is decided by arithmetic (a printed value stands for its rounding
    interval), and how it stands is said beside it: holds, doubtful, contradicted or untested.
    Standard output holds the result and nothing else.

    Exit code 1 when a stated rule, or the current edition, is contradicted; else 3 when a check
    names a cell that the tables do not hold, 4 when a file holds no table, or it or the rule of a
    check is wrong.
    """
    from harness.cli.audit_files import Asked, audit_files, files_in, is_rules_file, schema_of
    from harness.errors import ConfigError

    if bundle:
        return audit_bundle(bundle, exit_zero)
    paths = [*(files or []), *([suggest] if suggest else [])]
    if schema:
        sys.stdout.write(schema_of([str(path) for path in paths]))
        return 0
    stated = checks or rules
    if tables and stated and is_rules_file(stated):
        paths, tables = [*paths, *files_in(tables)], None
    if paths:
        if pack or tables:
            raise ConfigError("FILE beside --pack or --tables", expected="one of them")
        asked = Asked(
            paths=paths,
            rules=stated,
            form=form,
            read=read,
            write_rules=write_rules or suggest is not None,
            cell=cell,
            n=n or [],
            units=unit or [],
            own=own or [],
            only_stated=only_stated,
            strict=strict,
            exit_zero=exit_zero,
        )
        return audit_files(asked)
    alone = {"--read": read, "--write-rules": write_rules, "--cell": cell, "--n": n, "--unit": unit}
    alone |= {"--own": own, "--only-stated": only_stated}
    for name, given in alone.items():
        if given:
            raise ConfigError(f"{name} without FILE", hint="name the file that holds the table")
    return audit_pack(pack, tables, stated, form, everything, strict, exit_zero)


def audit_bundle(folder: Path, exit_zero: bool) -> int:
    """Say of everything that a submission states whether its own cases bear it out."""
    from harness.errors import ExitCode
    from harness.escaping import line
    from harness.inference.bundle import check_bundle

    found = check_bundle(folder)
    for one in found:
        sys.stdout.write(f"{'holds' if one.holds else 'CONTRADICTS':12} {line(one.text)}\n")
    failed = not all(one.holds for one in found)
    return ExitCode.GATE_FAILED if failed and not exit_zero else ExitCode.OK


def audit_pack(
    pack: str,
    tables: Path | None,
    checks: Path | None,
    form: str,
    everything: bool,
    strict: bool,
    exit_zero: bool,
) -> int:
    """Run the checks of a pack, or a check file, and show how each stands."""
    from harness.audit.coverage import coverage
    from harness.audit.engine import run_checks, unresolved
    from harness.audit.spec import load_checks
    from harness.audit.templates import checks_of
    from harness.cli.audit_views import FORMATS
    from harness.errors import ConfigError, ExitCode
    from harness.outcomes import Level, Outcome
    from harness.packs.loading import load_pack
    from harness.packs.pack import Pack
    from harness.packs.tables import load_tables
    from harness.verdicts.docket import Docket
    from harness.verdicts.facts import with_facts
    from harness.verdicts.ledger import printed_tables

    if form not in FORMATS:
        raise ConfigError(
            f"unknown format {form!r} of a pack",
            expected=", ".join(FORMATS),
            hint="sarif and junit are forms of `audit FILE`",
        )
    if pack and tables:
        raise ConfigError("--pack and --tables", expected="one of them: a pack brings its tables")
    paper = Pack.of_tables(load_tables(tables)) if tables else load_pack(pack)
    specs = load_checks(checks) if checks else checks_of(paper)
    results = run_checks(specs, paper)
    covered = None if checks else coverage(specs, paper)
    docket = Docket(results, paper)
    verdicts = with_facts(printed_tables(docket), docket)
    sys.stdout.write(FORMATS[form](results, verdicts, covered, everything))
    failed = any(
        verdict.level is Level.BAD or (strict and verdict.outcome is Outcome.DOES_NOT_FOLLOW)
        for verdict in verdicts
    )
    if failed and not exit_zero:
        return ExitCode.GATE_FAILED
    return ExitCode.INCOMPLETE if unresolved(results) else ExitCode.OK
