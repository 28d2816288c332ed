"""Probe targets and the experiment: what can be named, what is refused, what comes out."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import save_file

from harness.errors import ConfigError, DataError, PreconditionError
from harness.evidence import BoundCheck, DataTable, Figure, HeatMap, Measurement
from harness.verdicts import HOLDS, VACUOUS, VIOLATED, bound_outcome
from model.config import DeltaConfig, get_config
from model.network import VideoDiT
from theory.probes import checks
from theory.probes.checks import ladder_checks, sides
from theory.probes.perturb import respond
from theory.probes.probe import Probe
from theory.probes.targets import TARGETS, Size, get_target

SMALL = Size(sequences=2, frames=3, side=4)
RELEASED = replace(
    get_config("v2-video").video, dim=24, heads=20, head_dim=6, ffn=32, text_dim=8, freq_dim=8,
    in_channels=2, out_channels=2, layers=("SWA", "GATED"),
    delta=DeltaConfig(heads=2, key_dim=4, value_dim=6),
)  # fmt: skip


def saved(folder: Path, config=RELEASED, *, spoil: bool = False) -> Path:
    torch.manual_seed(0)
    tensors = VideoDiT(config).state_dict()
    if spoil:
        tensors["head.head.bias"][0] = torch.nan
    file = folder / "model.safetensors"
    save_file(tensors, file)
    return file


def test_reference_target_has_one_memory_layer_and_sees_the_future():
    target = get_target("reference", 0, SMALL)
    assert [case.name for case in target.cases] == ["blocks.3.gated_delta"]
    assert target.cases[0].gates.shape == (2, 12, 4)
    assert target.clock is not None
    assert target.clock.tokens_per_frame == 4
    assert target.causal is not None
    assert not target.causal.invariant
    assert target.repeated == 0
    assert target.reach is not None
    assert target.reach.declared == target.reach.measured == (-1, 0, 1)  # 3 frames, all seen


def test_targets_are_fixed_by_their_seed():
    first, again, other = (
        get_target("reference", seed, SMALL).cases[0].gates for seed in (0, 0, 1)
    )
    assert (first.alpha == again.alpha).all()
    assert (first.alpha != other.alpha).any()


def test_random_gates_have_unit_keys():
    gates = get_target("gates-random", 3, SMALL).cases[0].gates
    assert abs((gates.k**2).sum(-1) - 1).max() < 1e-12
    assert 0.3 < gates.alpha.mean() < 0.7


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="'reference'"):
        get_target("refrence")


@pytest.mark.skipif(importlib.util.find_spec("fla") is not None, reason="fla is installed")
def test_fla_is_asked_for_where_it_is_absent():
    with pytest.raises(PreconditionError, match="flash-linear-attention") as caught:
        get_target("fla")
    assert "install" in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("fla") is None, reason="fla is not installed")
def test_flas_layer_is_probed_on_the_cpu():
    gates = get_target("fla", 0, SMALL).cases[0].gates
    assert gates.shape == (2, 12, 4)


def test_a_checkpoint_and_its_folder_are_the_same_target(tmp_path):
    file = saved(tmp_path)
    one, two = get_target(str(file), 0, SMALL), get_target(str(tmp_path), 0, SMALL)
    assert one.trained
    assert one.name == "model.safetensors"
    assert (one.cases[0].gates.alpha == two.cases[0].gates.alpha).all()
    assert one.cases[0].gates.shape == (2, 12, 2)


@pytest.mark.parametrize("wrong", ["no memory", "nan", "empty folder", "two files", "not a file"])
def test_broken_checkpoints_are_refused_in_one_message(tmp_path, wrong):
    path = tmp_path
    if wrong == "no memory":
        path = saved(tmp_path, replace(RELEASED, layers=("SWA", "SWA")))
    if wrong == "nan":
        path = saved(tmp_path, spoil=True)
    if wrong == "two files":
        saved(tmp_path).rename(tmp_path / "other.safetensors")
        saved(tmp_path)
    if wrong == "not a file":
        path = tmp_path / "weights.safetensors"
        path.write_bytes(b"PK\x03\x04 something pickled")
    expected = {
        "no memory": "no gated delta layer", "nan": "not finite", "empty folder": "no tensor files",
        "two files": "2 files", "not a file": "pickled",
    }  # fmt: skip
    with pytest.raises(DataError, match=expected[wrong]):
        get_target(str(path), 0, SMALL)


@pytest.mark.parametrize("size", [{"sequences": 0}, {"frames": 1}, {"side": 5}])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ConfigError, match="="):
        Size(**size)


@pytest.fixture(scope="module")
def rows():
    return list(Probe("reference", 0, sequences=2, frames=4, side=6).run({}, Path("unused")))


def test_a_probe_yields_every_kind_of_row_once(rows):
    assert {type(row) for row in rows} == {BoundCheck, DataTable, Figure, HeatMap, Measurement}
    assert len({row.key for row in rows}) == len(rows)
    assert {row.experiment for row in rows} == {"theory/probe/reference"}
    titles = [row.title for row in rows if isinstance(row, Figure)]
    for words in ("Error under every bound: decay", "How long the memory remembers",
                  "size of the perturbation", "memory length", "bfloat16 memory"):  # fmt: skip
        assert any(words in title for title in titles), words
    assert b"NaN" not in msgspec.json.encode(rows)
    assert msgspec.json.decode(msgspec.json.encode(rows))


def test_the_same_probe_gives_the_same_rows_and_skips_known_ones(rows):
    probe = Probe("reference", 0, sequences=2, frames=4, side=6)
    again = list(probe.run({}, Path("unused")))
    assert msgspec.json.encode(again) == msgspec.json.encode(rows)
    assert list(probe.run({row.key: row for row in rows}, Path("unused"))) == []


def test_what_the_bounds_say_on_the_reference_layer(rows):
    """The paper's statements are vacuous there; the corrected ones hold and say something."""
    found = {}
    for row in rows:
        if isinstance(row, BoundCheck):
            found.setdefault(row.statement, set()).add(bound_outcome(row))
    assert found["S7"] == {VACUOUS}
    assert found["S5"] == {HOLDS, VACUOUS}
    assert found["N1"] == found["N3"] == found["N4"] == found["N5"] == {HOLDS}
    last = [row for row in rows if isinstance(row, BoundCheck) and row.statement == "N1"]
    assert all(row.informative for row in last)


def test_no_step_meets_the_printed_hypothesis(rows):
    shares = {row.labels["condition"]: row for row in rows
              if isinstance(row, Measurement) and row.quantity == "share of steps"}  # fmt: skip
    assert shares["printed hypothesis"].value == 0.0
    assert shares["lambda < 1"].value == 1.0
    assert shares["regime A"].value + shares["regime B"].value == pytest.approx(1.0)


def test_figures_mark_where_a_bound_goes_blind(rows):
    figure = next(r for r in rows if isinstance(r, Figure) and "bound: all inputs," in r.title)
    curves = {curve.name: curve for curve in figure.curves}
    cap = curves["trivial cap"].y[0]
    mark = next(m for m in figure.marks if m.text.startswith("paper: nothing"))
    paper = curves["paper"].y
    assert paper[0] is None  # no error yet, and no place on a logarithmic axis
    assert all(y is not None and y < cap for y in paper[1 : int(mark.at)])
    assert paper[int(mark.at)] >= cap
    assert "does not exist" in figure.caption
    for below, above in (("measured", "direction-aware"), ("exact factor", "paper, discounted"),
                         ("paper, discounted", "paper")):  # fmt: skip
        assert all(a is None or a <= b * (1 + 1e-9) for a, b in
                   zip(curves[below].y, curves[above].y, strict=True))  # fmt: skip


def test_a_bound_with_a_wrong_constant_is_reported_as_violated():
    """The planted bound is half the measured error at one step in the middle."""
    gates = get_target("gates-random", 0, SMALL).cases[0].gates
    response = respond(gates.start(), gates.inputs(), "impl", "v", 1e-2, 0)
    broken = response.ladder.exact_measured.copy()
    broken[1, 2, 6] = response.ladder.e[1, 2, 6] / 2
    planted = replace(response, ladder=replace(response.ladder, exact_measured=broken))
    found = sides(planted, "exact_measured")
    assert found is not None
    assert (found.run, found.step) == (1 * 4 + 2, 6)
    ledger = _ledger()
    rows = {row.key: row for row in ladder_checks(planted, ledger, "e", "k", "a layer")}
    assert bound_outcome(rows["k/exact_measured"]) == VIOLATED
    assert '"step":6' in rows["k/exact_measured"].witness.replace(" ", "")
    assert bound_outcome(rows["k/product"]) == HOLDS


def test_nothing_moved_is_no_violation():
    gates = get_target("gates-random", 0, SMALL).cases[0].gates
    response = respond(gates.start(), gates.inputs(), "impl", "v", 1e-2, 0)
    still = replace(response, ladder=replace(response.ladder, e=0 * response.ladder.e))
    assert sides(still, "exact_measured") is None
    row = next(iter(ladder_checks(still, _ledger(), "e", "k", "a layer")))
    assert bound_outcome(row) != VIOLATED


def _ledger():
    from theory.probes.ledger import Facts, measure

    gates = get_target("gates-random", 0, SMALL).cases[0].gates
    return measure(Facts({"layer": gates}))


def test_every_bound_names_a_rung_of_the_ladder_and_known_assumptions():
    ids = {hypothesis.id for hypothesis in _ledger()}
    for statement, needs in checks.BINDING.values():
        assert statement[0] in "SN"
        assert set(needs) <= ids


def test_targets_are_described():
    assert set(TARGETS) == {"reference", "fla", "gates-random"}
    assert all(words for words, _ in TARGETS.values())


@pytest.mark.parametrize("size", [(1, 2, 2), (1, 8, 2)])
def test_the_smallest_probes_run(size):
    """One sequence of two tokens: no spread, no interval, hardly a half-life, and no failure."""
    for target in ("reference", "gates-random"):
        rows = list(Probe(target, 0, *size).run({}, Path("unused")))
        assert not any(bound_outcome(r) == VIOLATED for r in rows if isinstance(r, BoundCheck))
