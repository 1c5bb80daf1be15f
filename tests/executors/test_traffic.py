"""Bytes between devices: equal to closed forms, on every executor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.accounting import Gradient, Read
from benchmarks.executors.errors import WorkerFailed
from benchmarks.executors.replay.executor import ReplayExecutor
from benchmarks.executors.team import SimulatedTeam, checked
from benchmarks.executors.traffic import ring_bytes
from benchmarks.hardware.price import Price
from methods import AllReduce, Anchor, Channel, Get, Group, Mix, Program, Put, Snapshot
from tests.conformance.small import Small, bounded
from tests.distributed import together
from tests.executors.crews import EXECUTORS, crew, program
from tests.executors.recorded import record
from tests.sure import sure

SIZES = (7, 100, 1, 32)  # parameters, of four bytes each
BYTES = [4.0 * size for size in SIZES]
STEPS = 24
LAYERS = [(f"layer{i}", size) for i, size in enumerate(SIZES)]
EVERYWHERE = pytest.mark.parametrize("executor", EXECUTORS)


def price(layers: int = 4, **fields: Any) -> Price:
    return replace(Price.uniform(layers, 1.0, 2.0), parameter_bytes=BYTES[:layers], **fields)


def carried_out(executor: str, team: SimulatedTeam, workers: Any, charged: Price | None = None) -> dict[str, float]:
    """Returns the bytes of each link."""
    created = executors.executor(executor).build(team, charged or price(), 1)
    bounded(lambda: created.run(workers))
    return sure(team.accounts.sent_bytes)


def sent(method: str, executor: str = "virtual", steps: int = STEPS, **options: Any) -> dict[str, float]:
    """Returns the bytes of each link in an epoch of this many batches per replica."""
    created = methods.create(method, options)
    team = SimulatedTeam.of(LAYERS, replicas=created.replicas, steps_per_epoch=steps * created.replicas)
    team.accounts.epochs = 2
    return carried_out(executor, team, created.workers(team))


def team_of(replicas: int) -> SimulatedTeam:
    return SimulatedTeam.of(LAYERS, replicas=replicas, steps_per_epoch=0)


# ---- closed forms


@EVERYWHERE
def test_collectives_send_what_a_ring_does(executor: str) -> None:
    """Each device sends 2 (Q - 1) / Q of the bytes per round, in whole bytes; all of them exactly 2 (Q - 1)."""
    rounds, ring = STEPS // 4, 2 * 2 * sum(BYTES)
    assert sum(sent("lsgd", executor, period=4).values()) == rounds * ring
    with_momentum = sent("lsgd", executor, period=4, averages="weights_and_momentum")
    assert sum(with_momentum.values()) == 2 * rounds * ring
    assert with_momentum.keys() == {"0 to 1", "1 to 2", "2 to 0"}
    assert with_momentum["1 to 2"] == pytest.approx(2 * rounds * ring / 3, abs=2 * rounds)
    assert sum(sent("ddp", executor, devices=4).values()) == STEPS * 2 * 3 * sum(BYTES)
    assert sum(sent("diloco", executor, period=8, devices=2).values()) == STEPS // 8 * 2 * sum(BYTES)
    assert sent("ddp", executor, devices=1) == sent("bp", executor) == {}


@EVERYWHERE
def test_compressed_gradients_go_to_every_other_device(executor: str) -> None:
    """Top-k: (Q - 1) k (4 + 4) bytes per device and layer, here k = 1. Signs: a bit per entry, and a scale."""
    assert set(sent("topk", executor).values()) == {STEPS * 2 * 4 * (4.0 + 4)}
    assert set(sent("signsgd", executor).values()) == {STEPS * 2 * (1 + 13 + 1 + 4 + 4 * 4.0)}


@pytest.mark.parametrize("method", ["lsgd", "diloco"])
def test_twice_the_period_is_half_the_bytes(method: str) -> None:
    often, seldom = sent(method, period=4), sent(method, period=8)
    assert often == {link: 2 * size for link, size in seldom.items()}


@EVERYWHERE
def test_gradients_for_weights_elsewhere(executor: str) -> None:
    """Async LU sends a batch's loss to a device with backward workers, and every gradient back."""
    links = sent("async_lu", executor, backward_workers=1)
    assert links == {"0 to 1": STEPS * 4.0, "1 to 0": STEPS * sum(BYTES)}
    pipeline = sent("pipeline", executor, stages=2)  # layers live with the workers that update them
    assert pipeline == {"0 to 1": STEPS * 4.0, "1 to 0": STEPS * 4.0}


@EVERYWHERE
def test_a_server_sends_weights_with_each_batch(executor: str) -> None:
    links = sent("asgd", executor, devices=1)
    assert links == {"0 to 1": STEPS * (sum(BYTES) + 4), "1 to 0": STEPS * (sum(BYTES) + 4)}


@EVERYWHERE
def test_weights_that_are_read_and_changed_from_another_device(executor: str) -> None:
    """An anchor of two layers is fetched, sent on, and mixed into a third device's replica."""
    team, channel = team_of(3), Channel(None)

    def fetch() -> Program:
        yield Put(channel, {"weights": (yield Anchor(team.replicas[0], team.replica.layers[:2]))})

    def mix() -> Program:
        message = yield Get(channel)
        yield Mix(team.replicas[2], message["weights"], share=0.5)

    size = sum(BYTES[:2])
    links = carried_out(executor, team, crew(fetch(), mix(), devices=(1, 0)))
    assert links == {"0 to 1": size, "0 to 2": size, "1 to 0": size}


@EVERYWHERE
def test_a_compressed_gradient_goes_to_every_other_member(executor: str) -> None:
    """An all-gather sends a device's bytes Q - 1 times; the clock charges as many hops."""
    team, everyone = team_of(3), Group(3)

    def reduce(device: int) -> Program:
        gradient = Gradient(team.replicas[device].layers[1], 0, Read(0, 0.0))
        gradient.sent_bytes = 16.0
        yield AllReduce(everyone, team.replicas[device], gradient)

    charged = price(bytes_per_second=4.0, latency_seconds=0.5)
    links = carried_out(executor, team, crew(*map(reduce, range(3))), charged)
    assert links == {"0 to 1": 32.0, "1 to 2": 32.0, "2 to 0": 32.0}
    assert charged.all_gather(16.0, range(3)) == 2 * (0.5 + 4)


def test_chunks_have_whole_bytes() -> None:
    for size, members in ((400.0, 3), (7.0, 4), (1.0, 5), (10.0, 1)):
        chunks = [ring_bytes(size, members, place) for place in range(members)]
        assert sum(chunks) == 2 * (members - 1) * size
        assert max(chunks) - min(chunks) <= 2
        assert all(chunk % 1 == 0 for chunk in chunks)
    assert ring_bytes(0.5, 4, 0) == 0.75


def test_the_order_of_the_devices_changes_names_alone() -> None:
    def of(devices: tuple[int, ...]) -> dict[str, float]:
        team, channels = team_of(1), [Channel(None), Channel(None)]
        items = [[1], [Gradient(layer, 0, Read(0, 0.0)) for layer in team.replica.layers]]
        programs = [program(*(Put(channel, item) for channel, item in zip(channels, items, strict=True)))]
        programs += [program(Get(channel)) for channel in channels]
        return carried_out("virtual", team, crew(*programs, devices=devices))

    assert of((0, 1, 2)) == {"0 to 2": sum(BYTES)}
    assert of((2, 1, 0)) == {"2 to 0": sum(BYTES)}


# ---- what a message has


class Wish(NamedTuple):
    number: int
    gradients: Any


@dataclass
class Box:
    inside: Any


class Loose(list[Any]):
    """A list that may have attributes."""


def holding(gradient: Gradient, how: str) -> Any:
    loose = Loose()
    loose.kept = [gradient]  # type: ignore[attr-defined]
    ways = {"dict": {"a": {0: gradient}}, "tuple": Wish(1, (gradient,)), "dataclass": Box([gradient]), "list": loose}
    return ways[how]


def test_a_gradient_is_found_wherever_it_is() -> None:
    for how in ("dict", "tuple", "dataclass", "list"):
        team, channel = team_of(1), Channel(None)
        gradient = Gradient(team.replica.layers[1], 0, Read(0, 0.0))
        workers = crew(program(Put(channel, holding(gradient, how))), program(Get(channel)))
        assert carried_out("virtual", team, workers) == {"0 to 1": BYTES[1]}


@EVERYWHERE
def test_an_item_of_unknown_bytes_is_refused(executor: str) -> None:
    """It is refused only if it goes to another device; within a device a method may send anything."""
    for hidden in (lambda: None, iter(()), object()):
        channel = Channel(None)
        carried_out(executor, team_of(1), crew(program(Put(channel, [hidden])), program(Get(channel)), devices=(0, 0)))
        with pytest.raises(WorkerFailed, match="bytes"):
            carried_out(executor, team_of(1), crew(program(Put(channel, [hidden])), program(Get(channel))))


def test_a_batch_has_the_bytes_of_the_weights_that_are_pinned_for_it() -> None:
    team, channel = SimulatedTeam.of(LAYERS, steps_per_epoch=1), Channel(None)

    def send() -> Program:
        step = yield methods.NextBatch(team.replica)
        yield Snapshot(team.replica.layers[1], step)
        yield Put(channel, [step])

    assert carried_out("virtual", team, crew(send(), program(Get(channel)))) == {"0 to 1": 4 + BYTES[1]}


@EVERYWHERE
def test_weights_that_are_pinned_from_another_device_come_over_the_link(executor: str) -> None:
    team = SimulatedTeam.of(LAYERS, steps_per_epoch=1)

    def pins(device: int) -> Program:
        if device:
            yield Snapshot(team.replica.layers[1], (yield methods.NextBatch(team.replica)))

    assert carried_out(executor, team, crew(pins(0), pins(1))) == {"0 to 1": BYTES[1]}
    if executor == "virtual":
        slow, team = price(bytes_per_second=8.0, latency_seconds=0.5), SimulatedTeam.of(LAYERS, steps_per_epoch=1)
        created = executors.executor(executor).build(team, slow, 1)
        created.run(crew(pins(1), devices=(1,)))
        assert created.now == 0.5 + BYTES[1] / 8


# ---- executors, of real networks


@pytest.mark.parametrize(("method", "options"), [("ddp", {}), ("lsgd", {"period": 2})])
def test_all_executors_count_the_same(method: str, options: dict[str, int]) -> None:
    """Each rank counts its own device's bytes."""
    together.registered()
    parts, _ = record(method, options)
    runs = {name: Small(method, options, executor=name) for name in (*EXECUTORS, together.NAME, "replay")}
    followed = checked(ReplayExecutor, runs["replay"].executor)
    followed.follow(parts)
    by_executor = {}
    for name, training in runs.items():
        metrics = training.epoch(0)
        by_executor[name] = sure(training.team.accounts.sent_bytes)
        assert metrics["sent_bytes"] == sum(by_executor[name].values()) > 0
    assert len({str(links) for links in by_executor.values()}) == 1, by_executor


def test_a_run_whose_bytes_were_not_counted_goes_on_without() -> None:
    """A checkpoint of an earlier version has no counts."""
    first, second = Small("lsgd"), Small("lsgd")
    checkpoint = first.checkpoint(first.train(1), 1.0)
    counts = checkpoint.progress.team.counts.model_copy(update={"sent_bytes": None})
    values = checkpoint.progress.team.model_copy(update={"counts": counts})
    progress = checkpoint.progress.model_copy(update={"team": values})
    second.resume(replace(checkpoint, progress=progress))
    (metrics,) = second.train(1, first=1)
    assert "sent_bytes" not in metrics
    assert second.team.counted_effects()["sent_bytes"] is None
