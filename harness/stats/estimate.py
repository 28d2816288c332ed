"""From the rows of one table cell to its estimate.

The one place where scores become a number: missing rows are counted, never dropped in silence,
sums are exact, and the same rows in any order or partition give the same bits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from harness.records import Estimate, Missing
from harness.stats.bootstrap import cluster_bootstrap
from harness.stats.clusters import cluster_mean
from harness.stats.intervals import Floats, Interval, exact_mean, t_mean, wilson

Kind = Literal["rate", "mean"]

CENSUS = "census (finite set, no sampling)"


class _Rows(NamedTuple):
    """Checked rows: what was scored, under which labels, and what is missing."""

    scored: Floats
    labels: tuple[str, ...]  # of the scored values
    absent_labels: tuple[str, ...]
    missing: dict[str, int]
    worst: float | None
    best: float | None

    @property
    def absent(self) -> int:
        """Number of missing rows."""
        return len(self.absent_labels)


def estimate_mean(
    values: Sequence[float | None],
    reasons: Sequence[Missing | None],
    clusters: Sequence[str],
    *,
    kind: Kind,
    lo: float,
    hi: float,
    planned: int,
    missing_as_zero: bool = False,
    level: float = 0.95,
    resamples: int = 0,
    seed: int = 0,
) -> Estimate:
    """Return the mean of the scored values with the interval that fits their kind.

    A rate with one value per cluster gets Wilson's interval, a mean Student's; repeated values
    in a cluster make either cluster-robust. A rate that is 0 or 1 throughout repeated clusters
    has no spread to measure: each cluster then counts as a single trial of Wilson's interval.
    Ends are cut to the range, which cannot lower their coverage.

    Args:
        values: one entry per planned row, ``None`` where missing.
        reasons: why the value is missing, ``None`` where it is present.
        clusters: label of the unit of independent sampling of each row, missing ones included.
        kind: "rate" for values that are either ``lo`` or ``hi``, else "mean".
        lo: lowest possible value of the column, or -inf.
        hi: highest possible value of the column, or inf.
        planned: number of rows that the plan holds for this cell.
        missing_as_zero: count missing rows as 0 in value and interval, as strict protocols do;
            they still count as missing.
        level: two-sided confidence level.
        resamples: above 0, means and cluster-robust rates get a BCa cluster bootstrap of this
            size instead of a t interval.
        seed: seed of the bootstrap.

    Raises:
        ValueError: rows and plan differ in number, a row has both or neither of value and
            reason, or a value is not finite or outside the range.
    """
    rows = _collect(values, reasons, clusters, lo, hi, planned)
    if rows.scored.size == 0:
        return _nothing(rows, planned, level)
    used, labels = rows.scored, rows.labels
    if missing_as_zero and rows.absent:
        if not lo <= 0.0 <= hi:
            raise ValueError(f"missing as zero: 0 lies outside the range {lo} to {hi}")
        used = np.append(used, np.zeros(rows.absent))
        labels = rows.labels + rows.absent_labels
    if kind == "rate":
        interval = _rate_interval(used, labels, lo, hi, level, resamples, seed)
    else:
        interval = _mean_interval(used, labels, level, resamples, seed)
    return Estimate(
        value=exact_mean(used),
        lo=None if interval.lo is None else max(lo, interval.lo),
        hi=None if interval.hi is None else min(hi, interval.hi),
        level=level,
        method=interval.method + (", missing as zero" if missing_as_zero else ""),
        n=rows.scored.size,
        clusters=len(set(labels)),
        planned=planned,
        missing=rows.missing,
        worst=rows.worst,
        best=rows.best,
        reason=interval.reason,
    )


def census(
    values: Sequence[float | None],
    reasons: Sequence[Missing | None],
    clusters: Sequence[str],
    *,
    lo: float,
    hi: float,
    planned: int,
    level: float = 0.95,
) -> Estimate:
    """Return the mean over a finite set that was scored whole: there is no sampling error.

    Missing rows leave the mean unknown within ``worst`` to ``best``, which are then the ends.
    Arguments and errors as for ``estimate_mean``.
    """
    rows = _collect(values, reasons, clusters, lo, hi, planned)
    if rows.scored.size == 0:
        return _nothing(rows, planned, level)
    value = exact_mean(rows.scored)
    bounded = rows.worst is not None and rows.best is not None
    reason = ""
    if rows.absent:
        unknown = f"{rows.absent} of {planned} values are missing"
        reason = f"{unknown}: the ends are the extreme ways of filling them"
        reason = reason if bounded else f"{unknown} and their range is infinite"
    return Estimate(
        value=value,
        lo=rows.worst if bounded else None,
        hi=rows.best if bounded else None,
        level=level,
        method=CENSUS,
        n=rows.scored.size,
        clusters=len(set(rows.labels)),
        planned=planned,
        missing=rows.missing,
        worst=rows.worst,
        best=rows.best,
        reason=reason,
    )


def _nothing(rows: _Rows, planned: int, level: float) -> Estimate:
    counts = ", ".join(f"{count} {why}" for why, count in rows.missing.items())
    return Estimate(
        value=None,
        level=level,
        method="none",
        n=0,
        clusters=0,
        planned=planned,
        missing=rows.missing,
        worst=rows.worst,
        best=rows.best,
        reason=f"no value was scored: {counts}" if counts else "no row was planned",
    )


def _rate_interval(
    used: Floats,
    labels: Sequence[str],
    lo: float,
    hi: float,
    level: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Return the interval of a rate in the unit of the column, ``lo`` + (hi - lo) * share."""
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(f"rate: expected a finite range with lo < hi, got {lo} to {hi}")
    strange = used[(used != lo) & (used != hi)]
    if strange.size:
        raise ValueError(f"rate: expected values {lo} or {hi} only, got {strange[0]}")
    count = len(set(labels))
    constant = used.min() == used.max()
    if count < used.size and not (constant and count > 1):
        return _mean_interval(used, labels, level, resamples, seed)
    share = wilson(count if constant and used[0] == hi else int((used == hi).sum()), count, level)
    method = share.method if count == used.size else "Wilson, one trial per cluster"
    if share.lo is None or share.hi is None:
        return share._replace(method=method)
    return Interval(lo + (hi - lo) * share.lo, lo + (hi - lo) * share.hi, method, share.reason)


def _mean_interval(
    used: Floats, labels: Sequence[str], level: float, resamples: int, seed: int
) -> Interval:
    if resamples:
        return cluster_bootstrap(used, labels, level=level, resamples=resamples, seed=seed)
    if len(set(labels)) == used.size:
        return t_mean(used, level)
    found = cluster_mean(used, labels, level)
    return Interval(found.lo, found.hi, found.method, found.reason)


def _collect(
    values: Sequence[float | None],
    reasons: Sequence[Missing | None],
    clusters: Sequence[str],
    lo: float,
    hi: float,
    planned: int,
) -> _Rows:
    """Check the rows against each other, the range and the plan, and sort them into two kinds."""
    if not len(values) == len(reasons) == len(clusters):
        raise ValueError(
            "rows: expected values, reasons and clusters of equal length,"
            f" got {len(values)}, {len(reasons)} and {len(clusters)}"
        )
    if not lo <= hi:
        raise ValueError(f"range: expected lo <= hi, got {lo} to {hi}")
    scored: list[float] = []
    labels: list[str] = []
    for index, (value, why, label) in enumerate(zip(values, reasons, clusters, strict=True)):
        if (value is None) == (why is None):
            raise ValueError(f"row {index}: expected a value or a reason, got {value!r}, {why!r}")
        if value is not None:
            if not (math.isfinite(value) and lo <= value <= hi):
                raise ValueError(f"row {index}: expected {lo} to {hi}, got {value!r}")
            scored.append(value)
            labels.append(label)
    tally = Counter(why.value for why in reasons if why is not None)
    absent = tally.total()
    if planned != len(scored) + absent:
        raise ValueError(
            f"planned {planned} rows, but {len(scored)} are scored and {absent} missing"
        )
    return _Rows(
        np.array(scored, dtype=np.float64),
        tuple(labels),
        tuple(label for label, why in zip(clusters, reasons, strict=True) if why is not None),
        dict(sorted(tally.items())),
        _filled_mean(scored, absent, lo),
        _filled_mean(scored, absent, hi),
    )


def _filled_mean(scored: list[float], absent: int, filler: float) -> float | None:
    """Return the mean with ``absent`` more values of ``filler``; None where that is infinite."""
    total = len(scored) + absent
    if total == 0 or (absent and not math.isfinite(filler)):
        return None
    return math.fsum([*scored, *[filler] * absent]) / total
