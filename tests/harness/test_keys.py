"""Content keys change with any field, and explain says which."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from harness.keys import content_key, explain, file_sha256
from harness.records import Judge, JudgeId, Task
from harness.seeds import derive_seed

IDENTITY = JudgeId(kind="openai_api", name="j", revision="r", settings={"temperature": 0.0})


def test_every_field_of_a_judge_changes_the_key_and_is_named() -> None:
    other = {"kind": "local_hf", "name": "k", "revision": "s", "settings": {"temperature": 0.5}}
    for field in JudgeId.__struct_fields__:
        changed = msgspec.structs.replace(IDENTITY, **{field: other[field]})
        assert content_key(changed) != content_key(IDENTITY)
        lines = explain(IDENTITY, changed)
        assert len(lines) == 1
        assert lines[0].startswith(field)


def test_explain_names_nested_fields_and_absent_ones() -> None:
    a = Task(suite="s", model="m", judge=Judge(frames=8), protocol={"decoder": "18.0"})
    b = Task(suite="s", model="m", judge=Judge(frames=16), protocol={"decoder": "18.1", "x": 1})
    assert explain(a, b) == [
        "judge.frames: 8 -> 16",
        "protocol.decoder: '18.0' -> '18.1'",
        "protocol.x: absent -> 1",
    ]
    assert explain(a, a) == []


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    turned = dict(reversed(list(value.items())))
    assert content_key(value) == content_key(turned)


def test_white_space_in_a_prompt_matters() -> None:
    assert content_key("a prompt") != content_key("a  prompt")


def test_parts_do_not_run_together() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert derive_seed(0, "ab", "c") != derive_seed(0, "a", "bc")


@given(st.integers(0, 10), st.text(max_size=8))
def test_seeds_are_fixed_by_names(root: int, name: str) -> None:
    assert derive_seed(root, name, 1) == derive_seed(root, name, 1)
    assert derive_seed(root, name, 1) != derive_seed(root, name, 2)
    assert 0 <= derive_seed(root, name) < 2**63


def test_file_digest(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert file_sha256(path).startswith("e3b0c44298fc1c149afbf4c8996fb924")
