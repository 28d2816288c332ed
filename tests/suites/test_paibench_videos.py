"""PAI-Bench from videos: real loading code with small random networks, a judge, what is absent."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.engine import Loop
from harness.plan import Prepared, prepare
from harness.protocols import INSTRUMENT, Reply
from harness.records import Judge, JudgeId, Judgment, Missing, Question, RunSpec, Task
from harness.reduce import count, judge_health, reduce_run
from harness.store import Journal, Known, load_rows
from harness.workers import InProcess, make_executor
from suites import features, network_metrics, networks
from suites.instruments import Instrument
from suites.network_metrics import Clip, Metric, NetworkMetrics
from suites.paibench import measure
from suites.paibench.data import MANIFEST
from suites.paibench.measure import METRICS
from suites.registry import get_suite

torch = pytest.importorskip("torch")
av = pytest.importorskip("av")
Image = pytest.importorskip("PIL.Image")

HUB = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 768)
    def forward(self, x):
        return self.head(x.mean((2, 3)))
def dino_vitb16(pretrained=True):
    assert not pretrained
    return Net()
"""
AMT = """
import torch
from pbench.third_party.amt.networks.half import HALF
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))
    def forward(self, a, b, t, scale_factor, eval):
        assert a.shape[-1] % 16 == a.shape[-2] % 16 == 0 and scale_factor == 1.0
        return {"imgt_pred": self.gain * (a + b) * HALF}
"""
VICLIP = """
import os, torch
WORDS = os.environ["VBENCH_CACHE_DIR"]
class ViCLIP(torch.nn.Module):
    def __init__(self, pretrain):
        super().__init__()
        assert pretrain is None and os.path.exists(WORDS + "/ViCLIP/bpe_simple_vocab_16e6.txt.gz")
        self.head = torch.nn.Linear(3, 4)
    def encode_vision(self, x, test):
        assert test and x.shape == (1, 8, 3, 224, 224)
        return self.head(x.mean((1, 3, 4)))
    def encode_text(self, caption):
        return torch.full((1, 4), float(len(caption)))
"""


def encode(path: Path, count: int, size: tuple[int, int] = (64, 48)) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(count):
            picture = np.full((size[1], size[0], 3), 40 + 20 * index, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def put(path: Path, content: str | bytes | dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        torch.save(content, path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Checkouts and weights of small networks, where those of the official ones would stand."""
    for name in [one for one in networks.sys.modules if one.split(".")[0] == "pbench"]:
        monkeypatch.delitem(networks.sys.modules, name)
    monkeypatch.setenv("VBENCH_CACHE_DIR", "")
    monkeypatch.setattr(networks, "ready_torchvision", lambda: None)
    monkeypatch.setattr(
        network_metrics, "find_spec", lambda name: name in ("torch", "timm") or None
    )
    root = tmp_path / "assets" / "paibench"
    put(root / "vbench/dino_model/facebookresearch_dino_main/hubconf.py", HUB)
    put(
        root / "vbench/dino_model/dino_vitbase16_pretrain.pth",
        {"head.weight": torch.randn(768, 3), "head.bias": torch.randn(768)},
    )
    third = root / "predict/pbench/third_party"
    put(third / "amt/networks/AMT-S.py", AMT)
    put(third / "amt/networks/half.py", "HALF = 0.5\n")
    put(third.parent / "__init__.py", "raise SystemExit('never run')\n")
    put(root / "vbench/amt_model/amt-s.pth", {"state_dict": {"gain": torch.ones(())}})
    put(third / "ViCLIP/viclip.py", VICLIP)
    put(root / "vbench/ViCLIP/bpe_simple_vocab_16e6.txt.gz", b"")
    state = {"head.weight": torch.ones(4, 3), "head.bias": torch.zeros(4)}
    put(root / "vbench/ViCLIP/ViClip-InternVid-10M-FLT.pth", {"model": state})
    put(
        root / "vbench/aesthetic_model/emb_reader/sa_0_4_vit_l_14_linear.pth",
        {"weight": torch.ones(1, 768), "bias": torch.zeros(1)},
    )
    put(root / "vbench/clip_model/ViT-B-32.pt", b"not the official file")
    put(root / "vbench/pyiqa_model/musiq_spaq_ckpt-358bb6af.pth", b"nor is this")
    return root.parent


@pytest.fixture
def videos(tmp_path: Path, assets: Path) -> Path:
    """Four prompts: two seeds; one frame and no image; no video in the file; none at all."""
    folder, root = tmp_path / "videos", assets / "paibench"
    folder.mkdir()
    ids = ["av_a", "human_1", "misc_cat", "robot_000"]
    rows = [
        {"video_id": one, "prompt_en": f"Scene {one}.", "image_name": f"{one}.jpg"} for one in ids
    ]
    put(root / "cosmos_predict2_bench_full_info.json", json.dumps(rows))
    for one in ids:
        asked = {"uid": f"{one}_Q1", "question": "Is it?", "index2ans": {"A": "yes", "B": "no"}}
        put(root / f"vqa/{one}.json", json.dumps([asked | {"answer": "A"}]))
    (root / "condition_image").mkdir()
    Image.fromarray(np.full((48, 64, 3), 40, np.uint8)).save(root / "condition_image/robot_000.jpg")
    encode(folder / "robot_000__0.mp4", 5, (136, 116))
    encode(folder / "robot_000__7.mp4", 4, (120, 144))
    encode(folder / "human_1.mp4", 1)
    (folder / "av_a__0.mp4").write_text("no video")
    texts = "system_template_binary_v0 = 'S'\nbegin_user_template_binary_v0 = 'B'\n" + (
        "def user_template_binary_v0(qa, why=False):\n    t = f\"Q: {qa['question']}\"\n"
        "    if why:\n        t += ' W'\n    else:\n        t += ' A'\n    return t\n"
    )
    put(root / "predict/pbench/prompts/evaluation_prompt.py", texts)
    return folder


class Vlm:
    """Says yes, and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None, list[str]]] = []

    def ask(self, item, question, media) -> Reply:
        self.seen.append((question.system, question.prompt, [path.name for path in media]))
        return Reply(raw="Yes.")


def planned(folder: Path, assets: Path, **judge: str) -> Prepared:
    one = Task(suite="paibench", model="m", videos=str(folder), judge=Judge(**judge))
    return prepare(RunSpec(name="t", assets=str(assets), tasks=(one,)), get_suite)


def run(ready: Prepared, folder: Path, vlm: Vlm) -> list:
    with Journal(folder / "journal.jsonl", fsync=False) as journal:
        Loop(
            prepared=ready,
            journal=journal,
            known=Known.of([]),
            judge_of=lambda plan, n, name: ready.workloads[n].instruments.get(name, vlm),
            executor_of=lambda plan, name: InProcess(),
        ).run()
    return load_rows(folder)


def test_videos_are_measured_with_what_is_there_and_judged(videos: Path, assets: Path):
    server = {"kind": "openai_api", "name": "vlm", "base_url": "http://127.0.0.1:9/v1"}
    ready, vlm = planned(videos, assets, **server), Vlm()
    rows = run(ready, videos.parent, vlm)
    ids = {item.key: item.sample.id for item in ready.plan.tasks[0].items}
    found = {(ids[row.item], row.question): row for row in rows if isinstance(row, Judgment)}
    measured = ("i2v_subject", "motion_smoothness", "overall_consistency", "subject_consistency")
    for seed in ("0", "7"):
        values = {name: found["robot_000", f"{seed}/{name}"] for name in measured}
        assert all(-1 <= float(one.raw) <= 1 for one in values.values())
    assert float(found["robot_000", "0/motion_smoothness"].raw) > 0.98
    assert found["human_1", "default/subject_consistency"].detail.startswith("one frame")
    assert found["human_1", "default/i2v_subject"].missing is Missing.INPUT
    assert found["av_a", "0/motion_smoothness"].missing is Missing.DECODE
    assert vlm.seen[0] == ("S", "B\n\nQ: Is it? A", ["av_a__0.mp4"])
    assert [shown for *_, shown in vlm.seen] == [
        ["av_a__0.mp4"],
        ["human_1.mp4"],
        ["robot_000__0.mp4"],
    ]
    reduced = reduce_run(ready.plan, ready.suites, rows)
    cells = {(c.column, c.group): c.estimate for c in reduced if c.scorer == "official"}
    assert cells["domain_robot", "all"].value == 100
    assert cells["motion_smoothness", "domain=robot"].value is not None
    assert cells["imaging_quality", "all"].value is None
    notes = "\n".join(ready.workloads[0].notes)
    for said in (
        "1 of 4 videos are absent: 'misc_cat'",
        "i2v_background is not measured: dreamsim is absent",
        "background_consistency is not measured: clip_model/ViT-B-32.pt is not the official file",
        "aesthetic_quality is not measured: clip_model/ViT-L-14.pt is absent",
        "musiq_spaq_ckpt-358bb6af.pth is not the official file",
        "2 conditioning images are absent",
        "evaluation_prompt.py has sha256",
    ):
        assert said in notes, said


def test_what_a_network_cannot_take_is_a_reason(videos: Path, assets: Path, tmp_path: Path):
    def full(nets: object, clip: Clip) -> float:
        raise RuntimeError("CUDA out of memory.\nTried to allocate")

    metrics = {"motion_smoothness": METRICS["motion_smoothness"], "hungry": Metric((), full)}
    found = NetworkMetrics(MANIFEST, metrics, assets, "cpu")
    encode(tmp_path / "small.mp4", 5, (128, 112))
    said = [
        found.instrument.ask(None, one, [tmp_path / "small.mp4"])
        for one in found.questions("0", "", "")
    ]
    assert [(one.missing, one.detail) for one in said] == [
        (Missing.SCORER, "AMT-S needs 113 pixels a side, got 128 x 112"),
        (Missing.JUDGE, "CUDA out of memory."),
    ]


def in_a_process(instrument: Instrument, path: Path, asked: Question) -> tuple[str, int, Reply]:
    return asked.id, torch.get_num_threads(), instrument.ask(None, asked, [path])  # type: ignore[arg-type]


def test_every_core_measures_and_computes_on_one_thread(assets: Path, tmp_path: Path):
    names = ("motion_smoothness", "subject_consistency")
    found = NetworkMetrics(MANIFEST, {name: METRICS[name] for name in names}, assets, "cpu")
    encode(tmp_path / "a.mp4", 5, (128, 128))
    call = partial(in_a_process, found.instrument, tmp_path / "a.mp4")
    replies = sorted(make_executor("processes", 2).map(call, found.questions("0", "", "")))
    assert [name for name, *_ in replies] == [f"0/{name}" for name in names]
    assert {(threads, reply.missing) for _, threads, reply in replies} == {(1, None)}


def test_weights_are_part_of_who_measured(videos: Path, assets: Path):
    first = planned(videos, assets).plan
    settings = first.tasks[0].judges["networks"].settings
    assert len(str(settings["dino"])) == 64 and settings["device"] == "cpu"
    assert {"amt", "amt code", "viclip"} <= settings.keys() and "clip b32" not in settings
    put(assets / "paibench/vbench/amt_model/amt-s.pth", {"state_dict": {"gain": torch.zeros(())}})
    second = planned(videos, assets).plan
    assert second.tasks[0].judges["networks"] != first.tasks[0].judges["networks"]
    assert second.id != first.id


def test_without_a_judge_only_the_dimensions_are_asked(videos: Path, assets: Path):
    ready = planned(videos, assets)
    assert {q.judge for item in ready.plan.tasks[0].items for q in item.questions} == {"networks"}
    assert "no judge is asked" in "\n".join(ready.workloads[0].notes)


def test_who_asks_for_the_dimensions_alone_gets_a_whole_run(
    videos: Path, assets: Path, monkeypatch
):
    """Columns of the judge are excluded by plan; a network without weights leaves a gap."""
    encode(videos / "robot_000__7.mp4", 4, (136, 116))
    for absent in ("av_a__0.mp4", "human_1.mp4"):
        (videos / absent).unlink()
    (videos / "misc_cat.mp4").write_bytes((videos / "robot_000__7.mp4").read_bytes())

    def counted() -> dict[str, int]:
        ready = planned(videos, assets)
        rows = run(ready, videos.parent, Vlm())
        (videos.parent / "journal.jsonl").unlink()
        (health,) = judge_health(ready.plan, ready.suites, rows)
        assert health.replies == 0  # numbers are measured, not replied
        return count(ready.plan, ready.suites, rows)

    assert counted()["input absent"] == 4  # weights are absent, and videos
    monkeypatch.setattr(NetworkMetrics, "_fault", lambda self, network: "")
    monkeypatch.setattr(network_metrics, "_measured", lambda *given: 0.5)
    assert counted() == {"planned": 4, "scored": 1, "input absent": 3}


def fake(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    """Put a module of a package that is not installed where imports find it."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(networks.sys.modules, ".".join(parts[:end]), ModuleType("fake"))
    for key, value in members.items():
        setattr(networks.sys.modules[name], key, value)


class Head(torch.nn.Module):
    """A linear map of mean colours, under the names that packages give their encoders."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.mean((2, 3)))

    encode_image = embed = forward


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_packages_load_the_users_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "ready_torchvision", lambda: None)
    frames = np.random.default_rng(1).integers(0, 256, (3, 40, 60, 3), dtype=np.uint8)
    clip, state = Clip(frames, frames[0], ""), Head(512).state_dict()

    def build(found: dict, cast_dtype: object) -> Head:
        made = Head(512)
        made.load_state_dict(found)
        return made

    class Archive(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(3, 512)

        def forward(self) -> int:
            return 0

    holder = Archive()
    holder.load_state_dict(state)
    torch.jit.script(holder).save(str(tmp_path / "clip.pt"))
    fake(monkeypatch, "open_clip.model", build_model_from_openai_state_dict=build)
    fake(monkeypatch, "pyiqa.archs.musiq_arch", MUSIQ=lambda pretrained: Head(1))
    fake(monkeypatch, "dreamsim", dreamsim=lambda pretrained, device, cache_dir: (Head(1792), None))
    torch.save({"params": Head(1).state_dict()}, tmp_path / "musiq.pth")
    files = {
        "clip b32": tmp_path / "clip.pt",
        "musiq": tmp_path / "musiq.pth",
        "dreamsim": tmp_path,
    }
    nets = {name: networks.LOADERS[name].load(files, "cpu") for name in files}
    pixels = measure._clip_pixels(frames)
    own = build(state, None)(pixels).detach().numpy()
    np.testing.assert_allclose(nets["clip b32"](pixels), own, atol=1e-6)
    background = METRICS["background_consistency"].measure(nets, clip)
    assert background == pytest.approx(features.temporal_consistency(own).score, abs=1e-6)
    assert np.isfinite(METRICS["imaging_quality"].measure(nets, clip))
    assert METRICS["i2v_background"].measure(nets, clip) <= 1 + 1e-9


def test_weights_that_would_run_code_are_refused(tmp_path: Path):
    torch.save({"state": Path("x")}, tmp_path / "bad.pth")
    with pytest.raises(Exception, match=r"[Ww]eights only"):
        networks.weights(tmp_path / "bad.pth")


@pytest.mark.parametrize(("height", "width"), [(48, 64), (90, 50), (224, 224)])
def test_pixels_are_resized_cropped_and_scaled(height: int, width: int):
    frames = np.full((2, height, width, 3), 128, np.uint8)
    found = measure._clip_pixels(frames)
    assert found.shape == (2, 3, 224, 224)
    wanted = (128 / 255 - np.array(measure._CLIP[0])) / np.array(measure._CLIP[1])
    np.testing.assert_allclose(found.mean((0, 2, 3)).numpy(), wanted, atol=1e-5)


def test_bicubic_overshoot_is_kept_unless_frames_are_resized_as_levels():
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    frames[:, :, 16:] = 255
    free = measure.pixels(frames, (224, 224))
    cut = measure.pixels(frames, (224, 224), whole=True)
    assert float(free.min()) < 0 and float(free.max()) > 1
    assert float(cut.min()) == 0 and float(cut.max()) == 1


def answer(call: Callable[[], float]) -> Reply:
    who = JudgeId(kind=INSTRUMENT, name="test")
    return Instrument(who, lambda question, media: call()).ask(None, None, [Path()])  # type: ignore[arg-type]


def test_a_measurement_is_a_number_or_a_reason():
    assert answer(lambda: 0.5).raw == "0.5"
    assert answer(lambda: float("nan")).missing is Missing.NONFINITE
    wide = answer(lambda: features.temporal_consistency(np.ones((2, 5)), 768).score)
    assert wide.missing is Missing.RANGE and "(2, 5)" in wide.detail
