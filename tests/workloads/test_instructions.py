"""CPU instructions of a run: identity, the variables of its process, and what refuses them."""

from __future__ import annotations

import os
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import messages, pool, process
from benchmarks.runner.processes.messages import Begin, Ended
from benchmarks.runner.resolve import resolve
from benchmarks.runner.training import Training, load_data
from benchmarks.tables.registry import table
from benchmarks.workloads.instructions import PORTABLE
from benchmarks.workloads.workload import workload

CHOICES = Choices(methods=("bp",), networks=("resnet18",), seeds=(0,))


def run(instructions: str) -> Run:
    (planned,) = resolve(table("table1"), replace(CHOICES, settings={"workload": {"instructions": instructions}})).runs
    return planned


def test_instructions_are_identity_where_they_are_not_native() -> None:
    (plain,) = resolve(table("table1"), CHOICES).runs
    assert run("native").id == plain.id
    assert run("portable").id != plain.id
    assert "instructions" not in plain.spec.workload.document()
    assert run("portable").spec.workload.instructions == "portable"


def reporting(pipe: Connection, setting: Any) -> None:
    """A training process that reports the variables it was started with."""
    try:
        while True:
            begin: Begin = pipe.recv()
            pipe.send(Ended(begin.id, "finished", " ".join(str(os.environ.get(name)) for name in PORTABLE)))
    except EOFError:
        return


def test_a_process_begins_with_what_holds_its_libraries_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PORTABLE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "main", reporting)
    ended = pool.train_all(
        [run("native"), run("portable")],
        messages.Setting(Path("out"), None, {}, (), {}),
        jobs=1,
        listen=lambda event: None,
    )
    reported = [end.reason.split() for end in ended.values()]
    assert reported == [["None"] * len(PORTABLE), list(PORTABLE.values())]
    assert not set(PORTABLE) & set(os.environ)


def test_a_process_that_began_otherwise_trains_no_such_run(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = run("portable")
    data = load_data(planned.work, None)
    for name in PORTABLE:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="instructions=portable"):
        Training(planned.spec, data, None)


def test_a_gpu_has_none_of_them() -> None:
    work = workload("cifar10", "resnet18", "paper", {"instructions": "portable"})
    work.check_device("cpu", tf32=False)
    with pytest.raises(UserError, match="instructions=portable"):
        work.check_device("NVIDIA H100", tf32=True)
