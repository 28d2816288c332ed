"""Mathematical statements: what the instances say that they were checked on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.evidence import BoundCheck, HypothesisStanding, Statement
from harness.outcomes import Outcome
from harness.records import ClaimKind, Locator, Row, Verdict

DECISIVE = (Outcome.VIOLATED, Outcome.HOLDS, Outcome.INCONCLUSIVE, Outcome.VACUOUS)
"""Outcomes of instances in the order in which they settle a statement."""
COMPARED = (Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.VACUOUS, Outcome.HOLDS)
"""The same for comparisons of arms: the statement claims each of them, so an open one counts."""
ALPHA = 0.05
"""Of the superiority claims of one experiment together."""


def bound_outcome(check: BoundCheck) -> Outcome:
    """Decide one checked inequality by its hypotheses first, then by its sides.

    A violated hypothesis makes the statement say nothing here (vacuous), whatever the sides do;
    an unknown one leaves it inconclusive. Otherwise it holds, or is violated, when the left side
    (its interval, or its value up to the relative tolerance) lies wholly on one side.
    """
    if unmet(check) or check.rhs is None:
        return Outcome.VACUOUS
    unknown = any(
        hypothesis.standing is HypothesisStanding.UNKNOWN for hypothesis in check.hypotheses
    )
    if unknown or check.lhs is None:
        return Outcome.INCONCLUSIVE
    truth = conclusion(check)
    return Outcome.INCONCLUSIVE if truth is None else Outcome.HOLDS if truth else Outcome.VIOLATED


def unmet(check: BoundCheck) -> bool:
    """Say whether a hypothesis of the statement is violated on this instance."""
    return any(
        hypothesis.standing is HypothesisStanding.VIOLATED for hypothesis in check.hypotheses
    )


def bound_outcomes(rows: Iterable[Row]) -> dict[str, Outcome]:
    """Decide every checked inequality among ``rows``, by key."""
    return {row.key: bound_outcome(row) for row in rows if isinstance(row, BoundCheck)}


def conclusion(check: BoundCheck) -> bool | None:
    """Say whether the inequality itself is true, hypotheses aside; None where it is undecided."""
    if check.lhs is None or check.rhs is None:
        return None
    if check.rule:
        return compared(check.rule, check.lhs, check.rhs, check)
    slack = check.tolerance * max(abs(check.lhs), abs(check.rhs))
    lo = check.lhs - slack if check.lo is None else check.lo
    hi = check.lhs + slack if check.hi is None else check.hi
    exact = check.lo is None and check.hi is None
    if check.relation == "=":
        return lo <= check.rhs <= hi
    if check.relation == ">=":
        lo, hi, bound = -hi, -lo, -check.rhs
    else:
        bound = check.rhs
    if exact:
        return lo <= bound
    return True if hi <= bound else False if lo > bound else None


def compared(rule: str, mean: float, margin: float, check: BoundCheck) -> bool | None:
    """Say whether one arm beats another, or is as good as it; without bounds the mean decides.

    Superiority holds where the gain is significant (``lo`` above 0, p at most ``ALPHA``) and its
    mean reaches the margin; it is refuted where even the upper bound stays below the margin.
    Equivalence holds where both bounds lie within the margin (two one-sided tests).
    """
    lo = mean if check.lo is None else check.lo
    hi = mean if check.hi is None else check.hi
    if rule == "equivalence":
        return (
            True
            if -margin < lo and hi < margin
            else False
            if lo >= margin or hi <= -margin
            else None
        )
    if hi < margin:
        return False
    significant = lo > 0.0 and (check.p is None or check.p <= ALPHA)
    return True if significant and mean >= margin else None


def decide_statement(statement: Statement, checks: Sequence[BoundCheck]) -> Verdict:
    """Judge a mathematical statement by every instance it was checked on.

    One violation refutes it. Otherwise it holds where some instance meets its hypotheses; the
    instances that do not are counted in the reasons. Where none does, the statement's assumption
    is unmet; a bound that is undefined wherever it is looked at stays vacuous. A statement on
    comparisons of arms holds only where each does. A reading that is listed as refuted is so by
    its counterexample, and inconclusive without one.
    """
    outcomes = [bound_outcome(check) for check in checks]
    order = COMPARED if any(check.rule for check in checks) else DECISIVE
    outcome = next((one for one in order if one in outcomes), Outcome.UNTESTED)
    deciding = [check for check, found in zip(checks, outcomes, strict=True) if found is outcome]
    if outcome is Outcome.VACUOUS and all(map(unmet, deciding)):
        outcome = Outcome.UNMET
    if statement.origin == "refuted" and checks:
        outcome = Outcome.REFUTED if outcome is Outcome.VIOLATED else Outcome.INCONCLUSIVE
    counted = ", ".join(f"{outcomes.count(one)} {one}" for one in Outcome if one in outcomes)
    notes = filter(None, dict.fromkeys(check.note or check.reason for check in deciding))
    return Verdict(
        claim=f"theory/{statement.id}",
        kind=ClaimKind.THEOREM,
        outcome=outcome,
        statement=f"{statement.title}: {statement.text}",
        locator=Locator(source=statement.source, place=statement.place),
        reasons=(f"instances: {counted}", *list(notes)[:3]) if checks else (),
        evidence=tuple(check.key for check in deciding[:5]),
        needs="" if checks else statement.needs,
        command="" if checks else statement.command,
        origin=statement.origin,
    )
