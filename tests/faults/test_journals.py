"""Journals that are damaged: left out with a sentence or used as far as they are sound, never a wrong value."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.views import journals
from results.records import Record
from results.records.lines import render
from tests.faults.counting import Attempt
from tests.results.samples import lines_of, write

SEQUENCE = (10.0, 20.5, 30.0)


@pytest.fixture
def sound(tmp_path: Path) -> Record:
    return write(tmp_path, SEQUENCE)


def check(sound: Record, out: Path, damaged: bytes) -> None:
    """What is read of it is nothing, with a sentence, or a beginning of what was measured."""
    sound.path.write_bytes(damaged)
    found = journals.read(out)
    if not found.records:
        (sentence,) = found.left_out
        assert str(sound.path) in sentence
        return
    (record,) = found.records
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
    whole = sound.path.read_bytes()
    check_all(attempt, sound, tmp_path, (whole[:end] for end in range(len(whole))))


@pytest.mark.fault("journal-bytes")
def test_every_byte_changed(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    whole, draw = sound.path.read_bytes(), attempt.random

    def changed() -> Iterator[bytes]:
        for place, byte in enumerate(whole):
            yield whole[:place] + bytes([(byte + draw.randrange(1, 256)) % 256]) + whole[place + 1 :]
            yield whole[:place] + whole[place + draw.randrange(1, 9) :]

    check_all(attempt, sound, tmp_path, changed())


@pytest.mark.fault("journal-lines")
def test_lines_doubled_left_out_and_exchanged(attempt: Attempt, sound: Record, tmp_path: Path) -> None:
    lines = sound.path.read_bytes().splitlines(keepends=True)

    def shuffled() -> Iterator[bytes]:
        for one in range(len(lines)):
            yield b"".join([*lines[: one + 1], *lines[one:]])
            yield b"".join([*lines[:one], *lines[one + 1 :]])
            for other in range(one):
                exchanged = list(lines)
                exchanged[one], exchanged[other] = lines[other], lines[one]
                yield b"".join(exchanged)

    check_all(attempt, sound, tmp_path, shuffled())


STRANGE: list[Any] = [None, True, [], {}, "text", "NaN", "Infinity", -1, 1e300, 2**62, math.nan, ["a"], {"b": {}}]


def places(value: Any) -> Iterator[Callable[[Any], None]]:
    """Of each value of a document, a function that sets it."""
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
        sound.path.write_bytes(b"".join(render(line) + b"\n" for line in lines))
        found = journals.read(tmp_path)
        assert len(found.records) + len(found.left_out) == 1
        attempt.cases += 1
