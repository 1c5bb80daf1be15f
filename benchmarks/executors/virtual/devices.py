"""The simulated clock, and the simulated devices that effects wait for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from functools import partial

from benchmarks.hardware.absences import Absence, seconds_away
from benchmarks.hardware.price import Price

Action = Callable[[], None]
Event = tuple[float, Action]
"""When, and what happens then."""


class Clock:
    """Simulated seconds and the actions scheduled; of two at the same time the one scheduled first runs first.

    Devices that are alike act at the same times, so the heap has every time once, and a list of actions for each.

    before: seconds of earlier clocks, which those of this one come on top of; deadlines are in seconds of all of them.
    """

    def __init__(self, before: float = 0.0) -> None:
        self.before, self.now = before, 0.0
        self._times: list[float] = []  # a heap
        self._actions: dict[float, list[Action]] = {}  # at these times, in their order
        self._due: list[Action] = []  # now, the next one last
        self._deadlines: list[tuple[float, int, Deadline]] = []  # a heap
        self._set = 0

    @property
    def total(self) -> float:
        """Seconds over all clocks."""
        return self.before + self.now

    def at_deadline(self, total: float, action: Action) -> Deadline:
        """Schedules an action after all others of this time; one that is cancelled does not move the clock."""
        self._set += 1
        deadline = Deadline(action)
        heapq.heappush(self._deadlines, (total, self._set, deadline))
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
        """Runs scheduled actions until somebody is `ready` -> False where none is left."""
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


class DeviceJob:
    """Work that takes a device's time. `granted` computes a result when it starts, `done` gets it at the end.

    whole: waits until the device is idle, and lets nothing start beside it.
    """

    __slots__ = ("device", "over", "result", "seconds")
    whole = False

    def __init__(self, seconds: float, device: Device) -> None:
        self.seconds, self.device = seconds, device
        self.over: Action = partial(device.release, self)
        self.result: object

    def granted(self) -> object: ...

    def done(self, result: object) -> None: ...


class Device:
    """A simulated device: first come, first served, on as many lanes as the hardware card says.

    absent: when it is away, and begins nothing; what is under way then goes on to its end. busy_seconds: with anything
    under way; lost_seconds: of these, with jobs that took it whole, such as stragglers' delays.
    """

    def __init__(self, clock: Clock, price: Price, absent: Sequence[Absence] = ()) -> None:
        self.clock, self.price, self.lanes, self.absent = clock, price, price.lanes, absent
        self.busy = 0  # lanes
        self.queue: deque[DeviceJob] = deque()
        self.busy_seconds = self.lost_seconds = 0.0
        self._since = 0.0  # when the first of those under way began

    def ask(self, job: DeviceJob) -> None:
        if self.absent:
            self.queue.append(job)
            self._serve()
        elif self.queue or self.busy + (self.lanes if job.whole else 1) > self.lanes:
            self.queue.append(job)
        else:
            self._grant(job)

    def _grant(self, job: DeviceJob) -> None:
        lanes = self.lanes if job.whole else 1
        if not self.busy:
            self._since = self.clock.now
        self.busy += lanes
        seconds = job.seconds
        if lanes < self.lanes:  # else it is alone, and a device does at least one effect at full speed
            seconds *= max(1.0, self.busy / self.price.lane_capacity)
        job.result = job.granted()
        self.clock.after(seconds, job.over)

    def release(self, job: DeviceJob) -> None:
        """Ends a job: its worker goes on, then the next jobs are granted."""
        self.busy -= self.lanes if job.whole else 1
        if not self.busy:  # the last one that was under way: of the time since the device was last idle
            seconds = self.clock.now - self._since
            self.busy_seconds += seconds
            if job.whole:
                self.lost_seconds += seconds
        job.done(job.result)
        self._serve()

    def _serve(self) -> None:
        queue = self.queue
        while queue and self.busy + (self.lanes if queue[0].whole else 1) <= self.lanes:
            if self.absent and (away := seconds_away(self.absent, self.absent[0].device, self.clock.total)):
                self.clock.after(away, self._serve)
                return
            self._grant(queue.popleft())
