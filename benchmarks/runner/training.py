"""Trains one run. `train` has the loop; `Training.until` trains and evaluates; an executor runs the workers."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.numerics.layer import Clip
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.registry import Executor
from benchmarks.executors.threads.recorder import RecordingExecutor
from benchmarks.hardware.card import Card
from benchmarks.hardware.flops import step_flops
from benchmarks.hardware.price import Price
from benchmarks.hardware.step_price import charge, counted, moved
from benchmarks.runner import weights
from benchmarks.runner.checkpoints.file import Checkpoint, Progress
from benchmarks.runner.checkpoints.keeper import Checkpoints
from benchmarks.runner.evaluation_history import EvaluationHistory, Metrics
from benchmarks.runner.options import DEFAULTS, TrainingOptions
from benchmarks.runner.run_progress import VARIABLE, RunProgress, Usage
from benchmarks.workloads import instructions
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.load import DataSet, load
from benchmarks.workloads.data.transfer import memory_format
from benchmarks.workloads.networks.build import forward_all
from benchmarks.workloads.optimizers import build, mark_matrices
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.precision import autocast, set_flags
from benchmarks.workloads.shapes import test_batch
from benchmarks.workloads.workload import Workload
from methods.effects import Worker
from results.records import Evaluation
from results.records.evaluating import epoch_number, evaluations_until
from results.records.journal import Journal
from results.records.spec import VALIDATION, RunSpec

CPU_RANDOM, CUDA_RANDOM = "random numbers on the cpu", "random numbers on the gpu"
"""Names of the states of torch's generators among a checkpoint's tensors; only plug-ins draw from these."""


def train(
    spec: RunSpec,
    journal: Journal,
    *,
    data: DataSet,
    card: Card | None,
    report: Callable[[float, Metrics], None] = lambda epoch, metrics: None,
    run_progress: RunProgress | None = None,
    checkpoints: Checkpoints | None = None,
    resumed: Callable[[Checkpoint], None] = lambda checkpoint: None,
    options: TrainingOptions = DEFAULTS,
    own: Own = NONE,
) -> str:
    """Trains to the end of the plan, to early stopping or to divergence -> the final status in the journal.

    report: takes the epochs and metrics of each evaluation. checkpoints: to write, and to resume from, reported by
    `resumed`; None: no checkpoints. card, run_progress, own: as of Training.

    Raises ResultsError if the journal or the weights cannot be written; WorkerFailed, WorkersStuck, Stalled or
    EpochUnfinished if the method fails.
    """
    begun = time.perf_counter()
    training = Training(spec, data, card, run_progress, journal.path.parent, own=own)
    work = training.work
    history = EvaluationHistory(work.epochs, work.patience, training.monitor, work.evaluate_every)
    if checkpoints is not None:
        begun -= _resume(training, history, journal, checkpoints, resumed)
        training.drained = lambda: checkpoints.offer(
            lambda: training.checkpoint(history.evaluations, time.perf_counter() - begun)
        )
    usage = Usage() if os.environ.get(VARIABLE, "0") not in ("", "0") else None

    while history.goes_on:
        metrics = training.until(history.next_at)  # trains and evaluates
        metrics["wall_seconds"] = time.perf_counter() - begun
        metrics |= usage.since_last() if usage is not None else {}
        history.evaluations.append(metrics)
        journal.evaluation(history.epoch, training.step(history.done), metrics)
        report(history.epoch, metrics)
        if history.goes_on:
            training.drained()  # writes a checkpoint, if it is time for one

    if options.keep_weights:  # before the end, so that every run that ended has its weights
        training.run_progress.doing = "writing its weights"
        journal.lease.check()
        weights.write(journal.path.parent, training.judge, network=work.network, epoch=history.epoch)
    journal.end(
        history.status,
        reason=history.reason(training.team.not_finite()),
        epochs=history.epoch,
        early_stopped=history.stopped_early,
        staleness=training.team.per_layer(),
        effects=training.team.counted_effects(),
        step_flops=training.step_flops,
        **({} if training.flops_per_token is None else {"flops_per_token": training.flops_per_token}),
        wall_seconds=time.perf_counter() - begun,
    )
    if checkpoints is not None:
        checkpoints.remove()
    return history.status


def _resume(
    training: Training,
    history: EvaluationHistory,
    journal: Journal,
    checkpoints: Checkpoints,
    resumed: Callable[[Checkpoint], None],
) -> float:
    """Resumes from the last checkpoint, if there is one -> the wall-clock seconds that the run had taken."""
    checkpoint = checkpoints.resume(training.resume)
    if checkpoint is None:
        return 0.0
    progress = checkpoint.progress
    history.evaluations += progress.evaluations
    places = [history.at(number) for number in range(1, len(progress.evaluations) + 1)]
    journal.resumed(
        [
            Evaluation(epoch_number(at), training.step(at), metrics)
            for at, metrics in zip(places, progress.evaluations, strict=True)
        ],
        epoch=progress.epoch,
        batch=progress.batch,
        wall_seconds=progress.wall_seconds,
        environments=[stint.model_dump() for stint in progress.stints],
    )
    resumed(checkpoint)
    return progress.wall_seconds


class Training:
    """A run in training: its team, its executor, and its position at the last drain.

    data: shared by the runs of a process. card: of the virtual clock; None in real time. run_progress: updated while
    training. folder: for the schedule of a recorded run. own: the user's own network, task and data. Raises UserError
    or MethodError if these sources cannot carry out the spec.
    """

    def __init__(
        self,
        spec: RunSpec,
        data: DataSet,
        card: Card | None,
        run_progress: RunProgress | None = None,
        folder: Path | None = None,
        *,
        own: Own = NONE,
    ) -> None:
        self.run_progress, self.folder = run_progress or RunProgress(), folder
        self.run_progress.doing = "building the network"
        self.work = Workload.of(spec.workload, own)
        self.task = self.work.trained_for
        self.monitor = self.task.judge.monitor(self.work.validation)
        self.method = methods.recorded(spec.method.name, spec.method.options)
        self.device, self.seed, self.data = torch.device(spec.device), spec.seed, data
        torch.set_num_threads(self.work.threads)
        set_flags(self.work.precision)
        instructions.check(self.work.instructions)
        self.autocast = autocast(self.work.precision, self.device)
        self.batches = data.batches(
            batch=self.work.batch, seed=self.seed, device=self.device, augment=self.work.augment
        )
        self.shards = self.method.shards if self.work.shards.alpha is not None else 1
        if self.shards > 1:
            self.batches.divide(data.shards(self.work.shards, devices=self.shards, batch=self.work.batch))
        kind = executors.RECORDER if spec.recorded else executors.executor(spec.executor)
        self.team = self._team(streams=not kind.simulated)
        self.judge = self.network()
        for module in self.judge.values():
            module.eval()
        self.step_flops: float
        price: Price | None = None
        if card is None:
            self.step_flops = step_flops(counted(self.work, data.card, self.network(), self.work.batch))
            if self.work.activations == "charged":
                activations = moved(self.work, data.card, self.network(), self.work.batch)
                self.team.sizes = replace(self.team.sizes, activations=activations)
        else:
            charged = charge(self.work, card, self.network())
            self.step_flops, price = charged.step_flops, charged.price
        self.flops_per_token: float | None = None
        if self.work.tokens is not None:  # of the network that is trained, whichever is charged
            layers = counted(self.work, data.card, self.network(), 1)
            self.flops_per_token = step_flops(layers) / self.work.tokens.context
        self.executor: Executor = kind.build(self.team, price, self.work.threads)
        self.run_progress.executor = self.executor
        self.train_seconds = 0.0
        self.epochs = self.batch = 0  # epochs done and batches of the next, at the last drain
        self.drained: Callable[[], None] = lambda: None  # called at every drain that no evaluation follows

    def network(self) -> dict[str, torch.nn.Module]:
        """Returns the layers of a new replica by name, first to last, on the run's device; always equal weights."""
        layers = network_of(self.work, self.data.card, seed=self.seed, vocabulary=self.data.vocabulary_size)
        layout = memory_format(self.device)
        return {name: module.to(self.device).to(memory_format=layout) for name, module in layers.items()}

    def _team(self, *, streams: bool) -> TorchTeam:
        o, steps = self.method.options, self.batches.steps(self.method.trained_replicas)
        chosen = self.work.optimizer
        return TorchTeam(
            [self._marked_network() for _ in range(self.method.replicas)],
            optimizer=lambda params: build(
                chosen.name,
                params,
                lr=self.work.schedule.lr,
                momentum=chosen.momentum,
                beta2=chosen.beta2,
                weight_decay=chosen.weight_decay,
                nesterov=chosen.nesterov,
                decay_bn=chosen.decay_bn,
                lars_trust=chosen.lars_trust,
            ),
            loss=self.task.loss,
            right=self.task.right,
            learning_rate=lru_cache(64)(lambda ticket: self.learning_rate(ticket / steps)),
            batches=self.batches.batch,
            steps_per_epoch=steps,
            epochs=self.work.epochs,
            shared_momentum=o.momentum == "shared",
            clip=None if chosen.clip is None else Clip(chosen.clip, all=chosen.clip_by == "all"),
            overwrite=o.updates == "overwrite",
            lock_free=o.lock_free,
            average_buffers=o.bn_buffers == "averaged",
            streams=streams,
            autocast=self.autocast,
            seed=self.seed,
            network=self.work.network,
            shards=self.shards,
            trained=self.method.trained_replicas,
            flops=lambda: [layer.forward_flops for layer in counted(self.work, self.data.card, self.network(), 1)],
        )

    def _marked_network(self) -> dict[str, torch.nn.Module]:
        network = self.network()
        mark_matrices(list(network.values()))
        return network

    def learning_rate(self, epochs: float) -> float:
        """Returns the schedule's rate, times the factors of the method and of the batch."""
        schedule = self.work.schedule
        batches = self.work.batch / schedule.base_batch if schedule.base_batch else 1.0
        return schedule(epochs, factor=self.method.learning_rate_factor * batches)

    def epoch(self, epoch: int) -> Metrics:
        """Trains one epoch (0 is the first), or the rest of it, and evaluates. Raises as `until`."""
        self.epochs = epoch
        return self.until(Fraction(epoch + 1))

    def until(self, at: Fraction) -> Metrics:
        """Trains until so many epochs are done, and evaluates, outside the training clock -> the metrics.

        Training losses and staleness are of the current epoch so far. Raises WorkerFailed, WorkersStuck, Stalled, or
        EpochUnfinished if batches or gradients are left over.
        """
        end = self.place(at)
        while (self.epochs, self.batch) < end:
            self.run_progress.doing = f"training epoch {self.epochs + 1}"
            self._train_on(end)
            if (self.epochs, self.batch) < end and not isinstance(self.executor, RecordingExecutor):
                self.drained()  # a schedule has whole epochs
        self.run_progress.doing = f"evaluating epoch {epoch_number(at):g}"
        updates, seconds, wait = self.team.accounts.staleness.mean()
        metrics = {
            "train_loss": self.team.mean_loss(),
            **({"train_accuracy_percent": self.team.train_accuracy()} if self.task.right is not None else {}),
            "learning_rate": self.team.learning_rate(self.step(at) - 1),
            "train_seconds": self.train_seconds,
            "staleness_updates": updates,
            "staleness_seconds": seconds,
            "gradient_wait_seconds": wait,
            "dropped_gradients": float(self.team.accounts.dropped),
            **self.evaluate(),
        }
        if self.folder is not None and isinstance(self.executor, RecordingExecutor):
            self.executor.write(self.folder, self.epochs)
        if self.team.accounts.sent is not None:
            metrics["sent_bytes"] = float(sum(self.team.accounts.sent.values()))
        if self.executor.now is not None:
            metrics["virtual_seconds"] = self.executor.now
        return metrics

    def place(self, at: Fraction) -> tuple[int, int]:
        """Returns whole epochs, and batches of the next, rounded up to equal shares of the replicas."""
        replicas, whole = self.method.trained_replicas, math.floor(at)
        return whole, math.ceil(self.team.steps_per_epoch // replicas * (at - whole)) * replicas

    def step(self, at: Fraction) -> int:
        """Returns the batches of all epochs until then."""
        epochs, batch = self.place(at)
        return epochs * self.team.steps_per_epoch + batch

    def _train_on(self, end: tuple[int, int]) -> None:
        """Trains until the next drain, at `end` (epochs, batches) at the latest."""
        started, steps = time.perf_counter(), self.team.steps_per_epoch
        if not self.batch:
            self.team.begin_epoch(self.epochs)
        until = end[1] if self.epochs == end[0] else steps
        if (every := self.work.drain_every) is not None:  # replicas have equal shares of every part
            part = math.ceil(every / self.method.trained_replicas) * self.method.trained_replicas
            until = min(until, (self.batch // part + 1) * part)
        self.team.accounts.drain_after(until)
        self.executor.run(_workers(self.method, self.team))
        self.team.accounts.end_epoch()
        self.team.synchronize()
        self.train_seconds += time.perf_counter() - started
        self.epochs, self.batch = (self.epochs + 1, 0) if until == steps else (self.epochs, until)

    def checkpoint(self, evaluations: Sequence[Metrics], wall_seconds: float) -> Checkpoint:
        """Copies the state at a drain. Raises ValueError if the method's state cannot be written as JSON."""
        state = self.team.state_dict()
        tensors = {**state.tensors, CPU_RANDOM: torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors[CUDA_RANDOM] = torch.cuda.get_rng_state(self.device)
        progress = Progress(
            epoch=self.epochs,
            batch=self.batch,
            wall_seconds=wall_seconds,
            train_seconds=self.train_seconds,
            simulated_seconds=self.executor.now,
            evaluations=[dict(metrics) for metrics in evaluations],
            team=state.values,
        )
        return Checkpoint(progress, tensors)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Resumes from a checkpoint. Raises ValueError, and changes nothing, if it belongs to another training."""
        progress, counts, steps = checkpoint.progress, checkpoint.progress.team.counts, self.team.steps_per_epoch
        done = counts.epoch + Fraction(sum(counts.taken), steps)
        due = evaluations_until(done, self.work.evaluate_every, self.work.epochs)
        if done != progress.epoch + Fraction(progress.batch, steps) or len(progress.evaluations) != due:
            raise ValueError("its counts are not those of its epoch and batch")
        judged = {"train_loss", "loss", self.monitor.metric}  # they decide whether a run goes on
        if not all(metrics.keys() >= judged for metrics in progress.evaluations):
            raise ValueError(f"an evaluation lacks {' or '.join(sorted(judged))}")
        self._set_random(checkpoint.tensors)
        self.team.load_state_dict(TeamState(checkpoint.tensors, progress.team))
        simulated = progress.simulated_seconds
        self.executor.resume(progress.train_seconds if simulated is None else simulated)
        self.train_seconds, self.epochs, self.batch = progress.train_seconds, progress.epoch, progress.batch

    def _set_random(self, tensors: Mapping[str, torch.Tensor]) -> None:
        try:
            torch.set_rng_state(tensors[CPU_RANDOM])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(tensors[CUDA_RANDOM], self.device)
        except (KeyError, RuntimeError, TypeError) as error:
            raise ValueError("it has no random numbers of this device") from error

    def evaluate(self) -> Metrics:
        """Returns metrics of the method's consensus in float32, each a mean over the targets of the test set.

        Metrics of the validation split, if there is one, have the same names after "validation_".
        """
        consensus = self.team.consensus(self.method.options.consensus, self.method.evaluated)
        for module, state in zip(self.judge.values(), consensus, strict=True):
            module.load_state_dict(state)
        batch = test_batch(self.work, self.data.card)
        metrics = self._means(self.batches.test(batch))
        if (size := self.data.bytes_per_token) is not None:
            metrics["bits_per_byte"] = metrics["loss"] / math.log(2) / size
        if self.work.validation is not None:
            held_out = self._means(self.batches.validation(batch))
            metrics |= {f"{VALIDATION}{name}": value for name, value in held_out.items()}
        return metrics

    def _means(self, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Metrics:
        layers, sums, count = list(self.judge.values()), Counter[str](), 0
        with torch.no_grad(), self.autocast() if self.autocast is not None else nullcontext():
            for inputs, targets in batches:
                outputs = forward_all(layers, inputs).float()
                sums.update({name: float(value) for name, value in self.task.sums(outputs, targets).items()})
                count += targets.numel()
                self.run_progress.evaluated += 1
        return {name: value / count for name, value in sums.items()}


def load_data(work: Workload, folder: Path | None) -> DataSet:
    """Loads the workload's data. Raises UserError if they are missing in the folder, or damaged."""
    return load(
        work.card,
        folder=folder,
        train_samples=work.train_samples,
        test_samples=work.test_samples,
        validation=work.validation,
        text=work.text,
        tokens=work.tokens,
        resolution=work.resolution,
    )


def _workers(method: methods.Method, team: TorchTeam) -> Iterator[Worker]:
    """Yields the method's workers. Raises MethodError if it yields anything else."""
    workers: object = method.workers(team)
    for worker in workers if isinstance(workers, Iterable) else (workers,):
        if not isinstance(worker, Worker):
            raise methods.MethodError(f"{method.name} gives {worker!r} where its workers belong: yield Worker(...).")
        yield worker
