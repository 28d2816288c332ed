"""From a task to its samples: official result files, or a folder of videos to be measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import msgspec

from harness.assets import locate, require
from harness.errors import DataError
from harness.protocols import INSTRUMENT, Answer, Workload
from harness.records import Judge, JudgeId, Missing, Question, Sample, Task, WorkItem
from suites.network_metrics import IMAGE, NETWORKS, NetworkMetrics
from suites.paibench.data import (
    MANIFEST,
    Asked,
    Prompt,
    by_id,
    counted,
    load_prompts,
    load_questions,
)
from suites.paibench.ingest import read_results
from suites.paibench.measure import METRICS
from suites.paibench.official import DIMENSIONS, PRINTED, judged
from suites.paibench.prompts import Texts, load_texts
from suites.videos import (
    artifact_of,
    as_example,
    check_input,
    completeness_notes,
    is_file_name,
    item_of,
    match_videos,
)

Questions = Mapping[str, tuple[Asked, ...]]


def load_workload(task: Task, assets: Path | None) -> Workload:
    """Read the samples and inputs of a task.

    Raises:
        ConfigError: the task names no input, or both kinds.
        DataError, PreconditionError: an input is wrong or absent.
    """
    if task.example:
        with as_file(files("suites.paibench") / "examples") as folder:
            paths = [folder / f"{name}.json" for name in ("eval_results", "vqa_detailed_results")]
            filled = msgspec.structs.replace(task, results=tuple(map(str, paths)))
            return as_example(load_workload(msgspec.structs.replace(filled, example=False), folder))
    check_input(task, "either `videos` (a folder) or `results` (files of the official scripts)")
    path, notes = require(MANIFEST, "prompts", assets)
    prompts = [one for one in load_prompts(path) if task.subset != "robot" or one.domain == "robot"]
    prompts.sort(key=lambda one: one.id)
    judges = bool(task.results) or task.judge.kind != "recorded"
    folder = require(MANIFEST, "questions", assets)[0] if judges else None
    questions = load_questions(folder, [one.id for one in prompts]) if folder else {}
    if task.results:
        found = from_results(task, prompts, questions)
    else:
        found = from_videos(task, prompts, questions, assets)
    return msgspec.structs.replace(
        found,
        notes=(*notes, *counted(task.subset, prompts, questions), *found.notes),
        protocol={**found.protocol, **task.protocol},
    )


def _sample(prompt: Prompt, questions: Questions) -> Sample:
    """Return a prompt as a sample; one without questions enters no domain, as upstream has it."""
    kinds = {
        "printed": prompt.domain in PRINTED,
        "asked": not questions or prompt.id in questions,
    }
    return Sample(
        id=prompt.id,
        suite="paibench",
        cluster=prompt.id,
        labels={"domain": prompt.domain} | {k: "yes" if v else "no" for k, v in kinds.items()},
        inputs={one.name: one.expected for one in questions.get(prompt.id, ())},
    )


def from_results(task: Task, prompts: Sequence[Prompt], questions: Questions) -> Workload:
    """Return the prompts with what official files have on record, all seeds of a prompt in one.

    Raises:
        DataError: no video of the files belongs to the benchmark.
    """
    found = read_results([Path(path) for path in task.results], questions)
    listed, known = found.scores.keys() | found.replies.keys(), {one.id for one in prompts}
    strange = sorted(listed - known)
    if not known & listed:
        raise DataError(
            f"none of the {len(strange)} videos of the files is a prompt of the subset",
            where=", ".join(task.results),
            expected="ids such as " + ", ".join(sorted(known)[:3]),
        )
    stored = (answers for seeds in found.scores.values() for answers in seeds.values())
    metrics = sorted({name for answers in stored for name in answers})
    items: list[WorkItem] = []
    answers: dict[str, dict[str, Answer]] = {}
    for prompt in prompts:
        uids = [one.name for one in questions.get(prompt.id, ())]
        kinds = ((NETWORKS, found.scores, metrics), ("", found.replies, uids))
        seeds = {seed: {} for _, kind, _ in kinds for seed in kind.get(prompt.id, {})}
        asked = {
            Question(id=f"{seed}/{name}", judge=judge): replies.get(name, _GAP)
            for judge, kind, names in kinds
            for seed, replies in sorted(kind.get(prompt.id, seeds if kind else {}).items())
            for name in names
        }
        sample, missing = _sample(prompt, questions), None if asked else Missing.INPUT
        items.append(item_of(task, sample, tuple(asked), missing=missing))
        answers[items[-1].key] = {question.id: reply for question, reply in asked.items()}
    lacking = [name for name in DIMENSIONS if name not in metrics]
    notes = _said(
        (strange, f"{len(strange)} ids are not in the subset, e.g. {strange[:1]}"),
        (lacking, f"nothing on record of {', '.join(lacking)}"),
        _uneven(items),
        (not found.replies, "no replies of a judge: the domain columns stay empty"),
    )
    return Workload(
        items=tuple(items),
        protocol={"judge": found.judge or "unknown"},
        notes=(*found.notes, *notes),
        answers=answers,
        judge=JudgeId(kind="recorded", name=found.judge or "unknown"),
        judges={NETWORKS: JudgeId(kind=INSTRUMENT, name="official script")},
    )


_GAP = Answer(raw=None, missing=Missing.INPUT, detail="not in the official files")


def _said(*remarks: tuple[object, str]) -> list[str]:
    """Return the remarks that there is reason for."""
    return [text for reason, text in remarks if reason]


def _uneven(items: Iterable[WorkItem]) -> tuple[bool, str]:
    """Say whether prompts have unlike numbers of seeds."""
    counts = {len({q.id.partition("/")[0] for q in item.questions}) for item in items} - {0}
    text = f"{min(counts, default=0)} to {max(counts, default=0)} seeds per prompt"
    return len(counts) > 1, f"{text}: upstream weighs every file alike"


def from_videos(
    task: Task, prompts: Sequence[Prompt], questions: Questions, assets: Path | None
) -> Workload:
    """Return the prompts with their videos, to be measured by networks and shown to a judge."""
    folder, images = Path(str(task.videos)), locate(MANIFEST, "images", assets).path
    seeds = by_id(_stems(folder), [one.id for one in prompts])
    wanted = {stem: f"{stem}.mp4" for some in seeds.values() for stem in some.values()}
    absent = {one.id: f"{one.id}.mp4" for one in prompts if one.id not in seeds}
    match = match_videos(wanted | absent, folder)
    names = {one.id: one.image for one in prompts if is_file_name(one.image)}
    pictures = match_videos(names, images).found if images else {}
    device = task.judges.get(NETWORKS, Judge(device="cpu")).device
    networks = NetworkMetrics(MANIFEST, METRICS, assets, device)
    code, remarks = require(MANIFEST, "texts", assets) if questions else (None, ())
    texts = load_texts(code) if code else None
    items: list[WorkItem] = []
    for prompt in prompts:
        found = {seed: match.found[stem] for seed, stem in seeds.get(prompt.id, {}).items()}
        shown = {seed for _, seed in judged(prompt.id, {path.name for path in found.values()})}
        media = {f"seed {seed}": artifact_of(path) for seed, path in found.items()}
        asked: list[Question] = []
        for seed in found:
            asked += networks.questions(seed, f"seed {seed}", prompt.caption)
            if texts and seed in shown:
                asked += _asked(seed, questions.get(prompt.id, ()), texts)
        first, missing = next(iter(media.values()), None), None if found else Missing.INPUT
        sample = _sample(prompt, questions)
        item = item_of(task, sample, tuple(asked), artifact=first, missing=missing)
        if found and prompt.id in pictures:
            media[IMAGE] = artifact_of(pictures[prompt.id])
        items.append(msgspec.structs.replace(item, media=media))
    blind = len(seeds.keys() - pictures.keys())
    notes = _said(
        (blind, f"{blind} conditioning images are absent: no i2v values there"),
        _uneven(items),
        (not questions, "no judge is asked: the domain columns stay empty"),
    )
    roles = {role: str(folder) for item in items for role in item.media}
    return Workload(
        items=tuple(items),
        protocol={"judge": task.judge.name if questions else "unknown"},
        notes=(*remarks, *completeness_notes(match, len(prompts)), *networks.notes(), *notes),
        instruments={NETWORKS: networks.instrument},
        folders={**roles, IMAGE: str(images)} if images else roles,
    )


def _asked(seed: str, questions: Iterable[Asked], texts: Texts) -> list[Question]:
    """Return what the judge is asked about one video."""
    shared = Question(id="", system=texts.system, media=(f"seed {seed}",))
    return [
        msgspec.structs.replace(shared, id=f"{seed}/{one.name}", prompt=texts.ask(one.text))
        for one in questions
    ]


def _stems(folder: Path) -> list[str]:
    """Return the names of the videos in a folder, without their suffix."""
    files = match_videos({}, folder).surplus
    return [name.removesuffix(".mp4") for name in files if name.endswith(".mp4")]
