"""PAI-Bench as a suite: eight dimensions of a video, and questions about it to a judge.

A sample is a prompt with all its videos, one per seed. The numbers of networks and the replies of
the judge answer questions named ``seed/dimension`` and ``seed/uid``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.assets import Manifest
from harness.conform import Conformance
from harness.protocols import (
    EXAMPLE_MODEL,
    INSTRUMENT,
    Answer,
    Column,
    Scorer,
    SuiteInfo,
    Value,
    Workload,
)
from harness.records import Drawing, Missing, Question, Task, TaskPlan, WorkItem
from suites import paired
from suites.network_metrics import NETWORKS
from suites.paibench import conform, official, strict
from suites.paibench.data import MANIFEST, VIDEOS, uid_of
from suites.paibench.ingest import PAIRS
from suites.paibench.official import DIMENSIONS, DOMAINS
from suites.paibench.workload import load_workload

FILES, DOMAIN = "files", "domain_score"
"""Metrics: how many videos a prompt has, and the share of its questions answered as expected."""
_BACKGROUND = "background_consistency"
_ROUNDING = 1e-6
"""By so much cosines in float32 pass the ends of their range."""
_LOWEST = dict.fromkeys(DIMENSIONS, 0.0) | {"overall_consistency": -1.0}

CITATION = """@misc{paibench,
  title = {PAI-Bench: A Comprehensive Benchmark For Physical AI},
  note = {arXiv:2512.01989, repository SHI-Labs/physical-ai-bench}
}"""

TITLES = ("i2v-bg", "i2v-s", "aes", "img", "bg-con", "mot", "sub-con", "o-con")
"""What tables call the dimensions."""


def columns(scorer: str) -> tuple[Column, ...]:
    """Return the printed columns: the dimensions, the domains, and what is made of them.

    The official scorer weighs every video file alike, and in ``background_consistency`` every pair
    of frames; the strict one every prompt.
    """
    sizes = dict.fromkeys(DIMENSIONS, FILES) | {_BACKGROUND: PAIRS} if scorer == "official" else {}
    return (
        *(
            _percent(name, title, {name: 1.0}, sizes.get(name, ""), _LOWEST[name])
            for name, title in zip(DIMENSIONS, TITLES, strict=True)
        ),
        *(_judged(f"domain_{name}", name.replace("_", " "), domain=name) for name in DOMAINS),
        _judged("overall_accuracy", "Accuracy"),
        _judged("domain_seven", "Domain, misc too", over=("domain",)),
        _judged(DOMAIN, "Domain", over=("domain",), printed="yes"),
        _sum("quality_score", "Quality", dict.fromkeys(DIMENSIONS, 1 / 8)),
        _sum("overall_score", "Overall", {"quality_score": 0.5, DOMAIN: 0.5}, "judge"),
    )


def _percent(
    name: str, title: str, weights: dict[str, float], size: str = "", lo: float = 0.0, **rest: Any
) -> Column:
    """Return a mean of a metric over prompts, drawn within domains."""
    shown = {"scale": 100.0, "decimals": 1, "unit": "percent", "strata": ("domain",)} | rest
    return Column(name=name, title=title, weights=weights, weighted_by=size, lo=lo, hi=1, **shown)


def _judged(name: str, title: str, over: tuple[str, ...] = (), **labels: str) -> Column:
    """Return a mean of what the judge found, over prompts that have questions."""
    where = {"asked": "yes", **labels}
    decimals = 1 if "domain" in labels else 2
    return _percent(
        name, title, {DOMAIN: 1.0}, over=over, where=where, decimals=decimals, critical=("judge",)
    )


def _sum(name: str, title: str, of: dict[str, float], *critical: str) -> Column:
    lo = -100 / 8  # where overall_consistency, a cosine, is -1
    return Column(name=name, title=title, of=of, lo=lo, hi=100, unit="percent", critical=critical)


class PaiBench:
    """The benchmark; see ``README.md`` beside this file for its protocol and traps."""

    info = SuiteInfo(
        name="paibench",
        title="PAI-Bench",
        metrics={
            **{name: (_LOWEST[name], 1.0) for name in DIMENSIONS},
            PAIRS: (0.0, 1e9),
            FILES: (1.0, 1e6),
            DOMAIN: (0.0, 1.0),
        },
        groups=("domain",),
        judged_by=dict.fromkeys((*DIMENSIONS, PAIRS), NETWORKS),
        columns={name: columns(name) for name in ("official", "strict")},
        scorers=(
            Scorer(
                name="official",
                title="official",
                description="The upstream rules; absent videos leave every denominator.",
            ),
            Scorer(
                name="strict",
                title="strict",
                description="Whole-word replies without their reasoning, one without an answer is "
                "wrong; every prompt weighs the same, however many videos and frames it has.",
            ),
        ),
        subsets=VIDEOS,
        subset_labels={"full": {}, "robot": {"domain": "robot"}},
        protocol={"judge": ()},
        critical=("subset",),
        judges=("recorded", "openai_api", "local_hf", INSTRUMENT),
        citation=CITATION,
        licence="code MIT, parts of it other licences; the dataset is read from the user's copy",
        needs="videos for the 1,044 prompts (174 of them robot) or official result files of them, "
        "the prompt and question files, and the judge of the printed numbers, which is unnamed",
    )

    def load(self, task: Task, assets: Path | None) -> Workload:
        """Read the prompts with their videos or official results."""
        return load_workload(task, assets)

    def score(
        self, item: WorkItem, answers: Mapping[str, Answer], scorer: str, task: Task
    ) -> Sequence[Value]:
        """Return the values of one prompt over its videos."""
        pairs = _numbers(PAIRS, item, answers)
        seeds = {question.id.partition("/")[0] for question in item.questions}
        return [
            *(_dimension(name, item, answers, scorer) for name in DIMENSIONS),
            pairs if isinstance(pairs, Value) else Value(metric=PAIRS, value=math.fsum(pairs)),
            Value(metric=FILES, value=float(len(seeds))),
            _domain(item, answers, scorer),
        ]

    def unanswered(self, question: Question, answer: Answer, task: Task) -> Missing | None:
        """Return why a reply of the judge holds no answer, or that a network broke down.

        Other reasons for having no number lie in the video, and asking again changes nothing.
        """
        if question.judge == NETWORKS:
            return answer.missing if answer.missing is Missing.JUDGE else None
        if answer.raw is None or answer.missing:
            return answer.missing
        found = strict.parse(answer.raw)
        return found if isinstance(found, Missing) else None

    def official_files(self) -> Manifest:
        """Return the dataset, the judge's texts, and code and weights of the networks."""
        return MANIFEST

    def conform(self, path: Path, assets: Path | None) -> Conformance:
        """Run cases of this benchmark's rules."""
        return conform.run(path)

    def examples(self) -> Sequence[Task]:
        """Return the made-up result files that ship."""
        return (Task(suite=self.info.name, model=EXAMPLE_MODEL, example=True),)

    def drawings(self, task: TaskPlan, *rest: object) -> Sequence[Drawing]:
        """Return nothing: the tables show a task by itself."""
        return ()

    def pair_drawings(self, first: paired.Result, second: paired.Result) -> Sequence[Drawing]:
        """Return how two tasks differ on the prompts of both, such as 5 s and 15 s."""
        return paired.differences(first, second, self)


def _heard(item: WorkItem) -> list[Question]:
    """Return what the judge is asked about the videos of a prompt."""
    return [one for one in item.questions if one.judge != NETWORKS]


def _numbers(metric: str, item: WorkItem, answers: Mapping[str, Answer]) -> list[float] | Value:
    """Return the numbers that networks gave, one per video, or why one of them is absent.

    Who asks the judge and measures no dimension at all has excluded them.
    """
    asked = [one.id for one in item.questions if one.judge == NETWORKS]
    found = [answers[one].as_value(metric) for one in asked if one.endswith(f"/{metric}")]
    if not found:
        planned = {one.rpartition("/")[2] for one in asked} & {*DIMENSIONS} or not _heard(item)
        why = Missing.INPUT if planned else Missing.SKIPPED
        return Value(metric=metric, value=None, missing=why, detail="nothing measured it")
    gap = next((value for value in found if value.value is None), None)
    return gap or [value.value for value in found if value.value is not None]


def _dimension(name: str, item: WorkItem, answers: Mapping[str, Answer], scorer: str) -> Value:
    """Return the mean of a dimension over the videos of a prompt."""
    found = _numbers(name, item, answers)
    if isinstance(found, Value):
        return found
    weighed = scorer == "official" and name == _BACKGROUND and len(found) > 1
    sizes = _numbers(PAIRS, item, answers) if weighed else []
    if isinstance(sizes, Value):
        return Value(metric=name, value=None, missing=sizes.missing, detail=sizes.detail)
    value = official.aggregate(name, found, sizes)
    end = min(max(value, _LOWEST[name]), 1.0)
    return Value(metric=name, value=end if abs(end - value) <= _ROUNDING else value)


def _domain(item: WorkItem, answers: Mapping[str, Answer], scorer: str) -> Value:
    """Return the mean over the questions of a prompt of the share answered as expected."""
    exact = scorer == "strict"
    correct = strict.answer_correct if exact else official.answer_correct
    flags: list[tuple[str, float]] = []
    for question in _heard(item):
        name, reply = question.id.partition("/")[2], answers[question.id]
        if reply.raw is None:
            return Value(metric=DOMAIN, value=None, missing=reply.missing, detail=reply.detail)
        heard = reply.missing is None or not exact  # upstream reads cut and refused replies
        right = heard and correct(reply.raw, str(item.sample.inputs[name]))
        flags.append((uid_of(name), right))
    if not flags:
        why = "no judge was asked"
        return Value(metric=DOMAIN, value=None, missing=Missing.SKIPPED, detail=why)
    return Value(metric=DOMAIN, value=official.video_accuracy(flags))


SUITE = PaiBench()
