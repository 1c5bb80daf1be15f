"""The team with tensors: the numerics of every effect. Executors decide when, and what time means."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import cast

import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Gradient, Layer, Moment, Ticket, Weights
from benchmarks.executors.counts import LayerConflicts, TeamValues
from benchmarks.executors.numerics import state, weights
from benchmarks.executors.numerics.layer import Clip, OptimizerFactory, TorchGradient, TorchLayer, Updates, total
from benchmarks.executors.numerics.replica import TorchReplica, TorchStep
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.streams import NO_CONTEXT, bound_run_ahead, streams_of
from benchmarks.executors.numerics.weights import ByLayer, LayerWeights, TorchWeights, complete
from benchmarks.executors.team import Team, checked, factor, target
from methods import effects as e

Autocast = Callable[[], AbstractContextManager[object]]
BatchSource = Callable[[int, int], tuple[Tensor, Tensor]]  # (epoch, index) -> inputs (B, ...), targets
OutputFunction = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) -> a scalar, such as the mean loss of a batch."""


def gradients(output: Tensor, inputs: Sequence[Tensor], upstream: Tensor | None) -> tuple[Tensor, ...]:
    """Returns the gradients of inputs, given the output's: as torch.autograd.grad, freeing the graph as well.

    It skips torch's own check of shapes, which imports torch's compiler: a third of the time in which a training
    process starts, and a tenth of a narrow layer's backward pass. The engine still refuses a wrong shape.
    """
    engine = torch.autograd.Variable._execution_engine
    return engine.run_backward((output,), (upstream,), False, False, tuple(inputs), False, accumulate_grad=False)


class TorchTeam(Team):
    """The replicas of one run, with the numerics of every effect.

    networks: per replica, layer name -> module; module i takes the output of module i - 1, the first one inputs (B,
    ...). loss: (outputs in float32, targets) -> scalar. right: (outputs, targets) -> how many targets were hit; None:
    that is not counted. learning_rate: global ticket -> rate. overwrite, lock_free: variants of updates (options of
    methods). autocast: makes the context of a forward pass of lower precision; None: float32. streams: whether every
    batch in flight has a stream of its own where the device has any. The rest as in Team.
    """

    replicas: Sequence[TorchReplica]
    replica: TorchReplica

    def __init__(
        self,
        networks: Sequence[dict[str, nn.Module]],
        *,
        optimizer: OptimizerFactory,
        loss: OutputFunction,
        right: OutputFunction | None,
        learning_rate: Callable[[int], float],
        batches: BatchSource,
        steps_per_epoch: int,
        epochs: int,
        shared_momentum: bool = True,
        clip: Clip | None = None,
        overwrite: bool = False,
        lock_free: bool = False,
        average_buffers: bool = True,
        streams: bool = False,
        autocast: Autocast | None = None,
        seed: int = 0,
        network: str = "",
        flops: Callable[[], Sequence[float]] | None = None,
        shards: int = 1,
        trained: int | None = None,
    ) -> None:
        self.device = next(p.device for m in networks[0].values() for p in m.parameters())
        self.device_streams = streams_of(self.device)
        self.streams = self.device_streams if streams else None
        replicas = [self._replica(q, modules, lock_free, streams) for q, modules in enumerate(networks)]
        super().__init__(
            replicas,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            seed=seed,
            network=network,
            flops=flops,
            shards=shards,
            trained=trained,
        )
        self.device_lags = self.streams is not None
        self.updates = Updates(optimizer, learning_rate, shared_momentum=shared_momentum, clip=clip)
        self.learning_rate, self.batches = learning_rate, batches
        self.overwrite, self.average_buffers = overwrite, average_buffers
        self.autocast, self.loss_of, self.right_of = autocast, loss, right
        self.losses: list[Tensor] = []
        self.right: list[Tensor] = []  # per batch, how many targets were hit
        self.none_right = torch.zeros((), dtype=torch.int64, device=self.device)
        self.tickets: list[int] = []  # per batch, in the order in which the losses came
        self.targets = 0  # of all batches
        self.tally: AbstractContextManager[object] = threading.Lock()

    def _replica(self, q: int, modules: dict[str, nn.Module], lock_free: bool, concurrent: bool) -> TorchReplica:
        layers = [
            TorchLayer(name, i, m, q, lock_free=lock_free, streams=self.streams, concurrent=concurrent)
            for i, (name, m) in enumerate(modules.items())
        ]
        return TorchReplica(q, q, layers, self.streams)

    @property
    def layers(self) -> list[TorchLayer]:
        """The layers of all replicas, one replica after the other."""
        return [layer for replica in self.replicas for layer in replica.layers]

    def begin_epoch(self, epoch: int) -> None:
        super().begin_epoch(epoch)
        self.synchronize()  # changes of the weights between epochs are not on the batches' streams
        self.losses, self.right, self.tickets, self.targets = [], [], [], 0
        for layer in self.layers:
            layer.access_counter.clear()

    def synchronize(self) -> None:
        """Blocks the host until the device has done all that was launched."""
        if self.device_streams is not None:
            self.device_streams.synchronize()

    def keep_pace(self) -> None:
        if self.streams is not None:
            bound_run_ahead(self.streams)

    def device_time(self) -> Moment:
        """Returns an event for this moment, where the device runs behind the host; else 0."""
        return 0.0 if self.streams is None else self.streams.event(timed=True)

    # ---- what is measured

    def mean_loss(self) -> float:
        """Returns the mean training loss over the epoch's batches."""
        return float(torch.stack(self.losses).double().mean()) if self.losses else float("nan")

    def not_finite(self) -> int | None:
        """Returns the first of the epoch's batches, from 0, whose training loss is not finite, or None."""
        bad = (~torch.stack(self.losses).isfinite()).nonzero() if self.losses else torch.empty(0)
        return self.tickets[int(bad[0])] % self.steps_per_epoch if len(bad) else None

    def train_accuracy(self) -> float:
        """Returns the percentage of the epoch's targets that were hit, each before its own update; else NaN."""
        if self.right_of is None or not self.right:
            return float("nan")
        return 100 * float(torch.stack(self.right).sum()) / self.targets

    def conflicts(self) -> list[LayerConflicts]:
        """Returns the epoch's conflicts per layer, over all replicas."""
        by_layer = zip(*(replica.layers for replica in self.replicas), strict=True)
        return [total(layer.access_counter.counts() for layer in copies) for copies in by_layer]

    def per_layer(self) -> list[dict[str, object]]:
        """Returns staleness and conflicts per layer, as JSON, once the device has done the epoch's updates."""
        pairs = zip(self.accounts.staleness.per_layer(), self.conflicts(), strict=True)
        return [{**staleness, **conflicts} for staleness, conflicts in pairs]

    # ---- effects

    def make_step(self, replica: e.Replica, ticket: Ticket) -> TorchStep:
        """Returns the batch of this ticket, loaded, before its first layer."""
        step = TorchStep(checked(TorchReplica, replica), self.epoch * self.steps_per_epoch + ticket.number)
        with step.stream:  # for the copies to the device
            step.activation, step.targets = self.batches(self.epoch, ticket.batch)
        return step

    def snapshot(self, layer: e.Layer, step: e.Step, now: float) -> None:
        layer, step = checked(TorchLayer, layer), checked(TorchStep, step)
        if step.slot is None:
            step.slot = step.replica.slot_for(step)
        with step.stream, layer.pinning, layer.reading_weights():
            step.slot.pin(layer)
            step.pinned.add(layer.index)
            self.note_read(layer, step, self.device_time() or now)

    def forward(self, layer: e.Layer, step: e.Step, now: float) -> None:
        """Replaces the step's activation (B, ...) by the layer's output; input and output stay on its tape."""
        layer, step = checked(TorchLayer, layer), checked(TorchStep, step)
        x, step.forwarded = step.activation, True
        live = self.reads(layer, step)
        reading, counting = (layer.reading, layer.reading_weights()) if live else (NO_CONTEXT, NO_CONTEXT)
        with step.stream, reading, layer.statistics, counting:  # BatchNorm's running statistics are written in here
            if step.reads[layer.index] is None:  # else a snapshot has read the weights before
                self.note_read(layer, step, self.device_time() or now)
            with self.autocast() if self.autocast is not None else NO_CONTEXT:
                y: Tensor = step.module(layer)(x)
        step.tape[layer.index] = (x, y)
        step.activation = y.detach().requires_grad_()

    def reads(self, layer: e.Layer, step: e.Step, *, copies: bool = False) -> bool:
        """Returns whether a pass of the step reads the layer's live weights, instead of a pinned copy."""
        return copies or layer.index not in checked(TorchStep, step).pinned

    def loss(self, step: e.Step) -> None:
        """Computes the mean loss of the outputs, in float32, and its gradient, from which the backward pass starts."""
        step = checked(TorchStep, step)
        outputs = step.activation
        with step.stream:
            value = self.loss_of(outputs.float(), step.targets)
            (step.upstream,) = torch.autograd.grad(value, outputs)
            right = self.right_of(outputs.detach(), step.targets) if self.right_of is not None else self.none_right
        with self.tally:
            self.losses.append(value.detach())
            self.right.append(right)
            self.tickets.append(step.index)
            self.targets += step.targets.numel()

    def backward(self, layer: e.Layer, step: e.Step, *, weights: bool, inputs: bool) -> TorchGradient | None:
        """Returns the layer's gradient, one tensor per parameter, if `weights`.

        inputs: also computes that of the layer's input (B, ...), for the layer below. Raises AssertionError when the
        layer's forward pass is missing, or was used up by another backward pass.
        """
        layer, step = checked(TorchLayer, layer), checked(TorchStep, step)
        recorded, step.tape[layer.index] = step.tape[layer.index], None
        assert recorded is not None, f"{layer.name} has no activations: its forward pass is missing, or was used up"
        x, y = recorded
        leaves = step.leaves(layer) if weights else []
        into = [x] if inputs and x.requires_grad else []
        live = self.reads(layer, step, copies=self.overwrite and weights)
        reading, counting = (layer.reading, layer.reading_weights()) if live else (NO_CONTEXT, NO_CONTEXT)
        read, pinned = step.read(layer), layer.index in step.pinned
        with step.stream, reading, counting:
            moved = not pinned and read.moved(layer)
            copied = layer.access_counter.kept
            copies = [p.data.clone() for p in layer.params] if self.overwrite and weights else None
            grads = gradients(y, [*leaves, *into], step.upstream) if leaves or into else ()
            ready = self.device_time()
        step.upstream = grads[-1] if into else None
        if not weights:
            return None
        self.accounts.count_gradient(step, pinned=pinned, moved=moved)
        return TorchGradient(layer, step.index, read, ready, grads[: len(leaves)], copies, step.stream, copied)

    def begin_update(self, gradients: Sequence[e.Gradient]) -> None:
        """Counts an `Update`; where clipping is by the norm of all layers, computes the factor.

        Raises ValueError where the gradients are then not one of each layer.
        """
        super().begin_update(gradients)
        self.updates.clip_together(
            [checked(TorchGradient, gradient) for gradient in gradients], len(self.replica.layers)
        )

    def update_layer(self, layer: Layer, gradient: Gradient, worker: str, now: float, scale: e.Scale) -> None:
        layer, gradient = checked(TorchLayer, layer), checked(TorchGradient, gradient)
        with gradient.stream, layer.mutex:
            lag = gradient.lag(layer)
            rate_factor = factor(scale, lag.staleness)
            with layer.writing_weights(update=True):
                self.updates.apply(layer, gradient, worker, rate_factor)
            layer.updates += 1
            at = self.device_time() or now
        self.accounts.note_staleness(layer, gradient, lag.now, at)

    def lag(self, gradient: e.Gradient, replica: e.Replica | None = None) -> e.LayerVersions:
        with checked(TorchLayer, target(checked(Gradient, gradient), replica)).reading:
            return super().lag(gradient, replica)

    # ---- collectives

    @property
    def state_copies(self) -> int:
        layers = [layer for layer in self.replica.layers if layer.params]
        numbers = sum(layer.params[i].numel() for layer in layers for _, i in self.updates.state_keys(layer))
        return round(numbers / sum(layer.size for layer in layers))

    def mean_gradients(self, gradients: Sequence[Gradient]) -> list[TorchGradient]:
        return weights.mean_gradients([checked(TorchGradient, gradient) for gradient in gradients], self.streams)

    def add_up(self, gradients: Sequence[Gradient], *, mean: bool) -> TorchGradient:
        return weights.add_up([checked(TorchGradient, gradient) for gradient in gradients], self.streams, mean=mean)

    def encode(self, gradient: Gradient, codec: e.Codec, error: Weights | None) -> tuple[TorchGradient, TorchWeights]:
        record, before = checked(TorchGradient, gradient), None if error is None else checked(TorchWeights, error)
        return weights.compressed(record, codec, before, self.replicas[record.layer.device], self.streams)

    def flat(self, replica: e.Replica, *, state: bool = False) -> Tensor:
        return complete(self.flat_by_layer(replica, state=state))

    def flat_by_layer(self, replica: e.Replica, *, state: bool = False) -> ByLayer[Tensor]:
        """Copies weights, float buffers and optimizer states into one vector (n,)."""
        layers = [layer for layer in checked(TorchReplica, replica).layers if self._averaged(layer, state)]
        sizes = [sum(t.numel() for t in self._averaged(layer, state)) for layer in layers]
        vector = torch.empty(sum(sizes), device=self.device)
        for layer, piece in zip(layers, torch.split(vector, sizes), strict=True):
            yield layer
            with layer.reading, layer.reading_statistics, layer.reading_weights():
                torch.cat([t.reshape(-1) for t in self._averaged(layer, state)], out=piece)
        return vector

    def _averaged(self, layer: TorchLayer, state: bool) -> list[Tensor]:
        """Returns the layer's live tensors that are averaged, always of the same sizes."""
        buffers = layer.buffers if self.average_buffers else []
        return [t.data for t in (*layer.params, *buffers)] + (self.updates.state_of(layer) if state else [])

    def mean_flat(self, vectors: Sequence[object]) -> Tensor:
        """Returns the mean (n,) of vectors (n,), summed in the order of the replicas.

        Raises ValueError for unequal lengths.
        """
        total, *others = cast(Sequence[Tensor], vectors)
        if any(len(vector) != len(total) for vector in others):
            raise ValueError(
                "all members of an average take their optimizer's state along (and have weights), or none of them"
            )
        total = total.clone()
        for vector in others:
            total += vector
        return total / len(vectors)

    def weighed(self, effect: e.Average, snapshot: object) -> Tensor:
        """Returns weight times the snapshot (n,) and, last, the weight; the snapshot itself where there is no weight.

        Raises ValueError where the weight is not finite or not above 0.
        """
        vector, weight = cast(Tensor, snapshot), effect.weight
        if weight is None:
            return vector
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"a weight in an average is a finite number above 0; {weight} came")
        return torch.cat([vector * weight, vector.new_tensor([weight])])

    def unweighed(self, effect: e.Average, mean: object) -> Tensor:
        vector = cast(Tensor, mean)
        return vector if effect.weight is None else vector[:-1] / vector[-1]

    def add_mean(self, replica: e.Replica, mean: object, snapshot: object, *, state: bool = False) -> None:
        complete(self.add_mean_by_layer(replica, mean, snapshot, state=state))

    def add_mean_by_layer(
        self, replica: e.Replica, mean: object, snapshot: object, *, state: bool = False
    ) -> ByLayer[None]:
        """Adds mean - snapshot (n,), layer by layer, updates going on meanwhile (B, Algorithm 1b line 8)."""
        offset, difference = 0, cast(Tensor, mean) - cast(Tensor, snapshot)
        for layer in checked(TorchReplica, replica).layers:
            yield layer
            with layer.mutex, layer.statistics, layer.writing_weights(update=False):
                for tensor in self._averaged(layer, state):
                    tensor += difference[offset : offset + tensor.numel()].view_as(tensor)
                    offset += tensor.numel()
                layer.averages += 1
                layer.access_counter.count_addition()

    # ---- weights as messages

    def anchor(self, replica: e.Replica, layers: Sequence[e.Layer]) -> TorchWeights:
        return complete(self.anchor_by_layer(replica, layers))

    def anchor_by_layer(self, replica: e.Replica, layers: Sequence[e.Layer]) -> ByLayer[TorchWeights]:
        """Copies the layers' weights."""
        record = checked(TorchReplica, replica)
        anchor = TorchWeights(record, [record.layers[layer.index] for layer in layers])
        for layer in anchor.layers:
            yield layer
            with layer.reading, layer.reading_statistics, layer.reading_weights():
                tensors, statistics = ([t.data.clone() for t in live] for live in (layer.params, layer.buffers))
                anchor.copied.append(layer.version)
            anchor.copies.append(LayerWeights(tensors, statistics))
        return anchor

    def delta(self, anchor: e.Weights, replica: e.Replica, now: float) -> Sequence[TorchGradient]:
        return complete(self.delta_by_layer(anchor, replica, now))

    def delta_by_layer(self, anchor: e.Weights, replica: e.Replica, now: float) -> ByLayer[list[TorchGradient]]:
        """Computes pseudo-gradients, anchor - live; the layer's float buffers follow, where these are averaged."""
        deltas, time = [], self.device_time() or now
        for layer, copy, version in checked(TorchWeights, anchor).by_layer(checked(TorchReplica, replica)):
            yield layer
            with layer.reading, layer.reading_statistics, layer.reading_weights():
                delta = TorchGradient.pseudo(layer, version, time)
                differences = [old - live.data for old, live in zip(copy.tensors, layer.params, strict=True)]
                buffers = [buffer.data.clone() for buffer in layer.buffers if self.average_buffers]
            delta.tensors = (*differences, *buffers)
            deltas.append(delta)
        return deltas

    def step_outer(
        self, anchor: Weights, deltas: Sequence[Gradient], optimizer: e.OuterOptimizer, scale: float
    ) -> TorchWeights:
        copies, records = checked(TorchWeights, anchor), [checked(TorchGradient, delta) for delta in deltas]
        return weights.step_outer(copies, records, optimizer, scale, buffers=self.average_buffers)

    def mix_in(self, effect: e.Mix) -> None:
        complete(self.mix_by_layer(effect))

    def mix_by_layer(self, effect: e.Mix) -> ByLayer[None]:
        """Mixes weights, and running statistics where these are averaged, into the replica's layers."""
        copies, replica = checked(TorchWeights, effect.weights), checked(TorchReplica, effect.replica)
        for layer, copy, version in copies.by_layer(replica):
            yield layer
            with layer.mutex, layer.statistics, layer.writing_weights(update=False):
                for live, other in zip(layer.params, copy.tensors, strict=True):
                    live.data.lerp_(other, effect.share)
                if self.average_buffers:
                    for buffer, statistic in zip(layer.buffers, copy.statistics, strict=True):
                        buffer.data.lerp_(statistic, effect.share)
                if effect.fresh:
                    layer.forget_optimizers()
                layer.mixed(version, effect.share)
                layer.access_counter.count_addition()

    # ---- evaluation and checkpoints

    def consensus(self, how: str, of: Sequence[int] | None = None) -> list[dict[str, Tensor]]:
        """Returns the state to evaluate, layer by layer.

        how: "mean" of the replicas' weights and float buffers, or those of the "first". of: which replicas; None: all.
        """
        replicas = self.replicas if of is None else [self.replicas[q] for q in of]
        replicas = replicas if how == "mean" else replicas[:1]
        states = [[layer.module.state_dict() for layer in replica.layers] for replica in replicas]
        return [
            {key: weights.mean_state([s[i][key] for s in states]) for key in layer} for i, layer in enumerate(states[0])
        ]

    def tallies(self) -> dict[str, Tensor]:
        """Returns losses, right answers and tickets of the epoch's batches so far, (batches,) each.

        {} before the first.
        """
        if not self.losses:
            return {}
        losses, right = torch.stack(self.losses), torch.stack(self.right)
        return {"losses": losses, "right": right, "tickets": torch.tensor(self.tickets)}

    def state_dict(self) -> TeamState:
        """Returns all that training on needs, between epochs or at a drain within one.

        Raises ValueError where team.state is not JSON, RuntimeError while a device is at work.
        """
        values = TeamValues(
            counts=self.counts(),
            layers=[state.counts(layer) for layer in self.layers],
            samples=self.targets,
            conflicts=[layer.access_counter.counts() for layer in self._by_layer()],
        )
        more = {**self.tallies(), **state.tensors_of_weights(self.weights)}
        return TeamState(state.tensors_of(self.layers, more), values)

    def _by_layer(self) -> list[TorchLayer]:
        """Returns the layers of all replicas, the replicas of each layer next to each other."""
        return [
            layer for copies in zip(*(replica.layers for replica in self.replicas), strict=True) for layer in copies
        ]

    def load_state_dict(self, saved: TeamState) -> None:
        """Loads what `state_dict` gave. Raises ValueError, before any change, where it is of another team."""
        self.accounts.check(saved.values.counts)
        state.restore(self.layers, saved, self.updates)
        self.resume(saved.values.counts)
        empty = torch.empty(0)
        self.losses = list(saved.tensors.get("losses", empty).to(self.device))
        self.right = list(saved.tensors.get("right", empty).to(self.device))
        self.tickets = saved.tensors.get("tickets", empty).tolist()
        self.targets = saved.values.samples
        for layer, counts in zip(self._by_layer(), saved.values.conflicts, strict=True):
            layer.access_counter.load(counts)
        self.load_weights(saved.tensors)
        self.synchronize()

    def load_weights(self, tensors: Mapping[str, Tensor], replica: int | None = None) -> None:
        """Loads the tensors of `team.weights`, or of those that were copied from one replica.

        Raises ValueError where they are of other layers.
        """
        for name, copy in self.weights.items():
            record = checked(Weights, copy)
            if replica in (None, record.replica.index):
                self.weights[name] = state.restored_weights(name, record, tensors)
