"""Texts of a user's own in tables: what each kind of file gives, and what is said of bad ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data import own_card
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.load import load
from benchmarks.workloads.data.options import Text
from benchmarks.workloads.data.text import own_texts
from benchmarks.workloads.data.text.reviews import Reviews

COLUMNS = ("review", "stars")
ROWS = [(f'Number {number}, "quoted"\nand on.', (2, 10, 1)[number % 3]) for number in range(12)]


def in_csv(path: Path, rows: list[tuple[Any, Any]] = ROWS) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # as Excel writes it
        csv.writer(file).writerows([("id", *COLUMNS), *((number, *row) for number, row in enumerate(rows))])


def in_json(path: Path, rows: list[tuple[Any, Any]] = ROWS) -> None:
    path.write_text("\n".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows) + "\n")


def columns(rows: list[tuple[Any, Any]]) -> dict[str, list[Any]]:
    return dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))


def in_parquet(path: Path, rows: list[tuple[Any, Any]] = ROWS) -> None:
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    parquet.write_table(pyarrow.table(columns(rows)), path)


def saved(path: Path, rows: list[tuple[Any, Any]] = ROWS) -> None:
    pytest.importorskip("datasets").Dataset.from_dict(columns(rows)).save_to_disk(str(path))


Write = Callable[[Path], None]
KINDS: dict[str, Write] = {"a.csv": in_csv, "a.jsonl": in_json, "a.parquet": in_parquet, "a": saved}


def read(place: Path, held_out: float | None = 0.25, test: Path | None = None) -> tuple[int, Reviews]:
    return own_texts.read(OwnData(place.parent / "card.toml", place, held_out, COLUMNS, test))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_table_gives_the_same_texts(tmp_path: Path, name: str) -> None:
    KINDS[name](tmp_path / name)
    in_json(tmp_path / "other.jsonl", ROWS[::-1])
    classes, texts = read(tmp_path / name)
    assert (classes, len(texts.texts), texts.train) == (3, 12, 9)
    assert texts.labels[9:] == (0, 1, 2)  # of 1, 2 and 10 one each
    assert {(text, (1, 2, 10)[label]) for text, label in zip(texts.texts, texts.labels, strict=True)} == set(ROWS)
    assert read(tmp_path / "other.jsonl") == (classes, texts)


def test_a_text_may_be_long_and_other_readers_keep_their_limit(tmp_path: Path) -> None:
    limit, rows = 131_072, [("x" * 200_000, label) for label in (1, 2)] * 4
    csv.field_size_limit(limit)  # the library's default, whatever tests before left
    in_csv(tmp_path / "a.csv", rows)
    assert {len(text) for text in read(tmp_path / "a.csv")[1].texts} == {200_000}
    assert csv.field_size_limit() == limit


def test_texts_for_testing_may_have_a_table_of_their_own(tmp_path: Path) -> None:
    in_csv(tmp_path / "a.csv")
    in_csv(tmp_path / "b.csv", ROWS[:5])
    classes, texts = read(tmp_path / "a.csv", None, tmp_path / "b.csv")
    assert (classes, texts.train, len(texts.labels)) == (3, 12, 17)
    in_csv(tmp_path / "b.csv", [("A text", 4)])
    with pytest.raises(UserError, match=r"b\.csv: the class 4 is not among the texts for training"):
        read(tmp_path / "a.csv", None, tmp_path / "b.csv")


def test_a_saved_data_set_keeps_its_splits(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    splits = {"train": datasets.Dataset.from_dict(columns(ROWS)), "test": datasets.Dataset.from_dict(columns(ROWS[:3]))}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "both"))
    assert read(tmp_path / "both", None)[1].train == 12
    with pytest.raises(UserError, match="either others for testing or held_out"):
        read(tmp_path / "both")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "review,star\nx,1\n", r"a\.csv: .*column.*stars.*star"),
        ("a.csv", "review,stars\nx,1\ny\n", r"a\.csv, row 2: column stars has nothing, and a word or a whole number"),
        ("a.csv", "review,stars\nx,1\ny, and z,2\n", r"a\.csv, row 2 has more columns than the heading"),
        ("a.csv", 'review,stars\n"x,1\n', r"a\.csv, line \d+ cannot be read"),
        ("a.csv", "review,stars\n", "has no rows"),
        ("a.csv", "review,stars\nx,1\ny,1\n", "one class, 1"),
        ("a.csv", "", "has no rows"),
        (
            "a.jsonl",
            '{"review": "x", "stars": 1}\n{"review": 7, "stars": 1}',
            r"row 2: column review has 7, and a text",
        ),
        ("a.jsonl", '{"review": "x", "stars": 1.5}', r"row 1: column stars has 1\.5, and a word or a whole number"),
        ("a.jsonl", r'{"review": "\ud800", "stars": 1}', r"row 1: column review has '\\ud800', and a text"),
        ("a.jsonl", '{"review": "x", "stars": 1}\n[', r"a\.jsonl, row 2 is no JSON"),
        ("a.jsonl", "[1]", r"a\.jsonl, row 1 is no JSON object"),
        ("a.parquet", "no parquet", r"a\.parquet cannot be read"),
        ("a.xls", "x", r"a\.xls: a table of texts is \.csv, \.jsonl, \.parquet"),
    ],
)
def test_a_bad_table_is_told_in_one_sentence(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=complaint) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_labels_may_have_any_number_of_digits(tmp_path: Path) -> None:
    in_csv(tmp_path / "a.csv", [("A text", "1" + "0" * 5000 * (number % 2)) for number in range(12)])
    assert read(tmp_path / "a.csv")[0] == 2


def test_a_folder_that_is_no_data_set_is_told(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"The data set in .*empty cannot be read .*: save it anew"):
        read(tmp_path / "empty")


def test_a_card_names_the_columns(tmp_path: Path) -> None:
    in_csv(tmp_path / "a.csv")
    path = tmp_path / "stars.toml"
    card = 'name = "stars"\nkind = "text"\nfile = "a.csv"\nsource = "us"\nlicence = "none"\nheld_out = 0.25\n'
    for text, complaint in (
        (card, "name both columns"),
        (card + 'text = "review"\n', "name both columns"),
        (card + 'text = "review"\nlabel = "star"\n', r"a\.csv: .*'star'"),
        (card.replace("file", "folder") + 'test_file = "b.csv"\n', "test_file stands beside"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=complaint):
            own_card.load(path)
    path.write_text(card + 'text = "review"\nlabel = "stars"\n')
    data_card = own_card.load(path)
    assert data_card.numbers == (3, 9, 3)
    assert load(data_card, text=Text(length=6)).card == data_card
