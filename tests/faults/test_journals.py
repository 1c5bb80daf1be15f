"""Journals that are damaged: left out with a sentence or used as far as they are sound, never a wrong value."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.views import journals
from results.records import Record
from results.records.usable import CLOCKS
from tests.faults.counting import Attempt
from tests.results.samples import lines_of, rewrite, write

SEQUENCE = (10.0, 20.5, 30.0)


@pytest.fixture
def sound(tmp_path: Path) -> Record:
    return write(tmp_path, SEQUENCE)


def check(sound: Record, out: Path, damaged: bytes) -> None:
    """Checks that a damaged journal is read as nothing, with a sentence, or as a beginning of what was measured."""
    sound.path.write_bytes(damaged)
    read_back = journals.read(out)
    if not read_back.records:
        (sentence,) = read_back.left_out
        assert str(sound.path) in sentence
        return
    (record,) = read_back.records
    assert (record.spec, record.id, record.labels) == (sound.spec, sound.id, sound.labels)
    assert record.evaluations == sound.evaluations[: len(record.evaluations)]
    if record.end is not None and sound.end is not None:
        assert {**record.end, **sound.end} == record.end  # a byte of a checksum's own name makes another field of it
        assert record.evaluations == sound.evaluations


def check_all(attempt: Attempt, sound: Record, out: Path, damages: Iterator[bytes]) -> None:
    for damaged in damages:
        check(sound, out, damaged)
        attempt.cases += 1


@pytest.mark.fault("journal-cut")
def test_cut_at_every_byte(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    content = sound.path.read_bytes()
    check_all(attempt, sound, tmp_path, (content[:end] for end in range(len(content))))


@pytest.mark.fault("journal-bytes")
def test_every_byte_changed(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    content, draw = sound.path.read_bytes(), attempt.random

    def changed() -> Iterator[bytes]:
        for place, byte in enumerate(content):
            yield content[:place] + bytes([(byte + draw.randrange(1, 256)) % 256]) + content[place + 1 :]
            yield content[:place] + content[place + draw.randrange(1, 9) :]

    check_all(attempt, sound, tmp_path, changed())


@pytest.mark.fault("journal-lines")
def test_lines_doubled_left_out_and_exchanged(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    lines = sound.path.read_bytes().splitlines(keepends=True)

    def shuffled() -> Iterator[bytes]:
        for i in range(len(lines)):
            yield b"".join([*lines[: i + 1], *lines[i:]])
            yield b"".join([*lines[:i], *lines[i + 1 :]])
            for j in range(i):
                exchanged = list(lines)
                exchanged[i], exchanged[j] = lines[j], lines[i]
                yield b"".join(exchanged)

    check_all(attempt, sound, tmp_path, shuffled())


@pytest.mark.fault("journal-spliced")
def test_lines_of_another_run(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    """Each one, and all from each on, of fifteen runs that differ in their seeds alone."""
    own_lines = sound.path.read_bytes().splitlines(keepends=True)

    def spliced() -> Iterator[bytes]:
        for seed in range(1, 16):
            other_lines = write(tmp_path / "other", SEQUENCE, seed=seed).path.read_bytes().splitlines(keepends=True)
            for at in range(len(own_lines)):
                yield b"".join([*own_lines[:at], other_lines[at], *own_lines[at + 1 :]])
                yield b"".join([*own_lines[:at], *other_lines[at:]])

    for damaged in spliced():
        sound.path.write_bytes(damaged)
        read_back = journals.read(tmp_path)
        assert read_back.records == ()
        assert str(sound.path) in read_back.left_out[0]
        attempt.cases += 1


def by_percent(line: dict[str, Any], draw: Random) -> None:
    line["metrics"]["accuracy_percent"] = draw.choice([-1, 1]) * draw.uniform(101, 1e6)


def by_step(line: dict[str, Any], draw: Random) -> None:
    line["step"] = -draw.randrange(0, 1000)


def by_clock(line: dict[str, Any], draw: Random) -> None:
    line["metrics"][draw.choice(CLOCKS)] = -draw.uniform(0.1, 1e6)


def by_number(line: dict[str, Any], draw: Random) -> None:
    line["metrics"][draw.choice(["accuracy_percent", "loss", *CLOCKS])] = draw.choice([math.nan, math.inf, -math.inf])


@pytest.mark.fault("journal-nonsense")
@pytest.mark.parametrize("make", [by_percent, by_step, by_clock, by_number])
def test_nonsense_under_true_checksums(
    attempt: Attempt, sound: Record, tmp_path: Path, make: Callable[[dict[str, Any], Random], None]
) -> None:
    text = json.dumps(lines_of(sound.path))
    for _ in range(25):
        lines = json.loads(text)
        make(lines[attempt.random.randrange(1, len(SEQUENCE) + 1)], attempt.random)
        rewrite(sound.path, lines)
        read_back = journals.read(tmp_path)
        assert read_back.records == ()
        assert str(sound.path) in read_back.left_out[0]
        attempt.cases += 1


STRANGE: list[Any] = [None, True, [], {}, "text", "NaN", "Infinity", -1, 1e300, 2**62, math.nan, ["a"], {"b": {}}]


def places(value: Any) -> Iterator[Callable[[Any], None]]:
    """Yields for each value of a document a function that sets it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield partial(value.__setitem__, key)
        yield from places(item)


@pytest.mark.fault("journal-types")
def test_values_of_other_types_under_true_checksums(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    """Whoever writes checksums can write values: they are read or refused with a sentence, and nothing is raised."""
    text = json.dumps(lines_of(sound.path))
    for place in range(len(list(places(json.loads(text))))):
        lines = json.loads(text)
        list(places(lines))[place](attempt.random.choice(STRANGE))
        rewrite(sound.path, lines)
        read_back = journals.read(tmp_path)
        assert len(read_back.records) + len(read_back.left_out) == 1
        attempt.cases += 1
