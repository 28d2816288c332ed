"""Derived cells: sums, means, differences and ratios, held against what is printed.

The last cell of a check is the printed result, the others are its inputs in the rule's order. A
result that no unrounded inputs can give fails; one that they give only with improbable rounding
errors, or with few of the possible integer counts, warns.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from harness.audit import expression
from harness.audit.context import Case, Finding, NotTestable
from harness.audit.lattice import combinations, counts, share
from harness.audit.rounding import linear_probability, ratio_probability
from harness.audit.scales import CUT, limits_of, one_unit, scale_of
from harness.sheets.ops import FROM_WHOLE, RATIOS, Op
from harness.sheets.printed import FAIL, NOT_TESTABLE, PASS, WARN, Printed, Rounding, Span, show

IMPROBABLE = 1e-3  # share of rounding errors below which a result is called improbable
SCARCE = 0.1  # share of count combinations below which a result is called improbable

Terms = Sequence[tuple[Fraction, Printed]]


def sum_(case: Case) -> Finding:
    """Total = sum of its parts or a hundredth of it; with ``n`` each part is a count over n."""
    case.need_cells(3)
    *parts, total = (cell.printed for cell in case.cells)
    sizes = case.sizes()
    whole = 100 if case.spec.op == Op.SUM_100 else 1
    terms = [(Fraction(1, whole), part) for part in parts]
    text = "+".join(part.text for part in parts)
    text = text if whole == 1 else f"({text})/{whole}"
    return linear(case, terms, total, text, sizes * len(parts) if len(sizes) == 1 else sizes)


def mean(case: Case) -> Finding:
    """Average = unweighted mean of its parts; with ``n`` each part is a count over its own n."""
    case.need_cells(2)
    *parts, total = (cell.printed for cell in case.cells)
    sizes = case.sizes()
    terms = [(Fraction(1, len(parts)), part) for part in parts]
    text = f"mean({', '.join(part.text for part in parts)})"
    return linear(case, terms, total, text, sizes * len(parts) if len(sizes) == 1 else sizes)


def weighted_mean(case: Case) -> Finding:
    """Average = mean weighted by tasks; with ``trials_per_task`` each part is a whole count.

    When the weighted rule fails and the unweighted mean fits, the verdict is a warning: the value
    follows another rule than its column.
    """
    weights = case.constants("weights")
    if not weights or any(weight <= 0 for weight in weights):
        raise NotTestable("the rule needs weights, all of them positive")
    numbers = case.cells[0].numbers if len(case.cells) == 1 else [c.printed for c in case.cells]
    if len(numbers) != len(weights) + 1:
        raise NotTestable(f"{len(weights)} weights for {len(numbers) - 1} parts")
    *parts, total = numbers
    whole = sum(weights, Fraction(0))
    terms = [(weight / whole, part) for weight, part in zip(weights, parts, strict=True)]
    trials = case.sizes("trials_per_task")
    if trials and any(weight.denominator != 1 for weight in weights):
        raise NotTestable("weights of tasks must be whole numbers")
    sizes = [int(weight) * trials[0] for weight in weights] if trials else []
    found = linear(case, terms, total, "task-weighted mean", sizes)
    plain = [(Fraction(1, len(parts)), part) for part in parts]
    text = f"{found.arithmetic}; unweighted mean = {show(_value(plain), 5)}"
    if found.verdict == FAIL and reachable(plain).meets(_result(total)):
        why = "The value follows the unweighted mean, not the task-weighted rule of its column."
        return found._replace(verdict=WARN, arithmetic=text, explanation=why)
    if found.verdict == FAIL:
        why = "The value follows neither the task-weighted nor the unweighted mean of its cells."
        hint = CUT if CUT in found.explanation else ""
        return found._replace(arithmetic=text, explanation=f"{why} {hint}".strip())
    return found._replace(arithmetic=text)


def difference(case: Case) -> Finding:
    """Gain = first cell minus second cell, third cell as printed."""
    case.need_cells(3, 3)
    first, second, gain = (cell.printed for cell in case.cells)
    terms = [(Fraction(1), first), (Fraction(-1), second)]
    return linear(case, terms, gain, f"{first.text} - {second.text}", [])


def rest(case: Case) -> Finding:
    """Share that is left = the whole minus a share: errors = 100 - accuracy."""
    case.need_cells(2, 2)
    part, left = (cell.printed for cell in case.cells)
    whole = Printed.read(str(FROM_WHOLE[Op(case.spec.op)][0]), Rounding.EXACT)
    terms = [(Fraction(1), whole), (Fraction(-1), part)]
    return linear(case, terms, left, f"{whole.text} - {part.text}", [])


def composite(case: Case) -> Finding:
    """Return the finding for a rule written as nested means and sums over groups of metrics."""
    case.need_cells(2)
    *parts, total = case.cells
    weights = expression.weights(case.spec.op, [part.metric for part in parts])
    terms = [(weight, part.printed) for weight, part in zip(weights, parts, strict=True)]
    return linear(case, terms, total.printed, case.spec.op, [])


def linear(case: Case, terms: Terms, total: Printed, text: str, sizes: Sequence[int]) -> Finding:
    """Hold a weighted sum of printed inputs against its printed result.

    Where it is odd although it would fit if all numbers had been cut off, the finding says so.
    """
    one_unit(case.cells)
    found = _decided(case, terms, total, text, sizes)
    if found.verdict != PASS and total.rounding is Rounding.NEAREST:
        cut = [(weight, part.under(Rounding.TRUNCATION)) for weight, part in terms]
        other = _decided(case, cut, total.under(Rounding.TRUNCATION), text, sizes)
        if other.verdict == PASS:
            return found._replace(explanation=f"{found.explanation} {CUT}")
    return found


def _decided(case: Case, terms: Terms, total: Printed, text: str, sizes: Sequence[int]) -> Finding:
    span, target = reachable(terms), _result(total)
    shown = (
        f"{text} = {show(_value(terms))} (attainable {span}); printed {total.text} stands for "
        f"{target}"
    )
    power = _power(span, total, target)
    if not span.meets(target):
        why = f"No unrounded inputs give {total.text}; the nearest is {_nearest(span, total)}."
        return Finding(FAIL, f"{shown}; gap {show(span.gap(target))}", why, power)
    if sizes:
        if len(sizes) != len(terms):
            raise NotTestable(f"{len(sizes)} values of n for {len(terms)} parts")
        found = on_lattice(case, terms, total, sizes)
        shown += f"; {found.arithmetic}"
        if found.verdict is not NOT_TESTABLE:
            return found._replace(arithmetic=shown, power=power)
    if span.touches(target):
        why = "The intervals only touch: every rounding error must be at its very end."
        return Finding(WARN, shown, why, power)
    chance = linear_probability([(weight, part.span) for weight, part in terms], target)
    shown += f"; probability under uniform rounding errors {_percent(chance)}"
    if chance < IMPROBABLE:
        why = "Attainable only if nearly all inputs were rounded in one direction by half a unit."
        return Finding(WARN, shown, why, power)
    return Finding(PASS, shown, "", power)


def on_lattice(case: Case, terms: Terms, total: Printed, sizes: Sequence[int]) -> Finding:
    """Hold a result against all joint counts that its inputs allow, where they allow some."""
    scale = scale_of(case, case.cells[-1])
    inputs = case.cells[:-1] if len(case.cells) > 1 else case.cells * len(terms)
    options = [
        counts(part, n, scale, limits_of(case, cell))
        for (_, part), n, cell in zip(terms, sizes, inputs, strict=True)
    ]
    steps = [weight * scale / n for (weight, _), n in zip(terms, sizes, strict=True)]
    odd = [part.text for (_, part), found in zip(terms, options, strict=True) if not found]
    if odd:
        return Finding(NOT_TESTABLE, f"no whole count prints as {', '.join(odd)}")
    sums = combinations(list(zip(steps, options, strict=True)))
    if sums is None:
        return Finding(NOT_TESTABLE, "too many combinations of whole counts to look at")
    inside, every = share(sums, _result(total))
    reach = Span(min(sums), max(sums))
    text = f"whole counts of {', '.join(map(str, sizes))} give {reach}; {inside} of {every} "
    text += f"combinations print as {total.text}"
    if inside == 0:
        return Finding(FAIL, text, f"No whole counts give {total.text}.")
    if inside < SCARCE * every:
        return Finding(WARN, text, f"Only {inside} of {every} count combinations fit.")
    return Finding(PASS, text)


def ratio(case: Case) -> Finding:
    """Ratio = first cell over second cell, third cell as printed, read to ``grain``.

    A percentage is a hundredfold of it, a percent change what that exceeds 100.
    """
    case.need_cells(3, 3)
    top, bottom, printed = (cell.printed for cell in case.cells)
    if bottom.span.lo <= 0:
        raise NotTestable(f"the denominator {bottom.text} may be zero")
    target = _result(printed)
    if "grain" in case.given:
        half = case.number("grain") / 2
        target = Span(printed.value - half, printed.value + half)
    scale, (start, sign) = RATIOS[Op(case.spec.op)], FROM_WHOLE.get(Op(case.spec.op), (0, 1))
    span = quotient(top, bottom).scaled(sign * scale, -sign * start)
    value = sign * (scale * top.value / bottom.value - start)
    named = "" if scale == 1 else f"{case.spec.op} of "
    text = (
        f"{named}{top.text}/{bottom.text} = {show(value, 6)} (attainable {span}); "
        f"printed {printed.text} stands for {target}"
    )
    power = _power(span, printed, target)
    if not span.meets(target):
        cut = int(value / printed.unit) * printed.unit == printed.value
        why = f"The quotient is {show(value, 6)}. {CUT if cut else ''}".strip()
        return Finding(FAIL, f"{text}; gap {show(span.gap(target), 2)}", why, power)
    if span.touches(target):
        return Finding(WARN, text, "The intervals only touch.", power)
    quotients = target.scaled(Fraction(sign, scale), Fraction(start, scale))
    chance = ratio_probability(top.span, bottom.span, quotients) if span.lo < span.hi else 1.0
    text += f"; probability {_percent(chance)}"
    return Finding(WARN if chance < IMPROBABLE else PASS, text, "", power)


def quotient(top: Printed, bottom: Printed) -> Span:
    """Return all values that a ratio of two printed numbers can take.

    Raises:
        NotTestable: the denominator may be zero, or the numerator negative.
    """
    one, other = top.span, bottom.span
    if other.lo <= 0 or one.lo < 0 > top.value:
        raise NotTestable(f"{top.text}/{bottom.text} is no ratio of positive numbers")
    lo, hi = max(one.lo, Fraction(0)), one.hi
    return Span(
        lo / other.hi,
        hi / other.lo,
        lo > 0 and (one.lo_open or other.hi_open),
        one.hi_open or other.lo_open,
    )


def parallel_speedup(case: Case) -> Finding:
    """Time on one device over time on ``gpus`` devices cannot well exceed ``gpus``."""
    case.need_cells(2, 2)
    devices = case.size("gpus")
    one, many = (cell.printed for cell in case.cells)
    span = quotient(one, many)
    text = (
        f"{one.text}/{many.text} = {show(one.value / many.value, 3)} (attainable {span}) on "
        f"{devices} devices; efficiency {show(100 * span.lo / devices, 3)}.."
        f"{show(100 * span.hi / devices, 3)} %"
    )
    if span.lo > devices:
        why = "More than linear: the two runs must differ in more than the number of devices."
        return Finding(WARN, text, why)
    return Finding(PASS, text)


def pipeline_speedup(case: Case) -> Finding:
    """A pipeline's speed-up is at least ``stated``, read serially and by its bottleneck.

    Cells come in pairs of one stage, throughput before and after. Run one after the other, the
    stages take sum 1/throughput; run side by side, the slowest sets the pace.
    """
    stated = case.number("stated")
    stages: dict[str, list[Printed]] = {}
    for cell in case.cells:
        stages.setdefault(cell.name, []).append(cell.printed)
    pairs = list(stages.values())
    whole = len(pairs) > 1 and all(len(pair) == 2 for pair in pairs)
    if not whole or any(one.span.lo <= 0 for pair in pairs for one in pair):
        raise NotTestable("the rule needs two or more stages, each before and after")
    printed = _speedups([(before.value, after.value) for before, after in pairs])
    most = _speedups([(before.span.lo, after.span.hi) for before, after in pairs])
    text = (
        f"one after the other {show(printed[0], 4)} times, by the slowest stage "
        f"{show(printed[1], 4)} times; stated at least {show(stated)}"
    )
    met = [one >= stated for one in most]
    if all(met):
        return Finding(PASS, text)
    if any(met):
        return Finding(WARN, text, "True in one reading of the pipeline only.")
    return Finding(FAIL, text, "Too low in either reading of the pipeline.")


def _speedups(stages: Sequence[tuple[Fraction, Fraction]]) -> tuple[Fraction, Fraction]:
    """Return the speed-up of stages that run in turn, and of stages that run side by side."""
    before, after = zip(*stages, strict=True)
    serial = sum(1 / one for one in before) / sum(1 / one for one in after)
    return Fraction(serial), min(after) / min(before)


def reachable(terms: Terms) -> Span:
    """Return all values a weighted sum can take, given what its inputs stand for."""
    lo, hi, lo_open, hi_open = Fraction(0), Fraction(0), False, False
    for weight, part in terms:
        span = part.span
        if weight < 0:
            span = Span(span.hi, span.lo, span.hi_open, span.lo_open)
        lo, hi = lo + weight * span.lo, hi + weight * span.hi
        lo_open, hi_open = lo_open or span.lo_open, hi_open or span.hi_open
    return Span(lo, hi, lo_open, hi_open)


def _value(terms: Terms) -> Fraction:
    return sum((weight * part.value for weight, part in terms), Fraction(0))


def _result(printed: Printed) -> Span:
    """Return what a computed number stands for: what is computed from exact inputs is rounded."""
    if printed.rounding is Rounding.EXACT:
        return printed.under(Rounding.NEAREST).span
    return printed.span


def _power(span: Span, total: Printed, target: Span) -> float:
    """Return the share of random results that the check would reject.

    Random means uniform over the printable values within ten percent of the printed one (at
    least fifty printed units either way): the range in which a slip is not seen at once.
    """
    reach = max(abs(total.value) / 10, 50 * total.unit)
    printable = int(2 * reach / total.unit) + 1
    accepted = int((span.hi - span.lo + target.hi - target.lo) / total.unit) + 1
    return max(0.0, 1 - accepted / printable)


def _nearest(span: Span, total: Printed) -> str:
    end = span.lo if total.value < span.lo else span.hi
    return f"{float(end):.{total.decimals + 1}f}"


def _percent(chance: float) -> str:
    return "below 1e-6" if chance < 1e-6 else f"{chance:.2g}"
