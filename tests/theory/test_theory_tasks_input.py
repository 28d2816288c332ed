"""Bad input to tasks: one message that says what was expected."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigError, DataError, PreconditionError, UserError
from theory.tasks.assoc_delta import isotropic_excess, keys_excess
from theory.tasks.base import Batch
from theory.tasks.hmm import Hmm
from theory.tasks.hmm_bounds import hmm_bounds, indicator
from theory.tasks.lag_spectrum import LagSpectrum
from theory.tasks.registry import TASKS, get_task

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("hmm", {"transition": ((0.9, 0.2), (0.1, 0.9))}, "row 0 of transition sums to 1.1"),
    ("hmm", {"emission": ((0.9, 0.1), (0.5, 0.4))}, "row 1 of emission sums to 0.9"),
    ("hmm", {"init": (0.5, 0.4)}, "init sums to 0.9"),
    ("hmm", {"init": (1.2, -0.2)}, r"expected: probabilities in \[0, 1\]"),
    ("hmm", {"transition": ((1.0, 0.0),)}, "2 rows"),
    ("hmm", {"f": (1.0,)}, r"shape \(2,\)"),
    ("hmm", {"t": -1}, "whole number, 0 or more"),
    ("hmm", {"tau": 1.5}, "whole number"),
    ("hmm", {"tau": 10**400}, "tau is too large"),
    ("hmm", {"f": (True, 0.0)}, "f holds true or false"),
    ("arfima", {"sigma": True}, "finite number"),
    ("bursty", {"flip": True}, r"\[0, 1\]"),
    ("lgssm", {"R": ((-1.0,),)}, "negative eigenvalue"),
    ("lgssm", {"Q": ((1.0, 0.5), (0.0, 1.0))}, "not symmetric"),
    ("lgssm", {"A": ((1.0,),)}, r"shape \(2, 2\)"),
    ("lgssm", {"obs_times": (0, 99)}, "obs_times = 99"),
    ("arfima", {"d": 0.5}, r"\(-0.5, 0.5\)"),
    ("arfima", {"sigma": math.nan}, "finite number"),
    ("seasonal_ar", {"phi": 1.0}, r"\(-1, 1\)"),
    ("seasonal_ar", {"lag": 5, "history": 4}, "one season"),
    ("bursty", {"p_on": 0.0, "p_off": 0.0}, "one stationary law"),
    ("bursty", {"flip": math.nan}, r"\[0, 1\]"),
    ("fuse", {"delay": 99}, "cause at -75"),
    ("fuse", {"delay": 0, "tau": 1}, "cause at 24"),
    ("fuse", {"mode": "one_shot", "miss": 0.1}, "use renewal"),
    ("fuse", {"mode": "renewel"}, "did you mean 'renewal'"),
    ("stages", {"target": "sum"}, "count"),
    ("occluded_identity", {"prior": (0.5, 0.6)}, "sums to 1.1"),
    ("occluded_identity", {"values": (1.0,)}, r"shape \(2,\)"),
    ("occluded_identity", {"values": (1.0, math.inf)}, "not finite"),
    ("assoc_overwrite", {"alphabet": 0}, "1 or more"),
    ("assoc_distinct", {"pairs": True}, "whole number"),
    ("lag_spectrum", {"sigma_y": -1.0}, "zero or more"),
    ("gla_teacher", {"alphas": (1.1,) * 8}, r"alphas\[0\] = 1.1"),
    ("gla_teacher", {"betas": (0.5,)}, r"shape \(8,\)"),
    ("gla_teacher", {"form": "papr"}, "did you mean 'paper'"),
    ("memory_drift", {"mode": "spin"}, "mode = 'spin'"),
    ("linear_branches", {"corr": [[2.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]},
     "diagonal"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params", "message"), BAD)
def test_bad_parameters_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        get_task(name, **params)


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'bursty'"):
        get_task("burst")
    with pytest.raises(ConfigError, match="did you mean 'p_on'"):
        get_task("bursty", p_onn=0.1)


@pytest.mark.parametrize("name", TASKS)
def test_windows_and_conventions_are_checked(name: str) -> None:
    task = get_task(name)
    batch = task.sample(2, np.random.default_rng(0))
    for call in (task.exact, lambda w, c="v1": task.window_bayes(batch, w, c)):
        with pytest.raises(ConfigError, match="w = -1"):
            call(-1)
        with pytest.raises(ConfigError, match=r"w = 1\.5"):
            call(1.5)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="'v1' or 'v3'"):
            call(1, "v2")  # type: ignore[arg-type]


def test_enumerations_that_are_too_large_are_refused_with_the_alternative() -> None:
    with pytest.raises(PreconditionError, match=r"8,388,608 symbol(.*\n)+.*sample and bayes"):
        Hmm(t=22).exact(3)
    with pytest.raises(PreconditionError, match="display counts"):
        get_task("occluded_identity", prior=(0.1,) * 10, values=range(10), steps=40).exact(1)


def test_impossible_histories_are_refused() -> None:
    task = Hmm((1.0, 0.0), ((1.0, 0.0), (0.0, 1.0)), ((1.0, 0.0), (0.0, 1.0)), t=2)
    obs = np.zeros((2, 3, 1))
    obs[1, 1] = 1.0
    batch = Batch(obs, np.zeros((2, 3, 0)), np.zeros(2))
    assert task.window_bayes(batch, 1) == pytest.approx([1.0, 1.0])
    with pytest.raises(DataError, match="row 1 have probability zero"):
        task.window_bayes(batch, 2)


def test_an_infinite_past_cannot_be_drawn() -> None:
    for name, key in (("bursty", "t"), ("arfima", "history")):
        task = get_task(name, **{key: None})
        assert task.exact(3).gap > 0
        with pytest.raises(ConfigError, match=f"infinite.*\n.*{key}"):
            task.sample(1, np.random.default_rng(0))


def test_pure_functions_check_their_arguments() -> None:
    for bad in (
        lambda: indicator(2, 5),
        lambda: hmm_bounds(Hmm(f=(1, 0), t=2), 1, [1.0]),
        lambda: hmm_bounds(Hmm(f=(1, 0), t=2), 1, [0.0, 0.0]),
        lambda: isotropic_excess(3, 4, 2, 0.9, 0.5, 1.0),
        lambda: keys_excess([], 0.9, 0.5, 1.0, "impl"),
        lambda: LagSpectrum().exact_visible([-1]),
    ):
        with pytest.raises(UserError):
            bad()
