"""Few files, little memory, no home, no folder for temporary files: a command runs, or says in a sentence why not."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import leave_folder
from benchmarks.commands import listing
from tests.commands.commands import CHECKOUT, TINY, Cli, program, written
from tests.programs import start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no limits")


@pytest.mark.slow
def test_few_files_no_home_and_no_temporary_folder_are_enough(tmp_path: Path) -> None:
    import resource

    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    process = program(
        *("run", "table1", "--method=bp", f"--out={tmp_path / 'out'}", *TINY),
        prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        environment=environment | {"TMPDIR": "/not/there", "MLFLOW_TRACKING_URI": uri},
    )
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert "MLflow: " in out
    assert written(tmp_path / "out", "table1.csv").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is none")
def test_little_memory_is_a_sentence(tmp_path: Path) -> None:
    """Limits the address space, so that libraries find no room; a kill by the kernel is like that of any process."""
    import resource

    size = 300 * 2**20
    process = start(
        [sys.executable, "-m", "benchmarks", "run", "table1", "--no-tracking", f"--out={tmp_path / 'out'}", *TINY],
        cwd=CHECKOUT,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert err.startswith(("A library cannot be loaded (", "No run can be trained: "))  # by what fits
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "Too many"), "Too many; raise the limit (ulimit -n), or choose fewer --jobs."),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied."),
        (MemoryError("no room"), "A library cannot be loaded (MemoryError: no room); is there enough memory?"),
        (
            ImportError("not there"),
            "A library cannot be loaded (ImportError: not there); is there enough memory?",
        ),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def refuse(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(listing, "list_everything", refuse)
    result = cli("list")
    assert (result.code, result.err) == (2, f"{said}\n")


def test_a_package_that_is_missing_is_named_with_the_python_that_lacks_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever leaves out `uv run` in a checkout meets the system's Python, which has none of them."""

    def refuse(*arguments: object) -> None:
        raise ModuleNotFoundError("No module named 'cyclopts'", name="cyclopts")

    monkeypatch.setattr(listing, "list_everything", refuse)
    result = cli("list")
    assert result.code == 2
    assert all(name in result.err for name in ("cyclopts", sys.executable, "uv run python -m benchmarks"))


@pytest.mark.slow
def test_files_of_the_users_folder_are_not_taken_for_modules(tmp_path: Path) -> None:
    """Neither for ours nor for Python's own: by the command, or by the processes that it starts."""
    for name in ("methods", "results", "torch", "random", "queue"):
        (tmp_path / f"{name}.py").write_text('raise RuntimeError("taken for a module")\n', encoding="utf-8")
    process = program("run", "table1", "--method=bp", "--no-tracking", *TINY, cwd=tmp_path)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    assert "/table1.json" in out


@pytest.mark.parametrize(("folder", "left"), [(CHECKOUT, False), (CHECKOUT / "tests", True)])
def test_modules_are_found_in_the_checkout_and_in_no_other_folder(
    folder: Path, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first place is the folder where `python -m` was called; the program's own, of the console script."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONSAFEPATH", "")  # to be put back
    for first in (str(folder), "/somewhere/bin"):
        monkeypatch.setattr(sys, "path", [first, "/somewhere"])
        leave_folder()
        assert sys.path == (["/somewhere"] if left and first == str(folder) else [first, "/somewhere"])
