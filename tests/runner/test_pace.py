"""Expected training time: from similar runs on this machine, then corrected by the current epochs."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.runner.environment import cpu_name
from benchmarks.runner.pace import START_SECONDS, Pace, crowding, rough_seconds
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import Begin, Busy, Ended, Epoch, Resumed
from benchmarks.runner.progress import Display
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.scales import PAIRS
from benchmarks.workloads.workload import SCALES, workload
from results.records import Record
from results.records.spec import Labels, RunSpec
from tests.results.samples import spec_of, write

METRICS = {"accuracy_percent": 50.0, "virtual_seconds": 1.5, "train_seconds": 0.5}
HERE = {"cpu": cpu_name(), "cores": os.cpu_count() or 1}
ROUGH = rough_seconds(spec_of().workload)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Makes a run of four epochs, without an environment."""
    return write(tmp_path, [10, 20, 30, 40])


def took(record: Record, seconds: float, spec: RunSpec | None = None, **fields: Any) -> Record:
    """Makes a run on this machine that took so many seconds an epoch."""
    end = {**(record.end or {}), "wall_seconds": 4 * seconds}
    return replace(record, spec=spec or record.spec, environment=HERE, **{"end": end, **fields})


def a_run(**spec: Any) -> Run:
    resolved = spec_of(**spec)
    return Run(str(resolved), resolved, Labels())


def test_without_runs_it_is_a_guess() -> None:
    assert Pace().epoch_seconds(spec_of()) == ROUGH
    assert "a guess" in Pace().basis([a_run()])


@pytest.mark.parametrize(("family", "network"), PAIRS)
def test_there_is_a_guess_for_every_workload(family: str, network: str) -> None:
    for scale in SCALES:
        work = workload(family, network, scale)
        assert rough_seconds(work.spec(card(work.dataset), "")) > 0


def test_a_corpus_takes_as_long_as_its_windows() -> None:
    few, all_of_it = (workload("tinyshakespeare", "gpt", "paper", {"train_samples": n}) for n in ("15685", "none"))
    specs = [work.spec(card(work.dataset), "") for work in (few, all_of_it)]  # 1,003,854 // 64
    assert rough_seconds(specs[0]) == rough_seconds(specs[1])


def test_a_folder_of_images_takes_as_long_as_the_images_that_it_has(record: Record) -> None:
    work = {"family": "imagenet", "dataset": "imagenet", "scale": "small", "network": "resnet18"}
    spec = spec_of().model_copy(update={"workload": spec_of().workload.model_copy(update=work)})
    folder_card = replace(card("imagenet"), train_samples=1500)
    run, published = (Run("id", spec, Labels(), found=data_card) for data_card in (folder_card, None))
    assert Pace().of(published) / Pace().of(run) == pytest.approx(1_281_167 / 1500)
    pace = Pace([took(record, 30.0, spec)])  # 20 batches of 64 an epoch
    assert pace.of(run) == pytest.approx(30.0 * 1500 / 1280)


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({"seed": 7}, 9.0),
        ({"queue": 3}, 7.0),
        ({"method": "lapsgd"}, 7.0),
        ({"network": "resnet50"}, 7.0 * rough_seconds(spec_of(network="resnet50").workload) / ROUGH),
        ({"executor": "threads"}, ROUGH),
    ],
    ids=["the same", "the same method", "the same workload", "the same scale", "no run of its kind"],
)
def test_the_runs_most_alike_are_asked(record: Record, spec: dict[str, Any], seconds: float) -> None:
    others = [took(record, 7.0, spec_of(method="bp", seed=seed)) for seed in range(3)]
    pace = Pace([*others, took(record, 9.0)] if spec == {"seed": 7} else [*others, took(record, 7.0)])
    assert pace.epoch_seconds(spec_of(**spec)) == pytest.approx(seconds)
    basis = "as runs of this scale took on this machine"
    assert (pace.basis([a_run(**spec)]) == basis) == (spec != {"executor": "threads"})


@pytest.mark.parametrize(
    "fields",
    [
        {"environment": {**HERE, "cpu": "another"}},
        {"environment": {**HERE, "cores": 999}},
        {"end": {"status": "failed", "wall_seconds": 1.0}},
        {"end": None},
        {"evaluations": ()},
        {"spec": spec_of(network="a network of another version")},
    ],
)
def test_runs_of_other_machines_and_those_without_an_end_teach_nothing(record: Record, fields: dict[str, Any]) -> None:
    assert Pace([replace(took(record, 9.0), **fields)]).epoch_seconds(spec_of()) == ROUGH


def test_runs_side_by_side_take_as_long_as_the_longest_at_least(record: Record) -> None:
    pace = Pace([took(record, 10.0)])
    runs = [a_run(seed=seed) for seed in range(3)]
    assert [round(pace.seconds(runs, jobs) - START_SECONDS) for jobs in (1, 2, 3, 4)] == [120, 60, 40, 40]
    assert pace.seconds([], 2) == 0


def test_on_a_busy_machine_a_guess_and_the_start_take_longer_and_what_was_measured_does_not(record: Record) -> None:
    run = a_run()
    assert Pace(crowding=3.0).seconds([run], 1) == pytest.approx(3 * Pace().seconds([run], 1))
    assert Pace([took(record, 10.0)], crowding=3.0).seconds([run], 1) == pytest.approx(3 * START_SECONDS + 40)


def test_others_that_compute_crowd_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for load, jobs, times in ((0.1, 1, 1.0), (0.0, 2, 1.0), (4.0, 2, 3.0)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert crowding(jobs) == pytest.approx(times)


# ---- while they are trained


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def two(record: Record, jobs: int) -> tuple[Display, Sequence[Run], Clock]:
    """Two runs of four epochs, expected to take 100 s each."""
    runs, clock = [a_run(seed=seed) for seed in range(2)], Clock()
    return Display(runs, Console(file=io.StringIO()), Pace([took(record, 100.0)]), jobs, clock), runs, clock


def test_current_epochs_correct_the_expected_time(record: Record) -> None:
    display, (first, second), clock = two(record, jobs=1)
    assert display.seconds == pytest.approx(800 + START_SECONDS)
    display(Begin(first.id, first.spec, first.labels))
    clock.now = 300.0
    display(Epoch(first.id, 1, METRICS))
    assert display.seconds == pytest.approx(7 * 300)
    clock.now = 400.0
    assert display.seconds == pytest.approx(7 * 300 - 100)
    clock.now = 10_000.0
    assert display.seconds == pytest.approx(6 * 300)
    display(Ended(first.id, "finished"))
    assert display.seconds == pytest.approx(4 * 300)
    display(Begin(second.id, second.spec, second.labels))
    display(Resumed(second.id, 3, "epoch 3"))
    assert display.seconds == pytest.approx(300)
    display(Ended(second.id, "finished"))
    assert display.seconds == 0


def test_the_start_of_a_process_is_not_taken_for_training(record: Record) -> None:
    display, (first, second), clock = two(record, jobs=2)
    display(Begin(first.id, first.spec, first.labels))
    clock.now = START_SECONDS / 2
    assert display.seconds == pytest.approx(START_SECONDS / 2 + 400)
    clock.now = 30.0
    display(Epoch(first.id, 1, METRICS))
    assert display.seconds == pytest.approx(400)
    clock.now = 80.0
    display(Epoch(first.id, 2, METRICS))
    assert display.seconds == pytest.approx(4 * 50)
    for run in (first, second):
        display(Busy(run.id, "elsewhere"))
    assert display.seconds == pytest.approx(4 * 50)
