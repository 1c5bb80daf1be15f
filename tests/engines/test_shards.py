"""Files for jobs are read back unchanged, and notes that jobs append are read once."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.hardware.cards import load
from benchmarks.runner.engines.shards import SETTING, Array, Note, Shard, arrays, notes, take_note
from results.errors import ResultsError
from tests.engines.fakes import run_of, setting_of


def test_a_job_reads_what_was_planned(tmp_path: Path) -> None:
    card = load("paper-a").model_copy(update={"name": "mine"})
    assert math.isinf(card.update.bytes_per_second)  # which strict JSON could not hold
    setting = replace(setting_of(tmp_path / "out"), cards={card.sha256: card}, plugins=(tmp_path / "mine.py",))
    array = Array.create(tmp_path / "out", [[run_of(0), run_of(1)], [run_of(2)]], setting, {})
    shard = Shard.read(array.shard(0))
    assert list(shard.runs) == [run_of(0), run_of(1)]
    assert shard.setting == setting
    assert shard.setting.cards[card.sha256].sha256 == card.sha256
    assert [run.id for run in Shard.read(array.shard(1)).runs] == [run_of(2).id]


def test_a_shard_that_was_damaged_is_a_sentence(tmp_path: Path) -> None:
    card = load("paper-a")
    array = Array.create(tmp_path, [[run_of(0)]], replace(setting_of(tmp_path), cards={card.sha256: card}), {})
    setting = json.loads((array.folder / SETTING).read_text())
    setting["cards"][card.sha256]["flops_per_second"] = 1.0
    (array.folder / SETTING).write_text(json.dumps(setting))
    with pytest.raises(ResultsError, match="a card of it was changed"):
        Shard.read(array.shard(0))
    array.shard(0).write_text("[")
    with pytest.raises(ResultsError, match="is no shard of runs"):
        Shard.read(array.shard(0))


def test_arrays_that_are_over_are_not_asked_for(tmp_path: Path) -> None:
    first, second = (Array.create(tmp_path, [[run_of(seed)]], setting_of(tmp_path), {}) for seed in range(2))
    assert {array.name for array in arrays(tmp_path)} == {first.name, second.name}
    first.changed(over=True)
    assert arrays(tmp_path) == [second]
    (second.folder / "array.json").write_text("{")
    assert arrays(tmp_path) == []


def test_notes_are_read_once_they_are_whole(tmp_path: Path) -> None:
    shard = tmp_path / "0.json"
    assert notes(shard) == []
    note = Note("a", "remark", "it stands still")
    take_note(shard, note)
    with (tmp_path / "0.notes.jsonl").open("a") as file:
        file.write('{"id": "b", "kind": ')
    assert notes(shard) == [note]
