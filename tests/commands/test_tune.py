"""`tune` as a user meets it. Runs are journals of accuracies that a rule gives, but for one test that trains."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Begin, Ended, Listen, Setting
from results.groups import FIRST_TRIAL_SEED
from results.records import folder_of
from results.records.journal import Journal
from results.tables import ResultTable, files
from tests.commands.commands import TINY, Cli, written
from tests.sure import sure
from tests.workloads.own_files import card, images

ROWS = ("--method=async_lu,ddp", "--network=resnet18", "--no-tracking")
PUBLISHED, HIGH = 0.05, 0.1
Rule = Callable[[Run], float | None]


def peaked(run: Run) -> float:
    """DDP's best rate is twice the table's, and there it is the more accurate: tuning turns the order round."""
    jitter = 0.1 * (run.spec.seed % 3)
    high = run.work.schedule.lr == HIGH
    if run.spec.method.name == "ddp":
        return (95.0 if high else 80.0) + jitter
    return (90.0 if run.work.schedule.lr == PUBLISHED else 85.0) + jitter


class Fake:
    """In place of pool.train_all: a journal per run. rule: its accuracy; None: it diverges. fail: so it ends."""

    def __init__(self) -> None:
        self.rule: Rule = peaked
        self.validation: Callable[[Run, float], float] = lambda run, accuracy: accuracy
        self.fail: Callable[[Run], bool] = lambda run: False
        self.trained: list[list[Run]] = []
        self.stop_after: int | None = None

    def __call__(self, runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
        self.trained.append([])
        ended = {}
        for run in runs:
            if self.stop_after is not None and sum(map(len, self.trained)) >= self.stop_after:
                raise KeyboardInterrupt
            listen(Begin(run.id, run.spec, run.labels))
            ended[run.id] = Ended(run.id, self._keep(run, setting.out), "no reason")
            listen(ended[run.id])
            self.trained[-1].append(run)
        return ended

    def _keep(self, run: Run, out: Path) -> str:
        accuracy = self.rule(run)
        status = "failed" if self.fail(run) else "finished" if accuracy is not None else "diverged"
        folder = folder_of(out, run.id)
        shutil.rmtree(folder, ignore_errors=True)
        with Journal.create(folder, id=run.id, spec=run.spec, environment={}, labels=run.labels) as journal:
            for epoch in range(1, run.spec.workload.epochs + 1):
                percent = (accuracy or 0.0) * (0.5 if epoch == 1 else 1.0)
                metrics = {"accuracy_percent": percent, "train_seconds": 1.0 * epoch, "virtual_seconds": 2.0 * epoch}
                if run.work.validation is not None:
                    metrics["validation_accuracy_percent"] = self.validation(run, percent)
                journal.evaluation(epoch, 18 * epoch, metrics)
            journal.end(status, wall_seconds=1.0)
        return status


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(pool, "train_all", fake)
    return fake


def table(name: str = "tune-table1") -> ResultTable:
    return files.read(written(Path("out"), f"{name}.json"))


def cell(row: str, measure: str) -> float | None:
    """A value of the first table."""
    result = table()
    keys = [column.key for column in result.measures]
    summary = sure(next(entry for entry in result.rows if entry.row == row).cells[keys.index(measure)].measured)
    return summary.mean


def test_of_data_of_ones_own_nothing_is_called_published(cli: Cli, fake: Fake, tmp_path: Path) -> None:
    images(tmp_path / "leaves", {"train": 24, "test": 8})
    card(tmp_path)
    options = ("--data-card=leaves.toml", "--set=workload.batch=8", "--select=test")
    output = cli.ok("tune", "table1", "--seeds=2", *ROWS, *options)
    texts = [path.read_text(encoding="utf-8") for path in Path("out/tuning").rglob("tune-*.md")]
    for text in (output.out, *texts):
        words = " ".join(text.split())
        assert not re.search("as published|published rates|in the papers|as the papers", words, re.IGNORECASE), words
    assert "as set" in output.out


@pytest.mark.usefixtures("drawn")
def test_tuning_that_turns_the_order_round(cli: Cli, fake: Fake) -> None:
    cli.ok("tune", "table1", "--seeds=3", *ROWS)
    trials, final = fake.trained
    assert {run.spec.seed for run in trials} == {FIRST_TRIAL_SEED}
    assert {run.spec.seed for run in final} == {0, 1, 2}
    assert (len(trials), len(final)) == (2 * 5, 3 + 2 * 3)  # Async LU is at its best at the table's rate
    assert [cell(row, "learning_rate") for row in ("async_lu@best", "ddp", "ddp@best")] == [PUBLISHED, PUBLISHED, HIGH]
    assert [cell(row, "best_accuracy_percent_rank") for row in ("async_lu", "ddp", "async_lu@best", "ddp@best")] == [
        *(1.0, 2.0),
        *(2.0, 1.0),
    ]
    text = written(Path("out"), "tune-table1.md").read_text(encoding="utf-8")
    assert "tuning turns the order round: DDP before Async LU (1 turned round)" in text
    assert "Async LU before DDP as published; DDP before Async LU each at its best." in text
    assert "Best at the table's own rate, the same runs on either side: Async LU on ResNet-18." in text
    assert "The rate of the warm-up is multiplied together with the learning rate" in text
    assert "by the test set the same trials give others for 0 of 2 rows." in text
    pair = table("tune-table1-order").rows[0]
    assert pair.method_label == "best accuracy: Async LU - DDP"
    assert "turned round" in {pair_cell.reason for pair_cell in pair.cells}
    assert written(Path("out"), "tune-table1.png").stat().st_size > 1000


def test_where_test_and_validation_disagree_validation_chooses_and_it_is_said(cli: Cli, fake: Fake) -> None:
    fake.validation = lambda run, accuracy: 100 - accuracy  # DDP's best rate by test is its worst by validation
    options = ("--seeds=1", "--grid=3", "--span=4", "--method=ddp", "--network=resnet18", "--no-tracking")
    output = cli.ok("tune", "table1", *options)
    assert "Chosen by: validation, 861 samples" in output.out
    assert output.out.count("/tuning/smoke-") == 1  # the folder of the files, not each file's path
    assert {run.work.validation for run in fake.trained[0]} == {861}
    assert {run.work.validation for run in fake.trained[1]} == {None}
    assert cell("ddp@best", "learning_rate") == PUBLISHED
    text = written(Path("out"), "tune-table1.md").read_text(encoding="utf-8")
    assert "others for 1 of 1 rows: DDP on ResNet-18." in text
    shutil.rmtree("out")
    assert "Chosen by: the test split, as in the papers" in cli.ok("tune", "table1", "--select=test", *options).out
    assert cell("ddp@best", "learning_rate") == HIGH
    page = written(Path("out"), "tune-table1.md").read_text(encoding="utf-8")
    assert "the choice has seen the test set" in page
    assert "--select test" in page


def test_every_row_is_given_the_same_and_it_is_said(cli: Cli, fake: Fake) -> None:
    cli.ok("tune", "table1", "--seeds=1", "--trials=7", "--tuning-seeds=2", "--grid=3", *ROWS)
    for measure, value in (("trials", 7), ("epochs", 7 * 2 * 12), ("samples", 14 * 12 * 18 * 32), ("seconds", 14 * 24)):
        assert cell("async_lu@best", f"tuning_{measure}") == cell("ddp@best", f"tuning_{measure}") == value
        assert cell("ddp", f"tuning_{measure}") == 0
    assert "7 trials of 2 seeds: 3 learning rates, x 0.25 to x 4" in table().captions[-2]
    assert "then 4 weight decays" in table().captions[-2]
    decays = {run.work.optimizer.weight_decay for run in fake.trained[1]}
    assert sorted(decays) == pytest.approx([0.0005 * factor for factor in (1 / 16, 1 / 4, 4, 16)])


def test_again_nothing_is_trained_and_the_same_is_shown(cli: Cli, fake: Fake) -> None:
    first = cli("tune", "table1", "--seeds=2", *ROWS)
    before = {path: path.read_bytes() for path in Path("out/tuning").glob("*/*")}
    fake.trained.clear()
    second = cli("tune", "table1", "--seeds=2", *ROWS)
    assert fake.trained == []
    assert {path: path.read_bytes() for path in Path("out/tuning").glob("*/*")} == before
    assert first.out[first.out.index("CIFAR-10:") :] == second.out[second.out.index("CIFAR-10:") :]


def test_an_interrupted_search_goes_on(cli: Cli, fake: Fake) -> None:
    fake.stop_after = 4
    result = cli("tune", "table1", "--seeds=1", *ROWS)
    assert (result.code, "carries on" in result.err) == (130, True)
    fake.stop_after, kept_ids = None, {run.id for run in fake.trained[0]}
    cli.ok("tune", "table1", "--seeds=1", *ROWS)
    assert len(kept_ids) == 4
    assert not kept_ids & {run.id for stage in fake.trained[1:] for run in stage}


def test_rows_that_are_one_algorithm_share_their_trials(cli: Cli, fake: Fake) -> None:
    options = ("--method=lapsgd,lppsgd", "--network=resnet18", "--no-tracking", "--seeds=2", "--grid=3")
    cli.ok("tune", "table1", *options)
    assert "LPPSGD is trained as LAPSGD" in written(Path("out"), "tune-table1.md").read_text(encoding="utf-8")
    assert len(fake.trained[0]) == 3 * 3  # of LAP-SGD, and of either with two updaters
    lapsgd, lppsgd = (
        [cell.measured for cell in row.cells] for row in table().rows if row.row in ("lapsgd@best", "lppsgd@best")
    )
    assert lapsgd == lppsgd


def test_diverged_trials_and_edges_are_said(cli: Cli, fake: Fake) -> None:
    fake.rule = lambda run: None if run.work.schedule.lr > PUBLISHED else 100 * run.work.schedule.lr
    cli("tune", "table1", "--seeds=1", "--grid=3", *ROWS)
    text = written(Path("out"), "tune-table1.md").read_text(encoding="utf-8")
    assert "DDP on ResNet-18: 1 of 3 trials diverged; each counts as worse than any other." in text
    assert "not tuned" not in text  # beyond the best there is a trial, which diverged
    fake.rule = lambda run: 90 - 100 * run.work.schedule.lr
    cli("tune", "table1", "--seeds=1", "--grid=3", "--fresh", *ROWS)
    text = written(Path("out"), "tune-table1.md").read_text(encoding="utf-8")
    assert "its best is the lowest learning rate tried" in text


def test_a_trial_that_fails_leaves_its_row_out(cli: Cli, fake: Fake) -> None:
    fake.fail = lambda run: run.spec.method.name == "ddp" and run.spec.seed >= FIRST_TRIAL_SEED
    result = cli("tune", "table1", "--seeds=1", *ROWS)
    assert result.code == 1
    assert "Not tuned, since a trial failed: DDP on resnet18." in result.out
    assert [row.row for row in table().rows] == ["async_lu", "async_lu@best"]


@pytest.mark.usefixtures("fake")
def test_the_report_has_a_page_of_it(cli: Cli) -> None:
    cli("tune", "table1", "--seeds=2", "--grid=3", *ROWS)
    output = cli.ok("report", "--seeds=2")
    index = Path("out/report/index.html").read_text(encoding="utf-8")
    assert "Tuned tables" in index
    assert "belong to no table" not in index + output.out
    page = written(Path("out"), "tune-table1/index.html", "report").read_text(encoding="utf-8")
    assert "tune table1 --scale smoke --seeds 2" in page
    assert "--grid 3 --span 16 --trials 3 --tuning-seeds 1" in page
    assert written(Path("out"), "tune-table1/tune-table1.png", "report").is_file()
    cli("report", "table3", "--seeds=2")
    assert "Tuned tables" in Path("out/report/index.html").read_text(encoding="utf-8"), "a report adds to its index"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["speedup"], "speedup: name one table or figure"),
        (["all"], "all: name one table or figure"),
        (["tabel1"], "table1"),
        (["table1", "--grid=2"], "--grid 2"),
        (["table1", "--trials=3"], "--trials 3"),
        (["table1", "--sampler=tpes"], "tpe"),
        (["table1", "--select=tests"], "test"),
        (["table1", "--network=lstm"], "Nothing to tune in table1"),
    ],
)
def test_mistakes_are_one_sentence(cli: Cli, arguments: list[str], words: str) -> None:
    output = cli.refused("tune", *arguments)
    assert words in output.err
    assert "Traceback" not in output.err


@pytest.mark.usefixtures("here")
def test_runs_that_are_trained(cli: Cli) -> None:
    output = cli.ok("tune", "table1", "--method=bp", "--grid=3", "--no-tracking", "--jobs=1", *TINY)
    assert re.search(r"BP.*, rate x 4, seed 1000: finished, 2 epochs", output.out)
    rows = json.loads(written(Path("out"), "tune-table1-runs.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) in (4, 5)
