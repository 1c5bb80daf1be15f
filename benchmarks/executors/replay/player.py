"""One worker of a replay: its position in the recorded schedule, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.executors.activity import Activity
from benchmarks.executors.errors import ScheduleMismatch
from benchmarks.executors.numerics.accesses import Versions, note_into
from benchmarks.executors.threads.recorder import LETTERS
from methods import effects as e
from results.records.schedule import WorkerSchedule

NAMES = {letter: kind.__name__ for kind, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait of a replayed effect.

    behind: how far off the awaited version is. 0: the effect may continue; below 0: it is past, so that the schedule
        cannot be followed.
    what: says what is awaited, for error messages.
    """

    behind: Callable[[], int]
    what: Callable[[], str]


T = TypeVar("T")
Replayed = Generator[Wait, None, T]  # yields the waits of an effect, and returns its value
Need = tuple[str, Versions, bool]  # name of the accessed data, its versions, whether it is written


@dataclass(eq=False, slots=True)
class Player(Activity):
    """One worker of a replay.

    epoch: from 1.
    layer: name of the layer that is being accessed, for error messages.
    position: how many numbers of the schedule have been used.
    """

    schedule: WorkerSchedule = field(default_factory=WorkerSchedule)
    epoch: int = 1
    layer: str = ""
    wait: Wait | None = None
    position: int = 0

    def begin(self, effect: e.Effect) -> None:
        """Records the worker's next effect. Raises ScheduleMismatch if the schedule has another kind there."""
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
        """Records that the worker has ended. Raises ScheduleMismatch if the schedule is not at its end."""
        remaining = len(self.schedule.effects) - self.effect_count
        if remaining or self.position < len(self.schedule.numbers):
            raise self.mismatch(f"it ends, and the schedule has {remaining} more effects")

    def next(self, count: int) -> Sequence[int]:
        """Returns the schedule's next numbers without using them up. Raises ScheduleMismatch if there are too few."""
        numbers = self.schedule.numbers[self.position : self.position + count]
        if len(numbers) < count:
            raise self.mismatch("the schedule ends there")
        return numbers

    def take(self, numbers: Sequence[int]) -> None:
        """Uses up the schedule's next numbers. Raises ScheduleMismatch if they differ from these."""
        if (expected := self.next(len(numbers))) != list(numbers):
            raise self.mismatch(
                f"it saw {_comma_separated(numbers)}, and the schedule has {_comma_separated(expected)}"
            )
        self.position += len(numbers)

    def observe(self, function: Callable[[], T]) -> T:
        """Calls the function, uses up the versions and places that it noted, and returns its value."""
        notes: list[int] = []
        note_into(notes)
        value = function()
        self.take(notes)
        return value

    def access(self, needs: Sequence[Need]) -> Wait:
        """Returns a wait until everything in `needs` is at the version that the schedule has next."""
        numbers = iter(self.next(sum(2 if writes else 1 for _, _, writes in needs)))
        needed = [(name, of, next(numbers), next(numbers) if writes else None) for name, of, writes in needs]

        def behind() -> int:
            distances = [0, *(_distance(of, version, reads) for _, of, version, reads in needed)]
            return min(distances) or max(distances)

        def what() -> str:
            return " and ".join(_describe_need(*need) for need in needed)

        return Wait(behind, what)

    def mismatch(self, why: str) -> ScheduleMismatch:
        return ScheduleMismatch(f"{self.place}: {why}")

    @property
    def place(self) -> str:
        """Returns epoch, worker, effect and layer, for error messages."""
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


def _comma_separated(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
