"""Single cells: can k of n print like this, and does the cell look like its column?"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from harness.audit.context import Case, Cell, Finding, NotTestable
from harness.audit.lattice import counts, nearest, printable_share
from harness.audit.printed import FAIL, PASS, WARN, show


def grim(case: Case) -> Finding:
    """Each cell must be ``scale * k / n`` for a whole k and one of the given n.

    ``step`` may stand in place of n (step 0.02 is n = 50 at scale 1). A win rate that fits only
    with half credit for ties warns.
    """
    case.need_cells(1)
    sizes = case.sizes() or [int(1 / step) for step in case.constants("step") if step > 0]
    if not sizes:
        raise NotTestable("the number of items n is not known")
    scale = (case.constants("scale") or [Fraction(1)])[0]
    lines, impossible, halves = [], [], []
    for cell in case.cells:
        found = {n: counts(cell.printed, n, scale) for n in sizes}
        half = {n: counts(cell.printed, 2 * n, scale) for n in sizes}
        if any(found.values()):
            lines.append(_attained(cell, found))
        elif cell.metric == "win_rate" and any(half.values()):
            n, ks = next((n, ks) for n, ks in half.items() if ks)
            lines.append(f"{cell.printed.text}: k = {show(Fraction(ks[0], 2))} of {n} with ties")
            halves.append(f"{cell.name} {cell.printed.text}")
        else:
            lines.append(_missed(cell, sizes, scale))
            impossible.append(f"{cell.name} {cell.printed.text}")
    first = case.cells[0].printed
    power = 1 - max(printable_share(n, first.decimals, scale) for n in sizes)
    if impossible:
        ns = " or ".join(map(str, sizes))
        why = f"No whole number of {ns} items prints as {', '.join(impossible)}."
        return Finding(FAIL, "; ".join(lines), why, power)
    if halves:
        why = f"Only with half credit for ties: {', '.join(halves)}."
        return Finding(WARN, "; ".join(lines), why, power)
    return Finding(PASS, "; ".join(lines), "", power)


def _attained(cell: Cell, found: dict[int, range]) -> str:
    n, ks = next((n, ks) for n, ks in found.items() if ks)
    many = f"{ks[0]}" if len(ks) == 1 else f"{ks[0]}..{ks[-1]}"
    return f"{cell.printed.text}: k = {many} of {n}"


def _missed(cell: Cell, sizes: list[int], scale: Fraction) -> str:
    parts = []
    for n in sizes:
        below, above = nearest(cell.printed, n, scale)
        parts.append(
            f"x {n} = {show(cell.printed.value * n / scale, 6)}, nearest attainable "
            f"{show(below, 5)} and {show(above, 5)}"
        )
    return f"{cell.printed.text} {'; '.join(parts)}"


def decimals_uniform(case: Case) -> Finding:
    """Each cell has as many decimals as most of its column."""
    case.need_cells(1)
    odd: list[str] = []
    for cell in case.cells:
        column = [
            other.decimals
            for other in case.table_of(cell).cells
            if other.metric == cell.metric and other.decimals is not None
        ]
        usual, _ = Counter(column).most_common(1)[0]
        if cell.printed.decimals != usual:
            odd.append(
                f"{cell.metric} of {cell.name} is printed as {cell.printed.text} among cells of "
                f"{usual} decimals"
            )
    if odd:
        why = "A check that reads precision from the digits takes another interval here."
        return Finding(WARN, "; ".join(odd), why)
    return Finding(PASS, f"{len(case.cells)} cells have the decimals of their column")


def repeated_value(case: Case) -> Finding:
    """Measurements under two conditions should not agree to the last digit.

    Cells come in pairs of one row and metric; each pair that is equal is a coincidence to look at.
    """
    case.need_cells(2)
    pairs: dict[tuple[str, str], list[Cell]] = {}
    for cell in case.cells:
        pairs.setdefault((cell.name, cell.metric), []).append(cell)
    equal, total = [], 0
    for (name, metric), cells in pairs.items():
        if len(cells) < 2:
            continue
        total += 1
        if len({cell.printed.value for cell in cells}) == 1:
            equal.append(f"{name} {metric} {cells[0].printed.text}")
    if not total:
        raise NotTestable("no two cells belong to one row and metric")
    text = f"{len(equal)} of {total} pairs are equal" + (": " + "; ".join(equal) if equal else "")
    if equal:
        return Finding(WARN, text, "A coincidence is possible; the raw results would tell.")
    return Finding(PASS, text)
