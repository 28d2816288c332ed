"""Validators of others accept every SARIF and JUnit file that a command writes."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from lxml import etree

SCHEMAS = Path(__file__).with_name("schemas")
RUN = """
name = "ci"
[[tasks]]
suite = "robotwin"
model = "Kairos"
subset = "clean"
results = ["results"]
protocol = { episodes = 4 }
"""
RESULTS = """task_name,clean_success_rate,random_success_rate,clean_success_count,\
clean_episode_count,random_success_count,random_episode_count
adjust_bottle,0.5,,2,4,0,0
"""
LOST = '[[tasks]]\nsuite = "videophy"\nmodel = "m <&> \\u0007"\nexample = true\n'
BOARD = """
| Method | A | B | Avg. |
|---|---|---|---|
| one | 84.7 | 88.4 | 86.6 |
| two | 94.4 | 97.6 | 96.0 |
| three | 98.2 | 98.6 | 98.4 |
| four | 87.5 | 91.6 | 81.1 |
"""
RULE = '[[rule]]\nop = "mean"\nresult = "Avg."\ninputs = ["A", "B"]\n'
SHIPPED = re.compile(r"`(?P<name>[\w.-]+)` \| .* \| `(?P<digest>[0-9a-f]{16})` \|")


@pytest.fixture
def written(command: Callable, tmp_path: Path) -> list[Path]:
    """What each verb that writes SARIF or JUnit wrote, in a repository, good and bad."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results/summary.csv").write_text(RESULTS)
    (tmp_path / "board.md").write_text(BOARD)
    (tmp_path / "rules.toml").write_text(RULE)
    for name, text in {"all": RUN + LOST, "less": RUN}.items():
        (tmp_path / f"{name}.toml").write_text(text)
        assert command("run", f"{name}.toml", "--quiet", "--out", name).code in (0, 3)
    assert command("report", "all", "--to", "again", "--fail-on", "incomparable").code in (0, 1, 3)
    assert command("compare", "all", "less", "--to", "compared").code == 1
    assert command("history", "add", "less", "--partial").code == 0
    assert command("history", "gate", "--junit", "history.xml").code == 3
    for form, name in {"sarif": "board.sarif", "junit": "board.xml"}.items():
        asked = command("audit", "board.md", "--rules", "rules.toml", "--format", form)
        assert asked.code == 1
        Path(name).write_text(asked.out)
    return [path for path in tmp_path.rglob("*") if path.suffix in (".sarif", ".xml")]


def test_the_schemas_are_the_published_ones() -> None:
    shipped = dict(SHIPPED.findall((SCHEMAS / "README.md").read_text()))
    assert len(shipped) == 2
    for name, digest in shipped.items():
        found = hashlib.sha256((SCHEMAS / name).read_bytes()).hexdigest()
        assert found.startswith(digest)


def test_published_schemas_accept_what_every_verb_writes(written: list[Path]) -> None:
    sarif = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "sarif-2.1.0.json").read_text()))
    junit = etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))
    assert len(written) == 11
    located = 0
    for path in written:
        if path.suffix == ".xml":
            junit.assertValid(etree.parse(path))
            continue
        document = json.loads(path.read_text())
        sarif.validate(document)
        located += len(document["runs"][0]["results"])
    assert located >= 2
    with pytest.raises(jsonschema.ValidationError):
        sarif.validate({"version": "2.1.0", "runs": [{"results": []}]})
    assert not junit.validate(etree.fromstring("<testsuites><testcase/></testsuites>"))


@pytest.mark.slow
def test_the_multitool_finds_nothing_that_a_service_minds(written: list[Path]) -> None:
    tool = shutil.which("sarif-multitool")
    if tool is None:
        pytest.skip("needs sarif-multitool (npm install -g @microsoft/sarif-multitool)")
    files = [path for path in written if path.suffix == ".sarif"]
    asked = ["--rule-kind", "Sarif;Ghas", "--level", "Error;Warning", "--output", "found.sarif"]
    words = [shlex.quote(str(one)) for one in (*files, *asked)]  # it hands them to a shell
    done = subprocess.run([tool, "validate", *words], capture_output=True, text=True)
    assert f"{len(files)} files scanned" in done.stdout, done.stdout + done.stderr
    (found,) = json.loads(Path("found.sarif").read_text())["runs"]
    assert found["results"] == []
