"""From a task to its samples: human labels, output files of the judge, or a folder of videos."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from harness.errors import ConfigError, DataError, PreconditionError
from harness.keys import content_key
from harness.protocols import Answer, Workload
from harness.records import Artifact, JudgeId, Missing, Question, Sample, Scalar, Task, WorkItem
from suites._files import artifact_of, completeness_notes, match_videos
from suites.videophy import prompts
from suites.videophy.data import (
    PROMPTS2_FILE,
    TEST_FILE,
    find_file,
    load_captions2,
    load_test_set,
    locate,
    read_text,
)
from suites.videophy.ingest import read_scores
from suites.videophy.naming import match_names

QUESTIONS = ("sa", "pc")
_TASKS = {"videophy": ("vp1_sa", "vp1_pc"), "videophy2": ("vp2_sa", "vp2_pc")}


@dataclass(frozen=True)
class Caption:
    """One sample: its position in the official list, its text and its labels."""

    index: int
    text: str
    labels: dict[str, str]


def load_workload(task: Task, assets: Path | None, suite: str) -> Workload:
    """Read the samples and inputs of a task.

    Raises:
        ConfigError: the task names no input, or more than one kind of input.
        DataError, PreconditionError: an input is wrong or absent.
    """
    if task.example:
        return _example(task, suite)
    if task.judge.kind == "human":
        return _human(task)
    if task.results:
        captions = known_captions(suite, assets)
        return from_results(task, suite, captions, [Path(path) for path in task.results])
    if task.videos:
        return from_videos(task, suite, assets)
    raise ConfigError(
        "the task names nothing to score",
        where=f"task {suite} / {task.model}",
        expected="`videos` (a folder), or `results` (the SA file, then the PC file)",
    )


def known_captions(suite: str, assets: Path | None) -> list[Caption]:
    """Return the official captions, or none when the user has not fetched them."""
    if suite == "videophy2":
        path = locate(PROMPTS2_FILE, assets)
        texts = load_captions2(path) if path else ()
        return [Caption(index, text, {}) for index, text in enumerate(texts)]
    path = locate(TEST_FILE, assets)
    if path is None:
        return []
    rows = load_test_set(path).rows
    complexity = {row.caption: row.complexity for row in rows}
    states = {row.caption: row.state for row in rows}
    return [
        Caption(index, text, {"states_of_matter": state, "complexity": complexity[text]})
        for index, (text, state) in enumerate(states.items())
    ]


def _item(
    task: Task, suite: str, sample: Sample, questions: tuple[Question, ...],
    artifact: Artifact | None = None, missing: Missing | None = None,
) -> WorkItem:  # fmt: skip
    return WorkItem(
        key=content_key(suite, task.model, task.protocol, sample, questions, artifact, missing),
        suite=suite,
        model=task.model,
        sample=sample,
        questions=questions,
        artifact=artifact,
        missing=missing,
    )


_UNASKED = tuple(Question(id=name) for name in QUESTIONS)


def _human(task: Task) -> Workload:
    """Return the annotated videos of one generator: they are all there are of it."""
    if len(task.results) != 1:
        raise ConfigError(
            f"{len(task.results)} results files",
            where=f"task videophy / {task.model}",
            expected=f"one file of human labels, {TEST_FILE}",
        )
    found = load_test_set(Path(task.results[0]), complete=False)
    rows = [row for row in found.rows if row.source == task.model]
    if not rows:
        raise DataError(
            f"no videos of {task.model!r}",
            where=task.results[0],
            expected="model = one of " + ", ".join(map(repr, found.sources)),
        )
    items: list[WorkItem] = []
    answers: dict[str, dict[str, Answer]] = {}
    for row in rows:
        labels = {"states_of_matter": row.state, "complexity": row.complexity}
        sample = Sample(
            id=f"{row.number:05}",
            suite="videophy",
            cluster=row.caption,
            labels=labels,
            inputs={"caption": row.caption, "source": row.source},
        )
        item = _item(task, "videophy", sample, _UNASKED)
        items.append(item)
        answers[item.key] = {"sa": Answer(raw=row.sa), "pc": Answer(raw=row.pc)}
    judge = JudgeId(kind="human", name="majority of annotators", revision="videophy_test_public")
    protocol: dict[str, Scalar] = {"judge": "human", "population": "finite", **task.protocol}
    return Workload(
        items=tuple(items), protocol=protocol, notes=found.notes, answers=answers, judge=judge
    )


def from_results(task: Task, suite: str, captions: list[Caption], paths: list[Path]) -> Workload:
    """Return the videos of a pair of output files, matched to the official captions."""
    if len(paths) != 2:
        raise ConfigError(
            f"{len(paths)} results files",
            where=f"task {suite} / {task.model}",
            expected="two: the SA file, then the PC file",
        )
    tables, prompts_by_video, notes = [], {}, []
    for name, path in zip(QUESTIONS, paths, strict=True):
        replies, texts, dropped = read_replies(suite, path)
        tables.append(replies)
        prompts_by_video.update({video: texts[video] for video in texts if name == "sa"})
        if dropped:
            notes.append(f"{path.name}: {dropped} rows replaced by a later row of the same video")
    return _matched(task, suite, captions, tables, prompts_by_video, notes)


def read_replies(suite: str, path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    """Return (raw score by video, prompt or caption by video, rows replaced by later ones)."""
    text = read_text(path)
    if suite == "videophy":
        scored = read_scores(text, str(path))
        last = scored.last
        return (
            {video: row.raw for video, row in last.items()},
            {video: row.prompt for video, row in last.items()},
            scored.duplicates,
        )
    reader = csv.DictReader(io.StringIO(text, newline=""))
    absent = {"videopath", "caption", "score"} - set(reader.fieldnames or [])
    if absent:
        raise DataError(
            f"columns missing: {', '.join(sorted(absent))}",
            where=str(path),
            expected="the output of VideoPhy-2: videopath, caption, score",
        )
    rows = list(reader)
    return (
        {row["videopath"]: row["score"] for row in rows},
        {row["videopath"]: row["caption"] for row in rows},
        len(rows) - len({row["videopath"] for row in rows}),
    )


def _matched(
    task: Task, suite: str, captions: list[Caption], tables: list[dict[str, str]],
    texts: Mapping[str, str], notes: list[str],
) -> Workload:  # fmt: skip
    """Give every caption its replies; without the captions, every video is its own sample."""
    videos = list(dict.fromkeys([*tables[0], *tables[1]]))
    if not captions:
        notes.append("the official captions are not at hand: completeness cannot be checked")
        captions = [Caption(index, video, {}) for index, video in enumerate(videos)]
        by_caption = dict(enumerate(videos))
    else:
        by_caption = assign(videos, texts, captions)
        unused = len(videos) - len(by_caption)
        notes += [f"{unused} videos belong to no official caption"] if unused else []
    items: list[WorkItem] = []
    answers: dict[str, dict[str, Answer]] = {}
    for caption in captions:
        video = by_caption.get(caption.index)
        raw = [table.get(video) if video is not None else None for table in tables]
        item = _item(
            task, suite, _sample(suite, caption), _UNASKED,
            missing=Missing.INPUT if video is None else None,
        )  # fmt: skip
        items.append(item)
        if video is not None:
            answers[item.key] = {
                name: Answer(raw=text)
                if text is not None
                else Answer(raw=None, missing=Missing.JUDGE, detail=f"not in the {name} file")
                for name, text in zip(QUESTIONS, raw, strict=True)
            }
    judge = JudgeId(
        kind="recorded", name=str(task.protocol.get("judge", "unknown")),
        settings={"answers": content_key(tables)},
    )  # fmt: skip
    return Workload(
        items=tuple(items),
        protocol={"population": "sampled", "judge": "unknown", **task.protocol},
        notes=tuple(notes),
        answers=answers,
        judge=judge,
    )


def assign(videos: list[str], texts: Mapping[str, str], captions: list[Caption]) -> dict[int, str]:
    """Return the video of each caption: by file name, else by the caption inside its prompt."""
    names = {Path(video).name: video for video in videos}
    found = match_names([caption.text for caption in captions], names)
    if found:
        return {index: names[name] for index, name in found.items()}
    longest = sorted(captions, key=lambda caption: -len(caption.text))
    assigned: dict[int, str] = {}
    for video in videos:
        prompt = texts.get(video, "")
        caption = next((one for one in longest if one.text in prompt), None)
        if caption is not None:
            assigned.setdefault(caption.index, video)
    return assigned


def _sample(suite: str, caption: Caption) -> Sample:
    name = f"{caption.index:03}"
    return Sample(
        id=name, suite=suite, cluster=name, labels=caption.labels, inputs={"caption": caption.text}
    )


def from_videos(task: Task, suite: str, assets: Path | None) -> Workload:
    """Return one item per official caption with its video, to be asked of a judge."""
    captions = known_captions(suite, assets)
    if not captions:
        find_file(PROMPTS2_FILE if suite == "videophy2" else TEST_FILE, assets)  # says what to do
    folder = Path(str(task.videos))
    listing = match_videos({}, folder).surplus
    names = match_names([caption.text for caption in captions], listing)
    expected = {f"{c.index:03}": names.get(c.index, f"{c.index:03}.mp4") for c in captions}
    match = match_videos(expected, folder)
    templates = _templates(suite, assets)
    items = []
    for caption in captions:
        sample = _sample(suite, caption)
        path = match.found.get(sample.id)
        questions = tuple(
            Question(id=name, prompt=prompts.build(kind, templates[kind], caption.text, None))
            for name, kind in zip(QUESTIONS, _TASKS[suite], strict=True)
        )
        items.append(
            _item(
                task,
                suite,
                sample,
                questions,
                artifact=artifact_of(path) if path else None,
                missing=None if path else Missing.INPUT,
            )
        )
    return Workload(
        items=tuple(items),
        protocol={"population": "sampled", "judge": "other", **task.protocol},
        notes=completeness_notes(match, len(captions)),
    )


def _templates(suite: str, assets: Path | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in _TASKS[suite]:
        path = prompts.find_template(kind, assets)
        if path is None:
            raise PreconditionError(
                f"the judge's prompts are absent: {prompts.FILES[kind][0]}",
                where=str(assets) if assets else "no assets folder was given",
                hint="git clone https://github.com/Hritikbansal/videophy ASSETS/videophy and check "
                "out 01d366c979e4a82875852adbf427ccc036e7373a",
            )
        found[kind] = prompts.load_template(kind, path)
    return found


def _example(task: Task, suite: str) -> Workload:
    """Return the made-up example that ships with the project."""
    with as_file(files("suites.videophy") / "examples") as folder:
        captions = [
            Caption(index, text, {"states_of_matter": state})
            for index, (text, state) in enumerate(_example_captions(folder))
        ]
        found = from_results(task, suite, captions, [folder / "sa.csv", folder / "pc.csv"])
    return Workload(
        items=found.items,
        protocol=found.protocol,
        notes=("example data, made up for this project", *found.notes),
        answers=found.answers,
        judge=JudgeId(kind="recorded", name="example (made up)"),
    )


def _example_captions(folder: Path) -> Iterable[tuple[str, str]]:
    for row in csv.DictReader((folder / "captions.csv").read_text().splitlines()):
        yield row["caption"], row["states_of_matter"]
