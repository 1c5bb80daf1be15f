"""Precision: what torch is told, and what a forward pass runs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import caveats
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.precision import autocast, set_flags
from benchmarks.workloads.workload import workload
from methods import Program, Worker
from tests.conformance.small import Small, bits
from tests.executors.teams import team_of

CHOICES = Choices(card=cards.load("paper-a"), seeds=(0,))
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _flags() -> Iterator[None]:
    """Torch's flags as they were."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield
    torch.set_flush_denormal(False)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize(("precision", "on"), [("float32", False), ("tf32", True), ("bf16", False)])
@pytest.mark.parametrize("before", [False, True])
def test_tf32_is_on_where_it_is_asked_for_alone(precision: Any, on: bool, before: bool) -> None:
    """Whatever an earlier run of the process left; by torch's default it is on in cuDNN."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = before
    set_flags(precision)
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (on, on)


def test_a_run_sets_the_flags() -> None:
    torch.backends.cudnn.allow_tf32 = True
    Small("bp")
    assert not torch.backends.cudnn.allow_tf32


def flushes() -> bool:
    """Whether the calling thread counts 1e-39, which float32 has as a denormal number, as 0."""
    return float(torch.tensor([1e-38]) * 0.1) == 0.0


def test_denormal_numbers_count_as_zero_in_every_thread_of_a_run() -> None:
    torch.set_flush_denormal(False)
    assert not flushes()
    training, flushed = Small("bp", executor="threads"), list[bool]()
    assert flushes()

    def program() -> Program:
        flushed.append(flushes())
        yield from ()

    torch.set_flush_denormal(False)  # a thread inherits it, where it does not set its own
    training.executor.run([Worker(program(), device=0, role="asked")])
    assert flushed == [True]


def test_an_update_between_passes_is_seen() -> None:
    layer = nn.Linear(2, 2, bias=False)
    team = team_of({"only": layer}, autocast=autocast("bf16", CPU))
    team.batches = lambda epoch, index: (torch.ones(2, 2), torch.tensor([0, 1]))
    activations = []
    for value in (1.0, 2.0):
        layer.weight.data.fill_(value)
        step: Any = team.next_batch(team.replica)
        team.forward(team.replica.layers[0], step, 0.0)
        activations.append(step.activation.detach())
    assert activations[0].dtype is torch.bfloat16
    assert torch.equal(2 * activations[0], activations[1])


def test_weights_gradients_and_losses_stay_float32() -> None:
    training = Small("async_lu", precision="bf16")
    dtypes: set[torch.dtype] = set()
    apply = training.team.updates.apply

    def noted(layer: Any, gradient: Any, worker: str, scale: float = 1.0) -> None:
        dtypes.update(tensor.dtype for tensor in gradient.tensors)
        apply(layer, gradient, worker, scale)

    training.team.updates.apply = noted  # type: ignore[method-assign]
    training.train(epochs=1)
    tensors = [p for layer in training.team.replica.layers for p in (*layer.params, *layer.buffers)]
    assert dtypes | {p.dtype for p in tensors} | {loss.dtype for loss in training.team.losses} == {torch.float32}


@pytest.mark.parametrize("executor", ["virtual", "threads"])
def test_bf16_trains_repeats_and_is_not_float32(executor: str) -> None:
    def trained(precision: str) -> tuple[str, list[float]]:
        training = Small("bp", executor=executor, precision=precision)
        losses = [metrics["train_loss"] for metrics in training.train()]
        return bits(training.team), losses

    first, losses = trained("bf16")
    assert trained("bf16") == (first, losses)
    other = trained("float32")
    assert other[0] != first
    assert other[1] != losses
    assert losses[-1] < losses[0]


def test_evaluation_is_in_the_runs_precision_and_its_loss_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    training, observed = Small("bp", precision="bf16"), []
    genuine = nn.functional.cross_entropy

    def noted(logits: Tensor, *rest: Any, **options: Any) -> Tensor:
        observed.append((logits.dtype, bool(torch.equal(logits, logits.bfloat16().float()))))
        return genuine(logits, *rest, **options)

    monkeypatch.setattr(nn.functional, "cross_entropy", noted)
    training.evaluate()
    assert set(observed) == {(torch.float32, True)}


# ---- recorded, shown, refused, audited


def test_precision_is_identity_and_a_departure() -> None:
    work = workload("cifar100", "resnet18", "paper", {"precision": "bf16"})
    assert work.departures == ["precision bf16 (paper scale: float32)"]
    plain, other = (
        resolve(table("table3"), replace(CHOICES, settings=settings)).runs[0]
        for settings in ({}, {"workload": {"precision": "bf16"}})
    )
    assert plain.spec.workload.document()["precision"] == "float32"
    assert plain.id != other.id


def test_tf32_needs_a_gpu() -> None:
    tf32_choices = replace(CHOICES, settings={"workload": {"precision": "tf32"}})
    with pytest.raises(UserError, match="precision=tf32: the cpu has no TF32"):
        resolve(table("table3"), tf32_choices)


def said(id: str, settings: dict[str, str], **choices: Any) -> str:
    """Notes of a table that are about precision."""
    chosen = replace(CHOICES, settings={"workload": settings}, **choices)
    table_runs = find_runs(resolve(table(id), chosen), Journals(()))
    return " ".join(text for text in caveats(table_runs) if text.startswith("Computed in "))


def test_a_table_says_what_does_not_follow_the_precision() -> None:
    threads = {"executor": "threads", "card": None}
    assert said("v3-mfu", {}) == said("v3-mfu", {}, **threads) == ""
    assert "the peak of MFU stay the card's" in said("v3-mfu", {"precision": "bf16"})
    assert "measured the peak of MFU in float32" in said("v3-mfu", {"precision": "bf16"}, **threads)
    assert said("table3", {"precision": "bf16"}, **threads) == ""


@pytest.mark.cuda
def test_a_gpu_multiplies_in_the_precision_that_was_set() -> None:
    """Products of 1024 x 1024 numbers: TF32 keeps 10 bits of each, float32 23."""
    a, b = torch.randn(2, 1024, 1024, generator=torch.Generator().manual_seed(0)).cuda()
    exact, errors = a.double() @ b.double(), {}
    for precision in ("float32", "tf32"):
        set_flags(precision)
        errors[precision] = float(((a @ b).double() - exact).norm() / exact.norm())
    assert errors["float32"] < 1e-5 < errors["tf32"] < 1e-2
