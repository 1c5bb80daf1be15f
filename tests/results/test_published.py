"""The published values: sizes, keys, sources, spot values. test_published_texts.py holds them against the papers."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from results import published
from results.errors import ResultsError
from results.published import ANY_ROW, FOLDER, Key, by_dataset, load, tables

SIZES = {
    "table1": 18,
    "table2": 24,
    "table3": 18,
    "table4": 24,
    "table5": 6,
    "table6": 6,
    "table7": 4,
    "table8": 4,
    "table9": 4,
    "table10": 41,
    "v3-mfu": 2,
    "lap-table1": 20,
    "lap-table2": 15,
    "lap-table3": 15,
    "lap-table4": 15,
    "lap-table5": 15,
    "lap-table6": 54,
    "lap-table7": 40,
    "lap-table8": 30,
    "lap-table9": 30,
    "lap-table10": 30,
    "lap-table11": 12,
    "lap-figure1": 16,
    "others-cifar10": 5,
}


def lines_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ALL = [line for path in sorted(FOLDER.glob("*.csv")) for line in lines_of(path.name)]


def test_all_tables_and_their_sizes() -> None:
    assert {table: len(load(table)) for table in tables()} == SIZES


def test_no_key_is_there_twice_and_no_value_is_impossible() -> None:
    keys = Counter((line["table"], line["dataset"], line["network"], line["row"], line["measure"]) for line in ALL)
    assert max(keys.values()) == 1
    for line in ALL:
        mean = float(line["mean"])
        assert 0 <= mean <= (100 if line["measure"].endswith("percent") else 1e6), line
        assert not line["std"] or 0 < float(line["std"]) < mean, line
        assert line["n"] in ("", "3", "5"), line


@pytest.mark.parametrize(
    ("table", "key", "mean"),
    [
        ("table5", ("resnet50", "async_lu", "time_to_target_seconds"), 134240),
        ("table6", ("lstm", "async_bu", "time_to_best_seconds"), 83.41),
        ("v3-mfu", ("resnet18", "pdasgd", "model_flops_utilisation_percent"), 53.8),
        ("lap-table1", ("resnet20", "plsgd@batch=1024", "test_accuracy_percent"), 87.81),
        ("lap-table3", ("resnet20", "lppsgd@updaters=6,batch=128", "train_time_seconds"), 1085),
        ("lap-table5", ("resnet20", "lapsgd@updaters=6,period=8,switch=0,batch=128", "test_accuracy_percent"), 92.83),
        ("lap-table6", ("wrn16_8", "mbsgd@devices=8,batch=512", "test_accuracy_percent"), 73.97),
        ("lap-table8", ("wrn16_8", "lppsgd@updaters=3,batch=64", "test_loss"), 1.554),
        ("lap-table9", ("squeezenet", "lppsgd@updaters=3,batch=256", "train_accuracy_percent"), 99.89),
        ("lap-table10", ("resnet18", "mbsgd@batch=32", "train_time_seconds"), 30706),
        ("lap-table11", ("resnet20", "mbsgd@batch=1024,optimizer=lars", "test_accuracy_percent"), 85.67),
    ],
)
def test_spot_values(table: str, key: Key, mean: float) -> None:
    assert load(table)[key].mean == mean


def test_by_dataset_lays_the_tables_of_one_data_set_together() -> None:
    values = by_dataset()
    assert set(values) == {"cifar10", "cifar100", "imagenet", "imdb"}
    for line in lines_of("paper-a.csv"):
        key = (line["network"], line["row"], line["measure"])
        if line["row"] == ANY_ROW:
            assert key not in values[line["dataset"]]
        else:
            assert values[line["dataset"]][key] == load(line["table"])[key]


def test_a_wrong_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "table,dataset,network,row,measure,mean,std,n,source,note\n"
    (tmp_path / "x.csv").write_text(head + "table1,cifar10,resnet18,bp,forward_seconds,fast,,,here,\n")
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    published._lines.cache_clear()
    with pytest.raises(ResultsError, match=r"x.csv, line 2: .*fast"):
        load("table1")
    published._lines.cache_clear()
