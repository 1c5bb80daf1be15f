from __future__ import annotations

import re
from pathlib import Path

import pytest

from results import published
from results.errors import ResultsError
from results.published import Key, Published, by_dataset, load, tables

PAPER = Path(__file__).parents[3] / "shared" / "papers" / "async-lu-v1.txt"
ROWS = {"Async LU": "async_lu", "Async BU": "async_bu", "LAPSGD": "lapsgd", "LPPSGD": "lppsgd", "DDP": "ddp"}
NETWORKS = {"ResNet-18": "resnet18", "ResNet-50": "resnet50"}
REACH = ("time_to_target_seconds", "epochs_to_target")
BEST = ("best_accuracy_percent", "time_to_best_seconds", "epochs_to_best")
MEASURES = {
    "table1": REACH,
    "table2": BEST,
    "table3": REACH,
    "table4": BEST,
    "table7": ("relative_speedup",),
    "table8": ("relative_speedup",),
    "table9": ("forward_seconds", "backward_seconds"),
}


def second_reading(table: str) -> dict[Key, tuple[float, float]]:
    """Every 'mean +- std' of a table in the paper's own text, cell by cell."""
    text = PAPER.read_text(encoding="utf-8")
    block = text[text.index(f"\nTable {table[5:]}:") :].split("\n\n")[1]
    found: dict[Key, tuple[float, float]] = {}
    network = ""
    for line in block.strip().splitlines()[1:]:
        name, *cells = line.split("\t")
        network = NETWORKS.get(name, network)
        row = "bp" if table == "table9" else ROWS[cells.pop(0)]
        for measure, cell in zip(MEASURES[table], cells, strict=True):
            mean, std = re.split(r"\\pm|±", cell)
            found[network, row, measure] = (float(mean), float(std))
    return found


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text does not lie beside the checkout")
@pytest.mark.parametrize("table", sorted(MEASURES))
def test_every_number_is_the_papers(table: str) -> None:
    values = {key: value for key, value in load(table).items() if key[2] != "target_percent"}
    assert {key: (value.mean, value.std) for key, value in values.items()} == second_reading(table)
    assert {value.source for value in values.values()} == {f"arXiv:2410.05985v1, Table {table[5:]}"}
    assert {value.n for value in values.values()} == ({None} if table == "table9" else {3})


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text does not lie beside the checkout")
@pytest.mark.parametrize("table", ["table1", "table3"])
def test_targets_are_the_captions(table: str) -> None:
    text = PAPER.read_text(encoding="utf-8")
    caption = text[text.index(f"\nTable {table[5:]}:") :].split("\n\n")[0]
    percent = {f"resnet{depth}": float(value) for value, depth in re.findall(r"(\d+)% for ResNet(\d+)", caption)}
    stored = {key[0]: value.mean for key, value in load(table).items() if key[1:] == ("*", "target_percent")}
    assert stored == percent


def test_all_tables_and_their_sizes() -> None:
    assert {table: len(load(table)) for table in tables()} == {
        "table1": 18,
        "table2": 24,
        "table3": 18,
        "table4": 24,
        "table7": 4,
        "table8": 4,
        "table9": 4,
    }


def test_one_value() -> None:
    value = load("table3")["resnet18", "async_lu", "time_to_target_seconds"]
    assert value == Published(226.4, 10.0, 3, "arXiv:2410.05985v1, Table 3", value.note)
    assert "2.97" in value.note


def test_by_dataset_lays_the_tables_of_one_data_set_together() -> None:
    values = by_dataset()
    assert set(values) == {"cifar10", "cifar100"}
    assert len(values["cifar10"]) == 16 + 24 + 4
    assert len(values["cifar100"]) == 16 + 24 + 4 + 4


def test_an_unknown_table_lists_the_known() -> None:
    with pytest.raises(ResultsError, match="table1, table2"):
        load("table33")


def test_a_wrong_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "table,dataset,network,row,measure,mean,std,n,source,note\n"
    (tmp_path / "x.csv").write_text(head + "table1,cifar10,resnet18,bp,forward_seconds,fast,,,here,\n")
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    published._lines.cache_clear()
    with pytest.raises(ResultsError, match=r"x.csv, line 2: .*fast"):
        load("table1")
    published._lines.cache_clear()
