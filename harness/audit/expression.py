"""Rules written as nested means and sums, e.g. ``mean_of(mean(quality8), domain)``.

Names stand for groups of input cells: a name is a metric, or the start of metrics, and may end in
the number of cells it must cover. One name that matches no metric takes all cells that no other
name matches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from harness.audit.context import NotTestable

FUNCTIONS = ("mean", "mean_of", "sum", "sum_of")
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[(),])")

Node = str | tuple[str, list["Node"]]


def is_expression(op: str) -> bool:
    """Say whether an operation is written as an expression."""
    return op.partition("(")[0].strip() in FUNCTIONS and "(" in op


def weights(op: str, metrics: Sequence[str]) -> list[Fraction]:
    """Return the weight of each input cell under the expression.

    Raises:
        NotTestable: the expression cannot be read, or its names do not fit the cells.
    """
    tree = parse(op)
    groups = _groups(_names(tree), metrics)
    result = [Fraction(0)] * len(metrics)
    _spread(tree, Fraction(1), groups, result)
    unused = [metric for metric, weight in zip(metrics, result, strict=True) if weight == 0]
    if unused:
        raise NotTestable(f"{op} does not use the cells {', '.join(unused)}")
    return result


def parse(op: str) -> Node:
    """Read an expression into (function, arguments) and names."""
    tokens = _TOKEN.findall(op)
    if "".join(tokens) != re.sub(r"\s+", "", op):
        raise NotTestable(f"cannot read the rule {op!r}")
    node, rest = _node(tokens, op)
    if rest:
        raise NotTestable(f"cannot read the rule {op!r} after {rest[0]!r}")
    return node


def _node(tokens: list[str], op: str) -> tuple[Node, list[str]]:
    if not tokens or not tokens[0][0].isalpha():
        raise NotTestable(f"cannot read the rule {op!r}")
    name, rest = tokens[0], tokens[1:]
    if rest[:1] != ["("]:
        return name, rest
    if name not in FUNCTIONS:
        raise NotTestable(f"unknown function {name!r} in the rule {op!r}")
    arguments: list[Node] = []
    rest = [",", *rest[1:]]
    while rest[:1] == [","]:
        argument, rest = _node(rest[1:], op)
        arguments.append(argument)
    if rest[:1] != [")"]:
        raise NotTestable(f"unbalanced parentheses in the rule {op!r}")
    return (name, arguments), rest[1:]


def _names(node: Node) -> list[str]:
    if isinstance(node, str):
        return [node]
    return [name for argument in node[1] for name in _names(argument)]


def _groups(names: Sequence[str], metrics: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions of the cells that each name stands for."""
    stems = {name: re.sub(r"\d+$", "", name) for name in names}
    groups = {
        name: [index for index, metric in enumerate(metrics)
               if metric in (name, stem) or metric.startswith(stem + "_")]
        for name, stem in stems.items()
    }  # fmt: skip
    nameless = [name for name, found in groups.items() if not found]
    if len(nameless) > 1:
        raise NotTestable(f"no cells for {', '.join(nameless)}")
    taken = {index for found in groups.values() for index in found}
    for name in nameless:
        groups[name] = [index for index in range(len(metrics)) if index not in taken]
    for name, found in groups.items():
        wanted = name[len(stems[name]) :]
        if not found or (wanted and len(found) != int(wanted)):
            raise NotTestable(f"{name} stands for {len(found)} cells")
    return groups


def _spread(
    node: Node, weight: Fraction, groups: dict[str, list[int]], result: list[Fraction]
) -> int:
    """Add ``weight`` over the cells below a node."""
    if isinstance(node, str):
        for index in groups[node]:
            result[index] += weight / len(groups[node])
        return len(groups[node])
    function, arguments = node
    plural = len(arguments) == 1 and isinstance(arguments[0], str)
    if function.startswith("sum"):
        parts = len(groups[arguments[0]]) if plural else 1  # type: ignore[index]
        each = weight * parts
    else:
        each = weight / len(arguments)
    for argument in arguments:
        _spread(argument, each, groups, result)
    return len(arguments)
