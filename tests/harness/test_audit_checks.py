"""The project's own checks, check files and conformance."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from harness.audit.conform import run
from harness.audit.coverage import coverage
from harness.audit.engine import RULES, run_checks
from harness.audit.spec import CheckSpec, dump_checks, load_checks, schema_text
from harness.audit.templates import checks_of
from harness.errors import DataError
from harness.packs.loading import load_pack
from harness.packs.pack import Pack
from harness.records import Check

OPPOSITE = {"pass": "fail", "fail": "pass", "warn": "pass"}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack()


@pytest.fixture(scope="module")
def specs(pack: Pack) -> list[CheckSpec]:
    return checks_of(pack)


@pytest.fixture(scope="module")
def checks(specs: list[CheckSpec], pack: Pack) -> dict[str, Check]:
    return {check.id: check for check in run_checks(specs, pack)}


def test_every_known_verdict_comes_out(shared: Path) -> None:
    result = run(shared / "reported" / "audit_expected.json", None)
    assert result.run >= 66
    assert result.mismatches == ()
    assert result.not_run == ()


def test_every_planted_wrong_verdict_is_caught(shared: Path, tmp_path: Path) -> None:
    document = json.loads((shared / "reported" / "audit_expected.json").read_text())
    for check in document["checks"]:
        check["expected_verdict"] = OPPOSITE[check["expected_verdict"]]
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document))
    result = run(path, None)
    assert len(result.mismatches) == result.run == len(document["checks"])


def test_a_planted_wrong_cell_value_is_caught(shared: Path, tmp_path: Path) -> None:
    document = json.loads((shared / "reported" / "audit_expected.json").read_text())
    chosen = next(c for c in document["checks"] if c["rule"]["op"] == "sum")
    chosen["cells"][0]["value"] = "2.99"
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({**document, "checks": [chosen]}))
    (mismatch,) = run(path, None).mismatches
    assert "not 2.99" in mismatch.got


def test_the_own_set_covers_every_derived_cell(specs: list[CheckSpec], pack: Pack) -> None:
    found = coverage(specs, pack)
    assert found.derived == found.recomputed > 200
    assert found.read / found.printed > 0.97
    assert found.uncovered == ()


def test_without_a_rule_coverage_says_what_is_missing(specs: list[CheckSpec], pack: Pack) -> None:
    found = coverage([spec for spec in specs if "avg_if" not in spec.id], pack)
    assert found.recomputed < found.derived
    assert any("dreamgen" in name for name in found.uncovered)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("A.wmb_full.total_sum.Cosmos-Predict2.5-2B-T2V", "fail"),
        ("A.dreamgen.avg_if.ABot-PhysWorld-14B", "fail"),
        ("A.robotwin.average.Being-H0.7", "fail"),
        ("A.robotwin.average.Motus", "pass"),
        ("A.libero_plus.average.VLANeXt", "fail"),
        ("A.libero_plus.average.ProGAL-VLA", "warn"),
        ("A.libero_plus.average.Kairos-joint", "warn"),
        ("A.libero_plus.average.Kairos", "pass"),
        ("A.readme.ratio.Lingbot", "fail"),
        ("C.wmb_robot.leading_physics", "fail"),
        ("C.eff.every_metric", "fail"),
        ("C.eff.speedup_wan", "fail"),
        ("C.eff.realtime_a800_4gpu", "pass"),
        ("C.data.unit_v3", "pass"),
        ("X.versions.libero_plus", "pass"),
    ],
)
def test_findings_of_the_own_set(checks: dict[str, Check], name: str, verdict: str) -> None:
    assert checks[name].verdict == verdict
    assert checks[name].arithmetic


def test_nothing_of_the_own_set_is_untestable(checks: dict[str, Check]) -> None:
    assert Counter(check.verdict for check in checks.values())["not testable"] == 0
    assert len(checks) > 400


def test_the_whole_audit_is_quick(specs: list[CheckSpec], pack: Pack) -> None:
    started = time.process_time()
    run_checks(specs, pack)
    assert time.process_time() - started < 30  # a hang, not a speed test


def test_nearly_every_operation_is_used_by_a_shipped_pack(specs: list[CheckSpec]) -> None:
    used = {spec.op for spec in (*specs, *checks_of(load_pack("wbench")))}
    unused = {"less", "all_less", "better", "is_max_change", "at_least", "at_most", "rises"}
    of_rules_files = {"sum/100", "100*ratio", "percent_change", "percent_reduction", "100-x", "1-x"}
    assert set(RULES) - used == unused | of_rules_files


def test_a_written_check_file_reads_back_and_fits_the_schema(
    specs: list[CheckSpec], tmp_path: Path
) -> None:
    path = tmp_path / "checks.json"
    path.write_text(dump_checks(specs))
    assert load_checks(path) == specs
    jsonschema.validate(json.loads(path.read_text()), json.loads(schema_text()))


def test_the_shipped_schema_is_in_step() -> None:
    stored = Path(__file__).parents[2] / "harness" / "audit" / "schema.json"
    assert stored.read_text() == schema_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON document"),
        ('{"checks": [{"id": "a"}]}', "check 'a'"),
        ('{"schema": "other/9", "checks": []}', "other/9"),
        ('{"checks": [{"id": "a", "family": "f", "table": "t", "rule": {}, "cels": []}]}', "cels"),
        (
            '{"checks": [{"id": "a", "family": "f", "table": "t", "rule": {}},'
            ' {"id": "a", "family": "f", "table": "t", "rule": {}}]}',
            "two checks",
        ),
    ],
)
def test_bad_check_files_are_one_clear_message(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "checks.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_checks(path)
