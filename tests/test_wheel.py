"""The suite as a wheel installs it, away from the checkout: `tox run -e wheel`.

pytest imports the checkout's code, and starts the installed console script, which knows nothing of the checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.hardware import cards as hardware
from benchmarks.runner import identity
from benchmarks.runner.environment import release
from benchmarks.workloads.data import cards
from results.records.spec import RunSpec

SITE = Path(sysconfig.get_path("purelib"))
SCRIPT = Path(sysconfig.get_path("scripts")) / "async-sgd-benchmarks"
ROWS = ("table3", "--method=async_lu,bp", "--network=resnet18", "--seeds=1")

pytestmark = [
    pytest.mark.wheel,
    pytest.mark.skipif(
        not (SITE / "benchmarks/packed").is_dir(), reason="not installed from a wheel: tox run -e wheel"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's, whose files have names of our modules."""
    folder = tmp_path_factory.mktemp("user")
    for name in ("methods", "results"):
        (folder / f"{name}.py").write_text('raise RuntimeError("taken for a module")\n', encoding="utf-8")
    return folder


def said(folder: Path, *arguments: str, code: int = 0, command: tuple[str, ...] = (str(SCRIPT),)) -> str:
    """Both streams of a command that ends so."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_everything_with_a_name_is_listed(folder: Path) -> None:
    listing = said(folder, "list")
    for name in (*cards.names(), *hardware.names(), *methods.names(), "table3"):
        assert f" {name} " in listing, name


def test_python_m_is_the_same(folder: Path) -> None:
    assert said(folder, "list", command=(sys.executable, "-m", "benchmarks")) == said(folder, "list")


def test_the_doctor_finds_what_the_wheel_brought(folder: Path) -> None:
    examined = said(folder, "doctor").splitlines()
    assert any(line.startswith("ok   packages: ") for line in examined)
    assert any(line.startswith("ok   data set digits: ") for line in examined)


def test_the_data_cards_do_not_hide_hugging_faces_package(folder: Path) -> None:
    assert not (SITE / "datasets").exists() or (SITE / "datasets" / "__init__.py").is_file()
    assert not list((SITE / "datasets").glob("*.toml"))


@pytest.fixture(scope="module")
def journal(folder: Path) -> dict[str, Any]:
    """A run's first line, once two rows of a table were trained."""
    trained = said(folder, "run", *ROWS, "--no-tracking")
    assert "2 runs in " in trained
    first, second = sorted((folder / "out/runs").glob("*/journal.jsonl"))
    assert second.read_text(encoding="utf-8").splitlines()[-1].startswith('{"type":"end","status":"finished"')
    head: dict[str, Any] = json.loads(first.read_text(encoding="utf-8").splitlines()[0])
    return head


def test_its_runs_are_those_of_the_checkout_and_say_where_they_come_from(journal: dict[str, Any]) -> None:
    spec = RunSpec.model_validate(journal["spec"])
    assert spec.sources is None
    assert identity.different(spec, journal["environment"]["sources"]) == ""
    assert journal["environment"]["commit"] == f"wheel {release()}"
    assert journal["environment"]["modified"] is False


@pytest.mark.usefixtures("journal")
def test_they_are_shown_judged_and_compared(folder: Path) -> None:
    assert "2 runs, 2 of them done before" in said(folder, "run", *ROWS, "--no-tracking")
    assert "Async LU" in said(folder, "claims", "--why")
    said(folder, "report")
    (page,) = folder.glob("out/report/*/table3/index.html")
    assert f"wheel {release()}" in page.read_text(encoding="utf-8")
    assert "table3" in said(folder, "compare", "out", "smoke")


@pytest.mark.usefixtures("journal")
def test_what_takes_a_checkout_says_so(folder: Path) -> None:
    refused = said(folder, "export", "--reproduction", "mine", code=2)
    assert "checkout" in refused
    assert refused.count("\n") == 1


def test_it_says_its_version(folder: Path) -> None:
    assert said(folder, "--version").startswith(f"async-sgd-benchmarks {release()} (wheel), torch ")


@pytest.mark.usefixtures("journal")
def test_the_python_api_reads_and_trains_there(folder: Path) -> None:
    """Although the folder has modules of our names, and the program no guard against being imported again."""
    trained = "methods=['async_lu', 'bp'], networks=['resnet18'], seeds=2, progress=False"
    (folder / "own.py").write_text(
        f"import async_sgd_benchmarks as ab\nprint(len(ab.run('table3', {trained})), len(ab.load('out')))\n",
        encoding="utf-8",
    )
    assert said(folder, "own.py", command=(sys.executable,)) == "4 4\n"
