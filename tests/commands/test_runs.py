"""Output, files and repetition of `run`; runs are real, two epochs of four batches each."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import calibrate
from benchmarks.runner.processes import pool
from benchmarks.workloads.scales import TIMED
from results import tracking
from results.tracking import FeedReport
from tests.commands.commands import TINY, Cli, journals, written
from tests.results.samples import records
from tests.stores import new_store

ROWS = "--method=async_lu,bp"
UNREACHABLE = "http://127.0.0.1:9"
METHODS = '''
from methods import Drop, NextBatch, Update, Worker, backward, forward, register
from methods.bp import Backpropagation


@register(title="[bold]<script>alert(1)</script>", source="[red]nowhere[/blue]", name="odd")
class Odd(Backpropagation):
    """Backpropagation under a name that looks like markup."""


@register(title="Wild", source="here", name="wild")
class Wild(Backpropagation):
    learning_rate_factor = 1e12


@register(title="Breaks", source="here", name="breaks")
class Breaks(Backpropagation):
    def workers(self, team):
        yield Worker(self.fail(team.replica), device=0, role="breaker")

    def fail(self, replica):
        yield NextBatch(replica)
        raise ValueError("[red]no[/blue]")


@register(title="Half", source="here", name="half")
class Half(Backpropagation):
    def train(self, replica):
        for _ in range(2):
            yield from self.one(replica, (yield NextBatch(replica)))

    def one(self, replica, step):
        yield from forward(replica, step)
        yield Update(*(yield from backward(replica, step)))


@register(title="Sparing", source="here", name="sparing")
class Sparing(Half):
    def train(self, replica):
        while (step := (yield NextBatch(replica))) is not None:
            yield from [Drop(step)] if step.index % 2 else self.one(replica, step)
'''


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("nothing is to be trained")

    monkeypatch.setattr(pool, "train_all", refuse)


@pytest.mark.usefixtures("no_training")
def test_a_second_run_trains_nothing_and_shows_the_same(cli: Cli, out: Path, trained: Path) -> None:
    output = cli.ok("run", "table1", "table7", ROWS, "--no-tracking", *TINY)
    assert "table1, table7 at scale smoke: 2 runs, 2 of them done before" in output.out
    assert "Contention for links is not charged." in written(out, "table1.md").read_text(encoding="utf-8")
    for name in ("table1.csv", "table7.csv", "table1.md", "table7.md"):
        assert written(out, name).read_bytes() == written(trained, name).read_bytes()


@pytest.mark.slow
def test_numbers_do_not_depend_on_jobs_folder_or_repetition(cli: Cli, out: Path, trained: Path) -> None:
    """Nor on the process: what is compared with was trained in this one."""
    output = cli.ok("run", "table1", "table7", ROWS, "--no-tracking", "--fresh", "--jobs=2", *TINY)
    assert "2 runs, 0 of them done before, 2 at a time" in output.out
    for name in ("table1.csv", "table7.csv"):
        assert written(out, name).read_bytes() == written(trained, name).read_bytes()
    files = sorted(journal["file"] for journal in journals(out))
    assert files == ["journal.jsonl", "journal.jsonl", "journal.replaced-1.jsonl", "journal.replaced-1.jsonl"]


def test_show_is_the_plan(cli: Cli) -> None:
    plan = cli.ok("show", "table3", "--set=async_lu.backward_workers=5", "--network=resnet18", "--seeds=2")
    for words in ("backward_workers=5", "epochs=12", "226.4 ± 10", "12 runs, 0 of them done in out", "wall clock"):
        assert words in plan.out
    assert len(plan.out.splitlines()) < 40
    audit = cli.ok("show", "table3", "--audit", "--network=resnet18").out
    assert "async_lu.queue=" in audit  # the option that reads an ambiguity otherwise
    assert "async_lu.queue=" not in plan.out
    card = cli.ok("show", "paper-a")
    assert "held out" in card.out
    assert "Contention for links is not charged." in card.out


@pytest.mark.usefixtures("here")
def test_methods_of_a_file(cli: Cli, tmp_path: Path) -> None:
    """One is named like markup, one diverges, one raises: rows of the table, and the exit code says that one failed."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(METHODS, encoding="utf-8")
    result = cli("run", "table1", "--method=odd,wild,breaks", f"--plugin={plugin}", "--jobs=1", "--no-tracking", *TINY)
    assert (result.code, result.err) == (1, "")
    assert "resnet18 [bold]<script>alert(1)</script>, seed 0: finished, 2 epochs" in result.out
    assert "resnet18 Wild, seed 0: diverged" in result.out
    line = METHODS[: METHODS.index("raise ValueError")].count("\n") + 1
    error = f"Worker 'breaker 0 on device 0' failed: ValueError: [red]no[/blue] ({plugin}:{line})"
    assert f"resnet18 Breaks, seed 0: failed: {error}" in result.out
    assert f"Failed: cifar10-resnet18 Breaks, seed 0: {error}" in result.out
    statuses = {journal["method"]: journal["status"] for journal in journals(tmp_path / "out")}
    assert statuses == {"odd": "finished", "wild": "diverged", "breaks": "failed"}
    csv = written(tmp_path / "out", "table1.csv").read_text(encoding="utf-8")
    assert "odd,[bold]<script>alert(1)</script>," in csv
    assert f"1 of 1 runs failed: {error}" in csv
    assert "1 of 1 runs diverged: the training loss was not finite from batch " in csv
    assert "<script>" not in written(tmp_path / "out", "table1.md").read_text(encoding="utf-8").replace(
        r"\<script\>", ""
    )


@pytest.mark.usefixtures("here")
def test_an_epoch_that_is_not_used_up(cli: Cli, tmp_path: Path) -> None:
    """Half an epoch would be twice as fast: it fails, unless it is declared, which the table then says."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(METHODS, encoding="utf-8")
    result = cli("run", "table1", "--method=half,sparing", f"--plugin={plugin}", "--jobs=1", "--no-tracking", *TINY)
    assert (result.code, result.err) == (1, "")
    assert "Half, seed 0: failed: Workers left an epoch unfinished: 6 of 8 batches were never taken; " in result.out
    assert "Sparing left 48 gradients of single layers unapplied, as the method declares, in 16 batches" in result.out
    statuses = {journal["method"]: journal["status"] for journal in journals(tmp_path / "out")}
    assert statuses == {"half": "failed", "sparing": "finished"}


@pytest.mark.usefixtures("here")
def test_a_method_that_fails_an_analysis_is_a_sentence(cli: Cli, tmp_path: Path) -> None:
    """Nor is one that leaves batches out timed as if it were fast."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(METHODS, encoding="utf-8")
    options = ("--network=lstm", "--set=validate.rounds=1", "--set=validate.batches=4")
    output = cli.refused("run", "validate", "--method=half", f"--plugin={plugin}", "--no-tracking", *options)
    assert output.err.startswith("validate is not made: Workers left an epoch unfinished: ")
    assert "batches were never taken" in output.err
    output = cli.refused("run", "figure1", "--method=breaks", "--no-tracking")  # the plug-in is loaded
    assert output.err.startswith("figure1 is not made: Worker 'breaker 0 on device 0' failed: ValueError: ")


def test_a_card_of_this_machine(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "ROUNDS", 1)
    monkeypatch.setattr(calibrate, "TIMED", {network: TIMED[network] for network in ("resnet18", "resnet50")})
    cli.ok("calibrate")
    assert (tmp_path / "out/hardware/this-machine.toml").is_file()
    output = cli.ok("show", "table7", "--hardware=this-machine")
    assert "hardware this-machine: all seconds are simulated" in output.out
    assert "resnet50: forward" in cli("show", "this-machine").out


# ---- tracking


@pytest.mark.usefixtures("no_training", "out")
def test_without_mlflow_nothing_is_lost(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    output = cli.ok("run", "table1", ROWS, *TINY)
    assert "Not tracked: mlflow is not installed" in output.out
    assert "feed them later with `python -m benchmarks track`" in output.out
    track_output = cli.refused("track")
    assert "mlflow is not installed" in track_output.err


@pytest.mark.usefixtures("no_training", "out")
def test_without_the_server_nothing_is_lost(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", UNREACHABLE)
    output = cli.ok("run", "table1", ROWS, *TINY)
    assert f"Not tracked: No tracking server answers at {UNREACHABLE}" in output.out
    assert "feed them later with `python -m benchmarks track`" in output.out
    cli.refused("track")


class Fed:
    """Stands in for MLflow, and remembers what it was given."""

    def __init__(self) -> None:
        self.records: list[Sequence[Any]] = []
        self.measured: list[Any] = []

    def __call__(
        self, records: Sequence[Any], *, published: Any, measured: Any, artifacts: Any, **options: Any
    ) -> FeedReport:
        assert published["cifar10"]
        file_names = [{path.name for path in files} for files in artifacts.values() if files]
        assert file_names, "of the rows that were asked for"
        table_files = [{f"{table}.{kind}" for kind in ("json", "csv", "md")} for table in ("table1", "table2")]
        assert all(any(files <= names for files in table_files) for names in file_names)
        self.records.append(sorted(record.row for record in records))
        self.measured.append(measured)
        return FeedReport("sqlite:///[/odd].db", (), 0, 0, 0, 0.0)


@pytest.mark.usefixtures("no_training", "out")
def test_mlflow_is_told_the_same_whatever_was_asked_for_last(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row's speed-up is that of the table, over all its rows that were run."""
    fed = Fed()
    monkeypatch.setattr(tracking, "feed", fed)
    for arguments in (["table1", "table7", ROWS], ["table1", "--method=bp"], ["table2", "--method=async_lu"]):
        output = cli.ok("run", *arguments, *TINY)
        assert "sqlite:///[/odd].db" in output.out
    assert fed.records == [["async_lu", "bp"]] * 3
    assert fed.measured[0] == fed.measured[1] == fed.measured[2]
    measures = {(row, measure) for (row, _), values in fed.measured[0].items() for measure in values}
    assert {("bp", "relative_speedup"), ("async_lu", "best_accuracy_percent")} <= measures


@pytest.mark.usefixtures("no_training")
def test_a_store_is_fed_once(cli: Cli, out: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", exc_type=ImportError)
    uri = new_store(tmp_path)
    first, second = cli("track", f"--uri={uri}"), cli("track", f"--uri={uri}")
    assert (first.code, second.code) == (0, 0)
    assert re.search(r"MLflow: 2 runs and \d+ .* added, 0 replaced, 0 unchanged in 'cifar10 \(smoke\)'", first.out)
    assert re.search(r"MLflow: 0 runs added, 0 replaced, [1-9]\d* unchanged", second.out)
    assert len(records(out)) == 2


# ---- what is there and cannot be read


def test_seeds_by_name_are_trained_shown_and_said(cli: Cli, here: None) -> None:
    options = [argument for argument in TINY if not argument.startswith("--seeds")]
    output = cli.ok("run", "table1", "--method=bp", "--seeds=0,4", "--no-tracking", *options)
    assert "2 runs, 0 of them done before" in output.out
    assert "seeds 0 and 4" in output.out
    assert (
        "2 runs, 1 of them done before"
        in cli("run", "table1", "--method=bp", "--seeds=2", "--no-tracking", *options).out
    )
    cli.ok("report", "table1", "--method=bp", "--seeds=0-4", *options)
    page = written(Path("out"), "table1/index.html", "report").read_text(encoding="utf-8")
    assert "seeds 0 to 1 and 4" in page
    assert "--scale smoke --seeds 0-1,4 --method bp" in page
