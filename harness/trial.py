"""A judge on trial: one that answers nothing ends the run instead of failing every question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.errors import PreconditionError
from harness.protocols import Ask, Reply
from harness.records import Missing

QUESTIONS, ITEMS = 8, 3
"""A judge is given up after so many failures about so many items, before any reply."""
_OWN = {Missing.JUDGE, Missing.TIMEOUT}
"""Failures that may be the judge's own; an input that cannot be read is not."""


def on_trial(judge: str, replies: Iterable[tuple[Ask, Reply]]) -> Iterator[tuple[Ask, Reply]]:
    """Pass replies on; the failures of a judge that has not answered yet are held back.

    They are passed on with its first reply, or at the end. A wrong key, a wrong address or a
    server that is not there therefore leaves nothing behind that would have to be asked again.

    Raises:
        PreconditionError: the first questions all failed.
    """
    held: list[tuple[Ask, Reply]] = []
    proven = False
    for ask, reply in replies:
        proven = proven or reply.raw is not None
        if not proven and reply.missing in _OWN:
            held.append((ask, reply))
            if len(held) >= QUESTIONS and len({one.item.key for one, _ in held}) >= ITEMS:
                raise PreconditionError(
                    f"the judge {judge} answered none of its first {len(held)} questions",
                    where=reply.detail,
                    hint="mend this and give the same command again; nothing was stored for them",
                )
            continue
        if proven:
            yield from held
            held.clear()
        yield ask, reply
    yield from held
