"""Devices that leave and come back: who waits for them, who does not, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import methods
from benchmarks.errors import UserError
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.spans import DELAY
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.hardware.delays import Absence
from benchmarks.papers.confounds.measured import audit
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from methods import Channel, Get, Put
from tests.conformance.small import Small
from tests.executors.clocks import ONE, Watched, run, steps
from tests.executors.crews import program, team_of

AWAY = Absence(device=1, from_seconds=10, until_seconds=100)


def watched(name: str, options: dict[str, object], *absent: Absence, batches: int = 24) -> Watched:
    """A method's epoch on devices of 1 s a forward pass and 2 s a backward pass of the one layer."""
    algorithm = methods.create(name, options)
    team = SimulatedTeam.of([("only", 1)], replicas=algorithm.replicas, steps_per_epoch=batches)
    executor = Watched(team, replace(ONE, absent=absent))
    executor.run(algorithm.workers(team))
    return executor


def begun(executor: Watched, device: int) -> list[float]:
    return [span.start for span in executor.spans if span.device == device and span.effect not in (DELAY, "AllReduce")]


def test_a_synchronous_method_stands_still() -> None:
    """DDP's round of 3 s that begins at 9 s waits after the forward pass, which ends at 10 s."""
    plain, away = (watched("ddp", {"devices": 3}, *absent) for absent in ((), (AWAY,)))
    assert plain.clock.now == 8 * 3
    assert away.clock.now == plain.clock.now + 90
    assert not [start for start in begun(away, 1) if 10 <= start < 100]
    assert not [start for start in begun(away, 0) if 12 < start < 100]
    assert (10, 100) in [(span.start, span.end) for span in away.spans if (span.effect, span.device) == (DELAY, 1)]


def test_an_asynchronous_method_goes_on() -> None:
    """The two other devices of ASGD take the batches that the third does not, and the epoch ends when it is back."""
    late = AWAY.model_copy(update={"until_seconds": 50.0})
    plain, away = (watched("asgd", {"devices": 3}, *absent) for absent in ((), (late,)))
    assert not [start for start in begun(away, 1) if 10 <= start < 50]
    updates = [span.end for span in away.spans if span.effect == "Update" and 13 < span.end < 50]
    assert len(updates) == 24 - 3 * 3 - 2 - 1  # but those of three rounds, two more at 12 s, and the late one
    assert (plain.clock.now, away.clock.now) == (24, 52)
    assert away.team.accounts.taken == [24]


def test_what_is_under_way_ends_and_what_queues_waits() -> None:
    """Two workers of one device: the second one's pass was asked for before the absence, which begins within it."""
    absent = (
        Absence(device=0, from_seconds=0.5, until_seconds=20),
        Absence(device=0, from_seconds=15, until_seconds=30),
    )
    team = team_of(steps=2)
    executor = run(team, replace(ONE, absent=absent), steps(team, limit=1), steps(team, limit=1), devices=(0, 0))
    forwards = [(span.start, span.end) for span in executor.spans if span.effect == "Forward"]
    assert forwards == [(0, 1), (30, 31)]
    assert executor.devices[0].busy_seconds == 6


def test_a_message_waits_for_its_device() -> None:
    received: list[object] = []
    channel = Channel(capacity=None)
    price = replace(ONE, absent=(Absence(device=1, from_seconds=0, until_seconds=7),))
    executor = run(team_of(), price, program(Put(channel, "x")), program(Get(channel), into=received), devices=(0, 1))
    assert (received, executor.clock.now) == (["x"], 7)


def test_times_are_those_of_the_whole_run() -> None:
    """An absence in the second epoch; a run that goes on there from a checkpoint waits as well."""
    uninterrupted = Small("ddp", {"devices": 2})
    uninterrupted.train(1)
    second = uninterrupted.executor.now or 0.0
    absent = (Absence(device=0, from_seconds=second * 1.2, until_seconds=second * 10),)

    def seconds(*, resumed: bool) -> float:
        training = Small("ddp", {"devices": 2})
        training.executor.price = replace(training.executor.price, absent=absent)  # type: ignore[attr-defined]
        if resumed:
            training.executor.resume(second)
            training.train(1, first=1)
        else:
            training.train(2)
        return training.executor.now or 0.0

    assert second * 10 < seconds(resumed=False) < second * 11
    assert seconds(resumed=True) == pytest.approx(seconds(resumed=False), rel=1e-9)


# ---- cards


def card_of(tmp_path: Path, *absences: tuple[int, float, float]) -> Card:
    parts = [f"[[absent]]\ndevice = {q}\nfrom_seconds = {a}\nuntil_seconds = {b}\n" for q, a, b in absences]
    path = tmp_path / f"{hash(absences)}.toml"
    path.write_text('extends = "paper-a-ideal"\nname = "mine"\n' + "".join(parts))
    return cards.load(str(path))


def test_a_card_says_who_is_absent(tmp_path: Path) -> None:
    card = card_of(tmp_path, (1, 10, 20))
    assert card.absent == (Absence(device=1, from_seconds=10, until_seconds=20),)
    assert card.sha256 != card_of(tmp_path, (1, 10, 21)).sha256
    cards.write(card, tmp_path / "again.toml", "A copy.")
    assert cards.load(str(tmp_path / "again.toml")) == card
    grid = resolve(table("table3"), Choices(card=card, methods=("async_lu", "lapsgd")))
    hardware = grid.runs[0].spec.hardware
    assert hardware.absent == ["device 1 from 10 to 20 s"]
    assert "absent: device 1 from 10 to 20 s" in audit(grid.cells).lines[-1]
    assert "absent" not in resolve(table("table3"), Choices()).runs[0].spec.hardware.document()


@pytest.mark.parametrize(
    "wrong", [(-1, 0, 1), (0, -1, 1), (0, 2, 2), (0, 1, float("inf")), (0, float("nan"), 1), (0, 1, float("nan"))]
)
def test_absences_that_are_none_are_refused(tmp_path: Path, wrong: tuple[int, float, float]) -> None:
    with pytest.raises(UserError, match="absent"):
        card_of(tmp_path, wrong)


def test_all_devices_at_once_are_refused(tmp_path: Path) -> None:
    """Three devices, each of which is away, of two of them at a time; then all three of them; then the only one."""
    choices = Choices(card=card_of(tmp_path, (0, 0, 10), (1, 5, 20), (2, 10, 30)), methods=("lapsgd",))
    assert resolve(table("table3"), choices).runs
    for absences, method in (((0, 0, 10), (1, 5, 20), (2, 9, 30)), "lapsgd"), (((0, 1, 2),), "bp"):
        choices = Choices(card=card_of(tmp_path, *absences), methods=(method,))
        with pytest.raises(UserError, match=r"absent \d s after the begin"):
            resolve(table("table3"), choices)
    with pytest.raises(UserError, match="device 7 is to be absent"):
        resolve(table("table3"), Choices(card=card_of(tmp_path, (7, 0, 1)), methods=("lapsgd",)))
