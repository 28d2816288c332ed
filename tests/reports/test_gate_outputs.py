"""JUnit, SARIF and the summary obey the gate of the exit code, in forms that services accept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import defusedxml.ElementTree
import msgspec
import pytest

from harness.errors import ExitCode
from harness.outcomes import Level, Outcome
from harness.records import PackId
from harness.store import StoredRun
from harness.verdicts.gate import failing, gate
from reports.junit import render_junit
from reports.markdown import render_markdown
from reports.sarif import render_sarif, within

Make = Callable[..., StoredRun]
GATES = ((), (Outcome.DIFFERENT,), (Outcome.FAIL, Outcome.VIOLATED))


def complete(run: StoredRun) -> StoredRun:
    counts = {"planned": 10, "scored": 10}
    return replace(run, results=msgspec.structs.replace(run.results, counts=counts))


def github_accepts(document: dict) -> None:
    """Hold a document against what code scanning asks of a file beyond the schema."""
    assert document["version"] == "2.1.0" and document["$schema"].endswith("sarif-2.1.0.json")
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] and driver["version"]
        assert re.match(r"[a-z][a-z0-9+.-]*:\S+$", driver["informationUri"])
        rules = driver["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for rule in rules:
            assert all(rule[name]["text"] for name in ("shortDescription", "help"))
            assert rule["fullDescription"]["text"] and len(rule["properties"]["tags"]) <= 10
            assert len(rule["shortDescription"]["text"]) <= 1024
        assert len(run["results"]) <= 5_000
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["message"]["text"]
            assert result["level"] in ("error", "warning", "note")
            assert re.fullmatch(
                r"\w+:\d+", result["partialFingerprints"]["primaryLocationLineHash"]
            )
            (location,) = result["locations"]
            place = location["physicalLocation"]
            uri = place["artifactLocation"]["uri"]
            assert uri and not uri.startswith(("/", "..")) and " " not in uri
            assert place["region"]["startLine"] >= 1


@pytest.mark.parametrize("fail_on", GATES)
def test_junit_fails_where_the_gate_fails_and_nowhere_else(
    make_run: Make, fail_on: tuple[Outcome, ...]
) -> None:
    run = complete(make_run())
    assert run.results is not None
    root = defusedxml.ElementTree.fromstring(render_junit(run, fail_on).encode())
    failed = failing(run.results, fail_on)
    code = gate(run.results, fail_on, finished=True)
    assert len(list(root.iter("failure"))) == len(failed)
    assert (code is ExitCode.GATE_FAILED) == bool(failed) == bool(fail_on)
    assert list(root.iter("error")) == []
    levels = [verdict.level for verdict in run.results.verdicts]
    assert len(list(root.iter("skipped"))) == levels.count(Level.OPEN)
    assert len(list(root.iter("testcase"))) == len(levels) + 1
    assert int(root.get("failures")) == len(failed)
    for suite in root.iter("testsuite"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name)) == len(list(suite.iter(tag)))
        assert int(suite.get("tests")) == len(list(suite.iter("testcase")))
        assert suite.get("time") is not None
    assert all(one.get("type") for one in root.iter("failure"))


def test_an_incomplete_run_is_an_error_of_junit(make_run: Make) -> None:
    run = make_run()
    assert run.results is not None and gate(run.results, (), finished=True) is ExitCode.INCOMPLETE
    root = defusedxml.ElementTree.fromstring(render_junit(run).encode())
    (error,) = root.iter("error")
    assert error.text == "9 of 10 planned samples have a value"


def repository(run: StoredRun, root: Path) -> StoredRun:
    """Return a run of a run file and a pack that lie in a repository."""
    tables = root / "our pack" / "tables"
    tables.mkdir(parents=True)
    (root / ".git").mkdir()
    (tables / "v3.x.csv").write_text("a\nb\nc\n")
    source = root / "run.toml"
    source.write_text('name = "x"\n\n[[tasks]]\nsuite = "a"\n\n[[ tasks ]]\nsuite = "b"\n')
    pack = PackId(id="p", title="P", path=str(root / "our pack"), digest="d")
    return replace(run, plan=msgspec.structs.replace(run.plan, source=str(source), pack=pack))


@pytest.mark.parametrize("fail_on", GATES)
def test_sarif_holds_what_lies_in_the_repository_and_errors_fail_the_gate(
    make_run: Make, tmp_path: Path, fail_on: tuple[Outcome, ...]
) -> None:
    run = repository(make_run(), tmp_path)
    assert run.results is not None
    document = json.loads(render_sarif(run, fail_on))
    github_accepts(document)
    results = document["runs"][0]["results"]
    levels = [verdict.level for verdict in run.results.verdicts]
    assert len(results) == levels.count(Level.BAD) + levels.count(Level.DOUBT)
    places = {
        (
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            one["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for one in results
    }
    assert places <= {("our%20pack/tables/v3.x.csv", 3), ("run.toml", 3), ("run.toml", 6)}
    assert ("our%20pack/tables/v3.x.csv", 3) in places
    errors = [one["level"] for one in results].count("error")
    assert errors == len(failing(run.results, fail_on))


def test_sarif_of_what_has_no_place_in_a_repository_is_empty(make_run: Make) -> None:
    document = json.loads(render_sarif(make_run()))
    github_accepts(document)
    assert document["runs"][0]["results"] == []


def test_what_is_installed_in_a_repository_is_no_file_of_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert within(tmp_path / "tables/x.csv", 3) == ("tables/x.csv", 3)
    assert within(tmp_path / ".venv/lib/site-packages/packs/x.csv", 3) is None


def test_the_summary_says_how_the_gate_stands(make_run: Make) -> None:
    assert "Gate: nothing is asked" in render_markdown(make_run())
    assert "Gate: failed by 1 (--fail-on different)" in render_markdown(
        make_run(), (Outcome.DIFFERENT,)
    )
    assert "Gate: passed (--fail-on vacuous)" in render_markdown(
        StoredRun(
            Path(),
            make_run().plan,
            [],
            msgspec.structs.replace(make_run().results, verdicts=()),
        ),
        (Outcome.VACUOUS,),
    )
