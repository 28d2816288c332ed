"""``audit FILE...`` from the command line: forms, exit codes, dialogue, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import defusedxml.ElementTree
import jsonschema
import pytest

BOARD = """\
| Method | Spatial | Object | Goal | Long | Avg. |
|---|---|---|---|---|---|
| A <b>x</b> | 84.7 | 88.4 | 79.2 | 53.7 | 76.5 |
| B | 94.4 | 97.6 | 93.0 | 90.6 | 93.9 |
| C | 98.2 | 98.6 | 97.8 | 97.6 | 98.1 |
| D | 87.5 | 91.6 | 87.6 | 69.0 | 81.1 |
| E | 97.0 | 99.0 | 92.6 | 90.8 | 94.8 |
"""
RULE = '[[rule]]\nop = "mean"\nresult = "Avg."\ninputs = ["Spatial", "Object", "Goal", "Long"]\n'
FORMS = ["text", "json", "html", "markdown", "sarif", "junit"]


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.md"
    path.write_text(BOARD)
    return path


def test_an_inferred_rule_never_contradicts(command, board: Path) -> None:
    ended = command("audit", "board.md")
    assert ended.code == 0
    assert "DOES NOT FOLLOW  D, Avg., printed 81.1" in ended.out
    assert "mean(87.5, 91.6, 87.6, 69.0) = 83.925" in ended.out
    assert command("audit", "board.md", "--strict").code == 1
    for options, bad in (((), 0), (("--strict",), 1)):
        written = command("audit", "board.md", *options, "--format", "junit").out
        assert written.count("<failure") == bad
        written = command("audit", "board.md", *options, "--format", "sarif").out
        results = json.loads(written)["runs"][0]["results"]
        assert [one["level"] for one in results].count("error") == bad
    assert command("audit", "board.md", "--strict", "--exit-zero").code == 0


@pytest.mark.parametrize("form", FORMS)
def test_the_word_fail_never_stands_beside_an_inferred_rule(command, board, form: str) -> None:
    ended = command("audit", "board.md", "--format", form)
    assert ended.code == 0
    assert "fail" not in ended.out.lower().replace('failures="0"', "")
    assert "83.925" in ended.out
    assert "<b>x</b>" not in ended.out


def test_a_stated_rule_contradicts(command, board: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULE + 'source = "table 2"\n')
    for option in ("--rules", "--checks"):
        ended = command("audit", "board.md", option, "rules.toml", "--format", "json")
        assert ended.code == 1
    found = json.loads(ended.out)["findings"]
    assert [(one["level"], one["standing"]) for one in found] == [("contradicts", "contradicted")]
    junit = defusedxml.ElementTree.fromstring(
        command("audit", "board.md", "--rules", "rules.toml", "--format", "junit").out
    )
    assert len(junit.findall(".//failure")) == 1
    alone = command("audit", "board.md", "--rules", "rules.toml", "--only-stated")
    assert (alone.code, "inferred" in alone.out) == (1, False)


def test_rules_are_written_confirmed_and_given_back(command, board: Path, tmp_path: Path) -> None:
    written = command("audit", "board.md", "--write-rules").out
    assert command("audit", "--suggest", "board.md").out == written
    (tmp_path / "rules.toml").write_text(written)
    assert command("audit", "board.md", "--rules", "rules.toml").code == 0
    (tmp_path / "rules.toml").write_text(written.replace('origin = "inferred"\n', ""))
    assert command("audit", "board.md", "--rules", "rules.toml").code == 1


def test_the_output_follows_its_published_schema(command, board: Path) -> None:
    schema = json.loads(command("audit", "--schema", "output").out)
    document = json.loads(command("audit", "board.md", "--format", "json").out)
    jsonschema.validate(document, schema)
    assert document["schema"] == "table-audit/1"
    (rule,) = document["rules"]
    assert (rule["support"], rule["rows"], rule["share"]) == (4, 5, 0.8)
    assert "checks" in command("audit", "--schema").out
    assert command("audit", "--schema").out == command("audit", "--schema", "checks").out


def test_sarif_points_at_the_line_of_the_users_file(command, board: Path, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    board.rename(tmp_path / "a b" / "board.md")
    run = json.loads(command("audit", "a b/board.md", "--format", "sarif").out)["runs"][0]
    (result,) = run["results"]
    where = result["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == "a%20b/board.md"
    assert (where["region"]["startLine"], result["level"]) == (6, "warning")


def test_every_rule_that_touches_a_cell_can_be_asked_for(command, board: Path) -> None:
    asked = command("audit", "board.md", "--cell", "D", "Goal")
    assert "83.925" in asked.out
    other = command("audit", "board.md", "--cell", "B", "Goal")
    assert "rule: Avg. = mean(" in other.out
    assert "DOES NOT FOLLOW" not in other.out


def test_the_page_opens_with_assumptions_and_draws_the_table(command, board: Path) -> None:
    page = command("audit", "board.md", "--format", "html").out
    places = [page.index(one) for one in ("<h2>Assumptions", "4 of 5 rows", "81.1</a>", "83.925")]
    assert places == sorted(places)
    assert "<title>board.md</title>" in page


def test_what_was_read_is_shown(command, board: Path) -> None:
    assert "84.7" in command("audit", "board.md", "--read").out
    (table,) = json.loads(command("audit", "board.md", "--read", "--format", "json").out)
    assert (table["rows"], table["read"]) == (5, 25)


def test_several_files_are_one_report(command, board: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "board.md").write_text(BOARD.replace("81.1", "83.9"))
    document = json.loads(command("audit", "board.md", "x/board.md", "--format", "json").out)
    assert [one["id"] for one in document["tables"]] == ["board.md", "x/board.md"]
    assert {one["file"] for one in document["findings"]} == {"board.md"}


def test_own_rows_are_told_apart(command, board: Path) -> None:
    assert "none of these in a row" in command("audit", "board.md", "--own", "B").out
    assert "1 of these in a row" in command("audit", "board.md", "--own", "D").out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.md"], 4, "cannot be read"),
        (["log.json"], 4, "no table is in it"),
        (["board.md", "--format", "pdf"], 2, "unknown format 'pdf'"),
        (["board.md", "--n", "many"], 2, "COLUMN=N"),
        (["board.md", "--n", "Gaol=5"], 2, "did you mean 'Goal'"),
        (["board.md", "--unit", "Gaol=%"], 2, "did you mean 'Goal'"),
        (["board.md", "--own", "Z"], 2, "no such row"),
        (["board.md", "--cell", "D", "Gaol"], 2, "did you mean 'Goal'"),
        (["board.md", "board.md"], 2, "given twice"),
        (["board.md", "--pack", "wbench"], 2, "one of them"),
        (["--read"], 2, "--read without FILE"),
        (["--schema", "input"], 2, "did you mean 'output'"),
        (["board.md", "--rules", "checks.json"], 4, "a check file beside FILE"),
        (["board.md", "--rules", "op.toml"], 4, "did you mean 'mean'"),
        (["board.md", "--rules", "key.toml"], 4, "unknown field `weight`"),
        (["board.md", "--rules", "column.toml"], 4, "no table has all"),
        (["board.md", "--rules", "weights.toml"], 4, "mean has no weights"),
    ],
)
def test_mistakes(command, board, tmp_path: Path, arguments, code: int, message: str) -> None:
    rules = {
        "op": RULE.replace('"mean"', '"meen"'),
        "key": RULE + "weight = [1, 1, 1, 1]\n",
        "column": RULE.replace("Goal", "Gaol"),
        "weights": RULE + "weights = [1, 1, 1, 1]\n",
    }
    for name, text in rules.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "checks.json").write_text('{"checks": []}')
    (tmp_path / "log.json").write_text('{"level": "info", "step": 3}')
    ended = command("audit", *arguments)
    assert ended.code == code, ended.err
    assert message in ended.err
    assert "Traceback" not in ended.err


LONG = "source,table,benchmark,subset,model,params_b,variant,metric,value,decimals,unit,"
LONG += "higher_is_better,reproduced_by_authors,note\n"


def long_table(rows: list[tuple[str, str, str]], **more: str) -> str:
    where = {"table": "T1", "subset": ""} | more
    lines = [
        f"p,{where['table']},B,{where['subset']},{model},,,{metric},{value},{len(value) - 2},"
        "fraction,yes,yes,"
        for model, metric, value in rows
    ]
    return "\n".join(lines) + "\n"


MODELS = zip("ABCD", (10, 20, 30, 15), (40, 50, 60, 45), strict=True)
TOTALS = [
    (model, name, f"{value:.2f}")
    for model, x, y in MODELS
    for name, value in (
        ("x", x / 100),
        ("y", y / 100),
        ("total", (x + y) / 100),
        ("average", (x + y) / 200),
    )
]
HALVES = [("A", "first", "0.50"), ("A", "second", "0.70"), ("A", "average", "0.60")]
SECOND = [("Ours", "acc", "0.70"), ("B", "acc", "0.80"), ("C", "acc", "0.60")]


LOWER = [(model, name, f"{float(value) - 0.2:.2f}") for model, name, value in HALVES]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(long_table(TOTALS), id="a total and an average of the same columns"),
        pytest.param(
            long_table(HALVES, subset="easy")
            + long_table(
                [("A", name, f"{float(v) - 0.2:.2f}") for _, name, v in HALVES], table="T2"
            ),
            id="two tables in one file",
        ),
        pytest.param(long_table(SECOND), id="an own row that is second, which nobody denies"),
    ],
)
def test_consistent_long_tables_are_accused_of_nothing(command, tmp_path: Path, text: str) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text(LONG + text)
    written = command("audit", "--suggest", "tables/t.csv")
    (tmp_path / "rules.json").write_text(written.out)
    again = command("audit", "--checks", "rules.json", "--tables", "tables")
    assert (written.code, again.code) == (0, 0)
    assert "DOES NOT FOLLOW" not in again.out


def test_a_column_that_is_no_part_of_the_overall_accuses_nobody(command, tmp_path: Path) -> None:
    values = [("A", 80.0, 70.0, 55.0), ("B", 82.0, 71.0, 60.0), ("C", 78.4, 69.0, 40.0),
              ("D", 81.2, 74.0, 44.0)]  # fmt: skip
    rows = [f"{m},{d:.1f},{q:.1f},{(d + q) / 2:.1f},{h:.1f}" for m, d, q, h in values]
    (tmp_path / "t.csv").write_text("\n".join(["model,domain,quality,overall,human", *rows]))
    ended = command("audit", "t.csv", "--format", "json")
    (rule,) = json.loads(ended.out)["rules"]
    assert (rule["inputs"], rule["support"]) == ([["domain"], ["quality"]], 4)
    assert json.loads(ended.out)["findings"] == []
