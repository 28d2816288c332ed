"""VideoPhy's samples: captions, naming, human labels, completeness."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ConfigError, DataError, PreconditionError
from harness.protocols import Answer
from harness.records import Judge, Missing, Task
from suites.videophy.data import TEST_FILE, load_captions2, load_test_set
from suites.videophy.naming import judge_csv, match_names
from suites.videophy.suite import VIDEOPHY, VIDEOPHY2, human_tasks

CAPTIONS = ["A ball, red, rolls.", "Water flows.", "A cup falls."]


def test_the_public_test_set_is_checked_and_complete(shared: Path) -> None:
    found = load_test_set(shared / "videophy" / "mirror" / TEST_FILE)
    assert len(found.captions) == 344
    assert len(found.rows) == 3360
    assert found.notes == ()
    prompts = (shared / "videophy" / "mirror" / "videophy_test_prompts.txt").read_text()
    assert list(found.captions) == prompts.splitlines()
    assert len(load_captions2(shared / "videophy" / "mirror" / "videophy2_prompts.csv")) == 591


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("video_url,caption", "url,caption", "columns missing: video_url"),
        (",solid_fluid,lavie,1,1,1", ",solid_fluid,lavie,1,1,2", "majority_pc is '2'"),
        (",solid_fluid,lavie,1,1,1", ",fluid_fluid,lavie,1,1,1", "two states of matter"),
        (",solid_fluid,lavie,1,1,1", ",solid_fluid,lavie,1,1,", "missing or surplus fields"),
    ],
)
def test_a_damaged_test_set_is_refused(
    shared: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (shared / "videophy" / "mirror" / TEST_FILE).read_text(encoding="utf-8")
    path = tmp_path / TEST_FILE
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_test_set(path)


def test_a_shortened_test_set_is_incomplete(shared: Path, tmp_path: Path) -> None:
    lines = (shared / "videophy" / "mirror" / TEST_FILE).read_text(encoding="utf-8").splitlines()
    path = tmp_path / TEST_FILE
    path.write_text("\n".join(lines[:200]), encoding="utf-8")
    with pytest.raises(DataError, match=r"expected: +344 captions"):
        load_test_set(path)


@pytest.mark.parametrize(
    "names",
    [
        ["0.mp4", "1.mp4", "2.mp4"],
        ["000.mp4", "001.mp4", "002.mp4"],
        ["A_ball,_red,_rolls..mp4", "Water_flows..mp4", "A_cup_falls..mp4"],
        ["A_ball,_red,_rolls_1.mp4", "Water_flows._12.mp4", "A_cup_falls.mp4"],
    ],
)
def test_all_ways_of_naming_are_understood(names: list[str]) -> None:
    assert match_names(CAPTIONS, [*names, "notes.txt", "99.mp4"]) == dict(enumerate(names))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Water_flows_1.mp4", "Water_flows_2.mp4"], "several videos"),
        (["1.mp4", "001.mp4"], "several videos"),
        (["1.mp4", "Water_flows.mp4"], "some videos by number"),
    ],
)
def test_ambiguous_names_are_an_error(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        match_names(CAPTIONS, names)


def test_the_judges_input_keeps_the_caption_unchanged(tmp_path: Path) -> None:
    text = judge_csv(Path("v"), {0: "0.mp4"}, CAPTIONS)
    assert text == 'videopath,caption\nv/0.mp4,"A ball, red, rolls."\n'


def test_human_labels_are_the_videos_a_generator_has(shared: Path) -> None:
    tasks = human_tasks(shared / "videophy" / "mirror" / TEST_FILE)
    assert len(tasks) == 10
    sizes = {task.model: len(VIDEOPHY.load(task, None).items) for task in tasks}
    assert sizes["pika"] == 304
    assert sum(sizes.values()) == 3360


def test_unknown_generators_are_named(shared: Path) -> None:
    path = str(shared / "videophy" / "mirror" / TEST_FILE)
    task = Task(suite="videophy", model="Pika", results=(path,), judge=Judge(kind="human"))
    with pytest.raises(DataError, match="'pika'"):
        VIDEOPHY.load(task, None)


def results(folder: Path, videos: int) -> tuple[str, str]:
    for name in ("sa", "pc"):
        rows = "".join(f'v/{i:03}.mp4,"{name}",0.{i % 10}\r\n' for i in range(videos))
        (folder / f"{name}.csv").write_text(rows, newline="")
    return str(folder / "sa.csv"), str(folder / "pc.csv")


def test_missing_videos_stay_planned(shared: Path, tmp_path: Path) -> None:
    task = Task(suite="videophy", model="m", results=results(tmp_path, 341))
    load = VIDEOPHY.load(task, shared)
    assert len(load.items) == 344
    absent = [item.sample.id for item in load.items if item.missing is Missing.INPUT]
    assert absent == ["341", "342", "343"]


def test_without_the_captions_completeness_is_unknown_and_said(tmp_path: Path) -> None:
    load = VIDEOPHY.load(Task(suite="videophy", model="m", results=results(tmp_path, 5)), None)
    assert len(load.items) == 5
    assert any("completeness cannot be checked" in note for note in load.notes)


def test_a_folder_of_videos_needs_the_prompts_of_the_checkout(shared: Path, tmp_path: Path) -> None:
    task = Task(suite="videophy", model="m", videos=str(tmp_path))
    with pytest.raises(PreconditionError, match=r"constants\.py"):
        VIDEOPHY.load(task, shared)
    with pytest.raises(PreconditionError, match="15bf81d7f188"):
        VIDEOPHY.load(task, tmp_path)


def test_a_folder_of_videos_is_matched_and_asked(shared: Path, tmp_path: Path) -> None:
    assets = tmp_path / "assets" / "videophy"
    (assets / "utils").mkdir(parents=True)
    (assets / "utils" / "constants.py").write_text(
        'PROMPT_VTA = "does it show {caption}?"\nPROMPT_PHYSICS = "is it {physical}?"\n'
    )
    (assets / TEST_FILE).write_bytes((shared / "videophy" / "mirror" / TEST_FILE).read_bytes())
    videos = tmp_path / "videos"
    videos.mkdir()
    for index in range(344):
        if index not in (7, 200, 301):
            (videos / f"{index}.mp4").write_bytes(b"x")
    load = VIDEOPHY.load(Task(suite="videophy", model="m", videos=str(videos)), tmp_path / "assets")
    missing = [item.sample.id for item in load.items if item.missing]
    assert missing == ["007", "200", "301"]
    first = load.items[0]
    assert first.artifact is not None
    assert first.questions[0].prompt == f"does it show {first.sample.inputs['caption']}?"
    assert first.questions[1].prompt == "is it {physical}?"
    assert any("3 of 344 videos are absent" in note for note in load.notes)


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_pairs(tmp_path: Path, count: int) -> None:
    paths = (results(tmp_path, 2) * 2)[:count]
    with pytest.raises(ConfigError, match="SA file, then the PC file"):
        VIDEOPHY.load(Task(suite="videophy", model="m", results=paths), None)


def test_scores_become_values_and_reasons() -> None:
    item = VIDEOPHY.load(Task(suite="videophy", model="m", example=True), None).items[0]
    task = Task(suite="videophy", model="m")

    def values(sa: str | None, pc: str, scorer: str) -> dict[str, object]:
        answers = {
            "sa": Answer(raw=sa, missing=None if sa else Missing.JUDGE),
            "pc": Answer(raw=pc),
        }
        return {v.metric: v.value if v.missing is None else v.missing
                for v in VIDEOPHY.score(item, answers, scorer, task)}  # fmt: skip

    assert values("0.5", "0.25", "official") == {"sa": 0.5, "pc": 0.25, "joint": 0.0}
    assert values("0.5", "0.75", "binary") == {"sa": 1.0, "pc": 1.0, "joint": 1.0}
    assert values("nan", "0.75", "official")["sa"] is Missing.NONFINITE
    assert values("1.5", "0.75", "official")["sa"] == 1.5
    assert values("1.5", "0.75", "strict")["sa"] is Missing.RANGE
    assert values(None, "0.75", "official")["joint"] is Missing.JUDGE


def test_videophy_2_reads_its_own_output_files(shared: Path) -> None:
    folder = shared / "videophy" / "official" / "VIDEOPHY2" / "examples"
    task = Task(
        suite="videophy2", model="m",
        results=(str(folder / "output_sa.csv"), str(folder / "output_pc.csv")),
    )  # fmt: skip
    load = VIDEOPHY2.load(task, None)
    assert len(load.items) == 10
    answers = (load.answers or {})[load.items[0].key]
    values = {v.metric: v.value for v in VIDEOPHY2.score(load.items[0], answers, "strict", task)}
    assert values["sa"] == 5.0
