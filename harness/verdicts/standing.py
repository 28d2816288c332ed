"""How a verdict about a paper stands, read with a kind eye. No rule knows a check by its name.

The outcome of a rule is arithmetic and stays. Its standing is the softest of these:

1. A stated rule that fails contradicts; one that is inferred, or that warns, leaves a doubt.
2. An assumption that is ours (a constant that the source does not state and the miss rests on,
   what the pack says it assumes, what an operation takes for granted) leaves at most a doubt.
3. An innocent reading (``readings``) that fits here leaves at most a doubt; one that fits all
   related cells, and rounding alone with a chance above 5 %, clears it.
4. A statement by words of degree (leading, exponential, about) is at most doubtful.
5. Cells outside the range that a statement speaks of, and values that we assigned, test nothing;
   cells for a part of it test that part. So does a miss of what nobody claims: it is a note.
6. No printed number at all: untested.
7. Counts are exact: 6 and 7 do not agree by rounding.

What only an earlier edition has keeps its standing and is never red (``Verdict.level``). One fact
is counted once, whatever the number of verdicts on it (``facts``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.audit.context import Case, NotTestable
from harness.audit.scales import off_scale
from harness.outcomes import SEVERITY, Level, Outcome, Standing
from harness.packs.claims import Claim
from harness.packs.efficiency import EfficiencyClaim
from harness.packs.schema import Edition
from harness.packs.tables import ASSIGNED, KEY
from harness.records import Appraisal, Check
from harness.verdicts.docket import Docket, found_cells, operation, owner_of, speaks_by_degree
from harness.verdicts.readings import Reading, conditions, measured_range, readings

CONSTANTS = {
    "n": "the number of items behind a cell",
    "step": "the number of items behind a cell",
    "weights": "the weights of the mean",
    "grain": "how far the value is rounded",
}
"""Constants of a rule that are ours unless the source states them."""

TAKEN_FOR_GRANTED = {
    "bold_is_max": "bold marks the best of a column",
    "unit": "a printed unit says all of what a number is an amount of",
    "tables_present": "what is announced is also printed",
    "text_equals_text": "both places speak of one thing",
    "same_mark": "both marks are meant",
}
"""What an operation takes for granted, whatever the source."""

UNCLAIMED = {
    "parallel_speedup": "nobody claims that the two times differ in the number of devices alone",
    "same_table": "an edition may change what an earlier one printed",
}
"""Operations that hold what no source claims: a miss is a note."""

ENOUGH, NEARLY_ALL = 10, 0.9  # rows of a definition, and the share of them that must follow it


def hardest(standings: Sequence[Standing]) -> Standing:
    """Return the standing that weighs most on what rests on several verdicts."""
    return min(standings, key=SEVERITY.index)


def softest(standings: Sequence[Standing]) -> Standing:
    """Return the standing that is left when all of these are true of one finding."""
    return max(standings, key=SEVERITY.index)


class Beside(NamedTuple):
    """Why a pass does not carry a statement: for a part of it, or as a whole."""

    text: str
    whole: bool


def appraise(check: Check, docket: Docket) -> tuple[Standing, Appraisal]:
    """Return how a check stands, and what qualifies it."""
    missed = check.verdict.level not in (Level.GOOD, Level.OPEN)
    tried = readings(check, docket) if missed else []
    fitting = [one for one in tried if one.most is not None]
    ours = assumptions(check, docket.case(check)) if missed else []
    unread = beside(check, docket)
    appraisal = qualified(
        docket,
        check.explanation or check.arithmetic,
        editions=docket.editions(check),
        claims=docket.statements(check),
        owner=owner_of(found_cells(docket.case(check)), docket.pack) if check.cells else "own",
        assumptions=tuple(ours),
        gaps=tuple(one.text for one in unread),
        readings=tuple(one.text for one in fitting),
        tried=tuple(one.text for one in tried if one.most is None),
    )
    if not missed:
        return passing(check, unread), appraisal
    return missing(check, fitting, ours, unread, docket), appraisal


def passing(check: Check, unread: Sequence[Beside]) -> Standing:
    """Return how a check stands that passes, or lacks a constant, or passes whatever is printed."""
    blind = check.verdict.level is Level.OPEN or check.power == 0
    if blind or any(one.whole for one in unread):
        return Standing.UNTESTED
    return Standing.DOUBTFUL if unread else Standing.HOLDS


def missing(
    check: Check,
    fitting: Sequence[Reading],
    ours: Sequence[str],
    unread: Sequence[Beside],
    docket: Docket,
) -> Standing:
    """Return how a check stands that warns or fails."""
    limits = [one.most for one in fitting if one.most is not None]
    if Standing.HOLDS in limits:
        return Standing.HOLDS
    unclaimed = check.terms.note or operation(check) in UNCLAIMED
    unprinted = operation(check) == "supported" and not check.cells
    if unclaimed or unprinted or any(one.whole for one in unread):
        return Standing.UNTESTED
    fails = check.verdict is Outcome.FAIL
    if ours or docket.by_degree(check):
        limits.append(Standing.DOUBTFUL)
    return softest([Standing.CONTRADICTED if fails else Standing.DOUBTFUL, *limits])


def assumptions(check: Check, case: Case | None) -> list[str]:
    """Return the assumptions of ours that a miss rests on.

    Derived cells are held without n by an innocent reading, so n is theirs no longer; nor does a
    share rest on it that no n gives, such as 105 %.
    """
    op, terms = operation(check), check.terms
    of_n = op == "grim" and not (case and any(off_scale(case, cell) for cell in case.cells))
    found = [
        f"{what} ({name})"
        for name, what in CONSTANTS.items()
        if name in check.rule and name not in terms.stated and (of_n or name not in ("n", "step"))
    ]
    if "n" in check.rule:
        found = [one for one in found if not one.endswith("(step)")]
    granted = TAKEN_FOR_GRANTED.get(op) or UNCLAIMED.get(op)
    return [*found, *filter(None, (granted, terms.note)), *terms.assumes]


def beside(check: Check, docket: Docket) -> list[Beside]:
    """Return what of a check's statement its cells do not show."""
    case, found = docket.case(check), []
    if case is None:
        return []
    if check.claims and any(ASSIGNED in cell.flags for cell in found_cells(case)):
        found.append(Beside("which curve a label of the figure belongs to is assigned here", True))
    stands = conditions(case, docket)
    for key, (least, most) in measured_range(check).items():
        if key in stands and not least <= stands[key] <= most:
            text = f"speaks of {key} {least:g} to {most:g}, its cells stand at {stands[key]:g}"
            found.append(Beside(text, True))
    for key, names in check.terms.about.items():
        if key not in KEY:
            continue
        read = [cell.get(key) for cell in case.cells]
        unread = [name for name in names if not any(_covers(one, name) for one in read)]
        if unread:
            found.append(Beside(f"speaks of {', '.join(unread)} too, which is not read", False))
    return [*found, *unequal_counts(case)]


def _covers(read: str, name: str) -> bool:
    return read == name or read.startswith(name + "_")


def unequal_counts(case: Case) -> Iterator[Beside]:
    """Yield the gap between two whole numbers that a text states of one thing."""
    if case.spec.op != "text_equals_text":
        return
    try:
        values = case.texts("values")
    except NotTestable:
        return
    if all(one.isdecimal() for one in values) and len(set(values)) > 1:
        yield Beside(f"counts are exact: {' and '.join(values)} are not one number", False)


def appraise_sentence(
    claim: Claim, found: Sequence[tuple[Check, Standing]], docket: Docket
) -> tuple[Standing, Appraisal]:
    """Return how a statement of the text stands: as the hardest of its checks.

    A definition that nearly all of many rows follow holds; the others are findings of their own.
    """
    standings = [standing for _, standing in found]
    standing = hardest(standings) if found else Standing.UNTESTED
    follow = standings.count(Standing.HOLDS)
    text = claim.statement
    if claim.kind == "definition" and len(found) >= ENOUGH and follow >= NEARLY_ALL * len(found):
        standing, text = Standing.HOLDS, f"{claim.statement}: {follow} of {len(found)} rows follow"
    cells = [cell for check, _ in found for cell in found_cells(docket.case(check))]
    printed = {edition.id for check, _ in found for edition in docket.editions(check)}
    editions = [one for one in docket.oldest_first if one.id in claim.places]
    appraisal = qualified(
        docket,
        text,
        editions=[one for one in editions if one.id in printed] or editions,
        claims=[claim],
        owner=owner_of(cells, docket.pack) or "own",
    )
    return standing, appraisal


def appraise_measured(
    claim: Claim, outcome: Outcome, margin: str, docket: Docket
) -> tuple[Standing, Appraisal]:
    """Return how a statement of the text stands that a run was declared to answer.

    Margin and clips are the run's own: what lies beyond the margin leaves a doubt, what lies within
    it holds for these clips, and what cannot be told tests nothing.

    Args:
        claim: the statement.
        outcome: what was measured.
        margin: in words.
        docket: of the pack.
    """
    held = {Level.GOOD: Standing.HOLDS, Level.BAD: Standing.DOUBTFUL}
    appraisal = qualified(
        docket,
        claim.statement,
        editions=[one for one in docket.oldest_first if one.id in claim.places],
        claims=[claim],
        owner="own",
        assumptions=(f"a {margin} is as good as none",),
        gaps=("measured on the clips of this run, which its run file declares to answer it",),
    )
    return held.get(outcome.level, Standing.UNTESTED), appraisal


def appraise_cost(
    claim: EfficiencyClaim, outcome: Outcome, innocent: str, docket: Docket
) -> tuple[Standing, Appraisal]:
    """Return how a statement about cost stands.

    Args:
        claim: the statement.
        outcome: what its rule found.
        innocent: a reading that fits all of its rows, where the rule found one.
        docket: of the pack.
    """
    if outcome.level is Level.BAD:
        standing = Standing.CONTRADICTED
        if claim.terms.assumes or claim.terms.degree or speaks_by_degree(claim.statement):
            standing = Standing.DOUBTFUL
        standing = Standing.UNTESTED if claim.terms.note else standing
        standing = Standing.HOLDS if innocent else standing
    else:
        standing = Standing.HOLDS if outcome.level is Level.GOOD else Standing.UNTESTED
    source = claim.source or claim.locator().source
    appraisal = qualified(
        docket,
        claim.statement,
        editions=[one for one in docket.oldest_first if one.source == source],
        owner=owner_of(claim.printed(), docket.pack),
        assumptions=(*claim.terms.assumes, *filter(None, [claim.terms.note])),
        readings=tuple(filter(None, [innocent])),
    )
    return standing, appraisal


def qualified(
    docket: Docket,
    finding: str,
    *,
    editions: Sequence[Edition],
    owner: str,
    claims: Sequence[Claim] = (),
    assumptions: tuple[str, ...] = (),
    gaps: tuple[str, ...] = (),
    readings: tuple[str, ...] = (),
    tried: tuple[str, ...] = (),
) -> Appraisal:
    """Return what qualifies a verdict, with the sentence that says it."""
    current = not editions or any(docket.is_current(one) for one in editions)
    note = "" if current else docket.mended(editions, claims)
    parts = [
        ": ".join(filter(None, ["; ".join(filter(None, [note, owner])), finding.rstrip(".")])),
        *(f"but {one}" for one in gaps),
        *(f"assumed here: {one}" for one in assumptions),
        *(f"innocent reading: {one}" for one in readings),
    ]
    return Appraisal(
        editions=tuple(one.id for one in editions),
        current=current,
        edition_note=note,
        owner=owner,
        assumptions=assumptions,
        gaps=gaps,
        readings=readings,
        tried=tried,
        say="; ".join(parts) + ".",
    )
