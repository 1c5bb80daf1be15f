"""A table as LaTeX for a paper: what is bold, what stands below it, how wide it is, and that TeX takes it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reports.latex import paper
from reports.latex.best import best
from reports.latex.escape import label
from reports.latex.paper import PaperColumn, PaperTable
from results.measures import MEASURES
from results.published import Published
from results.statistics import Summary, summary
from results.statistics.seeds import Seeds
from results.tables import Conditions, ResultCell, ResultRow, ResultTable
from tests.reports.test_latex import HOSTILE, columns, sound

BEST, SECONDS = MEASURES["best_accuracy_percent"], MEASURES["time_to_target_seconds"]
NOTE = "LAP-SGD & LPP-SGD are one_algorithm."
LATEX = shutil.which("pdflatex")


def row(key: str, accuracy: Summary | None, seconds: Summary | None, network: str = "resnet18") -> ResultRow:
    cells = [
        ResultCell(None, value, "" if value is not None else "2 of 2 runs failed") for value in (accuracy, seconds)
    ]
    cells[1] = replace(cells[1], published=Published(226.4, 10.0, 3, "Table 3"))
    return ResultRow(network, f"{network} (width 8) on CIFAR-100", key, key.upper(), tuple(cells))


ROWS = (
    row("bp", Summary(60.0, 0.5, 5), Summary(20.0, 0.0, 5)),
    row("lu", Summary(60.3, 0.5, 5), Summary(10.0, 0.0, 5)),
    row("bu", Summary(50.0, 0.5, 5), Summary(15.0, 0.1, 5)),
)
TABLE = ResultTable(
    "table3", "Time & accuracy", "arXiv:1, Table 3", (BEST, SECONDS), ROWS, ("scale smoke", "resnet50: no target"),
    notes=(NOTE,), conditions=Conditions("smoke", "virtual", "paper-a"),
)  # fmt: skip


def test_a_table_is_a_float_with_a_label_of_its_own() -> None:
    text = str(paper.of(TABLE))
    sound(text)
    columns(text)
    assert r"\label{tab:table3-smoke-virtual-paper-a}" in text
    assert r"\caption{Time \& accuracy (resnet18, smoke, virtual, paper-a).}" in text
    small_table = replace(TABLE, conditions=Conditions("small", "virtual", "paper-a"))
    assert paper.name(small_table) == "table3-small-virtual-paper-a"
    assert label("a+b") != label("a-b") == "a-b"


def test_the_best_is_bold_with_what_the_runs_do_not_tell_apart_from_it() -> None:
    text = str(paper.of(TABLE))
    assert r"BP & \textbf{60.0 $\pm$ 0.5} & 226.4 $\pm$ 10 & 20.0 $\pm$ 0.0 \\" in text
    assert r"LU & \textbf{60.3 $\pm$ 0.5} & 226.4 $\pm$ 10 & \textbf{10.0 $\pm$ 0.0} \\" in text
    assert r"BU & 50.0 $\pm$ 0.5 & 226.4 $\pm$ 10 & 15.0 $\pm$ 0.1 \\" in text
    assert "Bold: the best" in text


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([Summary(10.0, 1.0, 5), Summary(20.0, 1.0, 5)], {0}),
        ([Summary(10.0, 1.0, 5), Summary(10.5, 1.0, 5)], set()),  # nothing is bold where everything would be
        ([Summary(10.0, None, 1), Summary(20.0, None, 1)], set()),  # a single run shows no spread
        ([Summary(10.0, 1.0, 5), Summary(20.0, 1.0, 5), Summary(None, None, 5, 1, 15.0)], {0}),
        ([Summary(10.0, 1.0, 5), Summary(20.0, 1.0, 5), Summary(None, None, 5, 1, 5.0)], set()),  # it may be faster
        ([Summary(10.0, 1.0, 5), None], set()),
    ],
)
def test_what_is_bold(values: list[Summary | None], places: set[int]) -> None:
    assert best([ResultCell(None, value, "" if value else "not run") for value in values], SECONDS) == places


@pytest.mark.parametrize(("differences", "places"), [([1.0, 1.1, 0.9], {0}), ([4.0, -2.0, 1.0], set())])
def test_rows_are_told_apart_seed_by_seed(differences: list[float], places: set[int]) -> None:
    """The seeds lie ten points apart: independent means would tell neither pair apart."""
    below = [40.0, 50.0, 60.0]
    above = [value + difference for value, difference in zip(below, differences, strict=True)]
    cells = [ResultCell(None, summary(values), runs=Seeds(values, seeds=(0, 1, 2))) for values in (above, below)]
    assert best(cells, BEST) == places


def test_times_are_told_apart_as_at_a_glance() -> None:
    """Found at evaluations 5 s apart, 10 and 14 s may be one time; at evaluations 0.1 s apart they are two."""
    for width, places in ((5.0, set()), (0.1, {0})):
        samples = [Seeds([time] * 3, [60.0] * 3, [False] * 3, [width] * 3, (0, 1, 2)) for time in (10.0, 14.0)]
        means = [summary(sample.values, resolutions=sample.widths) for sample in samples]
        cells = [ResultCell(None, mean, runs=sample) for mean, sample in zip(means, samples, strict=True)]
        assert best(cells, SECONDS) == places


def test_the_number_of_runs_is_said_once_where_it_is_one_number() -> None:
    assert "Mean $\\pm$ sample standard deviation, n = 5 runs." in str(paper.of(TABLE))
    mixed = replace(TABLE, rows=(*ROWS[:2], row("bu", Summary(50.0, 0.5, 3), Summary(15.0, 0.1, 3))))
    text = str(paper.of(mixed))
    assert r"50.0 $\pm$ 0.5 (3)" in text
    assert "as many runs as stand in ( )" in text
    weak = replace(TABLE, rows=tuple(row(key, Summary(1.0, 1.0, 3), Summary(1.0, 1.0, 3)) for key in ("bp", "lu")))
    assert "n = 3 runs, weak evidence." in str(paper.of(weak))


def test_notes_are_below_the_table_and_the_long_ones_in_comments() -> None:
    text = str(paper.of(replace(TABLE, rows=(*ROWS[:2], row("bu", None, Summary(15.0, 0.1, 5))))))
    assert r"-- \textsuperscript" not in text
    assert r"BU & --\textsuperscript{a} &" in text
    assert r"\textsuperscript{a}\,2 of 2 runs failed." in text
    assert f"% {NOTE}" in text.splitlines()
    below = str(replace(paper.of(TABLE), notes=True))
    assert r"LAP-SGD \& LPP-SGD are one\_algorithm." in below
    assert f"% {NOTE}" not in below


def test_networks_without_runs_are_left_out_with_what_is_said_of_them() -> None:
    rows = (*ROWS, row("bp", None, None, "resnet50"))
    text = str(paper.of(replace(TABLE, rows=rows)))
    assert "resnet50" not in text
    with_resnet50 = str(paper.of(replace(TABLE, rows=(*ROWS, row("bp", ROWS[0].cells[0].measured, None, "resnet50")))))
    assert r"\multicolumn{4}{@{}l}{\emph{resnet50}} \\" in with_resnet50
    assert "resnet50: no target." in with_resnet50


def test_parts_of_a_measure_are_columns() -> None:
    paper_table = PaperTable(
        TABLE, (PaperColumn(0, "measured"), PaperColumn(0, "interval"), PaperColumn(0, "n")), "mine"
    )
    assert r"LU & \textbf{60.3 $\pm$ 0.5} & {[}59.7, 60.9{]} & 5 \\" in str(paper_table)
    assert r"\begin{table}[tbp]" in str(paper_table)
    assert r"\label{tab:mine}" in str(paper_table)


@pytest.mark.skipif(LATEX is None, reason="no pdflatex here")
def test_tex_takes_two_tables_and_a_figure_in(tmp_path: Path) -> None:
    """In two columns, with hostile names; nothing sticks out of its column."""
    hostile = replace(
        TABLE,
        title=HOSTILE,
        notes=(HOSTILE,),
        captions=(HOSTILE,),
        rows=tuple(replace(original, method_label=HOSTILE) for original in ROWS),
    )
    for name, printed in (("one", paper.of(TABLE)), ("two", replace(paper.of(hostile), name="two", notes=True))):
        (tmp_path / f"{name}.tex").write_text(str(printed), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        r"\documentclass[twocolumn]{article}\usepackage{booktabs,graphicx}\begin{document}"
        r"Table~\ref{tab:two}.\input{one}\input{two}\end{document}",
        encoding="utf-8",
    )
    command = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = [subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False) for _ in range(2)][-1]
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull \\hbox|undefined|multiply", done.stdout)
