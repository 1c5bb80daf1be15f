"""The command line in process, in an empty folder, with a registry of methods that is put back afterwards."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.runner.processes import pool
from reports.figures import queue
from reports.figures.canvas import ENDINGS
from results.files import replace
from tests.commands.commands import TINY, Cli, Said, train_here
from tests.pictures import leave_empty


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], registries: None) -> Cli:
    """Whatever lands in the working folder lands in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return Cli(run)


@pytest.fixture(autouse=True)
def _sketched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave pictures empty, which take most of a report's time; a test that uses `drawn` has them drawn."""
    if "drawn" in request.fixturenames:
        return

    def sketch(job: queue.FigureJob) -> None:
        for ending in ENDINGS:
            replace(job.stem.with_name(f"{job.stem.name}.{ending}"), b"")

    monkeypatch.setattr(queue.FigureJob, "__call__", sketch)
    monkeypatch.setattr(queue, "FEW", sys.maxsize)
    leave_empty(monkeypatch)


@pytest.fixture
def drawn() -> None:
    """Have pictures drawn."""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process, for tests of other things than processes."""
    monkeypatch.setattr(pool, "train_all", train_here)


@pytest.fixture
def out(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained folder, as the working folder's `out`."""
    return Path(shutil.copytree(trained, tmp_path / "out"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `out` folder, to be copied, not changed: tables 1 and 7 with the rows bp and async_lu, which they share."""
    out = tmp_path_factory.mktemp("trained") / "out"
    arguments = ["run", "table1", "table7", "--method=async_lu,bp", "--no-tracking", f"--out={out}", "--jobs=1", *TINY]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "train_all", train_here)
        assert main(arguments) == 0
    return out
