"""Grammars for replies of one word or one number: the whole reply counts, or none of it.

A reply matches from its first to its last character or is a ``ParseFailure``; a word inside a
sentence, a digit inside a number and a default for the rest do not exist here. Blanks around a
reply and one full stop after it carry no meaning and are allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.records import Missing

T = TypeVar("T")

_SHOWN = 60  # characters of a reply that a reason quotes
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """The value that a reply states."""

    value: T


@dataclass(frozen=True)
class ParseFailure:
    """Why a reply states no value; ``missing`` is PARSE, or RANGE for a number outside."""

    reason: str
    missing: Missing = Missing.PARSE


def yes_no(reply: str) -> Parsed[bool] | ParseFailure:
    """Read a reply that is nothing but "yes" or "no", in any case.

    >>> yes_no(" Yes. ")
    Parsed(value=True)
    >>> yes_no("I cannot say no").missing
    <Missing.PARSE: 'reply not parsable'>
    """
    word = _bare(reply).casefold()
    if word in ("yes", "no"):
        return Parsed(word == "yes")
    return ParseFailure(f"expected only yes or no, got {_quoted(reply)}")


def scale(reply: str, lo: float, hi: float, *, whole: bool = True) -> Parsed[float] | ParseFailure:
    """Read a reply that is nothing but a number from ``lo`` to ``hi``, both included.

    Args:
        reply: the judge's words.
        lo: smallest value of the scale.
        hi: largest value of the scale.
        whole: only whole numbers are on the scale; "3.0" is one.
    """
    kind = "a whole number" if whole else "a number"
    expected = f"expected only {kind} from {lo:g} to {hi:g}"
    text = _bare(reply)
    if not _NUMBER.fullmatch(text) or (whole and float(text) % 1 != 0):
        return ParseFailure(f"{expected}, got {_quoted(reply)}")
    value = float(text)
    if not lo <= value <= hi:
        return ParseFailure(f"{expected}, got {value:g}", Missing.RANGE)
    return Parsed(value)


def _bare(reply: str) -> str:
    return reply.strip().removesuffix(".").rstrip()


def _quoted(reply: str) -> str:
    shown = repr(reply[:_SHOWN])
    return shown if len(reply) <= _SHOWN else f"{shown} and {len(reply) - _SHOWN} more characters"
