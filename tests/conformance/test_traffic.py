"""Every method's workers use only tensors made on their own device, or sent to it over a channel that counts bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.accounting import Gradient, Step, Weights
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.traffic import Traffic, parts
from benchmarks.hardware.price import Price
from methods import effects as e
from tests.conformance.small import bounded
from tests.executors.crews import crew

SIZES = {"stem": 3, "block": 50, "pool": 20, "head": 7}
STEPS = 40  # more than any method's default period


class Places:
    """Tracks which devices each gradient, batch and copy of weights has been made on or sent to.

    used: descriptions of uses on any other device, which are the faults that the tests look for.
    """

    def __init__(self) -> None:
        self.places: dict[int, set[int]] = {}
        self.kept: list[object] = []  # so that no other thing gets the number of one of them
        self.elsewhere: list[str] = []

    def made(self, value: object, device: int) -> None:
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Gradient | Weights | Step):
                self.places[id(part)] = {device}
                self.kept.append(part)

    def came(self, item: object, device: int) -> None:
        for part in parts(item):
            self.places[id(part)].add(device)

    def watched(self, worker: e.Worker) -> e.Worker:
        return replace(worker, program=self._watching(worker))

    def _watching(self, worker: e.Worker) -> e.Program:
        value = None
        while True:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            for part in _used(effect):
                if worker.device not in self.places.get(id(part), set()):
                    kind, name = type(part).__name__, type(effect).__name__
                    self.elsewhere.append(f"{worker.name} uses a {kind} in {name} that nobody has sent it")
                self.made(part if isinstance(part, Step) else None, worker.device)  # it has changed there
            value = yield effect
            if not isinstance(effect, e.Get):
                self.made(value, worker.device)


def _used(effect: e.Effect) -> Iterator[Any]:
    """Yields everything whose tensors the effect reads; it leaves out what it only sends, inspects or drops."""
    if not isinstance(effect, e.Put | e.Lag | e.Drop):
        names: Iterable[str] = type(effect).__slots__
        for name in names:
            value = getattr(effect, name)
            several = value if isinstance(value, list | tuple) else [value]
            yield from (part for part in several if isinstance(part, Gradient | Weights | Step))


def used_elsewhere(method: methods.Method, executor: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs two epochs without tensors, and returns what workers used that was on other devices."""
    replicas = method.replicas
    team = SimulatedTeam.of(SIZES.items(), replicas=replicas, steps_per_epoch=STEPS * replicas)
    team.accounts.epochs, places = 2, Places()
    price = replace(Price.uniform(len(SIZES), 1.0, 2.0), parameter_bytes=[4.0 * size for size in SIZES.values()])
    deliver = Traffic.deliver

    def watch(self: Traffic, item: object, giver: e.Worker, getter: e.Worker) -> object:
        link, before = (giver.device, getter.device), dict(self.team.accounts.sent or {})
        value = deliver(self, item, giver, getter)
        if (self.team.accounts.sent or {}).get(link, 0.0) > before.get(link, 0.0):
            places.came(item, getter.device)
        return value

    monkeypatch.setattr(Traffic, "deliver", watch)
    carries_out = executors.executor(executor).build(team, price, 1)
    for epoch in range(2):
        team.begin_epoch(epoch)
        bounded(lambda: carries_out.run([places.watched(worker) for worker in method.workers(team)]))
    return places.elsewhere


def test_tensors_that_go_to_another_device_are_counted(
    method: str, executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not executors.executor(executor).one_process:
        pytest.skip("the team has no tensors, which ranks send")
    assert used_elsewhere(methods.create(method), executor, monkeypatch) == []


class Smuggler(methods.Method):
    """A method that passes gradients to another device in a shared object, or in a message."""

    devices = 2

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def workers(self, team: Any) -> Any:
        ready, shared = methods.Channel(None), []

        def compute() -> Any:
            while (step := (yield methods.NextBatch(team.replica))) is not None:
                yield from methods.forward(team.replica, step)
                gradients = yield from methods.backward(team.replica, step)
                shared.append(gradients)
                yield methods.Put(ready, {"gradients": gradients} if self.how == "in a message" else "ready")
            yield methods.Close(ready)

        def update() -> Any:
            while (yield methods.Get(ready)) is not None:
                yield methods.Update(*shared.pop(0))

        return crew(compute(), update())


@pytest.mark.parametrize("how", ["in a message", "by a list"])
def test_what_goes_uncounted_is_found(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uncounted = used_elsewhere(Smuggler(how), "virtual", monkeypatch)
    assert bool(uncounted) == (how == "by a list")
    assert all("uses a Gradient in Update" in words for words in uncounted)
