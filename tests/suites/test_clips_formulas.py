"""Formulas on frames and flows: shared cases, exact examples, properties."""

import copy
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d

from harness.conform import Tolerance, load_cases, run_cases
from harness.run.conformance import runner_of
from suites.clips.conform import RULES
from suites.clips.contrasts import Key, Reading, pair_logs, ratio_contrast
from suites.clips.measures import appearance, diversity, drift, motion, temporal, timing
from suites.clips.measures.absent import Absent
from suites.clips.measures.distance import at_rest, layout, look, rms

GOLDEN = Path(__file__).parents[3] / "shared/data/video_metrics/golden.json"
needs_cases = pytest.mark.skipif(not GOLDEN.is_file(), reason="the shared cases are not here")


def shared_cases() -> list[dict]:
    _, cases = load_cases(GOLDEN, "video-metrics-golden/1")
    return [case for case in cases if case["kind"] in RULES]


@needs_cases
def test_every_shared_case_agrees():
    found = runner_of("video_metrics")(GOLDEN, None)
    assert found.mismatches == ()
    assert found.run + len(found.not_run) == 173
    without = {one.case for one in found.not_run}
    assert not without or find_spec("cv2") is None


def altered(value: object) -> object:
    """The same expectation with its first number, word or flag changed."""
    if isinstance(value, dict):
        name = next(iter(value))
        return {**value, name: altered(value[name])}
    if isinstance(value, list):
        return [altered(value[0]), *value[1:]] if value else [0]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else "another"


@needs_cases
def test_every_planted_wrong_expectation_is_named():
    cases = copy.deepcopy(shared_cases())
    for case in cases:
        case["expected"] = altered(case["expected"])
    found = run_cases(cases, RULES, lambda case: Tolerance(1e-3, 1e-3))
    skipped = {one.case for one in found.not_run}
    assert {one.case for one in found.mismatches} | skipped == {case["id"] for case in cases}


def texture(seed: int, height: int = 40, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_noise_gain_is_the_energy_of_smoothing_and_laplacian():
    x = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    kernel = np.outer(x, x) / x.sum() ** 2
    laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    assert np.square(convolve2d(kernel, laplacian)).sum() == pytest.approx(appearance.NOISE_GAIN)


def test_contrast_moves_colour_and_contrast_alike_and_saturation_moves_colour_alone():
    frame = texture(0).astype(float) * 0.5 + 60
    y = appearance.luma(frame)[..., None]
    looks = [
        appearance.appearance(np.round(one).astype(np.uint8))
        for one in (frame, (frame - 128) * 0.6 + 128, y + (frame - y) * 0.6)
    ]
    assert looks[1].contrast / looks[0].contrast == pytest.approx(0.6, abs=0.01)
    assert looks[1].colour_over_contrast == pytest.approx(looks[0].colour_over_contrast, rel=0.02)
    assert looks[2].contrast == pytest.approx(looks[0].contrast, rel=0.02)
    assert looks[2].colour_over_contrast / looks[0].colour_over_contrast < 0.65


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_the_analysis_size_keeps_shape_and_orientation(height, width):
    size = timing.analysis_size(height, width)
    assert min(size[:2]) == 256
    assert (size.height <= size.width) == (height <= width)
    assert max(size[:2]) == pytest.approx(256 * max(height, width) / min(height, width), abs=0.5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_speed_does_not_depend_on_resolution(seed, factor):
    flow = np.random.default_rng(seed).normal(0, 3, (6, 8, 2))
    large = np.kron(flow, np.ones((factor, factor, 1))) * factor
    one, other = motion.pair_motion(flow, 8), motion.pair_motion(large, 8)
    assert other.mean == pytest.approx(one.mean)


def test_a_warp_along_the_true_flow_leaves_nothing_where_it_is_seen():
    frame = texture(1)
    moved = np.roll(frame, 3, axis=1)
    flow = np.zeros((*frame.shape[:2], 2)) + np.array([3.0, 0.0])
    found = temporal.warp(frame, moved, flow, -flow)
    assert found.error == 0.0
    assert found.occluded_share == pytest.approx(3 / frame.shape[1])
    still = temporal.warp(frame, moved, 0 * flow, 0 * flow)
    assert still.error > 0.05


@given(st.integers(0, 2**32 - 1))
def test_bilinear_sampling_at_whole_places_is_indexing(seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(5, 7, 2))
    x, y = rng.integers(0, 7, (4, 4)), rng.integers(0, 5, (4, 4))
    found = temporal.bilinear(image, x.astype(float), y.astype(float))
    assert np.array_equal(found, image[y, x])


def test_identical_seeds_have_no_diversity_and_their_order_does_not_matter():
    rng = np.random.default_rng(3)
    features = [rng.normal(size=(8, 5)) for _ in range(3)]
    assert diversity.feature_diversity([features[0]] * 2) == pytest.approx(0.0)
    assert diversity.feature_diversity(features) == pytest.approx(
        diversity.feature_diversity(features[::-1])
    )


def test_an_exponential_curve_has_its_rate_as_slope():
    curve = [math.exp(0.05 * second) for second in range(10)]
    found = drift.drift(curve)
    assert found.slope == pytest.approx(0.05)
    assert found.end_start == pytest.approx(0.35)
    assert drift.drift(curve[:5]) == (Absent.TOO_SHORT, Absent.TOO_SHORT)
    assert drift.drift([None] * 3 + curve).end_start is Absent.TOO_FEW_FRAMES


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.floats(0.2, 5))
def test_a_scaled_student_has_the_scale_as_its_ratio(values, scale):
    teacher = {Key(str(n)): Reading(value, 0.001) for n, value in enumerate(values)}
    student = {key: Reading(one.value * scale, 0.001) for key, one in teacher.items()}
    logs = pair_logs(student, teacher).logs
    assert all(math.exp(value) == pytest.approx(scale) for (value,) in logs.values())


def test_a_frozen_student_is_held_at_the_floor_and_never_left_out():
    teacher = {Key("a"): Reading(0.04, 0.01), Key("b"): Reading(None, 0.01)}
    student = {Key("a"): Reading(None, 0.01), Key("b"): Reading(0.001, 0.01)}
    found = pair_logs(student, teacher)
    assert found.logs == {"a": (math.log(0.25),)}
    assert found.missing == {"both_below_floor": 1}
    assert ratio_contrast("motion", found).censored == ("a",)


def test_published_ends_are_unsigned_and_in_the_unit_of_the_metric():
    values = [*[1.0] * 3, *[9.0] * 14, *[4.0] * 3]
    assert drift.start_end(values) == drift.start_end(values[::-1]) == 3.0
    assert drift.start_end([10 * one for one in values]) == 30.0
    assert drift.start_end([1.0] * 3) is Absent.TOO_FEW_FRAMES
    curve = [1.0, None, 1.0, 1.0, 1.0, 7.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    assert drift.first_last(curve) == 2.0
    assert drift.first_last(curve[:9]) is Absent.TOO_SHORT


def test_the_cycle_error_is_upstreams():
    """Against a loop over pixels with the roundings and the margin of upstream."""
    rng = np.random.default_rng(3)
    forward, backward = rng.normal(0, 3, (2, 44, 52, 2))
    errors = []
    for y in range(14):
        for x in range(22):
            u, v = forward[y + 15, x + 15]
            row = min(max(round(y + v), 0), 13)
            place = min(max(round(x + u), 0), 21)
            back = backward[row + 15, place + 15]
            errors.append(math.hypot(u + back[0], v + back[1]))
    assert temporal.cycle_error(forward, backward) == pytest.approx(np.mean(errors))
    assert temporal.cycle_error(forward[:30], backward[:30]) is Absent.TOO_SMALL
    flow = np.tile([3.0, -2.0], (50, 50, 1))
    assert temporal.cycle_error(flow, -flow) == 0


@given(st.integers(0, 2**31))
def test_look_and_layout_are_the_whole(seed: int):
    a, b = np.random.default_rng(seed).random((2, 3, 4, 5))
    whole = rms(a, b) ** 2
    parts = [rms(part([a])[0], part([b])[0]) ** 2 for part in (look, layout)]
    assert sum(parts) == pytest.approx(whole)


def test_places_where_most_pixels_move_are_left_out():
    layer, moves = np.arange(8.0).reshape(2, 2, 2), np.zeros((4, 6), bool)
    moves[:2, :3] = moves[0, 3] = True
    assert np.array_equal(at_rest([layer], moves)[0], layer.reshape(2, 1, 4)[..., 1:])
    assert at_rest([layer], np.ones((4, 6), bool)) is None


def test_random_splits_approach_all_of_them(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(4)
    x, y = rng.normal(0.4, 1, (6, 3)), rng.normal(0, 1, (6, 3))
    exact = diversity.discrepancy(x, y, fewest=2)
    monkeypatch.setattr(diversity, "MOST_SPLITS", 1)
    assert diversity.discrepancy(x, y, fewest=2).p is None
    drawn = diversity.discrepancy(x, y, fewest=2, draws=2000)
    assert drawn.mmd2 == exact.mmd2
    assert drawn.p == pytest.approx(exact.p, abs=0.03)
