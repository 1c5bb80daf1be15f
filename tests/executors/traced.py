"""Helpers for tests: small runs on the threads executor with a fake device."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from torch import Tensor

from benchmarks.executors.accounting import Step
from benchmarks.executors.numerics import team as numerics
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.threads.executor import ThreadsExecutor
from benchmarks.executors.threads.monitor import Wait
from benchmarks.runner.training import Training
from methods import Effect, Worker
from tests.conformance.small import Small, bounded
from tests.executors.happens_before import FakeDevice, Launches, traced


class TracedThreads(ThreadsExecutor):
    """A threads executor that reports every operation to the device, and counts effects and unordered ones."""

    def __init__(self, team: TorchTeam, device: FakeDevice) -> None:
        super().__init__(team)
        self.device = device
        self.all: Counter[str] = Counter()
        self.unordered: Counter[str] = Counter()
        self.ahead = 0  # the most batches that a worker had left behind before the device had finished them

    def run(self, workers: Iterable[Worker]) -> None:
        self.device.begin()
        self._left: dict[Worker, list[tuple[int, int]]] = defaultdict(list)
        self._last: dict[Worker, tuple[int, int]] = {}  # a worker's last access: its stream and time
        super().run(workers)
        self.device.end()

    def _take_turns(self) -> None:
        with Launches(self.device):
            super()._take_turns()

    def _make_handlers(self) -> dict[type, Callable[[Worker, Any], Any]]:
        return {kind: self._told(kind.__name__, handler) for kind, handler in super()._make_handlers().items()}

    def _told(self, kind: str, handler: Callable[[Worker, Any], Any]) -> Callable[[Worker, Any], Any]:
        def reported(worker: Worker, effect: Effect) -> Any:
            layer = getattr(effect, "layer", None)
            doing = f"{kind} {layer.name if layer is not None else ''} by {worker.name} #{sum(self.all.values())}"
            last = self._last.get(worker, (0, 0))

            def noted(give: Callable[[], Any]) -> Any:
                self.device.doing(doing)
                before = self.device.last()  # of this thread, which may have been another worker's
                value = give()
                if (latest := self.device.last()) != before:
                    self._last[worker] = latest
                if not isinstance(value, Wait):
                    self._note(kind, doing, worker, last, value)
                return value

            result = noted(lambda: handler(worker, effect))
            if isinstance(result, Wait):
                return replace(result, use=lambda met: noted(lambda: result.use(met)))
            return result

        return reported

    def _note(self, kind: str, doing: str, worker: Worker, last: tuple[int, int], value: Any) -> None:
        self.all[kind] += 1
        self.unordered[kind] += any(text.startswith(doing + " ") for text in self.device.unordered)
        if isinstance(value, Step):
            left = self._left[worker]
            left.append(last)
            self.ahead = max(self.ahead, sum(not self.device.has_finished(dict([event])) for event in left))


class Traced(Small):
    """A small run on the threads executor with a fake device."""

    def __init__(self, method: str, options: Mapping[str, Any] | None = None) -> None:
        self.fake = FakeDevice()
        with patch.object(numerics, "streams_of", lambda device: self.fake), Launches(self.fake):
            super().__init__(
                method, options, executor="threads", settings={"epochs": 2, "batch": 11}
            )  # five in an epoch
        self.traced = TracedThreads(self.team, self.fake)
        self.executor = self.traced

    def epoch(self, epoch: int) -> dict[str, float]:
        metrics: dict[str, float] = bounded(traced(self.fake, lambda: Training.epoch(self, epoch)))
        return metrics

    def through(self) -> Traced:
        """Trains both epochs, with the team saved and loaded in between as by a resume."""
        self.train(1)
        traced(self.fake, lambda: self.team.load_state_dict(self.team.state_dict()))()
        self.train(1, first=1)
        return self

    @property
    def wrong(self) -> str:
        """Returns the counts of unordered effects by kind, and memory that was freed too early."""
        t = self.traced
        counts = [f"{kind} {n}/{t.all[kind]}" for kind, n in t.unordered.items() if n]
        return "; ".join([*counts, *self.fake.unordered[:2], *self.fake.not_kept[:2]])

    def weights(self) -> Iterator[Tensor]:
        return (p for replica in self.team.replicas for layer in replica.layers for p in layer.params)

    def momentum(self) -> Iterator[Tensor]:
        for replica in self.team.replicas:
            for layer in replica.layers:
                for optimizer in layer.optimizers.values():
                    for state in optimizer.state.values():
                        yield from (value for value in state.values() if isinstance(value, Tensor))
