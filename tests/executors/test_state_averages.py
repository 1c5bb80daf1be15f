"""Averages that include the optimizer's state."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from benchmarks.workloads.optimizers import build
from methods import Average, Group
from tests.executors.crews import crew, program
from tests.executors.teams import backward, forward, network, sgd, team_of, weight


def momenta(team: TorchTeam) -> list[torch.Tensor]:
    return [team.updates.state_of(replica.layers[0])[0].clone() for replica in team.replicas]


def average(team: TorchTeam, *, state: bool) -> None:
    snapshots = [team.flat(replica, state=state) for replica in team.replicas]
    mean = team.mean_flat(snapshots)
    for replica, snapshot in zip(team.replicas, snapshots, strict=True):
        team.add_mean(replica, mean, snapshot, state=state)


def trained(**settings: Any) -> TorchTeam:
    team = team_of(network(0), network(1), optimizer=sgd(momentum=0.9), steps=8, **settings)
    for q in (0, 1):
        team.update(backward(team, forward(team, q)), f"updater 0 on device {q}", 0.0)
    return team


def test_momentum_goes_with_the_weights_if_asked_for() -> None:
    team = trained()
    before, weights = momenta(team), [weight(team, 0, q).clone() for q in (0, 1)]
    average(team, state=False)
    assert all(torch.equal(a, b) for a, b in zip(momenta(team), before, strict=True))
    average(team, state=True)
    for q in (0, 1):
        torch.testing.assert_close(momenta(team)[q], (before[0] + before[1]) / 2)
        torch.testing.assert_close(weight(team, 0, q), (weights[0] + weights[1]) / 2)


def test_adams_two_moments_go_and_its_count_stays() -> None:
    def adam(params: Any) -> torch.optim.Optimizer:
        return build("adam", params, lr=0.1, momentum=0.9)

    team = team_of(network(0), network(1), optimizer=adam, steps=8)
    for q, steps in ((0, 2), (1, 1)):
        for _ in range(steps):
            team.update(backward(team, forward(team, q)), f"updater 0 on device {q}", 0.0)
    assert team.updates.state_keys(team.replica.layers[0]) == [("exp_avg", 0), ("exp_avg_sq", 0)]
    assert team.state_copies == 2
    average(team, state=True)
    first, second = (team.updates.state_of(replica.layers[0]) for replica in team.replicas)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b)
    counts = [next(iter(r.layers[0].optimizers.values())).state for r in team.replicas]
    assert [float(next(iter(states.values()))["step"]) for states in counts] == [2, 1]


def test_muons_momentum_goes_beside_adamws_moments() -> None:
    """The first layer's matrix is trained by Muon, the last layer by AdamW."""
    networks = [network(0), network(1)]
    for layers in networks:
        vars(layers["first"].weight)["muon"] = True
    team = team_of(*networks, optimizer=lambda params: build("muon", params, lr=0.1, momentum=0.9), steps=8)
    team.update(backward(team, forward(team)), "w", 0.0)
    assert [len(team.updates.state_of(layer)) for replica in team.replicas for layer in replica.layers] == [1, 2, 1, 2]
    average(team, state=True)
    assert momenta(team)[0].any()
    assert not momenta(team)[1].any()  # was never updated


def test_what_was_never_updated_has_a_state_of_0() -> None:
    """It counts in the mean, and gets no state."""
    team = team_of(network(0), network(1), optimizer=sgd(momentum=0.9))
    team.update(backward(team, forward(team)), "w", 0.0)
    (before, nothing) = momenta(team)
    assert not nothing.any()
    average(team, state=True)
    assert torch.allclose(momenta(team)[0], before / 2)
    assert not momenta(team)[1].any()


def test_states_of_several_workers_are_refused() -> None:
    team = team_of(network(0), network(1), optimizer=sgd(momentum=0.9), shared_momentum=False)
    for worker in ("updater 0", "updater 1"):
        team.update(backward(team, forward(team)), worker, 0.0)
    with pytest.raises(ValueError, match=r"and first has 2: set momentum=shared"):
        average(team, state=True)


@pytest.mark.parametrize(("state", "copies"), [(False, 1), (True, 2)])
def test_its_bytes_take_their_time(state: bool, copies: int) -> None:
    team = trained()
    price = Price([0.0] * 2, [0.0] * 2, [0.0] * 2, [8.0, 4.0], bytes_per_second=1.0)
    executor, group = VirtualExecutor(team, price), Group(2)
    executor.run(crew(*(program(Average(group, replica, state=state)) for replica in team.replicas)))
    assert executor.now == price.all_reduce([0, 1] * copies, range(2)) == 12 * copies
