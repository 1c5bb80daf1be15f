"""Checkpoints: damaged or foreign ones are never used, and a failed write ends no run."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

import methods
from benchmarks.hardware import cards
from benchmarks.hardware.delays import Delay
from benchmarks.runner import plan
from benchmarks.runner.checkpoints import keeper
from benchmarks.runner.checkpoints.file import Checkpoint, existing, folder, read
from benchmarks.runner.checkpoints.keeper import KEPT, Checkpoints
from benchmarks.runner.choices import Choices
from benchmarks.runner.training import Training, load_data
from benchmarks.tables.definition import Row
from benchmarks.workloads.workload import workload
from results import files
from results.errors import JournalLost
from tests.conformance.small import Small
from tests.runner.chains import ID, Chain, Make, check_chain, outcome, small
from tests.sure import sure

BP = small("bp")


def ended(out: Path, checkpoints: int = 2) -> Chain:
    """Trains a run and ends it after so many checkpoints."""
    chain = Chain(out, BP)
    assert chain.part(ends_after=checkpoints) is None
    return chain


def kept(out: Path, **how: Any) -> Checkpoints:
    return Checkpoints(out, ID, environment={}, **how)


def whole(out: Path) -> Any:
    """Returns the outcome of an uninterrupted run."""
    return outcome(Chain(out / "whole", BP).part(ends_after=None))


# ---- which file is used


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    settings = {"drain_every": 2}
    assert Chain(tmp_path, small("bp", settings=settings)).part(ends_after=3) is None
    assert [path.name.rsplit(".", 2)[0] for path in existing(tmp_path, ID)] == ["epoch-0.batch-6", "epoch-0.batch-4"]
    assert len(list(folder(tmp_path, ID).iterdir())) == KEPT


def test_a_damaged_one_is_set_aside_and_the_one_before_is_used(tmp_path: Path) -> None:
    expected, chain = whole(tmp_path), ended(tmp_path)
    last, before = existing(tmp_path, ID)
    data = last.read_bytes()
    for changed in damaged(data):
        last.write_bytes(changed)
        sentences = list[str]()
        used = sure(kept(tmp_path, say=sentences.append).resume(lambda checkpoint: None))
        assert used.place == (1, 0)
        assert len(sentences) == 1
        assert f"{last} is no checkpoint (its bytes are not those that were written)" in sentences[0]
        assert existing(tmp_path, ID) == [before]
    resumed = sure(chain.part(ends_after=None))
    assert resumed.resumed is not None
    assert resumed.resumed.epoch == 1
    assert outcome(resumed) == expected


def damaged(data: bytes) -> list[bytes]:
    """Returns copies that are cut, or have one changed byte, at many places."""
    places = [0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1, *range(0, len(data), len(data) // 40)]
    flipped = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in places]
    return [*(data[:at] for at in places), *flipped, data + b"\0"]


def test_a_run_without_an_intact_checkpoint_starts_again(tmp_path: Path) -> None:
    expected, chain = whole(tmp_path), ended(tmp_path)
    for path in existing(tmp_path, ID):
        path.write_bytes(path.read_bytes()[:-1])
    record = sure(chain.part(ends_after=None))
    assert record.resumed is None
    assert outcome(record) == expected
    assert len(chain.said) == 2


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], Any]) -> None:
    """Changes the file's content, and renames it by its new digest. change: may return another JSON text."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    progress = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["checkpoint"])
    tensors = load(data)
    text = change(progress, tensors)
    data = save(tensors, {"checkpoint": text if isinstance(text, str) else json.dumps(progress)})
    parts = path.name.split(".")
    path.with_name(".".join([*parts[:2], hashlib.sha256(data).hexdigest()[:32], parts[3]])).write_bytes(data)
    path.unlink()


def other_shape(progress: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors[next(name for name in tensors if name.endswith("weight"))] = torch.zeros(2, 3)


def no_random_numbers(progress: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors["random numbers on the cpu"] = torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda progress, tensors: "[" * 100_000, "no checkpoint"),
        (lambda progress, tensors: "nonsense", "Expecting value"),
        (lambda progress, tensors: progress.update(format=2), "format"),
        (lambda progress, tensors: progress.update(run="another"), "another run's"),
        (lambda progress, tensors: progress.update(surprise=1), "surprise"),
        (lambda progress, tensors: progress["evaluations"].pop(), "its counts are not those"),
        (lambda progress, tensors: progress["evaluations"][0].pop("loss"), "an evaluation lacks"),
        (lambda progress, tensors: progress["team"]["layers"].pop(), "another network"),
        (lambda progress, tensors: progress["team"]["counts"].update(taken=[7, 0]), "another team"),
        (other_shape, "another network"),
        (no_random_numbers, "no random numbers"),
    ],
)
def test_a_checkpoint_with_invalid_content_is_refused(change: Callable[..., Any], why: str, tmp_path: Path) -> None:
    """The digest is right but the content is wrong; the checkpoint before is used."""
    ended(tmp_path)
    rewritten(existing(tmp_path, ID)[0], change)
    training, sentences = BP()[0], list[str]()
    used = sure(kept(tmp_path, say=sentences.append).resume(training.resume))
    assert used.place == (1, 0)
    assert len(sentences) == 1
    assert why in sentences[0]
    assert "\n" not in sentences[0]


def test_another_runs_checkpoint_is_refused(tmp_path: Path) -> None:
    ended(tmp_path)
    (tmp_path / "runs" / ID).rename(tmp_path / "runs" / "other")
    sentences = list[str]()
    assert Checkpoints(tmp_path, "other", environment={}, say=sentences.append).resume(BP()[0].resume) is None
    assert ["is another run's" in sentence for sentence in sentences] == [True, True]


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    ended(tmp_path)
    last, _ = existing(tmp_path, ID)
    last.unlink()
    os.mkfifo(last)
    used = sure(kept(tmp_path).resume(lambda checkpoint: None))
    assert used.place == (1, 0)


def test_a_checkpoint_without_an_end_is_set_aside(tmp_path: Path) -> None:
    """A sparse file larger than memory, whose name has an invalid digest."""
    ended(tmp_path)
    last, before = existing(tmp_path, ID)
    os.truncate(last, 0)
    os.truncate(last, 2**40)
    sentences = list[str]()
    used = kept(tmp_path, say=sentences.append).resume(lambda checkpoint: None)
    assert (used is not None and used.place, len(sentences)) == ((1, 0), 1)
    assert existing(tmp_path, ID) == [before]


def test_half_written_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    ended(tmp_path)
    last, _ = existing(tmp_path, ID)
    with files.atomic_file(last) as file:  # under the name that a file has while it is written
        file.write(last.read_bytes())
        (staged,) = set(folder(tmp_path, ID).iterdir()) - set(existing(tmp_path, ID))
    staged.write_bytes(last.read_bytes()[:1000])
    used = sure(kept(tmp_path).resume(lambda checkpoint: None))
    assert used.place == (2, 0)
    assert sorted(folder(tmp_path, ID).iterdir()) == sorted(existing(tmp_path, ID))


# ---- when one is written


@cache
def trained() -> Checkpoint:
    """Trains one epoch."""
    training = Small("bp")
    training.train(1)
    return training.checkpoint([{"loss": 0.1, "odd": math.nan}], 1.5)


def taken(epoch: int) -> Callable[[], Checkpoint]:
    return lambda: replace(trained(), progress=trained().progress.model_copy(update={"epoch": epoch}))


def test_between_two_the_seconds_that_were_asked_for_go_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: now[0], thread_time=lambda: 0.1))
    folder(tmp_path, ID).parent.mkdir(parents=True)
    checkpoints = kept(tmp_path, every_seconds=5.0)
    written = []
    for epoch in range(1, 21):
        now[0] += 3.0
        checkpoints.offer(taken(epoch))
        checkpoints.close()
        written.append(checkpoints.written)
    # After 6 s; then no sooner than 0.1 s are a hundredth of the time.
    assert list(dict.fromkeys(written)) == [None, (2, 0), (6, 0), (10, 0), (14, 0), (18, 0)]
    assert checkpoints.flush() == (20, 0)
    assert [read(path, ID).place for path in existing(tmp_path, ID)] == [(20, 0), (18, 0)]


def test_waiting_for_the_processor_does_not_count_as_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine waiting does not count: the next checkpoint may be taken at once."""
    now = [100.0]
    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: now[0], thread_time=lambda: 0.1))
    folder(tmp_path, ID).parent.mkdir(parents=True)
    checkpoints = kept(tmp_path, every_seconds=1000.0)

    def waiting(epoch: int) -> Checkpoint:
        now[0] += 2.0
        return taken(epoch)()

    for epoch in (1, 2, 3):
        now[0] += 1.0
        checkpoints.offer(partial(waiting, epoch))
    assert checkpoints.flush() == (3, 0)


def no_room(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_is_said_once_and_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, chain = whole(tmp_path), Chain(tmp_path, BP)
    monkeypatch.setattr(os, "fsync", no_room)
    checkpoints = kept(tmp_path, every_seconds=0, say=chain.said.append)
    folder(tmp_path, ID).parent.mkdir(parents=True)
    for epoch in (1, 2):
        checkpoints.offer(taken(epoch))
    monkeypatch.undo()
    assert chain.said == ["a checkpoint cannot be written (No space left on device); the run goes on without"]
    assert list(folder(tmp_path, ID).iterdir()) == []
    assert outcome(chain.part(ends_after=None)) == expected


def test_a_checkpoint_leaves_room_on_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=keeper.RESERVE_BYTES))
    folder(tmp_path, ID).parent.mkdir(parents=True)
    sentences = list[str]()
    kept(tmp_path, every_seconds=0, say=sentences.append).offer(taken(1))
    assert len(sentences) == 1
    assert "its disk has too little room for" in sentences[0]


def test_a_folder_that_was_deleted_is_not_made_again(tmp_path: Path) -> None:
    sentences = list[str]()
    kept(tmp_path, every_seconds=0, say=sentences.append).offer(taken(1))
    assert len(sentences) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(tmp_path)
    before = {path: path.read_bytes() for path in folder(tmp_path, ID).iterdir()}
    for place in ("replace", "fsync"):
        monkeypatch.setattr(os, place, no_room)
        kept(tmp_path, every_seconds=0).offer(taken(3))
        monkeypatch.undo()
        assert {path: path.read_bytes() for path in folder(tmp_path, ID).iterdir()} == before


def test_a_state_that_is_not_like_json_keeps_no_checkpoints(tmp_path: Path) -> None:
    for state in ({1: 2}, {"pair": (1, 2)}, {"what": object()}):
        training, sentences = Small("bp"), list[str]()
        training.train(1)
        training.team.state = state  # type: ignore[assignment]
        checkpoints = kept(tmp_path, every_seconds=0, say=sentences.append)
        for _ in range(2):
            checkpoints.offer(lambda training=training: training.checkpoint([{}], 0.0))  # type: ignore[misc]
        assert len(sentences) == 1
        assert "team.state is not like JSON" in sentences[0]


# ---- real networks


def real(family: str, network: str, method: str, options: dict[str, Any], delays: tuple[Delay, ...] = ()) -> Make:
    settings = {"train_samples": "192", "test_samples": "30", "epochs": "3", "drain_every": "2"}
    work, card = workload(family, network, "smoke", settings), cards.load("paper-a").delayed(delays)
    run = plan.run(work, Row(method, options=options), methods.create(method, options), 0, Choices(), card)
    data = load_data(work, None)
    return lambda: (Training(run.spec, data, card), run.spec)


def test_an_lstm_goes_on_in_one_piece_of_memory(tmp_path: Path) -> None:
    *_, ended = check_chain(tmp_path, real("imdb", "lstm", "lapsgd", {"updaters": 2}))
    assert ended > 0


def test_a_run_that_was_taken_over_writes_no_checkpoint(tmp_path: Path) -> None:
    """Not even a checkpoint taken before: the folder belongs to the other command."""

    def lost() -> None:
        raise JournalLost("taken over")

    sentences = list[str]()
    checkpoints = kept(tmp_path, every_seconds=0.0, check=lost, say=sentences.append)
    folder(tmp_path, ID).parent.mkdir(parents=True)
    with pytest.raises(JournalLost):
        checkpoints.offer(lambda: BP()[0].checkpoint([], 0.0))
    assert checkpoints.flush() is None
    assert not folder(tmp_path, ID).exists()
    assert sentences == ["a checkpoint cannot be written (taken over); the run goes on without"]
