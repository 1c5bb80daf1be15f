"""Runs that no training can have written do not count, whatever their checksums."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.views import journals
from results.errors import ResultsError
from results.records.identity import identity
from results.records.usable import usable
from tests.results.samples import lines_of, rewrite, write

Lines = list[dict[str, Any]]


def metric(index: int, name: str, value: float) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        lines[index]["metrics"][name] = value

    return change


def field(index: int, name: str, value: object) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        lines[index][name] = value

    return change


def layer(**values: float) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        lines[-1]["staleness"][0].update(values)

    return change


def cut_short(lines: Lines) -> None:
    """Ends the run after one epoch of four without early stopping."""
    del lines[2:-1]
    lines[-1].update(epochs=1, early_stopped=False)


def stopped(patience: int) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        """Stops a run early although its last epoch was its best."""
        lines[0]["spec"]["workload"]["patience"] = patience
        del lines[-2]
        lines[-1].update(epochs=3, early_stopped=True)

    return change


NONSENSE: dict[str, tuple[Callable[[Lines], None], str]] = {
    "falling steps": (field(2, "step", 10), "epoch 2 .*step 10"),
    "the same step twice": (field(2, "step", 20), "epoch 2 .*step 20"),
    "no step": (field(1, "step", 0), "epoch 1 .*step 0"),
    "falling simulated seconds": (metric(3, "virtual_seconds", 1.0), "epoch 3 .*virtual_seconds 1 after 4"),
    "falling seconds of training": (metric(3, "train_seconds", 1.0), "epoch 3 .*train_seconds"),
    "falling seconds by the wall": (metric(3, "wall_seconds", 1.0), "epoch 3 .*wall_seconds"),
    "negative seconds": (metric(1, "train_seconds", -1.0), "epoch 1 .*train_seconds -1"),
    "seconds that are no number": (metric(2, "train_seconds", math.nan), "epoch 2 .*train_seconds nan"),
    "seconds without an end": (metric(4, "wall_seconds", math.inf), "epoch 4 .*wall_seconds inf"),
    "250 %": (metric(2, "accuracy_percent", 250.0), "epoch 2 .*accuracy_percent of 250"),
    "less than 0 %": (metric(2, "accuracy_percent", -1.0), "epoch 2 .*accuracy_percent of -1"),
    "an accuracy that is no number": (metric(2, "accuracy_percent", math.nan), "epoch 2 .*accuracy_percent of nan"),
    "250 % in training": (metric(2, "train_accuracy_percent", 250.0), "epoch 2 .*train_accuracy_percent of 250"),
    "a rate that is no number": (metric(2, "learning_rate", math.nan), "epoch 2 .*learning_rate of nan"),
    "a loss that is no number in its midst": (metric(2, "loss", math.nan), "epoch 2 .*loss of nan"),
    "finished with a loss without an end": (metric(4, "train_loss", math.inf), "epoch 4 .*train_loss of inf"),
    "finished too early": (cut_short, "finished after 1 of 4 epochs"),
    "stopped early without patience": (stopped(2), "stopped early"),
    "it took less than its last epoch": (field(-1, "wall_seconds", 3.0), "end .*wall_seconds 3 after 16"),
    "it took negative seconds": (field(-1, "wall_seconds", -1.0), "end .*wall_seconds -1"),
    "negative reads": (layer(reads=-1), "layer stem .*reads of -1"),
    "more torn reads than reads": (layer(weight_reads=2, torn_reads=5), "layer stem .*torn_reads"),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_under_true_checksums_does_not_count(tmp_path: Path, kind: str) -> None:
    change, words = NONSENSE[kind]
    path = write(tmp_path, [10.0, 20.0, 15.0, 30.0]).path
    assert usable(path).complete
    lines = lines_of(path)
    change(lines)
    lines[0]["id"] = identity(lines[0]["spec"])
    path = path.parent.rename(path.parent.with_name(lines[0]["id"])) / path.name
    rewrite(path, lines)
    with pytest.raises(ResultsError, match=f"journal.jsonl is implausible: .*{words}"):
        usable(path)
    all_journals = journals.read(tmp_path)
    assert all_journals.records == ()
    assert len(all_journals.left_out) == 1


@pytest.mark.parametrize("status", ["finished", None])
def test_an_evaluation_after_the_last_is_damage(tmp_path: Path, status: str | None) -> None:
    path = write(tmp_path, [10.0, 20.0, 15.0, 30.0], status=status).path
    lines = lines_of(path)
    rewrite(path, [*lines[:5], lines[4], *lines[5:]])
    with pytest.raises(ResultsError, match=r"journal.jsonl, line 6: .*epoch 4"):
        usable(path)


def test_what_is_said_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, [10.0, 20.0]).path
    lines = lines_of(path)
    lines[2]["step"] = 1
    rewrite(path, lines)
    (sentence,) = journals.read(tmp_path).left_out
    assert str(path) in sentence
    assert "`run`" in sentence


@pytest.mark.parametrize("status", ["diverged", None, "failed", "interrupted"])
def test_the_last_loss_of_a_run_may_be_infinite(tmp_path: Path, status: str | None) -> None:
    """The run diverged, or was interrupted before it could report that."""
    path = write(tmp_path, [10.0, 20.0], status=status).path
    lines = lines_of(path)
    lines[2]["metrics"].update(loss=math.nan, train_loss=math.inf, train_accuracy_percent=math.nan)
    rewrite(path, lines)
    assert usable(path).status == (status or "interrupted")


def test_a_run_may_be_stopped_early(tmp_path: Path) -> None:
    assert usable(write(tmp_path, [10.0, 9.0]).path).complete
