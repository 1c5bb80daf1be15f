"""The published values: numbers, keys and sources."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from results import published
from results.errors import ResultsError
from results.published import ANY_ROW, FOLDER, by_dataset, load

DIGESTS = {
    "paper-a.csv": "64521e7094a50ac2",
    "paper-a3.csv": "5be2accd299fece1",
    "paper-b.csv": "1109630ce20aee21",
    "paper-others.csv": "dc2a130cd5f27661",
}
"""Digests of keys and numbers, which were compared with the papers' texts cell by cell."""
KEY = ("table", "dataset", "network", "row", "measure")


def lines_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ALL = [line for path in sorted(FOLDER.glob("*.csv")) for line in lines_of(path.name)]


def test_the_values_are_those_that_were_read_twice() -> None:
    assert {path.name for path in FOLDER.glob("*.csv")} == set(DIGESTS)
    for name, digest in DIGESTS.items():
        values = [[line[column] for column in (*KEY, "mean", "std", "n")] for line in lines_of(name)]
        assert hashlib.sha256(repr(sorted(values)).encode()).hexdigest()[:16] == digest, name


def test_no_key_is_there_twice_and_no_value_is_impossible() -> None:
    keys = Counter(tuple(line[column] for column in KEY) for line in ALL)
    assert max(keys.values()) == 1
    for line in ALL:
        mean = float(line["mean"])
        assert 0 <= mean <= (100 if line["measure"].endswith("percent") else 1e6), line
        assert not line["std"] or 0 < float(line["std"]) < mean, line
        assert line["n"] in ("", "3", "5"), line


def test_by_dataset_lays_the_tables_of_one_data_set_together() -> None:
    values = by_dataset()
    assert set(values) == {"cifar10", "cifar100", "imagenet", "imdb", "tinyshakespeare"}
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
