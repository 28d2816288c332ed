"""Files of samples as a page plays them: links from its folder into the user's, nothing copied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from harness.records import VIDEO, TaskPlan, WorkItem

Link = tuple[str, str]
"""Whose or what a file is, and its address from the page."""


def links_of(plan: TaskPlan, page: Path) -> dict[str, tuple[Link, ...]]:
    """Return the files of each sample by its key, those of its partners behind its own.

    Nothing is opened here: whether a file is still there shows when it is played.

    Args:
        plan: a task whose run file named a folder; without one there are no links.
        page: the folder in which the page will stand.
    """
    folders = plan.places
    own = {item.key: tuple(_links(item, folders, page)) for item in plan.items}
    return {
        item.key: (*own[item.key], *(link for one in others for link in own[one.key]))
        for item, others in partners(plan.items)
    }


def _links(item: WorkItem, folders: Mapping[str, str], page: Path) -> list[Link]:
    files = {role: file for one in item.questions for role, file in item.files(one).items()}
    return [
        (
            item.model if role == VIDEO else role,
            address(folders[role], file.name, page),
        )
        for role, file in files.items()
        if file is not None and role in folders
    ]


def address(folder: str, name: str, page: Path) -> str:
    """Return the relative address of a file of a folder."""
    return quote(os.path.relpath(Path(folder) / name, page), errors="surrogateescape")


def partners(items: Sequence[WorkItem]) -> list[tuple[WorkItem, list[WorkItem]]]:
    """Return each sample with those of other models that share its labels.

    Labels that only tell models apart are left out: each has one value per model.
    """
    values: dict[tuple[str, str], set[str]] = {}
    for item in items:
        for name, value in item.sample.labels.items():
            values.setdefault((name, item.model), set()).add(value)
    varied = {name for (name, _), found in values.items() if len(found) > 1}

    def key(item: WorkItem) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((n, v) for n, v in item.sample.labels.items() if n in varied))

    alike: dict[tuple[tuple[str, str], ...], list[WorkItem]] = {}
    for item in items:
        alike.setdefault(key(item), []).append(item)
    return [(one, [two for two in alike[key(one)] if two.model != one.model]) for one in items]
