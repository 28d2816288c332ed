"""Judges that measure files: by formulas on pixels, or by whatever networks have weights here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.errors import DataError
from harness.protocols import Answer, Reply
from harness.records import JudgeId, Missing, Question, Record, WorkItem
from suites.features import Unmeasurable

Measure = Callable[[Question, Sequence[Path]], float | Record]


@dataclass
class Instrument:
    """Answers with a number, or with a record as JSON; it can be sent to other processes.

    Args:
        identity: everything that its answers depend on; its kind is ``INSTRUMENT``.
        measure: what a question asks of the files that it is about.
    """

    identity: JudgeId
    measure: Measure

    def ask(self, item: WorkItem, question: Question, media: Sequence[Path]) -> Reply:
        """Measure; every foreseeable failure is a reply."""
        if not media:
            return Reply(raw=None, missing=Missing.INPUT, detail="a file to be measured is absent")
        try:
            found = self.measure(question, media)
        except DataError as error:
            return Reply(raw=None, missing=Missing.DECODE, detail=error.what)
        except Unmeasurable as error:
            return Reply(raw=None, missing=error.missing, detail=str(error))
        except RuntimeError as error:  # of torch: no memory, or a size that a network cannot take
            return Reply(raw=None, missing=Missing.JUDGE, detail=str(error).partition("\n")[0])
        if isinstance(found, Record):
            return Reply(raw=msgspec.json.encode(found).decode())
        answer = Answer.of_number(found)
        return Reply(raw=answer.raw, missing=answer.missing, detail=answer.detail)
