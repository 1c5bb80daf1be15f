"""A run's networks and batches, and the imports of its training process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import methods
from benchmarks.checkout import CHECKOUT
from benchmarks.executors import registry as executors
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.runner import plan
from benchmarks.runner.processes.messages import Setting
from benchmarks.runner.processes.process import data_of
from benchmarks.runner.training import Training, load_data, train
from benchmarks.workloads.data.load import DataSet
from benchmarks.workloads.workload import workload
from results.measures import ALONE, MEASURES, NO_TOKENS
from results.records import Record, folder_of, read
from results.records.journal import Journal

IMPORTS = """
import sys
from tests.runner.test_training import training
for family, network in (("cifar10", "resnet18"), ("cifar10", "squeezenet"), ("imdb", "lstm")):
    training(family, network, "ddp").epoch(0)
print(*sorted({name.split(".")[0] for name in sys.modules} | {name for name in sys.modules if name == "torch._dynamo"}))
"""


def training(family: str, network: str, method: str) -> Training:
    """A run of a few batches."""
    work = workload(family, network, "smoke", {"train_samples": "192", "test_samples": "30"})
    card = cards.load("paper-a") if executors.executor(executors.DEFAULT).needs_card else None
    run = plan.alone(work, methods.create(method), card=card)
    return Training(run.spec, load_data(work, None), card)


@pytest.mark.parametrize("network", ["resnet18", "resnet50", "resnet20", "wrn16_8", "squeezenet"])
def test_images_and_convolutions_have_their_channels_last_on_a_cpu(network: str) -> None:
    """All activations as well: a layer with another layout would convert them in every batch."""
    prepared = training("cifar10", network, "bp")
    images, _ = prepared.batches.batch(0, 0)
    x, last = images, torch.channels_last
    assert x.is_contiguous(memory_format=last)
    for name, layer in prepared.network().items():
        assert all(p.is_contiguous(memory_format=last) for p in layer.parameters() if p.ndim == 4)
        x = layer(x)
        assert name == "head" or x.is_contiguous(memory_format=last), name


def test_a_process_shares_no_windows_between_runs_of_other_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    setting, loaded = Setting(tmp_path, None, {}, (), {}), dict[str, DataSet]()
    for context in ("8", "16"):
        work = workload("tinyshakespeare", "gpt", "smoke", {"tokens.context": context})
        spec = plan.alone(work, methods.create("bp"), card=cards.load("paper-a")).spec
        inputs, _ = (
            data_of(spec, setting, loaded)
            .batches(batch=2, seed=0, device=torch.device("cpu"), augment=False)
            .batch(0, 0)
        )
        assert inputs.shape == (2, int(context))


@pytest.mark.parametrize("method", ["bp", "ddp"])
def test_a_language_model_s_flops_per_token_are_palm_s_and_make_its_mfu(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6 N + 12 L H Q T for N weights that multiply; MFU is tokens per second times these FLOPs over the peak."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fields = {"train_samples": "64", "test_samples": "4", "tokens.context": "16", "epochs": "1"}
    work = workload("tinyshakespeare", "gpt", "smoke", {**fields, "price": "flops"})
    card = cards.load("paper-a").model_copy(update={"peak_flops_per_second": 1e14})
    run = plan.alone(work, methods.create(method), card=card)
    record = trained(run, load_data(work, None), card, tmp_path)
    blocks, head = 4 * 12 * work.width**2, work.width * 43
    tokens, flops, mfu = (
        MEASURES[key].of(record) for key in ("tokens_per_second", "flops_per_token", "model_flops_utilisation_percent")
    )
    assert flops == 6 * (blocks + head) + 12 * 4 * work.width * 16
    assert mfu == pytest.approx(100 * (tokens or 0) * flops / (1e14 * run.labels.device_count))
    assert run.labels.device_count == methods.create(method).devices
    work = workload("cifar10", "vit", "smoke", {"train_samples": "64", "test_samples": "4", "epochs": "1"})
    image = trained(plan.alone(work, methods.create("bp"), card=card), load_data(work, None), card, tmp_path)
    assert MEASURES["flops_per_token"].value([image], ALONE)[1] == NO_TOKENS


def trained(run: plan.Run, data: DataSet, card: Card, out: Path) -> Record:
    with Journal.create(folder_of(out, run.id), id=run.id, spec=run.spec, environment={}, labels=run.labels) as journal:
        train(run.spec, journal, data=data, card=card)
    return read(journal.path)


@pytest.mark.slow
def test_a_training_process_imports_neither_torchs_compiler_nor_torchvision() -> None:
    """Importing them would take longer than torch itself, in every process."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "torch" in imported
    assert not imported & {"torch._dynamo", "torchvision", "sympy", "mlflow", "pandas"}
