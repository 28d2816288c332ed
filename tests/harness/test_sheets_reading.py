"""Tables as people have them: headers, groups, ragged rows, commas, several tables, no table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from printed_forms import FORMS, Printable, Shown, numbers, read, told

from harness.errors import DataError
from harness.sheets import grid
from harness.sheets.printed import Printed
from harness.sheets.reading import MOST_BYTES, read_sheets
from harness.sheets.sheet import ColumnKind, Sheet, Spread
from harness.sheets.showing import as_json, as_text

FOREIGN = Path("../shared/data/foreign")


def only(text: str) -> Sheet:
    (sheet,) = read(text)
    return sheet


def labels(sheet: Sheet) -> list[tuple[str, ...]]:
    return [row.labels for row in sheet.rows]


def paths(sheet: Sheet) -> list[tuple[str, ...]]:
    return [sheet.columns[i].path for i in sheet.value_columns]


def plain(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum() or one in "+#")


@pytest.mark.skipif(not FOREIGN.is_dir(), reason="needs ../shared/data/foreign")
def test_tables_of_others_hold_what_their_notes_name() -> None:
    for entry in json.loads((FOREIGN / "expected.json").read_text())["tables"]:
        (sheet,) = read_sheets(FOREIGN / entry["file"])
        named = {tuple(map(plain, sheet.columns[i].path)): i for i in sheet.value_columns}
        for rule in entry["rules"]:
            used = [named[tuple(map(plain, path))] for path in (rule["result"], *rule["inputs"])]
            usable = [
                row
                for row in range(len(sheet.rows))
                if all((cell := sheet.grid.get((row, i))) and cell.number for i in used)
            ]
            assert len(usable) == rule["rows"], entry["file"]
        known = [[plain(label) for label in row.labels] for row in sheet.rows]
        for misfit in entry["misfits"]:
            row = known.index([plain(label) for label in misfit["row"]])
            (path,) = misfit["columns"]
            assert sheet.grid[row, named[tuple(map(plain, path))]].text == misfit["printed"]


TWO_LEVELS = {
    "csv": "Method,LIBERO,,Bridge,\n,Goal,Avg,Spoon,Avg\nA,1.0,2.0,3.0,4.0\nB,1.5,2.5,3.5,4.5\n",
    "markdown": "| Method | LIBERO | | Bridge | |\n|---|---|---|---|---|\n"
    "| | Goal | Avg | Spoon | Avg |\n| A | 1.0 | 2.0 | 3.0 | 4.0 |\n"
    "| B | 1.5 | 2.5 | 3.5 | 4.5 |\n",
    "latex": r"""\begin{tabular}{lcccc} \toprule
\multirow{2}{*}{Method} & \multicolumn{2}{c}{LIBERO} & \multicolumn{2}{c}{Bridge} \\
\cmidrule(lr){2-3} & Goal & Avg & Spoon & Avg \\ \midrule
A & 1.0 & 2.0 & 3.0 & 4.0 \\ B & 1.5 & 2.5 & 3.5 & 4.5 \\ \bottomrule \end{tabular}""",
    "html": "<table><tr><th rowspan=2>Method<th colspan=2>LIBERO<th colspan=2>Bridge"
    "<tr><th>Goal<th>Avg<th>Spoon<th>Avg<tr><td>A<td>1.0<td>2.0<td>3.0<td>4.0"
    "<tr><td>B<td>1.5<td>2.5<td>3.5<td>4.5</table>",
    "json": '[{"Method": "A", "LIBERO": {"Goal": 1.0, "Avg": 2.0}, "Bridge": {"Spoon": 3.0, '
    '"Avg": 4.0}}, {"Method": "B", "LIBERO": {"Goal": 1.5, "Avg": 2.5}, "Bridge": '
    '{"Spoon": 3.5, "Avg": 4.5}}]',
}


@pytest.mark.parametrize("form", TWO_LEVELS)
def test_headers_of_two_levels(form: str) -> None:
    sheet = only(TWO_LEVELS[form])
    assert paths(sheet) == [
        ("LIBERO", "Goal"),
        ("LIBERO", "Avg"),
        ("Bridge", "Spoon"),
        ("Bridge", "Avg"),
    ]
    assert sheet.columns[0].path == ("Method",)
    assert labels(sheet) == [("A",), ("B",)]
    assert numbers(sheet) == [["1.0", "2.0", "3.0", "4.0"], ["1.5", "2.5", "3.5", "4.5"]]


NUMBERS_AS_NAMES = Printable(
    ["Method", "1", "2", "5", "10"],
    [(name, [Shown("90.5"), Shown("80.1"), Shown("7.25"), Shown("3.1")]) for name in "ABC"],
)


@pytest.mark.parametrize("form", FORMS)
def test_columns_may_be_called_by_numbers(form: str) -> None:
    sheet = only(FORMS[form](NUMBERS_AS_NAMES))
    assert paths(sheet) == [("1",), ("2",), ("5",), ("10",)]
    assert labels(sheet) == [("A",), ("B",), ("C",)]


def test_what_a_header_says_besides_its_name() -> None:
    sheet = only(
        "Model,Acc (%) ↑,Time (ms) ↓,Goal (n=500),FVD (lower is better),500 trials\nA,1,2,3,4,5\n"
    )
    _, acc, time, goal, fvd, trials = sheet.columns
    assert (acc.path, acc.unit, acc.direction) == (("Acc",), "percent", "up")
    assert (time.path, time.unit, time.direction) == (("Time",), "ms", "down")
    assert (goal.path, goal.n) == (("Goal",), 500)
    assert (fvd.path, fvd.direction) == (("FVD",), "down")
    assert trials.n == 500


def test_a_row_of_n_belongs_to_the_columns() -> None:
    sheet = only('Model,A,B,Avg\n# samples,"1,599",480,\nX,50.0,60.0,55.0\nY,51.0,60.0,55.5\n')
    assert [sheet.columns[i].n for i in sheet.value_columns] == [1599, 480, None]
    assert labels(sheet) == [("X",), ("Y",)]
    assert any("# samples" in note for note in sheet.notes)


def test_rows_of_n_that_differ_give_none() -> None:
    sheet = only("Model,A,B\nn,500,480\nX,50.0,60.0\nn,100,480\nY,51.0,60.0\n")
    assert [sheet.columns[i].n for i in sheet.value_columns] == [None, 480]


def test_group_rows_stand_before_the_labels_of_the_rows_under_them() -> None:
    sheet = only("Model,A,B\nClosed,,\nX,50.0,60.0\nOpen,,\nX,51.0,60.0\nZ,1.0,2.0\n")
    assert labels(sheet) == [("Closed", "X"), ("Open", "X"), ("Open", "Z")]
    assert [row.group for row in sheet.rows] == [1, 2, 2]


def test_attributes_are_labels() -> None:
    sheet = only("|Model|Params|Size of it|Acc|\n|-|-|-|-|\n|A|7.1|7B|50.0|\n|B|-|860M|51.0|\n")
    kinds = [column.kind for column in sheet.columns]
    assert kinds == [ColumnKind.LABEL, ColumnKind.ATTRIBUTE, ColumnKind.ATTRIBUTE, ColumnKind.VALUE]
    assert labels(sheet) == [("A", "7.1", "7B"), ("B", "-", "860M")]


def test_a_bold_row_is_emphasis_and_a_bold_cell_is_a_mark() -> None:
    sheet = only("|M|a|b|\n|-|-|-|\n|**X**|**1.0**|**2.0**|\n|Y|**3.0**|2.5|\n|**Z**|0.1|0.2|\n")
    marked = {(cell.row, cell.column) for cell in sheet.cells if "bold" in cell.marks}
    assert marked == {(1, 1), (2, 0)}


def test_uncertainties_are_what_the_caption_says() -> None:
    text = "{}\n\n|M|a|\n|-|-|\n|X|1.0±0.2|\n|Y|3.0±0.1|\n"
    said = {
        "Mean and standard deviation of 3 seeds": Spread.SD,
        "With standard errors": Spread.SE,
        "95% CI": Spread.CI,
        "Results": Spread.UNSTATED,
    }
    for caption, spread in said.items():
        number = only(text.format(caption)).grid[0, 1].number
        assert number is not None
        assert number.spread is spread


def test_a_header_that_stands_again_is_left_out() -> None:
    sheet = only("M,a,b\nX,1.0,2.0\nM,a,b\nY,3.0,4.0\n")
    assert labels(sheet) == [("X",), ("Y",)]
    assert any("line 3" in note for note in sheet.notes)
    pages = only("M,a,b\nX,1.0,2.0\nTable 1 continued,,\nM,a,b\nY,3.0,4.0\n")
    assert labels(pages) == [("X",), ("Y",)]


def test_two_tables_in_one_file() -> None:
    first, second = read("Table 1: A\nM,a,b\nX,1.0,2.0\n\nTable 2: B\nM,speed,mem\nX,3.0,4.0\n")
    assert (first.caption, second.caption) == ("Table 1: A", "Table 2: B")
    assert paths(second) == [("speed",), ("mem",)]
    assert first.id != second.id
    glued = read("M,a,b\nX,1.0,2.0\nName,speed,mem\nX,3.0,4.0\n")
    assert [paths(sheet) for sheet in glued] == [paths(first), paths(second)]


def test_blank_lines_inside_a_table_do_not_part_it() -> None:
    assert labels(only("M,a,b\nX,1.0,2.0\n\nY,3.0,4.0\n")) == [("X",), ("Y",)]


def test_a_caption_in_the_middle_is_a_group() -> None:
    sheet = only("M,a,b\nX,1.0,2.0\nWith tools,,\nY,3.0,4.0\n")
    assert labels(sheet) == [("X",), ("With tools", "Y")]


def test_a_table_without_a_header_says_so() -> None:
    sheet = only("A,90.1,80.1\nB,91.2,81.3\n")
    assert paths(sheet) == [("c1",), ("c2",)]
    assert len(sheet.rows) == 2
    assert any("no header" in note for note in sheet.notes)


def test_a_ragged_row_of_csv_is_refused_whole() -> None:
    sheet = only("M,a,b,avg\nX,1.0,3.0,2.0\nBrown, 2020,1.0,3.0,2.0\nY,1,234,5.0,3.0\nZ,1.0,2.0\n")
    refused = {(cell.row, cell.text) for cell in sheet.refused}
    assert {row for row, _ in refused} == {1, 2}
    assert numbers(sheet)[0] == ["1.0", "3.0", "2.0"]
    assert numbers(sheet)[3] == ["1.0", "2.0", "-"]
    assert all("cannot be known" in cell.refused or cell.column == 4 for cell in sheet.refused)


def test_a_surplus_cell_of_markdown_is_refused_and_its_row_kept() -> None:
    sheet = only("|M|a|b|\n|-|-|-|\n|X|1.0|2.0|\n|Y|3.0|4.0|5.0|\n|Z|q|1.0|2.0|\n")
    assert numbers(sheet)[1] == ["3.0", "4.0"]
    (surplus,) = [cell for cell in sheet.refused if cell.row == 1]
    assert (surplus.text, sheet.path_of(surplus)) == ("5.0", ("beyond the last column",))
    assert all(cell.startswith("!") for cell in numbers(sheet)[2])  # its label held a bar


def test_commas_by_column() -> None:
    german = only("M;a;b\nX;0,912;1,5\nY;12,50;3\n")
    assert numbers(german) == [["0.912", "1.5"], ["12.50", "3"]]
    english = only('M,a,b\nX,"1,234",0.5\nY,"12,345.5",0.25\n')
    assert numbers(english) == [["1234", "0.5"], ["12345.5", "0.25"]]
    mixed = only('M;a;b\nX;"1,5";0.5\nY;2.5;0.25\nZ;2.75;0.5\n')
    assert numbers(mixed)[0] == ["!decimal comma among decimal points", "0.5"]
    unclear = only("M;a;n of it\nX;0,91;1.000\nY;0,9;2.000\n")
    assert {cell.refused for cell in unclear.refused} == {"may be thousands or decimals"}


def test_long_tables_become_wide() -> None:
    text = (
        "model,params_b,metric,value,unit,higher_is_better,note,table\n"
        "A,2,acc,0.90,fraction,yes,bold=yes,T1\nA,2,time,12.5,ms,no,,T1\nA,5,acc,0.80,fraction,yes,,T1\n"
        "A,2,acc,0.10,fraction,yes,,T2\n"
    )
    first, second = read(text)
    assert (first.caption, second.caption) == ("T1", "T2")
    assert labels(first) == [("A", "2"), ("A", "5")]
    assert numbers(first) == [["0.90", "12.5"], ["0.80", "-"]]
    assert [(c.direction, c.unit) for c in first.columns if c.kind is ColumnKind.VALUE] == [
        ("up", ""),
        ("down", "ms"),
    ]
    assert first.grid[0, 2].marks == {"bold"}


def test_a_place_of_a_long_table_that_is_printed_twice_is_refused() -> None:
    sheet = only("model,metric,value\nA,acc,0.91\nB,acc,0.81\nB,acc,0.83\nC,acc,0.5\n")
    assert numbers(sheet) == [["0.91"], ["!several numbers"], ["0.5"]]


def test_latex_as_papers_write_it() -> None:
    sheet = only(
        r"""\newcommand{\libero}{LIBERO}
\begin{table*} % a comment & with \\ signs
\caption[short]{Success on \libero{} (mean $\pm$ std, \%).}
\begin{tabularx}{\textwidth}{l|cc}
\hline \rowcolor{gray!10} Method & \multicolumn{2}{c}{\libero $\uparrow$} \\ \cline{2-3}
 & Spatial & Goal \\ \hline
\multicolumn{3}{l}{\textit{Closed}} \\
\multirow{2}{*}{A} & $58.2_{\pm 1.8}$ & {\bf 60.1}$\pm$0.2 \\
 & 58.1$^{\dagger}$ & \textcolor{red}{61.0} \\
B~\cite{foo} & \cellcolor{gray!20}\underline{59.0} & \unknown{62.0} \\[2pt]
$\pi_{0.5}$ & $1.2\times10^{-3}$ & $\mathbf{63.1}$ \\
D & -- & 70.2\tnote{a} \\ \hline
\end{tabularx}
\end{table*}"""
    )
    assert sheet.caption == "Success on LIBERO (mean ± std, %)."
    assert paths(sheet) == [("LIBERO", "Spatial"), ("LIBERO", "Goal")]
    assert labels(sheet) == [("Closed", name) for name in ("A", "A", "B", "π0.5", "D")]
    assert numbers(sheet) == [
        ["58.2", "60.1"],
        ["58.1", "61.0"],
        ["59.0", "62.0"],
        ["1.2e-3", "63.1"],
        ["-", "70.2"],
    ]
    first = sheet.grid[0, 1].number
    assert first is not None
    assert (first.uncertainty, first.spread, first.unit) == (
        Printed.read("1.8"),
        Spread.SD,
        "percent",
    )
    marks = {(cell.row, cell.column): set(cell.marks) for cell in sheet.cells if cell.marks}
    assert marks == {
        (0, 2): {"bold"},
        (1, 1): {"dagger"},
        (2, 1): {"underline"},
        (3, 2): {"bold"},
        (4, 2): {"note:a"},
    }
    assert sheet.grid[2, 1].line == 10


def test_macros_of_the_author() -> None:
    sheet = only(
        r"""\newcommand{\second}[1]{\underline{#1}}\newcommand{\ms}[2]{#1{\scriptsize$\pm$#2}}
\begin{tabular}{lcccc} M & a & b & c & d \\ \midrule
X & \second{1.5} & \ms{58.2}{1.8} & \unknown{84.5}{2} & \ding{51} \\
Y & \second{2.5} & \ms{\second{3.2}}{.5} & 80.5 & 1.0 \\ \end{tabular}"""
    )
    assert numbers(sheet) == [
        ["1.5", "58.2", "!several numbers", "-"],
        ["2.5", "3.2", "80.5", "1.0"],
    ]
    first, second = (sheet.grid[row, 2].number for row in (0, 1))
    assert first is not None and second is not None
    assert (first.uncertainty, second.uncertainty) == (Printed.read("1.8"), Printed.read("0.5"))
    assert sheet.grid[1, 2].marks == sheet.grid[0, 1].marks == {"underline"}


def test_html_as_pages_write_it() -> None:
    outer, inner = read(
        """<h2>Results &amp; more</h2><p></p>
<table><tr><td>Model</td><td>Acc &uarr;</td><td>of it</td></tr>
<tr><td>A<td><b>1.5</b><sup>a</sup><td>5<tr><td colspan=3>Open models</td></tr>
<tr><td>B <span style="display:none">x</span>
<td><span class="ltx_font_bold">58.2</span><sub>±1.8</sub><td>
<table><tr><td>x<td>y</tr><tr><td>q<td>3.1</tr></table>
<tr><td>C<td><math alttext="58.2\\pm 1.8"><mn>58.2</mn></math><td>7</table>"""
    )
    assert outer.caption == "Results & more"
    assert labels(outer) == [("A",), ("Open models", "B"), ("Open models", "C")]
    assert numbers(outer) == [["1.5", "5"], ["58.2", "-"], ["58.2", "7"]]
    assert outer.grid[0, 1].marks == {"bold", "note:a"}
    assert outer.grid[1, 1].marks == {"bold"}
    assert numbers(inner) == [["3.1"]]


def test_a_page_may_hold_tables_of_several_forms() -> None:
    page = (
        "Table 2: In HTML.\n<table><tr><td>M<td>$\\mathbf{a}$<td>b</tr>"
        "<tr><td>X<td>$1.5 \\pm 0.1$<td>**2.5**</tr></table>\n\nIn Markdown:\n\n"
        "|M|a|\n|-|-|\n|Y|3.5|\n\n"
        "```latex\n\\begin{tabular}{lc}M & a\\\\ Z & 4.5\\end{tabular}\n```\n"
    )
    latex, html, markdown = read(page)
    assert [sheet.form for sheet in (latex, html, markdown)] == ["latex", "html", "markdown"]
    assert (html.caption, markdown.caption) == ("Table 2: In HTML.", "In Markdown:")
    assert numbers(html) == [["1.5", "2.5"]]
    assert html.grid[0, 2].marks == {"bold"}
    assert markdown.rows[0].line == 8


def test_pasted_text_with_numbers_in_names() -> None:
    sheet = only(
        "Table 2. Rates.\nMethod SR Avg. Len\nModel A 2.0 58.2 ± 1.8 93.6% (468/500) 3.1\n"
        "Model B 57.2 ± 1.8 93.8% (469/500) -\nModel C 57.2 ± 1.8 93.8% (469/500) 3.1\n"
    )
    assert sheet.caption == "Table 2. Rates."
    assert labels(sheet)[0] == ("Model A 2.0",)
    assert numbers(sheet)[:2] == [["58.2", "93.6", "3.1"], ["57.2", "93.8", "-"]]


def test_a_pasted_header_of_two_lines() -> None:
    sheet = only(
        "Table 3. Scores.\nModels Quality Semantic Total\nScore Score Score\n"
        "Wan 86.67 84.44 86.22\nSora 85.51 79.35 84.28\n"
    )
    assert paths(sheet) == [("Quality", "Score"), ("Semantic", "Score"), ("Total", "Score")]
    assert sheet.caption == "Table 3. Scores."


def test_pasted_columns_without_names_are_counted() -> None:
    sheet = only("Method Avg. Length of it\nA 1.0 2.0\nB 2.0 3.0\n")
    assert paths(sheet) == [("c1",), ("c2",)]
    assert any("no header" in note for note in sheet.notes)


def test_json_keeps_the_digits_that_it_prints() -> None:
    sheet = only('{"data": [{"model": "A", "acc": 9.30}, {"model": "B", "acc": 8}]}')
    assert numbers(sheet) == [["9.30"], ["8"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "A paragraph of text, with 3 numbers, and commas, and so on.\nAnother one.\n",
        "|a|b|\n|-|-|\n",
        "a,b,c\n",
        "a,b\nx,y\nz,w\n",
        "<table></table>",
        "\\begin{tabular}{l}\\end{tabular}",
        "[]",
        "{}",
        "[1, 2, 3]",
        '{"ts": 1, "event": "start"}\n{"loss": 0.5}\n{"msg": "x"}\n',
        "<svg><path d='M0 0'/></svg>",
    ],
)
def test_no_table_is_one_message_that_says_what_was_looked_for(text: str) -> None:
    said = told(text)
    assert "no table" in said or "not a JSON" in said
    assert "expected:" in said


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "an image"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04xl/", "a spreadsheet"),
        (b"a,b\0c\n1,2", "NUL"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=what) as caught:
        read_sheets(path)
    assert caught.value.code == 4
    assert caught.value.expected


def test_other_encodings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("Modèle,a\nX,1.5±0.2\n".encode("cp1252"))
    (sheet,) = read_sheets(path)
    assert any("Windows-1252" in note for note in sheet.notes)
    path.write_bytes("Modèle,a\nX,1.5±0.2\n".encode("utf-16"))
    assert numbers(read_sheets(path)[0]) == [["1.5"]]
    path.write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(DataError, match="bytes"):
        read_sheets(path)


def test_a_cell_that_spans_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MOST_PLACES", 10_000)
    wide = "<tr>" + "<td rowspan=9999 colspan=9999>1.0</td>" * 5 + "</tr>"
    with pytest.raises(DataError, match="too many places"):
        read("<table>" + wide * 4 + "</table>")


def test_what_was_read_is_shown_at_a_glance() -> None:
    sheets = read("Model,a (%) ↑,b\nX,50.0,~3\nY,51.0±0.1,4.0\nQ,1,2\n\nModel,c\nZ,1.0\n")
    text = as_text(sheets)
    assert "!~3!" in text
    assert "line 2: X, b: '~3' (approximate)" in text
    assert "51.0±0.1" in text
    first, second = as_json(sheets)
    assert (first["rows"], first["cells"], first["read"]) == (3, 6, 5)
    assert first["refused"] == [
        {"row": ["X"], "column": ["b"], "line": 2, "text": "~3", "reason": "approximate"}
    ]
    assert second["columns"][1]["path"] == ["c"]


@pytest.mark.parametrize(
    ("caption", "unit"),
    [
        ("Success rates (%)", "percent"),
        ("Results (in percent).", "percent"),
        ("Accuracy (mean ± std, %) on all", "percent"),
        ("Ours is better (by 5%)", ""),
        ("Success rates", ""),
    ],
)
def test_a_caption_may_give_the_unit_of_shares(caption: str, unit: str) -> None:
    text = f"{caption}\n\n|M|a|fraction|elo|\n|-|-|-|-|\n|X|10.5|0.5|1200|\n|Y|99.0|0.6|1100|\n"
    assert [column.unit for column in only(text).columns] == ["", unit, "", ""]


def test_a_csv_of_which_no_two_lines_agree_is_read_with_notes() -> None:
    (sheet,) = read_sheets(Path("t.csv"), text="a,b,c\nx,1,2,3,4\ny,1,2,3\n")
    assert "line 2: 2 more cells than the header" in sheet.notes
    with pytest.raises(DataError):
        read_sheets(Path("t.txt"), text="so, this\nis 5, no, table\nat all\n")


def test_a_row_that_counts_1_2_3_among_values_begins_no_table() -> None:
    text = "|M|a (s)|b (%)|\n|-|-|-|\n|x|1.5|20%|\n|y|2.5|30|\n|z|1|2|3|\n|w|0.5|40%|\n"
    (sheet,) = read_sheets(Path("t.md"), text=text)
    assert [row.name for row in sheet.rows] == ["x", "y", "z", "w"]


def test_the_number_of_items_is_taken_out_of_a_header_with_other_words() -> None:
    (sheet,) = read_sheets(Path("t.csv"), text='m,"SR (n=50, sd)",b (n=20)\nA,0.5,1\nB,0.2,3\n')
    assert [(one.name, one.n) for one in sheet.columns[1:]] == [("SR (sd)", 50), ("b", 20)]


def test_semicolons_part_cells_with_decimal_commas_even_where_one_has_a_point() -> None:
    text = "M;A;B;Avg\nX;0,5;0,7;0,6\nY;0,1;0,3;0,2\nZ;0,9;0,7;0,8\nW;0,2;0,3;0.25\n"
    (sheet,) = read_sheets(Path("t.csv"), text=text)
    assert [one.name for one in sheet.columns] == ["M", "A", "B", "Avg"]


def test_a_row_named_by_a_macro_of_another_file_keeps_a_name() -> None:
    sheet = only(
        r"""\begin{tabular}{lcc} M & a & b \\ \midrule
base & 1.5 & 2.5 \\
\rowcolor{gray!10}
\ours{} & 1.7 & 2.9 \\
\ours & 1.8 & 3.0 \\ \bottomrule
\end{tabular}"""
    )
    assert labels(sheet) == [("base",), ("ours",), ("ours",)]
