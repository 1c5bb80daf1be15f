"""Small real training runs: four layers, random images, and a card whose computation, links and updates all take time.

With `CONFORMANCE_NETWORK=gpt` in the environment (`tox run -e gpt`) the network is a GPT that predicts the next tokens
of a random text, trained by AdamW.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.numerics import state
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.hardware.card import Card, Costs
from benchmarks.hardware.flops import layer_work
from benchmarks.hardware.price import Price
from benchmarks.runner import plan
from benchmarks.runner.training import Training
from benchmarks.workloads.data.cards import Augmentation, card
from benchmarks.workloads.data.images.in_memory import ImageSet
from benchmarks.workloads.data.options import Tokens
from benchmarks.workloads.data.text.windows import WindowSet
from benchmarks.workloads.networks.build import build
from benchmarks.workloads.workload import workload
from methods import Effect, Program, Worker

T = TypeVar("T")

BATCH = 8
STEPS = 7  # full batches in an epoch: neither 2 nor 3 devices divide them
EPOCHS = 3  # LAP-SGD averages every K updates in the last one, LPP-SGD parts gradients in the last two
SHAPE = (1, 6, 6)
CLASSES = 3
GPT = os.environ.get("CONFORMANCE_NETWORK") == "gpt"
TOKENS = Tokens(context=6)
FAMILY, NETWORK = ("tinyshakespeare", "gpt") if GPT else ("cifar10", "resnet18")
SETTINGS: dict[str, Any] = {"augment": True, "price": "flops"}  # its own price, since it is nobody's stand-in
if GPT:
    SETTINGS |= {"augment": False, "tokens.context": TOKENS.context}
PATIENCE_SECONDS = 60.0  # no test's verdict: how long before a hanging one is given up

CARD = Card(
    name="small",
    title="a device for tests",
    source="made up",
    flops_per_second=2e7,
    link=Costs(latency_seconds=2e-4, bytes_per_second=1e7),
    update=Costs(latency_seconds=1e-4, bytes_per_second=1e8),
)


@cache
def data() -> ImageSet | WindowSet:
    """Returns random images or tokens of three classes; three samples are left over after the last full batch."""
    if GPT:
        ids = torch.randint(0, CLASSES, (600,), generator=torch.Generator().manual_seed(7), dtype=torch.int32)
        data_card = replace(card("generated-prose"), characters=CLASSES)
        return WindowSet(data_card, TOKENS, ids[:480], ids[480:], STEPS * BATCH + 3, 19, CLASSES, 1.0)
    described = replace(card("digits"), shape=SHAPE, classes=CLASSES, augmentation=Augmentation(1, True))
    draw = torch.Generator().manual_seed(7)
    images = torch.randint(0, 256, (STEPS * BATCH + 3, *SHAPE), dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, CLASSES, (len(images),), generator=draw)
    return ImageSet(described, images, labels, images[:20], labels[:20])


class Residual(nn.Module):
    """A residual block with BatchNorm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)  # type: ignore[no-any-return]


def network(seed: int) -> dict[str, nn.Module]:
    """Makes a network (B, 1, 6, 6) -> (B, 3), or of tokens (B, 6) -> (B, 6, 3), in four layers."""
    if GPT:
        shape = (TOKENS.context,)
        return build("gpt", classes=CLASSES, shape=shape, vocabulary=CLASSES, width=8, blocks=(2,), heads=2, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` notes its caller for devices that are not there
        return {
            "stem": nn.Sequential(nn.Conv2d(1, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True)),
            "block": Residual(4),
            "pool": nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(True)),
            "head": nn.Linear(8, CLASSES),
        }


@cache
def price() -> Price:
    """Returns the price of the small network on the small card."""
    shape, dtype = ((TOKENS.context,), torch.int64) if GPT else (SHAPE, torch.float32)
    work = layer_work(network(0), (BATCH, *shape), dtype)
    return CARD.price(CARD.seconds_by_flops(work, what="the small network", batch=BATCH))


class Small(Training):
    """A run with its own network, data and card. `batches_used` lists (epoch, index) of its batches in order."""

    def __init__(
        self,
        method: str,
        options: Mapping[str, Any] | None = None,
        *,
        executor: str = "virtual",
        seed: int = 0,
        precision: str = "float32",
        settings: Mapping[str, Any] | None = None,
        record: bool = False,
    ) -> None:
        """settings: of the workload, in addition to the suite's own."""
        algorithm = methods.create(method, options)
        settings = {**SETTINGS, "batch": BATCH, "epochs": EPOCHS, "precision": precision, **(settings or {})}
        fields = workload(FAMILY, NETWORK, "smoke", settings)
        kind = executors.executor(executor)
        card = CARD if kind.needs_card else None
        spec = plan.alone(fields, algorithm, seed, executor=executor, record=record, card=card).spec
        super().__init__(spec, data(), card)
        self.spec = spec
        if kind.needs_card:
            self.executor = kind.build(self.team, price(), self.work.threads)
        self.executor.method = self.method  # type: ignore[attr-defined]  # ranks of a test make workers by themselves
        self.batches_used: list[tuple[int, int]] = []
        self.team.batches = self._noted(self.team.batches)

    def network(self) -> dict[str, nn.Module]:
        return network(self.seed)

    def _noted(self, batches: Callable[[int, int], tuple[Tensor, Tensor]]) -> Any:
        def noted(epoch: int, index: int) -> tuple[Tensor, Tensor]:
            self.batches_used.append((epoch, index))
            return batches(epoch, index)

        return noted

    def until(self, at: Fraction) -> dict[str, float]:
        return bounded(lambda: Training.until(self, at))

    def train(self, epochs: int = EPOCHS, first: int = 0) -> list[dict[str, float]]:
        """Trains a number of epochs, and evaluates after each."""
        return [self.epoch(epoch) for epoch in range(first, first + epochs)]


def bits(team: TorchTeam) -> str:
    """Returns a digest of weights, buffers, optimizer state, counts, and the method's own state."""
    digest = hashlib.sha256()

    def feed(value: Any) -> None:
        if isinstance(value, Tensor):
            digest.update(str((value.dtype, tuple(value.shape))).encode() + value.numpy().tobytes())
        elif isinstance(value, Mapping):
            for key in sorted(value, key=str):
                digest.update(str(key).encode())
                feed(value[key])
        elif isinstance(value, (list, tuple)):
            for item in value:
                feed(item)
        else:
            digest.update(repr(value).encode())

    feed(team.state)
    feed(state.tensors_of_weights(team.weights))
    for layer in (layer for replica in team.replicas for layer in replica.layers):
        feed([layer.module.state_dict(), layer.updates, layer.averages])
        feed(
            {
                worker: [optimizer.state[leaf] for leaf in layer.leaves[worker]]
                for worker, optimizer in layer.optimizers.items()
            }
        )
    return digest.hexdigest()


def weights(team: TorchTeam) -> list[Tensor]:
    """Returns copies of all parameters, replica by replica."""
    return [p.detach().clone() for replica in team.replicas for layer in replica.layers for p in layer.params]


def intercepted(worker: Worker, *, after: int, then: Callable[[], Program]) -> Worker:
    """Returns the worker with another program in place of its own after a number of effects."""

    def program() -> Program:
        value = None
        for _ in range(after):
            try:
                effect: Effect = worker.program.send(value)
            except StopIteration:
                break
            value = yield effect
        worker.program.close()
        yield from then()

    return Worker(program(), device=worker.device, role=worker.role, index=worker.index)


def bounded(run: Callable[[], T]) -> T:
    """Calls the function in a thread, and returns its value or error, so that a hanging test fails."""
    outcome: Future[T] = Future()

    def settle() -> None:
        try:
            outcome.set_result(run())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=settle, name="bounded", daemon=True).start()
    try:
        return outcome.result(PATIENCE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"still running after {PATIENCE_SECONDS:g} s") from None


def run(training: Small, workers: Iterable[Worker]) -> None:
    """Runs one epoch of these workers in the training's executor."""
    bounded(lambda: training.executor.run(list(workers)))
