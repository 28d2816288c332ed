"""The three suites: from films to values, questions and words; folders in, a verdict out."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from made_films import film, folder, keys, plan_of, slowed, words

from harness.contrasts import estimate, sign_flip
from harness.engine import values_of
from harness.errors import ConfigError, DataError
from harness.outcomes import Level, Outcome
from harness.records import Missing, Task
from harness.store import load_rows
from harness.verdicts.contrasts import decide, word
from suites.clips import distillation, forecast, horizon, planted, quality, sides
from suites.clips.contrasts import Key, drift_contrast
from suites.clips.film import CURVES, FIRST, METRICS
from suites.clips.folders import Clip, Folder, read_folder
from suites.clips.seeds import Seeds
from suites.clips.settings import settings_of


def test_every_metric_of_every_suite_has_a_value_or_a_reason() -> None:
    rng = np.random.default_rng(0)
    short = msgspec.structs.replace(
        film(rng),
        frames=32,
        curves=dict.fromkeys((*CURVES, FIRST), (1.0, 1.0)),
        values={"luma_mean": 3.0},
        absent=dict.fromkeys(METRICS[1:], "one_frame"),
    )
    for suite in (quality.SUITE, horizon.SUITE):
        plan, answers = plan_of(suite.info.name, {sides.STUDENT: {Key("p", "", "0"): short}})
        (item,) = plan.items
        found = values_of(plan, suite, item, answers[item.key], "pure")
        assert {one.metric for one in found} == set(suite.info.metrics)
        assert all((one.value is None) == (one.missing is Missing.UNDEFINED) for one in found)
        assert {one.metric: one.value for one in found}.get("seconds", 2.0) == 2.0
    reasons = {"", "too_short", "too_few_frames", "lag_too_long"}
    assert {one.detail for one in found} == reasons


def test_half_the_motion_is_diminished_and_blur_is_named_beside_speed() -> None:
    rng = np.random.default_rng(3)
    teacher = {key: film(rng) for key in keys(5, 2)}

    def blurred(name: str, values: np.ndarray) -> np.ndarray:
        return values * 0.4 if name == "sharpness_normalised" else slowed(name, values)

    student = {key: film(rng, change=blurred) for key in teacher}
    plan = plan_of("distillation", {sides.STUDENT: student, sides.REFERENCE: teacher})
    motion, diversity = distillation.SUITE.contrasts(*plan)
    measured = estimate(motion)
    assert word(motion, measured) is Outcome.DIMINISHED
    assert measured.value == pytest.approx(0.5, abs=0.03)
    assert any("sharpness drifts" in note for note in motion.notes)
    assert any("control arm" in note for note in motion.notes)
    assert decide(diversity, plan[0], 0).reasons[0] == "one_seed"


def test_a_teacher_that_differs_from_itself_decides_nothing() -> None:
    rng = np.random.default_rng(4)
    change = {"0": None, "1": slowed}
    teacher = {key: film(rng, change=change[key.seed]) for key in keys(6, 2)}
    student = {key: film(rng, change=slowed) for key in teacher}
    plan = plan_of("distillation", {sides.STUDENT: student, sides.REFERENCE: teacher})
    motion = distillation.SUITE.contrasts(*plan)[0]
    assert word(motion, estimate(motion)) is Outcome.OPEN_MARGIN
    assert "control arm" in motion.doubt


def test_a_frozen_student_is_censored_by_name_and_never_preserved() -> None:
    rng = np.random.default_rng(5)
    teacher = {key: film(rng) for key in keys(4, 1)}
    student = dict(teacher)
    frozen = Key("p0", "", "0")
    values = {n: v for n, v in student[frozen].values.items() if n != "speed"}
    absent = {"speed": "below_noise_floor"}
    student[frozen] = msgspec.structs.replace(student[frozen], values=values, absent=absent)
    plan = plan_of("distillation", {sides.STUDENT: student, sides.REFERENCE: teacher})
    motion = distillation.SUITE.contrasts(*plan)[0]
    assert motion.censored == ("p0 / 0",)
    assert word(motion, estimate(motion)) is not Outcome.PRESERVED
    assert estimate(motion).n == 4


@pytest.mark.parametrize(
    ("field", "change", "stated"),
    [
        ("size", {"width": 320}, {}),
        ("frames", {"frames": 90}, {}),
        ("rate", {"fps": 24.0}, {}),
        ("shift", {}, {"shift": "5.0"}),
    ],
)
def test_another_protocol_is_incomparable_and_says_which_field(
    field: str, change: dict[str, object], stated: dict[str, str]
) -> None:
    rng = np.random.default_rng(6)
    teacher = {key: film(rng) for key in keys(3, 1)}
    student = {key: msgspec.structs.replace(one, **change) for key, one in teacher.items()}
    films = {sides.STUDENT: student, sides.REFERENCE: teacher}
    plan = plan_of("distillation", films, stated={sides.STUDENT: stated})
    verdicts = [decide(one, plan[0], 0) for one in distillation.SUITE.contrasts(*plan)]
    assert {one.outcome for one in verdicts} == {Outcome.INCOMPARABLE}
    assert verdicts[0].reasons[0].startswith(f"protocol_mismatch: {field}, ")


@pytest.mark.parametrize(
    ("distance", "look", "said"),
    [
        (0.3, 1.0, Outcome.HOMOGENISED),
        (0.7, 0.6, Outcome.OPEN_MARGIN),  # a washed out student
        (0.7, 0.0, Outcome.OPEN_MARGIN),  # one without any colour
        (1.0, 1.4, Outcome.OPEN_MARGIN),  # saturation may hide what was lost
        (1.0, 1.0, Outcome.PRESERVED),
        (1.6, 1.0, Outcome.DIVERSIFIED),
    ],
)
def test_diversity_is_told_apart_from_a_change_of_colour(
    distance: float, look: float, said: Outcome
) -> None:
    rng = np.random.default_rng(7)

    def change(name: str, values: np.ndarray) -> np.ndarray:
        return values * look if name in ("contrast", "colourfulness") else values

    films = {
        sides.REFERENCE: {key: film(rng, 0.005) for key in keys(5, 2)},
        sides.STUDENT: {key: film(rng, 0.005, change) for key in keys(5, 2)},
    }
    base = {Key(f"p{p}"): 0.1 * np.exp(rng.normal(0, 0.3)) for p in range(5)}
    diverse = {
        side: {
            key: Seeds(seeds=2, frames=16, value=float(value * share * np.exp(rng.normal(0, 0.01))))
            for key, value in base.items()
        }
        for side, share in ((sides.REFERENCE, 1.0), (sides.STUDENT, distance))
    }
    asked = distillation.SUITE.contrasts(*plan_of("distillation", films, diverse))
    assert words(asked)["diversity_ratio"] is said


@pytest.mark.parametrize("prompts", [2, 5])
def test_at_most_one_pair_of_clean_folders_in_twenty_is_accused(prompts: int) -> None:
    rng, accused, pairs = np.random.default_rng(8), 0, 200
    for _ in range(pairs):
        logs = {f"p{p}": tuple(rng.normal(0, 0.15, 2)) for p in range(prompts)}
        accused += any(
            word(one, estimate(one)).level is Level.BAD
            for one in (drift_contrast(logs, 0.1), drift_contrast(logs, 0.25))
        )
    assert accused <= 0.05 * pairs


@pytest.mark.parametrize("prompts", [2, 5, 20])
def test_the_interval_covers_the_mean_over_prompts(prompts: int) -> None:
    rng, covered, draws, mean = np.random.default_rng(9), 0, 400, 0.07
    for _ in range(draws):
        units = mean + rng.normal(0, 0.2, prompts)
        logs = {f"p{n}": tuple(unit + rng.normal(0, 0.1, 3)) for n, unit in enumerate(units)}
        found = estimate(drift_contrast(logs, 0.1))
        covered += found.lo <= mean <= found.hi  # type: ignore[operator]
    assert covered / draws == pytest.approx(0.95, abs=0.03)


def test_the_p_value_is_the_share_of_all_sign_flips() -> None:
    values = {"a": (0.1, 0.3), "b": (0.4,), "c": (-0.1,), "d": (0.2,)}
    contrast = drift_contrast(values, 0.1)
    means = np.array([0.2, 0.4, -0.1, 0.2])
    signs = np.array(np.meshgrid(*[(-1, 1)] * 4)).reshape(4, -1)
    expected = np.mean(np.abs(means @ signs) >= abs(means.sum()) - 1e-12)
    assert sign_flip(contrast) == pytest.approx(expected)


def test_planned_pairs_are_those_used_and_those_missing() -> None:
    contrast = drift_contrast({"a": (0.1, 0.2), "b": (0.0,)}, 0.1, missing={"too_short": 3})
    found = estimate(contrast)
    assert found.planned == found.n + sum(found.missing.values()) == 6


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"suite": "video_quality", "reference": "r"}, "reference = 'r'"),
        ({"suite": "distillation"}, "reference = None"),
        ({"suite": "long_horizon", "videos": None}, "clips are measured from"),
    ],
)
def test_a_task_without_the_right_folders_is_one_message(task: dict, said: str) -> None:
    asked = Task(**{"model": "m", "videos": "v", **task})
    suite = {"video_quality": quality, "distillation": distillation, "long_horizon": horizon}
    with pytest.raises(ConfigError, match=said):
        suite[asked.suite].SUITE.load(asked, None)


@pytest.mark.parametrize(
    "protocol",
    [{"margin_sped": 0.1}, {"rate": 0.0}, {"ratio_lo": 1.2}, {"start": "now"}, {"step": -1}],
)
def test_a_wrong_protocol_is_one_message(protocol: dict) -> None:
    with pytest.raises(ConfigError):
        settings_of(Task(suite="long_horizon", model="m", protocol=protocol))


def test_folders_that_share_nothing_are_refused_and_single_ones_counted() -> None:
    with pytest.raises(DataError, match="share no prompt and seed"):
        sides.check_pairs(folder(2, 1), Folder((Clip("x", Key("x"), None, {}),), (), False))
    with pytest.raises(DataError, match="no video in the folder of the reference"):
        sides.check_pairs(folder(2, 1), folder(0, 1))
    assert sides.check_pairs(folder(2, 2), folder(2, 1)) == [
        "without a partner, student: 2: p0 / 1, p1 / 1"
    ]


def test_power_grows_with_prompts_and_one_decides_nothing() -> None:
    assert forecast.power(1, 2, (0.9, 1.1)) == "power: one prompt decides nothing"
    shares = [float(forecast.power(n, 2, (0.9, 1.1)).split("probability ")[1][:4]) for n in (5, 50)]
    assert shares[0] < shares[1]


def test_planted_clips_are_the_same_again_and_differ_by_seed() -> None:
    size = (32, 48)
    first, again, other = (
        np.stack(list(planted.frames("clean", 0, seed, size, 0.25))) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    spread = [
        np.abs(np.subtract(*(planted.scene(0, s, size, share).background for s in (0, 1)))).mean()
        for share in (0.0, 0.85)
    ]
    assert spread[1] == pytest.approx(0.15 * spread[0], rel=1e-6)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    pytest.importorskip("av", reason="the video extra is not installed")
    pytest.importorskip("cv2", reason="the video extra is not installed")
    planted.plant(
        tmp_path / "clips",
        ("clean", "half_speed"),
        prompts=2,
        seeds=2,
        size=(64, 96),
        seconds=3.5,
    )
    return tmp_path


RUN = """
name = "two folders"
[[tasks]]
suite = "distillation"
model = "student"
videos = "clips/half_speed"
reference = "clips/clean"
protocol = { analysis_short_side = 64, start = 0.5, flow = "dis-fast" }
"""


def test_two_folders_in_a_verdict_with_curves_out(clips: Path) -> None:
    from harness.config import load_spec
    from harness.run.session import Options, complete, execute

    (clips / "clips/half_speed/broken__0.mp4").write_bytes(b"no video")
    (clips / "run.toml").write_text(RUN)
    options = Options(out=clips / "out", workers=1)
    done = complete(load_spec(clips / "run.toml"), options)
    verdicts = {one.claim: one for one in done.results.verdicts}
    motion = verdicts["distillation/student/motion_ratio"]
    assert motion.measured and motion.measured.value and motion.measured.value < 0.8
    assert motion.measured.missing == {Missing.DECODE: 1}
    diversity = verdicts["distillation/student/diversity_ratio"].measured
    assert diversity and diversity.value == pytest.approx(1, abs=0.05)
    page = done.report.read_text(encoding="utf-8")
    assert "curves over time" in page and "data:image/jpeg;base64," in page
    counts = done.results.counts
    assert counts["planned"] == counts["scored"] + counts[Missing.DECODE] == 13
    before = len(load_rows(clips / "out"))
    execute(load_spec(clips / "run.toml"), options)  # resumes: only the new attempt is added
    assert len(load_rows(clips / "out")) == before + 1
    assert json.loads((clips / "out/results.json").read_text())["verdicts"][0]["kind"]
    assert read_folder(clips / "clips/clean").prompts == ["prompt 0", "prompt 1"]
