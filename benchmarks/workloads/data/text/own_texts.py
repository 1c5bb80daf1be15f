"""A user's texts: one file per text in a folder per class, or a table with a column of texts and one of labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.workloads.data import class_folders
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.text import reviews
from benchmarks.workloads.data.text.reviews import Labelled, Reviews, ordered, read_text
from methods.errors import unknown
from results import reading

FILE_BYTES = 2**20
_DIGITS = 4_000  # of a label that is a number; int() refuses some more
Row = Mapping[Any, Any]


def read(data: OwnData) -> tuple[int, Reviews]:
    """Returns the number of classes and all texts, in an order that depends on neither files' names nor rows.

    Raises UserError where the folder has another layout, a text or a table cannot be read, or all texts are too large.
    """
    if data.columns is not None:
        return _read_tables(data, data.columns)
    train, test = class_folders.own_files(data.place, (".txt",), data.held_out)
    if (size := sum(file.size for file in (*train, *test))) > reviews.ALL_BYTES:
        raise UserError(f"The texts in {data.place} have {size:,} bytes, more than {reviews.ALL_BYTES:,}: use fewer.")
    splits = ([(file.label, read_text(Path(file.path), FILE_BYTES)) for file in files] for files in (train, test))
    return train[-1].label + 1, ordered(*splits)


def _read_tables(data: OwnData, columns: tuple[str, str]) -> tuple[int, Reviews]:
    """Returns the number of classes and all texts. columns: of texts and of labels.

    A class is a label as it is spelled; they are sorted, numbers by their size.
    """
    tables = {name: list(_samples(name, rows, columns)) for name, rows in _tables(data).items()}
    train, *tests = tables.values()
    names = {name for name, _ in train}
    if not names:
        raise UserError(f"{data.place} has no rows: put some there.")
    class_folders.check_class_count(data.place, names)
    numbers = all(name.removeprefix("-").isdecimal() and len(name) <= _DIGITS for name in names)
    classes = sorted(names, key=lambda name: (int(name) if numbers else 0, name))
    labels = {name: label for label, name in enumerate(classes)}
    if not tests:
        return len(classes), _hold_out(data, [(labels[name], text) for name, text in train], classes)
    if unseen := next((name for name, _ in tests[0] if name not in labels), None):
        raise UserError(f"{list(tables)[1]}: the class {unseen} is not among the texts for training: add some there.")
    return len(classes), ordered(*([(labels[name], text) for name, text in split] for split in (train, tests[0])))


def _tables(data: OwnData) -> dict[str, Iterable[Row]]:
    """Returns the rows for training, and for testing unless a share is held out, by the name of their source."""
    if data.place.is_dir():
        saved = _saved(data.place)
        names = [name for name in ("train", "test", "validation") if name in saved][:2]
        tables = {f"{data.place.name}, {name}": saved[name] for name in names}
    else:
        tables = {path.name: _rows(path) for path in (data.place, data.test) if path is not None}
    if len(tables) != (2 if data.held_out is None else 1):
        raise UserError(
            f"{data.file.name}: {data.place.name} needs texts for training, and either others for testing or held_out "
            "in the data card, as in held_out = 0.2."
        )
    return tables


def _samples(table: str, rows: Iterable[Row], columns: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Yields label and text of each row, checked."""
    size = 0
    for number, row in enumerate(rows, 1):
        if number == 1 and (missing := next((name for name in columns if name not in row), None)):
            raise UserError(f"{table}: {unknown('column', missing, [str(name) for name in row])}")
        text, label = (row.get(name) for name in columns)
        # JSON's escapes of half a character cannot be written in UTF-8.
        if not isinstance(text, str) or text.encode(errors="ignore").decode() != text:
            raise _cell_error(table, number, columns[0], text, "a text")
        if not isinstance(label, str | int) or not str(label).strip():
            raise _cell_error(table, number, columns[1], label, "a word or a whole number")
        size += len(text)
        if size > reviews.ALL_BYTES:
            raise UserError(f"{table}: the texts have more than {reviews.ALL_BYTES:,} characters: use fewer.")
        yield str(label).strip(), text


def _cell_error(table: str, number: int, column: str, value: object, expected: str) -> UserError:
    content = "nothing" if value is None or value == "" else f"{value!r:.60}"
    return UserError(f"{table}, row {number}: column {column} has {content}, and {expected} was expected.")


def _hold_out(data: OwnData, labelled: list[Labelled], classes: list[str]) -> Reviews:
    """Splits off a share of each class for testing, by a draw that is the same for all runs."""
    train, test = list[Labelled](), list[Labelled]()
    for label, samples in groupby(sorted(labelled), key=lambda sample: sample[0]):
        of_class = list(samples)
        held_out = class_folders.held_out_positions(classes[label], len(of_class), data.held_out or 0.0, label)
        for at, sample in enumerate(of_class):
            (test if at in held_out else train).append(sample)
    return ordered(train, test)


def _rows(path: Path) -> Iterable[Row]:
    match path.suffix.lower():
        case ".csv":
            return _csv(path)
        case ".jsonl":
            return _json_lines(path)
        case ".parquet":
            return _parquet(path)
    raise UserError(f"{path}: a table of texts is .csv, .jsonl, .parquet, or a folder saved by `datasets`.")


def _csv(path: Path) -> Iterator[Row]:
    limit = csv.field_size_limit(reviews.ALL_BYTES)  # else a text of 128 kB is refused; the limit is the process's
    lines = io.StringIO(read_text(path).removeprefix("\ufeff"), newline="")
    rows = csv.DictReader(lines, strict=True)
    try:
        for number, row in enumerate(rows, 1):
            if None in row:
                raise UserError(f"{path.name}, row {number} has more columns than the heading: quote texts.")
            yield row
    except csv.Error as error:
        raise UserError(f"{path.name}, line {rows.line_num} cannot be read ({error}): mend it.") from error
    finally:
        csv.field_size_limit(limit)


def _json_lines(path: Path) -> Iterator[Row]:
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path.name}, row {number} is no JSON ({error}): mend it.") from error
        if not isinstance(row, dict):
            raise UserError(f"{path.name}, row {number} is no JSON object: write columns and values in braces.")
        yield row


def _parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import parquet

        with reading.opened(path, reviews.ALL_BYTES) as stream:
            for part in parquet.ParquetFile(stream).iter_batches():
                yield from part.to_pylist()
    except ImportError as error:
        raise UserError(f"{path.name} needs the package pyarrow: `uv sync --extra parquet`.") from error
    except Exception as error:  # of many kinds
        message = " ".join(str(error).split())
        raise UserError(f"The table {path} cannot be read ({message}): write it anew.") from error


def _saved(folder: Path) -> dict[str, Iterable[Row]]:
    """Returns the splits of a data set saved by Hugging Face `datasets`; {"train": ...} where it has one split."""
    try:
        import datasets

        for path in folder.rglob("*"):
            if not path.is_dir():
                reading.opened(path, reviews.ALL_BYTES).close()
        loaded = datasets.load_from_disk(str(folder))  # type: ignore[attr-defined]
    except ImportError as error:
        raise UserError(f"{folder} needs the package datasets: `uv sync --extra huggingface`.") from error
    except Exception as error:  # of many kinds and packages
        message = " ".join(str(error).split())
        raise UserError(f"The data set in {folder} cannot be read ({message}): save it anew.") from error
    return dict(loaded) if isinstance(loaded, dict) else {"train": loaded}
