"""Compressed gradients with error feedback: their numbers, bytes, seconds and accounting on every executor."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nan

from benchmarks.executors.errors import WorkerFailed
from benchmarks.executors.numerics.weights import decoded
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Nodes, Price, encoded_bytes
from methods import (
    AllReduce,
    Anchor,
    Channel,
    CodecOptions,
    Compress,
    Delta,
    Get,
    Group,
    NextBatch,
    Program,
    Put,
    Replica,
    Update,
    backward,
    forward,
)
from tests.executors.crews import EXECUTORS, carry_out, crew, program
from tests.executors.teams import team_of
from tests.executors.test_weights import normed

CODEC: Any = CodecOptions
HALF, SIGN, INT8 = CODEC(name="topk", share=0.5), CODEC(name="sign"), CODEC(name="int8")
both = pytest.mark.parametrize("executor", EXECUTORS)
every = pytest.mark.parametrize("codec", [HALF, SIGN, INT8], ids=lambda codec: codec.name)


# ---- the numbers


@pytest.mark.parametrize(
    ("codec", "sent"),
    [
        (HALF, [0.0, -4.0, 2.0, 0.0]),
        (CODEC(name="topk", share=0.01), [0.0, -4.0, 0.0, 0.0]),
        (CODEC(name="topk", share=1.0), [1.0, -4.0, 2.0, -2.0]),
        (SIGN, [2.25, -2.25, 2.25, -2.25]),
        (INT8, [32 * 4 / 127, -4.0, 64 * 4 / 127, -64 * 4 / 127]),
    ],
    ids=str,
)
def test_what_is_sent_of_a_layer(codec: CodecOptions, sent: list[float]) -> None:
    """Entries of all its tensors count together; at least one is sent, and the first of equal ones."""
    parts = decoded(codec, [torch.tensor([1.0, -4.0]), torch.tensor([[2.0], [-2.0]])])
    torch.testing.assert_close(torch.cat([part.flatten() for part in parts]), torch.tensor(sent))
    assert [part.shape for part in parts] == [(2,), (2, 1)]


@every
def test_zeros_stay_zeros_and_what_is_no_number_is_not_hidden(codec: CodecOptions) -> None:
    assert not decoded(codec, [torch.zeros(8)])[0].any()
    assert decoded(codec, [torch.tensor([0.0, nan, 3.0, 1.0])])[0].isnan().any()
    assert decoded(codec, []) == []


def test_of_equal_entries_the_first_are_sent() -> None:
    (sent,) = decoded(CODEC(name="topk", share=0.3), [torch.tensor([1.0, -1.0] * 5)])
    assert sent.tolist() == [1.0, -1.0, 1.0] + [0.0] * 7


@both
@every
def test_what_was_sent_and_the_error_are_all_gradients(executor: str, codec: CodecOptions) -> None:
    team, steps = team_of(steps=5), 5
    originals, sent, errors = list[list[Tensor]](), list[list[Tensor]](), dict[int, Any]()

    def trains() -> Program:
        for _ in range(steps):
            step = yield NextBatch(team.replica)
            yield from forward(team.replica, step)
            parts: list[Any] = yield from backward(team.replica, step)
            originals.append([part.tensors[0].clone() for part in parts])
            for i, part in enumerate(parts):
                previous: Any = errors.get(i)
                before = previous and previous.copies[0].tensors[0].clone()
                parts[i], errors[i] = yield Compress(part, codec, previous)
                assert previous is None or torch.equal(before, previous.copies[0].tensors[0])  # nobody changes one
            sent.append([part.tensors[0].clone() for part in parts])
            yield Update(*parts)

    carry_out(executor, trains(), team=team)
    for i, error in errors.items():
        total, arrived = (sum(step[i] for step in steps) for steps in (originals, sent))
        torch.testing.assert_close(arrived + error.copies[0].tensors[0], total)
        assert not torch.equal(torch.as_tensor(arrived), torch.as_tensor(total))
    team.accounts.end_epoch()
    assert team.counted_effects()["applied"] == 2 * steps
    assert team.accounts.staleness.count == [steps, steps]


@both
def test_running_statistics_go_along_as_they_are(executor: str) -> None:
    team, yielded = team_of(normed(0)), list[Any]()

    def trains() -> Program:
        anchor = yield Anchor(team.replica, team.replica.layers[:1])
        (delta,) = yield Delta(anchor, team.replica)
        yielded.extend([delta, *(yield Compress(delta, SIGN))])

    carry_out(executor, trains(), team=team)
    delta, sent, error = yielded
    params = len(team.replica.layers[0].params)
    assert len(delta.tensors) > params
    assert all(torch.equal(a, b) for a, b in zip(delta.tensors[params:], sent.tensors[params:], strict=True))
    assert (sent.batches, len(error.copies[0].tensors)) == (0, params)
    team.weights["error"] = error
    restored = team_of(normed(1))
    restored.load_state_dict(team.state_dict())
    restored_error: Any = restored.weights["error"]
    assert all(
        torch.equal(a, b) for a, b in zip(restored_error.copies[0].tensors, error.copies[0].tensors, strict=True)
    )


@both
def test_the_error_of_another_layer_is_refused(executor: str) -> None:
    team = team_of()

    def trains() -> Program:
        step = yield NextBatch(team.replica)
        yield from forward(team.replica, step)
        last, first = yield from backward(team.replica, step)
        _, error = yield Compress(last, SIGN)
        yield Compress(first, SIGN, error)

    with pytest.raises(WorkerFailed, match="takes the error of first, and was given that of last"):
        carry_out(executor, trains(), team=team)


# ---- bytes and seconds


def test_bytes_are_those_of_the_code() -> None:
    assert [encoded_bytes(HALF, 4 * size) for size in (0, 1, 100)] == [0, 8, 50 * 8]
    assert [encoded_bytes(SIGN, 4 * size) for size in (0, 1, 8, 9)] == [0, 5, 5, 6]
    assert [encoded_bytes(INT8, 4 * size) for size in (0, 1, 100)] == [0, 5, 104]
    with pytest.raises(ValueError, match="'none' is no codec"):
        encoded_bytes(CODEC(name="none"), 4)


SIZE = 64
LINK = Price([0.0], [0.0], [0.0], [4.0 * SIZE], latency_seconds=0.5, bytes_per_second=2.0)
NODES = Nodes(devices=2, latency_seconds=3.0, bytes_per_second=1.0)


def seconds(members: int, price: Price, codec: CodecOptions) -> float:
    """Returns the seconds of a round that reduces compressed gradients."""
    team, group = SimulatedTeam.of([("only", SIZE)], replicas=members, steps_per_epoch=members), Group(members)

    def member(replica: Replica) -> Program:
        step = yield NextBatch(replica)
        yield from forward(replica, step)
        (gradient,) = yield from backward(replica, step)
        sent, _ = yield Compress(gradient, codec)
        mean = yield AllReduce(group, replica, sent)
        assert mean.sent_bytes is None or members == 1
        yield Update(mean)

    executor = VirtualExecutor(team, price)
    executor.run(crew(*map(member, team.replicas)))
    team.accounts.end_epoch()
    return executor.now


@pytest.mark.parametrize("members", [1, 2, 4])
@every
def test_a_reduction_is_an_all_gather(members: int, codec: CodecOptions) -> None:
    """Each device sends its own bytes to Q - 1 others."""
    assert seconds(members, LINK, codec) == (members - 1) * (0.5 + encoded_bytes(codec, 4 * SIZE) / 2)


def test_between_nodes_it_takes_their_links() -> None:
    """Three hops, at the pace of the one between nodes."""
    price = Price(*([0.0],) * 3, [4.0 * SIZE], latency_seconds=0.5, bytes_per_second=2.0, nodes=NODES)
    assert seconds(4, price, SIGN) == 2 * 0.5 + 3.0 + 3 * encoded_bytes(SIGN, 4 * SIZE)


def test_compressing_costs_an_update_and_sending_the_codecs_bytes() -> None:
    team, channel = SimulatedTeam.of([("only", SIZE)], steps_per_epoch=1), Channel(None)

    def sends() -> Program:
        step = yield NextBatch(team.replica)
        yield from forward(team.replica, step)
        (gradient,) = yield from backward(team.replica, step)
        yield Put(channel, (yield Compress(gradient, SIGN))[0])

    price = Price(*([0.0],) * 3, [4.0 * SIZE], 0.5, 2.0, update_latency_seconds=0.25, update_bytes_per_second=16.0)
    executor = VirtualExecutor(team, price)
    executor.run(crew(sends(), program(Get(channel))))
    assert executor.now == 0.25 + 4 * SIZE / 16 + 0.5 + encoded_bytes(SIGN, 4 * SIZE) / 2
