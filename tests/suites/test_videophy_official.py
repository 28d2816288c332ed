"""VideoPhy's scorers against torch, the golden cases and adversarial replies."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError
from harness.records import Missing
from suites.videophy import official, strict
from suites.videophy.conform import run
from suites.videophy.ingest import read_scores, summarise

LINE = '{video},"Q\n<media>\nA ",{score}\r\n'


def scores(*pairs: tuple[str, str]) -> str:
    return "".join(LINE.format(video=video, score=score) for video, score in pairs)


def test_golden_cases_agree_and_skips_are_named(shared: Path) -> None:
    result = run(shared / "videophy" / "golden.json", None)
    assert result.mismatches == ()
    assert {skip.case.partition("-")[0] for skip in result.not_run} <= {"prompt", "official"}
    assert result.run >= 23


def test_every_planted_wrong_value_is_caught(shared: Path, tmp_path: Path) -> None:
    document = json.loads((shared / "videophy" / "golden.json").read_text())
    kept = [case for case in document["cases"] if case["kind"] not in ("prompt", "ingest_official")]
    for case in kept:
        spoil(case["expected"])
    path = tmp_path / "golden.json"
    path.write_text(json.dumps({**document, "cases": kept}))
    result = run(path, shared)
    assert {mismatch.case for mismatch in result.mismatches} == {case["id"] for case in kept}


def spoil(value: dict) -> None:
    """Change the first number found."""
    for key, inner in value.items():
        if isinstance(inner, bool) or inner is None:
            continue
        if isinstance(inner, int | float):
            value[key] = inner + 1
            return
        if isinstance(inner, list) and inner and isinstance(inner[0], int | float):
            inner[0] += 1
            return
        if isinstance(inner, list) and inner and isinstance(inner[0], str):
            inner[0] = "0.123"
            return
        if isinstance(inner, dict):
            before = copy.deepcopy(inner)
            spoil(inner)
            if inner != before:
                return


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_score_equals_torchs(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 6, (40, 3, 11))
    ids = [[5, 7, 0] if index % 3 else [5, 7, 9] for index in range(40)]
    mine = official.entailment(logits.tolist(), ids, dtype=dtype, yes_id=2, no_id=3, pad_id=0)
    for index in range(40):
        row = torch.tensor(logits[index, 1 if index % 3 else 2], dtype=getattr(torch, dtype))
        p = torch.softmax(row, 0)
        assert mine[index] == float(p[2] / (p[2] + p[3]))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_bfloat16_rounding_equals_torchs(value: float) -> None:
    torch = pytest.importorskip("torch")
    mine = float(official.rounded(np.float32(value), "bfloat16"))
    assert mine == float(torch.tensor(value, dtype=torch.float32).bfloat16())


def test_numpy_stands_in_for_torch_within_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(1).normal(0, 3, 50)
    exact = official.softmax(logits, "float32")
    monkeypatch.setattr(official.importlib.util, "find_spec", lambda name: None)
    assert official.softmax(logits, "float32") == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize(
    ("answer", "upstream", "mine"),
    [
        ("5", 5.0, 5.0), ("4.0", 0.0, 4.0), ("10", 0.0, Missing.PARSE),
        ("none", 1.0, Missing.PARSE),
        ("one another", 1.0, 1.0), ("", 0.0, Missing.PARSE),
        ("I cannot say no", 0.0, Missing.PARSE),
        ("Score: 2", 2.0, 2.0), ("4.5", 4.0, Missing.PARSE), ("someone: three", 1.0, 3.0),
        ("zero", 0.0, Missing.PARSE), ("x" * 5000, 0.0, Missing.PARSE), ("FIVE", 5.0, 5.0),
        ("３", 0.0, Missing.PARSE), ("12", 1.0, Missing.PARSE), ("-1", 1.0, 1.0),
    ],
)  # fmt: skip
def test_replies_upstream_and_here(answer: str, upstream: float, mine: float | Missing) -> None:
    assert official.parse_vp2(answer) == upstream
    assert strict.parse_vp2(answer) == mine


@pytest.mark.parametrize(
    ("raw", "value"),
    [("0.5", 0.5), ("0", 0.0), ("nan", Missing.NONFINITE), ("inf", Missing.NONFINITE),
     ("1.5", Missing.RANGE), ("-0.1", Missing.RANGE), ("yes", Missing.PARSE), ("", Missing.PARSE)],
)  # fmt: skip
def test_strict_scores_have_a_value_or_a_reason(raw: str, value: float | Missing) -> None:
    assert strict.parse_score(raw) == value


@given(st.integers(1, 500), st.integers(1, 64))
def test_frames_are_in_the_clip_and_in_order(total: int, wanted: int) -> None:
    indices = official.frame_indices(total, wanted)
    assert len(indices) == wanted
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] <= total - 1


def test_a_second_run_into_one_file_counts_the_later_rows() -> None:
    sa = read_scores(scores(("a", "0.1"), ("b", "0.2"), ("a", "0.9")), "sa")
    pc = read_scores(scores(("b", "0.5"), ("a", "0.5")), "pc")
    found = summarise(sa, pc)
    assert found["duplicates_sa"] == 1
    assert found["continuous"]["sa"] == pytest.approx(0.55)
    assert found["naive_all_rows"]["sa"] == pytest.approx(0.4)


def test_nan_spreads_as_upstream_and_is_counted() -> None:
    sa = read_scores(scores(("a", "nan"), ("b", "0.2")), "sa")
    pc = read_scores(scores(("a", "0.5"), ("b", "0.5")), "pc")
    found = summarise(sa, pc)
    assert math.isnan(found["continuous"]["sa"])
    assert found["n_nan"] == 1
    assert "binary_ge_half" not in found
    assert found["continuous_finite"] == {"sa": 0.2, "pc": 0.5, "avg": 0.35, "n": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("videopath,caption,score\r\n", "'score' is no number"),
        ("a,b\r\n", "2 columns"),
        ("", "no scores"),
        ('a,"open,0.5\r\n', "not CSV"),
    ],
)
def test_other_files_are_refused_by_line(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_scores(text, "file.csv")
