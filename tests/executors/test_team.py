"""The numerics of effects: which weights a pass uses, what an update changes, who holds which lock."""

from __future__ import annotations

import threading
from typing import Any, Literal
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import EpochAccounting
from benchmarks.executors.errors import EpochUnfinished
from benchmarks.executors.numerics import team as numerics
from benchmarks.executors.numerics.layer import TorchLayer
from benchmarks.executors.numerics.replica import TorchStep
from benchmarks.executors.numerics.team import gradients
from benchmarks.executors.team import checked
from benchmarks.workloads.optimizers import build
from tests.executors.happens_before import FakeDevice
from tests.executors.teams import IMAGES, LABELS, RATE, backward, by_hand, forward, network, sgd, team_of, weight
from tests.sure import sure

# ---- which weights a pass sees


def test_gradients_are_those_of_the_loss() -> None:
    team = team_of()
    last, first = backward(team, forward(team))
    expected = by_hand(IMAGES, weight(team, 0), weight(team, 1))
    torch.testing.assert_close(first.tensors, expected[:1])
    torch.testing.assert_close(last.tensors, expected[1:])


@pytest.mark.parametrize("pin", [False, True])
def test_a_backward_pass_uses_the_weights_of_now_unless_pinned(pin: bool) -> None:
    """An update between the passes is used (theta^v), without an error from autograd; pinned weights are theta^u."""
    team = team_of()
    before = [weight(team, 0).clone(), weight(team, 1).clone()]
    step, other_step = forward(team, pin=pin), forward(team)
    team.update(backward(team, other_step), "another", 0.0)
    assert not torch.equal(weight(team, 1), before[1])
    last, first = backward(team, step)
    expected = by_hand(IMAGES, before[0], before[1], last_now=None if pin else weight(team, 1))
    torch.testing.assert_close(first.tensors, expected[:1])
    torch.testing.assert_close(last.tensors, expected[1:])


def test_a_forward_pass_uses_the_weights_of_now_unless_pinned() -> None:
    team = team_of()
    early = checked(TorchStep, team.next_batch(team.replica))
    late = checked(TorchStep, team.next_batch(team.replica))
    layer = team.replica.layers[0]
    team.snapshot(layer, early, 0.0)
    before = weight(team).clone()
    weight(team).add_(1.0)
    for step in (early, late):
        team.forward(layer, step, 0.0)
    torch.testing.assert_close(early.activation.detach(), IMAGES @ before.T)
    torch.testing.assert_close(late.activation.detach(), (IMAGES + 1) @ (before + 1).T)


def test_running_statistics_are_the_live_ones_even_of_a_pinned_step() -> None:
    norm = nn.BatchNorm1d(3)
    team = team_of({"norm": norm, "last": nn.Linear(3, 2)})
    forward(team, pin=True)
    torch.testing.assert_close(norm.running_mean, 0.1 * IMAGES.mean(0))
    assert int(norm.num_batches_tracked or 0) == 1


def test_a_backward_pass_can_be_had_in_parts() -> None:
    """With weights=False a layer gives no gradient, but the layers below do; with inputs=False the pass ends at the
    layer.
    """
    team, whole_team = team_of(), team_of()
    expected = backward(whole_team, forward(whole_team))
    step = forward(team)
    first, last = team.replica.layers
    assert team.backward(last, step, weights=False, inputs=True) is None
    gradient = sure(team.backward(first, step, weights=True, inputs=False))
    torch.testing.assert_close(gradient.tensors, expected[1].tensors)


def test_activations_are_used_once() -> None:
    team = team_of()
    step = forward(team)
    backward(team, step)
    with pytest.raises(AssertionError, match="last has no activations"):
        backward(team, step)


# ---- one layer's backward pass


def passed() -> tuple[Tensor, list[Tensor], Tensor]:
    """Returns the output of a forward pass, its inputs, and a gradient of the output."""
    draw = torch.Generator().manual_seed(0)
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=draw))
    x = torch.randn(4, 3, generator=draw).requires_grad_()
    return layer(x).tanh(), [*layer.parameters(), x], torch.randn(4, 2, generator=draw)


def test_gradients_are_those_of_torchs_grad_to_the_bit() -> None:
    output, inputs, upstream = passed()
    computed = gradients(output, inputs, upstream)
    output, inputs, upstream = passed()
    expected = torch.autograd.grad(output, inputs, upstream)
    assert all(torch.equal(a, b) for a, b in zip(computed, expected, strict=True))
    assert all(p.grad is None for p in inputs)


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
    """theta <- (the copy from the beginning of the layer's backward pass) - eta G."""
    team = team_of(overwrite=True)
    before = weight(team).clone()
    own, others = (backward(team, step)[1] for step in [forward(team), forward(team)])
    team.update([others], "another", 0.0)
    torch.testing.assert_close(weight(team), before - RATE * others.tensors[0])
    team.update([own], "w", 0.0)
    torch.testing.assert_close(weight(team), before - RATE * own.tensors[0])
    later = backward(team, forward(team))[1]
    now = weight(team).clone()
    team.update([later], "another", 0.0)
    torch.testing.assert_close(weight(team), now - RATE * later.tensors[0])


def test_the_learning_rate_is_that_of_the_gradients_ticket() -> None:
    """The order of updates does not matter."""
    team = team_of(learning_rate=lambda ticket: 0.1 * (ticket + 1))
    gradients = [backward(team, step)[0] for step in [forward(team), forward(team), forward(team)]]
    for ticket in (2, 0, 1):
        before = weight(team, 1).clone()
        team.update([gradients[ticket]], "w", 0.0)
        expected = before - 0.1 * (ticket + 1) * gradients[ticket].tensors[0]
        torch.testing.assert_close(weight(team, 1), expected)


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


def test_a_gradient_can_be_applied_to_another_replica() -> None:
    """That replica's optimizer applies it; its own replica and the gradient do not change."""
    team = team_of(network(0), network(1), optimizer=sgd(momentum=0.9))
    before = [weight(team, 0, q).clone() for q in range(2)]
    gradient = backward(team, forward(team))[1]
    tensor = gradient.tensors[0].clone()
    team.update([gradient], "w", 0.0, team.replicas[1])
    torch.testing.assert_close(weight(team, 0, 1), before[1] - RATE * tensor)
    assert torch.equal(weight(team, 0, 0), before[0])
    team.update([gradient], "w", 0.0)
    torch.testing.assert_close(weight(team, 0, 0), before[0] - RATE * tensor)
    assert torch.equal(gradient.tensors[0], tensor)
    assert [replica.layers[0].updates for replica in team.replicas] == [1, 1]


# ---- locks


class Noting:
    """A lock that records who holds what."""

    def __init__(self, name: str, held: list[str], log: list[tuple[str, ...]]) -> None:
        self.name, self.held, self.log = name, held, log

    def __enter__(self) -> None:
        assert self.name not in self.held
        self.held.append(self.name)
        self.log.append(tuple(self.held))

    def __exit__(self, *exc: object) -> None:
        self.held.remove(self.name)


def test_locks_are_taken_layer_by_layer_and_in_one_order() -> None:
    """A layer's mutex comes before its statistics, and no two layers are locked at once: no deadlock is possible."""
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


@pytest.mark.parametrize("name", ["adam", "lars", "sgd"])
def test_an_optimizers_state_is_made_before_another_worker_uses_it(name: Literal["adam", "lars", "sgd"]) -> None:
    """Two lock-free updates; the second is requested while the first creates the shared state."""
    team = team_of(optimizer=lambda params: build(name, params, lr=99.0, momentum=0.9), lock_free=True)
    gradients = [backward(team, forward(team))[:1] for _ in range(2)]
    layer = gradients[0][0].layer
    others, failures = list[threading.Thread](), list[Exception]()

    def second() -> None:
        try:
            team.update(gradients[1], "second", 0.0)
        except Exception as error:
            failures.append(error)

    def zeros_like(*args: Any, **settings: Any) -> Tensor:
        if not others:
            others.append(threading.Thread(target=second))
            others[0].start()
            others[0].join(0.2)  # it waits for the state; that it could fail meanwhile is what is tested
        return original(*args, **settings)

    original = torch.zeros_like
    with patch.object(torch, "zeros_like", zeros_like):
        team.update(gradients[0], "first", 0.0)
        others[0].join()
    assert failures == []
    serial = team_of(optimizer=lambda params: build(name, params, lr=99.0, momentum=0.9))
    for worker, gradient in zip(("first", "second"), gradients, strict=True):
        serial.updates.apply(serial.replica.layers[layer.index], gradient[0], worker)
    assert torch.equal(weight(team, 1), weight(serial, 1))
    assert isinstance(team_of().replica.layers[0].mutex, type(threading.Lock()))


# ---- slots


def test_a_slot_is_used_again_when_its_step_is_gone() -> None:
    team = team_of()
    first, second = forward(team, pin=True), forward(team, pin=True)
    assert first.slot is not second.slot
    left = first.slot
    del first
    third = checked(TorchStep, team.next_batch(team.replica))
    team.snapshot(team.replica.layers[0], third, 0.0)
    assert third.slot is left
    assert 1 not in third.pinned
    assert len(team.replica.slots) == 2


class LastOutput(nn.LSTM):
    """A layer (B, length, 3) -> (B, 2)."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0][:, -1]


def flattened() -> LastOutput:
    """Returns an LSTM whose weights are one block of memory, as cuDNN needs them."""
    lstm = LastOutput(3, 2, batch_first=True)
    flat, offset = torch.cat([p.data.reshape(-1) for p in lstm.parameters()]), 0
    for p in lstm.parameters():
        p.data = flat[offset : offset + p.numel()].view_as(p)
        offset += p.numel()
    return lstm


def places(module: nn.Module) -> list[int]:
    return [p.data_ptr() for p in module.parameters()]


def test_pinned_weights_of_an_lstm_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot's copies are flattened once; each batch that pins copies its weights into them."""
    team, flattenings = team_of({"lstm": flattened()}), list[nn.Module]()
    layer: TorchLayer = team.replica.layers[0]
    live = places(layer.module)
    monkeypatch.setattr(nn.RNNBase, "flatten_parameters", lambda lstm: flattenings.append(lstm))
    team.batches = lambda epoch, index: (IMAGES[:, None], LABELS)
    addresses = []
    for _ in range(2):
        step = forward(team, pin=True)
        pinned = step.module(layer)
        assert isinstance(pinned, nn.LSTM)
        assert all(a is b for a, b in zip(pinned._flat_weights, step.leaves(layer), strict=True))
        assert all(torch.equal(a, b) for a, b in zip(step.leaves(layer), layer.params, strict=True))
        addresses.append(places(pinned))
        team.update(backward(team, step), "w", 0.0)
        del step
    assert addresses[0] == addresses[1]
    assert addresses[0] != live
    assert flattenings == [pinned]
    team.load_state_dict(team.state_dict())
    assert places(layer.module) == live == [p.data_ptr() for p in layer.optimizers["w"].param_groups[0]["params"]]


def test_leaves_of_a_batch_with_a_stream_are_the_live_weights() -> None:
    """Each batch has parameters of its own for autograd, which share the live weights' memory."""
    device = FakeDevice()
    with patch.object(numerics, "streams_of", lambda _: device):
        team = team_of({"lstm": flattened()}, streams=True)
    layer: TorchLayer = team.replica.layers[0]
    team.batches = lambda epoch, index: (IMAGES[:, None], LABELS)
    first, second = forward(team), forward(team)
    for step in (first, second):
        assert places(step.module(layer)) == places(layer.module)
        assert all(leaf.is_contiguous() for leaf in step.leaves(layer))
    assert not {id(leaf) for leaf in first.leaves(layer)} & {id(p) for p in (*layer.params, *second.leaves(layer))}
    before = layer.params[0].detach().clone()
    team.update(backward(team, first), "w", 0.0)
    assert not torch.equal(second.leaves(layer)[0], before)
    assert torch.equal(second.leaves(layer)[0], layer.params[0])


def test_batches_are_dealt_to_the_replicas_that_are_trained_and_a_server_has_none() -> None:
    accounts = EpochAccounting(["layer"], replicas=3, trained=2, steps_per_epoch=4, epochs=1)
    assert sure(accounts.take(1)).number == 1
    with pytest.raises(ValueError, match="replica 2 has no share"):
        accounts.take(2)
    with pytest.raises(EpochUnfinished, match=r"3 of 4 batches were never taken .*replica 0"):
        accounts.end_epoch()
    assert [sure(accounts.take(q)).number for q in (0, 1, 0)] == [0, 3, 2]
    assert accounts.take(0) is None
