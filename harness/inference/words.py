"""Words that say what a column or row is of others: they buy evidence, they never decide."""

from __future__ import annotations

import re
import unicodedata

from harness.sheets.ops import Op

NAMED: dict[str, tuple[Op, ...]] = {
    **dict.fromkeys(("avg", "average", "mean"), (Op.MEAN,)),
    "total": (Op.SUM, Op.MEAN),
    "sum": (Op.SUM,),
    **dict.fromkeys(("overall", "all"), (Op.MEAN, Op.SUM)),
    "len": (Op.SUM_100,),
    **dict.fromkeys(("difference", "diff", "gap", "gain", "delta", "drop", "δ"), (Op.DIFFERENCE,)),
    **dict.fromkeys(("ratio", "speedup"), (Op.RATIO, Op.PERCENT)),
}
TOTALS = {"total", "sum", "all", "average", "avg", "mean", "overall"}
CHANGES = {"δ", "gain", "gains", "improvement", "improvements", "impr", "diff", "difference"}
RANKS = {"rank", "ranking", "place"}
SHARES = {
    *("success", "sr", "acc", "accuracy", "rate", "win", "wins", "pass", "correct", "solved"),
}
ERRORS = {"error", "errors", "err", "failure", "failures", "fail"}
SIZES = {"n", "#", "count", "weight", "weights", "# samples", "samples"}


def words(text: str) -> list[str]:
    """Return the words of a header in lower case."""
    return re.findall(r"[^\W_]+|#", unicodedata.normalize("NFKC", text).casefold())


def operations(name: str) -> tuple[Op, ...]:
    """Return the operations that a header speaks of, none for most."""
    found = [op for word in words(name) for op in NAMED.get(word, ())]
    if "len" in words(name):
        found = [Op.SUM_100]
    return tuple(dict.fromkeys(found))


def is_total(label: str) -> bool:
    """Say whether the label of a row makes it one of totals."""
    found = set(words(label))
    return bool(found & TOTALS) and found <= TOTALS | {"score", "weighted", "macro", "micro"}


def is_change(label: str) -> bool:
    """Say whether the label of a row makes it one of changes of other rows: Δ, gain over base."""
    found = words(label)
    return bool(found) and (found[0] in CHANGES or found == ["delta"])


def is_rank(header: str) -> bool:
    """Say whether a header is that of a column of ranks."""
    found = set(words(header))
    return bool(found & RANKS) or found == {"#"}


def is_error(header: str) -> bool:
    """Say whether a header is that of a share of errors, which may be the rest of another share."""
    return bool(set(words(header)) & ERRORS)


def is_share(header: str) -> bool:
    """Say whether a header is that of a share of items that are right or wrong."""
    return bool(set(words(header)) & SHARES)
