"""DiLoCo: torchft's trajectories, unlike gradients worked out by hand, bytes, checkpoints, ranks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import methods
from benchmarks.commands.settings import settings
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import MethodError, NextBatch, Program, Worker
from tests.conformance.small import Small, bits, bounded, weights
from tests.distributed.led import led
from tests.executors.recorded import record, replay
from tests.executors.teams import summands
from tests.methods.test_degenerate import same, small
from tests.runner.chains import check_chain
from tests.runner.chains import small as chained

Weights = tuple[float, ...]
FIXTURES = {"period": 6, "fragments": 2, "outer.name": "sgd", "outer.lr": 2.0, "outer.momentum": 0.0}
STREAMING = {"devices": 2, "period": 4, "fragments": 2, "delay": 1, "alpha": 0.5}


def trajectory(*gradients: float, executor: str = "virtual", steps: int = 15, **options: Any) -> list[list[Weights]]:
    """Returns each replica's two weights after every step, from step 0 on, for constant gradients.

    The setting is torchft's: initial weights of 1, one layer per fragment, inner rate 1, outer rate 2, H = 6.
    """
    team, trajectories = summands(*gradients, steps=steps), [list[Weights]() for _ in gradients]

    def watched(worker: Worker) -> Program:
        value = None
        while True:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            if isinstance(effect, NextBatch):
                live = [layer.params[0].data for layer in team.replicas[effect.replica.index].layers]
                trajectories[effect.replica.index].append(tuple(map(float, live)))
            value = yield effect

    method = methods.create("diloco", {"devices": len(gradients), **FIXTURES, **options})
    workers = [replace(worker, program=watched(worker)) for worker in method.workers(team)]
    bounded(lambda: executors.executor(executor).build(team, Price.uniform(2, 1.0, 1.0), 1).run(workers))
    return trajectories


@pytest.mark.parametrize("executor", executors.in_one_process())
@pytest.mark.parametrize(
    ("delay", "alpha", "expected"),
    [
        (0, 0.0, [(-3, -3), (-11, -5), (-15, -9), (-17, -23), (-21, -27), (-35, -29), (-41, -47), (-59, -53)]),
        (0, 0.5, [(-3, -3), (-8, -5), (-12, -9), (-14, -17), (-18, -21), (-24.5, -23), (-30.5, -32), (-40.25, -38)]),
        (1, 0.0, [(-3, -3), (-7, -5), (-11, -9), (-13, -19), (-17, -23), (-27, -25), (-33, -39), (-47, -45)]),
        (1, 0.5, [(-3, -3), (-6, -5), (-10, -9), (-12, -15), (-16, -19), (-21.5, -21), (-27.5, -29), (-35.75, -35)]),
    ],
)
def test_torchfts_fixtures(executor: str, delay: int, alpha: float, expected: list[Weights]) -> None:
    """Compares with `test_fixtures/*diloco_mocked_updates_*` after steps 2, 3, 5, 6, 8, 9, 12 and 15."""
    trajectories = trajectory(2.0, 2.0, executor=executor, delay=delay, alpha=alpha)
    assert [[replica_weights[step] for step in (2, 3, 5, 6, 8, 9, 12, 15)] for replica_weights in trajectories] == [
        expected,
        expected,
    ]


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_the_outer_step_is_by_the_mean_of_unlike_replicas(executor: str) -> None:
    """Gradients of 2 and 4, worked out by hand.

    w0: the anchor is 1 until step 3; the replicas are then 6 and 12 below it, and the outer step gives 1 - 2 x 9 = -17;
    the next one is at step 9. w1: at step 6 the replicas are 12 and 24 below; 1 - 2 x 18 = -35.
    """
    first, second = trajectory(2.0, 4.0, executor=executor, steps=9)
    assert first == [
        (1, 1),
        (-1, -1),
        (-3, -3),
        (-17, -5),
        (-19, -7),
        (-21, -9),
        (-23, -35),
        (-25, -37),
        (-27, -39),
        (-53, -41),
    ]
    assert second == [
        (1, 1),
        (-3, -3),
        (-7, -7),
        (-17, -11),
        (-21, -15),
        (-25, -19),
        (-29, -35),
        (-33, -39),
        (-37, -43),
        (-53, -47),
    ]


@pytest.mark.parametrize("executor", executors.in_one_process())
def test_with_a_delay_and_alpha_unlike_replicas_stay_unlike(executor: str) -> None:
    """Worked out by hand, with alpha 0.5 and a delay of one step.

    w0: the replicas are 4 and 8 below at step 2, so that the anchor becomes 1 - 2 x 6 = -11; at step 3 half of it is
    mixed into -5 and -11. At step 8 they are 7 and 20 above -18 and -31: -11 - 2 x 13.5 = -38 is mixed into -20 and
    -35. w1: they are 10 and 20 below at step 5: -29 is mixed into -11 and -23.
    """
    first, second = trajectory(2.0, 4.0, executor=executor, steps=9, delay=1, alpha=0.5)
    assert [first[step] for step in (2, 3, 5, 6, 8, 9)] == [
        (-3, -3),
        (-8, -5),
        (-12, -9),
        (-14, -20),
        (-18, -24),
        (-29, -26),
    ]
    assert [second[step] for step in (2, 3, 5, 6, 8, 9)] == [
        (-7, -7),
        (-11, -11),
        (-19, -19),
        (-23, -26),
        (-31, -34),
        (-36.5, -38),
    ]


def test_what_is_on_its_way_at_an_epochs_end_comes_to_its_end_there() -> None:
    """With a delay of 2, the pseudo-gradient of step 1 is applied at the end, after step 2, not at step 3."""
    team = summands(2.0, 2.0, steps=2)
    method = methods.create("diloco", {"devices": 2, **FIXTURES, "delay": 2})
    executor = VirtualExecutor(team, Price.uniform(2, 1.0, 1.0))
    for epoch in range(2):
        team.begin_epoch(epoch)
        executor.run(method.workers(team))
        team.accounts.end_epoch()
    (w0, w1), other = ([float(layer.params[0].data) for layer in replica.layers] for replica in team.replicas)
    assert [w0, w1] == other == [-3 - 2 * 2, 1 - 2 * 8]  # w1's of step 4, which is the last, is applied at once


def plain(method: str, **options: Any) -> list[torch.Tensor]:
    training = small(method, learning_rate="published", devices=3, **options)
    training.train()
    return weights(training.team)


def test_outer_steps_of_rate_1_after_each_update_are_averages() -> None:
    """Compares with L-SGD with K = 1, up to rounding."""
    outer = {"outer.name": "sgd", "outer.lr": 1.0, "outer.momentum": 0.0}
    for a, b in zip(plain("diloco", period=1, **outer), plain("lsgd", period=1), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_alpha_of_1_leaves_the_replicas_alone() -> None:
    assert same(plain("diloco", period=2, alpha=1.0), plain("lsgd", period=10**6))


# ---- bytes and seconds

SIZES = [40.0, 8.0, 16.0]


def seconds(devices: int, steps: int, **options: Any) -> float:
    """Returns the seconds of an epoch in which only bytes on links take time, one second each."""
    method = methods.create("diloco", {"devices": devices, **options})
    layers = [(str(i), 1) for i, _ in enumerate(SIZES)]
    team = SimulatedTeam.of(layers, replicas=devices, steps_per_epoch=devices * steps)
    free = [0.0] * len(SIZES)
    executor = VirtualExecutor(team, Price(free, free, free, SIZES, bytes_per_second=1.0))
    executor.run(method.workers(team))
    return executor.now


@pytest.mark.parametrize("devices", [1, 2, 4])
@pytest.mark.parametrize("fragments", [1, 3])
def test_bytes_are_those_of_the_weights_once_a_period(devices: int, fragments: int) -> None:
    """A ring sends 2 (Q - 1) / Q of the weights' bytes per period, whatever the fragments."""
    ring = 2 * (devices - 1) / devices * sum(SIZES)
    of = [seconds(devices, 24, period=period, fragments=fragments) for period in (3, 6, 12)]
    assert of == pytest.approx([8 * ring, 4 * ring, 2 * ring])


def test_a_delay_hides_the_way_behind_local_steps() -> None:
    """A step takes 3 s, sending 4 bytes 4 s: all wait without a delay, none with a delay of 2 steps."""
    price = replace(Price.uniform(1, 1.0, 2.0), parameter_bytes=[4.0], bytes_per_second=1.0)
    epoch_seconds = []
    for delay in (0, 2):
        team = SimulatedTeam.of([("only", 1)], replicas=2, steps_per_epoch=2 * 8)
        executor = VirtualExecutor(team, price)
        executor.run(methods.create("diloco", {"devices": 2, "period": 4, "delay": delay}).workers(team))
        epoch_seconds.append(executor.now)
    assert epoch_seconds == [8 * 3 + 2 * 4, 8 * 3]


# ---- what lasts, and ranks


@pytest.mark.parametrize(
    "executor", [name for name in executors.in_one_process() if executors.executor(name).repeatable]
)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_resumed_equals_uninterrupted(executor: str, momentum: float, tmp_path: Path) -> None:
    """Anchors and outer momentum are restored; some drains are between a pseudo-gradient and its outer step."""
    options = {**STREAMING, "outer.momentum": momentum}
    check_chain(tmp_path, chained("diloco", options, executor=executor, settings={"drain_every": 6}))


def test_a_replay_has_the_bits_of_the_run() -> None:
    parts, outcome = record("diloco", STREAMING)
    assert replay("diloco", parts, STREAMING) == outcome


@contextmanager
def both(options: dict[str, Any], **settings: Any) -> Iterator[tuple[Small, Small]]:
    """Runs on the virtual clock and on ranks."""
    with led("diloco", options, settings) as training:
        yield Small("diloco", options, settings=settings), training


@pytest.mark.parametrize(
    "options",
    [
        {"devices": 2, "period": 3},
        STREAMING,
        {"devices": 2, "period": 1, "bn_buffers": "per_device"},
    ],
    ids=str,
)
def test_ranks_compute_the_same_to_the_last_bit(options: dict[str, Any]) -> None:
    with both(options, drain_every=6) as (alone, ranks):
        for training in (alone, ranks):
            training.train()
        assert bits(ranks.team) == bits(alone.team)
        assert ranks.team.counted_effects() == alone.team.counted_effects()
        assert ranks.team.weights.keys() == alone.team.weights.keys() != set()


def test_ranks_go_on_from_a_checkpoint() -> None:
    """Rank 0 saves all ranks' anchors, and each rank gets its own back."""
    alone = Small("diloco", STREAMING)
    alone.train()
    with led("diloco", STREAMING) as first:
        checkpoint = first.checkpoint(first.train(1), 1.0)
    with led("diloco", STREAMING) as second:
        second.resume(checkpoint)
        second.train(2, first=1)
        assert bits(second.team) == bits(alone.team)


# ---- what is refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"period": 6, "fragments": 4}, "period=6 is no multiple of fragments=4"),
        ({"period": 6, "fragments": 2, "delay": 3}, "delay=3 is not less than the 3 steps"),
        ({"alpha": 1.5}, "diloco.alpha=1.5"),
        ({"alpha": -0.5}, "diloco.alpha=-0.5"),
        ({"outer.lr": 0.0}, "diloco.outer.lr=0.0"),
        ({"outer.rate": 1.0}, "did you mean"),
    ],
)
def test_options_that_do_not_go_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MethodError, match=words):
        methods.create("diloco", options)


def test_options_that_go_together_alone_are_set_one_by_one() -> None:
    """fragments=3 and delay=20 are each invalid with the other options' defaults."""
    parsed, sweeps = settings(["diloco.fragments=3", "diloco.delay=20", "diloco.period=66"])
    assert parsed == {"diloco": {"fragments": "3", "delay": "20", "period": "66"}}
    assert not sweeps
    with pytest.raises(MethodError, match=r"diloco\.delay='many'"):
        settings(["diloco.delay=many"])


def test_more_fragments_than_layers_are_refused() -> None:
    with pytest.raises(MethodError, match="at most 4"):
        methods.create("diloco", {"period": 5, "fragments": 5}).check_layers(4)
