"""Adjustment of p-values for several tests of one family.

For the false discovery rate use ``scipy.stats.false_discovery_control``.
"""

from __future__ import annotations

import numpy as np

from harness.stats.intervals import Floats, finite


def holm(pvalues: Floats) -> Floats:
    """Return Holm's adjusted p-values, in the order given.

    Rejecting where the adjusted value is at most alpha keeps the chance of any false rejection
    in the family at or below alpha, whatever the dependence between tests.

    Raises:
        ValueError: a p-value is outside [0, 1] or not finite.

    Source: Holm 1979.
    """
    raw = finite(pvalues, "p-values")
    if raw.size and (raw.min() < 0.0 or raw.max() > 1.0):
        raise ValueError(f"p-values: expected 0 to 1, got {raw.min()} to {raw.max()}")
    order = np.argsort(raw, kind="stable")
    scaled = raw[order] * np.arange(raw.size, 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
