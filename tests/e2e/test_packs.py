"""Packs from the command line: checked, described, listed, audited, run against."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from harness.packs.loading import SCHEMAS, shipped
from harness.records import ClaimKind
from harness.run.mainjob import main_job
from harness.store import load_run

PACKS = dict(shipped())["kairos"].parent
RUN = 'name = "board"\naudit = true\npack = "wbench"\n'


@pytest.mark.parametrize("name", ["kairos", "libero", "wbench"])
def test_a_shipped_pack_is_sound_by_name_and_by_folder(command, name: str) -> None:
    ended = command("pack", "check", name)
    assert ended.code == 0, ended.out
    assert "coverage: " in ended.out and "digest " in ended.out
    assert "to mend" not in ended.out
    assert ("no power: G.human." in ended.out) == (name == "kairos")
    assert command("pack", "check", PACKS / name).out == ended.out


@pytest.mark.parametrize("file", SCHEMAS)
def test_every_shipped_file_fits_the_printed_schema(command, file: str) -> None:
    schema = json.loads(command("pack", "schema", file).out)
    for folder in (PACKS / "kairos", PACKS / "libero", PACKS / "wbench"):
        documents = [
            *(tomllib.loads(path.read_text()) for path in folder.glob(f"{file}.toml")),
            *(json.loads(path.read_text()) for path in folder.glob(f"{file}.json")),
            *(
                json.loads(line)
                for path in folder.glob(f"{file}/*.jsonl")
                for line in path.read_text().splitlines()
            ),
        ]
        assert documents or folder.name != "kairos" or file == "rules"
        for document in documents:
            jsonschema.validate(document, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"unheard of": 1}, schema)


def test_rules_that_an_audit_writes_fit_the_printed_schema(command, tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    rows = ["a,1,2,1.5", "b,3,5,4.0", "c,2,8,5.0", "d,6,1,3.5", "e,9,4,6.5"]
    board.write_text("\n".join(["model,x,y,mean", *rows]))
    written = tomllib.loads(command("audit", board, "--write-rules").out)
    assert written["rule"]
    jsonschema.validate(written, json.loads(command("pack", "schema", "rules").out))


def test_a_run_against_another_pack_shows_that_pack_alone(command, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN)
    ended = command("run", "run.toml", "--quiet", "--out", "out")
    assert ended.code == 0, ended.err
    run = load_run(tmp_path / "out")
    assert run.plan.pack is not None and run.plan.pack.id == "wbench"
    assert run.results is not None
    kinds = {verdict.kind for verdict in run.results.verdicts}
    assert kinds == {ClaimKind.TEXT, ClaimKind.NUMBER, ClaimKind.TABLE}
    assert {one.locator.source for one in run.results.verdicts} == {"wbench-readme"}
    for name in ("report.html", "summary.md"):
        assert (
            "Held against WBench leaderboards" in (tmp_path / "out" / "report" / name).read_text()
        )


def test_the_option_names_the_pack_of_a_run(command, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN.replace('pack = "wbench"\n', ""))
    plans = []
    for out, more in (("a", []), ("b", ["--pack", PACKS / "wbench"])):
        assert command("run", "run.toml", "--quiet", "--out", out, *more).code == 0
        plans.append(load_run(tmp_path / out).plan)
    assert [plan.pack.id for plan in plans if plan.pack] == ["kairos", "wbench"]
    assert plans[0].id != plans[1].id


def test_lists_cells_and_audit_take_a_pack(command) -> None:
    assert command("list", "tables", "--pack", "wbench").out.count("\n") == 4
    assert "W001" in command("list", "claims", "--pack", "wbench").out
    assert "70.3" in command("cell", "nav5", "--model", "Kairos 3.0", "--pack", "wbench").out
    audited = command("audit", "--pack", "wbench")
    assert (audited.code, audited.out.count("DOUBTFUL")) == (0, 18)
    assert "contradicted:" not in audited.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["audit", "--pack", "wbnch"], 2, "did you mean 'wbench'"),
        (["audit", "--pack", "wbench", "--tables", "."], 2, "one of them"),
        (["pack", "check", "."], 4, "pack.toml"),
        (["pack", "schema", "evidenc"], 2, "did you mean 'evidence'"),
        (["list", "tables", "--pack", "none"], 2, "no pack 'none'"),
    ],
)
def test_mistakes_are_one_message(command, arguments: list[str], code: int, message: str) -> None:
    ended = command(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err and "Traceback" not in ended.err


def test_the_main_job_computes_what_its_pack_says() -> None:
    """A board about which no theorem speaks gets no theorems."""
    assert [one.name for one in main_job(None, pack="kairos").experiments] == [
        "theory/quick",
        "profile/quick",
    ]
    assert main_job(None).experiments == main_job(None, pack="kairos").experiments
    assert main_job(None, pack="wbench").experiments == ()
    assert main_job(None, pack="kairos", experiments=False).experiments == ()
