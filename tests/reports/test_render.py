from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from reports.tables.files import to_csv, to_markdown, write
from reports.tables.screen import to_rich
from reports.tables.texts import glance_text, measured_text, published_text, ratio_text
from results.errors import ResultsError
from results.measures import MEASURES, Measure
from results.published import Published, load
from results.statistics import Summary
from results.tables import Conditions, Glance, GlanceLine, GlanceValue, ResultCell, ResultRow, ResultTable, files

SECONDS, EPOCHS = MEASURES["time_to_target_seconds"], MEASURES["epochs_to_target"]
SOURCE = "arXiv:2410.05985v1, Table 3"


def row(key: str, label: str, *cells: ResultCell) -> ResultRow:
    return ResultRow("resnet18", "ResNet-18 (width 8)", key, label, cells)


def table(*rows: ResultRow) -> ResultTable:
    return ResultTable(
        name="table3",
        title="Table 3: time to 60 % accuracy",
        source=SOURCE,
        measures=(SECONDS, EPOCHS),
        rows=rows,
        captions=("Scale smoke: these numbers are not the paper's.",),
        notes=("Seeds 0, 1, 2.",),
    )


@pytest.fixture
def shown() -> ResultTable:
    paper = load("table3")
    seconds, epochs = ((paper["resnet18", "async_lu", measure.key]) for measure in (SECONDS, EPOCHS))
    late = paper["resnet18", "lapsgd", SECONDS.key]
    return table(
        row(
            "async_lu",
            "Async LU",
            ResultCell(seconds, Summary(452.8, 20.0, 3)),
            ResultCell(epochs, Summary(34.5, 2.5, 3)),
        ),
        row(
            "lapsgd",
            "LAP-SGD",
            ResultCell(late, Summary(None, None, 3, 1, 1334.2)),
            ResultCell(None, Summary(None, None, 3, 3)),
        ),
        row(
            "bp", "BP", ResultCell(None, Summary(0.41234, None, 1)), ResultCell(reason="not run: --method left it out")
        ),
    )


def screen(result_table: ResultTable, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(to_rich(result_table))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_on_the_screen_published_and_measured_lie_side_by_side(shown: ResultTable) -> None:
    assert screen(shown, 100) == [
        "Table 3: time to 60 % accuracy (arXiv:2410.05985v1, Table 3)",
        "Scale smoke: these numbers are not the paper's.",
        "",
        "ResNet-18 (width 8)",
        "                  Time to target (s)              Epochs to target",
        "Method         paper        measured  ratio   paper    measured  ratio",
        "──────────────────────────────────────────────────────────────────────",
        "Async LU  226.4 ± 10    452.8 ± 20.0      2  69 ± 7  34.5 ± 2.5    0.5",
        "LAP-SGD    667.1 ± 8  > 1334.2 (2/3)    > 2       –       (0/3)      –",
        "BP                 –       0.412 (1)      –       –       – [a]      –",
        "",
        "[a] not run: --method left it out",
        "(2/3), (0/3): so many have a value; > is a lower bound.",
        "Seeds 0, 1, 2.",
    ]


FASTER, LOWER = GlanceValue(1.814, 1.7449, 1.88), GlanceValue(-2.25, -4.24, -0.26)
GLANCE = Glance(
    "ResNet-18",
    "LAP-SGD",
    "time to target",
    "best accuracy",
    (
        GlanceLine(
            "async_lu",
            "Async LU",
            GlanceValue(1.814, 1.7449, 1.88),
            2.9466,
            GlanceValue(-2.25, -4.24, -0.26),
            12.6,
            "3, weak",
        ),
        GlanceLine("bp", "BP", GlanceValue(12.34, bound="at most"), None, None, None, "1"),
        GlanceLine("lppsgd", "LPP-SGD", None, 0.99, None, -0.3, "3", same=True),
    ),
    "resnet18",
    "lapsgd",
)


def test_what_matters_comes_first(shown: ResultTable) -> None:
    with_glance = replace(shown, glances=(GLANCE,))
    assert screen(with_glance, 110)[2:10] == [
        "Against LAP-SGD: speed-up (time to target) and best accuracy, with 95 % intervals",
        "",
        "ResNet-18 (width 8)",
        "                   Speed-up             Accuracy (points)              Time to target (s)",
        "Method    paper            measured  paper           measured       paper        measured  ratio",
        "────────────────────────────────────────────────────────────────────────────────────────────────",
        "Async LU  2.95×  1.81× [1.74, 1.88]  +12.6  -2.2 [-4.2, -0.3]  226.4 ± 10    452.8 ± 20.0      2",
        "LAP-SGD       –            baseline      –           baseline   667.1 ± 8  > 1334.2 (2/3)    > 2",
    ]
    text = to_markdown(with_glance)
    assert "≤, ≥: a bound" in text
    assert text.index("**At a glance: ResNet-18 against LAP-SGD") < text.index("| Network | Method |")
    assert "| Async LU | 1.81× \\[1.74, 1.88\\] | 2.95× | -2.2 \\[-4.2, -0.3\\] | +12.6 | 3, weak |" in text
    alone = replace(GLANCE, lines=(replace(GLANCE.lines[1]),))
    assert "| Method | Speed-up | Accuracy (points) | Seeds |" in to_markdown(replace(shown, glances=(alone,)))


@pytest.mark.parametrize(("scale", "there"), [("small", False), ("paper", True)])
def test_a_smaller_scale_over_the_papers_is_no_ratio(shown: ResultTable, scale: str, there: bool) -> None:
    """Seconds of digits over those of ImageNet say nothing; CSV keeps what it is a quotient of, and the quotient."""
    of_scale = replace(shown, conditions=Conditions(scale))
    for text in ("\n".join(screen(of_scale, 100)), to_markdown(of_scale)):
        assert ("ratio" in text) == there
        assert "226.4 ± 10" in text


def law(*cells: ResultCell, reference: str = "law") -> ResultTable:
    exact = Measure("speedup", "Speed-up", digits=2, exact=True), Measure("share", "Busy share of all seconds (%)")
    return ResultTable("laws", "A law", SOURCE, exact, (row("b=2", "b = 2", *cells),), reference=reference)


def test_a_law_heads_its_own_columns_and_a_measure_without_one_has_none() -> None:
    result_table = law(
        ResultCell(Published(1.2, None, None, ""), Summary(1.2004, None, 1)), ResultCell(None, Summary(66.7, None, 1))
    )
    assert screen(result_table, 80)[2:] == [
        "ResNet-18 (width 8)",
        "               Speed-up        Busy share of all seconds (%)",
        "Method   law  measured  ratio                       measured",
        "────────────────────────────────────────────────────────────",
        "b = 2   1.20      1.20      1                           66.7",
        "",
    ]
    assert to_markdown(result_table).splitlines()[4] == (
        "| Network | Method | Speed-up, law | Speed-up, measured | Speed-up, ratio"
        " | Busy share of all seconds (%), measured |"
    )


def test_what_is_found_at_evaluations_says_how_fine_these_are() -> None:
    coarse = ResultCell(None, Summary(1.16, 0.0, 3, resolution=0.58))
    late = ResultCell(None, Summary(2.0, 0.0, 3, resolution=1.0))
    result_table = table(row("bp", "BP", coarse, late))
    sentence = "up to: Time to target (s) 0.58 to 0.7, Epochs to target 1."
    result_table = replace(
        result_table,
        rows=(*result_table.rows, row("x", "X", ResultCell(None, Summary(2.0, 0.0, 3, resolution=0.7)), late)),
    )
    for text in (" ".join(screen(result_table, 200)), to_markdown(result_table)):
        assert sentence in text
        assert "1.16 ± 0.00" in text
        assert "2.0 ± 0.0" in text
    assert [line["resolution"] for line in csv.DictReader(io.StringIO(to_csv(result_table)))] == [
        "0.58",
        "1.0",
        "0.7",
        "1.0",
    ]
    exact = table(row("bp", "BP", ResultCell(None, Summary(1.16, 0.0, 3)), ResultCell(reason="not run")))
    assert "Found at evaluations" not in to_markdown(exact)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_every_width_shows_every_value(shown: ResultTable, width: int) -> None:
    lines = screen(shown, width)
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    for value in ("226.4 ± 10", "452.8 ± 20.0", "34.5 ± 2.5", "> 1334.2 (2/3)", "0.412 (1)", "– [a]"):
        assert value in text


def test_csv_is_tidy(shown: ResultTable) -> None:
    """And says in every line of what condition it is."""
    conditions = Conditions(
        "smoke",
        "threads",
        "AMD EPYC",
        "cpu",
        "x2",
        ("1-seed",),
        seeds=(0,),
        runs=4,
        targets={"resnet18": 60.0},
        settings={"workload.stem": "cifar"},
        torch=("2.15.0",),
        commits=("0f0f",),
        data={"Digits": "ab12"},
    )
    lines = list(csv.DictReader(io.StringIO(to_csv(replace(shown, conditions=conditions)))))
    assert len(lines) == 6
    assert lines[0] == {
        "table": "table3",
        "network": "resnet18",
        "network_label": "ResNet-18 (width 8)",
        "row": "async_lu",
        "method": "Async LU",
        "measure": "time_to_target_seconds",
        "published_mean": "226.4",
        "published_std": "10.0",
        "published_n": "3",
        "measured_mean": "452.8",
        "measured_std": "20.0",
        "measured_n": "3",
        "censored": "0",
        "at_least": "",
        "resolution": "",
        "ratio": "2.0",
        "reason": "",
        "target": "60.0",
        "condition": "smoke-threads-amd-epyc-x2-1-seed",
        "scale": "smoke",
        "executor": "threads",
        "hardware": "AMD EPYC x2",
        "device": "cpu",
        "selection": "1-seed",
        "seeds": "0",
        "runs": "4",
        "settings": "workload.stem=cifar",
        "torch": "2.15.0",
        "commit": "0f0f",
        "data": "Digits",
        "data_sha256": "ab12",
    }
    assert (lines[2]["measured_mean"], lines[2]["censored"], lines[2]["at_least"]) == ("", "1", "1334.2")
    assert (lines[5]["measured_n"], lines[5]["reason"]) == ("", "not run: --method left it out")


def test_markdown(shown: ResultTable) -> None:
    assert to_markdown(shown).splitlines() == [
        "# Table 3: time to 60 % accuracy",
        "",
        "arXiv:2410.05985v1, Table 3",
        "",
        "Scale smoke: these numbers are not the paper's.",
        "",
        "| Network | Method | Time to target (s), published | Time to target (s), measured | Time to target (s), ratio"
        " | Epochs to target, published | Epochs to target, measured | Epochs to target, ratio |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| ResNet-18 (width 8) | Async LU | 226.4 ± 10 | 452.8 ± 20.0 | 2 | 69 ± 7 | 34.5 ± 2.5 | 0.5 |",
        r"| ResNet-18 (width 8) | LAP-SGD | 667.1 ± 8 | \> 1334.2 (2/3) | \> 2 | – | (0/3) | – |",
        r"| ResNet-18 (width 8) | BP | – | 0.412 (1) | – | – | – \[a\] | – |",
        "",
        r"- \[a\] not run: --method left it out",
        r"- (2/3), (0/3): so many have a value; \> is a lower bound.",
        "- – under 'published': the paper gives no value.",
        "- Seeds 0, 1, 2.",
    ]


def test_names_are_taken_literally() -> None:
    wild = "[bold red]x[/] | <b> `y`\n\x1b[31mz"
    cell = ResultCell(None, Summary(1.0, None, 1))
    result_table = table(ResultRow("resnet18", wild, "mine", wild, (cell, cell)))
    text = " ".join(screen(result_table, 120))
    assert "[bold red]x[/] | <b> `y`  [31mz" in text
    assert "\x1b" not in text
    line = to_markdown(result_table).splitlines()[8]
    escaped = r"\[bold red\]x\[/\] \| \<b\> \`y\`  \[31mz"
    assert line.startswith(f"| {escaped} | {escaped} | 1.00 |")
    assert next(csv.DictReader(io.StringIO(to_csv(result_table))))["method"] == wild


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        (SECONDS, Summary(226.44, 10.04, 3), "226.4 ± 10.0 (3)"),
        (SECONDS, Summary(0.0123456, 0.0004, 3), "0.0123 ± 0.0004 (3)"),
        (SECONDS, Summary(None, None, 3, 1, 12.3, resolution=0.2), "> 12.3 (2/3)"),
        (SECONDS, Summary(4.213e-07, 0.0, 3), "4.21e-07 ± 0 (3)"),
        (SECONDS, Summary(0.0001512, 2e-06, 3), "0.000151 ± 0.000002 (3)"),
        (EPOCHS, Summary(None, None, 3, 3), "(0/3)"),
        (EPOCHS, Summary(None, None, 3, 3, 12.0), "> 12 (0/3)"),
        (EPOCHS, Summary(None, None, 3, 2, 12.25), "> 12.2 (1/3)"),
        (MEASURES["forward_seconds"], Summary(0.0049, 0.0001, 15), "0.00490 ± 0.00010 (15)"),
    ],
)
def test_measured_values(measure: Measure, value: Summary, text: str) -> None:
    assert measured_text(ResultCell(None, value), measure) == text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("time_to_target_seconds", Published(1016.0, 6.0, 3, ""), "1016.0 ± 6"),
        ("forward_seconds", Published(0.0166, 5e-05, None, ""), "0.0166 ± 5e-05"),
        ("best_accuracy_percent", Published(73.42, None, None, ""), "73.4"),
        ("best_accuracy_percent", None, "–"),
    ],
)
def test_published_values(key: str, value: Published | None, text: str) -> None:
    assert published_text(value, MEASURES[key]) == text


def test_ratios() -> None:
    paper = Published(2.0, None, 3, "")
    texts = [ratio_text(ResultCell(paper, Summary(mean, None, 1))) for mean in (2.469, 0.0024, 4242.0)]
    assert texts == ["1.23", "0.0012", "2121"]
    assert ratio_text(ResultCell(paper, Summary(None, None, 2, 1, 3.0))) == "> 1.5"
    assert ratio_text(ResultCell(None, Summary(1.0, None, 1))) == "–"
    assert ratio_text(ResultCell(Published(0.0, None, 3, ""), Summary(1.0, None, 1))) == "–"


def test_a_blank_needs_a_reason() -> None:
    for measured in (None, Summary(None, None, 0)):
        with pytest.raises(ValueError, match="reason"):
            ResultCell(None, measured)
        assert measured_text(ResultCell(None, measured, reason="not run"), SECONDS, "a") == "– [a]"


def test_a_value_says_its_runs_where_they_are_not_as_many_as_elsewhere() -> None:
    cells = [ResultCell(None, Summary(1.0, 0.1, n)) for n in (3, 5, 3)]
    result_table = replace(table(*(row(f"m{i}", "M", cell, cells[0]) for i, cell in enumerate(cells))))
    result_table = replace(result_table, conditions=Conditions("smoke", runs=11))
    text = "\n".join(screen(result_table, 100))
    assert result_table.n == 3
    assert text.count("(5)") == 1
    assert "(3)" not in text
    assert "n = 3 runs, or as many as stand in ( ) (three or fewer: weak" in text


def test_written_files_are_whole_or_not_there(
    shown: ResultTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out" / "tables"
    paths = write(shown, folder)
    assert [path.name for path in paths] == ["table3.json", "table3.csv", "table3.md", "table3.tex"]
    assert files.read(paths[0]) == shown
    assert paths[1].read_text(encoding="utf-8") == to_csv(shown)
    assert paths[2].read_text(encoding="utf-8") == to_markdown(shown)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultsError, match=r"table3.json cannot be written \(No space left"):
        write(table(), folder)
    assert files.read(paths[0]) == shown
    assert sorted(path.name for path in folder.iterdir()) == ["table3.csv", "table3.json", "table3.md", "table3.tex"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00×"), (1.7e-05, "1.7e-05×"), (12.34, "12.3×")],
)
def test_factors_however_small(value: float, text: str) -> None:
    assert glance_text(GlanceValue(value), "×") == text


@pytest.mark.parametrize(("value", "text"), [(0.7129, "+0.713"), (-29173152.106, "-2.92e+07")])
def test_differences_however_large(value: float, text: str) -> None:
    """Squared errors, for example, may be anything."""
    assert glance_text(GlanceValue(value), digits=3) == text
