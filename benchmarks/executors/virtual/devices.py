"""The parts of the simulation: its clock, its devices, and the workers that take turns on them."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from functools import partial

from benchmarks.executors.activity import Activity
from benchmarks.hardware.delays import Absence, seconds_away
from benchmarks.hardware.price import Price
from methods import effects as e

Action = Callable[[], None]
Event = tuple[float, Action]
"""A time, and the action that is scheduled for it."""


class Clock:
    """Simulated seconds and the actions scheduled; of two at the same time the one scheduled first runs first.

    Devices that are alike act at the same times, so the heap has every time once, and a list of actions for each.

    before: seconds of earlier clocks. `now` counts from 0; `total`, and deadlines, have them on top.
    """

    def __init__(self, before: float = 0.0) -> None:
        self.before, self.now = before, 0.0
        self._times: list[float] = []  # a heap
        self._actions: dict[float, list[Action]] = {}  # by time, in the order in which they were scheduled
        self._due: list[Action] = []  # at the present time, the next one last
        self._deadlines: list[tuple[float, int, Deadline]] = []  # a heap
        self._deadline_count = 0

    @property
    def total(self) -> float:
        """Seconds over all clocks."""
        return self.before + self.now

    def at_deadline(self, total: float, action: Action) -> Deadline:
        """Schedules an action after all others of this time; one that is cancelled does not move the clock."""
        self._deadline_count += 1
        deadline = Deadline(action)
        heapq.heappush(self._deadlines, (total, self._deadline_count, deadline))
        return deadline

    def after(self, seconds: float, action: Action) -> Event:
        time = self.now + seconds
        if (actions := self._actions.get(time)) is not None:
            actions.append(action)
        else:
            self._actions[time] = [action]
            heapq.heappush(self._times, time)
        return time, action

    def cancel(self, event: Event) -> None:
        """Cancels a scheduled action. Raises ValueError where it has run."""
        time, action = event
        if time == self.now and action in self._due:
            self._due.remove(action)
            return
        actions = self._actions.get(time, [])
        actions.remove(action)
        if not actions:
            del self._actions[time]
            self._times.remove(time)
            heapq.heapify(self._times)

    def advance(self, ready: Sized) -> bool:
        """Runs scheduled actions until a worker is `ready` -> False where no action is left."""
        due = self._due
        while not ready:
            if not due:
                if self._deadlines and self._passes_deadline():
                    continue
                if not self._times:
                    return False
                self.now = heapq.heappop(self._times)
                due = self._due = self._actions.pop(self.now)
                due.reverse()
            due.pop()()
        return True

    def _passes_deadline(self) -> bool:
        """Runs the next deadline's action if all else that is scheduled is later -> whether there was one."""
        total, _, deadline = self._deadlines[0]
        if not deadline.cancelled and self._times and self.before + self._times[0] <= total:
            return False
        heapq.heappop(self._deadlines)
        if not deadline.cancelled:
            self.now = max(self.now, total - self.before)
            deadline.action()
        return True


@dataclass(eq=False, slots=True)
class Deadline:
    """An action that comes after all others of its time."""

    action: Action
    cancelled: bool = False


# ---- devices


class Job:
    """Work that takes a device's time.

    begin: called when the device grants it time, and computes a result. end: gets that result when the time is over.
    whole: waits until the device is idle, and lets nothing start beside it.
    """

    __slots__ = ("device", "over", "result", "seconds")
    whole = False

    def __init__(self, device: Device, seconds: float = 0.0) -> None:
        self.device, self.seconds = device, seconds
        self.over: Action = partial(device.release, self)
        self.result: object

    def begin(self) -> object: ...

    def end(self, result: object) -> None: ...


class CallJob(Job):
    """Work without a result. then: called at its end, with the time at which it began."""

    __slots__ = ("then", "whole")

    def __init__(self, device: Device, seconds: float, then: Callable[[float], object], *, whole: bool = False) -> None:
        super().__init__(device, seconds)
        self.then, self.whole = then, whole

    def begin(self) -> float:
        return self.device.clock.now

    def end(self, result: object) -> None:
        self.then(result)  # type: ignore[arg-type]  # what begin gave


class Device:
    """A simulated device: first come, first served, on as many lanes as the hardware card says.

    absent: when it is away, and begins nothing; what is under way then goes on to its end. busy_seconds: with any job
    under way; lost_seconds: of these, with jobs that took it whole, such as stragglers' delays.
    """

    def __init__(self, clock: Clock, price: Price, absent: Sequence[Absence] = ()) -> None:
        self.clock, self.price, self.lanes, self.absent = clock, price, price.lanes, absent
        self.busy_lanes = 0
        self.queue: deque[Job] = deque()
        self.busy_seconds = self.lost_seconds = 0.0
        self._busy_since = 0.0

    def ask(self, job: Job) -> None:
        if self.absent:
            self.queue.append(job)
            self._serve()
        elif self.queue or self.busy_lanes + (self.lanes if job.whole else 1) > self.lanes:
            self.queue.append(job)
        else:
            self._grant(job)

    def _grant(self, job: Job) -> None:
        lanes = self.lanes if job.whole else 1
        if not self.busy_lanes:
            self._busy_since = self.clock.now
        self.busy_lanes += lanes
        seconds = job.seconds
        if lanes < self.lanes:  # else it is alone, and a device does at least one effect at full speed
            seconds *= max(1.0, self.busy_lanes / self.price.lane_capacity)
        job.result = job.begin()
        self.clock.after(seconds, job.over)

    def release(self, job: Job) -> None:
        """Ends a job: its worker goes on, then the next jobs are granted."""
        self.busy_lanes -= self.lanes if job.whole else 1
        if not self.busy_lanes:
            seconds = self.clock.now - self._busy_since
            self.busy_seconds += seconds
            if job.whole:
                self.lost_seconds += seconds
        job.end(job.result)
        self._serve()

    def _serve(self) -> None:
        queue = self.queue
        while queue and self.busy_lanes + (self.lanes if queue[0].whole else 1) <= self.lanes:
            if self.absent and (away := seconds_away(self.absent, self.absent[0].device, self.clock.total)):
                self.clock.after(away, self._serve)
                return
            self._grant(queue.popleft())


# ---- workers


class Blocked:
    """The type of BLOCKED, which a handler returns where its worker has to wait."""


BLOCKED = Blocked()


@dataclass(eq=False, slots=True)
class Process(Activity):
    """A worker under way. job: reused for its timed effects, of which it has one at a time; None before the first."""

    send: Callable[[object], e.Effect] = field(init=False)
    job: Job | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.send = self.worker.program.send

    @property
    def waits_for(self) -> str:
        """Returns in words what it waits for from other workers; "" where its device is at work."""
        match self.effect:
            case e.Put():
                return f"room in {self.effect.channel.name}"
            case e.Get():
                return self.effect.channel.name
            case e.Await():
                return f"{self.effect.counter.name} to reach {self.effect.at_least}"
            case e.AllReduce() | e.Average():
                return f"the other members of {self.effect.group.name}"
        return ""


Ready = deque[tuple[Process, object]]
"""The workers that go on next, in this order, each with the value of its last effect."""
