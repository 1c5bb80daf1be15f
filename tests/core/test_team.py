"""The numerics of the effects, on two linear layers and a loss that can be differentiated by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.team import Gradient, Layer, Step, Team

RATE = 0.5
IMAGES = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 1, 0])


def network(seed: int = 0) -> dict[str, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"first": nn.Linear(3, 5, bias=False), "last": nn.Linear(5, 2, bias=False)}


def sgd(**settings: float) -> Callable[..., torch.optim.Optimizer]:
    return lambda params: torch.optim.SGD(params, lr=99.0, fused=True, **settings)  # type: ignore[arg-type]


def team_of(*networks: dict[str, nn.Module], optimizer: Any = None, steps: int = 6, **settings: Any) -> Team:
    made = Team(
        networks or [network()],
        optimizer=optimizer or sgd(),
        learning_rate=settings.pop("learning_rate", lambda ticket: RATE),
        batches=lambda epoch, index: (IMAGES + index, LABELS),
        steps_per_epoch=steps,
        epochs=2,
        **settings,
    )
    made.begin_epoch(0)
    return made


def forward(team: Team, replica: int = 0, pin: bool = False) -> Step:
    """A step after its forward pass and loss."""
    step: Step = team.next_batch(team.replicas[replica])
    for layer in team.replicas[replica].layers:
        if pin:
            team.snapshot(layer, step, 0.0)
        team.forward(layer, step, 0.0)
    team.loss(step)
    return step


def backward(team: Team, step: Step) -> list[Gradient]:
    """Last layer first."""
    gradients = [team.backward(layer, step, weights=True, inputs=True) for layer in reversed(step.replica.layers)]
    return [gradient for gradient in gradients if gradient is not None]


def weight(team: Team, layer: int = 0, replica: int = 0) -> Tensor:
    live: Layer = team.replicas[replica].layers[layer]
    return live.params[0].data


def by_hand(x: Tensor, first: Tensor, last: Tensor, last_now: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Gradients of (first, last); the backward pass goes through `last_now`."""
    hidden = x @ first.T
    upstream = (torch.softmax(hidden @ last.T, 1) - nn.functional.one_hot(LABELS, 2)) / len(x)
    return (upstream @ (last if last_now is None else last_now)).T @ x, upstream.T @ hidden


# ---- which weights a pass sees


def test_gradients_are_those_of_the_loss() -> None:
    team = team_of()
    last, first = backward(team, forward(team))
    expected = by_hand(IMAGES, weight(team, 0), weight(team, 1))
    torch.testing.assert_close(first.tensors, expected[:1])
    torch.testing.assert_close(last.tensors, expected[1:])


@pytest.mark.parametrize("pin", [False, True])
def test_a_backward_pass_uses_the_weights_of_now_unless_pinned(pin: bool) -> None:
    """theta^v: an update between the passes, in place, is seen, and autograd does not mind; pinned, theta^u."""
    team = team_of()
    before = [weight(team, 0).clone(), weight(team, 1).clone()]
    step, other = forward(team, pin=pin), forward(team)
    team.update(backward(team, other), "another", 0.0)
    assert not torch.equal(weight(team, 1), before[1])
    last, first = backward(team, step)
    expected = by_hand(IMAGES, before[0], before[1], last_now=None if pin else weight(team, 1))
    torch.testing.assert_close(first.tensors, expected[:1])
    torch.testing.assert_close(last.tensors, expected[1:])


def test_a_forward_pass_uses_the_weights_of_now_unless_pinned() -> None:
    team = team_of()
    early: Step = team.next_batch(team.replica)
    late: Step = team.next_batch(team.replica)
    layer = team.replica.layers[0]
    team.snapshot(layer, early, 0.0)
    before = weight(team).clone()
    weight(team).add_(1.0)
    for step in (early, late):
        team.forward(layer, step, 0.0)
    torch.testing.assert_close(early.activation.detach(), IMAGES @ before.T)
    torch.testing.assert_close(late.activation.detach(), (IMAGES + 1) @ (before + 1).T)


def test_pinned_weights_are_not_touched_by_an_update_of_their_own_gradient() -> None:
    """The gradient of pinned weights is applied to the live ones."""
    team = team_of()
    before = weight(team, 1).clone()
    step = forward(team, pin=True)
    weight(team, 1).add_(1.0)
    last, _ = backward(team, step)
    team.update([last], "w", 0.0)
    torch.testing.assert_close(weight(team, 1), before + 1 - RATE * last.tensors[0])


def test_a_pinned_read_is_that_of_the_snapshot() -> None:
    team = team_of()
    layer = team.replica.layers[0]
    step: Step = team.next_batch(team.replica)
    team.snapshot(layer, step, 1.0)
    layer.updates += 3
    team.forward(layer, step, 2.0)
    assert step.reads[0] is not None
    assert (step.reads[0].updates, step.reads[0].time) == (0, 1.0)


def test_running_statistics_are_the_live_ones_even_of_a_pinned_step() -> None:
    norm = nn.BatchNorm1d(3)
    team = team_of({"norm": norm, "last": nn.Linear(3, 2)})
    forward(team, pin=True)
    torch.testing.assert_close(norm.running_mean, 0.1 * IMAGES.mean(0))
    assert int(norm.num_batches_tracked or 0) == 1


def test_a_backward_pass_can_be_had_in_parts() -> None:
    """Inputs only gives no gradient but the layers below their due; weights only ends the pass."""
    team, whole = team_of(), team_of()
    expected = backward(whole, forward(whole))
    step = forward(team)
    first, last = team.replica.layers
    assert team.backward(last, step, weights=False, inputs=True) is None
    gradient = team.backward(first, step, weights=True, inputs=False)
    assert gradient is not None
    torch.testing.assert_close(gradient.tensors, expected[1].tensors)


def test_activations_are_used_once() -> None:
    team = team_of()
    step = forward(team)
    backward(team, step)
    with pytest.raises(AssertionError, match="last has no activations"):
        backward(team, step)


# ---- updates


def test_updates_add_up() -> None:
    team = team_of()
    before = weight(team).clone()
    steps = [forward(team), forward(team)]
    gradients = [backward(team, step)[1] for step in steps]
    for gradient in gradients:
        team.update([gradient], "w", 0.0)
    torch.testing.assert_close(weight(team), before - RATE * (gradients[0].tensors[0] + gradients[1].tensors[0]))


def test_an_overwriting_update_loses_what_others_added_meanwhile() -> None:
    """theta <- (the copy from the beginning of this layer's backward pass) - eta G."""
    team = team_of(overwrite=True)
    before = weight(team).clone()
    mine, theirs = (backward(team, step)[1] for step in [forward(team), forward(team)])
    team.update([theirs], "another", 0.0)
    torch.testing.assert_close(weight(team), before - RATE * theirs.tensors[0])
    team.update([mine], "w", 0.0)
    torch.testing.assert_close(weight(team), before - RATE * mine.tensors[0])
    later = backward(team, forward(team))[1]
    now = weight(team).clone()
    team.update([later], "another", 0.0)
    torch.testing.assert_close(weight(team), now - RATE * later.tensors[0])


def test_the_learning_rate_is_that_of_the_gradients_ticket() -> None:
    """In whatever order gradients are applied."""
    team = team_of(learning_rate=lambda ticket: 0.1 * (ticket + 1))
    gradients = [backward(team, step)[0] for step in [forward(team), forward(team), forward(team)]]
    for ticket in (2, 0, 1):
        before = weight(team, 1).clone()
        team.update([gradients[ticket]], "w", 0.0)
        expected = before - 0.1 * (ticket + 1) * gradients[ticket].tensors[0]
        torch.testing.assert_close(weight(team, 1), expected)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_and_weight_decay_are_torchs(nesterov: bool) -> None:
    """v <- mu v + (g + lambda w); w <- w - eta v, or w - eta (g + lambda w + mu v): on the live weights."""
    mu, decay = 0.9, 0.01
    team = team_of(optimizer=sgd(momentum=mu, weight_decay=decay, nesterov=nesterov))
    w, v = weight(team).clone(), torch.zeros(5, 3)
    for _ in range(4):
        gradient = backward(team, forward(team))[1]
        g = gradient.tensors[0] + decay * w
        v = mu * v + g
        w = w - RATE * (g + mu * v if nesterov else v)
        team.update([gradient], "w", 0.0)
        torch.testing.assert_close(weight(team), w)


@pytest.mark.parametrize("shared", [True, False])
def test_momentum_is_the_layers_or_the_workers(shared: bool) -> None:
    team = team_of(optimizer=sgd(momentum=0.9), shared_momentum=shared)
    w = weight(team).clone()
    velocity = {name: torch.zeros(5, 3) for name in "ab"}
    for name in "abba":
        gradient = backward(team, forward(team))[1]
        key = "a" if shared else name
        velocity[key] = 0.9 * velocity[key] + gradient.tensors[0]
        w -= RATE * velocity[key]
        team.update([gradient], name, 0.0)
        torch.testing.assert_close(weight(team), w)
    a, b = (next(iter(team.replica.layers[0].optimizers[name].state.values())) for name in "ab")
    assert (a["momentum_buffer"] is b["momentum_buffer"]) == shared
    assert team.replica.layers[1].optimizers == {}


def test_nobody_leaves_gradients_behind() -> None:
    team = team_of()
    team.update(backward(team, forward(team)), "w", 0.0)
    for layer in team.replica.layers:
        leaves = [*layer.params, *layer.optimizers["w"].param_groups[0]["params"]]
        assert all(leaf.grad is None for leaf in leaves)
        assert all(leaf.data_ptr() == layer.params[0].data_ptr() for leaf in leaves)


# ---- locks


class Noting:
    """A lock that writes down who holds what."""

    def __init__(self, name: str, held: list[str], log: list[tuple[str, ...]]) -> None:
        self.name, self.held, self.log = name, held, log

    def __enter__(self) -> None:
        assert self.name not in self.held
        self.held.append(self.name)
        self.log.append(tuple(self.held))

    def __exit__(self, *exc: object) -> None:
        self.held.remove(self.name)


def test_locks_are_taken_layer_by_layer_and_in_one_order() -> None:
    """A layer's mutex before its statistics, and no two layers at once: nobody can wait in a circle."""
    team = team_of(network(0), network(1))
    held: list[str] = []
    log: list[tuple[str, ...]] = []
    for replica in team.replicas:
        for layer in replica.layers:
            layer.mutex = Noting(f"mutex {layer.name}", held, log)
            layer.statistics = Noting(f"statistics {layer.name}", held, log)
    team.update(backward(team, forward(team, pin=True)), "w", 0.0)
    flat = [team.flat(replica) for replica in team.replicas]
    team.add_mean(team.replica, team.mean_flat(flat), flat[0])
    assert set(log) == {
        *((f"{lock} {layer}",) for lock in ("mutex", "statistics") for layer in ("first", "last")),
        *((f"mutex {layer}", f"statistics {layer}") for layer in ("first", "last")),
    }


def test_lock_free_takes_no_mutex() -> None:
    assert not isinstance(team_of(lock_free=True).replica.layers[0].mutex, type(threading.Lock()))
    assert isinstance(team_of().replica.layers[0].mutex, type(threading.Lock()))


# ---- slots


def test_only_a_pinning_step_has_a_slot() -> None:
    team = team_of()
    step = forward(team)
    assert step.slot is None
    assert team.replica.slots == []


def test_a_slot_is_used_again_when_its_step_is_gone() -> None:
    team = team_of()
    one, two = forward(team, pin=True), forward(team, pin=True)
    assert one.slot is not two.slot
    left = one.slot
    del one
    three: Step = team.next_batch(team.replica)
    team.snapshot(team.replica.layers[0], three, 0.0)
    assert three.slot is left
    assert not three.pins(team.replica.layers[1])
    assert len(team.replica.slots) == 2


# ---- collectives


def test_an_average_keeps_the_updates_made_meanwhile() -> None:
    """x <- x + (mean of the snapshots - own snapshot)."""
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
    """All at the rate of the round's first ticket."""
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
    torch.testing.assert_close(mean["running_mean"], 0.05 * IMAGES.mean(0))
    assert mean["num_batches_tracked"].dtype == torch.int64


# ---- tickets


def test_ticket_i_belongs_to_device_i_mod_q() -> None:
    team = team_of(network(), network(), steps=6)
    taken: list[list[int]] = [[], []]
    for q in (1, 1, 0, 1, 0, 0):
        taken[q].append(team.next_batch(team.replicas[q]).index)
    assert taken == [[0, 2, 4], [1, 3, 5]]
    assert team.next_batch(team.replicas[0]) is None
    team.begin_epoch(1)
    assert team.next_batch(team.replicas[1]).index == 7


def test_workers_of_a_device_never_share_a_ticket() -> None:
    team = team_of(steps=400)

    def take(_: int) -> list[int]:
        return [step.index for step in iter(lambda: team.next_batch(team.replica), None)]

    with ThreadPoolExecutor(4) as pool:
        taken = sorted(index for indices in pool.map(take, range(4)) for index in indices)
    assert taken == list(range(400))


def test_the_loss_of_an_epoch_is_the_mean_over_its_batches() -> None:
    team = team_of()
    losses = []
    for index in range(3):
        x = IMAGES + index
        losses.append(nn.functional.cross_entropy(x @ weight(team, 0).T @ weight(team, 1).T, LABELS))
        forward(team)
    assert team.mean_loss() == pytest.approx(float(torch.stack(losses).mean()))
    team.begin_epoch(1)
    assert team.mean_loss() != team.mean_loss()
