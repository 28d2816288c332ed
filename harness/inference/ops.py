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
