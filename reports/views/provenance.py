"""Where a run's numbers come from: plan, judges, processes and machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.records import Attempt, JudgeId, Judgment, Scalar, TaskPlan
from harness.store import StoredRun
from reports.text import plural


@dataclass(frozen=True)
class TaskOrigin:
    """Who judged a task and under which protocol."""

    suite: str
    model: str
    subset: str
    items: str
    judge: str
    served_by: tuple[str, ...]
    protocol: str
    example: bool


@dataclass(frozen=True)
class ProvenanceView:
    """Everything needed to know what ran."""

    plan: str
    facts: tuple[tuple[str, str], ...]
    tasks: tuple[TaskOrigin, ...]
    attempts: tuple[tuple[int, str, str], ...]  # number, started, what changed since the first
    environment: tuple[tuple[str, str], ...]  # of the first attempt
    citations: tuple[str, ...]


def provenance_view(run: StoredRun, citations: Sequence[str] = ()) -> ProvenanceView:
    """Return the origin of a run.

    Args:
        run: the stored run.
        citations: BibTeX entries of what ran.
    """
    attempts = [row for row in run.rows if isinstance(row, Attempt)]
    served: dict[str, set[str]] = {}
    for row in run.rows:
        if isinstance(row, Judgment) and row.served_by:
            served.setdefault(row.item, set()).add(row.served_by)
    first = attempts[0].environment if attempts else {}
    spec = run.plan.spec
    facts = [
        ("run", spec.name),
        ("plan", run.plan.id),
        ("schema", str(run.plan.schema)),
        ("seed", str(spec.seed)),
        ("rows", f"{len(run.rows):,}"),
        ("gates", ", ".join(spec.fail_on) or "none"),
    ]
    return ProvenanceView(
        plan=run.plan.id,
        facts=tuple(facts),
        tasks=tuple(task_origin(task, served) for task in run.plan.tasks),
        attempts=tuple(
            (one.number, one.started, changes(first, one.environment)) for one in attempts
        ),
        environment=tuple((name, str(value)) for name, value in sorted(first.items())),
        citations=tuple(citations),
    )


def task_origin(plan: TaskPlan, served: Mapping[str, set[str]]) -> TaskOrigin:
    """Return who judged one task."""
    names = {name for item in plan.items for name in served.get(item.key, ())}
    return TaskOrigin(
        suite=plan.task.suite,
        model=plan.task.model,
        subset=plan.task.subset,
        items=plural(len(plan.items), "sample"),
        judge=judge_text(plan.judge),
        served_by=tuple(sorted(names)),
        protocol=pairs(plan.protocol),
        example=plan.task.example,
    )


def judge_text(judge: JudgeId) -> str:
    """Write a judge completely: kind, name, revision and settings."""
    revision = f" @ {judge.revision}" if judge.revision else ""
    settings = f" ({pairs(judge.settings)})" if judge.settings else ""
    return f"{judge.kind} · {judge.name}{revision}{settings}"


def pairs(fields: Mapping[str, Scalar]) -> str:
    """Write named values in the order of their names."""
    return ", ".join(f"{name} = {value}" for name, value in sorted(fields.items()))


def changes(first: Mapping[str, Scalar], other: Mapping[str, Scalar]) -> str:
    """Say in which fields an environment departs from the first one."""
    named = sorted(first.keys() | other.keys())
    parts = [
        f"{name}: {first.get(name, 'absent')} → {other.get(name, 'absent')}"
        for name in named
        if first.get(name, "absent") != other.get(name, "absent")
    ]
    return "; ".join(parts)
