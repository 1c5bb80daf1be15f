"""LaTeX: what booktabs takes in. Without a TeX at hand the structure is checked: environments, braces, columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.latex.escape import escape
from reports.site import latex
from reports.site.pages import (
    Block,
    ClaimCell,
    ClaimLine,
    Claims,
    Grid,
    Line,
    Page,
    Paper,
    Picture,
    ShownCell,
    Site,
    VerdictBadge,
)
from results.tables import Conditions, RunCondition

SCALES = ("smoke", "small")
HOSTILE = r"\input{x} <b>&% $x_1^2$ #~ {[*]} “ö” ± β τ − \N 字 " + "\x07\n"


def page(label: str = "Async LU") -> Page:
    entry = ShownCell("1.0 ± 0.1", "2.0 (3)", "[1, 3]", "2", "n = 3 is weak", VerdictBadge("differs", "margin ± 0.1"))
    block = Block("ResNet-18", (Line(label, (entry, entry)),))
    grid = Grid(label, ("Method", "x"), ((label, "1"), ("[b]", "")), (label,))
    long = Grid("long", ("a", "b"), (("word " * 40, label),), numbers=False)
    return Page("table3", label, "source", (label,), ("Time (s)", "Epochs"), (block,), (grid, long), (label,))


def sound(text: str) -> None:
    """Braces and environments close in order; every row of a tabular has as many cells as its columns."""
    bare = re.sub(r"\\[\\{}$&#%_]", "", "\n".join(line for line in text.splitlines() if not line.startswith("%")))
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    open_: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_
    assert all(ord(letter) < 256 for letter in text)


def columns(text: str) -> None:
    for spec, body in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert rows
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(spec)}


@pytest.mark.parametrize("label", ["Async LU", HOSTILE])
def test_a_page_is_sound(label: str) -> None:
    text = latex.page(page(label))
    sound(text)
    columns(text)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:table3-0}"):
        assert rule in text


def test_what_comes_from_runs_is_no_command() -> None:
    assert escape(r"\input{x}_%&#$") == r"\textbackslash{}input\{x\}\_\%\&\#\$"
    assert escape("β ± τ −1 字") == r"$\beta$ $\pm$ $\tau$ $-$1 {[}U+5B57{]}"
    assert escape("--out '' – ö§") == r"-{}-out '{}' -- ö\S{}"
    assert escape("") == ""
    assert escape("a\nb\x00") == "a b "
    assert escape("[5pt]") == "{[}5pt{]}", "after a line's end it would be read as a length"


def test_the_document_takes_all_tables_in(tmp_path: Path) -> None:
    places = tmp_path / "small" / "table3", Path("/elsewhere")
    inside, outside = (Picture(place / "curves", HOSTILE, "alt") for place in places)
    report_page = Page("table3", "T", "s", curves=(inside, outside), condition=Conditions("small"))
    claims = Claims(("holds",), (RunCondition("small"),), ((1,),), ("rule",), ())
    papers = Paper("Paper A", (report_page,)), Paper("B")
    text = latex.document(Site(HOSTILE, (("Scale", HOSTILE),), papers, claims), tmp_path)
    sound(text)
    assert r"\input{small/table3/table.tex}" in text
    assert r"\input{claims/table.tex}" in text
    assert text.count(r"\includegraphics") == 1
    assert r"\usepackage{textcomp,booktabs,graphicx}" in text


def test_claims_are_a_matrix_and_a_table_per_scale() -> None:
    cells = (ClaimCell(scale, "holds", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE) for scale in SCALES)
    line = ClaimLine("one", HOSTILE, HOSTILE, tuple(cells))
    text = latex.claims(Claims(("holds",), tuple(map(RunCondition, SCALES)), ((1,), (1,)), (HOSTILE,), (line,)))
    sound(text)
    assert "claims by condition" in text
    assert all(f"claims: {scale}" in text for scale in SCALES)
