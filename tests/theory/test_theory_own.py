"""Layers, bounds and tasks of one's own: what is measured, and what is refused or absent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ConfigError, DataError, UserError
from harness.evidence import BoundCheck, DataTable, Figure, Measurement
from harness.outcomes import Outcome
from harness.protocols import Evidence
from harness.verdicts.ledger import mathematics
from harness.verdicts.statements import bound_outcome
from theory.catalog import load_statements
from theory.experiments import probe, task

SOURCE = """
import numpy as np
from theory.maths.recursion import Recursion, transitions, writes

def forward(decay, k, v, q):
    S, y = np.zeros((len(k), v.shape[-1], k.shape[-1])), []
    for t in range(k.shape[1]):
        S = S * decay[:, t, None, :]
        left = v[:, t] - np.einsum("nij,nj->ni", S, k[:, t])
        S = S + 0.5 * left[:, :, None] * k[:, t, None, :]
        y.append(np.einsum("nij,nj->ni", S, q[:, t]))
    return np.stack(y, 1)

def layer(x, beta=0.5):
    k, v, q = x / np.linalg.norm(x, axis=-1, keepdims=True), x[..., ::-1], x
    decay = 1 / (1 + np.exp(-x - 4))
    A = transitions(decay, [(k, beta * k)])
    return Recursion(A, writes(v, 0.5 * k), q, forward(decay, k, v, q))

def wrong(x): return layer(x, 0.4)
def wrong_small(x):
    right, other = layer(x), layer(x, 0.4)
    A = np.concatenate([right.transition[:1], other.transition[1:]])
    size = np.ones((len(x), 1, 1))
    size[0] = 1e6
    return Recursion(A, right.write * size[..., None], right.query, right.output * size)
def nothing(x): return None
def short(x): return layer(x[:, 1:])
def crash(x): return x[99]
def leaves(x): raise SystemExit(0)
def own_error(x): raise Own("beta")
class Own(Exception): pass

def added(run): return np.cumsum(np.pad(run.injection, [(0, 0), (1, 0)]), axis=-1)
def low(run): return 0.5 * run.e
def undefined(run): return np.full(run.e.shape, np.nan)
def half_undefined(run):
    bound = 0.5 * run.e
    bound[..., 3] = np.nan
    return bound
def one_undefined(run):
    bound = run.exact.copy()
    bound[..., 3] = np.nan
    return bound
def minus_infinite(run): return np.full(run.e.shape, -np.inf)
def absent(run): return None
def written(run):
    run.e[...] = 0.0
    return run.e
def shapeless(run): return np.zeros(3)

def coin(n, rng):
    x = rng.normal(size=(n, 6))
    return x, x[:, 0] + x[:, 5] + rng.normal(size=n)
def known(n, rng): return coin(n, rng)
known.exact = lambda w: (1.0, 1.0 + (w < 6) + (w < 1))
def too_high(n, rng): return coin(n, rng)
too_high.exact = lambda w: (1.0, 3.0)
def too_low(n, rng): return coin(n, rng)
too_low.exact = lambda w: (0.0, 0.0)
def moving(n, rng): return coin(n, rng)
moving.exact = lambda w: (0.9 - 0.1 * w, 1.0 + (w < 6) + (w < 1))
def rare(n, rng):
    x = rng.normal(size=(n, 4))
    return x, 0.1 * x[:, 3] + 50.0 * (np.arange(n) == 0)
rare.exact = lambda w: (2500 * 1e-2, 2500 * 1e-2 + 0.01 * (w < 1))
def below(n, rng): return coin(n, rng)
below.exact = lambda w: (1.0, 0.5)
def rising(n, rng): return coin(n, rng)
rising.exact = lambda w: (1.0, 1.0 + w)
def unsaid(n, rng): return coin(n, rng)
unsaid.exact = lambda w: None
def still(n, rng): return np.zeros((n, 3)), np.zeros(n)
def ragged(n, rng): return np.zeros((3, 3)), np.zeros(n)
def infinite(n, rng): return np.full((n, 3), np.inf), np.arange(n)
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "own_theory_module.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield


def named(function: str) -> str:
    return f"python:own_theory_module:{function}"


def rows(made: list, tmp_path: Path) -> list[Evidence]:
    (experiment,) = made
    return list(experiment.run({}, tmp_path))


def probed(tmp_path: Path, layer: str = "layer", bound: str = "") -> list[Evidence]:
    settings = {"target": named(layer), "steps": 20, "width": 8}
    return rows(probe(settings | ({"bound": named(bound)} if bound else {})), tmp_path)


def own_bound(found: list[Evidence]) -> BoundCheck:
    checks = [row for row in found if isinstance(row, BoundCheck)]
    return next(row for row in checks if row.statement.startswith("python:"))


def test_a_layer_ends_in_a_tightness_figure_and_every_bound_holds(tmp_path: Path) -> None:
    found = probed(tmp_path)
    checks = [row for row in found if isinstance(row, BoundCheck)]
    assert {bound_outcome(row) for row in checks} == {Outcome.HOLDS}
    assert {row.statement for row in checks} == {"N14"}
    (figure,) = [row for row in found if isinstance(row, Figure)]
    assert "tightness 0." in figure.caption
    steps, errors = (row for row in found if isinstance(row, DataTable))
    assert "100.0% of them contract" in steps.caption
    for name, e, *bounds, _, tightness in errors.rows:
        assert 0.0 < e <= bounds[0] <= bounds[1] <= bounds[2] * (1 + 1e-9), name
        assert tightness == pytest.approx(e / bounds[0])


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("wrong", "does not reproduce the output: off by"),
        ("wrong_small", "does not reproduce the output: off by"),
        ("nothing", "returns NoneType"),
        ("short", "returns 19 steps for 20 inputs"),
        ("crash", "the function fails: IndexError"),
        ("leaves", r"the function fails: .*sys\.exit\(0\)"),
        ("own_error", "the function fails: Own: beta"),
    ],
)
def test_a_layer_that_cannot_be_used_is_refused(layer: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        probed(tmp_path, layer)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": named("missing")}, "has no function 'missing'"),
        ({"target": "python:no_such_module:f"}, "cannot import"),
        ({"target": "python:own_theory_module"}, "names no function"),
        ({"target": named("layer"), "bound": "low"}, "python:MODULE:FUNCTION"),
        ({"target": named("layer"), "bound": named("missing")}, "has no function"),
        ({"target": named("layer"), "steps": 1}, "steps = 1"),
        ({"target": named("layer"), "steps": 10**6, "width": 10**3}, "at most"),
        ({"target": named("layer"), "fps": 16.0}, "unknown setting"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_anything_runs(settings: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        probe(settings)


@pytest.mark.parametrize(
    ("bound", "outcome"),
    [
        ("added", Outcome.HOLDS),
        ("low", Outcome.VIOLATED),
        ("half_undefined", Outcome.VIOLATED),
        ("minus_infinite", Outcome.VIOLATED),
        ("undefined", Outcome.VACUOUS),
        ("one_undefined", Outcome.VACUOUS),
    ],
)
def test_a_bound_of_ones_own_is_judged_and_no_theorem_with_it(
    bound: str, outcome: Outcome, tmp_path: Path
) -> None:
    found = probed(tmp_path, bound=bound)
    row = own_bound(found)
    assert bound_outcome(row) == outcome
    verdicts = {one.claim: one for one in mathematics(load_statements(), found, every=False)}
    assert verdicts["theory/N14"].outcome == Outcome.HOLDS
    assert verdicts[f"theory/{named(bound)}"].outcome == outcome
    if outcome is Outcome.VIOLATED:
        assert '"t"' in row.witness
    if outcome is Outcome.VACUOUS:
        assert "no finite number at" in row.reason


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ("shapeless", r"the bound returns shape \[3\]"),
        ("absent", r"the bound returns shape \[\] of object"),
        ("written", "read-only"),
    ],
)
def test_a_bound_that_cannot_be_used_is_refused(bound: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        probed(tmp_path, bound=bound)


def tasked(tmp_path: Path, name: str) -> list[Evidence]:
    return rows(task({"task": named(name), "samples": 1000}), tmp_path)


def test_a_task_without_exact_risks_says_so_and_is_bounded_from_draws(tmp_path: Path) -> None:
    found = tasked(tmp_path, "coin")
    (absent,) = [row for row in found if isinstance(row, Measurement)]
    assert absent.value is None
    assert "no attribute `exact`" in absent.reason
    (table,) = [row for row in found if isinstance(row, DataTable)]
    assert all(row[1] is row[2] is None for row in table.rows)
    most = [row[4] for row in table.rows]
    for limit, risk in zip(most, [3.0, *[2.0] * 5, 1.0], strict=True):
        assert risk <= limit <= 1.4 * risk
    assert not any(isinstance(row, BoundCheck) for row in found)


@pytest.mark.parametrize(
    ("name", "above", "at_0"),
    [
        ("known", Outcome.HOLDS, Outcome.HOLDS),
        ("too_high", Outcome.VIOLATED, Outcome.HOLDS),
        ("too_low", Outcome.HOLDS, Outcome.VIOLATED),
        ("rare", Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE),
    ],
)
def test_exact_risks_are_held_against_draws(
    name: str, above: Outcome, at_0: Outcome, tmp_path: Path
) -> None:
    one, two = (row for row in tasked(tmp_path, name) if isinstance(row, BoundCheck))
    assert (bound_outcome(one), bound_outcome(two)) == (above, at_0)
    assert "not refuted from above" in one.instance
    assert {one.statement, two.statement} == {named(name)}  # what the task says of itself


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("below", "R_full = 1 and R_w = 0.5"),
        ("moving", "R_full is 0.3 at one window and 0.9 at another"),
        ("rising", "rises as the window grows"),
        ("unsaid", "returns None"),
        ("still", "never varies"),
        ("ragged", r"shapes \[3, 3, 1\]"),
        ("infinite", "not finite"),
    ],
)
def test_a_task_that_cannot_be_used_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        tasked(tmp_path, name)


def test_inputs_are_those_of_the_seed(tmp_path: Path) -> None:
    assert probed(tmp_path) == probed(tmp_path)
    other = rows(probe({"target": named("layer"), "steps": 20, "width": 8, "seed": 1}), tmp_path)
    assert not np.array_equal(str(other), str(probed(tmp_path)))


@pytest.mark.parametrize(
    "make",
    [lambda: probe({"target": named("layer")}), lambda: task({"task": named("coin")})],
)
def test_an_edited_module_is_another_experiment(
    make: Callable[[], list], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "own_theory_module", raising=False)
    before = make()[0].settings
    assert make()[0].settings == before
    (tmp_path / "own_theory_module.py").write_text(SOURCE + "# edited\n", encoding="utf-8")
    assert make()[0].settings != before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import sys; sys.exit(0)", r"sys\.exit\(0\)"),
        ("raise LookupError('at import')", "LookupError: at import"),
        ("def f(:", "SyntaxError"),
        ("class Own(Exception): pass\nraise Own('no weights')", "Own: no weights"),
    ],
)
def test_a_module_that_fails_at_import_is_refused(
    line: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "own_broken_module", raising=False)
    (tmp_path / "own_broken_module.py").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"cannot import 'own_broken_module': .*{words}"):
        probe({"target": "python:own_broken_module:f"})
