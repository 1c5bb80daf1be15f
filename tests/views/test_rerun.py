"""A printed command plans the runs that it is printed for, whatever was chosen and wherever it lies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from benchmarks import experiments
from benchmarks.commands import site_content
from benchmarks.commands.choose import choose
from benchmarks.commands.cli import app
from benchmarks.commands.options import Selection
from benchmarks.runner.choices import Choices
from benchmarks.runner.rerun import command
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Table
from reports.site.pages import Page
from tests.papers.test_audit import SILENT
from tests.workloads.own_files import card, images, network

OWN_TABLE = """[table]
id = "mine"
title = "Mine"
source = "a test"
family = "cifar10"
networks = ["resnet18"]
measures = ["best_accuracy_percent"]
[[rows]]
method = "bp"
[[rows]]
method = "silent"
[[rows]]
method = "lapsgd"
"""
GIVEN = {
    "a table": "table3",
    "named seeds": "table3 --seeds 0-2,7",
    "one seed by its name": "table3 --seeds 7-7",
    "rows": "table3 --method bp --method lapsgd@updaters=2 --no-alias",
    "settings": "table3 --set lapsgd.period=2 --set workload.schedule.milestones=3,5 --evaluate-every 1/4",
    "a sweep": "table3 --set lapsgd.period=1,4 --set 'workload.schedule.milestones=(3,5),(4,6)'",
    "an executor": "table3 --executor threads --record",
    "another scale": "table3 --scale small --data data",
    "a budget": "table3 --scale small --budget 4 --data data",
    "hardware": "table3 --hardware 'my cards/slow.toml'",
    "hardware by name": "table3 --hardware paper-a-ideal",
    "a plug-in": "table3 --plugin 'my code/silent.py'",
    "a table of one's own": "'my code/mine.toml' --plugin 'my code/silent.py' --seeds 2",
    "a network of one's own": "table1 --network 'my code/mynet.py:mlp' --network resnet18",
    "data of one's own": "table1 --data-card leaves.toml --set workload.batch=8",
    "part of such data": "table1 --data-card leaves.toml --set workload.train_samples=16 --set workload.batch=8",
}


pytestmark = pytest.mark.usefixtures("registries")


def planned(words: list[str]) -> tuple[list[str], Choices, set[str]]:
    """The tables' names, the choices and the runs' identities of `run` with these words."""
    _, bound, _ = app.parse_args(["run", *words], exit_on_error=False, print_error=False)
    experiments, choices = choose(bound.arguments.get("selection") or Selection(), bound.arguments["tables"])
    tables = [definition for definition in experiments if isinstance(definition, Table)]
    return (
        [definition.id for definition in tables],
        choices,
        {run.id for definition in tables for run in resolve(definition, choices).runs},
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of one's own, that no test changes."""
    folder = tmp_path_factory.mktemp("own")
    files = folder / "my code"
    files.mkdir()
    (files / "silent.py").write_text(SILENT, encoding="utf-8")
    (files / "mine.toml").write_text(OWN_TABLE, encoding="utf-8")
    network(files)
    (folder / "my cards").mkdir()
    (folder / "my cards" / "slow.toml").write_text('extends = "paper-a"\nname = "slow"\n', encoding="utf-8")
    images(folder / "leaves", {"train": 24, "test": 8})
    card(folder)
    return folder


@pytest.mark.parametrize(
    ("given", "elsewhere"),
    [
        *((case, False) for case in GIVEN),
        *((case, True) for case in GIVEN if any(end in GIVEN[case] for end in (".py", ".toml"))),
    ],
)
def test_a_printed_command_plans_the_same_runs(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, elsewhere: bool
) -> None:
    """From the folder that its files lie in, and given with whole paths from another."""
    monkeypatch.chdir(own)
    words = shlex.split(GIVEN[given])
    if elsewhere:
        words = [str(own / word) if Path(word.partition(":")[0]).exists() else word for word in words]
        monkeypatch.chdir(tmp_path)
    names, choices, runs = planned(words)
    assert runs
    start, *rest = shlex.split(command(names, choices).text())
    assert [start, *rest[:3]] == ["python", "-m", "benchmarks", "run"]
    assert planned(rest[3:])[2] == runs


def test_pages_of_one_selection_are_made_by_one_command() -> None:
    def commands(names: Sequence[str], rest: str = "") -> list[str]:
        pages = [SimpleNamespace(command=f"python -m benchmarks run {name}{rest}") for name in names]
        return list(site_content._again(cast("list[Page]", pages)))

    everything = experiments.members("all")
    assert commands(everything, " --scale small") == ["python -m benchmarks run all --scale small"]
    assert commands([*everything, "mine.toml"]) == ["python -m benchmarks run all mine.toml"]
    assert commands(["table1", "table3"]) == ["python -m benchmarks run table1 table3"]
