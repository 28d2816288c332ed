"""A history of runs: a folder with one file per run, named by its content, that only grows.

``DIR/runs/XX/NAME.json`` holds one run; NAME is the first 32 hex digits of the SHA-256 of its
bytes and XX the first two of them. Nothing else is written and nothing is ever changed, so two
branches or two jobs merge without a conflict. A series is what one key measured under one protocol
(and on one class of machine): other values are never joined to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from harness.base import Record, Scalar
from harness.errors import DataError
from harness.files import atomic_write
from harness.keys import content_key
from harness.reading import convert, guarded, parse_json, read_bytes

SCHEMA = "history-run/1"
PROFILE = "profile"
"""How keys of profile points begin."""
By = Literal["commit", "date"]


class Commit(Record, frozen=True, kw_only=True):
    """A commit of the repository that a run belongs to."""

    sha: str
    committed_at: str  # UTC, ISO 8601
    branch: str | None = None
    dirty: bool = False


class RunName(Record, frozen=True, kw_only=True):
    """Which run it was: its name, the digest of its plan and first attempt, and its last time."""

    name: str
    id: str
    finished_at: str  # UTC, ISO 8601; when the last process that worked on it began


class Tool(Record, frozen=True, kw_only=True):
    """What evaluated the run."""

    version: str
    commit: str | None = None


class Entry(Record, frozen=True, kw_only=True):
    """One value of a run, or the reason why it has none, in the unit that is printed."""

    key: tuple[str, ...]  # suite, subset, model, scorer, column, group; or those of a profile
    protocol: str  # digest of all that must agree
    unit: str
    higher_is_better: bool
    value: float | None
    reason: str = ""
    lo: float | None = None
    hi: float | None = None
    se: float | None = None
    n: int
    planned: int

    @property
    def whole(self) -> float | None:
        """The value, where it rests on all that was planned."""
        return self.value if self.n >= self.planned else None

    @property
    def why_absent(self) -> str:
        """Why there is no whole value; empty where there is one."""
        if self.value is None:
            return self.reason or "no value"
        return "" if self.n >= self.planned else f"{self.n} of {self.planned} planned have a value"


class RunEntry(Record, frozen=True, kw_only=True):
    """One run of a history."""

    schema: str = SCHEMA
    run: RunName
    commit: Commit | None = None
    tool: Tool
    machine: dict[str, Scalar] = {}  # class of the machine that times were measured on
    cells: tuple[Entry, ...] = ()
    times: tuple[Entry, ...] = ()

    def when(self, by: By) -> tuple[str, str]:
        """Return what the run is ordered by: its commit's date, or its own."""
        first = self.commit.committed_at if self.commit and by == "commit" else ""
        return first or self.run.finished_at, self.run.finished_at


class Series(NamedTuple):
    """What one key measured under one protocol, over the runs of the names that measure it."""

    key: tuple[str, ...]
    protocol: str
    machine: str  # empty where it does not matter
    runs: tuple[RunEntry, ...]  # the oldest first
    entries: tuple[Entry | None, ...]  # one per run

    @property
    def is_cell(self) -> bool:
        """Whether it is a column of a suite, and no time of a profile."""
        return self.key[0] != PROFILE

    @property
    def newest(self) -> Entry:
        """The last entry that there is."""
        return next(one for one in reversed(self.entries) if one is not None)

    @property
    def values(self) -> list[float | None]:
        """The value of each run; None where it has none, or one that lacks planned samples."""
        return [one.whole if one else None for one in self.entries]

    @property
    def weights(self) -> list[float | None]:
        """One over the standard error of each value, None where that is unknown or 0."""
        return [1 / one.se if one and one.se and one.se > 0 else None for one in self.entries]


def encoded(document: Any) -> bytes:
    """Return the one way in which a document is written: sorted keys, no blanks, one newline."""
    return msgspec.json.encode(msgspec.to_builtins(document), order="sorted") + b"\n"


def add(directory: Path, entry: RunEntry) -> tuple[Path, bool]:
    """Write a run into a history; return its file, and whether it is new.

    Raises:
        DataError: the history holds another content of this run, or a file that is none of it.
        PreconditionError: the folder cannot be written.
    """
    content = encoded(entry)
    path = _place(directory, content)
    if path.exists():
        read(path)
        return path, False
    for other, known in load(directory):
        if known.run.id == entry.run.id:
            raise DataError(
                "this run is already in the history, with other content",
                where=str(other),
                hint="remove that file if the run went on since it was added, then add it again",
            )
    atomic_write(path, content)
    return path, True


def _place(directory: Path, content: bytes) -> Path:
    name = hashlib.sha256(content).hexdigest()[:32]
    return directory / "runs" / name[:2] / f"{name}.json"


def read(path: Path) -> RunEntry:
    """Read one file of a history.

    Raises:
        DataError: it is a link, is not what its name says, or holds no run; names the file.
    """
    hint = "restore the file from version control, or remove it"
    if path.is_symlink() or not path.is_file():
        raise DataError("a history holds regular files only", where=str(path), hint=hint)
    content = read_bytes(path)
    if path != _place(path.parents[2], content):
        raise DataError(
            "the name of this file is not the digest of its bytes",
            where=str(path),
            expected=f"the content that `history add` wrote, in {_place(Path(), content)}",
            hint=f"{hint}; a merge that left conflict markers does this",
        )
    document = parse_json(content, str(path))
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        newer = str(schema).startswith("history-run/")
        raise DataError(
            f"this is no run of a history that is known here: schema {schema!r}",
            where=str(path),
            expected=SCHEMA,
            hint="a newer kairos-eval wrote it: upgrade" if newer else hint,
        )
    if encoded(document) != content:
        raise DataError(
            "these bytes are not canonical",
            where=str(path),
            expected="UTF-8 JSON with sorted keys, no blanks, and one newline at the end",
            hint=hint,
        )
    return convert(document, RunEntry, str(path), hint=hint)


def load(directory: Path, by: By = "commit") -> list[tuple[Path, RunEntry]]:
    """Return the runs of a history with their files, the oldest first.

    Raises:
        DataError: a file under ``runs`` is none of a history, or two are one run.
    """
    found = [(path, read(path)) for path in _files(directory / "runs")]
    first: dict[str, Path] = {}
    for path, entry in found:
        other = first.setdefault(entry.run.id, path)
        if other != path:
            raise DataError(
                "two files are one run, with other content",
                where=f"{other} and {path}",
                hint="remove the one that was added before the run was finished",
            )
    return sorted(found, key=lambda one: (*one[1].when(by), one[0].name))


def _files(folder: Path) -> Iterator[Path]:
    """Yield what lies two levels down, names that start with a dot apart."""
    if not folder.exists():
        return
    with guarded(str(folder), "a folder that can be listed"):
        for part in sorted(folder.iterdir()):
            if part.name.startswith("."):
                continue
            if part.is_symlink() or not part.is_dir():
                hint = "move it elsewhere: `history add` alone writes here"
                raise DataError("a file that is none of a history", where=str(part), hint=hint)
            yield from (one for one in sorted(part.iterdir()) if not one.name.startswith("."))


def series_of(runs: Sequence[RunEntry]) -> list[Series]:
    """Return every series of a history, in the order of their keys.

    The runs of a series are those of the names that ever measured its key, so a run of another
    kind in the same folder lacks nothing.

    Args:
        runs: the oldest first.
    """
    names: dict[tuple[str, ...], set[str]] = {}
    found: dict[tuple[tuple[str, ...], str, str], dict[int, Entry]] = {}
    for place, run in enumerate(runs):
        machine = content_key(run.machine)
        for part, where in ((run.cells, ""), (run.times, machine)):
            for entry in part:
                names.setdefault(entry.key, set()).add(run.run.name)
                found.setdefault((entry.key, entry.protocol, where), {})[place] = entry
    return [_series(name, found[name], names[name[0]], runs) for name in sorted(found)]


def _series(
    name: tuple[tuple[str, ...], str, str],
    entries: dict[int, Entry],
    kinds: Iterable[str],
    runs: Sequence[RunEntry],
) -> Series:
    mine = [place for place, run in enumerate(runs) if run.run.name in kinds]
    return Series(
        *name, tuple(runs[place] for place in mine), tuple(entries.get(place) for place in mine)
    )
