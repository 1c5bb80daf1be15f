"""Errors in a training process outside of training: a sentence, and a run or a command that failed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner import training
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Ended
from tests.commands.commands import TINY, Cli, train_here

ONLY_THERE = """
import multiprocessing

if multiprocessing.parent_process() is not None:
    raise RuntimeError("only there")

from methods import register
from methods.bp import Backpropagation


@register(title="Mine", source="here", name="mine")
class Mine(Backpropagation):
    pass
"""


def test_a_plug_in_that_fails_in_a_process_alone_ends_the_command(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and not each run."""
    processes = list[Any]()

    class Counted(pool.TrainingProcess):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            processes.append(self)

    monkeypatch.setattr(pool, "TrainingProcess", Counted)
    plugin = tmp_path / "mine.py"
    plugin.write_text(ONLY_THERE, encoding="utf-8")
    three_seeds = [word.replace("--seeds=1", "--seeds=3") for word in TINY]
    output = cli.refused(
        "run", "table1", "--method=mine", f"--plugin={plugin}", "--jobs=1", "--no-tracking", *three_seeds
    )
    assert output.err == f"The plug-in {plugin} failed to load: RuntimeError: only there (line 5).\n"
    assert len(processes) == 1


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("error", [EOFError("cut"), ImportError("cut"), MemoryError("cut"), SystemExit("cut")])
def test_what_fails_before_the_training_fails_its_run_with_its_cause(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(training, "load_data", fail)
    result = cli("run", "table1", "--method=bp", "--no-tracking", *TINY)
    assert (result.code, result.err) == (1, "")
    assert f"BP, 1 device, seed 0: while loading the data: {type(error).__name__}: cut\n" in result.out


def test_a_journal_that_is_gone_after_its_run_is_a_failure(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(runs: Sequence[Run], setting: Any, **options: Any) -> dict[str, Ended]:
        ended = train_here(runs, setting, **options)
        shutil.rmtree(tmp_path / "out" / "runs" / runs[0].id)
        return ended

    monkeypatch.setattr(pool, "train_all", lose)
    result = cli("run", "table1", "--method=bp", "--no-tracking", *TINY)
    assert (result.code, result.err) == (1, "")
    assert (
        "Failed: cifar10-resnet18 BP, 1 device, seed 0: it was trained, and its journal in --out is gone" in result.out
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "was killed (out of memory?)"), (-11, "signal 11 (Segm"), (143, "asked to end, by another"), (3, "code 3")],
)
def test_a_process_that_ended_says_how(code: int, words: str) -> None:
    assert words in pool._death(code)
