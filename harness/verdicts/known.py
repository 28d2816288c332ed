"""Known verdicts: a file under version control that says what is accepted as it is.

It holds what every claim ended in, and which failing changes were accepted, so that a first run is
green and only news are red.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from harness.base import Record
from harness.errors import DataError, PreconditionError
from harness.files import atomic_write
from harness.outcomes import Level, Outcome
from harness.reading import convert, load_json
from harness.verdicts.changes import Change, fails
from harness.verdicts.claims import Standpoint
from harness.verdicts.trend import Finding, Judged, Trend

SCHEMA = "kairos-eval-baseline/1"
ROUNDING = 1e-9


class Claim(Record, frozen=True, kw_only=True):
    """What a claim ended in."""

    level: Level
    word: str


class Accepted(Record, frozen=True, kw_only=True):
    """A failing change that was accepted; ``difference`` is how much of it."""

    what: str
    suite: str
    model: str
    scorer: str
    column: str
    outcome: Outcome
    difference: float | None = None


class KnownVerdicts(Record, frozen=True, kw_only=True):
    """What is known and accepted."""

    schema: str = SCHEMA
    claims: dict[str, Claim] = {}
    changes: tuple[Accepted, ...] = ()

    @property
    def standpoints(self) -> dict[str, Standpoint]:
        """What each claim ended in."""
        return {name: Standpoint(one.level, one.word) for name, one in self.claims.items()}


def load_known(path: Path) -> KnownVerdicts:
    """Read a file of known verdicts.

    Raises:
        PreconditionError: there is none.
        DataError: it is another file, or of another version.
    """
    hint = f"write it: kairos-eval compare RUN --write-baseline {path}"
    if not path.exists():
        raise PreconditionError("there are no known verdicts", where=str(path), hint=hint)
    document = load_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise DataError(f"schema {schema!r}", where=str(path), expected=SCHEMA, hint=hint)
    return convert(document, KnownVerdicts, str(path), hint=hint)


def save_known(
    path: Path, claims: Mapping[str, Standpoint], changes: Iterable[Change]
) -> KnownVerdicts:
    """Write what is known now: every claim, and all changes that fail."""
    known = KnownVerdicts(
        claims={
            name: Claim(level=one.level, word=one.word) for name, one in sorted(claims.items())
        },
        changes=tuple(
            Accepted(
                what=one.what,
                suite=one.suite,
                model=one.model,
                scorer=one.scorer,
                column=one.column,
                outcome=one.outcome,
                difference=one.difference,
            )
            for one in changes
            if fails(one)
        ),
    )
    text = msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=1)
    atomic_write(path, text + b"\n")
    return known


def accepted(changes: Sequence[Change], known: KnownVerdicts, file: str) -> list[Change]:
    """Return changes, of which those that are known pass the gate.

    A claim is known when it ends in the known word; a column or time, when it is the same one and
    not clearly worse than it was: what was accepted lies within the interval, or beyond it.
    """
    by_name = {_name(one): one for one in known.changes}

    def is_known(one: Change) -> bool:
        claim = known.claims.get(one.column) if one.what == "claim" else None
        if claim and one.words and one.words[1] == claim.word:
            return True
        other = by_name.get(_name(one))
        return other is not None and not _worse(one, other)

    return [
        msgspec.structs.replace(one, accepted=f"known in {file}")
        if fails(one) and is_known(one)
        else one
        for one in changes
    ]


def accepted_levels(found: Iterable[Judged], known: KnownVerdicts, file: str) -> list[Judged]:
    """Return series of a history, of which those whose change is known pass the gate.

    A level is known when a change of the same names was accepted that is as large, up to the
    deviations within the levels; a series that vanished, when a change that vanished was.
    """

    def is_known(one: Judged) -> bool:
        names = set(one.series.key)
        return any(
            {was.suite, was.model, was.scorer, was.column} - {""} <= names
            and _covers(was, one.finding)
            for was in known.changes
            if was.what != "claim"
        )

    def after(one: Judged) -> Judged:
        if one.finding.outcome not in (Trend.FAIL, Trend.VANISHED) or not is_known(one):
            return one
        passed = one.finding._replace(outcome=Trend.ACCEPTED)
        return one._replace(finding=passed, reason=f"known in {file}")

    return list(map(after, found))


def _covers(was: Accepted, now: Finding) -> bool:
    """Say whether an accepted change is as large as that of a level."""
    if now.outcome is Trend.VANISHED or was.difference is None:
        return now.outcome is Trend.VANISHED and was.outcome is Outcome.VANISHED
    if now.before is None or now.after is None:
        return False
    change = now.after / now.before if was.what == "time" else now.after - now.before
    slack = max(piece.error for piece in now.segments)
    slack = slack / now.before if was.what == "time" else slack
    most = (1 + ROUNDING) * abs(was.difference) + slack
    return change * was.difference > 0 and abs(change) <= most


def _name(one: Change | Accepted) -> tuple[str, ...]:
    return one.what, one.suite, one.model, one.scorer, one.column, one.outcome


def _worse(now: Change, then: Accepted) -> bool:
    """Say whether a change is clearly larger than the one that was accepted."""
    if now.difference is None or then.difference is None:
        return now.difference != then.difference
    if now.what == "time":
        return now.lo is None or now.lo > then.difference
    grew = abs(now.difference) > abs(then.difference)
    ends = [end for end in (now.lo, now.hi) if end is not None]
    return grew and (not ends or min(map(abs, ends)) > abs(then.difference))
