"""Describes a row aspect by aspect, from its spec and its method, so that rows can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.networks.names import NETWORKS, title_of
from benchmarks.workloads.workload import Workload
from results.records import Record
from results.records.spec import Effects, RunSpec


class NotDeclared(Exception):
    """A plug-in has not been run yet and declares nothing."""


@dataclass(frozen=True)
class Counted:
    """Effects of a row's runs, from their journals: counts of all runs, and the sum of their epochs."""

    epochs: float
    runs: tuple[Effects, ...]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Counted | None:
        """Collects the counts of complete runs; None without any, or if an old run has none."""
        ends = [record.end for record in records if record.complete and record.end is not None]
        if not ends or not all("effects" in end for end in ends):
            return None
        runs = tuple(Effects.model_validate(end["effects"]) for end in ends)
        epochs = sum(float(end["epochs"]) for end in ends)
        layers = {len(run.updates) for run in runs}
        return cls(epochs, runs) if epochs and len(layers) == 1 and layers != {0} else None

    def total(self, name: str) -> int:
        return sum(getattr(run, name) for run in self.runs)

    def share(self, name: str) -> float:
        """Share of all gradients, including those of dropped batches."""
        return self.total(name) / max(1, self.total("gradients"))

    @property
    def updates(self) -> list[int]:
        """Updates of each layer, over all replicas."""
        return [sum(of_layer) for of_layer in zip(*(run.updates for run in self.runs), strict=True)]

    @property
    def updates_per_epoch(self) -> tuple[float, float]:
        """Fewest and most updates of any layer of one replica."""
        replicas = max(1, *(run.replicas for run in self.runs))
        of_layers = [count / replicas / self.epochs for count in self.updates]
        return min(of_layers), max(of_layers)

    @property
    def gradients_per_update(self) -> float:
        """Gradients that an update of a layer applies, one after the other; 0 without updates."""
        return self.total("applied") / max(1, sum(self.updates))

    @property
    def batches_per_update(self) -> float:
        """Batches behind an applied gradient, several for a mean over replicas; 0 without updates."""
        return self.total("applied_batches") / max(1, self.total("applied"))

    @property
    def shares_batches(self) -> bool:
        return self.total("shared_batches") > 0

    @property
    def averages_replicas(self) -> bool:
        return self.total("averages") > 0

    @property
    def averages_state(self) -> bool:
        return self.total("state_averages") > 0


@dataclass(frozen=True)
class AuditedRow:
    """One row on one network. spec, data: of its first seed, for all seeds. counted: None without counts of runs."""

    label: str
    spec: RunSpec
    work: Workload
    method: methods.Method
    data: DataCard
    counted: Counted | None = None

    def says(self, name: str) -> Any:
        """Returns a property as counted, else as the method declares it. Raises NotDeclared if it does not."""
        if self.counted is not None and hasattr(self.counted, name):
            return getattr(self.counted, name)
        if self.method.declares(name):
            return getattr(self.method, name)
        raise NotDeclared

    @property
    def samples_per_update(self) -> float:
        """Samples behind an update. Raises NotDeclared."""
        return float(self.work.batch * self.says("batches_per_update"))

    @property
    def learning_rate(self) -> float:
        """Learning rate after the warm-up and before any decay, scaled by the method and the batch."""
        schedule = self.work.schedule
        batches = self.work.batch / schedule.base_batch if schedule.base_batch else 1.0
        return float(schedule.lr * batches * self.method.learning_rate_factor)


# ---- aspects of a row in words; None where an aspect does not concern it


def _network(row: AuditedRow) -> str:
    work = row.work
    stem = f", {work.stem} stem" if work.network.startswith("resnet") and work.network != "resnet20" else ""
    blocks = f", blocks {'-'.join(map(str, work.blocks))}" if work.blocks else ""
    return f"{title_of(work.network)}, width {work.width}{blocks}{stem}"


def _data(row: AuditedRow) -> str:
    work = row.work
    count, _ = work.samples_of(row.data)
    amount = f"{'all' if count is None else count} training {'samples' if work.tokens is None else 'windows'}"
    parts = [f"{work.dataset} ({amount})", "augmented" if work.augment else "not augmented"]
    if work.tokens:
        vocabulary = f" of {work.tokens.vocabulary}" if work.tokens.unit == "bpe" else ""
        parts.append(f"windows of {work.tokens.context} tokens: {work.tokens.unit}{vocabulary}")
    if work.resolution:
        parts.append(f"{work.resolution} pixels")
    if work.text:
        parts.append(", ".join(f"{key} {value}" for key, value in work.text))
    return ", ".join([*parts, "one order per seed"])


def _shares(row: AuditedRow) -> str | None:
    parts = []
    if row.method.replicas > 1:
        parts.append("the next batch goes to whoever asks" if row.says("shares_batches") else "as many for all")
    if (alpha := row.work.shards.alpha) is not None and row.method.shards == 1:
        parts.append("one device has all data")
    elif alpha is not None:
        over = "labels" if row.work.tokens is None else "blocks of the text"
        seed = f"seed {row.work.shards.seed}"
        parts.append(f"each of its own of {row.method.shards} shards, Dirichlet({alpha:g}) over {over}, {seed}")
    return ", ".join(parts) or None


def _batch(row: AuditedRow) -> str:
    global_batch = f"global batch {row.work.batch * row.method.trained_replicas}"
    samples, at_once = row.samples_per_update, 1.0 if row.counted is None else row.counted.gradients_per_update
    if at_once in (0, 1):
        return f"{samples:.4g} per update, {global_batch}"
    return f"{samples * at_once:.4g} per update ({at_once:.3g} gradients of {samples:.4g} each), {global_batch}"


def _updates(row: AuditedRow) -> str:
    if row.counted is not None:
        few, many = (f"{count:.4g}" for count in row.counted.updates_per_epoch)
        dropped = row.counted.share("dropped")
        updates = few if few == many else f"{few} to {many}, by layer"
        return f"{updates}, {100 * dropped:.3g} % of the gradients dropped" if dropped else updates
    samples, _ = row.work.samples_of(row.data)
    if samples is None:
        return "as many as the text has batches, which is not cut into tokens yet"
    steps = samples // row.work.batch
    most = steps if row.says("applies_all_gradients") else steps // row.method.trained_replicas
    if row.method.replicas == 1:
        most = math.ceil(most / row.says("batches_per_update"))
    if row.method.drops_gradients:
        return f"{most} at most, since gradients may be dropped"
    return str(most) if row.says("updates_all_layers") else f"{most} at most, some of a part of the layers"


def _rate(row: AuditedRow) -> str:
    schedule, epochs = row.work.schedule, row.work.epochs
    plural = "" if schedule.warm_up_epochs == 1 else "s"
    warm_up = f"{schedule.warm_up} warm-up of {schedule.warm_up_epochs:g} epoch{plural}"
    floor = f" down to {schedule.floor:g}" if schedule.floor else ""
    shape = {"cosine": f"cosine{floor}, T_max {schedule.t_max:g}"}.get(schedule.kind, schedule.kind)
    if schedule.kind == "multistep":
        shape = f"steps x {schedule.gamma:g} at {', '.join(f'{m:g}' for m in schedule.milestones)}"
    return f"{row.learning_rate:.4g} ({shape}; {warm_up}; factor {row.method.learning_rate_factor:g}; {epochs} epochs)"


def _rate_per_sample(row: AuditedRow) -> str:
    rate, samples = row.learning_rate, row.samples_per_update
    if not samples:
        return "no update"
    global_batch = row.work.batch * row.method.trained_replicas
    return f"{rate / samples:.3g} per sample of an update, {rate / global_batch:.3g} of the global batch"


def _decay(row: AuditedRow) -> str:
    chosen = row.work.optimizer
    bn = "" if chosen.decay_bn else ", none on BatchNorm and biases"
    return f"{chosen.weight_decay:g}{bn}"


def _optimizer(row: AuditedRow) -> str:
    chosen = row.work.optimizer
    nesterov = ", Nesterov" if chosen.nesterov else ""
    beta2 = "" if chosen.beta2 == 0.999 else f", beta 2 {chosen.beta2:g}"
    norm = {"layer": "each layer's", "all": "all layers'"}[chosen.clip_by]
    clip = "" if chosen.clip is None else f", {norm} gradients clipped to a norm of {chosen.clip:g}"
    return f"{chosen.name}, momentum {chosen.momentum:g}{beta2}{nesterov}{clip}"


def _momentum(row: AuditedRow) -> str:
    method = row.method
    if method.options.momentum == "per_updater" and row.says("updaters") > 1:
        return "local to each updater, never averaged"
    if method.replicas == 1:
        return "one"
    if row.says("averages_state"):
        return "averaged with the weights"
    return "alike on all devices" if row.says("batches_per_update") > 1 else "local to each device, never averaged"


def _outer(row: AuditedRow) -> str | None:
    outer = getattr(row.method.options, "outer", None)
    if not isinstance(outer, methods.OuterOptions):
        return None
    return f"{outer.name}, learning rate {outer.lr:g}, momentum {outer.momentum:g}"


def _batchnorm(row: AuditedRow) -> str | None:
    if not _has_batchnorm(row):
        return None
    if row.method.replicas == 1:
        return "one set of running statistics"
    averaged = row.says("averages_replicas") and row.method.options.bn_buffers == "averaged"
    return "running statistics averaged with the weights" if averaged else "each device its own running statistics"


def _has_batchnorm(row: AuditedRow) -> bool:
    if row.work.own_network is None:
        return NETWORKS[row.work.network].batchnorm
    from benchmarks.workloads.build import try_network  # torch, which others go without

    return try_network(row.work, row.data).batchnorm


def _evaluated(row: AuditedRow) -> str:
    if row.method.replicas == 1:
        return "the one replica"
    if len(replicas := row.method.evaluated) == 1:
        return f"replica {replicas[0]} alone"
    return {"mean": "the mean of the replicas", "first": "the first replica"}[row.method.options.consensus]


def _best_epoch(row: AuditedRow) -> str:
    if (held_out := row.work.validation) is None:
        return "by the test split"
    if row.work.tokens is not None:
        return f"by {held_out:,} windows of validation, which the training text lacks"
    return f"by {held_out:,} samples of validation, not trained on"


def _clock(row: AuditedRow) -> str:
    hardware = row.spec.hardware
    if not executors.executor(row.spec.executor).simulated:
        return f"real seconds on {row.spec.device}, {hardware.name}"
    delays = f", delayed: {'; '.join(hardware.delays)}" if hardware.delays else ""
    absent = f", absent: {'; '.join(hardware.absent)}" if hardware.absent else ""
    return f"simulated, {hardware.name} ({hardware.sha256[:8]}){delays}{absent}"


def _charged(row: AuditedRow) -> str | None:
    charged = row.spec.charged
    if charged is None:
        return None
    stem = f", {charged.stem} stem" if charged.network in ("resnet18", "resnet50") else ""
    return f"{title_of(charged.network)}, width {charged.width}{stem}"


def _queue(row: AuditedRow) -> str | None:
    capacity = row.method.queue  # an option of its own, or none
    return None if capacity is None else f"{capacity}{' (a rendezvous)' if capacity == 0 else ''}"


def _gradient_at(row: AuditedRow) -> str | None:
    forward, current = "those the forward pass read", "those of now"
    if row.counted is None:
        declared = row.says("gradient_at")
        return None if declared is None else {"forward": forward, "current": current}[declared]
    pinned, moved = row.counted.share("pinned"), row.counted.share("moved")
    if pinned and moved:
        return f"{current}, for {100 * pinned:.3g} % of the gradients {forward}"
    return forward if pinned else current if moved else None


def _stages(row: AuditedRow) -> str | None:
    """Describes a method's cut of the network; None for methods without one, for whom torch is not imported."""
    if type(row.method).parts is methods.Method.parts:
        return None
    from benchmarks.hardware.step_price import layers_of

    layers = layers_of(row.work, row.data)
    flops = [layer.forward_flops for layer in layers]
    sizes = [(layer.name, int(layer.parameter_bytes)) for layer in layers]
    team = SimulatedTeam.of(sizes, steps_per_epoch=1, network=row.work.network, flops=lambda: flops)
    parts = row.method.parts(team)
    counts = " + ".join(str(len(part)) for part in parts)
    parameters = _shares_of([sum(layer.size for layer in part) for part in parts])
    return (
        f"{counts} layers, {parameters} % of the parameters, "
        f"{_shares_of([sum(flops[layer.index] for layer in part) for part in parts])} % of the FLOPs"
    )


def _shares_of(values: Sequence[float]) -> str:
    return " + ".join(f"{100 * value / sum(values):.0f}" for value in values)


def _update(row: AuditedRow) -> str:
    options = row.method.options
    return f"{options.updates}, {'without locks' if options.lock_free else 'a mutex per layer'}"


ASPECTS: Mapping[str, Callable[[AuditedRow], str | None]] = {
    "Network and stem": _network,
    "Data, augmentation and loader": _data,
    "Batches of a device": _shares,
    "Batch": _batch,
    "Updates per epoch (of one replica)": _updates,
    "Learning rate": _rate,
    "Learning rate against batch": _rate_per_sample,
    "Weight decay": _decay,
    "Optimizer": _optimizer,
    "Momentum": _momentum,
    "Outer optimizer": _outer,
    "BatchNorm": _batchnorm,
    "Model evaluated": _evaluated,
    "Best epoch and early stopping": _best_epoch,
    "Precision": lambda row: row.work.precision,
    "Clock": _clock,
    "Simulated seconds are those of": _charged,
    "Devices": lambda row: str(row.method.devices),
    "Updaters per replica": lambda row: str(row.says("updaters")),
    "Queue between forward and backward workers": _queue,
    "Weights of the backward pass": _gradient_at,
    "Stages (first to last)": _stages,
    "Update": _update,
}
