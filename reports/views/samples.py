"""Drill-down: each sample with its raw replies, what was made of them, and why any is absent.

Raw replies can be long and many, so a page embeds them within a budget of bytes: samples that
need a look (absent, unreadable, scored differently) come first, and the page says what it left
out. Rows of values come before replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import escape

from harness.records import Judgment, Row, Score, TaskPlan, WorkItem
from reports.text import DASH, anchor, plural

EMBED_BUDGET = 5_000_000
"""Bytes of sample rows and replies that one page may embed."""
RAW_LIMIT = 2_000
"""Characters shown of one raw reply."""
DETAIL_LIMIT = 300
"""Characters shown of an input or of an explanation of a value."""
_ROW_BYTES, _VALUE_BYTES, _DETAIL_BYTES, _REPLY_BYTES, _SCORE_BYTES = 220, 50, 900, 140, 60


@dataclass(frozen=True)
class Reply:
    """One answer of a judge: raw text, or the reason why there is none."""

    question: str
    raw: str
    note: str
    absent: bool


@dataclass(frozen=True)
class Value:
    """What a scorer made of the replies, for one metric."""

    text: str
    detail: str
    absent: bool


@dataclass(frozen=True)
class SampleView:
    """One sample of one task."""

    id: str
    anchor: str
    labels: str
    inputs: tuple[tuple[str, str], ...]
    artifact: str
    absent: str  # why the sample has no value at all or not every value
    differs: tuple[str, ...]  # metrics on which scorers disagree
    values: tuple[Value, ...]  # of the first scorer, one per metric
    replies: tuple[Reply, ...]
    scores: tuple[tuple[str, tuple[Value, ...]], ...]  # scorer, one value per metric
    detailed: bool = True


@dataclass(frozen=True)
class SamplesView:
    """The samples of one task, within their share of the budget."""

    anchor: str
    metrics: tuple[str, ...]
    scorers: tuple[str, ...]
    rows: tuple[SampleView, ...]
    budget: str  # what was left out, or empty

    @property
    def absent(self) -> tuple[SampleView, ...]:
        """Return the shown samples with a value missing."""
        return tuple(row for row in self.rows if row.absent)

    @property
    def differing(self) -> tuple[SampleView, ...]:
        """Return the shown samples on which scorers disagree."""
        return tuple(row for row in self.rows if row.differs)


@dataclass(frozen=True)
class Known:
    """The rows of a run by the item they belong to."""

    judgments: Mapping[str, Sequence[Judgment]]
    scores: Mapping[str, Sequence[Score]]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Known:
        """Sort rows by item, in the order of the journal."""
        judgments: dict[str, list[Judgment]] = {}
        scores: dict[str, list[Score]] = {}
        for row in rows:
            if isinstance(row, Judgment):
                judgments.setdefault(row.item, []).append(row)
            elif isinstance(row, Score):
                scores.setdefault(row.item, []).append(row)
        return cls(judgments, scores)


def samples_view(plan: TaskPlan, position: int, known: Known, budget: int) -> SamplesView:
    """Return the samples of a task, at most ``budget`` bytes of them.

    Args:
        plan: the task; its items fix which samples there are and their order.
        position: place of the task in the plan, for anchors.
        known: the rows of the run.
        budget: bytes this task may add to the page.
    """
    scores = {item.key: latest_scores(known.scores.get(item.key, ())) for item in plan.items}
    found = dict.fromkeys(name for item in plan.items for name in scores[item.key])
    metrics = tuple(dict.fromkeys(metric for _, metric in found))
    extra = sorted({scorer for scorer, _ in found} - set(plan.task.scorers))
    scorers = (*plan.task.scorers, *extra)
    fit = max(0, budget // (_ROW_BYTES + _VALUE_BYTES * len(metrics)))
    rows = [
        sample_view(item, position, known.judgments.get(item.key, ()), scores[item.key],
                    scorers, metrics)
        for item in plan.items[:fit]
    ]  # fmt: skip
    left = budget - len(rows) * (_ROW_BYTES + _VALUE_BYTES * len(metrics))
    rows = within(rows, left)
    return SamplesView(
        anchor=anchor("samples", position),
        metrics=metrics,
        scorers=scorers,
        rows=tuple(rows),
        budget=left_out(rows, len(plan.items)),
    )


def within(rows: Sequence[SampleView], budget: int) -> list[SampleView]:
    """Keep the details of as many samples as fit, those that need a look first."""
    order = sorted(range(len(rows)), key=lambda i: (not (rows[i].absent or rows[i].differs), i))
    kept: set[int] = set()
    for index in order:
        budget -= size(rows[index])
        if budget < 0:
            break
        kept.add(index)
    return [
        row if index in kept else replace(row, replies=(), scores=(), inputs=(), detailed=False)
        for index, row in enumerate(rows)
    ]


def size(row: SampleView) -> int:
    """Return about how many bytes the details of a sample take on the page."""
    texts = [text for reply in row.replies for text in (reply.question, reply.raw, reply.note)]
    texts += [text for _, text in row.inputs]
    values = [value for _, line in row.scores for value in line]
    texts += [text for value in values for text in (value.text, value.detail)]
    written = sum(len(str(escape(text)).encode()) for text in texts)
    return (
        _DETAIL_BYTES + written + _REPLY_BYTES * len(row.replies) + _SCORE_BYTES * len(values)
    )


def left_out(rows: Sequence[SampleView], planned: int) -> str:
    """Say what the budget left out; nothing when all is shown."""
    lean = sum(not row.detailed for row in rows)
    parts: list[str] = []
    if lean:
        parts.append(f"replies of {plural(lean, 'listed sample')}")
    if hidden := planned - len(rows):
        parts.append(plural(hidden, "further sample"))
    if not parts:
        return ""
    megabytes = EMBED_BUDGET // 1_000_000
    return (
        f"To keep this page within {megabytes} MB of sample data, {' and '.join(parts)} "
        "are left out here; journal.jsonl of the run holds them all."
    )


def sample_view(
    item: WorkItem,
    position: int,
    judgments: Sequence[Judgment],
    scores: Mapping[tuple[str, str], Score],
    scorers: Sequence[str],
    metrics: Sequence[str],
) -> SampleView:
    """Return one sample: what was asked, answered and made of it."""
    asked = {row.question: row for row in sorted(judgments, key=lambda row: row.round)}
    lines = tuple(
        (scorer, tuple(value_view(scores.get((scorer, metric))) for metric in metrics))
        for scorer in scorers
        if any((scorer, metric) in scores for metric in metrics)
    )
    first = lines[0][1] if lines else tuple(value_view(None) for _ in metrics)
    reasons = [score.missing.value for score in scores.values() if score.missing]
    planned = "" if scores else "not yet done"
    return SampleView(
        id=item.sample.id,
        anchor=anchor("item", position, item.key),
        labels=", ".join(f"{name}: {value}" for name, value in sorted(item.sample.labels.items())),
        inputs=tuple((name, clip(str(text))) for name, text in sorted(item.sample.inputs.items())),
        artifact=f"{item.artifact.name}, sha256 {item.artifact.sha256}" if item.artifact else "",
        absent=item.missing.value if item.missing else ", ".join(dict.fromkeys(reasons)) or planned,
        differs=disagreements(lines, metrics),
        values=first,
        replies=tuple(
            reply_view(question.id, asked[question.id])
            for question in item.questions
            if question.id in asked
        ),
        scores=lines,
    )


def disagreements(
    lines: Sequence[tuple[str, Sequence[Value]]], metrics: Sequence[str]
) -> tuple[str, ...]:
    """Return the metrics to which the scorers that have them give different values."""
    found: list[str] = []
    for index, metric in enumerate(metrics):
        texts = {line[index].text for _, line in lines} - {DASH}
        if len(texts) > 1:
            found.append(metric)
    return tuple(found)


def latest_scores(scores: Iterable[Score]) -> dict[tuple[str, str], Score]:
    """Return the score of each scorer and metric; the last round counts."""
    ordered = sorted(scores, key=lambda row: row.round)
    return {(row.scorer, row.metric): row for row in ordered}


def value_view(score: Score | None) -> Value:
    """Write one score: a value, a reason, or a dash where the scorer has no such metric."""
    if score is None:
        return Value(DASH, "", absent=False)
    if score.value is None:
        reason = score.missing.value if score.missing else "no value"
        return Value(reason, clip(score.detail), absent=True)
    return Value(f"{score.value:.10g}", clip(score.detail), absent=False)


def reply_view(question: str, row: Judgment) -> Reply:
    """Return a reply, shortened with a note when it is long."""
    notes = [clip(row.detail)] if row.detail else []
    if row.attempts > 1:
        notes.append(f"{row.attempts} attempts")
    if row.raw is None:
        reason = row.missing.value if row.missing else "no reply"
        return Reply(question, reason, "; ".join(notes), absent=True)
    if len(row.raw) > RAW_LIMIT:
        notes.append(f"first {RAW_LIMIT:,} of {len(row.raw):,} characters")
    return Reply(question, row.raw[:RAW_LIMIT], "; ".join(notes), absent=False)


def clip(text: str) -> str:
    """Shorten a text to the limit of a detail."""
    return text if len(text) <= DETAIL_LIMIT else text[: DETAIL_LIMIT - 1] + "…"
