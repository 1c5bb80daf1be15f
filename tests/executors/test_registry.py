"""Executors are registered by name, are chosen by their properties, and refuse methods that cannot run on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

import methods
from benchmarks.errors import UserError
from benchmarks.executors import registry
from benchmarks.executors.registry import ExecutorKind
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from methods import Method, Team, Worker


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> ExecutorKind:
    """Registers an executor with one process per device, for the duration of the test."""
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    kind = replace(registry.executor("threads"), name="apart", one_process=False)
    registry.register(kind)
    return kind


def test_the_properties_of_our_own() -> None:
    virtual, threads = map(registry.executor, ("virtual", "threads"))
    assert registry.names() == ("virtual", "threads", "distributed")
    assert registry.in_one_process() == ("virtual", "threads")
    assert (virtual.simulated, virtual.repeatable, virtual.needs_card) == (True, True, True)
    assert (threads.simulated, threads.repeatable, threads.needs_card) == (False, False, False)


def test_what_shares_memory_between_devices_needs_one_process(apart: ExecutorKind) -> None:
    for name, runs in (("bp", True), ("ddp", True), ("pdasgd", True), ("async_lu", False), ("adpsgd", False)):
        algorithm = methods.create(name)
        assert (not algorithm.refuses(apart)) == runs
        assert all(not algorithm.refuses(registry.executor(name)) for name in ("virtual", "threads"))


def test_the_plan_refuses_a_method_that_does_not_run_there(apart: ExecutorKind) -> None:
    """The error names the executors that work, in one sentence."""
    with pytest.raises(
        UserError, match=r"^async_lu cannot run on --executor apart: .* choose --executor virtual or thr"
    ):
        resolve(table("table3"), Choices(seeds=(0,), executor="apart"))
    assert resolve(table("table3"), Choices(seeds=(0,), executor="apart", methods=("lapsgd", "bp"))).runs


class OnSimulatedTimeOnly(Method):
    """A method that supports executors by a rule of its own."""

    name = "on_simulated_time_only"

    def refuses(self, executor: methods.ExecutorProperties) -> str:
        return "" if executor.simulated else "it waits for simulated seconds"

    def workers(self, team: Team) -> Iterable[Worker]:
        return ()


def test_a_method_may_refuse_for_reasons_of_its_own() -> None:
    registry.executor("virtual").check(OnSimulatedTimeOnly())
    with pytest.raises(UserError, match=r"it waits for simulated seconds; choose --executor virtual\.$"):
        registry.executor("threads").check(OnSimulatedTimeOnly())
