"""Golden tensors pass, and a wrong, absent, broken or unread one is named."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest
import torch

from model.conformance import CHECKS, TOLERANCE, check_golden

torch.set_num_threads(1)


@pytest.fixture
def golden(shared):
    folder = shared / "model"
    if not folder.is_dir():
        pytest.skip("the golden tensors are not beside this checkout")
    return folder


@pytest.fixture
def copied(golden, tmp_path):
    for name in CHECKS:
        shutil.copyfile(golden / name, tmp_path / name)
    return tmp_path


def change(path, name, value):
    with np.load(path) as arrays:
        held = dict(arrays)
    held[name] = value(held.get(name))
    np.savez(path, **held)


def failures(folder):
    return {line.id: line for line in check_golden(folder) if not line.ok}


def test_every_golden_tensor_is_reproduced(golden):
    lines = check_golden(golden)
    assert [line for line in lines if not line.ok] == []
    assert len(lines) > 300
    assert all(line.error is not None for line in lines)
    double = [line.error for line in lines if line.tolerance == TOLERANCE]
    assert max(double) < 1e-12


PLANTED = [
    ("delta_rule.npz", "c3_o_paper"),
    ("gdn_layer.npz", "l0_S_final"),
    ("window_attention.npz", "F8_w3_d4_token_zeropad"),
    ("embeddings_schedulers.npz", "toy_euler10"),
    ("wam_tiny.npz", "trace_layer2"),
]


@pytest.mark.parametrize(("file", "name"), PLANTED)
def test_a_planted_wrong_value_is_named(copied, file, name):
    def wrong(array):
        array = array.copy()
        array.flat[0] += 1e-8 * np.abs(array).max()
        return array

    change(copied / file, name, wrong)
    found = failures(copied)
    assert found
    assert all(id_.startswith(f"{file}:{name}") for id_ in found)
    assert all(5e-9 < line.error < 5e-8 for line in found.values())


def test_a_flipped_mask_bit_is_named(copied):
    name = "m1_DSWA_video_only_restrict1_allhist0"

    def flip(array):
        array = array.copy()
        array[3, 4] ^= 1
        return array

    change(copied / "masks.npz", name, flip)
    assert list(failures(copied)) == [f"masks.npz:{name}"]


def test_wrong_weights_are_noticed(copied):
    change(
        copied / "wam_tiny.npz",
        "video_dit.blocks.1.self_attn.q.weight",
        lambda x: x + np.float32(0.1),
    )
    assert "wam_tiny.npz:trace_layer1" in failures(copied)
    assert "wam_tiny.npz:trace_layer0" not in failures(copied)


def test_a_wrong_shape_is_said(copied):
    change(copied / "gdn_layer.npz", "l1_y", lambda x: x[:, :-1])
    messages = {line.message for line in failures(copied).values()}
    assert messages == {"expected shape [1, 20, 16], got [1, 21, 16]"}


def test_values_that_are_not_finite_never_pass(copied):
    change(copied / "wam_tiny.npz", "action_only", lambda x: x * np.nan)
    assert (
        failures(copied)["wam_tiny.npz:action_only"].message == "holds values that are not finite"
    )


def test_an_array_that_no_check_reads_is_reported(copied):
    change(copied / "masks.npz", "m0_extra_cfg", lambda _: np.zeros(2))
    assert failures(copied)["masks.npz:m0_extra_cfg"].message == "no check reads this array"


def test_an_absent_array_stops_its_file_only(copied):
    with np.load(copied / "wam_tiny.npz") as arrays:
        held = {n: a for n, a in arrays.items() if n != "context"}
    np.savez(copied / "wam_tiny.npz", **held)
    found = failures(copied)
    assert list(found) == ["wam_tiny.npz"]
    assert "no array 'context'" in found["wam_tiny.npz"].message


def test_absent_and_broken_files_are_failures(copied):
    (copied / "masks.npz").unlink()
    path = copied / "delta_rule.npz"
    path.write_bytes(path.read_bytes()[:4000])
    found = failures(copied)
    assert found["masks.npz"].message == "the file is absent"
    assert "cannot be read" in found["delta_rule.npz"].message


def test_a_pickled_array_is_not_unpickled(copied):
    np.savez(copied / "masks.npz", m0_cfg=np.array([{}], dtype=object))
    assert "cannot be read" in failures(copied)["masks.npz"].message


def test_a_folder_without_golden_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match="found none"):
        check_golden(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        check_golden(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", [np.float32, np.complex128])
def test_the_kind_of_an_array_does_not_set_its_own_tolerance(copied, kind):
    change(copied / "embeddings_schedulers.npz", "time_emb_dim16", lambda x: x.astype(kind))
    assert "embeddings_schedulers.npz:time_emb_dim16" in failures(copied)


@pytest.mark.parametrize("damage", ["array", "claim", "noise", "sizes"])
def test_damage_of_any_kind_is_a_failure_of_its_file(copied, damage):
    path = copied / "masks.npz"
    if damage == "array":
        with path.open("wb") as handle:
            np.save(handle, np.zeros(3))
    elif damage == "claim":
        head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000,), }"
        data = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m0_cfg.npy", data)
    elif damage == "noise":
        data = bytearray(path.read_bytes())
        rng = np.random.default_rng(0)
        for place in rng.integers(0, len(data), 60):
            data[place] ^= 255
        path.write_bytes(bytes(data))
    else:
        change(path, "m0_cfg", lambda _: np.array([-8, 4, 0, 1, 3, 2]))
    assert any(name.startswith("masks.npz") for name in failures(copied))
