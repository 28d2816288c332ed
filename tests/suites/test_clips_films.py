"""Films: what one pass over a real video finds, and what odd videos give instead of a number."""

from __future__ import annotations

import base64
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from harness.errors import DataError, PreconditionError
from harness.video import DecodeError, header, timed_frames
from suites.clips import film, flow, seeds
from suites.clips.film import FLOWN, METRICS, PAIRED, STILL, measure
from suites.clips.folders import read_folder
from suites.clips.perceptual import Pooled
from suites.clips.precomputed import features_of, read_features

av = pytest.importorskip("av", reason="the video extra is not installed")
cv2 = pytest.importorskip("cv2", reason="the video extra is not installed")

SIDE = 96


def texture(seed: int = 0, height: int = SIDE, width: int = 144) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = np.stack([gaussian_filter(rng.normal(size=(height, width)), 3) for _ in range(3)], -1)
    return 128 + 40 * smooth / smooth.std()


def sliding(count: int, pixels: float) -> list[np.ndarray]:
    wide = texture(width=144 + int(count * abs(pixels)) + 8)
    moved = [shift(wide, (0, -pixels * n, 0), order=1, mode="nearest") for n in range(count)]
    return [one[:, :144] for one in moved]


def encode(
    path: Path, frames: list[np.ndarray], *, times: list[float] | None = None, kind: str = "yuv420p"
) -> Path:
    """Write frames at 16 a second, or at times in seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=16, options={"crf": "8", "bf": "0"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = kind
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            pixels = np.clip(np.round(frame), 0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.time_base = Fraction(1, 1000)
            picture.pts = round(1000 * (number / 16 if times is None else times[number]))
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def measured(path: Path) -> film.Film:
    return measure(path, SIDE, "dis-medium")


def test_a_sliding_picture_has_its_speed_and_is_not_cut(tmp_path: Path) -> None:
    found = measured(encode(tmp_path / "a.mp4", sliding(24, 1.0)))
    assert found.step == 2
    diagonal = np.hypot(found.height, found.width)
    assert found.values["speed"] == pytest.approx(16 / diagonal, rel=0.05)
    assert found.values["path"] == pytest.approx(22 / diagonal, rel=0.05)
    assert found.values["moving_share"] > 0.95
    assert found.cuts == ()
    assert set(found.values) | set(found.absent) == set(METRICS)
    assert base64.b64decode(found.sheet).startswith(b"\xff\xd8")


def test_camera_and_objects_are_told_apart(tmp_path: Path) -> None:
    still, patch = texture(0, 96, 160), texture(1, 40, 40)
    frames = [still.copy() for _ in range(12)]
    for n, frame in enumerate(frames):
        frame[30:70, 20 + 3 * n : 60 + 3 * n] = patch
    found = measured(encode(tmp_path / "a.mp4", frames))
    assert found.absent["camera_speed"] == "below_noise_floor"
    assert found.values["object_speed"] == pytest.approx(found.values["speed"], rel=0.2)
    panned = measured(encode(tmp_path / "b.mp4", sliding(12, 1.5)))
    assert panned.values["camera_speed"] == pytest.approx(panned.values["speed"], rel=0.05)


def test_half_the_speed_is_half_the_speed(tmp_path: Path) -> None:
    speeds = [
        measured(encode(tmp_path / f"{n}.mp4", sliding(16, pixels))).values["speed"]
        for n, pixels in enumerate((2.0, 1.0))
    ]
    assert speeds[1] / speeds[0] == pytest.approx(0.5, abs=0.05)


def test_a_frozen_video_is_below_the_floor_and_never_zero(tmp_path: Path) -> None:
    found = measured(encode(tmp_path / "a.mp4", [texture()] * 12))
    assert found.absent["speed"] == found.absent["path"] == "below_noise_floor"
    assert found.floor is not None and found.floor > 0


def test_one_frame_has_looks_and_nothing_over_time(tmp_path: Path) -> None:
    found = measured(encode(tmp_path / "a.mp4", [texture()]))
    assert set(found.values) == set(STILL)
    assert found.absent == dict.fromkeys((*FLOWN, *PAIRED), "one_frame")


def test_uneven_times_refuse_flow_and_keep_appearance(tmp_path: Path) -> None:
    times = [0.0, 0.06, 0.12, 0.4, 0.46, 0.9, 1.0, 1.5]
    found = measured(encode(tmp_path / "a.mp4", sliding(8, 1.0), times=times))
    assert {found.absent[name] for name in FLOWN} == {"variable_frame_rate"}
    assert "flicker_vbench" in found.values
    assert len(found.curves["luma_mean"]) == 1


def test_a_cut_is_found_and_its_pair_is_left_out(tmp_path: Path) -> None:
    dark = [one * 0.4 for one in sliding(12, 1.0)]
    bright = [texture(5) * 0.3 + 160] * 12
    moved = [np.roll(one, n, axis=1) for n, one in enumerate(bright)]
    found = measured(encode(tmp_path / "a.mp4", [*dark, *moved]))
    assert found.cuts == (pytest.approx(10 / 16, abs=0.01),)
    assert found.values["path"] < 25 / np.hypot(found.height, found.width)


@pytest.mark.parametrize("kind", ["yuv420p10le", "yuv444p"])
def test_deep_and_full_colour_are_read_as_they_look(tmp_path: Path, kind: str) -> None:
    odd = (slice(0, 95), slice(0, 141)) if kind == "yuv444p" else (slice(0, 96), slice(0, 144))
    frames = [one[odd] for one in sliding(6, 1.0)]
    found = measured(encode(tmp_path / "a.mkv", frames, kind=kind))
    assert (found.height, found.width) == frames[0].shape[:2]
    assert found.values["luma_mean"] == pytest.approx(np.mean(frames[0]), abs=4)


def test_a_truncated_video_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", sliding(20, 1.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DecodeError):
        measured(path)


def test_a_container_that_states_another_rate_does_not_change_the_step(tmp_path: Path) -> None:
    times = [n / 8 for n in range(12)]  # the stream says 16 frames a second
    found = measured(encode(tmp_path / "a.mp4", sliding(12, 1.0), times=times))
    assert (found.fps, found.step) == (pytest.approx(8, rel=0.01), 1)


def test_without_opencv_only_flow_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "a.mp4", sliding(6, 1.0))
    monkeypatch.setattr(flow, "find_spec", lambda name: None)
    found = measured(path)
    assert found.absent == dict.fromkeys(FLOWN, "no_flow_library")
    assert flow.flow_id("dis-medium") == flow.ABSENT


def test_frames_are_decoded_once_and_none_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = encode(tmp_path / "a.mp4", sliding(10, 1.0)), []

    def counted(path: Path):
        for one in timed_frames(path):
            seen.append(one[0])
            yield one

    monkeypatch.setattr(film, "timed_frames", counted)
    assert measured(path).frames == len(seen) == 10


def test_a_header_says_size_frames_and_rate(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", sliding(6, 1.0))
    found = header(path)
    assert (found.width, found.height, found.frames) == (144, SIDE, 6)
    assert found.rate == pytest.approx(16, rel=0.01)


def test_frames_of_seeds_are_those_shown_at_equal_times(tmp_path: Path) -> None:
    grey = [np.full((64, 64, 3), 10.0 * n) for n in range(24)]
    path = encode(tmp_path / "a.mp4", grey)
    shown = [frame.mean() / 10 for frame in seeds.frames_at(path, 0.5, 4.0)]
    assert np.allclose(shown, [8, 12, 16, 20], atol=0.4)


def test_equal_seeds_have_no_diversity_and_short_or_unlike_ones_none(tmp_path: Path) -> None:
    one = encode(tmp_path / "a.mp4", sliding(48, 0.5))
    found = seeds.compare([one, one], Pooled(), 1.0, 4.0, "dis-fast")
    assert (found.value, found.frames) == (0.0, 8)
    assert found.floor is not None and 0 < found.floor < 0.01
    short = encode(tmp_path / "b.mp4", sliding(40, 0.5))
    assert seeds.compare([one, short], Pooled(), 1.0, 4.0, "dis-fast").reason == "too_few_frames"
    tall = encode(tmp_path / "c.mp4", [np.swapaxes(f, 0, 1) for f in sliding(48, 0.5)])
    assert seeds.compare([one, tall], Pooled(), 1.0, 4.0, "dis-fast").reason == "unequal_size"


def test_curves_keep_still_under_re_encoding(tmp_path: Path) -> None:
    frames = sliding(18, 1.0)
    first = measured(encode(tmp_path / "a.mp4", frames))
    again = [frame for _, frame in timed_frames(tmp_path / "a.mp4")]
    second = measured(encode(tmp_path / "b.mp4", again))
    for name in ("luma_mean", "contrast", "colourfulness", "speed"):
        assert second.values[name] == pytest.approx(first.values[name], rel=0.04)


def named(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"video")
    return folder


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    names = ('it\'s "odd"__x__2.mp4', "plain.mkv", "notes.txt", ".hidden.mp4")
    found = read_folder(named(tmp_path / "v", *names))
    assert [clip.key[::2] for clip in found.clips] == [('it\'s "odd"__x', "2"), ("plain", "0")]
    assert found.notes == ("v: 1 files are not used: notes.txt",)


def test_a_manifest_decides(tmp_path: Path) -> None:
    folder = named(tmp_path / "v", "a.mp4", "b.mp4")
    text = "file,prompt,seed,image,shift,colour\na.mp4,push,1,i1,3,red\ngone.mp4,pull,1,i2,3,red\n"
    (folder / "manifest.csv").write_text(text)
    here, gone = read_folder(folder).clips
    assert here.key == ("push", "i1", "1") and here.stated == {"shift": "3"}
    assert gone.path is None
    assert [note.split(": ")[1] for note in read_folder(folder).notes] == [
        "1 files are not used",
        "listed and absent",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,prompt\na.mp4,x\n", "columns missing: seed"),
        ("file,prompt,seed\n../a.mp4,x,1\n", "file '../a.mp4'"),
        ("file,prompt,seed\na.mp4,,1\n", "prompt ''"),
        ("file,prompt,seed\na.mp4,x,1\nb.mp4,x,1\n", "two videos of 'x / 1'"),
    ],
)
def test_a_wrong_manifest_is_one_message(tmp_path: Path, text: str, said: str) -> None:
    folder = named(tmp_path / "v", "a.mp4", "b.mp4")
    (folder / "manifest.csv").write_text(text)
    with pytest.raises(DataError, match=said.replace(".", r"\.")):
        read_folder(folder)


def test_a_folder_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="cannot list"):
        read_folder(tmp_path / "none")


def test_a_meter_forgets_its_frames(tmp_path: Path) -> None:
    meter = film.Meter(SIDE, "dis-medium", 2)
    sizes = []
    for number in range(12):
        meter.take(number / 16, texture(number).astype(np.uint8))
        held = [one for one in vars(meter).values() if isinstance(one, np.ndarray)]
        sizes.append(sum(one.nbytes for one in held))
    assert all(b <= a for a, b in pairwise(sizes[1:]))


def test_a_clip_leaves_its_first_frame_and_a_still_one_does_not(tmp_path: Path) -> None:
    compared = film.Compared(Pooled(), 4.0)
    moved, still = (
        measure(encode(tmp_path / name, frames), SIDE, "dis-fast", 0, compared).curves[
            "drift_first"
        ]
        for name, frames in (("a.mp4", sliding(40, 2.0)), ("b.mp4", [texture()] * 40))
    )
    assert len(moved) == len(still) == 2
    assert moved[0] < moved[1] and still[1] < 0.004 < moved[1]


def test_features_of_every_frame_are_followed_over_time(tmp_path: Path) -> None:
    turn = np.linspace(0, np.pi / 2, 33)
    features = np.stack([np.cos(turn), np.sin(turn)], 1)
    compared = film.Compared(features=features)
    found = measure(encode(tmp_path / "a.mp4", sliding(33, 0.5)), SIDE, "dis-fast", 0, compared)
    seconds = [np.median(1 - np.cos(turn[start : start + 16])) for start in (0, 16)]
    assert found.curves["drift_first"] == pytest.approx(seconds)
    assert found.coherence["1"] == pytest.approx(np.cos(np.pi / 4))


def test_what_lies_between_two_frames_is_half_of_the_way(tmp_path: Path) -> None:
    smooth = measured(encode(tmp_path / "a.mp4", sliding(13, 2.0)))
    shaken = [one + 30 * (-1) ** (n // 2 + n) for n, one in enumerate(sliding(13, 2.0))]
    assert smooth.values["smoothness_dis"] > 0.98
    assert measured(encode(tmp_path / "b.mp4", shaken)).values["smoothness_dis"] < 0.95


def test_parts_of_diversity_are_told_apart(tmp_path: Path) -> None:
    still, patch = texture(0, 96, 160), texture(1, 40, 40)

    def clip(name: str, down: int = 0, base: np.ndarray = still, light: float = 0.0) -> Path:
        frames = [base + light for _ in range(54)]
        for n, frame in enumerate(frames):
            frame[20 + down : 60 + down, 10 + 2 * n : 50 + 2 * n] = patch + light
        return encode(tmp_path / name, frames)

    first = clip("a.mp4")
    parts = {
        name: seeds.compare([first, other], Pooled(), 1.0, 4.0, "dis-fast").parts
        for name, other in (
            ("object", clip("b.mp4", down=30)),
            ("light", clip("c.mp4", light=20.0)),
            ("scene", clip("d.mp4", base=texture(7, 96, 160))),
        )
    }
    assert parts["object"]["background"] < 0.3 * parts["object"]["layout"]
    assert parts["light"]["look"] > 5 * parts["light"]["layout"]
    assert parts["scene"]["background"] > 0.5 * parts["scene"]["layout"] > 0.02


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_features_are_read_from_arrays_of_three_kinds(tmp_path: Path, suffix: str) -> None:
    library = pytest.importorskip("safetensors.numpy")
    video, folder = tmp_path / "a__0.mp4", tmp_path / "features"
    folder.mkdir()
    path, array = folder / f"a__0{suffix}", np.arange(1.0, 7.0, dtype=np.float32).reshape(3, 2)
    save = {
        ".npy": lambda: np.save(path, array),
        ".npz": lambda: np.savez(path, dino=array),
        ".safetensors": lambda: library.save_file({"dino": array}, path),
    }
    save[suffix]()
    assert features_of(video) == path
    np.testing.assert_array_equal(read_features(path), array)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DecodeError):
        read_features(path)
    np.savez(folder / "two.npz", a=array, b=array)
    with pytest.raises(DecodeError, match="2 arrays: a, b"):
        read_features(folder / "two.npz")


def test_features_are_arrays_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{n}.npy" for n in range(2)]
    for path in paths:
        np.save(path, rng.normal(size=(9, 5)))
    assert seeds.compare_features([paths[0], paths[0]]).value == pytest.approx(0.0)
    assert 0 < (seeds.compare_features(paths).value or 0.0) <= 2
    for wrong in (np.zeros((3, 5)), np.full((3, 5), np.nan), np.ones(5), np.ones((3, 4))):
        np.save(paths[1], wrong)
        with pytest.raises(DecodeError):
            seeds.compare_features(paths)
    np.save(paths[1], np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DecodeError):
        seeds.compare_features(paths)
    with pytest.raises(DataError, match="no features of 'a.mp4'"):
        features_of(tmp_path / "a.mp4")
