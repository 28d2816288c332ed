"""Does a printed average follow from its two printed cells?"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

HALF_WIDTHS = Decimal("0.1")  # two rounding half-widths of cells with one decimal


def verdict(clean: str, randomized: str, average: str) -> dict[str, Any]:
    """Return the mean of the printed cells and whether the printed average agrees.

    ``exact``: the mean rounds half up to it; ``within_rounding``: the rounding intervals overlap
    in their interior; else ``inconsistent``.
    """
    mean = (Decimal(clean) + Decimal(randomized)) / 2
    shown = mean.quantize(Decimal("0.1"), ROUND_HALF_UP)
    if shown == Decimal(average):
        outcome = "exact"
    else:
        close = abs(mean - Decimal(average)) < HALF_WIDTHS
        outcome = "within_rounding" if close else "inconsistent"
    return {
        "mean_of_printed": f"{mean.normalize():f}",
        "half_up": str(shown),
        "printed": average,
        "verdict": outcome,
    }
