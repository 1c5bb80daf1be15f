"""Small training on a real GPU: what the host orders is what the device does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.numerics import streams
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.training import Training
from benchmarks.tables.definition import Row
from benchmarks.workloads.workload import workload
from tests.conformance.small import BATCH, CARD, EPOCHS, SETTINGS, bounded, data, network, price
from tests.executors.teams import IMAGES, LABELS, backward, forward, team_of
from tests.executors.teams import network as linear

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


class OnCuda(Training):
    """The small network of the conformance suite, on the GPU."""

    def __init__(self, method: str, options: Mapping[str, Any] | None = None, *, executor: str = "threads") -> None:
        algorithm, kind = methods.create(method, options), executors.executor(executor)
        fields = workload("cifar10", "resnet18", "smoke", {**SETTINGS, "batch": BATCH, "epochs": EPOCHS})
        card = CARD if kind.needs_card else None
        spec = plan.run(
            fields, Row(method), algorithm, 0, Choices(executor=executor, card=card, device="cuda"), card
        ).spec
        super().__init__(spec, data(), card)
        if kind.needs_card:
            self.executor = kind.build(self.team, price(), self.work.threads)

    def network(self) -> dict[str, nn.Module]:
        return {name: module.cuda() for name, module in network(self.seed).items()}

    def train(self) -> list[dict[str, float]]:
        return bounded(lambda: [self.epoch(epoch) for epoch in range(EPOCHS)])


def weights(run: OnCuda) -> Iterator[Tensor]:
    return (p.detach().cpu() for r in run.team.replicas for layer in r.layers for p in layer.params)


def test_backpropagation_on_streams_is_backpropagation() -> None:
    """To rounding, which 39 updates may amplify."""
    threads, virtual = OnCuda("bp"), OnCuda("bp", executor="virtual")
    losses = [[metrics["train_loss"] for metrics in run.train()] for run in (threads, virtual)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    torch.testing.assert_close(list(weights(threads)), list(weights(virtual)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", methods.names())
def test_the_virtual_clock_repeats_every_method_to_the_last_bit(method: str) -> None:
    one, other = OnCuda(method, executor="virtual"), OnCuda(method, executor="virtual")
    losses = [[metrics["train_loss"] for metrics in run.train()] for run in (one, other)]
    assert losses[0] == losses[1]
    assert all(torch.equal(*pair) for pair in zip(weights(one), weights(other), strict=True))


@pytest.mark.parametrize("method", methods.names())
def test_every_method_trains(method: str) -> None:
    for metrics in OnCuda(method).train():
        assert math.isfinite(metrics["train_loss"])
        assert math.isfinite(metrics["loss"])


@pytest.mark.parametrize(
    "options",
    [{"weights": "forward"}, {"updates": "overwrite"}, {"momentum": "per_updater"}, {"lock_free": True}],
    ids=str,
)
def test_variants_of_async_lu_train(options: dict[str, Any]) -> None:
    assert all(math.isfinite(metrics["train_loss"]) for metrics in OnCuda("async_lu", options).train())


def test_staleness_is_measured_by_the_device() -> None:
    run = OnCuda("async_lu")
    metrics = run.train()[-1]
    assert metrics["staleness_seconds"] > metrics["gradient_wait_seconds"] > 0
    assert metrics["staleness_seconds"] < run.train_seconds


def test_a_read_waits_for_a_write_that_takes_long() -> None:
    """A stream sleeps for about 0.1 s (at 1 to 2 GHz) and then writes; another one reads after it."""
    device = torch.device("cuda")
    device_streams = streams.DeviceStreams(device)
    order = streams.Order(device_streams, torch.no_grad())
    tensor, writer, reader = (
        torch.zeros(1, device=device),
        streams.BatchStream(device_streams),
        streams.BatchStream(device_streams),
    )
    device_streams.synchronize()
    with writer, order.writing():
        torch.cuda._sleep(200_000_000)  # type: ignore[no-untyped-call]
        tensor.fill_(1.0)
    with reader, order.reading():
        copied = tensor.clone()
    device_streams.synchronize()
    assert float(copied) == 1.0


def test_graphs_of_two_batches_do_not_wait_for_each_other() -> None:
    """Autograd would say that a leaf's node has another batch's stream; a warning is an error here."""
    team = team_of({name: module.cuda() for name, module in linear().items()}, streams=True)
    team.batches = lambda epoch, index: (IMAGES.cuda(), LABELS.cuda())
    steps = [forward(team), forward(team)]
    for step in steps:
        team.update(backward(team, step), "w", 0.0)
    team.synchronize()
    assert len(team.replica.slots) == 2


class LastOutput(nn.LSTM):
    """(B, length, 3) -> (B, 2)."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0][:, -1]


@pytest.mark.parametrize("pin", [False, True])
def test_an_lstms_weights_stay_in_one_piece(pin: bool) -> None:
    """Else cuDNN copies them at every call, and PyTorch warns; a warning is an error here."""
    team = team_of({"lstm": LastOutput(3, 2, batch_first=True).cuda()}, streams=True)
    team.batches = lambda epoch, index: (IMAGES[:, None].cuda(), LABELS.cuda())
    for _ in range(3):
        team.update(backward(team, forward(team, pin=pin)), "w", 0.0)
    team.synchronize()


@pytest.mark.parametrize("executor", ["virtual", "threads"])
@pytest.mark.parametrize("method", ["async_lu", "lapsgd"])
def test_a_run_goes_on_from_what_was_copied_to_the_host(method: str, executor: str) -> None:
    run, resumed = OnCuda(method, executor=executor), OnCuda(method, executor=executor)
    checkpoint = run.checkpoint([bounded(lambda: run.epoch(0))], 1.0)
    assert {tensor.device.type for tensor in checkpoint.tensors.values()} == {"cpu"}
    resumed.resume(checkpoint)
    resaved = resumed.checkpoint(checkpoint.progress.evaluations, 1.0)
    assert all(torch.equal(resaved.tensors[name], tensor) for name, tensor in checkpoint.tensors.items())
    assert resaved.progress.team == checkpoint.progress.team
    assert math.isfinite(bounded(lambda: resumed.epoch(1))["train_loss"])
