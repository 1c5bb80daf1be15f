"""A user's table with columns of texts and labels: CSV, JSON lines, Parquet, or a saved data set."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.workloads.data import class_folders
from benchmarks.workloads.data.cards import OwnData
from benchmarks.workloads.data.text import text_file
from benchmarks.workloads.data.text.reviews import Labelled, Reviews, ordered
from methods.errors import unknown
from results import reading

_DIGITS = 4_000  # of a label that is a number; int() refuses some more
Row = Mapping[Any, Any]
Named = tuple[str, str]
"""A class's name, and a text."""


def read(data: OwnData, columns: tuple[str, str]) -> tuple[int, Reviews]:
    """Returns the number of classes and all texts, in an order that does not depend on that of the rows.

    columns: of texts and of labels. A class is a label as it is spelled; they are sorted, numbers by their size.
    Raises UserError, with row and column, where the table cannot be read or has something else there.
    """
    tables = {name: list(_named(name, rows, columns)) for name, rows in _splits(data).items()}
    train, *tests = tables.values()
    classes = _classes(data, {name for name, _ in train})
    labels = {name: label for label, name in enumerate(classes)}
    if not tests:
        return len(classes), ordered(*_hold_out(data, [(labels[name], text) for name, text in train], classes))
    if strange := next((name for name, _ in tests[0] if name not in labels), None):
        raise UserError(f"{list(tables)[1]}: the class {strange} is not among the texts for training: add some there.")
    return len(classes), ordered(*([(labels[name], text) for name, text in split] for split in (train, tests[0])))


def _splits(data: OwnData) -> dict[str, Iterable[Row]]:
    """Returns the rows for training, and for testing unless a share is held out, by the name of their source."""
    if data.place.is_dir():
        saved = _saved(data.place)
        names = [name for name in ("train", "test", "validation") if name in saved][:2]
        splits = {f"{data.place.name}, {name}": saved[name] for name in names}
    else:
        splits = {path.name: _rows(path) for path in (data.place, data.test) if path is not None}
    if len(splits) != (2 if data.held_out is None else 1):
        raise UserError(
            f"{data.file.name}: {data.place.name} has to have texts for training, and either others for testing or "
            "held_out in the data card, as in held_out = 0.2."
        )
    return splits


def _named(table: str, rows: Iterable[Row], columns: tuple[str, str]) -> Iterator[Named]:
    size = 0
    for number, row in enumerate(rows, 1):
        if number == 1 and (missing := next((name for name in columns if name not in row), None)):
            raise UserError(f"{table}: {unknown('column', missing, [str(name) for name in row])}")
        text, label = (row.get(name) for name in columns)
        if not isinstance(text, str) or not _is_unicode(text):
            raise _error(table, number, columns[0], text, "a text")
        if not isinstance(label, str | int) or not str(label).strip():
            raise _error(table, number, columns[1], label, "a word or a whole number")
        size += len(text)
        if size > text_file.ALL_BYTES:
            raise UserError(
                f"{table}: the texts have more than {text_file.ALL_BYTES:,} characters: take a part of them."
            )
        yield str(label).strip(), text


def _is_unicode(text: str) -> bool:
    """Returns whether a text can be written in UTF-8; JSON's escapes of half a character cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(table: str, number: int, column: str, value: object, expected: str) -> UserError:
    shown = "nothing" if value is None or value == "" else f"{value!r:.60}"
    return UserError(f"{table}, row {number}: column {column} has {shown}, and {expected} was expected.")


def _classes(data: OwnData, names: set[str]) -> list[str]:
    if not names:
        raise UserError(f"{data.place} has no rows: put some there.")
    class_folders.check_class_count(data.place, names)
    numbers = all(name.removeprefix("-").isdecimal() and len(name) <= _DIGITS for name in names)
    return sorted(names, key=lambda name: (int(name) if numbers else 0, name))


def _hold_out(data: OwnData, labelled: list[Labelled], classes: list[str]) -> tuple[list[Labelled], list[Labelled]]:
    """Splits off a share of each class for testing, drawn once and for all."""
    train, test = list[Labelled](), list[Labelled]()
    for label, texts in groupby(sorted(labelled), key=lambda sample: sample[0]):
        of_class = list(texts)
        chosen = class_folders.held_out_positions(classes[label], len(of_class), data.held_out or 0.0, label)
        for at, sample in enumerate(of_class):
            (test if at in chosen else train).append(sample)
    return train, test


def _rows(path: Path) -> Iterable[Row]:
    readers: dict[str, Callable[[Path], Iterable[Row]]] = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: a table of texts is one of {', '.join(readers)}, or a folder saved by `datasets`.")
    return readers[path.suffix.lower()](path)


def _csv(path: Path) -> Iterator[Row]:
    limit = csv.field_size_limit(text_file.ALL_BYTES)  # else a text of 128 kB is refused; the limit is the process's
    lines = io.StringIO(text_file.read(path).removeprefix("\ufeff"), newline="")
    rows = csv.DictReader(lines, strict=True)
    try:
        for number, row in enumerate(rows, 1):
            if None in row:
                raise UserError(
                    f"{path.name}, row {number} has more columns than the heading: put quotes around texts."
                )
            yield row
    except csv.Error as error:
        raise UserError(f"{path.name}, line {rows.line_num} cannot be read ({error}): mend it.") from error
    finally:
        csv.field_size_limit(limit)


def _json_lines(path: Path) -> Iterator[Row]:
    lines = [line for line in text_file.read(path).split("\n") if line.strip()]
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
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(
            f"{path.name} needs the package pyarrow, which is not installed: `uv sync --extra parquet`."
        ) from error
    try:
        with reading.opened(path, text_file.ALL_BYTES) as stream:
            for part in parquet.ParquetFile(stream).iter_batches():
                yield from part.to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        message = " ".join(str(error).split())
        raise UserError(f"The table {path} cannot be read ({message}): put a sound one there.") from error


def _saved(folder: Path) -> dict[str, Iterable[Row]]:
    """Returns the splits of a data set saved by Hugging Face `datasets`; {"train": ...} where it has one split."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(
            f"{folder} needs the package datasets, which is not installed: `uv sync --extra huggingface`."
        ) from error
    try:
        for path in folder.rglob("*"):
            if not path.is_dir():
                reading.opened(path, text_file.ALL_BYTES).close()
        loaded = datasets.load_from_disk(str(folder))  # type: ignore[attr-defined]
    except Exception as error:  # of many kinds and packages
        message = " ".join(str(error).split())
        raise UserError(
            f"The data set in {folder} cannot be read ({message}): save it anew by save_to_disk."
        ) from error
    return dict(loaded) if isinstance(loaded, dict) else {"train": loaded}
