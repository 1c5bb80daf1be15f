"""Replays a recorded schedule of threads on one thread, with the same numbers.

Workers and numerics are those of the run; the schedule orders their accesses. Each access of shared weights waits until
they have the recorded version; a write also waits until the version before has been read as often as recorded. Every
order that satisfies these waits gives the same numbers, so the executor continues any worker that can go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Never, TypeVar, cast

import torch

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.errors import METHOD_ERRORS, ScheduleMismatch, WorkerFailed, closing
from benchmarks.executors.numerics.accesses import Accesses
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
    """Replays recorded parts of a run on one thread.

    executor.follow(parts)                # the schedule
    executor.run(method.workers(team))    # replays the next part
    """

    now = None  # the replay's own seconds mean nothing

    def __init__(self, team: TorchTeam) -> None:
        self.team, self.accesses = team, Accesses(team)
        self._parts: deque[Part] = deque()
        self._alive: dict[Player, Replayed[None]] = {}

    @property
    def activities(self) -> list[Player]:
        """The activities of the workers that have not ended."""
        return list(self._alive)

    def follow(self, parts: Iterable[Part]) -> None:
        """Appends parts of a schedule, of which each `run` replays the next one."""
        self._parts.extend(parts)

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs all workers to completion: one epoch, or a part of it.

        Raises ScheduleMismatch, which names worker, effect and layer, if the schedule does not fit, and WorkerFailed.
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
            idle = 0  # workers in a row that could not continue
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
        """Continues a worker until it waits or has ended, and returns whether it waits."""
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
        exchanges, team = self._exchanges, self.team
        return {
            e.NextBatch: exchanges.next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: self._loss,
            e.Backward: self._backward,
            e.Update: self._update,
            e.Accumulate: _at_once(lambda effect: team.accumulate(effect.gradients, mean=effect.mean)),
            e.Compress: _at_once(lambda effect: team.compress(effect, self._traffic.sizes)),
            e.Lag: self._lag,
            e.Drop: _at_once(lambda effect: team.drop(effect.what)),
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
            e.Outer: _at_once(team.outer),
            e.Mix: self._mix,
        }

    # ---- accesses

    def _access(
        self, player: Player, layer: e.Layer | None, needs: Sequence[Need], function: Callable[[], T]
    ) -> Replayed[T]:
        """Waits until all of `needs` have their recorded versions, calls `function`, and returns its value.

        Raises ScheduleMismatch if the versions that `function` saw are not the recorded ones.
        """
        player.layer = layer.name if layer is not None else ""
        yield player.access(needs)
        return player.observe(function)

    def _needs(self, layer: TorchLayer, *, writes: bool, statistics: bool | None = None) -> list[Need]:
        """Returns what an access of a layer reads and writes.

        writes: whether it writes the weights.
        statistics: whether it writes BatchNorm's running statistics; None: it does not access them.
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
        if isinstance(gradient, Gradient) and not gradient.ready:  # else it has a device's event
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
        contribution = (self.team.weighed(effect, snapshot), effect.last)
        result = yield from self._exchanges.meet(
            player, effect, contribution, lambda brought: average(self.team, brought)
        )
        mean, last = cast(Average, result)
        correction = self.team.correction(effect, mean, snapshot, last)
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
        """Carries out accesses of weights and running statistics layer by layer, and returns their result."""
        results: list[T] = []

        def access() -> TorchLayer | None:
            """Accesses a layer, and returns the next one; None after the last."""
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

    def _mix(self, player: Player, effect: e.Mix) -> Replayed[None]:
        self._traffic.reach(player.worker, effect)
        self.team.begin_mix(effect)
        yield from self._each(player, self.team.mix_by_layer(effect), writes=True)


def _at_once(function: Callable[[Never], object]) -> Handler:
    """Returns a handler of an effect that neither waits nor accesses shared weights."""

    def carry_out(player: Player, effect: Never) -> Replayed[object]:
        yield from ()
        return function(effect)

    return carry_out


def _can_go_on(player: Player, wait: Wait) -> bool:
    """Returns whether the wait is over. Raises ScheduleMismatch if the awaited version is already past."""
    if (behind := wait.behind()) < 0:
        raise player.mismatch(f"it needs {wait.what()}, which is past")
    return not behind


def _deadlock(waiting: Iterable[Player]) -> ScheduleMismatch:
    """Returns the error for a replay in which no worker can continue; it says what each waits for.

    It begins with the worker whose awaited version is farthest ahead, where schedule and workers most likely differ.
    """
    order = sorted(waiting, key=lambda player: -player.wait.behind() if player.wait is not None else 0)
    needs = [f"{player.place}: it needs {player.wait.what()}" for player in order if player.wait is not None]
    return ScheduleMismatch(f"no worker can continue: {'; '.join(needs)}")


def build(team: Team, price: Price | None, threads: int) -> ReplayExecutor:
    """Makes the executor; called by the registry. price and threads are ignored: all workers share one thread."""
    return ReplayExecutor(checked(TorchTeam, team))
