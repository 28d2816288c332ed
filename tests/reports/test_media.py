"""Files of samples: links into the user's folders, partners beside each other, nothing opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records import Artifact, JudgeId, Question, Sample, Task, TaskPlan, WorkItem
from reports.addresses import paper_address
from reports.media import links_of

VIDEO = Question(id="film")


def item(model: str, prompt: str, seed: str, *, role: str = "", there: bool = True) -> WorkItem:
    name = f"{prompt}__{seed}.mp4"
    file = Artifact(sha256="0" * 64, size=1, name=name) if there else None
    labels = {"prompt": prompt, "seed": seed, "side": model, "kind": "video"}
    return WorkItem(
        key=f"{model}/{name}", suite="toy", model=model,
        sample=Sample(id=name, suite="toy", cluster=prompt, labels=labels),
        questions=(Question(id="film", media=(role,)) if role else VIDEO,),
        artifact=file, media={role: file} if role and file else {},
    )  # fmt: skip


def plan(*items: WorkItem, videos: str | None = "/data/mine", **folders: str) -> TaskPlan:
    return TaskPlan(
        task=Task(suite="toy", model="mine", subset="all", videos=videos), protocol={},
        judge=JudgeId(kind="recorded", name="none"), items=items, folders=folders,
    )  # fmt: skip


def test_a_sample_stands_beside_its_partner_of_the_same_prompt_and_seed() -> None:
    mine = [item("mine", "a cup", seed) for seed in "01"]
    theirs = [item("teacher", "a cup", seed, role="reference") for seed in "12"]
    found = links_of(plan(*mine, *theirs, reference="/data/teacher"), Path("/data/run/report"))
    own = ("mine", "../../mine/a%20cup__1.mp4")
    other = ("reference", "../../teacher/a%20cup__1.mp4")
    assert found["mine/a cup__1.mp4"] == (own, other)
    assert found["teacher/a cup__1.mp4"] == (other, own)
    assert found["mine/a cup__0.mp4"] == (("mine", "../../mine/a%20cup__0.mp4"),)
    assert len(found["teacher/a cup__2.mp4"]) == 1


def test_what_no_folder_holds_has_no_link() -> None:
    here = Path("/data/run/report")
    absent = plan(item("mine", "a", "0", there=False), item("mine", "b", "0"))
    assert [len(links) for links in links_of(absent, here).values()] == [0, 1]
    assert links_of(plan(item("mine", "a", "0"), videos=None), here) == {"mine/a__0.mp4": ()}


def test_a_name_is_no_markup_and_no_address_of_its_own() -> None:
    hostile = "javascript:x?<b>#\"'"
    ((_, link),) = links_of(plan(item("mine", hostile, "0")), Path("/data"))[
        "mine/" + hostile + "__0.mp4"
    ]
    assert link == "mine/javascript%3Ax%3F%3Cb%3E%23%22%27__0.mp4"


@pytest.mark.parametrize(
    ("paper", "edition", "link"),
    [
        ("arXiv 1706.03762", "v5", "https://arxiv.org/abs/1706.03762v5"),
        ("arXiv:1706.03762", "readme", "https://arxiv.org/abs/1706.03762"),
        ("https://board.example/2026", "v2", "https://board.example/2026"),
        ("https://x.example onclick=y", "", ""),
        ("javascript:x", "", ""),
        ("ISBN 1706.03762", "", ""),
    ],
)
def test_a_paper_is_linked_where_its_identifier_says_where(
    paper: str, edition: str, link: str
) -> None:
    assert paper_address(paper, edition) == link
