"""A command that is ended, and given again: it goes on where it was, and ends as if it had never been ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.runner.checkpoints.file import folder
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Begin, Ended, Listen, Setting
from results.records import JOURNAL, read
from tests.commands.commands import Cli, alive, children, journals, program, tiny, until, written

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
EPOCHS = 14
RUN = (
    "run",
    "table1",
    "--method=lapsgd@updaters=2",
    "--no-tracking",
    "--jobs=1",
    *tiny(epochs=EPOCHS, patience=EPOCHS),
)


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Table of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    process = program(*RUN, f"--out={out}")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert list(out.glob("runs/*/checkpoints")) == []
    return written(out, "table1.csv").read_text(encoding="utf-8")


def epochs(out: Path) -> int:
    """That the run has been trained for, while a last line may be half-written."""
    try:
        return max((journal["evaluations"] for journal in journals(out)), default=0)
    except (ValueError, IndexError):
        return 0


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize(
    ("number", "every"), [(signal.SIGKILL, "0"), (signal.SIGTERM, "1000"), (signal.SIGINT, "1000")]
)
def test_a_command_that_is_ended_goes_on_when_it_is_given_again(
    number: signal.Signals, every: str, cli: Cli, csv: str, tmp_path: Path
) -> None:
    """Killed, all but the epoch under way is there; asked to end, there is one where none was due."""
    out = tmp_path / "out"
    process = program(*RUN, f"--out={out}", f"--checkpoint-every={every}")
    until(lambda: epochs(out) >= 3)
    workers = children(process.pid)
    os.killpg(process.pid, number)
    process.communicate(timeout=300)
    until(lambda: not any(map(alive, workers)))
    epochs_done = epochs(out)
    assert epochs_done < EPOCHS, "it was over before it could be ended"
    if number != signal.SIGKILL:
        interrupted = read(next(out.glob(f"runs/*/{JOURNAL}")))
        assert (interrupted.end or {})["reason"].startswith(
            "the command was ended; the same command goes on after epoch "
        )
    output = cli.ok(*RUN, f"--out={out}")
    assert "; 1 to be resumed" in output.out
    record = read(next(out.glob(f"runs/*/{JOURNAL}")))
    assert record.resumed is not None
    assert max(1, epochs_done - 1 if every == "0" else 1) <= record.resumed.epoch <= epochs_done
    assert f"resumed after epoch {record.resumed.epoch} of {EPOCHS}" in output.out
    assert written(out, "table1.csv").read_text(encoding="utf-8") == csv
    assert list(out.glob("runs/*/checkpoints")) == []


@pytest.mark.slow
@LINUX
def test_fresh_begins_anew(cli: Cli, csv: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = program(*RUN, f"--out={out}", "--checkpoint-every=0")
    until(lambda: epochs(out) >= 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=300)
    output = cli(*RUN, f"--out={out}", "--fresh")
    assert "resumed" not in output.out
    assert read(next(out.glob(f"runs/*/{JOURNAL}"))).resumed is None
    assert written(out, "table1.csv").read_text(encoding="utf-8") == csv


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf"])
def test_seconds_between_checkpoints_are_a_time(cli: Cli, seconds: str) -> None:
    output = cli.refused(*RUN, f"--checkpoint-every={seconds}")
    assert output.err.startswith(f"--checkpoint-every {seconds}: must be ")


@pytest.mark.parametrize(
    ("ended", "kept", "said"),
    [
        (-2, (), "none of 3 runs had begun; the same command begins them"),
        (0, (), "0 of 3 runs done, and no checkpoint of the 2 under way; the same command begins anew"),
        (0, (0, 1), "0 of 3 runs done and kept; the same command carries on"),
        (
            0,
            (0,),
            "0 of 3 runs done and kept; the same command carries on, but begins 1 run anew, of which there is no ",
        ),
        (
            1,
            (),
            "1 of 3 runs done and kept; the same command carries on, but begins 2 runs anew, of which there is no ",
        ),
    ],
)
def test_a_command_that_is_ended_says_what_is_there(
    ended: int, kept: tuple[int, ...], said: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs are under way, or none; of those that are named by their number there is a checkpoint."""

    def train(runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> NoReturn:
        for number, run in enumerate(runs[: ended + 2]):
            listen(Begin(run.id, run.spec, run.labels))
            if number >= 2:
                listen(Ended(run.id, "finished"))
        for number in kept:
            folder(setting.out, runs[number].id).mkdir(parents=True, exist_ok=True)
            (folder(setting.out, runs[number].id) / f"epoch-1.batch-0.{'0' * 32}.safetensors").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "train_all", train)
    result = cli("run", "table1", "--method=bp", "--no-tracking", "--network=resnet18")
    assert result.code == 130
    assert result.err.startswith(f"Interrupted: {said}")
    fresh = cli("run", "table1", "--method=bp", "--no-tracking", "--fresh", "--network=resnet18")
    assert "the same command without --fresh " in fresh.err
