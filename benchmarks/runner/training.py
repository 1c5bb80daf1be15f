"""One run: build the workload's team, train it epoch by epoch, evaluate, stop early, keep the journal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path

import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.registry import Executor
from benchmarks.hardware.card import Card
from benchmarks.hardware.flops import step_flops
from benchmarks.hardware.price import Price
from benchmarks.hardware.step_price import charge, counted
from benchmarks.runner.specs import workload_of
from benchmarks.runner.standing import Standing
from benchmarks.runner.usage import Usage, wanted
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.load import DataSet, load
from benchmarks.workloads.memory_format import memory_format
from benchmarks.workloads.networks.build import forward_all
from benchmarks.workloads.optimizers import build
from benchmarks.workloads.precision import autocast, set_flags
from benchmarks.workloads.workload import Workload
from results.records.journal import Journal
from results.records.spec import RunSpec

Metrics = dict[str, float]


class Training:
    """The state of one run between epochs.

    data: already loaded, so that the runs of a process share it. card: None unless the executor needs one. standing: is
    kept up to date. Raises UserError or MethodError where the spec is none that these sources can carry out.
    """

    def __init__(self, spec: RunSpec, data: DataSet, card: Card | None, standing: Standing | None = None) -> None:
        self.standing = standing or Standing()
        self.standing.doing = "building the network"
        self.work = workload_of(spec.workload)
        self.method = methods.create(spec.method.name, spec.method.options)
        self.device, self.seed, self.data = torch.device(spec.device), spec.seed, data
        torch.set_num_threads(self.work.threads)
        set_flags(self.work.precision)
        self.autocast = autocast(self.work.precision, self.device)
        self.batches = data.batches(
            batch=self.work.batch, seed=self.seed, device=self.device, augment=self.work.augment
        )
        kind = executors.executor(spec.executor)
        self.team = self._team(streams=not kind.simulated)
        self.judge = list(self.network().values())
        for module in self.judge:
            module.eval()
        self.step_flops: float
        price: Price | None = None
        if card is None:
            self.step_flops = step_flops(counted(self.work, data.card, self.network(), self.work.batch))
        else:
            charged = charge(self.work, card, self.network())
            self.step_flops, price = charged.step_flops, charged.price
        self.executor: Executor = kind.build(self.team, price, self.work.threads)
        self.standing.executor = self.executor
        self.train_seconds = 0.0

    def network(self) -> dict[str, torch.nn.Module]:
        """The layers of a new replica by name, first to last, on the run's device; always with the same weights."""
        layers = network_of(self.work, self.data.card, seed=self.seed, vocabulary=self.data.vocabulary_size)
        layout = memory_format(self.device)
        return {name: module.to(self.device).to(memory_format=layout) for name, module in layers.items()}

    def _team(self, *, streams: bool) -> TorchTeam:
        o, steps = self.method.options, self.batches.steps(self.method.replicas)
        chosen = self.work.optimizer
        return TorchTeam(
            [self.network() for _ in range(self.method.replicas)],
            optimizer=lambda params: build(
                chosen.name,
                params,
                lr=self.work.schedule.lr,
                momentum=chosen.momentum,
                weight_decay=chosen.weight_decay,
                nesterov=chosen.nesterov,
                decay_bn=chosen.decay_bn,
                lars_trust=chosen.lars_trust,
            ),
            learning_rate=lru_cache(64)(lambda ticket: self.learning_rate(ticket / steps)),
            batches=self.batches.batch,
            steps_per_epoch=steps,
            epochs=self.work.epochs,
            shared_momentum=o.momentum == "shared",
            overwrite=o.updates == "overwrite",
            lock_free=o.lock_free,
            average_buffers=o.bn_buffers == "averaged",
            streams=streams,
            autocast=self.autocast,
        )

    def learning_rate(self, epochs: float) -> float:
        """The schedule's, times what the method and the batch make of it."""
        schedule = self.work.schedule
        batches = self.work.batch / schedule.base_batch if schedule.base_batch else 1.0
        return schedule(epochs, factor=self.method.learning_rate_factor * batches)

    def epoch(self, epoch: int) -> Metrics:
        """Train one epoch (0 is the first) and evaluate a drained, consistent copy, outside the training clock.

        Raises WorkerFailed, WorkersStuck, Stalled, or EpochUnfinished where batches or gradients are left over.
        """
        self.standing.doing = f"training epoch {epoch + 1}"
        started = time.perf_counter()
        self.team.begin_epoch(epoch)
        self.executor.run(self.method.workers(self.team))
        self.team.end_epoch()
        self.team.synchronize()
        self.train_seconds += time.perf_counter() - started
        self.standing.doing = f"evaluating epoch {epoch + 1}"
        updates, seconds, wait = self.team.staleness.mean()
        metrics = {
            "train_loss": self.team.mean_loss(),
            "train_accuracy_percent": self.team.train_accuracy(),
            "learning_rate": self.team.learning_rate((epoch + 1) * self.team.steps_per_epoch - 1),
            "train_seconds": self.train_seconds,
            "staleness_updates": updates,
            "staleness_seconds": seconds,
            "gradient_wait_seconds": wait,
            "dropped_gradients": float(self.team.ledger.dropped),
            **self.evaluate(),
        }
        if self.executor.now is not None:
            metrics["virtual_seconds"] = self.executor.now
        return metrics

    def evaluate(self) -> Metrics:
        """Accuracy in percent and mean loss of the method's consensus on the test set; the loss of float32 logits."""
        for module, state in zip(self.judge, self.team.consensus(self.method.options.consensus), strict=True):
            module.load_state_dict(state)
        right = loss = total = 0.0
        with torch.no_grad(), self.autocast() if self.autocast is not None else nullcontext():
            for inputs, labels in self.batches.test():
                logits = forward_all(self.judge, inputs).float()
                loss += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
                right += float((logits.argmax(1) == labels).sum())
                total += len(labels)
                self.standing.evaluated += 1
        return {"accuracy_percent": 100 * right / total, "loss": loss / total}


def train(
    spec: RunSpec,
    journal: Journal,
    *,
    data: DataSet,
    card: Card | None,
    report: Callable[[int, Metrics], None] = lambda epoch, metrics: None,
    standing: Standing | None = None,
) -> str:
    """Run to the end of the plan, to early stopping or to divergence -> the status that the journal ends with.

    report: hears of every epoch (1 is the first) and its metrics. standing: is kept up to date. Raises ResultsError
    where the journal cannot be written, WorkerFailed, WorkersStuck, Stalled or EpochUnfinished where the method fails.
    """
    begun = time.perf_counter()
    training = Training(spec, data, card, standing)
    usage = Usage() if wanted() else None
    best, best_epoch, epoch, status, reason = -math.inf, 0, 0, "finished", ""
    for epoch in range(1, training.work.epochs + 1):
        metrics = training.epoch(epoch - 1) | {"wall_seconds": time.perf_counter() - begun}
        metrics |= usage.since_last() if usage is not None else {}
        journal.evaluation(epoch, epoch * training.team.steps_per_epoch, metrics)
        report(epoch, metrics)
        if not (math.isfinite(metrics["train_loss"]) and math.isfinite(metrics["loss"])):
            status, reason = "diverged", f"the loss was not finite in epoch {epoch}"
            break
        if metrics["accuracy_percent"] > best:
            best, best_epoch = metrics["accuracy_percent"], epoch
        if epoch - best_epoch >= training.work.patience:
            break
    journal.end(
        status,
        reason=reason,
        epochs=epoch,
        early_stopped=status == "finished" and epoch < training.work.epochs,
        staleness=training.team.staleness.per_layer(),
        step_flops=training.step_flops,
        wall_seconds=time.perf_counter() - begun,
    )
    return status


def load_data(work: Workload, folder: Path | None) -> DataSet:
    """What the workload trains and tests on. Raises UserError where it is not in the folder, or not whole."""
    return load(
        work.dataset,
        folder=folder,
        train_samples=work.train_samples,
        test_samples=work.test_samples,
        text=work.text,
        resolution=work.resolution,
    )
