"""Tables of a LaTeX source: ``tabular`` and its kin, with spanning cells, rules and captions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from harness.sheets.grid import Grid, Spanning, spread
from harness.sheets.latex import latex_runs
from harness.sheets.markup import Marked, marked

_NAMES = r"(tabular\*|tabularx|tabulary|tabular|longtable|array|xltabular|NiceTabular|tblr)"
_BEGIN = re.compile(rf"\\begin\s*\{{{_NAMES}\}}")
ENDS = re.compile(rf"\\(?:(?P<begin>begin)|end)\s*\{{{_NAMES}\}}")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_DEFINED = re.compile(
    r"\\(?:(?:re)?newcommand\*?|providecommand|def)\s*\{?\\([A-Za-z]+)\}?"
    r"\s*(?:\[([1-9])\]|(?:#\d)*)\s*(?=\{)"
)
_ARGUMENT = re.compile(r"\s*\{")
_TOKEN = re.compile(
    r"(?P<end>\\\\\*?(?:\s*\[[^\]\n]*\])?|\\tabularnewline\b|\\cr\b)"
    r"|(?P<open>\\begin\s*\{[^{}]*\}|\{)|(?P<close>\\end\s*\{[^{}]*\}|\})"
    r"|(?P<skip>\\.)|(?P<cell>&)",
    re.DOTALL,
)
_RULE = re.compile(r"\\(?:toprule|midrule|bottomrule|hline|hhline|Xhline|specialrule)\b")
_TRIM = re.compile(
    r"\\(?:cmidrule|cline|cdashline|addlinespace|specialrule|noalign|Xhline|hhline)\b"
    r"(?:\s*(?:\[[^\]]*\]|\([^)]*\)|\{[^{}]*\}))*"
    r"|\\(?:toprule|midrule|bottomrule|hline|hdashline|endfirsthead|endhead|endfoot|endlastfoot)\b"
)
_UNDEFINED = re.compile(
    r"^\s*(?:\\(?:row|cell)color\s*(?:\[[^\]]*\])?\{[^{}]*\}\s*)*"
    r"\\([A-Za-z]{2,})\s*(?:\{\s*\})?\s*$"
)
"""A row's name that is a macro of another file: \\ours is called ours."""
_COLUMNS = re.compile(r"\\multicolumn\s*\{\s*(\d{1,3})\s*\}")
_ROWS = re.compile(r"\\multirow\s*(?:\[[^\]]*\])?\s*\{\s*(-?\d{1,3})\s*\}")
_FURTHEST = 20_000
"""Characters between a table and the ends of the float around it."""
_MOST_EXPANSION = 3
"""How deep macros of the author may stand in each other."""


class _Definition(NamedTuple):
    """A macro of the author: its text, and how many arguments it takes."""

    body: str
    arguments: int


class _Body(NamedTuple):
    """What stands between begin and end of one table, and its first line in the file."""

    text: str
    line: int
    caption: str


def has_tables(text: str) -> bool:
    """Say whether a text holds a table environment."""
    return bool(_BEGIN.search(text))


def grids(text: str) -> list[Grid]:
    """Return the tables of a LaTeX source."""
    plain = _COMMENT.sub(r"\1", text)
    return [_grid(body) for body in _bodies(plain, _definitions(plain))]


def _definitions(text: str) -> dict[str, _Definition]:
    """Return the author's own macros; those with an optional argument are left out."""
    found: dict[str, _Definition] = {}
    for match in _DEFINED.finditer(text):
        body = text[match.end() + 1 : _closing(text, match.end()) - 1]
        found[match[1]] = _Definition(body, int(match[2] or 0))
    return found


def _closing(text: str, at: int) -> int:
    """Return the place behind the brace that closes the one at a place, or the end."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, at):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return len(text)


def _bodies(text: str, macros: dict[str, _Definition]) -> Iterator[_Body]:
    """Yield the outermost tables."""
    at = 0
    while begin := _BEGIN.search(text, at):
        depth, end = 1, len(text)
        for found in ENDS.finditer(text, begin.end()):
            depth += 1 if found["begin"] else -1
            if depth == 0:
                end = found.start()
                break
        start = _behind_arguments(text, begin.end(), begin[1])
        body = _expand(text[start:end], macros)
        caption = _caption(text, begin.start(), end)
        yield _Body(body, text.count("\n", 0, start) + 1, _said(_expand(caption, macros)).text)
        at = max(end, begin.end())


def _behind_arguments(text: str, at: int, name: str) -> int:
    left = 2 if name in ("tabular*", "tabularx", "tabulary", "xltabular") else 1
    while found := re.compile(r"\s*([{\[])").match(text, at):
        if found[1] == "{" and not left:
            break
        left -= found[1] == "{"
        closed = text.find("]", found.end())
        at = _closing(text, found.end() - 1) if found[1] == "{" else (closed + 1 or len(text))
    return at


def _expand(text: str, macros: dict[str, _Definition]) -> str:
    """Put the author's own macros in; no longer than a hundredfold."""
    if not macros:
        return text
    names = re.compile(rf"\\({'|'.join(macros)})(?![A-Za-z])\s?")
    for _ in range(_MOST_EXPANSION):
        new = _expand_once(text, names, macros)
        if new == text or len(new) > 100 * len(text) + 10_000:
            break
        text = new
    return text


def _expand_once(text: str, names: re.Pattern[str], macros: dict[str, _Definition]) -> str:
    pieces: list[str] = []
    at = 0
    for found in names.finditer(text):
        if found.start() < at:
            continue
        body, count = macros[found[1]]
        end, arguments = found.end(), list[str]()
        while len(arguments) < count and (opened := _ARGUMENT.match(text, end)):
            end = _closing(text, opened.end() - 1)
            arguments.append(text[opened.end() : end - 1])
        if len(arguments) == count:
            pieces += [text[at : found.start()], _filled(body, arguments)]
            at = end
    return "".join(pieces) + text[at:]


def _filled(body: str, arguments: list[str]) -> str:
    """Return the body of a macro with its arguments."""
    return re.sub(
        r"#([1-9])",
        lambda found: arguments[int(found[1]) - 1] if int(found[1]) <= len(arguments) else "",
        body,
    )


def _caption(text: str, begin: int, end: int) -> str:
    """Return the caption of the float around a table, or the one inside it."""
    start = text.rfind("\\begin{table", max(0, begin - _FURTHEST), begin)
    if start >= 0 and text.rfind("\\end{table", start, begin) < 0:
        stop = text.find("\\end{table", end, end + _FURTHEST)
        begin, end = start, stop if stop >= 0 else len(text)
    found = re.compile(r"\\caption(?:of\{\w+\})?\s*(?:\[[^\]]*\])?(?=\{)").search(text, begin, end)
    return text[found.end() + 1 : _closing(text, found.end()) - 1] if found else ""


def _grid(body: _Body) -> Grid:
    rows: list[tuple[int, list[Spanning]]] = []
    rules: list[int] = []  # rows that a line separates from those above
    for line, cells in _rows(body):
        if rows and _RULE.search(cells[0]):
            rules.append(len(rows))
        cells[0] = _TRIM.sub(" ", cells[0])
        if len(cells) > 1 or cells[0].strip():
            cells[0] = _UNDEFINED.sub(r"\1", cells[0])
            rows.append((line, [_spanning(cell) for cell in cells]))
    rules = [row for row in dict.fromkeys(rules) if row < len(rows)]
    everywhere = len(rules) > 2 and len(rules) == len(rows) - 1  # such lines say nothing
    header = rules[0] if rules and not everywhere else None
    return Grid("latex", spread(rows, explicit=True), body.caption, header)


def _rows(body: _Body) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row, and its line in the file."""
    text = re.sub(r"\\caption(?:\[[^\]]*\])?\{", r"\\phantom{", body.text)
    cells: list[str] = []
    begun, depth, first = 0, 0, 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind in ("open", "close"):
            depth = max(0, depth + (1 if kind == "open" else -1))
        if depth or kind not in ("cell", "end"):
            continue
        cells.append(text[begun : token.start()])
        begun = token.end()
        if kind == "end":
            yield _line_of(body, text, first), cells
            cells, first = [], begun
    cells.append(text[begun:])
    yield _line_of(body, text, first), cells


def _line_of(body: _Body, text: str, at: int) -> int:
    blank = re.compile(r"\s*").match(text, at)
    return body.line + text.count("\n", 0, blank.end() if blank else at)


def _spanning(cell: str) -> Spanning:
    columns, rows = _COLUMNS.search(cell), _ROWS.search(cell)
    return Spanning(
        _said(cell),
        rows=int(rows[1]) if rows else 1,
        columns=max(1, int(columns[1])) if columns else 1,
    )


@lru_cache(maxsize=50_000)
def _said(cell: str) -> Marked:
    return marked(latex_runs(cell))
