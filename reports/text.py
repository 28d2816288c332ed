"""How values are written: fixed decimals, a dash for what is absent, safe anchors."""

from __future__ import annotations

import hashlib

from harness.records import Estimate, Level

ICONS = {Level.GOOD: "✓", Level.DOUBT: "~", Level.BAD: "✕", Level.OPEN: "○"}
DASH = "—"


def anchor(*parts: object) -> str:
    """Return a page anchor that no id can break: letters and digits of a hash."""
    return "x" + hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:12]


def number(value: float | None, decimals: int) -> str:
    """Write a number with fixed decimals, or a dash for an absent one."""
    return DASH if value is None else f"{value:.{decimals}f}"


def interval(estimate: Estimate, decimals: int) -> str:
    """Write an estimate's interval, or why it has none."""
    if estimate.lo is None or estimate.hi is None:
        return "no interval"
    return f"{number(estimate.lo, decimals)} to {number(estimate.hi, decimals)}"


def counts(estimate: Estimate) -> str:
    """Write planned = scored + missing by reason."""
    parts = [f"{estimate.n} scored"]
    parts += [f"{count} {reason}" for reason, count in sorted(estimate.missing.items())]
    return f"{estimate.planned} planned = {' + '.join(parts)}"
