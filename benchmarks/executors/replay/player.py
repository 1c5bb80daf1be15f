"""A worker that is carried out again: where it is in its schedule, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import ScheduleMismatch
from benchmarks.executors.numerics.accesses import Versions
from benchmarks.executors.threads.recorder import LETTERS
from methods import effects as e
from results.records.schedule import WorkerSchedule

NAMES = {letter: kind.__name__ for kind, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Wait:
    """behind: how far what it waits for still has to come; 0: it can go on; below 0: that is past."""

    behind: Callable[[], int]
    what: Callable[[], str]


T = TypeVar("T")
Carried = Generator[Wait, None, T]  # an effect, which gives its value
Need = tuple[str, Versions, bool]  # what is accessed, its versions, whether it is written


@dataclass(eq=False, slots=True)
class Player(Activity):
    """epoch: 1 is the first. layer: of the access that it is at."""

    schedule: WorkerSchedule = field(default_factory=WorkerSchedule)
    epoch: int = 1
    layer: str = ""
    wait: Wait | None = None
    done: int = 0  # of the schedule's numbers

    def begin(self, effect: e.Effect) -> None:
        """Raises ScheduleMismatch unless the schedule has an effect of this kind next."""
        self.effect, self.layer = effect, ""
        letters = self.schedule.effects
        expected = NAMES.get(letters[self.asked], "an unknown effect") if self.asked < len(letters) else "nothing"
        if expected != type(effect).__name__:
            raise self.mismatch(f"the schedule has {expected} there")
        self.asked += 1

    def end(self) -> None:
        """The worker has. Raises ScheduleMismatch where the schedule goes on."""
        left = len(self.schedule.effects) - self.asked
        if left or self.done < len(self.schedule.numbers):
            raise self.mismatch(f"it ends, and the schedule has {left} more effects")

    def next(self, count: int) -> Sequence[int]:
        """The numbers that come next. Raises ScheduleMismatch where there are fewer."""
        numbers = self.schedule.numbers[self.done : self.done + count]
        if len(numbers) < count:
            raise self.mismatch("the schedule ends there")
        return numbers

    def take(self, numbers: Sequence[int]) -> None:
        """Compares what it met with the schedule. Raises ScheduleMismatch where the schedule has others."""
        if (expected := self.next(len(numbers))) != list(numbers):
            raise self.mismatch(f"it met {_list(numbers)} where the schedule has {_list(expected)}")
        self.done += len(numbers)

    def access(self, needs: Sequence[Need]) -> Wait:
        """Returns a wait until all of these are at the versions that the schedule has next."""
        numbers = iter(self.next(sum(2 if writes else 1 for _, _, writes in needs)))
        wanted = [(name, of, next(numbers), next(numbers) if writes else None) for name, of, writes in needs]

        def behind() -> int:
            ways = [0, *(_way(of, version, reads) for _, of, version, reads in wanted)]
            return min(ways) or max(ways)

        def what() -> str:
            return " and ".join(_wanted(*one) for one in wanted)

        return Wait(behind, what)

    def mismatch(self, why: str) -> ScheduleMismatch:
        return ScheduleMismatch(f"{self.place}: {why}")

    @property
    def place(self) -> str:
        """Epoch, worker, effect, layer."""
        at = type(self.effect).__name__ if self.effect is not None else "its beginning"
        layer = f" ({self.layer})" if self.layer else ""
        return f"epoch {self.epoch}, {self.worker.name}, at {at}{layer}"


def _way(of: Versions, version: int, reads: int | None) -> int:
    if reads is None or of.written != version:
        return version - of.written
    return reads - of.reads


def _wanted(name: str, of: Versions, version: int, reads: int | None) -> str:
    if reads is None:
        return f"{name} of version {version} (now {of.written})"
    return f"{name} of version {version}, read {reads} times (now {of.written}, read {of.reads} times)"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
