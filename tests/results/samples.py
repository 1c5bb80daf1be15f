"""Small journals for the tests of results and reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.runner.plan import Run
from benchmarks.views import journals
from results.records import Record, folder_of, read
from results.records.identity import identity, run_id
from results.records.journal import Journal
from results.records.lines import CHAIN, CHECKSUM, chained
from results.records.spec import ACCURACY, Judge, Labels, RunSpec

CARD = {"name": "paper-a", "sha256": "ab" * 32}


def spec_of(
    method: str = "async_lu",
    network: str = "resnet18",
    seed: int = 0,
    executor: str = "virtual",
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> RunSpec:
    workload = {"name": f"cifar100-{network}", "family": "cifar100", "scale": "smoke", "network": network, "batch": 64}
    data = {"dataset": "digit-pairs", "dataset_sha256": "ef" * 32, "epochs": 4}
    fields = {
        "workload": {**workload, **data, "optimizer": {"name": "sgd", "momentum": 0.9}, **(settings or {})},
        "method": {"name": method, "options": options},
        "executor": executor,
        "hardware": CARD if executor == "virtual" else {"name": "a processor", "cores": 2},
        "device": "cpu",
        "seed": seed,
        "torch": "2.15",
        "sources": "cd" * 32,
    }
    return RunSpec.model_validate(fields)


def write(
    out: Path,
    accuracies: Sequence[float],
    *,
    status: str | None = "finished",
    row: str | None = None,
    extra: int = 0,
    judge: Judge = ACCURACY,
    **spec: Any,
) -> Record:
    """Writes a journal with one evaluation per accuracy, 2 simulated seconds and 3 of training an epoch.

    judge: of another metric; the values are then of that metric.
    """
    resolved = spec_of(**spec)
    labels = Labels(row=row or resolved.method.name, method_title="Async LU", network_label="ResNet-18 (width 8)")
    labels = labels if judge == ACCURACY else labels.model_copy(update={"judge": judge})
    folder, id = folder_of(out, run_id(resolved)), run_id(resolved)
    with Journal.create(
        folder, id=id, spec=resolved, environment={"commit": "0f" * 20, "modified": False}, labels=labels
    ) as journal:
        for epoch, accuracy in enumerate(accuracies, start=1):
            metrics = {"accuracy_percent": accuracy, "loss": 2.0 / epoch, "train_seconds": 3.0 * epoch}
            metrics |= {"virtual_seconds": 2.0 * epoch, "wall_seconds": 4.0 * epoch}
            metrics |= {judge.metric: accuracy} if judge != ACCURACY else {}
            metrics |= {f"extra_{number}": float(number) for number in range(extra)}
            journal.evaluation(epoch, 20 * epoch, metrics)
        if status is not None:
            layers = [{"layer": "stem", "updates": 2.0, "seconds": 0.01, "wait_seconds": 0.0, "reads": 120}]
            early = status == "finished" and len(accuracies) < resolved.workload.epochs
            journal.end(status, early_stopped=early, staleness=layers, wall_seconds=max(12.0, 4.0 * len(accuracies)))
    return read(journal.path)


def finish(out: Path, run: Run, accuracy: float = 50.0) -> None:
    """Writes the journal of a planned run, trained to its end with constant accuracy."""
    with Journal.create(folder_of(out, run.id), id=run.id, spec=run.spec, environment={}, labels=run.labels) as journal:
        for epoch in range(1, run.spec.workload.epochs + 1):
            metrics = {"accuracy_percent": accuracy, "loss": 1.0}
            metrics |= {"virtual_seconds": 2.0 * epoch, "train_seconds": 3.0 * epoch}
            journal.evaluation(epoch, 20 * epoch, metrics)
        journal.end("finished")


def records(out: Path) -> list[Record]:
    """Reads all runs of a folder, in the order of their start."""
    return list(journals.read(out).records)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a journal, without their checksums."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name not in (CHAIN, CHECKSUM)} for line in lines]


def rewrite(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes lines with new checksums, as if the journal had never been changed."""
    path.write_bytes(chained(lines)[0])


def made_elsewhere(path: Path, **changes: Any) -> None:
    """Rewrites a journal for a spec with these changes, and moves it to that run's folder."""
    lines = lines_of(path)
    lines[0]["spec"] |= changes
    lines[0]["id"] = identity(lines[0]["spec"])
    rewrite(path, lines)
    path.parent.rename(path.parent.with_name(lines[0]["id"]))
