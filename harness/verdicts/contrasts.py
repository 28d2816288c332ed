"""Questions with a margin: whether a mean lies within it, beyond it, or cannot be told.

Within the margin the whole interval must lie, and nothing may be censored: a side that is only
known to be below its floor may be anywhere below it. Beyond the margin the whole interval must lie
too. Whatever else is underpowered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from harness.contrasts import estimate, sign_flip
from harness.outcomes import Outcome
from harness.protocols import Contrast
from harness.records import ClaimKind, Estimate, Locator, RunPlan, TaskPlan, Verdict
from harness.verdicts.docket import Docket
from harness.verdicts.standing import appraise_measured

_NAMED = 5  # censored pairs in a message


def word(contrast: Contrast, measured: Estimate) -> Outcome:
    """Decide a contrast from its estimate."""
    within, below, above = contrast.words
    if contrast.barred:
        return Outcome.INCOMPARABLE
    if measured.value is None:
        return Outcome.ABSENT
    if measured.lo is None or measured.hi is None or contrast.doubt:
        return Outcome.OPEN_MARGIN
    least, most = margin_of(contrast)
    if measured.hi < least:
        return below
    if measured.lo > most:
        return above
    inside = least <= measured.lo and measured.hi <= most
    return within if inside and not contrast.censored else Outcome.OPEN_MARGIN


def margin_of(contrast: Contrast) -> tuple[float, float]:
    """Return both ends of the margin in the unit of the estimate."""
    lo, hi = contrast.margin
    return (math.exp(lo), math.exp(hi)) if contrast.ratio else (lo, hi)


def decide(contrast: Contrast, task: TaskPlan, position: int) -> Verdict:
    """Return the verdict on one question of a task."""
    measured = estimate(contrast)
    least, most = margin_of(contrast)
    return Verdict(
        claim=contrast.claim,
        kind=ClaimKind.QUALITY,
        outcome=word(contrast, measured),
        statement=contrast.statement,
        locator=Locator(source="this run", place=f"{task.task.suite} / {task.task.model}"),
        reasons=tuple(_reasons(contrast, measured)),
        evidence=(str(position),),
        measured=measured,
        margin=max(abs(end - (1.0 if contrast.ratio else 0.0)) for end in (least, most)),
    )


def answers(plan: RunPlan, own: Iterable[Verdict], docket: Docket) -> Iterator[Verdict]:
    """Yield the verdict on each statement of the pack that a task is declared to answer.

    Args:
        plan: of the run; a task that declares nothing is held against no statement.
        own: verdicts on the questions of its tasks.
        docket: of the pack.
    """
    for one in own:
        task = plan.tasks[int(one.evidence[0])]
        claim = docket.claims.get(task.task.answers.get(task.question(one.claim), ""))
        if claim is None:
            continue
        margin = f"change of up to {one.margin:.3g}"
        standing, appraisal = appraise_measured(claim, one.outcome, margin, docket)
        yield Verdict(
            claim=claim.id,
            kind=ClaimKind.TEXT,
            outcome=one.outcome,
            statement=claim.statement,
            locator=claim.locator,
            reasons=(f"{one.claim}: {one.outcome}", *one.reasons),
            evidence=(one.claim,),
            measured=one.measured,
            margin=one.margin,
            standing=standing,
            appraisal=appraisal,
        )


def _reasons(contrast: Contrast, measured: Estimate) -> Iterable[str]:
    if contrast.barred:
        yield contrast.barred
    least, most = margin_of(contrast)
    if measured.value is None:
        yield measured.reason
    else:
        ends = "" if measured.lo is None else f" [{measured.lo:.3f}, {measured.hi:.3f}]"
        what = "ratio" if contrast.ratio else "mean"
        units = f"{measured.clusters} prompts, {measured.n} pairs or clips"
        yield f"{what} {measured.value:.3f}{ends} over {units}; margin {least:.3g} to {most:.3g}"
        if measured.reason:
            yield measured.reason
    if (p := sign_flip(contrast)) is not None:
        yield f"sign flip over prompts: p = {p:.3g}"
    if contrast.missing:
        yield "left out: " + ", ".join(f"{n} {why}" for why, n in measured.missing.items())
    if contrast.censored:
        more = len(contrast.censored) - _NAMED
        names = ", ".join(contrast.censored[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"{len(contrast.censored)} censored (one side below its noise floor): {names}"
    if contrast.doubt:
        yield contrast.doubt
    yield from contrast.notes
