"""The published values against a second reading of the papers' own texts, where these lie beside the checkout.

What the texts garble is not among the values:
- A, Table 10: the warm-up learning rate of IMDb is a dash.
- B, Figure 1: the numbers over bars (7) and (8) are lost; Table 6 says which bar is which. 7500 and 0 are the axis's.
- A, Figures 1 to 4, and B, Figure 2, are pictures without values in the text.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from results.published import FOLDER, Key, load

PAPERS = Path(__file__).parents[3] / "shared" / "papers"
PAPER_A, PAPER_A3, PAPER_B = (
    PAPERS / name for name in ("async-lu-v1.txt", "pd-asgd-v3-summary.txt", "local-sgd-meets-asynchrony.txt")
)
pytestmark = pytest.mark.skipif(not PAPERS.exists(), reason="the papers' texts do not lie beside the checkout")

# ---- paper A, read a second time

ROWS = {
    "Async LU": "async_lu",
    "Async BU": "async_bu",
    "LAPSGD": "lapsgd",
    "LPPSGD": "lppsgd",
    "DDP": "ddp",
    "BP (single GPU)": "bp",
}
NETWORKS = {"ResNet-18": "resnet18", "ResNet-50": "resnet50", "LSTM": "lstm"}
REACH = ("time_to_target_seconds", "epochs_to_target")
BEST = ("best_accuracy_percent", "time_to_best_seconds", "epochs_to_best")
MEASURES = {
    "table1": REACH,
    "table2": BEST,
    "table3": REACH,
    "table4": BEST,
    "table5": ("best_accuracy_percent", "train_accuracy_percent", "time_to_target_seconds"),
    "table6": BEST,
    "table7": ("relative_speedup",),
    "table8": ("relative_speedup",),
    "table9": ("forward_seconds", "backward_seconds"),
}


def reading_of_a(table: str) -> dict[Key, tuple[float, float | None]]:
    """Every cell of a table in the paper's own text: "mean", or "mean +- std"."""
    text = PAPER_A.read_text(encoding="utf-8")
    block = text[text.index(f"\nTable {table[5:]}:") :].split("\n\n")[1]
    found: dict[Key, tuple[float, float | None]] = {}
    network = ""
    for line in block.strip().splitlines()[1:]:
        name, *cells = line.split("\t")
        network = NETWORKS.get(name, network)
        row = "bp" if table == "table9" else ROWS[cells.pop(0)]
        for measure, cell in zip(MEASURES[table], cells, strict=True):
            mean, *std = re.split(r"\\pm|±", cell)
            # Table 5 is in thousands of seconds.
            thousands = 1000 if (table, measure) == ("table5", "time_to_target_seconds") else 1
            found[network, row, measure] = (round(float(mean) * thousands, 6), float(std[0]) if std else None)
    return found


@pytest.mark.parametrize("table", sorted(MEASURES))
def test_every_number_is_paper_a_s(table: str) -> None:
    values = {key: value for key, value in load(table).items() if key[2] != "target_percent"}
    assert {key: (value.mean, value.std) for key, value in values.items()} == reading_of_a(table)
    assert {value.source for value in values.values()} == {f"arXiv:2410.05985v1, Table {table[5:]}"}
    assert {value.n for value in values.values()} == ({None} if table in ("table5", "table9") else {3})


@pytest.mark.parametrize("table", ["table1", "table3"])
def test_targets_are_the_captions(table: str) -> None:
    text = PAPER_A.read_text(encoding="utf-8")
    caption = text[text.index(f"\nTable {table[5:]}:") :].split("\n\n")[0]
    percent = {f"resnet{depth}": float(value) for value, depth in re.findall(r"(\d+)% for ResNet(\d+)", caption)}
    stored = {key[0]: value.mean for key, value in load(table).items() if key[1:] == ("*", "target_percent")}
    assert stored == percent


def test_hyperparameters_are_table_10() -> None:
    text = PAPER_A.read_text(encoding="utf-8")
    block = text[text.index("\nTable 10\n") :].split("\n\n")[1]
    sets, networks, *lines = (line.split("\t")[1:] for line in block.splitlines())
    names = [line.split("\t")[0].lower() for line in block.splitlines()[2:]]
    columns: list[tuple[str, str]] = []
    dataset = ""
    for title, network in zip(sets, networks, strict=True):
        dataset = title.lower().replace("-", "") or dataset  # a title stands over the first of its networks
        columns.append((dataset, network.lower().replace("-", "")))
    found = {
        (*column, name): float(cell)
        for name, cells in zip(names, lines, strict=True)
        for column, cell in zip(columns, cells, strict=True)
        if cell != "-"
    }
    stored = {
        (line["dataset"], line["network"].rpartition("/")[2], line["measure"]): float(line["mean"])
        for line in csv.DictReader((FOLDER / "paper-a.csv").read_text(encoding="utf-8").splitlines())
        if line["table"] == "table10"
    }
    assert stored == found


def test_model_flops_utilisation_is_the_summary_s() -> None:
    ours, theirs = re.findall(r"utilization \(([\d.]+)% vs ([\d.]+)% for DDP on ResNet-18\)", PAPER_A3.read_text())[0]
    values = {key: value.mean for key, value in load("v3-mfu").items()}
    measure = "model_flops_utilisation_percent"
    assert values == {("resnet18", "pdasgd", measure): float(ours), ("resnet18", "ddp", measure): float(theirs)}


# ---- paper B, read a second time

LOSS, ACCURACY, TEST_LOSS, TEST, TIME = (
    "train_loss",
    "train_accuracy_percent",
    "test_loss",
    "test_accuracy_percent",
    "train_time_seconds",
)
METHODS = {"mbsgd", "plsgd", "lapsgd", "lppsgd"}
SHORT = ("updaters", "batch", ACCURACY, TEST, TIME)
LONG = ("updaters", "batch", LOSS, ACCURACY, TEST_LOSS, TEST, TIME, "")
SIX = ("", "devices", ACCURACY, TEST, TIME)
SEVEN = ("method", "batch", "updaters", LOSS, TEST_LOSS, ACCURACY, TEST, TIME)
COLUMNS: dict[int, tuple[tuple[str, ...], ...]] = {
    1: (("method", "batch", LOSS, ACCURACY, TEST_LOSS, TEST, TIME, ""),),
    2: (LONG,),
    3: (LONG,),
    4: (SHORT,),
    5: (("period", "switch", ACCURACY, TEST, TIME),),
    6: (SIX, SIX, SIX),
    7: (SEVEN, SEVEN),
    8: (SEVEN, SEVEN),
    9: (SEVEN, SEVEN),
    10: (("", "method", "batch", "updaters", LOSS, ACCURACY, TEST_LOSS, TEST, TIME),),
    11: (("method", "updaters", "batch", ACCURACY, TEST, TIME),),
}
"""The columns of a table's printed blocks, side by side."""
LINES = {1: 4, 2: 3, 3: 3, 4: 5, 5: 5, 6: 6, 7: 4, 8: 3, 9: 3, 10: 6, 11: 4}
FIXED = {2: {"method": "lapsgd"}, 3: {"method": "lppsgd"}, 4: {"method": "lapsgd"}}
FIXED[5] = {"method": "lapsgd", "updaters": "6", "batch": "128"}
FIXED[11] = {"optimizer": "lars"}
NETWORK = {6: "wrn16_8", 8: "wrn16_8", 9: "squeezenet", 10: "resnet18"}  # the others: resnet20
RUNS = {4: 5, 5: 5, 11: 5}


def reading_of_b(number: int) -> dict[Key, float]:
    """Every number of a table in the paper's own text, by the columns that its header names."""
    lines = PAPER_B.read_text(encoding="utf-8").splitlines()
    caption = next(i for i, line in enumerate(lines) if re.match(rf"Table\s+{number}\s*:", line))
    found: dict[Key, float] = {}
    for line in lines[caption - LINES[number] : caption]:
        cells = line.split("\t")
        first = cells.pop(0) if number == 6 else ""
        for columns in COLUMNS[number]:
            block = dict(zip(columns, cells, strict=False))
            cells = cells[len(columns) :]
            described = {**FIXED.get(number, {}), **block, **(table6_row(first) if number == 6 else {})}
            found |= {
                (NETWORK.get(number, "resnet20"), row_of(described), measure): float(cell)
                for measure, cell in block.items()
                if measure in (LOSS, ACCURACY, TEST_LOSS, TEST, TIME)
            }
        assert cells == []
    return found


def table6_row(cell: str) -> dict[str, str]:
    """Method and batch of "Mb-sgd-128"; updaters from the caption. LAP- and LPP-SGD's batch is not stated."""
    method, _, batch = cell.partition("sgd")
    updaters = {"Lap-": "4", "Lpp-": "3"}.get(method, "-")
    return {"method": method + "sgd", "updaters": updaters, "batch": batch.removeprefix("-") or "64"}


def row_of(cells: dict[str, str]) -> str:
    """The row's key: the method and what is printed about it, in one order."""
    method = cells["method"].lower().replace("-", "")
    assert method in METHODS
    order = ("devices", "updaters", "period", "switch", "batch", "optimizer")
    given = {name: cells[name] for name in order if name in cells}
    if method in ("mbsgd", "plsgd"):
        given.pop("updaters", None)  # a dash or 1
    if "switch" in given:
        given["switch"] = f"{int(given['switch']) / 300:g}"
    return f"{method}@" + ",".join(f"{name}={value}" for name, value in given.items())


@pytest.mark.parametrize("number", sorted(COLUMNS))
def test_every_number_is_paper_b_s(number: int) -> None:
    values = load(f"lap-table{number}")
    assert {key: value.mean for key, value in values.items()} == reading_of_b(number)
    assert {value.source for value in values.values()} == {
        f"Local SGD Meets Asynchrony (ICLR 2021 submission), Table {number}"
    }
    assert {(value.std, value.n) for value in values.values()} == {(None, RUNS.get(number, 3))}


def test_the_bars_of_figure_1_are_the_text_s_and_table_6_s() -> None:
    text = PAPER_B.read_text(encoding="utf-8").splitlines()
    below = next(i for i, line in enumerate(text) if line.startswith("Il Method"))
    printed = [int(number) for line in text[below - 2 : below] for number in re.findall(r"\b\d{4}\b", line)]
    bars = load("lap-figure1")
    assert Counter(value.mean for value in bars.values()) == Counter(n for n in printed if n != 7500)
    table = load("lap-table6")
    assert all(value.mean == table[key].mean for key, value in bars.items())
    lost = {key for key in table if key[2] == TIME} - set(bars)
    assert {key[1] for key in lost} == {
        "lapsgd@devices=4,updaters=4,batch=64",
        "lppsgd@devices=4,updaters=3,batch=64",
    }
