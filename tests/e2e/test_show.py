"""What a terminal shows: one claim with its chain, claims by verdict, and the way to the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.run import session
from harness.run.mainjob import main_job


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shown") / "runs" / "main-1"
    session.complete(main_job(None, experiments=False), session.Options(out=made, fsync=False))
    return made


def test_a_claim_is_shown_with_its_whole_chain_with_and_without_a_run(command, directory) -> None:
    for arguments in ([], [directory]):
        ended = command("show", "#C004", *arguments)
        assert ended.code == 0, ended.err
        for wanted in ("doubtful", "#C004", "kairos-paper-v3", "check C.wmb_robot.leading_physics",
                       "maximum 4.98", "#v3.worldmodelbench_robot/Kairos/physics_adherence",
                       "row: own"):  # fmt: skip
            assert wanted in ended.out, wanted


def test_a_printed_cell_names_the_checks_that_read_it(command, directory) -> None:
    ended = command("show", "v3.robotwin2/Being-H0.7/success_average", directory)
    assert "printed 89.8" in ended.out and "Table 12" in ended.out
    assert "contradicted: A.robotwin.average.Being-H0.7" in ended.out
    assert "measured again: untested" in ended.out


def test_a_number_shows_where_it_is_printed_and_a_place_what_stands_there(
    command, directory
) -> None:
    printed = command("show", "89.8", directory).out.splitlines()
    assert "Table 12, kairos-paper-v3: Being-H0.7 success_average 89.8" in printed
    assert any("1 contradicted" in line and "#v3.robotwin2/" in line for line in printed)
    said = command("show", "6.2.4", directory).out
    assert "#C0" in said
    assert command("show", "6.2.", directory).code == command("show", "89.81", directory).code == 2


def test_a_run_without_an_audit_does_not_hide_what_an_audit_finds(command, tmp_path) -> None:
    (tmp_path / "run.toml").write_text(
        'name = "own"\n[[tasks]]\nsuite = "robotwin"\nmodel = "m"\nexample = true\n'
    )
    names = ("C004", "89.8", "v3.robotwin2/Being-H0.7/success_average")
    audited = [command("show", name).out for name in names]
    assert "doubtful" in audited[0] and "contradicted" in audited[1]
    assert command("run", "run.toml", "--quiet", "--out", "runs/own").code == 0
    for name, then in zip(names, audited, strict=True):
        assert command("show", name).out.startswith(then)


def test_a_sample_is_shown_with_its_replies_and_scores(command, directory) -> None:
    name = session.store.load_plan(directory).tasks[0].items[0].sample.id
    ended = command("show", name, directory)
    assert ended.code == 0 and "official: " in ended.out and "strict: " in ended.out


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (["show", "C0044"], 2, "'C004'"),
        (["show", "C004", "runs/main-2"], 4, "did you mean 'main-1'"),
        (["open", "runs/mian-1"], 4, "did you mean 'main-1'"),
        (["report", "runs/mian-1"], 4, "did you mean 'main-1'"),
        (["list", "claims", "--verdict", "contradictd"], 2, "did you mean 'contradicted'"),
        (["list", "tables", "--verdict", "fail"], 2, "list claims"),
    ],
)
def test_near_names_are_offered(
    command, directory, monkeypatch, arguments: list[str], code: int, advice: str
) -> None:
    monkeypatch.chdir(directory.parents[1])
    ended = command(*arguments)
    assert (ended.code, advice in ended.err) == (code, True), ended.err


def test_claims_are_listed_by_verdict(command, directory) -> None:
    listed = command("list", "claims", directory, "--verdict", "contradicted").out.splitlines()
    assert listed and all(line.startswith("contradicted") for line in listed)
    assert {line.split("\t")[1] for line in listed} >= {"C008", "A.robotwin.average.Being-H0.7"}
    assert listed == command("list", "claims", "--verdict", "contradicted").out.splitlines()


def test_the_page_is_named_and_a_run_without_one_says_how_to_make_it(
    command, directory, monkeypatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    assert command("open", directory).out.strip().endswith("report/report.html")
    (directory / "report" / "report.html").rename(directory / "kept.html")
    ended = command("open", directory)
    (directory / "kept.html").rename(directory / "report" / "report.html")
    assert ended.code == 4 and "kairos-eval report" in ended.err


def test_several_runs_stand_on_one_page(command, directory, tmp_path: Path) -> None:
    ended = command("report", directory, directory, "--to", tmp_path / "page")
    page = (tmp_path / "page" / "models.html").read_text()
    assert ended.code == 0 and "models " in ended.out
    assert "2 runs beside each other" in page and "main-1/report/report.html" in page
    assert "made-up examples are left out" in page


def test_a_summary_answers_first_and_fits_eighty_columns(command, directory, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    ended = command("run", "--no-experiments", "--out", directory)
    first, *lines = ended.out.splitlines()
    assert first.startswith("None of the ")
    assert any("contradicted" in line for line in lines[:4])
    assert lines[-1].startswith("report: ")
    assert max(map(len, [first, *lines[:-1]])) <= 80


def test_help_groups_every_verb_and_completion_is_offered(command) -> None:
    from typer.main import get_command

    from harness.cli.main import GROUPS, app

    verbs = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(" ".join(GROUPS.values()).split()) == verbs
    shown = command("--help").out
    assert all(f"{title}:" in shown for title in GROUPS) and "--install-completion" in shown


def test_every_word_of_a_verdict_is_explained(command) -> None:
    from harness.outcomes import CHANGES, Outcome, Standing

    listed = command("list", "words").out.splitlines()
    said = {word.strip() for line in listed for word in line.split("\t")[0].split(",")}
    assert {str(one) for one in (*Standing, *Outcome) if one not in CHANGES} <= said
    assert all(len(line.split("\t")) == 3 for line in listed)
