"""Replays a recorded schedule of threads on one thread, to the same numbers.

Workers and numerics are the run's own; the schedule says in which order the workers go on. Each access of shared
weights waits until they have the recorded version, and a write also until the recorded number of reads of the version
before. So any order that respects these waits gives the same numbers, and whichever worker can go on does.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Never, TypeVar, cast

import torch

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.errors import METHOD_ERRORS, ScheduleMismatch, WorkerFailed, closing
from benchmarks.executors.numerics.accesses import Accesses, note_into
from benchmarks.executors.numerics.layer import TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.numerics.weights import ByLayer
from benchmarks.executors.replay.exchanges import Exchanges
from benchmarks.executors.replay.player import Need, Player, Replayed, Wait
from benchmarks.executors.team import Team, checked, target
from benchmarks.executors.threads.collectives import Average, average
from benchmarks.executors.traffic import Traffic
from benchmarks.hardware.price import Price
from methods import effects as e
from results.records.schedule import Part

T = TypeVar("T")
Handler = Callable[[Player, Never], Replayed[object]]


class ReplayExecutor:
    """Replays recorded parts of a run on one thread. follow: appends parts, of which each `run` replays the next."""

    now = None  # its seconds are nobody's

    def __init__(self, team: TorchTeam) -> None:
        self.team, self.accesses = team, Accesses(team)
        self._parts: deque[Part] = deque()
        self._alive: dict[Player, Replayed[None]] = {}

    @property
    def activities(self) -> list[Player]:
        """The activities of the workers that have not ended."""
        return list(self._alive)

    def follow(self, parts: Iterable[Part]) -> None:
        self._parts.extend(parts)

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs all workers to completion: one epoch.

        Raises ScheduleMismatch where the schedule does not fit, naming worker, effect and layer; WorkerFailed.
        """
        workers = list(workers)
        self.accesses.clear()
        self._traffic = Traffic(self.team, self.team.sizes, workers)
        self._exchanges = Exchanges(self.team, self._traffic)
        self._handlers = self._make_handlers()
        with closing(workers), torch.autograd.set_multithreading_enabled(False):
            players = self._players(workers)
            self._alive = {player: self._drive(player) for player in players}
            waiting = deque(players)
            idle = 0  # who could not go on, in a row
            while waiting:
                if idle == len(waiting):
                    raise _deadlock(waiting)
                player = waiting.popleft()
                idle += 1
                if player.wait is None or _can_go_on(player, player.wait):
                    idle = 0
                    if not self._advance(player):
                        continue
                waiting.append(player)

    def _players(self, workers: Sequence[e.Worker]) -> list[Player]:
        epoch = self.team.epoch + 1
        if workers and not self._parts:
            raise ScheduleMismatch(f"epoch {epoch} is not in the schedule")
        part = self._parts.popleft() if workers else {}
        names = {worker.name for worker in workers}
        for name in [*(names - part.keys()), *(part.keys() - names)]:
            source = "the schedule" if name in names else "the method"
            raise ScheduleMismatch(f"epoch {epoch}, {name}: {source} has no such worker")
        return [Player(worker, schedule=part[worker.name], epoch=epoch) for worker in workers]

    def _advance(self, player: Player) -> bool:
        """Carries a worker on until it waits or has ended -> whether it waits."""
        try:
            while True:
                player.wait = next(self._alive[player])
                if not _can_go_on(player, player.wait):
                    return True
        except StopIteration:
            del self._alive[player]
            return False
        except (ScheduleMismatch, WorkerFailed):
            raise
        except METHOD_ERRORS as error:
            raise WorkerFailed(player.worker.name, error) from error

    def _drive(self, player: Player) -> Replayed[None]:
        value: object = None
        while True:
            try:
                effect = player.worker.program.send(value)
            except StopIteration:
                player.end()
                return
            player.begin(effect)
            value = yield from self._handlers[type(effect)](player, effect)  # type: ignore[arg-type]

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        exchanges = self._exchanges
        return {
            e.NextBatch: exchanges.next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: self._loss,
            e.Backward: self._backward,
            e.Update: self._update,
            e.Accumulate: self._accumulate,
            e.Compress: self._compress,
            e.Lag: self._lag,
            e.Drop: self._drop,
            e.Put: exchanges.put,
            e.Get: exchanges.get,
            e.Now: exchanges.now,
            e.Close: exchanges.close,
            e.Count: exchanges.count,
            e.Await: exchanges.wait,
            e.AllReduce: self._all_reduce,
            e.Average: self._average,
            e.Correct: self._correct,
            e.Anchor: self._anchor,
            e.Delta: self._delta,
            e.Outer: self._outer,
            e.Mix: self._mix,
        }

    # ---- accesses

    def _access(
        self, player: Player, layer: e.Layer | None, needs: Sequence[Need], function: Callable[[], T]
    ) -> Replayed[T]:
        """Calls `function`, which accesses what `needs` names, once these have the recorded versions -> its value."""
        player.layer = layer.name if layer is not None else ""
        yield player.access(needs)
        notes: list[int] = []
        note_into(notes)
        value = function()
        player.take(notes)
        return value

    def _needs(self, layer: TorchLayer, *, writes: bool, statistics: bool | None = None) -> list[Need]:
        """Returns the accesses of a layer.

        statistics: True: BatchNorm's are written, False: read, None: not accessed.
        """
        needs: list[Need] = [("weights", self.accesses.weights[layer], writes)]
        if statistics is not None and layer in self.accesses.statistics:
            needs.append(("statistics", self.accesses.statistics[layer], statistics))
        return needs

    def _snapshot(self, player: Player, effect: e.Snapshot) -> Replayed[object]:
        self._traffic.reach(player.worker, effect)
        layer, step = effect.layer, effect.step
        needs = self._needs(checked(TorchLayer, layer), writes=False)
        return self._access(player, layer, needs, lambda: self.team.snapshot(layer, step, time.perf_counter()))

    def _forward(self, player: Player, effect: e.Forward) -> Replayed[object]:
        layer, step = effect.layer, effect.step
        needs = self._needs(checked(TorchLayer, layer), writes=False, statistics=True)
        if not self.team.reads(layer, step):
            needs = needs[1:]
        return self._access(player, layer, needs, lambda: self.team.forward(layer, step, time.perf_counter()))

    def _loss(self, player: Player, effect: e.Loss) -> Replayed[object]:
        needs: list[Need] = [("the tally of losses", self.accesses.tally, True)]
        return self._access(player, None, needs, lambda: self.team.loss(effect.step))

    def _backward(self, player: Player, effect: e.Backward) -> Replayed[object]:
        layer, step, weights = effect.layer, effect.step, effect.weights
        reads = self.team.reads(layer, step, copies=self.team.overwrite and weights)
        gradient = yield from self._access(
            player,
            layer,
            self._needs(checked(TorchLayer, layer), writes=False) if reads else [],
            lambda: self.team.backward(layer, step, weights=weights, inputs=effect.inputs),
        )
        if isinstance(gradient, Gradient) and not gradient.ready:  # else a device has said when it will be
            gradient.ready = time.perf_counter()
        return gradient

    def _update(self, player: Player, effect: e.Update) -> Replayed[None]:
        self._traffic.reach(player.worker, effect)
        gradients = [checked(Gradient, gradient) for gradient in effect.gradients]
        self.team.begin_update(gradients)
        for gradient in gradients:
            layer = checked(TorchLayer, target(gradient, effect.replica))
            apply = self._apply(player, effect, gradient)
            yield from self._access(player, layer, self._needs(layer, writes=True), apply)

    def _apply(self, player: Player, effect: e.Update, gradient: Gradient) -> Callable[[], None]:
        name, replica, scale = player.worker.name, effect.replica, effect.scale
        return lambda: self.team.apply_gradients([gradient], name, time.perf_counter(), replica, scale)

    def _lag(self, player: Player, effect: e.Lag) -> Replayed[object]:
        layer = checked(TorchLayer, target(checked(Gradient, effect.gradient), effect.replica))
        needs = self._needs(layer, writes=False)
        return self._access(player, layer, needs, lambda: self.team.lag(effect.gradient, effect.replica))

    def _accumulate(self, player: Player, effect: e.Accumulate) -> Replayed[Gradient]:
        yield from ()
        return self.team.accumulate(effect.gradients, mean=effect.mean)

    def _compress(self, player: Player, effect: e.Compress) -> Replayed[object]:
        yield from ()
        return self.team.compress(effect, self._traffic.sizes)

    def _drop(self, player: Player, effect: e.Drop) -> Replayed[None]:
        yield from ()
        self.team.drop(effect.what)

    # ---- collectives

    def _all_reduce(self, player: Player, effect: e.AllReduce) -> Replayed[object]:
        player.layer = effect.gradient.layer.name
        return self._exchanges.meet(
            player, effect, effect.gradient, lambda brought: self.team.all_reduce(cast(list[Gradient], brought))
        )

    def _average(self, player: Player, effect: e.Average) -> Replayed[object]:
        player.take([int(effect.last)])
        copies = self.team.flat_by_layer(effect.replica, state=effect.state)
        snapshot = yield from self._each(player, copies, writes=False)
        player.layer = ""
        mine = (self.team.weighed(effect, snapshot), effect.last)
        result = yield from self._exchanges.meet(player, effect, mine, lambda brought: average(self.team, brought))
        mean, last = cast(Average, result)
        mean = self.team.unweighed(effect, mean)
        correction = e.Correction(effect.replica, mean, snapshot, effect.state, last, effect.group.members)
        if effect.later:
            return correction
        yield from self._correct(player, e.Correct(correction))
        return last

    def _correct(self, player: Player, effect: e.Correct) -> Replayed[None]:
        correction = effect.correction
        self.team.accounts.count_average(correction)
        added = self.team.add_mean_by_layer(
            correction.replica, correction.mean, correction.snapshot, state=correction.state
        )
        yield from self._each(player, added, writes=True)

    # ---- weights as messages

    def _each(self, player: Player, accesses: ByLayer[T], *, writes: bool) -> Replayed[T]:
        """Carries out accesses of weights and running statistics, layer by layer, and returns what came of them."""
        results: list[T] = []

        def access() -> TorchLayer | None:
            """Accesses a layer, and returns the next; None after the last."""
            try:
                return next(accesses)
            except StopIteration as end:
                results.append(cast(T, end.value))
                return None

        layer = access()
        while layer is not None:
            needs = self._needs(layer, writes=writes, statistics=writes)
            layer = yield from self._access(player, layer, needs, access)
        return results[0]

    def _anchor(self, player: Player, effect: e.Anchor) -> Replayed[object]:
        self._traffic.reach(player.worker, effect)
        return self._each(player, self.team.anchor_by_layer(effect.replica, effect.layers), writes=False)

    def _delta(self, player: Player, effect: e.Delta) -> Replayed[object]:
        self._traffic.reach(player.worker, effect)
        reads = self.team.delta_by_layer(effect.anchor, effect.replica, time.perf_counter())
        return self._each(player, reads, writes=False)

    def _outer(self, player: Player, effect: e.Outer) -> Replayed[object]:
        yield from ()
        return self.team.outer(effect)

    def _mix(self, player: Player, effect: e.Mix) -> Replayed[None]:
        self._traffic.reach(player.worker, effect)
        self.team.begin_mix(effect)
        yield from self._each(player, self.team.mix_by_layer(effect), writes=True)


def _can_go_on(player: Player, wait: Wait) -> bool:
    """Returns whether what the worker waits for is there. Raises ScheduleMismatch where it is past."""
    if (behind := wait.behind()) < 0:
        raise player.mismatch(f"it needs {wait.what()}, which is past")
    return not behind


def _deadlock(waiting: Iterable[Player]) -> ScheduleMismatch:
    """Returns the error for a replay in which no worker can go on, naming what each waits for.

    First the one whose needed version is farthest off: that is where schedule and workers most likely differ.
    """
    order = sorted(waiting, key=lambda player: -player.wait.behind() if player.wait is not None else 0)
    needs = [f"{player.place}: it needs {player.wait.what()}" for player in order if player.wait is not None]
    return ScheduleMismatch(f"nobody can go on: {'; '.join(needs)}")


def build(team: Team, price: Price | None, threads: int) -> ReplayExecutor:
    """Makes the executor: the function that the registry calls. All workers share one thread."""
    return ReplayExecutor(checked(TorchTeam, team))
