"""Frames are found by counting: clips whose frames show their number as bars."""

from __future__ import annotations

import importlib
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, PreconditionError
from harness.video import DecodeError, decoder_id, frame_count, read_frames, spread_indices

av = pytest.importorskip("av", reason="the video extra is not installed")

SIDE, BITS = 64, 8
NTSC = Fraction(30000, 1001)


def numbered(number: int) -> np.ndarray:
    """A picture of ``number``: bar b is white where bit b is set."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            picture[:, bit * SIDE // BITS : (bit + 1) * SIDE // BITS] = 255
    return picture


def number_in(picture: np.ndarray) -> int:
    bars = picture.reshape(SIDE, BITS, SIDE // BITS, 3).mean(axis=(0, 2, 3))
    return sum(1 << bit for bit in range(BITS) if bars[bit] > 128)


def write_clip(
    path: Path,
    frames: int = 40,
    *,
    codec: str = "libx264",
    times: list[int] | None = None,
    movflags: str = "",
) -> Path:
    """Encode a numbered clip with B-frames; ``times`` are presentation times in 1/90000 s."""
    options = {"bf": "3", "g": "12"} if codec == "libx264" else {}
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=NTSC, options=options)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 90000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def with_edit_list(source: Path, target: Path, skipped: int) -> Path:
    """Copy a clip so that its edit list starts ``skipped`` frames in."""
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                shift = round(skipped / NTSC / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", movflags="faststart")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.mov", "mpeg4")],
)
def test_every_frame_is_found_at_its_own_index(tmp_path: Path, name: str, codec: str) -> None:
    path = write_clip(tmp_path / name, 30, codec=codec)
    assert frame_count(path) == 30
    assert [number_in(frame) for frame in read_frames(path, range(30))] == list(range(30))


def test_a_fragmented_file_is_whole_although_its_header_lists_nothing(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "live.mp4", 30, movflags="frag_keyframe+empty_moov")
    assert frame_count(path) == 30
    assert number_in(read_frames(path, [29])[0]) == 29


def test_frames_come_in_the_order_asked_for_with_repetitions(clip: Path) -> None:
    frames = read_frames(clip, [39, 0, 7, 7, 12])
    assert [number_in(frame) for frame in frames] == [39, 0, 7, 7, 12]
    assert all(frame.shape == (SIDE, SIDE, 3) and frame.dtype == np.uint8 for frame in frames)


def test_an_edit_list_decides_what_the_first_frame_is(clip: Path, tmp_path: Path) -> None:
    """Both inside a group of pictures and behind its end, where packets vanish from the index."""
    for skipped in (3, 14):
        path = with_edit_list(clip, tmp_path / f"{skipped}.mp4", skipped)
        assert frame_count(path) == 40 - skipped
        found = [number_in(frame) for frame in read_frames(path, [0, 1, 39 - skipped])]
        assert found == [skipped, skipped + 1, 39]


def test_uneven_times_and_a_late_start_do_not_move_frames(tmp_path: Path) -> None:
    """Index / rate would be wrong for every frame here."""
    times = [90000 + 3003 * i + (40000 if i > 9 else 0) + (i % 3) * 700 for i in range(20)]
    path = write_clip(tmp_path / "uneven.mp4", 20, times=times)
    with av.open(str(path)) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    steps = np.diff(shown)
    assert steps.max() > 5 * steps.min()
    assert frame_count(path) == 20
    assert [number_in(frame) for frame in read_frames(path, range(20))] == list(range(20))


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_an_error_not_a_shorter_video(
    clip: Path, tmp_path: Path, keep: float
) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: int(keep * clip.stat().st_size)])
    with pytest.raises(DecodeError, match=r"cut\.mp4"):
        frame_count(cut)


def test_a_file_cut_exactly_between_two_packets_is_noticed(clip: Path, tmp_path: Path) -> None:
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    ends = sorted(packet.pos + packet.size for packet in packets)
    cut = tmp_path / "cut.mp4"
    for kept in (1, 20, 37, 39):
        cut.write_bytes(clip.read_bytes()[: ends[kept - 1]])
        with pytest.raises(DecodeError, match=f"lists 40 packets, the file holds {kept}"):
            frame_count(cut)


def test_a_last_packet_that_is_cut_is_noticed_where_the_decoder_would_conceal_it(
    tmp_path: Path,
) -> None:
    whole = write_clip(tmp_path / "whole.mp4", codec="mpeg4", movflags="faststart").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[:-3])
    with pytest.raises(DecodeError, match="packet 40 is cut or damaged"):
        frame_count(cut)


def test_decoding_stops_at_the_last_frame_asked_for(clip: Path, tmp_path: Path) -> None:
    """Behind it the file may even be damaged."""
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: int(0.9 * clip.stat().st_size)])
    assert number_in(read_frames(cut, [2])[0]) == 2


def test_a_cut_webm_is_noticed_although_its_demuxer_ends_quietly(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.webm", codec="libvpx-vp9").read_bytes()
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole[: int(0.8 * len(whole))])
    with pytest.raises(DecodeError, match="the header states"):
        frame_count(cut)


def test_zeros_in_place_of_the_data_are_an_error(clip: Path, tmp_path: Path) -> None:
    content = clip.read_bytes()
    start = content.index(b"mdat") + 4
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content[:start] + bytes(len(content) - start))
    with pytest.raises(DecodeError):
        frame_count(broken)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"just some words\n" * 40, "cannot be decoded"),
        (b"\x1b[31mANSI art\x1b[0m\n" * 40, "cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "cannot be decoded"),
        (bytes(range(256)) * 8, "cannot be decoded"),
    ],
)
def test_what_is_no_video_is_one_clear_message(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        read_frames(path, [0])
    assert isinstance(caught.value, DataError)
    assert said in caught.value.what
    assert str(path) in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_playlist_named_as_a_video_opens_no_other_file(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "playlist.m3u8"
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n"
        f"#EXTINF:5,\n{clip.as_uri()}\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(DecodeError, match="cannot be decoded"):
        frame_count(path)


def test_sound_without_pictures_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DecodeError, match="holds no video"):
        frame_count(path)


def test_a_folder_and_an_absent_file_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="Is a directory"):
        frame_count(tmp_path)
    with pytest.raises(DecodeError, match="No such file"):
        frame_count(tmp_path / "absent.mp4")


def test_a_name_that_means_something_to_ffmpeg_is_only_a_name(clip: Path, tmp_path: Path) -> None:
    for name in ("concat:a.mp4|b.mp4", "%03d.mp4", "-i.mp4", "naïve ☂.mp4"):
        copy = tmp_path / name
        copy.write_bytes(clip.read_bytes())
        assert frame_count(copy) == 40


def test_an_index_outside_the_video_is_refused(clip: Path) -> None:
    with pytest.raises(DecodeError, match="frame 40 was asked for, but the video has only 40"):
        read_frames(clip, [0, 40])
    with pytest.raises(ValueError, match="-1"):
        read_frames(clip, [3, -1])
    assert read_frames(clip, []) == []


def test_reading_twice_gives_the_same_bytes(clip: Path) -> None:
    first, again = read_frames(clip, [5, 25]), read_frames(clip, [25, 5])[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_the_decoder_is_named_with_both_versions() -> None:
    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    assert decoder_id() == f"PyAV {av.__version__}, libavcodec {codec}"


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PreconditionError, match=r"kairos-eval\[video\]"):
        decoder_id()


def test_importing_the_module_does_not_load_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "harness.video")
    assert importlib.import_module("harness.video").spread_indices(3, 2) == [0, 2]


@given(count=st.integers(1, 5000), wanted=st.integers(1, 64))
def test_spread_indices_stay_inside_in_order_and_as_even_as_whole_numbers_can_be(
    count: int, wanted: int
) -> None:
    found = spread_indices(count, wanted)
    assert len(found) == wanted
    assert found[0] == 0
    assert found[-1] == (count - 1 if wanted > 1 else 0)
    exact = [Fraction(k * (count - 1), max(1, wanted - 1)) for k in range(wanted)]
    assert all(abs(a - b) <= Fraction(1, 2) for a, b in zip(found, exact, strict=True))


def test_spread_indices_round_halves_to_even_and_refuse_nothing_to_choose_from() -> None:
    assert spread_indices(2, 3) == [0, 0, 1]
    assert spread_indices(4, 3) == [0, 2, 3]
    assert spread_indices(6, 3) == [0, 2, 5]
    for count, wanted in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            spread_indices(count, wanted)
