"""Plans single runs: their spec, identity and labels, and the checks of what cannot be trained. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import JsonValue

import methods
from benchmarks.errors import UserError
from benchmarks.executors import registry as executors
from benchmarks.hardware.card import Card
from benchmarks.runner.choices import Choices
from benchmarks.runner.identity import charged, data_sha256, hardware_of, sources, torch_minor, version
from benchmarks.tables.definition import Row
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.present import card_on_disk, form_is_open
from benchmarks.workloads.networks.names import check_shape, layer_count
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.shapes import check_memory
from benchmarks.workloads.workload import Workload
from results.records.identity import as_read, run_id
from results.records.spec import ACCURACY, Judge, Labels, MethodSpec, RowLabels, RunSpec


@dataclass(frozen=True)
class Run:
    """A planned training run: its identity is the hash of its spec; labels are for people.

    own: the row's method where its options make it another method, which is the one in the spec. found: card of the
    data on this machine; None: as published. form_is_open: whether the data are missing and come in several forms.
    parts: the user's own network, task and data.
    """

    id: str
    spec: RunSpec
    labels: Labels
    own: MethodSpec | None = None
    found: DataCard | None = None
    form_is_open: bool = False
    parts: Own = NONE

    @property
    def data(self) -> DataCard:
        """Card of the data on this machine, or as published."""
        return self.found or self.parts.card_of(self.spec.workload.dataset)

    @cached_property
    def method(self) -> MethodSpec:
        """The row's method with all of its options, whichever method is trained."""
        method = self.own or self.spec.method
        return MethodSpec(name=method.name, options=methods.with_defaults(method.name, method.options))

    @property
    def title(self) -> str:
        """Name of the run for people: workload, method, seed."""
        who = " and ".join([self.labels.method_title, *(row.method_title for row in self.labels.also)])
        instead = f" (trained as {methods.method_class(self.spec.method.name).title})" if self.own else ""
        work = self.spec.workload
        name = f"{work.dataset}-{work.network}" if self.parts.own_data(work.dataset) else work.name
        return f"{name} {who}{instead}, seed {self.spec.seed}"

    def at(
        self, *, seed: int | None = None, work: Workload | None = None, options: Mapping[str, JsonValue] | None = None
    ) -> Run:
        """A copy with another seed, another workload of the same network and data, or some other options."""
        changed: dict[str, Any] = {} if seed is None else {"seed": seed}
        if options is not None:
            method = self.spec.method
            changed["method"] = method.model_copy(update={"options": {**method.options, **options}})
        if work is not None:
            changed["workload"] = work.spec(self.data, self.spec.workload.dataset_sha256)
        spec = self.spec.model_copy(update=changed)
        return replace(self, id=run_id(spec), spec=spec)

    @cached_property
    def work(self) -> Workload:
        """The workload of its spec."""
        return Workload.of(self.spec.workload, self.parts)


def of_row(work: Workload, row: Row, method: methods.Method, seed: int, choices: Choices, shared: Card | None) -> Run:
    """The run of a row, by the method that is trained for it. Takes and raises the same as `run`."""
    own = run(work, row, method, seed, choices, shared)
    if choices.no_alias or method.trained_as is method:
        return own
    return replace(run(work, row, method.trained_as, seed, choices, shared), own=own.spec.method)


def run(work: Workload, row: Row, method: methods.Method, seed: int, choices: Choices, shared: Card | None) -> Run:
    """Plans one run of a row. shared: card of the table's virtual clock, before the row's delays; None for real time.

    Raises UserError for delayed devices in real time; for a precision that the device lacks; without torch, the GPU or
    the data's folder; where heads or patches do not divide the width or image; where the user's own network or task
    fails or does not fit; where outputs would fill the memory. Raises MethodError where the method cannot train this
    network, or one of so many layers.
    """
    if row.delays and shared is None:
        raise UserError(
            f"{row.key}: devices can be delayed on the virtual clock only; leave out --executor {choices.executor}."
        )
    choices.kind.check(method)
    data = _counted(work, card_on_disk(work.card, choices.data))
    _check_workload(work, method, data, choices)
    method.check_layers(_layers(work, data))
    method.check_network(work.network)
    hardware = shared.delayed(row.delays) if shared is not None else None
    if hardware is not None:
        hardware.check_devices(method.devices - method.servers, row.key)
    gpus = choices.gpus
    work.check_device(gpus.name if gpus is not None else choices.device, tf32=gpus is not None and gpus.tf32)
    spec = RunSpec(
        workload=work.spec(data, data_sha256(data, choices.data)),
        method=MethodSpec(name=method.name, options=as_read(method.recorded())),
        executor=choices.executor,
        hardware=hardware_of(hardware, gpus, choices.node),
        device=choices.device,
        seed=seed,
        torch=torch_minor(),
        numerics=version(type(method), choices.executor, work),
    )
    added: dict[str, Any] = {  # only what is not the default is part of the identity
        "sources": sources(type(method), work.own.files_of(work.network, work.task)),
        "charged": charged(work) if hardware is not None else None,
        "recorded": choices.record or None,
        "gpu": gpus.name if gpus is not None else None,
    }
    spec = spec.model_copy(update={name: value for name, value in added.items() if value is not None})
    labels = _labels(work, row, method, choices, hardware, spec.gpu, data)
    return Run(run_id(spec), spec, labels, found=data, form_is_open=form_is_open(data, choices.data), parts=work.own)


def _counted(work: Workload, data: DataCard) -> DataCard:
    """The card of a corpus with its number of tokens, if the text was cut into the workload's tokens before."""
    if work.tokens is None or work.tokens.unit == "characters":
        return data
    from benchmarks.workloads.data.text import encoding  # NumPy, which other plans do without

    return replace(data, counted=encoding.counts(data, work.tokens))


def alone(
    work: Workload,
    method: methods.Method,
    seed: int = 0,
    *,
    executor: str = executors.DEFAULT,
    device: str = "cpu",
    record: bool = False,
    card: Card | None = None,
) -> Run:
    """Plans a run outside of tables. card: of a virtual clock. Raises as `run`."""
    chosen = Choices(executor=executor, device=device, record=record)
    return run(work, Row(method.name), method, seed, chosen, card)


def _check_workload(work: Workload, method: methods.Method, data: DataCard, choices: Choices) -> None:
    if choices.record:
        _check_recorded(work, method)
    _check_evaluations(work, method, data)
    _check_clipping(work, method)
    work.check_validation(data)
    if data.floats and work.own.own_task(work.task) is None:
        raise UserError(
            f"{data.title} has targets that are numbers (y of floats), and {work.task} takes classes: name a task of "
            "your own that takes them with --task, as `new task my_task` begins one."
        )
    if work.task != work.at(work.scale).task:
        from benchmarks.workloads.build import check_task  # torch, which other plans do without

        check_task(work, data)
    if choices.device == "cpu" and choices.node is None:
        check_memory(work, data)


def _check_recorded(work: Workload, method: methods.Method) -> None:
    """Raises UserError for a run whose schedule cannot be recorded."""
    if method.options.lock_free:
        raise UserError(
            f"{method.name}: without its mutex a layer may be read and written at once, which no schedule tells; "
            "leave out --record, or lock_free."
        )
    if work.evaluate_every != 1:
        raise UserError(
            f"workload.evaluate_every={work.evaluate_every}: a schedule is recorded epoch by epoch, each with an "
            "evaluation; leave out --record, or --evaluate-every."
        )


def _check_evaluations(work: Workload, method: methods.Method, data: DataCard) -> None:
    """Raises UserError where an epoch has more evaluations than batches on a device."""
    if work.evaluate_every >= 1:
        return
    samples, _ = work.samples_of(data)
    if samples is None:
        return
    batches = max(1, samples // work.batch // method.trained_replicas)
    if work.evaluate_every.denominator > batches:
        raise UserError(
            f"workload.evaluate_every={work.evaluate_every}: an epoch of {method.name} has {batches} batches on each "
            f"device, and is evaluated after each of them at most: 1/{batches}."
        )


def _check_clipping(work: Workload, method: methods.Method) -> None:
    """Raises UserError where gradients are clipped by a norm that the method never computes."""
    if work.optimizer.clip is not None and work.optimizer.clip_by == "all" and not method.updates_whole_gradients:
        raise UserError(
            f"workload.optimizer.clip_by=all: {method.name} updates a part of the network before it has the gradient "
            "of all of it, whose norm nobody knows then: set clip_by=layer."
        )


def _layers(work: Workload, data: DataCard) -> int:
    if work.own_network is None:
        shape = work.input_shape(data)
        check_shape(work.network, shape, width=work.width, heads=work.heads, patch=work.patch)
        return layer_count(work.network, work.blocks)
    from benchmarks.workloads.build import try_network  # torch, which other plans do without

    return try_network(work, data).layers


def _labels(
    work: Workload,
    row: Row,
    method: methods.Method,
    choices: Choices,
    hardware: Card | None,
    gpu: str | None,
    data: DataCard,
) -> Labels:
    devices = f"threads on one {gpu or choices.device}"
    if choices.kind.simulated:
        devices = f"{method.devices} {'device' if method.devices == 1 else 'devices'} (simulated)"
    elif not choices.kind.one_process:
        devices = (
            f"{method.devices} {'process' if method.devices == 1 else 'processes'}, a device each ({choices.device})"
        )
    elif choices.record:
        devices += ", recorded"
    labels = Labels(
        row=row.key,
        method_title=row.label,
        network_label=work.label_on(data),
        devices=devices,
        device_count=method.devices if hardware is not None else choices.real_devices,
        peak_flops_per_second=hardware.peak_flops_per_second if hardware is not None else choices.peak,
        data_label=data.label,
        classes=data.classes,
        test_samples=work.samples_of(data)[1] or 0,
    )
    if choices.budget != 1:
        labels = labels.model_copy(update={"budget": choices.budget})
    judge = _judge(work, data)
    return labels if judge == ACCURACY else labels.model_copy(update={"judge": judge})


def _judge(work: Workload, data: DataCard) -> Judge:
    """The judge of the run's task. Without a chance level of its own, chance is that all tokens are equally likely."""
    judge, words = work.trained_for.judge, work.vocabulary_on(data)
    if judge.unit != "nats" or judge.chance is not None or work.tokens is None or words is None:
        return judge
    return judge.model_copy(update={"chance": math.log(words)})


def distinct(planned: Iterable[Run]) -> list[Run]:
    """Each run once, in the order of the plan, preferably as a row of the method that is trained.

    Its labels also name the rows of other methods that share it, so that its journal is found under each.
    """
    alike: dict[str, dict[str, Run]] = {}
    for run in planned:
        alike.setdefault(run.id, {})[run.method.name] = run
    return [_together(list(by_method.values())) for by_method in alike.values()]


def _together(same: Sequence[Run]) -> Run:
    first, *others = sorted(same, key=lambda run: run.own is not None)
    if not others:
        return first
    also = [RowLabels(row=run.labels.row, method_title=run.labels.method_title) for run in others]
    return replace(first, labels=first.labels.model_copy(update={"also": also}))


def trained_as_others(planned: Iterable[Run]) -> Iterator[str]:
    """Yields a sentence for every method that is trained in place of others."""
    runs = list(planned)
    rows = {run.id: run.labels.method_title for run in runs if run.own is None}
    sentences: dict[str, dict[str, None]] = {}
    for run in runs:
        if run.own is not None:
            trained = rows.get(run.id) or methods.method_class(run.spec.method.name).title
            sentences.setdefault(trained, {})[run.labels.method_title] = None
    for trained, titles in sentences.items():
        are = "is" if len(titles) == 1 else "are"
        yield (
            f"{' and '.join(titles)} {are} trained as {trained}: the same algorithm with these options, effect for "
            "effect, so that the rows share their runs (--no-alias trains each)."
        )


def in_order(planned: Sequence[Run]) -> list[Run]:
    """The runs by seed, so that an interrupted grid has all rows of few seeds rather than few rows of all seeds."""
    return sorted(planned, key=lambda run: run.spec.seed)
