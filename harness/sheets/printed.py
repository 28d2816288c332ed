"""A printed number and everything it can stand for, in exact arithmetic.

How its author shortened a number decides that. Rounded (the default), v with d decimals stands for
the closed interval v ± 0.5·10^-d: half up and half to even are both accepted, so the ends belong
to it. Cut off, it stands for v up to the next number of d decimals, which is left out.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from harness.outcomes import Outcome

PASS, WARN, FAIL, NOT_TESTABLE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_TESTABLE
DOES_NOT_FOLLOW = Outcome.DOES_NOT_FOLLOW  # instead of FAIL where the rule was inferred

MOST_DIGITS = 30
"""Longest number that anybody prints."""


class Rounding(StrEnum):
    """How a number was shortened before it was printed: the constant ``rounding`` of a rule."""

    NEAREST = "nearest"
    TRUNCATION = "truncation"  # digits cut off, towards zero
    CEILING = "ceiling"
    EXACT = "exact"  # not at all: counts, and numbers that a formula takes as they are printed


class Span(NamedTuple):
    """An interval of exact numbers; an end belongs to it unless it is open."""

    lo: Fraction
    hi: Fraction
    lo_open: bool = False
    hi_open: bool = False

    def holds(self, value: Fraction) -> bool:
        """Say whether a number lies inside."""
        return self.meets(Span(value, value))

    def meets(self, other: Span) -> bool:
        """Say whether the two have a point in common."""
        return _reaches(self, other) and _reaches(other, self)

    def touches(self, other: Span) -> bool:
        """Say whether two intervals have one end in common and nothing else."""
        proper = self.lo < self.hi and other.lo < other.hi
        return proper and self.meets(other) and (self.hi == other.lo or other.hi == self.lo)

    def gap(self, other: Span) -> Fraction:
        """Return the distance between two intervals that do not meet."""
        return max(other.lo - self.hi, self.lo - other.hi)

    def scaled(self, factor: Fraction | int, shift: Fraction | int = 0) -> Span:
        """Return the interval times a number and moved along; a negative one turns it round."""
        lo, hi = Fraction(self.lo * factor + shift), Fraction(self.hi * factor + shift)
        if factor < 0:
            return Span(hi, lo, self.hi_open, self.lo_open)
        return Span(lo, hi, self.lo_open, self.hi_open)

    def __str__(self) -> str:
        return f"{show(self.lo)}..{show(self.hi)}"


def _reaches(one: Span, other: Span) -> bool:
    """Say whether ``one`` begins before ``other`` has ended."""
    level = not (one.lo_open or other.hi_open)
    return one.lo < other.hi or (level and one.lo == other.hi)


class Printed(NamedTuple):
    """A number as printed.

    ``decimals`` counts the places after the point of ``value``: those that a suffix or a power of
    ten moves to the left are negative, so that one unit of 7B is 10^9.
    """

    text: str
    value: Fraction
    decimals: int
    rounding: Rounding = Rounding.NEAREST

    @classmethod
    def read(cls, text: str, rounding: Rounding = Rounding.NEAREST) -> Printed:
        """Read decimal digits; the number of digits after the point is the precision.

        Raises:
            ValueError: ``text`` is not a plain decimal number.
        """
        return cls(*_digits(text), rounding)

    def scaled(self, exponent: int, suffix: str) -> Printed:
        """Return the number times a power of ten that is printed behind it: 7B, 1.2e-3."""
        value = self.value * Fraction(10) ** exponent
        return self._replace(
            text=self.text + suffix, value=value, decimals=self.decimals - exponent
        )

    def under(self, rounding: Rounding) -> Printed:
        """Return the number as another author would have printed it."""
        return self._replace(rounding=rounding)

    @property
    def unit(self) -> Fraction:
        """Return one unit of the last printed digit."""
        return Fraction(10) ** -self.decimals

    @property
    def half(self) -> Fraction:
        """Return half a unit of the last printed digit."""
        return self.unit / 2

    @property
    def span(self) -> Span:
        """Return all values that print like this."""
        value, unit = self.value, self.unit
        match self.rounding:
            case Rounding.NEAREST:
                return Span(value - self.half, value + self.half)
            case Rounding.TRUNCATION if value == 0:
                return Span(-unit, unit, lo_open=True, hi_open=True)
            case Rounding.TRUNCATION if value > 0:
                return Span(value, value + unit, hi_open=True)
            case Rounding.TRUNCATION | Rounding.CEILING:
                return Span(value - unit, value, lo_open=True)
        return Span(value, value)

    def overlaps(self, other: Printed) -> bool:
        """Say whether one number prints as both, and not by ties that were broken two ways."""
        return self.span.meets(other.span) and not self.span.touches(other.span)


@lru_cache(maxsize=100_000)
def _digits(text: str) -> tuple[str, Fraction, int]:
    """Return the digits, the number and the decimals of a printed text."""
    digits = text.strip()
    whole, _, rest = digits.lstrip("+-").partition(".")
    plain = whole.isdecimal() and (rest.isdecimal() or "." not in digits)
    if not (plain and digits.isascii() and len(digits) <= MOST_DIGITS):
        raise ValueError(f"{text[:MOST_DIGITS]!r} is not a plain decimal number")
    return digits, Fraction(digits), len(rest)


def show(value: Fraction | float, digits: int = 7) -> str:
    """Write a number with up to ``digits`` significant digits and no trailing zeros."""
    text = f"{float(value):.{digits}g}"
    return text if "e" in text or "." not in text else text.rstrip("0").rstrip(".")
