"""A node is probed once; a sentence reports folders, sources or torch that differ from the plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.engines import cluster, probe
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.probe import Question, answer, ask, last_node
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.gpus import Node
from tests.engines.fakes import FakeCluster


class Asked:
    """A probe job that ends at once, with or without an answer."""

    def __init__(self, fake: FakeCluster, monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
        self.fake, self.out, self.said, self.jobs = fake, out, list[str](), 0
        self.job: Callable[[Path], None] = lambda question: answer(str(question))
        monkeypatch.setattr(cluster, "submit", self.submit)
        monkeypatch.setattr(probe, "QUEUE_LOOKS", 1)

    def submit(self, call: Any, paths: Sequence[Path], *, name: str, **options: Any) -> tuple[str, ...]:
        ids = self.fake.submit(call, paths, name=name, **options)
        self.jobs += 1
        self.job(paths[0])
        self.fake.become("COMPLETED")
        return ids

    def ask(self, *paths: Path, **options: str) -> Node:
        return ask(Question.here(paths), self.out, SlurmOptions(options), self.said.append, lambda seconds: None)


@pytest.fixture
def asked(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    return Asked(fake, monkeypatch, tmp_path / "out")


def changed(**versions: str) -> Callable[[Path], None]:
    """A job on a node with other versions."""

    def job(question: Path) -> None:
        answer(str(question))
        path = question.with_name(probe.ANSWER)
        answer_read = json.loads(path.read_text())
        answer_read["versions"] |= versions
        path.write_text(json.dumps(answer_read))

    return job


def test_a_node_says_what_it_is_and_is_asked_once(asked: Asked) -> None:
    node = asked.ask(asked.out, partition="gpu")
    assert (node.cpu, node.device) == (cpu_name(), "cpu")
    assert asked.ask(asked.out, partition="gpu") == node == last_node(asked.out)
    assert asked.jobs == 1
    asked.ask(asked.out, partition="long")  # other nodes
    assert asked.jobs == 2


@pytest.mark.parametrize("what", ["sources", "torch"])
def test_other_sources_or_torch_are_a_sentence(what: str, asked: Asked) -> None:
    asked.job = changed(**{what: "another"})
    with pytest.raises(UserError, match=rf"would make other runs than this machine plans; it has other {what} \("):
        asked.ask(asked.out)
    assert last_node(asked.out) is None  # nobody plans for it


def test_a_folder_that_the_node_does_not_see_is_a_sentence(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not see .*/data: name a folder that all nodes share\.$"):
        asked.ask(asked.out, tmp_path / "data")


def test_a_probe_job_that_fails_says_why(asked: Asked) -> None:
    def fails(question: Path) -> None:
        logs = question.parent / "logs"
        logs.mkdir()
        (logs / "10_0_log.out").write_text("Traceback\nModuleNotFoundError: No module named 'torch'\n\n")

    asked.job = fails
    with pytest.raises(UserError, match="ended without an answer: ModuleNotFoundError: No module named 'torch'"):
        asked.ask(asked.out)


def test_a_cluster_that_is_silent_is_waited_for(asked: Asked, fake: FakeCluster) -> None:
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            fake.silent = False
            answer(str(next(iter(fake.paths.values()))))

    asked.job, fake.silent = lambda question: None, True
    ask(Question.here([asked.out]), asked.out, SlurmOptions(), asked.said.append, sleep)
    assert looks == 20


def test_ctrl_c_takes_the_probe_job_back(asked: Asked, fake: FakeCluster) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    asked.job = lambda question: None
    with pytest.raises(KeyboardInterrupt):
        ask(Question.here([asked.out]), asked.out, SlurmOptions(), asked.said.append, interrupt)
    assert ("scancel", "10") in fake.asked


def test_an_answer_may_be_seen_a_look_after_its_job_has_gone(asked: Asked, fake: FakeCluster) -> None:
    """A shared file system may show it late."""
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            answer(str(next(iter(fake.paths.values()))))

    asked.job = lambda question: None
    node = ask(Question.here([asked.out]), asked.out, SlurmOptions(), asked.said.append, sleep)
    assert (looks, node.cpu) == (2, cpu_name())
