"""Golden cases of finite laws, atoms and tasks, and the edges that the cases do not reach."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from theory.golden.tasks import RULES

SHARED = Path(__file__).parents[3] / "shared"
GOLDEN = SHARED / "data" / "theory" / "golden.json"


def _cases() -> list[Any]:
    if not GOLDEN.exists():
        reason = "the shared golden cases are not here"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    cases = json.loads(GOLDEN.read_text())["cases"]
    return [pytest.param(case, id=case["id"]) for case in cases if case["kind"] in RULES]


def _matches(have: Any, want: Any, case: Any) -> bool:
    if isinstance(want, list):
        pairs = zip(have, want, strict=True)
        return len(have) == len(want) and all(_matches(h, w, case) for h, w in pairs)
    if want is None or isinstance(want, bool | str):
        return have is want or have == want
    return abs(have - want) <= case["atol"] + case["rtol"] * abs(want)


@pytest.mark.parametrize("case", _cases())
def test_golden_case(case: Any) -> None:
    got = RULES[case["kind"]](case["params"])
    for field, want in case["expect"].items():
        assert _matches(got[field], want, case), (field, got[field], want)


HMM = {"transition": [[1, 0], [0, 1]], "emission": [[1, 0], [0, 1]], "f": [1, -1], "tau": 1}
FUSE = {"hazard": 0.2, "delay": 5, "tau": 1, "t": 8, "dud": 0.1}
LGSSM = {"A": [[0.9]], "C": [[1]], "Q": [[0.3]], "R": [[0.2]], "S0": [[1]], "c": [1],
         "t": 4, "tau": 1, "obs_noise_y": 0.0}  # fmt: skip
OCCLUDED = {"prior": [0.3, 0.7], "values": [-1.0, 2.0], "horizon": 4, "eta": 0.1, "sigma": 0.0}
BURSTY = {"p_on": 0.2, "p_off": 0.3, "flip": 0.05, "tau": 1}
EDGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("theorem1.finite", {"rows": [[0.5, 1, 0, 0.0], [0.5, 2, 0, 1.0], [0.0, 3, 9, 7.0]]},
     {"R_full": 0, "R_w": 0.25, "gap": 0.25, "window_recoverable": False}),
    ("theorem1.finite", {"rows": [[1.0, "a", "s", 2.0], [0.0, "b", "s", 9.0]]},
     {"R_full": 0, "R_w": 0, "gap_square": 0, "window_recoverable": True}),
    ("corollary1.atoms", {"atoms": [{"prob": 0.5, "weights": [1.0], "mu": [3.0]}]},
     {"gap": 0, "paper_bounds": [None], "tightness": [None]}),
    ("corollary1.atoms", {"atoms": [{"prob": 0.5, "weights": [0.5, 0.5], "mu": [3.0, 3.0]}]},
     {"gap": 0, "paper_bounds": [0.0], "tightness": [None]}),
    ("task.occluded_identity", {**OCCLUDED, "glimpse": 1.0, "w": 0}, {"R_w": 1.89, "var_Y": 1.89}),
    ("task.occluded_identity", {**OCCLUDED, "glimpse": 0.0, "w": 4}, {"R_w": 1.89}),
    ("task.occluded_identity", {**OCCLUDED, "glimpse": 0.0, "w": 99}, {"gap": 0}),
    ("task.occluded_identity", {**OCCLUDED, "eta": 0.0, "glimpse": 0.0, "w": 2},
     {"R_full": 0, "gap": 1.89}),
    ("task.occluded_identity", {**OCCLUDED, "eta": 1.0, "glimpse": 0.0, "w": 2},
     {"R_full": 0, "gap": 1.89}),
    ("task.occluded_identity", {**OCCLUDED, "eta": 0.5, "glimpse": 0.5, "w": 2},
     {"R_full": 1.89, "gap": 0}),
    ("task.occluded_identity", {"prior": [1.0], "values": [2.0], "horizon": 3, "glimpse": 0.5,
                                "eta": 0.3, "sigma": 2.0, "w": 1}, {"R_full": 4, "gap": 0}),
    ("task.fuse", {**FUSE, "mode": "one_shot", "w": 0}, {"P_E": 1.0, "alpha": 0.2 * 0.8**4}),
    ("task.fuse", {**FUSE, "mode": "one_shot", "w": 99}, {"gap": 0, "alpha": 0, "cor1": 0}),
    ("task.fuse", {**FUSE, "mode": "one_shot", "hazard": 1.0, "w": 3},
     {"gap": 0, "R_full": 0, "P_E": 1.0}),
    ("task.fuse", {**FUSE, "mode": "one_shot", "hazard": 1.0, "w": 9}, {"gap": 0, "P_E": 0.0}),
    ("task.fuse", {**FUSE, "mode": "one_shot", "hazard": 0.0, "w": 3}, {"var_Y": 0, "alpha": 0}),
    ("task.fuse", {**FUSE, "mode": "renewal", "hazard": 1.0, "w": 2}, {"R_full": 0.09, "gap": 0}),
    ("task.fuse", {**FUSE, "mode": "renewal", "dud": 1.0, "w": 2}, {"R_full": 0, "var_Y": 0}),
    ("task.fuse", {**FUSE, "mode": "renewal", "miss": 1.0, "w": 2},
     {"gap": 0, "R_full": 0.18 * 0.82}),
    ("task.hmm", {**HMM, "init": [0.5, 0.5], "t": 3, "w": 0}, {"R_full": 0, "gap": 1}),
    ("task.hmm", {**HMM, "init": [0.5, 0.5], "t": 3, "w": 1}, {"gap": 0}),
    ("task.hmm", {**HMM, "init": [1.0, 0.0], "t": 0, "w": 9}, {"R_full": 0, "gap": 0, "var_Y": 0}),
    ("task.lgssm", {**LGSSM, "obs_times": [], "w": 3}, {"gap": 0}),
    ("task.lgssm", {**LGSSM, "R": [[0.0]], "w": 1}, {"R_full": 0.3, "gap": 0}),
    ("task.lgssm", {**LGSSM, "Q": [[0.0]], "S0": [[0.0]], "R": [[0.0]], "w": 1}, {"R_full": 0}),
    ("task.lgssm_scalar_stationary", {"a": 0.0, "q": 1.0, "r": 1.0, "tau": 0, "w": 0},
     {"gap": 0.5, "posterior_var_w": 1.0, "posterior_var_inf": 0.5}),
    ("task.lgssm_scalar_stationary", {"a": 0.0, "q": 0.0, "r": 0.0, "tau": 1, "w": 2}, {"gap": 0}),
    ("task.lgssm_scalar_stationary", {"a": 0.9, "q": 1.0, "r": 0.0, "tau": 1, "w": 0},
     {"posterior_var_inf": 0.0, "posterior_var_w": 1 / 0.19}),
    ("task.arfima", {"d": 0.0, "sigma": 2.0, "w": 3}, {"R_w": 4, "gap": 0, "var_Y": 4}),
    ("task.arfima", {"d": 0.3, "sigma": 1.0, "w": 5, "history": 0}, {"gap": 0}),
    ("task.arfima", {"d": 0.3, "sigma": 1.0, "w": 10**9}, {"gap": 0.09e-9}),
    ("task.seasonal_ar", {"phi": 0.5, "lag": 1, "sigma": 1.0, "w": 0}, {"gap": 1 / 3}),
    ("task.seasonal_ar", {"phi": 0.5, "lag": 1, "sigma": 1.0, "w": 1}, {"gap": 0}),
    ("task.assoc_distinct", {"pairs": 3, "w": 9, "sigma_v": 2.0, "d_k": 9},
     {"gap": 0, "linear_state_floor": 0}),
    ("task.assoc_overwrite", {"writes": 3, "alphabet": 1, "w": 0, "sigma_v": 2.0}, {"gap": 4}),
    ("task.assoc_overwrite", {"writes": 3, "alphabet": 1, "w": 1, "sigma_v": 2.0}, {"gap": 0}),
    ("task.assoc_overwrite", {"writes": 0, "alphabet": 2, "w": 1, "sigma_v": 2.0}, {"var_Y": 0}),
    ("task.assoc_delta_onehot", {"writes": 5, "alphabet": 1, "alpha": 0.0, "gain": 3.0,
                                 "sigma_v": 1.0}, {"excess": 4, "gain_opt": 1, "excess_opt": 0}),
    ("task.assoc_delta_onehot", {"writes": 5, "alphabet": 3, "alpha": 1.0, "gain": 1.0,
                                 "sigma_v": 1.0}, {"excess": 0, "gain_opt": 1}),
    ("task.assoc_delta_keys", {"keys": [[1.0], [1.0]], "alpha": 1.0, "beta": 1.0, "sigma_v": 1.0,
                               "form": "impl"}, {"per_key": [2.0, 0.0], "mean": 1.0}),
    ("task.assoc_delta_isotropic", {"writes": 3, "index": 3, "d_k": 1, "alpha": 0.0, "beta": 1.0,
                                    "sigma_v": 1.0}, {"excess": 0}),
    ("task.stages", {"target": "parity", "p_action": 0.5, "p_success": 1.0, "t": 6, "w": 6,
                     "window_convention": "v1"}, {"gap": 0.25, "R_full": 0}),
    ("task.stages", {"target": "parity", "p_action": 0.5, "p_success": 1.0, "t": 6, "w": 6,
                     "window_convention": "v3"}, {"gap": 0, "visible_actions": 6}),
    ("task.stages", {"target": "count", "p_action": 1.0, "p_success": 0.5, "t": 4, "w": 0,
                     "window_convention": "v1"}, {"R_full": 1, "gap": 0, "visible_actions": 0}),
    ("task.stages", {"target": "threshold", "p_action": 0.5, "p_success": 0.5, "t": 4, "w": 2,
                     "window_convention": "v3", "threshold": 0}, {"var_Y": 0, "gap": 0}),
    ("task.bursty", {**BURSTY, "w": 0}, {"R_w": 1}),
    ("task.bursty", {**BURSTY, "p_on": 1.0, "p_off": 0.0, "w": 1}, {"gap": 0, "R_full": 0.19}),
    ("task.bursty", {**BURSTY, "p_on": 0.0, "flip": 0.0, "w": 1}, {"gap": 0, "R_full": 1}),
    ("task.bursty", {**BURSTY, "flip": 0.5, "tau": 0, "w": 0}, {"gap": 0.4, "R_full": 0.6}),
    ("task.bursty", {**BURSTY, "flip": 1.0, "w": 1, "t": None}, {"R_full": 0, "gap": 0.6}),
    ("task.bursty", {**BURSTY, "w": 9, "t": 0}, {"gap": 0}),
    ("task.lag_spectrum", {"coef": [1.0, 2.0], "visible": [], "sigma_o": 1.0, "sigma_y": 0.0},
     {"gap": 5, "R_full": 0}),
    ("task.lag_spectrum", {"coef": [1.0, 2.0], "visible": [1, 1, 9], "sigma_o": 1.0,
                           "sigma_y": 0.0}, {"gap": 1}),
    ("task.gla_teacher", {"alphas": [0.0], "betas": [2.0], "keys": [[2.0]], "readout": [1.0],
                          "sigma_v": 1.0, "sigma_y": 0.0, "w": 0, "form": "paper"},
     {"coef": [4.0], "gap": 16, "R_full": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "params", "expect"), EDGES)
def test_edge_of_the_parameters(
    kind: str, params: dict[str, Any], expect: dict[str, Any]
) -> None:  # fmt: skip
    got = RULES[kind](params)
    case = {"atol": 1e-12, "rtol": 1e-6}
    for field, want in expect.items():
        assert _matches(got[field], want, case), (field, got[field], want)
    assert all(math.isfinite(number) for number in _numbers(list(got.values())))


def _numbers(values: list[Any]) -> Iterator[float]:
    for value in values:
        if isinstance(value, list):
            yield from _numbers(value)
        elif value is not None:
            yield float(value)


def test_a_case_that_lacks_a_parameter_is_refused() -> None:
    with pytest.raises(UserError, match="lacks flip"):
        RULES["task.bursty"]({"p_on": 0.1, "p_off": 0.1, "tau": 1, "w": 1})
