"""Commands that share a folder of results or a store: each run is trained once and fed once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.counting import Attempt
from tests.faults.faults import Command, Outcome, readable, training
from tests.results.samples import write

pytestmark = pytest.mark.faults
SEEDS, EPOCHS = 3, 12


def trained_once(folder: Path, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert (outcome.code, outcome.survivors) == (0, ())
        assert outcome.tables == outcomes[0].tables
    assert sorted(
        (journal["seed"], journal["status"], journal["evaluations"]) for journal in readable(folder / "out")
    ) == [(seed, "finished", EPOCHS) for seed in range(SEEDS)]


@pytest.mark.fault("one-out")
@pytest.mark.parametrize("commands", [2, 4])
def test_commands_on_one_folder_train_each_run_once(attempt: Attempt, tmp_path: Path, commands: int) -> None:
    with ExitStack() as ending:
        running = []
        for _ in range(commands):
            running.append(ending.enter_context(Command(tmp_path, *training(epochs=EPOCHS, seeds=SEEDS))))
            running[-1].at(seconds=attempt.random.uniform(0, 1.5))
        trained_once(tmp_path, [command.wait(200) for command in running])


@pytest.mark.fault("one-out-killed")
def test_a_command_takes_over_what_another_that_was_killed_had_begun(attempt: Attempt, tmp_path: Path) -> None:
    arguments = training(epochs=100)
    with Command(tmp_path, *arguments) as first:
        first.at(epoch=1)
        with Command(tmp_path, *arguments) as second:
            second.at(output="trained by another command", seconds=attempt.random.uniform(0, 0.2))
            first.kill("all")
            outcome = second.wait()
    assert (outcome.code, outcome.statuses) == (0, {0: "finished"})


def fed(uri: str) -> dict[str, int]:
    """Number of runs in the store for each key."""
    from mlflow import MlflowClient

    client, counts = MlflowClient(tracking_uri=uri), dict[str, int]()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in client.search_runs(experiments, max_results=1000):
        if (key := run.data.tags.get("benchmarks.key")) is not None:
            counts[key] = counts.get(key, 0) + 1
    return counts


@pytest.mark.fault("fresh-store")
def test_eight_commands_feed_one_fresh_store_each_run_once(attempt: Attempt, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with ExitStack() as ending:
        running = []
        for number in range(8):
            write(tmp_path / str(number) / "out", [50.0], seed=number)
            running.append(ending.enter_context(Command(tmp_path / str(number), "track", f"--uri={uri}")))
        outcomes = [command.wait(400) for command in running]
    assert [(outcome.code, outcome.sentence) for outcome in outcomes] == [(0, "")] * 8
    counts = fed(uri)
    assert set(counts.values()) == {1}
    assert sum(key.startswith("run:") for key in counts) == 8
    attempt.cases = 8
