"""Planted clips: each fault moves its own curve, and no clean clip is accused."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from harness.contrasts import estimate
from harness.outcomes import Outcome
from harness.verdicts.contrasts import word
from suites.clips import planted
from suites.clips.contrasts import Key, Reading, drift_contrast, pair_logs, ratio_contrast
from suites.clips.film import Film, Meter
from suites.clips.horizon import MARGINAL
from suites.clips.perceptual import Pooled
from suites.clips.settings import MARGINS
from suites.clips.stability import drift_of

pytest.importorskip("cv2", reason="the video extra is not installed")

SIZE = (96, 160)
PROMPTS = 3


@cache
def filmed(kind: str, prompt: int, seed: int, seconds: float, *, whole: bool = False) -> Film:
    meter = Meter(SIZE[0], "dis-medium", 2)
    shown = planted.frames(kind, prompt, seed, SIZE, seconds, whole=whole)
    return meter.fed((n / planted.FPS, frame) for n, frame in enumerate(shown)).film()


def drifts(kind: str, curve: str) -> tuple[Outcome, float]:
    """The word on a curve beyond what the clean clips do, and by how much it drifts."""
    logs = {
        str(prompt): (
            float(drift_of(filmed(kind, prompt, 0, 7.0), curve).end_start)
            - float(drift_of(filmed("clean", prompt, 0, 7.0), curve).end_start),
        )
        for prompt in range(PROMPTS)
    }
    asked = drift_contrast(logs, MARGINS[curve])
    found = estimate(asked)
    return word(asked, found), found.value or 0.0


OWN = {
    "colour": ("colour_over_contrast", Outcome.DRIFTS_UP),
    "contrast": ("contrast", Outcome.DRIFTS_DOWN),
    "blur": ("sharpness_normalised", Outcome.DRIFTS_DOWN),
    "freeze": ("speed", Outcome.DRIFTS_DOWN),
    "exposure": ("luma_mean", Outcome.DRIFTS_DOWN),
    "grain": ("", Outcome.STEADY),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OWN)
def test_each_fault_moves_its_own_curve_alone(kind: str) -> None:
    own, said = OWN[kind]
    found = {curve: drifts(kind, curve) for curve in MARGINAL}
    if own:
        assert found.pop(own)[0] is said
    assert {outcome for outcome, _ in found.values()} <= {Outcome.STEADY, Outcome.OPEN_MARGIN}
    assert all(abs(size) < MARGINS[curve] for curve, (_, size) in found.items())


def motion_ratio(kind: str) -> float:
    sides = [
        {
            Key(str(prompt)): Reading(one.values.get("speed"), one.floor or 0.0)
            for prompt in range(PROMPTS)
            for one in [filmed(side, prompt, 0, 3.0, whole=True)]
        }
        for side in (kind, "clean")
    ]
    found = estimate(ratio_contrast("motion", pair_logs(*sides)))
    return found.value or math.nan


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("half_speed", 0.45, 0.55),
        ("colour", 0.95, 1.05),
        ("contrast", 0.95, 1.05),
        ("blur", 0.9, 1.15),
        ("grain", 0.97, 1.03),
    ],
)
def test_the_motion_ratio_is_that_of_motion(kind: str, least: float, most: float) -> None:
    assert least <= motion_ratio(kind) <= most


def test_homogenised_seeds_are_less_diverse_and_other_grain_is_not() -> None:
    distance = Pooled()

    def diversity(kind: str, prompt: int) -> float:
        cells = [
            distance.embed(next(planted.frames(kind, prompt, seed, SIZE, 0.1))) for seed in (0, 1)
        ]
        return distance.between(*cells)

    ratios = {
        kind: np.mean([diversity(kind, p) / diversity("clean", p) for p in range(PROMPTS)])
        for kind in ("homogenised", "grain")
    }
    assert ratios["homogenised"] < 0.5
    assert ratios["grain"] == pytest.approx(1.0, abs=0.01)


def test_the_command_plants_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="the video extra is not installed")
    sizes = ["--prompts", "1", "--seeds", "1", "--seconds", "0.2", "--height", "64"]
    monkeypatch.setattr("sys.argv", ["planted", str(tmp_path / "c"), "clean", *sizes])
    planted.main()
    assert [path.name for path in (tmp_path / "c/clean").iterdir()] == ["prompt 0__0.mp4"]
