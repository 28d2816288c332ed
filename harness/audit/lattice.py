"""What integer counts allow: a mean of n integers can only be k/n.

Several printed means leave a finite set of joint counts; a derived cell is possible when some of
them print like it, and plausible when not too few do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from harness.audit.printed import Printed, Span


def counts(printed: Printed, n: int, scale: Fraction = Fraction(1)) -> range:
    """Return all whole k >= 0 with ``scale * k / n`` inside the printed interval.

    Raises:
        ValueError: n is not positive.
    """
    if n < 1:
        raise ValueError(f"n = {n}: expected a positive number of items")
    first = math.ceil(printed.span.lo * n / scale)
    last = math.floor(printed.span.hi * n / scale)
    return range(max(first, 0), last + 1)


def nearest(printed: Printed, n: int, scale: Fraction = Fraction(1)) -> tuple[Fraction, Fraction]:
    """Return the attainable values on either side of a printed one."""
    below = math.floor(printed.value * n / scale)
    return scale * below / n, scale * (below + 1) / n


def combinations(parts: Sequence[Sequence[Fraction]]) -> dict[Fraction, int]:
    """Return every sum of one value per part, with the number of ways to reach it."""
    sums = {Fraction(0): 1}
    for part in parts:
        larger: dict[Fraction, int] = {}
        for total, ways in sums.items():
            for value in part:
                larger[total + value] = larger.get(total + value, 0) + ways
        sums = larger
    return sums


def share(sums: dict[Fraction, int], target: Span) -> tuple[int, int]:
    """Return (ways that end inside ``target``, all ways)."""
    inside = sum(ways for total, ways in sums.items() if target.lo <= total <= target.hi)
    return inside, sum(sums.values())


def printable_share(n: int, decimals: int, scale: Fraction = Fraction(1)) -> float:
    """Return the share of printable values in [0, scale] that some k/n rounds to.

    One minus it is the power of a granularity check against a random cell.
    """
    unit = Fraction(1, 10**decimals)
    total = int(scale / unit) + 1
    if n >= total:
        return 1.0
    reached: set[int] = set()
    for k in range(n + 1):
        position = scale * k / n / unit
        reached.add(math.floor(position + Fraction(1, 2)))
        reached.add(math.ceil(position - Fraction(1, 2)))
    return len(reached) / total
