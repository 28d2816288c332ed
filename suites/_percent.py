"""Exact fractions, shown: percent with one decimal, and floats as conformance files carry them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction


def rounded(value: Fraction | float) -> float:
    """Return a value with ten decimals."""
    return round(float(value), 10)


def percent(value: Fraction) -> str:
    """Write a share in percent with one decimal, halves up, from the exact fraction."""
    exact = Decimal((100 * value).numerator) / Decimal((100 * value).denominator)
    return str(exact.quantize(Decimal("0.1"), ROUND_HALF_UP))
