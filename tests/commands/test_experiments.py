"""Analyses, figures, groups and claims on the command line."""

from __future__ import annotations

import csv
import itertools
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.analyses import speedup
from tests.commands.commands import TINY, Cli, written

FEW = ("--set=speedup.batches=4,16", "--set=speedup.betas=2", "--set=speedup.workers=2")
ONE_SEED = ("--seeds=1", "--no-tracking", "--jobs=1")


@pytest.mark.usefixtures("drawn")
def test_an_analysis_prints_its_law_and_draws(cli: Cli) -> None:
    output = cli.ok("run", "speedup", "--network=resnet18", "--no-tracking", *FEW)
    assert "law" in output.out
    assert re.search(r"Written: out/tables/virtual-ideal-devices-\S+/speedup.json, \.csv, \.md", output.out)
    assert written(Path("out"), "speedup.png").read_bytes().startswith(b"\x89PNG")
    assert written(Path("out"), "speedup.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    lines = list(csv.DictReader(written(Path("out"), "speedup.csv").read_text().splitlines()))
    for line in lines:
        if line["published_mean"]:
            assert float(line["measured_mean"]) == pytest.approx(float(line["published_mean"]), rel=0.02)
    assert not Path("out/runs").exists(), "nothing was trained"


def test_a_timeline_of_any_method_with_its_settings(cli: Cli) -> None:
    output = cli.ok("run", "figure1", "--method=ddp", "--set=ddp.devices=2", "--set=figure1.batches=4", "--no-tracking")
    assert "trainer 0, device 1" in output.out
    assert "trainer 0, device 2" not in output.out


def test_show_says_what_an_analysis_on_real_seconds_is_and_what_it_takes(cli: Cli) -> None:
    output = cli("show", "table9", "--scale=paper")
    assert "real seconds of the forward and the backward pass on this machine" in output.out
    assert "table9 (about 2 min) is an analysis, which plans no runs of a table." in output.out
    assert "0 runs" not in output.out
    assert "Expected" not in output.out
    slow_output = cli("show", "table9", "--scale=paper", "--set=table9.batches=1000").out
    assert "table9 (about 2.9 h)" in slow_output
    joint_output = cli("show", "table9", "table1").out
    assert "analyses take their own time: table9 (about 6 s)." in joint_output


def test_show_says_that_no_row_is_left(cli: Cli) -> None:
    output = cli.refused("show", "table6", "--network=resnet18")
    assert "Nothing to show for table6: --method and --network leave no row of it." in output.err


def test_show_says_what_is_trained_on_and_what_the_published_values_are_of(cli: Cli, tmp_path: Path) -> None:
    for split, kind, number in itertools.product(("train", "val"), ("ant", "bee"), range(40)):
        image = tmp_path / "insects" / split / kind / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(b"x")
    output = cli("show", "lap-table10", "--scale=small", f"--data={tmp_path / 'insects'}").out
    assert "\nData: insects (a folder of images): 2 classes, 80 training and 80 test images (ImageNet-1k: " in output
    assert "; the published values are of ImageNet-1k, and do not stand beside it.\n" in output
    assert re.search(r"Expected: about \d+ s of training", output), "80 images, not ImageNet's million"


@pytest.mark.usefixtures("drawn")
@pytest.mark.usefixtures("here")
def test_a_figure_is_drawn_from_the_runs_of_its_table(cli: Cli) -> None:
    tiny = [setting for setting in TINY if not setting.startswith("--network")]
    output = cli.ok("run", "figure4", "--no-tracking", "--jobs=1", *tiny)
    assert "Async LU" in output.out
    assert written(Path("out"), "figure4.png").stat().st_size > 10_000
    output = cli("run", "table6", "--no-tracking", "--jobs=1", *tiny)
    assert "3 of them done before" in output.out


@pytest.mark.usefixtures("here")
def test_rows_have_batches_stragglers_and_an_audit(cli: Cli) -> None:
    small_workload = ("--set=workload.epochs=1", "--set=workload.train_samples=768")
    output = cli.ok("run", "v3-stragglers", "--method=ddp", *ONE_SEED, *small_workload)
    assert "The rows differ in clock: " in output.out
    seconds = {
        line["row"]: float(line["measured_mean"])
        for line in csv.DictReader(written(Path("out"), "v3-stragglers.csv").read_text().splitlines())
        if line["measure"] == "seconds_per_epoch" and line["measured_mean"]
    }
    assert seconds["ddp@delay=constant"] > seconds["ddp"]


def test_a_table_without_its_data_says_so_and_the_others_run(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several tables run without those whose data is missing, which are named; a single one is an error."""
    monkeypatch.delenv("BENCHMARKS_DATA", raising=False)
    monkeypatch.setattr(speedup, "LONG_STREAM", 20)
    (tmp_path / "empty").mkdir()
    data_options = ("--scale=small", "--data=empty", *ONE_SEED)
    output = cli.ok("run", "speedup", "table5", *data_options, *FEW)
    assert "table5 not run: ImageNet-1k is missing" in output.out
    assert "Async LU" in output.out
    output = cli.refused("run", "table5", *data_options)
    assert output.err.startswith("ImageNet-1k is missing: looked for train/ and val/")


def test_claims_are_judged_on_what_is_there(cli: Cli, trained: Path) -> None:
    shutil.copytree(trained, "out")
    speedup_settings = ("--set=speedup.batches=4,512", "--set=speedup.betas=2", "--set=speedup.workers=1,2")
    cli.ok("run", "speedup", "--network=resnet18", "--no-tracking", *speedup_settings)
    output = cli.ok("claims", "--seeds=1", *(setting for setting in TINY if "workload" in setting))
    assert "Not decided: a-highest-accuracy" in output.out
    verdicts = {
        line["claim"]: line["verdict"]
        for path in Path("out/claims").glob("*.csv")
        for line in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    }
    assert verdicts["a-speedup"] == "holds"
    assert verdicts["b-lars"] == "not decided"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "speedup", "--set=speedup.beta=2"], "Unknown option of speedup 'beta': did you mean betas?"),
        (["run", "figure1", "--set=figure1.layers=0"], "Bad value: figure1.layers="),
        (["run", "table5", "--set=workload.text.length=3"], "workload.text has no parts"),
        (["run", "lap-table1", "--hardware=paper-d"], "Unknown hardware card 'paper-d': did you mean paper-"),
        (["claims", "--scale=huge"], "Unknown scale 'huge'"),
    ],
)
def test_a_mistake_is_one_sentence(cli: Cli, arguments: list[str], complaint: str) -> None:
    output = cli.refused(*arguments)
    assert output.err.startswith(complaint)
