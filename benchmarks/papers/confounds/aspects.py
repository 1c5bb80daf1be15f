"""What is said of a row that others are compared with, aspect by aspect: of its spec, and of what its method is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import methods
from benchmarks.executors import registry as executors
from benchmarks.runner.plan import Run
from benchmarks.workloads.networks.names import BATCHNORM_FREE, TITLES
from benchmarks.workloads.workload import Workload
from results.records.spec import RunSpec


@dataclass(frozen=True)
class AuditedRow:
    """One row on one network."""

    label: str
    run: Run

    @property
    def spec(self) -> RunSpec:
        return self.run.spec

    @property
    def work(self) -> Workload:
        return self.run.work

    @cached_property
    def method(self) -> methods.Method:
        return methods.create(self.run.method.name, self.run.method.options)

    @property
    def samples_per_update(self) -> int:
        return self.work.batch * self.method.batches_per_update

    @property
    def learning_rate(self) -> float:
        """After the warm-up and before any decay: the schedule's, times what the method and the batch make of it."""
        schedule = self.work.schedule
        batches = self.work.batch / schedule.base_batch if schedule.base_batch else 1.0
        return float(schedule.lr * batches * self.method.learning_rate_factor)


# ---- aspects: what is said of a row. None: the aspect does not concern it.


def _network(row: AuditedRow) -> str:
    work = row.work
    stem = f", {work.stem} stem" if work.network.startswith("resnet") and work.network != "resnet20" else ""
    blocks = f", blocks {'-'.join(map(str, work.blocks))}" if work.blocks else ""
    return f"{TITLES.get(work.network, work.network)}, width {work.width}{blocks}{stem}"


def _data(row: AuditedRow) -> str:
    work = row.work
    count = work.train_samples or row.run.data.train_samples
    parts = [f"{work.dataset} ({count} training samples)", "augmented" if work.augment else "not augmented"]
    if work.resolution:
        parts.append(f"{work.resolution} pixels")
    if work.text:
        parts.append(", ".join(f"{key} {value}" for key, value in work.text))
    return ", ".join([*parts, "one order per seed"])


def _shares(row: AuditedRow) -> str | None:
    if row.method.replicas == 1:
        return None
    return "the next batch goes to whoever asks" if row.method.shares_batches else "as many for all"


def _batch(row: AuditedRow) -> str:
    batch, replicas = row.work.batch, row.method.replicas
    return f"{row.samples_per_update} per update, global batch {batch * replicas}"


def _updates(row: AuditedRow) -> str:
    samples = row.work.train_samples or row.run.data.train_samples
    steps = samples // row.work.batch
    return str(steps if row.method.applies_all_gradients else steps // row.method.replicas)


def _rate(row: AuditedRow) -> str:
    schedule, epochs = row.work.schedule, row.work.epochs
    many = "" if schedule.warm_up_epochs == 1 else "s"
    warm_up = f"{schedule.warm_up} warm-up of {schedule.warm_up_epochs:g} epoch{many}"
    shape = {"cosine": f"cosine, T_max {schedule.t_max:g}"}.get(schedule.kind, schedule.kind)
    if schedule.kind == "multistep":
        shape = f"steps x {schedule.gamma:g} at {', '.join(f'{m:g}' for m in schedule.milestones)}"
    return f"{row.learning_rate:.4g} ({shape}; {warm_up}; factor {row.method.learning_rate_factor:g}; {epochs} epochs)"


def _rate_per_sample(row: AuditedRow) -> str:
    rate, everywhere = row.learning_rate, row.work.batch * row.method.replicas
    return f"{rate / row.samples_per_update:.3g} per sample of an update, {rate / everywhere:.3g} of the global batch"


def _decay(row: AuditedRow) -> str:
    chosen = row.work.optimizer
    bn = "" if chosen.decay_bn else ", none on BatchNorm and biases"
    return f"{chosen.weight_decay:g}{bn}"


def _optimizer(row: AuditedRow) -> str:
    chosen = row.work.optimizer
    nesterov = ", Nesterov" if chosen.nesterov else ""
    return f"{chosen.name}, momentum {chosen.momentum:g}{nesterov}"


def _momentum(row: AuditedRow) -> str:
    method = row.method
    if method.options.momentum == "per_updater" and method.updaters > 1:
        return "local to each updater, never averaged"
    if method.replicas == 1:
        return "one"
    if method.averages_state:
        return "averaged with the weights"
    return "alike on all devices" if method.batches_per_update > 1 else "local to each device, never averaged"


def _batchnorm(row: AuditedRow) -> str | None:
    if row.work.network in BATCHNORM_FREE:
        return None
    if row.method.replicas == 1:
        return "one set of running statistics"
    averaged = row.method.averages_replicas and row.method.options.bn_buffers == "averaged"
    return "running statistics averaged with the weights" if averaged else "each device its own running statistics"


def _evaluated(row: AuditedRow) -> str:
    if row.method.replicas == 1:
        return "the one replica"
    return {"mean": "the mean of the replicas", "first": "the first replica"}[row.method.options.consensus]


def _clock(row: AuditedRow) -> str:
    hardware = row.spec.hardware
    if not executors.executor(row.spec.executor).simulated:
        return f"real seconds on {row.spec.device}, {hardware.name}"
    delays = f", delayed: {'; '.join(hardware.delays)}" if hardware.delays else ""
    return f"simulated, {hardware.name} ({hardware.sha256[:8]}){delays}"


def _charged(row: AuditedRow) -> str | None:
    charged = row.spec.charged
    if charged is None:
        return None
    stem = f", {charged.stem} stem" if charged.network in ("resnet18", "resnet50") else ""
    return f"{TITLES.get(charged.network, charged.network)}, width {charged.width}{stem}"


def _queue(row: AuditedRow) -> str | None:
    capacity = row.method.queue
    return None if capacity is None else f"{capacity}{' (a rendezvous)' if capacity == 0 else ''}"


def _gradient_at(row: AuditedRow) -> str | None:
    where = row.method.gradient_at
    return None if where is None else {"forward": "those the forward pass read", "current": "those of now"}[where]


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
    "BatchNorm": _batchnorm,
    "Evaluated": _evaluated,
    "Precision": lambda row: row.work.precision,
    "Clock": _clock,
    "Simulated seconds are those of": _charged,
    "Devices": lambda row: str(row.method.devices),
    "Updaters per replica": lambda row: str(row.method.updaters),
    "Queue between forward and backward workers": _queue,
    "Weights of the backward pass": _gradient_at,
    "Update": _update,
}
