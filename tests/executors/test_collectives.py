"""Averages, reduced gradients, the consensus, and the assignment of tickets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from benchmarks.executors.numerics.replica import TorchStep
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import checked
from tests.executors.teams import IMAGES, LABELS, RATE, backward, forward, network, team_of, weight

# ---- collectives


def test_an_average_keeps_the_updates_made_meanwhile() -> None:
    """x <- x + (mean of the snapshots - own snapshot) keeps them."""
    team = team_of(network(0), network(1))
    starts = [weight(team, 0, q).clone() for q in range(2)]
    snapshots = [team.flat(replica) for replica in team.replicas]
    gradient = backward(team, forward(team))[1]
    team.update([gradient], "w", 0.0)  # while the average is on its way
    mean = team.mean_flat(snapshots)
    for replica, snapshot in zip(team.replicas, snapshots, strict=True):
        team.add_mean(replica, mean, snapshot)
    torch.testing.assert_close(weight(team, 0, 0), (starts[0] + starts[1]) / 2 - RATE * gradient.tensors[0])
    torch.testing.assert_close(weight(team, 0, 1), (starts[0] + starts[1]) / 2)
    torch.testing.assert_close(weight(team, 1, 0), weight(team, 1, 1))
    assert [(layer.updates, layer.averages) for layer in team.replica.layers] == [(1, 1), (0, 1)]


@pytest.mark.parametrize("averaged", [True, False])
def test_running_statistics_are_averaged_or_left_to_each_device(averaged: bool) -> None:
    norms = [nn.BatchNorm1d(3), nn.BatchNorm1d(3)]
    team = team_of({"norm": norms[0]}, {"norm": norms[1]}, average_buffers=averaged)
    for value, norm in enumerate(norms):
        assert norm.running_mean is not None
        norm.running_mean.fill_(float(value))
    snapshots = [team.flat(replica) for replica in team.replicas]
    for replica, snapshot in zip(team.replicas, snapshots, strict=True):
        team.add_mean(replica, team.mean_flat(snapshots), snapshot)
    means = [float(norm.running_mean.mean()) for norm in norms if norm.running_mean is not None]
    assert means == ([0.5, 0.5] if averaged else [0.0, 1.0])


def test_reduced_gradients_are_alike_and_nobody_elses() -> None:
    """All are applied at the learning rate of the round's first ticket."""
    team = team_of(network(), network())
    gradients = [backward(team, forward(team, q))[1] for q in (0, 1)]
    expected = (gradients[0].tensors[0] + gradients[1].tensors[0]) / 2
    means = team.mean_gradients(gradients)
    torch.testing.assert_close(means[0].tensors[0], expected)
    assert torch.equal(means[0].tensors[0], means[1].tensors[0])
    assert means[0].tensors[0].data_ptr() != means[1].tensors[0].data_ptr()
    assert [mean.layer.device for mean in means] == [0, 1]
    assert [mean.index for mean in means] == [0, 0]


def test_the_consensus_is_the_mean_or_the_first() -> None:
    team = team_of({"norm": nn.BatchNorm1d(3)}, {"norm": nn.BatchNorm1d(3)})
    team.replicas[1].layers[0].module(IMAGES)
    weight(team, 0, 1).fill_(3.0)
    ((mean,), (first,)) = team.consensus("mean"), team.consensus("first")
    assert mean["weight"].tolist() == [2.0] * 3
    assert first["weight"].tolist() == [1.0] * 3
    assert team.consensus("mean", of=[1])[0]["weight"].tolist() == [3.0] * 3
    torch.testing.assert_close(mean["running_mean"], 0.05 * IMAGES.mean(0))
    assert mean["num_batches_tracked"].dtype == torch.int64


# ---- tickets


def ticket_of(team: TorchTeam, replica: int, *, shared: bool = False) -> int:
    """Returns the index of the replica's next batch."""
    return checked(TorchStep, team.next_batch(team.replicas[replica], shared)).index


def test_ticket_i_belongs_to_device_i_mod_q() -> None:
    team = team_of(network(), network(), steps=6)
    tickets: list[list[int]] = [[], []]
    for q in (1, 1, 0, 1, 0, 0):
        tickets[q].append(ticket_of(team, q))
    assert tickets == [[0, 2, 4], [1, 3, 5]]
    assert team.next_batch(team.replicas[0]) is None
    team.begin_epoch(1)
    assert ticket_of(team, 1) == 7


def test_shared_tickets_go_to_whoever_asks() -> None:
    """All tickets are given out in the order of asking; the learning rate depends on the ticket only."""
    team = team_of(network(), network(), steps=6)
    devices = [1, 1, 0, 1, 1, 1]
    assert [ticket_of(team, q, shared=True) for q in devices] == list(range(6))
    assert team.next_batch(team.replicas[0], shared=True) is None
    team.begin_epoch(1)
    assert ticket_of(team, 1, shared=True) == 6


def test_workers_of_a_device_never_share_a_ticket() -> None:
    team = team_of(steps=400)

    def take(_: int) -> list[int]:
        return [step.index for step in iter(lambda: team.next_batch(team.replica), None)]

    with ThreadPoolExecutor(4) as pool:
        tickets = sorted(index for indices in pool.map(take, range(4)) for index in indices)
    assert tickets == list(range(400))


def test_the_accuracy_of_an_epoch_counts_each_sample_once() -> None:
    team = team_of()
    assert team.train_accuracy() != team.train_accuracy()
    right = 0
    for index in range(3):
        logits = (IMAGES + index) @ weight(team, 0).T @ weight(team, 1).T
        right += int((logits.argmax(1) == LABELS).sum())
        forward(team)
    assert team.train_accuracy() == pytest.approx(100 * right / 12)
    team.begin_epoch(1)
    assert team.train_accuracy() != team.train_accuracy()
