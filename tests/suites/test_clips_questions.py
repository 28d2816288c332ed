"""What clips are asked over time, and which statements a task is declared to answer."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from made_films import SECONDS, Change, film, keys, plan_of, slowed, words

from harness.contrasts import estimate
from harness.errors import ConfigError
from harness.outcomes import Level, Outcome, Standing
from harness.packs.loading import load_pack
from harness.plan import declared
from harness.records import RunPlan, RunSpec
from harness.verdicts.contrasts import answers as answered
from harness.verdicts.contrasts import decide, word
from harness.verdicts.docket import Docket
from harness.verdicts.ledger import build
from suites.clips import distillation, horizon, sides
from suites.clips.contrasts import Key
from suites.clips.film import FIRST, Film
from suites.clips.seeds import Seeds


@pytest.mark.parametrize(
    ("curve", "rate", "said", "named"),
    [
        ("colour_over_contrast", 0.05, "drifts_up", "over-saturation"),
        ("contrast", -0.05, "drifts_down", "washing out"),
        ("sharpness_normalised", -0.1, "drifts_down", "blur"),
        ("speed", -0.1, "drifts_down", "freezing"),
        ("luma_mean", 0.05, "drifts_up", "exposure rises"),
    ],
)
def test_a_drift_is_named_on_its_own_curve_alone(
    curve: str, rate: float, said: str, named: str
) -> None:
    def change(name: str, values: np.ndarray) -> np.ndarray:
        return values * np.exp(rate * np.arange(SECONDS)) if name == curve else values

    rng = np.random.default_rng(1)
    films = {key: film(rng, 0.01, change) for key in keys(5, 2)}
    asked = horizon.SUITE.contrasts(*plan_of("long_horizon", {sides.STUDENT: films}))
    found = words(asked)
    assert found.pop(curve) == said
    assert set(found.values()) == {Outcome.STEADY}
    note = next(one for one in asked if one.claim.endswith(curve)).notes[0]
    assert note.startswith(f"{named}: beyond the margin from second ")


def test_a_folder_against_itself_is_steady_and_preserved() -> None:
    rng = np.random.default_rng(2)
    films = {key: film(rng, 0.5) for key in keys(3, 2)}
    both = {sides.STUDENT: films, sides.REFERENCE: films}
    found = words(horizon.SUITE.contrasts(*plan_of("long_horizon", both)))
    assert {found[name] for name in found if name.endswith("excess")} == {Outcome.STEADY}
    diverse = {Key(f"p{p}"): Seeds(seeds=2, frames=16, value=0.1) for p in range(3)}
    asked = plan_of("distillation", both, {sides.STUDENT: diverse, sides.REFERENCE: diverse})
    assert set(words(distillation.SUITE.contrasts(*asked)).values()) == {Outcome.PRESERVED}


def lasting(one: Film, seconds: int) -> Film:
    curves = {name: values[:seconds] for name, values in one.curves.items()}
    return msgspec.structs.replace(one, frames=16 * seconds, curves=curves)


def test_short_clips_of_a_model_are_held_against_its_long_ones_second_by_second() -> None:
    def fading(name: str, values: np.ndarray) -> np.ndarray:
        return values * np.exp(-0.1 * np.arange(SECONDS)) if name == "contrast" else values

    rng = np.random.default_rng(10)
    long = {key: film(rng, 0.005, fading) for key in keys(4, 2)}
    short = {key: lasting(one, 3) for key, one in long.items()}
    asked = horizon.SUITE.contrasts(
        *plan_of("long_horizon", {sides.STUDENT: long, sides.REFERENCE: short})
    )
    found = words(asked)
    parts = {name: word for name, word in found.items() if name.endswith("_seconds")}
    assert parts.pop("contrast/last_seconds") is Outcome.DRIFTS_DOWN
    assert set(parts.values()) == {Outcome.STEADY} and len(parts) == 9
    assert found["contrast/excess"] is Outcome.INCOMPARABLE
    size = next(
        estimate(one).value for one in asked if one.claim.endswith("/contrast/last_seconds")
    )
    assert size == pytest.approx(-0.5, abs=0.02)  # five seconds later


def test_a_reference_as_long_is_not_held_second_by_second() -> None:
    rng = np.random.default_rng(11)
    films = {key: film(rng) for key in keys(2, 1)}
    both = {sides.STUDENT: films, sides.REFERENCE: films}
    found = words(horizon.SUITE.contrasts(*plan_of("long_horizon", both)))
    assert not [name for name in found if name.endswith("_seconds")]


@pytest.mark.parametrize(("rate", "said"), [(0.0, Outcome.STEADY), (-0.2, Outcome.DRIFTS_DOWN)])
def test_drift_is_asked_over_lengths_within_prompts(rate: float, said: Outcome) -> None:
    rng, films = np.random.default_rng(12), {}
    for key in keys(5, 2):
        seconds = 6 if key.seed == "0" else 8
        one = lasting(film(rng, 0.003), seconds)
        change = np.exp(rate * np.log2(seconds) * (np.arange(seconds) >= seconds / 2))
        contrast = tuple((np.array(one.curves["contrast"]) * change).tolist())
        films[key] = msgspec.structs.replace(one, curves={**one.curves, "contrast": contrast})
    films[Key("alone", "", "0")] = lasting(film(rng, 0.003), 6)
    asked = horizon.SUITE.contrasts(*plan_of("long_horizon", {sides.STUDENT: films}))
    (one,) = [one for one in asked if one.claim.endswith("/contrast/length")]
    assert word(one, estimate(one)) is said
    assert estimate(one).value == pytest.approx(rate, abs=0.03)
    assert one.missing == {"one_length": 1}


def test_clips_that_leave_their_first_frame_further_than_the_references_are_named() -> None:
    rng = np.random.default_rng(13)

    def away(name: str, values: np.ndarray) -> np.ndarray:
        return values * 1.6 if name == FIRST else values

    films = {
        sides.STUDENT: {key: film(rng, 0.02, away) for key in keys(5, 1)},
        sides.REFERENCE: {key: film(rng, 0.02) for key in keys(5, 1)},
    }
    asked = horizon.SUITE.contrasts(*plan_of("long_horizon", films))
    found = words(asked)
    assert "drift_first" not in found
    assert found.pop("drift_first/excess") is Outcome.DRIFTS_UP
    assert set(found.values()) == {Outcome.STEADY}
    frozen = dict(films[sides.STUDENT])
    still = msgspec.structs.replace(film(rng), curves={**film(rng).curves, FIRST: (0.0,) * SECONDS})
    frozen[Key("p0", "", "0")] = still
    asked = horizon.SUITE.contrasts(*plan_of("long_horizon", {**films, sides.STUDENT: frozen}))
    (one,) = [one for one in asked if one.claim.endswith("drift_first/excess")]
    assert one.censored == ("p0 / 0",) and estimate(one).n == 5


@pytest.mark.parametrize(
    ("noise", "change", "outcome", "standing"),
    [
        (0.02, None, Outcome.PRESERVED, Standing.HOLDS),
        (0.02, slowed, Outcome.DIMINISHED, Standing.DOUBTFUL),  # the margin is ours
        (0.9, None, Outcome.OPEN_MARGIN, Standing.UNTESTED),
    ],
)
def test_a_statement_is_met_only_by_a_task_declared_to_answer_it(
    noise: float, change: Change | None, outcome: Outcome, standing: Standing
) -> None:
    rng, pack = np.random.default_rng(14), load_pack()
    films = {
        sides.STUDENT: {key: film(rng, noise, change) for key in keys(6, 2)},
        sides.REFERENCE: {key: film(rng, noise) for key in keys(6, 2)},
    }
    task, answers = plan_of("distillation", films)
    declares = msgspec.structs.replace(task.task, answers={"motion_ratio": "C122"})
    for one, met in ((task, 0), (msgspec.structs.replace(task, task=declares), 1)):
        run = RunPlan(id="r", spec=RunSpec(name="r"), tasks=(one,))
        own = [decide(asked, one, 0) for asked in distillation.SUITE.contrasts(one, answers)]
        found = list(answered(run, own, Docket([], pack)))
        assert len(found) == met
    (verdict,) = found
    assert (verdict.claim, verdict.outcome, verdict.standing) == ("C122", outcome, standing)
    assert verdict.level is not Level.BAD and "distillation/m/motion_ratio" in verdict.reasons[0]
    ledger = {
        one.claim: one for one in build(audited(run), [], [], {}, Docket([], pack), answered=found)
    }
    assert ledger["C122"] is not None and ledger["C122"].outcome is outcome
    assert ledger["C123"].outcome is Outcome.UNTESTED


def audited(run: RunPlan) -> RunPlan:
    return msgspec.structs.replace(run, spec=RunSpec(name="r", audit=True))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"motion_ratios": "C122"}, "no question 'motion_ratios'"),
        ({"motion_ratio": "C1222"}, "no statement 'C1222'"),
        ({"motion_ratio": "C001"}, "cannot answer C001"),
        ({"motion_ratio": "C123"}, "cannot answer C123"),
        ({"motion_ratio": "C122", "diversity_ratio": "C123"}, ""),
    ],
)
def test_what_is_declared_must_be_asked_and_stated(answers: dict[str, str], said: str) -> None:
    key = Key("p", "", "0")
    one = film(np.random.default_rng(0))
    task, _ = plan_of("distillation", {sides.STUDENT: {key: one}, sides.REFERENCE: {key: one}})
    task = msgspec.structs.replace(task, task=msgspec.structs.replace(task.task, answers=answers))
    if said:
        with pytest.raises(ConfigError, match=said):
            declared(task, distillation.SUITE, load_pack())
        return
    notes = declared(task, distillation.SUITE, load_pack()).notes
    assert [note.partition(":")[0] for note in notes] == [
        "motion_ratio answers C122",
        "diversity_ratio answers C123",
    ]


@pytest.mark.parametrize(("prompts", "said"), [(3, "no MMD² of 6 and 6"), (30, "MMD² ")])
def test_features_also_give_vendi_scores_and_a_discrepancy(prompts: int, said: str) -> None:
    rng = np.random.default_rng(15)
    films = {side: {Key("p0"): film(rng)} for side in (sides.STUDENT, sides.REFERENCE)}
    diverse = {
        side: {
            Key(f"p{p}"): Seeds(
                seeds=2,
                frames=9,
                value=0.1,
                means=tuple(map(tuple, rng.normal(at, 1, (2, 4)).tolist())),
            )
            for p in range(prompts)
        }
        for side, at in ((sides.STUDENT, 1.0), (sides.REFERENCE, 0.0))
    }
    asked = distillation.SUITE.contrasts(*plan_of("distillation", films, diverse))[1]
    vendi, mmd = [note for note in asked.notes if "Vendi" in note or "MMD" in note]
    assert vendi.endswith(f"over {prompts} prompts") and mmd.startswith(said)
    assert prompts == 3 or mmd.endswith("p = 0.001")


@pytest.mark.slow
def test_at_most_one_pair_of_clean_folders_in_twenty_is_accused_of_anything() -> None:
    """Both sides are draws of one model: curves, first-frame distances and diversities alike."""
    rng, accused, pairs = np.random.default_rng(20), 0, 200
    for _ in range(pairs):
        prompts, noise = int(rng.integers(2, 8)), rng.choice([0.02, 0.1, 0.3])
        films = {
            side: {key: film(rng, noise) for key in keys(prompts, 2)}
            for side in (sides.STUDENT, sides.REFERENCE)
        }
        diverse = {
            side: {
                Key(f"p{p}"): Seeds(seeds=2, frames=16, value=float(np.exp(rng.normal(-2, noise))))
                for p in range(prompts)
            }
            for side in films
        }
        asked = [
            *horizon.SUITE.contrasts(*plan_of("long_horizon", films)),
            *distillation.SUITE.contrasts(*plan_of("distillation", films, diverse)),
        ]
        accused += any(word(one, estimate(one)).level is Level.BAD for one in asked)
    assert accused <= 0.05 * pairs
