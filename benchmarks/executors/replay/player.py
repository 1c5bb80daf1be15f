"""One worker of a replay: its position in the recorded schedule, and what it waits for."""

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
    """A wait of a replayed effect: `behind()` is 0 when it may go on, above 0 while what it waits for is to come.

    Below 0: that is past, so that the schedule cannot be followed. what: in words.
    """

    behind: Callable[[], int]
    what: Callable[[], str]


T = TypeVar("T")
Replayed = Generator[Wait, None, T]  # an effect, which gives its value
Need = tuple[str, Versions, bool]  # what is accessed, its versions, whether it is written


@dataclass(eq=False, slots=True)
class Player(Activity):
    """One worker of a replay. epoch: from 1. layer: of the access under way. position: schedule numbers used."""

    schedule: WorkerSchedule = field(default_factory=WorkerSchedule)
    epoch: int = 1
    layer: str = ""
    wait: Wait | None = None
    position: int = 0  # of the schedule's numbers

    def begin(self, effect: e.Effect) -> None:
        """Notes the worker's next effect. Raises ScheduleMismatch unless the schedule has one of this kind next."""
        self.effect, self.layer = effect, ""
        letters = self.schedule.effects
        expected = (
            NAMES.get(letters[self.effect_count], "an unknown effect")
            if self.effect_count < len(letters)
            else "nothing"
        )
        if expected != type(effect).__name__:
            raise self.mismatch(f"the schedule has {expected} there")
        self.effect_count += 1

    def end(self) -> None:
        """Notes that the worker has ended. Raises ScheduleMismatch where the schedule goes on."""
        remaining = len(self.schedule.effects) - self.effect_count
        if remaining or self.position < len(self.schedule.numbers):
            raise self.mismatch(f"it ends, and the schedule has {remaining} more effects")

    def next(self, count: int) -> Sequence[int]:
        """Returns the schedule's next numbers without using them up. Raises ScheduleMismatch where there are fewer."""
        numbers = self.schedule.numbers[self.position : self.position + count]
        if len(numbers) < count:
            raise self.mismatch("the schedule ends there")
        return numbers

    def take(self, numbers: Sequence[int]) -> None:
        """Uses up the schedule's next numbers. Raises ScheduleMismatch unless they are these."""
        if (expected := self.next(len(numbers))) != list(numbers):
            raise self.mismatch(f"it met {_list(numbers)} where the schedule has {_list(expected)}")
        self.position += len(numbers)

    def access(self, needs: Sequence[Need]) -> Wait:
        """Returns a wait until all needed things are at the versions that the schedule has next."""
        numbers = iter(self.next(sum(2 if writes else 1 for _, _, writes in needs)))
        needed = [(name, of, next(numbers), next(numbers) if writes else None) for name, of, writes in needs]

        def behind() -> int:
            ways = [0, *(_distance(of, version, reads) for _, of, version, reads in needed)]
            return min(ways) or max(ways)

        def what() -> str:
            return " and ".join(_describe_need(*need) for need in needed)

        return Wait(behind, what)

    def mismatch(self, why: str) -> ScheduleMismatch:
        return ScheduleMismatch(f"{self.place}: {why}")

    @property
    def place(self) -> str:
        """Returns epoch, worker, effect and layer, for messages."""
        at = type(self.effect).__name__ if self.effect is not None else "its beginning"
        layer = f" ({self.layer})" if self.layer else ""
        return f"epoch {self.epoch}, {self.worker.name}, at {at}{layer}"


def _distance(of: Versions, version: int, reads: int | None) -> int:
    if reads is None or of.written != version:
        return version - of.written
    return reads - of.reads


def _describe_need(name: str, of: Versions, version: int, reads: int | None) -> str:
    if reads is None:
        return f"{name} of version {version} (now {of.written})"
    return f"{name} of version {version}, read {reads} times (now {of.written}, read {of.reads} times)"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
