"""The virtual clock: a discrete-event simulation of N devices, in one thread, with the true numerics.

Start at `resume_worker`, which carries out one worker's effects, and at the handlers below it, one for each effect.

A handler reads when its effect starts, that is when the device grants it time, and writes when it ends. A device serves
first come, first served. (BatchNorm's running statistics are written with the forward computation, at its start.)
Ties: a Put that wakes a getter lets the getter go first; a worker whose effect has ended goes on before its device
turns to the next one; otherwise first scheduled, first served. Nothing depends on the wall clock: runs repeat bit for
bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Never, TypeVar, cast

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import METHOD_ERRORS, Stalled, WorkerFailed, closing
from benchmarks.executors.team import Team, checked, untimed_handlers
from benchmarks.executors.traffic import Reach, Traffic
from benchmarks.executors.virtual.channels import Channels
from benchmarks.executors.virtual.devices import BLOCKED, Blocked, CallJob, Clock, Device, Job, Process, Ready
from benchmarks.executors.virtual.spans import Span, delay_of, span_of
from benchmarks.hardware.delays import Delay, seconds_away
from benchmarks.hardware.price import Price
from methods import effects as e

T = TypeVar("T")
Handler = Callable[[Process, Never], object]
"""Carries out an effect of one kind for a worker -> its value, or BLOCKED where the worker has to wait."""
StepEffect = e.Snapshot | e.Forward | e.Loss | e.Backward
"""The effects that a straggler's delay may precede."""
Collective = e.AllReduce | e.Average


@dataclass(slots=True)
class Member:
    """A worker that has arrived at a collective, and the gradient or weights that it brought."""

    process: Process
    effect: Collective
    brought: object


class VirtualExecutor:
    """Runs a method's workers on simulated devices, in simulated seconds.

    listen: is called with every effect on layers, when it ends. outliving: whether workers may outlive epochs.

        executor = VirtualExecutor(team, Price.uniform(layers=4, forward=1.0, backward=2.0))
        executor.run(method.workers(team))
        executor.now  # simulated seconds
    """

    outliving = True

    def __init__(self, team: Team, price: Price, listen: Callable[[Span], None] | None = None) -> None:
        self.team, self.price, self.listen, self.clock = team, price, listen, Clock()
        self._alive: dict[Process, None] = {}
        self.devices: dict[int, Device] = {}  # of the last call of `run`, those that were asked for time
        self.effect_count = 0  # effects of that call, by the workers that have ended
        self.blamed: Process  # the worker that an error from now on is of

    @property
    def activities(self) -> list[Activity]:
        """The activities of the workers that have not ended."""
        return list(self._alive)

    @property
    def now(self) -> float:
        """The simulated time in seconds, over all epochs; the clock of each call of `run` starts at 0."""
        return self.clock.total

    def resume(self, now: float | None) -> None:
        """Sets the simulated time."""
        self.clock = Clock(now or 0.0)

    def run(self, workers: Iterable[e.Worker]) -> None:
        """Runs all workers to completion: one epoch, or a part of it.

        Raises WorkerFailed or Stalled, both naming workers.
        """
        workers = list(workers)
        self._alive = dict.fromkeys(map(Process, workers))
        self.devices, self.effect_count, self._ended = {}, 0, dict[str, float]()
        kept = self.outliving and "executor" in self.team.state
        leads = executor_state(self.team).get("leads", {}) if kept else {}  # before the last run's end, by worker
        lead = max(leads.values(), default=0.0)
        self.clock = Clock(self.now - lead)  # ties must not hang on how earlier seconds were rounded
        self._ready: Ready = deque()
        for process in self._alive:
            self._begin(process, lead - leads.get(process.worker.name, 0.0))
        self._traffic = Traffic(self.team, self.price.sizes, workers)
        self._update_seconds, self._snapshot_seconds = cache(self.price.update), cache(self.price.snapshot)
        self._arrived: dict[e.Group, list[Member]] = {}
        self._handlers = self._make_handlers()
        with closing(workers):
            try:
                while self.clock.advance(self._ready):
                    process, value = self._ready.popleft()
                    self.resume_worker(process, value.now if isinstance(value, e.Counter) else value)
            except METHOD_ERRORS as error:
                raise WorkerFailed(self.blamed.worker.name, error) from error
            if self._alive:
                raise Stalled((p.worker, p.waits_for) for p in self._alive)
        if self._ended and self.outliving:
            leads = {name: self.clock.now - ended for name, ended in self._ended.items()}
            executor_state(self.team)["leads"] = leads

    def _begin(self, process: Process, seconds: float) -> None:
        if seconds:
            self.clock.after(seconds, lambda: self._ready.append((process, None)))
        else:
            self._ready.append((process, None))

    def resume_worker(self, process: Process, value: object) -> None:
        """Carries out a worker's effects until it has to wait. value: of its last effect."""
        send, handlers = process.send, self._handlers
        while value is not BLOCKED:
            self.blamed = process
            try:
                effect = send(value)
            except StopIteration:
                self._end(process)
                return
            process.effect = effect
            process.effect_count += 1
            handler = handlers.get(type(effect)) or self._unknown(effect)
            value = handler(process, effect)  # type: ignore[arg-type]  # the handler of its kind

    def _end(self, process: Process) -> None:
        self._alive.pop(process)
        if process.worker.outlives_epochs:
            self._ended[process.worker.name] = self.clock.now
        self.effect_count += process.effect_count
        if process.job is not None:  # in a circle it would hold the worker's last step until garbage is collected
            del process.job.over
            process.job = None

    def _unknown(self, effect: object) -> Handler:
        names = ", ".join(kind.__name__ for kind in self._handlers)
        raise TypeError(f"it yielded {effect!r}, which is no effect; effects are {names}")

    def _make_handlers(self) -> dict[type[e.Effect], Handler]:
        channels = Channels(self.clock, self.price, self._traffic, self._ready, self.resume_worker)
        handlers: dict[type[e.Effect], Handler] = {
            **untimed_handlers(self.team),
            e.NextBatch: self._next_batch,
            e.Snapshot: self._snapshot,
            e.Forward: self._forward,
            e.Loss: self._loss,
            e.Backward: self._backward,
            e.Update: self._update,
            e.Accumulate: self._accumulate,
            e.Compress: self._compress,
            e.Put: channels.put,
            e.Get: channels.get,
            e.Now: lambda process, effect: self.now,
            e.Close: channels.close,
            e.Count: channels.count,
            e.Await: channels.wait,
            e.AllReduce: self._all_reduce,
            e.Average: self._average,
            e.Anchor: self._anchor,
            e.Delta: self._delta,
            e.Outer: self._outer,
            e.Mix: self._mix,
        }
        if self.price.delays:
            handlers |= self._delayed(handlers)
        if self.price.absent:
            handlers = {kind: self._when_back(handler) for kind, handler in handlers.items()}
        return handlers

    # ---- a batch

    def _next_batch(self, process: Process, effect: e.NextBatch) -> object:
        """Takes the ticket at once; loading the batch may take device time."""
        step = self.team.next_batch(effect.replica, effect.shared, process.worker.device)
        seconds = self.price.next_batch()
        return self._occupy(process, seconds, lambda: step) if seconds and step is not None else step

    def _snapshot(self, process: Process, effect: e.Snapshot) -> object:
        seconds = self._snapshot_seconds(effect.layer.index)
        if not self._traffic.lives_with(process.worker, effect.layer):  # asked first: most do, and there are many
            reach = self._traffic.reach(process.worker, effect)
            seconds += sum(self.price.link(*way).seconds(reach.size) for way in reach.ways)
        return self._occupy(process, seconds, lambda: self.team.snapshot(effect.layer, effect.step, self.clock.now))

    def _forward(self, process: Process, effect: e.Forward) -> object:
        seconds = self.price.forward[effect.layer.index] * self.price.factor(process.worker.device)
        return self._occupy(process, seconds, lambda: self.team.forward(effect.layer, effect.step, self.clock.now))

    def _loss(self, process: Process, effect: e.Loss) -> object:
        seconds = self.price.loss()
        if not seconds:
            self.team.loss(effect.step)
            return None
        return self._occupy(process, seconds, lambda: self.team.loss(effect.step))

    def _backward(self, process: Process, effect: e.Backward) -> object:
        layer, step, weights, inputs = effect.layer, effect.step, effect.weights, effect.inputs
        seconds = self.price.backward(layer.index, weights=weights, inputs=inputs)
        seconds *= self.price.factor(process.worker.device)
        return self._occupy(
            process, seconds, lambda: self.team.backward(layer, step, weights=weights, inputs=inputs), self._note_ready
        )

    def _note_ready(self, gradient: Gradient | None) -> Gradient | None:
        if gradient is not None:
            gradient.ready = self.clock.now
        return gradient

    # ---- gradients

    def _update(self, process: Process, effect: e.Update) -> object:
        name = process.worker.name
        return self._occupy(
            process,
            self._seconds_at(self._traffic.reach(process.worker, effect)),
            _read_nothing,
            lambda _: self.team.update(effect.gradients, name, self.clock.now, effect.replica, effect.scale),
        )

    def _seconds_at(self, reach: Reach) -> float:
        """Seconds in which a worker goes through these layers' weights once, wherever they are."""
        links = [self.price.link(*way) for way in dict.fromkeys(reach.ways)]
        return self._update_seconds(tuple([layer.index for layer in reach.layers]), reach.size, *links)

    def _accumulate(self, process: Process, effect: e.Accumulate) -> object:
        seconds = self.price.accumulate([gradient.layer.index for gradient in effect.gradients])
        return self._occupy(process, seconds, lambda: self.team.accumulate(effect.gradients, mean=effect.mean))

    def _compress(self, process: Process, effect: e.Compress) -> object:
        seconds = self._update_seconds((effect.gradient.layer.index,))
        return self._occupy(process, seconds, lambda: self.team.compress(effect, self._traffic.sizes))

    # ---- weights as messages: memory traffic, charged like an update of these layers

    def _anchor(self, process: Process, effect: e.Anchor) -> object:
        seconds = self._seconds_at(self._traffic.reach(process.worker, effect))
        return self._occupy(process, seconds, lambda: self.team.anchor(effect.replica, effect.layers))

    def _delta(self, process: Process, effect: e.Delta) -> object:
        seconds = self._seconds_at(self._traffic.reach(process.worker, effect))
        return self._occupy(process, seconds, lambda: self.team.delta(effect.anchor, effect.replica, self.clock.now))

    def _outer(self, process: Process, effect: e.Outer) -> object:
        seconds = self._update_seconds(tuple([layer.index for layer in effect.anchor.layers]))
        return self._occupy(process, seconds, lambda: self.team.outer(effect))

    def _mix(self, process: Process, effect: e.Mix) -> object:
        seconds = self._seconds_at(self._traffic.reach(process.worker, effect))
        return self._occupy(process, seconds, _read_nothing, lambda _: self.team.mix(effect))

    # ---- collectives

    def _all_reduce(self, process: Process, effect: e.AllReduce) -> Blocked:
        return self._meet(Member(process, effect, checked(Gradient, effect.gradient)))

    def _average(self, process: Process, effect: e.Average) -> Blocked:
        return self._meet(Member(process, effect, self.team.flat(effect.replica, state=effect.state)))

    def _meet(self, member: Member) -> Blocked:
        """Adds a member; once all have arrived and the seconds have passed, every member gets its result.

        The mean's computation takes the last member's device; then the messages take seconds, and no device.
        """
        group = member.effect.group
        arrived = self._arrived.setdefault(group, [])
        arrived.append(member)
        if len(arrived) == group.members:
            del self._arrived[group]
            members = sorted(arrived, key=lambda each: each.effect.replica.index)
            self._traffic.meet([(each.process.worker.device, each.effect) for each in members])
            done = partial(self._end_collective, members, member.process, self.clock.now)
            computing, sending = self._collective_seconds(member.effect, members)
            if computing:
                device = self.device(member.process.worker.device)
                device.ask(CallJob(device, computing, lambda started: self.clock.after(sending, done)))
            else:
                self.clock.after(sending, done)
        return BLOCKED

    def _collective_seconds(self, effect: Collective, members: Sequence[Member]) -> tuple[float, float]:
        """Returns the seconds of computing the mean, and those of sending it."""
        devices = [member.process.worker.device for member in members]
        if isinstance(effect, e.Average):
            layers = [layer.index for layer in effect.replica.layers]
            copies = 1 + self.team.state_copies * effect.state
            computing = copies * self.price.reduction(layers, len(members), weights=True)
            return computing, self.price.all_reduce(layers * copies, devices)
        layers = [effect.gradient.layer.index]
        computing = self.price.reduction(layers, len(members), weights=False)
        sent_bytes = [checked(Gradient, member.brought).sent_bytes for member in members]
        if compressed := [size for size in sent_bytes if size is not None]:
            return computing, self.price.all_gather(max(compressed), devices)
        return computing, self.price.all_reduce(layers, devices)

    def _end_collective(self, members: Sequence[Member], last: Process, started: float) -> None:
        """Ends a collective: each member gets its result, in the order of the replicas."""
        self.blamed = last
        results = self._results(members)
        for member, result in zip(members, results, strict=True):
            self.report_span(member.process, member.effect, started)
            self._ready.append((member.process, result))

    def _results(self, members: Sequence[Member]) -> Sequence[object]:
        averages = [(member.effect, member.brought) for member in members if isinstance(member.effect, e.Average)]
        if not averages:
            return self.team.all_reduce([checked(Gradient, member.brought) for member in members])
        mean = self.team.mean_flat([self.team.weighed(*average) for average in averages])
        last = all(effect.last for effect, _ in averages)
        return [self.team.finish_average(effect, mean, snapshot, last) for effect, snapshot in averages]

    # ---- device time

    def _occupy(
        self, process: Process, seconds: float, begin: Callable[[], T], end: Callable[[T], object] | None = None
    ) -> object:
        """Carries out an effect that takes device time -> its value, or BLOCKED.

        `begin` reads and computes when the time starts, `end` writes when it is over.
        """
        if seconds > 0:
            job = process.job
            if job is None:
                job = process.job = EffectJob(self, process)
            assert isinstance(job, EffectJob)
            job.seconds, job.read, job.write = seconds, begin, end
            job.device.ask(job)
            return BLOCKED
        value = begin()  # what takes no time needs no device
        result = value if end is None else end(value)
        if self.listen is not None and process.effect is not None:
            self.report_span(process, process.effect, self.clock.now)
        return result

    def device(self, number: int) -> Device:
        """Returns the simulated device of this number."""
        if number not in self.devices:
            absent = [absence for absence in self.price.absent if absence.device == number]
            self.devices[number] = Device(self.clock, self.price, absent)
        return self.devices[number]

    def report_span(self, process: Process, effect: e.Effect, started: float) -> None:
        """Calls `listen`, if there is one, with the span of an effect that has ended."""
        if self.listen is not None:
            self.listen(span_of(process.worker, effect, started, self.clock.now, self._traffic.homes))

    # ---- delays and absences

    def _delayed(self, handlers: dict[type[e.Effect], Handler]) -> dict[type[e.Effect], Handler]:
        """Returns the handlers of a step's effects, each preceded by a straggler's delay where there is one.

        A delay precedes the first computation (snapshot, forward or backward) of a step on that device, before anything
        is read, and takes the whole device, so that all its workers wait. So every device pays one delay per batch that
        it works on, whichever method: DDP, LAP-SGD and PD-ASGD one per batch of the device's own, Async LU one on the
        forward device and one on the backward worker's. The n-th step begun on a device, over all epochs, gets the n-th
        delay; the counts are kept in team.state.
        """
        delays: dict[int, list[Delay]] = {}
        for delay in self.price.delays:
            delays.setdefault(delay.device, []).append(delay)
        prices = {device: replace(self.price, delays=of_device) for device, of_device in delays.items()}
        begun: set[tuple[int, int]] = set()  # (device, ticket)

        def seconds_before(device: int, ticket: int) -> float:
            if device not in prices or (device, ticket) in begun:
                return 0.0
            begun.add((device, ticket))
            counts = steps_begun(self.team)
            counts[str(device)] = counts.get(str(device), 0) + 1
            return prices[device].delay(device, counts[str(device)] - 1)

        def delayed(handler: Handler) -> Handler:
            def carry_out(process: Process, effect: StepEffect) -> object:
                def resume(started: float) -> None:
                    self._resume_after_delay(process, effect, started, handler)

                if seconds := seconds_before(process.worker.device, effect.step.index):
                    device = self.device(process.worker.device)
                    device.ask(CallJob(device, seconds, resume, whole=True))
                    return BLOCKED
                return handler(process, effect)  # type: ignore[arg-type]  # it is of its kind

            return carry_out

        return {kind: delayed(handlers[kind]) for kind in (e.Snapshot, e.Forward, e.Loss, e.Backward)}

    def _when_back(self, handler: Handler) -> Handler:
        """Returns the handler, preceded by a wait for the worker's device where that is absent."""

        def carry_out(process: Process, effect: e.Effect) -> object:
            started = self.clock.now
            if not (away := seconds_away(self.price.absent, process.worker.device, self.clock.total)):
                return handler(process, effect)  # type: ignore[arg-type]  # it is of its kind
            self.clock.after(away, lambda: self._resume_after_delay(process, effect, started, carry_out))
            return BLOCKED

        return carry_out

    def _resume_after_delay(self, process: Process, effect: e.Effect, started: float, handler: Handler) -> None:
        if self.listen is not None:
            self.listen(delay_of(process.worker, effect, started, self.clock.now))
        self.blamed = process
        self.resume_worker(process, handler(process, effect))  # type: ignore[arg-type]  # it is of its kind


class EffectJob(Job):
    """A worker's timed effect. `read` reads and computes when the device grants it time, `write` writes at the end.

    `write` gives the effect's value. One job is reused for all effects of a worker, which has one at a time.
    """

    __slots__ = ("executor", "process", "read", "started", "write")

    def __init__(self, executor: VirtualExecutor, process: Process) -> None:
        super().__init__(executor.device(process.worker.device))
        self.executor, self.process = executor, process
        self.read: Callable[[], object]
        self.write: Callable[[Never], object] | None

    def begin(self) -> object:
        executor = self.executor
        executor.blamed = self.process
        self.started = executor.clock.now
        return self.read()

    def end(self, result: object) -> None:
        executor, process = self.executor, self.process
        if self.write is not None:
            executor.blamed = process
            result = self.write(result)  # type: ignore[arg-type]  # what `read` gave
        if executor.listen is not None and process.effect is not None:
            executor.report_span(process, process.effect, self.started)
        executor.resume_worker(process, result)


def _read_nothing() -> None:
    """Stands for the reads of an effect that only writes."""


def executor_state(team: Team) -> dict[str, dict[str, float]]:
    """Returns what the executor keeps in the team's state, over epochs and in checkpoints; the live dictionary."""
    return cast(dict[str, dict[str, float]], team.state.setdefault("executor", {}))


def steps_begun(team: Team) -> dict[str, int]:
    """Returns how many steps each device has begun over all epochs, for delayed devices; the live dictionary."""
    return cast(dict[str, int], executor_state(team).setdefault("steps begun", {}))


def build(team: Team, price: Price | None, threads: int) -> VirtualExecutor:
    """Makes the executor: the function that the registry calls. All workers share one thread."""
    assert price is not None, "it needs a card"
    return VirtualExecutor(team, price)
