"""`run --record`, then `replay`: the same losses, or a sentence that says what does not fit."""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.commands.replay import _difference
from benchmarks.runner import identity
from benchmarks.runner.processes import pool
from results.records import JOURNAL, Evaluation, schedule
from results.records.lines import parse, render
from results.records.schedule import SCHEDULE
from tests.commands.commands import TINY, Cli, train_here
from tests.results.samples import lines_of, rewrite

RECORD = ("--executor=threads", "--record", "--no-tracking", "--method=async_lu")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `out` folder with one recorded run, to be copied, not changed."""
    out = tmp_path_factory.mktemp("recorded") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "train_all", train_here)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            assert main(["run", "table3", *RECORD, f"--out={out}", *TINY]) == 0
    (out / "said").write_text(output.getvalue(), encoding="utf-8")
    return out


@pytest.fixture
def out(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "out"))


def run_of(out: Path) -> Path:
    """The folder of its one run."""
    (folder,) = (out / "runs").iterdir()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_recorded_run_has_the_same_losses_again(cli: Cli, out: Path) -> None:
    before = contents(run_of(out))
    for arguments in ((run_of(out).name[:8],), (str(run_of(out)),)):
        output = cli.ok("replay", *arguments, f"--out={out}")
        assert output.out.splitlines()[-1] == "2 epochs replayed in one thread: all losses equal to the last bit."
    assert contents(run_of(out)) == before, "it writes nothing"


def test_the_last_line_of_a_recorded_run_replays_it(cli: Cli, recorded: Path) -> None:
    command = (recorded / "said").read_text(encoding="utf-8").splitlines()[-1]
    python, m, package, *arguments = shlex.split(command)
    assert (python, m, package) == ("python", "-m", "benchmarks")
    assert "all losses equal to the last bit" in cli.ok(*arguments).out


def test_a_run_that_is_repeated_begins_its_schedule_anew(cli: Cli, here: None, out: Path) -> None:
    cli.ok("run", "table3", *RECORD, "--fresh", f"--out={out}", *TINY)
    assert len(schedule.load(run_of(out))) == 2
    cli.ok("replay", run_of(out).name, f"--out={out}")


def test_the_first_difference_is_said(cli: Cli, out: Path) -> None:
    path = run_of(out) / JOURNAL
    lines = lines_of(path)
    lines[1]["metrics"]["loss"] += 1.0
    rewrite(path, lines)
    result = cli("replay", run_of(out).name, f"--out={out}")
    assert result.code == 1
    assert result.out.splitlines()[-1].startswith("Epoch 1: loss is ")


def test_a_task_may_lack_a_metric_of_others() -> None:
    metrics = {"train_loss": 1.0, "loss": 2.0, "staleness_updates": 0.0}
    assert _difference(Evaluation(1, 4, metrics), metrics) == ""
    assert "accuracy_percent is 5.0" in _difference(Evaluation(1, 4, metrics), {**metrics, "accuracy_percent": 5.0})


def test_a_schedule_that_does_not_fit_stops_at_the_first_mismatch(cli: Cli, out: Path) -> None:
    path = run_of(out) / SCHEDULE
    lines = [parse(line) for line in path.read_bytes().splitlines()]
    lines[1]["parts"][0]["forward 0 on device 0"][1][1] = 55
    path.write_bytes(b"".join(render(line) + b"\n" for line in lines))
    result = cli("replay", run_of(out).name, f"--out={out}")
    assert result.code == 1
    assert "epoch 2, forward 0 on device 0, at Forward (stem): it needs weights of version 55" in result.out
    path.write_bytes(render(lines[0]) + b"\n")
    result = cli("replay", run_of(out).name, f"--out={out}")
    assert (result.code, result.out.splitlines()[-1]) == (
        1,
        "The schedule does not fit: epoch 2 is not in the schedule.",
    )
    path.write_bytes(render(lines[0]))
    result = cli("replay", run_of(out).name, f"--out={out}")
    assert (result.code, result.err.endswith("was cut within line 1: it can be replayed no more.\n")) == (2, True)


@pytest.mark.parametrize("identity_of", ["sources", "version"])
def test_other_sources_are_refused(cli: Cli, out: Path, monkeypatch: pytest.MonkeyPatch, identity_of: str) -> None:
    monkeypatch.setattr(identity, identity_of, lambda *arguments: "others")
    output = cli.refused("replay", run_of(out).name, f"--out={out}")
    assert output.err.startswith(f"These sources are not those that made run {run_of(out).name[:12]}")


def test_a_run_that_was_not_recorded_or_is_not_there_is_told(cli: Cli, out: Path, trained: Path) -> None:
    unrecorded = next((trained / "runs").iterdir())
    result = cli("replay", str(unrecorded))
    assert (result.code, "was not recorded: run it with --executor threads --record." in result.err) == (2, True)
    result = cli("replay", "abc", f"--out={out}")
    assert (result.code, result.err.startswith("There is no run 'abc' in ")) == (2, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "--record: runs on the virtual executor repeat bit for bit anyway; leave it out, or add --executor"),
        (("--executor=threads", "--set=async_lu.lock_free=true"), "async_lu: without its mutex"),
        (("--executor=replay",), "Unknown executor 'replay'"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_a_sentence(cli: Cli, words: tuple[str, ...], sentence: str) -> None:
    output = cli.refused("run", "table3", "--record", "--method=async_lu", *words, *TINY)
    assert output.err.startswith(sentence)
