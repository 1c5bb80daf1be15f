"""A team of replicas, and the numerics of every effect. Executors decide when, and what time means."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.executors.accounts import DryTeam, target
from benchmarks.executors.conflicts import Conflicts
from benchmarks.executors.numerics import averages, state
from benchmarks.executors.numerics.gradients import gradients
from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer, TorchReplica, TorchStep
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.streams import NOTHING, bound_run_ahead, streams_of
from benchmarks.executors.numerics.updates import OptimizerFactory, Updates
from benchmarks.executors.resuming import TeamValues
from benchmarks.executors.staleness import TimedEvent
from methods.effects import LayerVersions, Scale

Autocast = Callable[[], AbstractContextManager[object]]
BatchSource = Callable[[int, int], tuple[Tensor, Tensor]]  # (epoch, index) -> images (B, C, H, W), labels (B,)


class TorchTeam(DryTeam):
    """The replicas of one run, with the numerics of every effect.

    networks: per replica, layer name -> module, all alike; module i takes what module i - 1 gives, the first one images
    (B, C, H, W), and the last gives logits (B, classes). learning_rate: global ticket -> rate. autocast: makes the
    context of a forward pass of lower precision; None: float32. streams: every batch in flight has a stream of its own
    where the device has any; without, all is launched in one thread, on its stream. The rest as in DryTeam.
    """

    def __init__(
        self,
        networks: Sequence[dict[str, nn.Module]],
        *,
        optimizer: OptimizerFactory,
        learning_rate: Callable[[int], float],
        batches: BatchSource,
        steps_per_epoch: int,
        epochs: int,
        shared_momentum: bool = True,
        overwrite: bool = False,
        lock_free: bool = False,
        average_buffers: bool = True,
        streams: bool = False,
        autocast: Autocast | None = None,
        seed: int = 0,
        network: str = "",
        flops: Callable[[], Sequence[float]] | None = None,
    ) -> None:
        self.device = next(p.device for m in networks[0].values() for p in m.parameters())
        self.device_streams = streams_of(self.device)
        self.streams = self.device_streams if streams else None
        replicas = [self._replica(q, modules, lock_free, streams) for q, modules in enumerate(networks)]
        super().__init__(
            replicas, steps_per_epoch=steps_per_epoch, epochs=epochs, seed=seed, network=network, flops=flops
        )
        self.updates = Updates(optimizer, learning_rate, shared_momentum=shared_momentum)
        self.learning_rate, self.batches = learning_rate, batches
        self.overwrite, self.average_buffers = overwrite, average_buffers
        self.autocast = autocast
        by_layer = zip(*(replica.layers for replica in replicas), strict=True)
        self.conflicts = Conflicts([[layer.traffic for layer in same] for same in by_layer])
        self.losses: list[Tensor] = []
        self.right: list[Tensor] = []  # per batch, the samples classified correctly
        self.tickets: list[int] = []  # per batch, in the order in which the losses came
        self.samples = 0
        self.tally: AbstractContextManager[Any] = threading.Lock()

    def _replica(self, q: int, modules: dict[str, nn.Module], lock_free: bool, concurrent: bool) -> TorchReplica:
        layers = [
            TorchLayer(name, i, m, q, lock_free=lock_free, streams=self.streams, concurrent=concurrent)
            for i, (name, m) in enumerate(modules.items())
        ]
        return TorchReplica(q, q, layers, self.streams)

    def begin_epoch(self, epoch: int) -> None:
        super().begin_epoch(epoch)
        self.synchronize()  # what has been done to the weights since then was not on the batches' streams
        self.losses, self.right, self.tickets, self.samples = [], [], [], 0
        self.conflicts.clear()

    def synchronize(self) -> None:
        """Wait until the device is done with all that was launched."""
        if self.device_streams is not None:
            self.device_streams.synchronize()

    @property
    def device_lags(self) -> bool:  # type: ignore[override]
        return self.streams is not None

    def keep_pace(self) -> None:
        if self.streams is not None:
            bound_run_ahead(self.streams)

    def device_time(self) -> TimedEvent | None:
        return None if self.streams is None else self.streams.event(timed=True)

    def mean_loss(self) -> float:
        """Mean training loss over the epoch's batches."""
        return float(torch.stack(self.losses).double().mean()) if self.losses else float("nan")

    def not_finite(self) -> int | None:
        """The epoch's batch, from 0, whose training loss came first of all that are not finite, or None."""
        strange = (~torch.stack(self.losses).isfinite()).nonzero() if self.losses else torch.empty(0)
        return self.tickets[int(strange[0])] % self.steps_per_epoch if len(strange) else None

    def train_accuracy(self) -> float:
        """Percent of the epoch's training samples classified correctly, each before its own update; nan before any."""
        return 100 * float(torch.stack(self.right).sum()) / self.samples if self.right else float("nan")

    def per_layer(self) -> list[dict[str, Any]]:
        """Staleness and conflicts of the epoch's updates, as JSON takes them; once the device is done with them."""
        pairs = zip(self.staleness.per_layer(), self.conflicts.per_layer(), strict=True)
        return [{**staleness, **conflicts} for staleness, conflicts in pairs]

    # ---- effects

    def make_step(self, replica: TorchReplica, i: int) -> TorchStep:
        """Batch i of the epoch, loaded, on its way to the first layer."""
        step = TorchStep(replica, self.epoch * self.steps_per_epoch + i)
        with step.stream:  # so are the copies to the device
            step.activation, step.labels = self.batches(self.epoch, i)
        return step

    def snapshot(self, layer: TorchLayer, step: TorchStep, now: float) -> None:
        if step.slot is None:
            step.slot = step.replica.slot_for(step)
        with step.stream, layer.pinning, layer.read():
            step.slot.pin(layer)
            self.note_read(layer, step, self.device_time() or now)

    def forward(self, layer: TorchLayer, step: TorchStep, now: float) -> None:
        """The step's activation (B, ...) becomes the layer's output; input and output stay on its tape."""
        x = step.activation
        reading, read = (layer.reading, layer.read()) if self.reads(layer, step) else (NOTHING, NOTHING)
        with step.stream, reading, layer.statistics, read:  # BatchNorm's running statistics are written in here
            if step.reads[layer.index] is None:  # else a snapshot has read the weights before
                self.note_read(layer, step, self.device_time() or now)
            y = step.module(layer)(x) if self.autocast is None else self._cast(step.module(layer), x)
        step.tape[layer.index] = (x, y)
        step.activation = y.detach().requires_grad_()

    def reads(self, layer: TorchLayer, step: TorchStep, *, copies: bool = False) -> bool:
        """Whether a pass of the step reads the layer's live weights, and not those that it has pinned."""
        return copies or not step.pins(layer)

    def _cast(self, module: nn.Module, x: Tensor) -> Tensor:
        assert self.autocast is not None
        with self.autocast():
            y: Tensor = module(x)
        return y

    def loss(self, step: TorchStep) -> None:
        """Mean cross-entropy of the logits (B, classes), in float32 whatever the passes are in.

        Its gradient is what the last layer's backward pass takes.
        """
        logits = step.activation
        with step.stream:
            value = nn.functional.cross_entropy(logits.float(), step.labels)
            (step.upstream,) = torch.autograd.grad(value, logits)
            right = (logits.detach().argmax(1) == step.labels).sum()
        with self.tally:
            self.losses.append(value.detach())
            self.right.append(right)
            self.tickets.append(step.index)
            self.samples += len(step.labels)

    def backward(self, layer: TorchLayer, step: TorchStep, *, weights: bool, inputs: bool) -> TorchGradient | None:
        """-> the gradient, a tensor for each of the layer's parameters and shaped like it, unless weights is False.

        inputs: also that of the layer's input (B, ...), for the layer below. Raises AssertionError when the layer's
        forward pass has not been there, or was used up by another backward pass.
        """
        recorded, step.tape[layer.index] = step.tape[layer.index], None
        assert recorded is not None, f"{layer.name} has no activations: its forward pass is missing, or was used up"
        x, y = recorded
        leaves = step.leaves(layer) if weights else []
        into = [x] if inputs and x.requires_grad else []
        live = self.reads(layer, step, copies=self.overwrite and weights)
        reading, read = (layer.reading, layer.read()) if live else (NOTHING, NOTHING)
        seen = step.reads[layer.index]
        assert seen is not None
        with step.stream, reading, read:
            moved = not step.pins(layer) and seen.moved(layer)
            copied = layer.traffic.kept
            copies = [p.data.clone() for p in layer.params] if self.overwrite and weights else None
            grads = gradients(y, [*leaves, *into], step.upstream) if leaves or into else ()
            ready = self.device_time() or 0.0
        step.upstream = grads[-1] if into else None
        if not weights:
            return None
        self.note_gradient(layer, step, moved=moved)
        return TorchGradient(layer, step.index, seen, ready, grads[: len(leaves)], copies, step.stream, copied)

    def update_layer(self, layer: TorchLayer, gradient: TorchGradient, worker: str, now: float, scale: Scale) -> None:
        with gradient.stream:
            super().update_layer(layer, gradient, worker, now, scale)

    def apply(self, layer: TorchLayer, gradient: TorchGradient, worker: str, scale: float) -> None:
        with layer.write(update=True):
            self.updates.apply(layer, gradient, worker, scale)

    def lag(self, gradient: TorchGradient, replica: TorchReplica | None = None) -> LayerVersions:
        with target(gradient, replica).reading:
            return super().lag(gradient, replica)

    # ---- collectives

    def mean_gradients(self, gradients: Sequence[TorchGradient]) -> list[TorchGradient]:
        return averages.mean_gradients(gradients, self.streams)

    @property
    def state_copies(self) -> int:  # type: ignore[override]
        return len(self.updates.state_keys)

    def flat(self, replica: TorchReplica, *, state: bool = False) -> Tensor:
        return averages.flat(replica, buffers=self.average_buffers, state=self._state(state))

    def _state(self, wanted: bool) -> averages.StateOf | None:
        return self.updates.state_of if wanted else None

    def mean_flat(self, vectors: Sequence[Tensor]) -> Tensor:
        return averages.mean_flat(vectors)

    def add_mean(self, replica: TorchReplica, mean: Tensor, snapshot: Tensor, *, state: bool = False) -> None:
        averages.add_mean(replica, mean, snapshot, buffers=self.average_buffers, state=self._state(state))

    def flat_by_layer(self, replica: TorchReplica, *, state: bool = False) -> tuple[Tensor, averages.ByLayer]:
        return averages.flat_by_layer(replica, buffers=self.average_buffers, state=self._state(state))

    def add_mean_by_layer(
        self, replica: TorchReplica, mean: Tensor, snapshot: Tensor, *, state: bool = False
    ) -> averages.ByLayer:
        return averages.add_mean_by_layer(
            replica, mean, snapshot, buffers=self.average_buffers, state=self._state(state)
        )

    # ---- what is evaluated, and what is kept

    def consensus(self, how: str) -> list[dict[str, Tensor]]:
        """Per layer the state to evaluate: the mean of the replicas' weights and float buffers, or the first's."""
        replicas = self.replicas if how == "mean" else self.replicas[:1]
        states = [[layer.module.state_dict() for layer in replica.layers] for replica in replicas]
        return [
            {key: averages.mean_state([s[i][key] for s in states]) for key in state}
            for i, state in enumerate(states[0])
        ]

    def state_dict(self) -> TeamState:
        """All that training on needs, between epochs or at a drain within one.

        Raises ValueError where the method keeps what JSON does not in `state`, RuntimeError while a device is at work.
        """
        layers = [layer for replica in self.replicas for layer in replica.layers]
        others = {name: torch.stack(found) for name, found in (("losses", self.losses), ("right", self.right)) if found}
        others |= {"tickets": torch.tensor(self.tickets)} if self.tickets else {}
        values = TeamValues(
            counts=self.counts(),
            layers=[state.counts(layer) for layer in layers],
            samples=self.samples,
            conflicts=self.conflicts.state(),
        )
        return TeamState(state.kept(layers, others), values)

    def load_state_dict(self, saved: TeamState) -> None:
        """Train on from what `state_dict` gave. Raises ValueError, before any change, where it is of another team."""
        layers = [layer for replica in self.replicas for layer in replica.layers]
        self.check(saved.values.counts)
        state.restore(layers, saved, self.updates)
        self.resume(saved.values.counts)
        self.losses, self.right = (
            list(saved.tensors.get(name, torch.empty(0)).to(self.device)) for name in ("losses", "right")
        )
        self.tickets = saved.tensors.get("tickets", torch.empty(0)).tolist()
        self.samples = saved.values.samples
        self.conflicts.load(saved.values.conflicts)
        self.synchronize()
