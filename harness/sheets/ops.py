"""Operations by name, as rules files and reports spell them."""

from __future__ import annotations

from enum import StrEnum


class Op(StrEnum):
    """Operations that inference looks for and rules files name."""

    SUM = "sum"
    MEAN = "mean"
    SUM_100 = "sum/100"
    WEIGHTED = "weighted_mean"
    DIFFERENCE = "difference"
    RATIO = "ratio"
    PERCENT = "100*ratio"
    CHANGE = "percent_change"
    REDUCTION = "percent_reduction"
    REST = "100-x"
    REST_OF_ONE = "1-x"
    COUNTS = "k/n"
    TABLE_MEAN = "mean_of_table"
    RANK = "rank"
    BEST = "best"
    SECOND = "second"
    GRIM = "grim"
    GRIMMER = "grimmer"
    DEBIT = "debit"


RATIOS = {Op.RATIO: 1, Op.PERCENT: 100, Op.CHANGE: 100, Op.REDUCTION: 100}
FROM_WHOLE = {
    Op.CHANGE: (100, 1),
    Op.REDUCTION: (100, -1),
    Op.REST: (100, -1),
    Op.REST_OF_ONE: (1, -1),
}
"""Operations that print what a whole gains or lacks: the whole, and the sign of what is printed."""
ROUNDINGS = ("round", "truncate", "ceiling", "from printed cells", "result cut off", "exact")
"""How a rules file may say that the numbers of a rule were shortened."""
