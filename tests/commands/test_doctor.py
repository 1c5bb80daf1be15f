"""The doctor: what it finds, what it says to do about it, and that nothing makes it raise."""

from __future__ import annotations

import builtins
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import doctor
from benchmarks.commands.doctor import Check
from benchmarks.workloads.data import cards


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder and a cache without anything in them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def database(path: Path, table: str = "runs") -> Path:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE {table} (id TEXT)")
    connection.commit()
    connection.close()
    return path


def test_every_check_is_there_and_nothing_is_left_behind(tmp_path: Path) -> None:
    names = list(doctor.run(tmp_path / "out", None))
    assert names[:5] == ["Python", "packages", "torch", "torchvision", "processors"]
    assert names[-len(cards.names()) :] == [f"data set {name}" for name in cards.names()]
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_comes_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    failed = {name: check for name, check in doctor.run(tmp_path / "out", tmp_path).items() if not check.ok}
    assert {"threads", "tracking store", "data set cifar10"} <= set(failed)
    assert all(check.detail and check.mend for check in failed.values())
    assert "PASSIVE" in failed["threads"].detail


@pytest.mark.parametrize(
    "error", [RuntimeError("torchvision::nms does not exist\nlines"), OSError("no libcudart"), ImportError]
)
def test_packages_that_do_not_load_are_reported(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an import raises: torchvision beside the wrong torch raises RuntimeError, a lost library OSError."""
    original_import = builtins.__import__

    def broken(name: str, *arguments: Any) -> Any:
        if name in ("torch", "torchvision"):
            raise error
        return original_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", broken)
    monkeypatch.setattr(doctor, "data_set", lambda *_: Check(ok=True, detail=""))
    checks = doctor.run(Path("out"), None)
    monkeypatch.undo()
    for name in ("torch", "torchvision", "CUDA"):
        assert not checks[name].ok
        assert checks[name].mend
        assert "\n" not in checks[name].detail


def test_a_check_that_breaks_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Check:
        raise KeyError("x")

    for check in ("python", "packages", "processors", "disk", "store", "data_set"):
        monkeypatch.setattr(doctor, check, broken)
    checks = doctor.run(Path("out"), None)
    for name in ("Python", "packages", "processors", "free disk", "tracking store", "data set digits"):
        assert not checks[name].ok
        assert "KeyError" in checks[name].detail


def test_missing_and_outdated_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = '[project]\ndependencies = ["numpy>=99", "no-such-package>=1", "pydantic>=2"]\n'
    (tmp_path / "pyproject.toml").write_text(listing, encoding="utf-8")
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    check = doctor.packages()
    assert not check.ok
    assert "numpy" in check.detail
    assert "no-such-package missing" in check.detail
    assert "pydantic" not in check.detail


def test_a_results_folder_is_tried_by_writing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert doctor.writable(tmp_path / "new" / "out", "").ok
    assert doctor.writable(tmp_path, "").ok
    assert not doctor.writable(file, "").ok
    assert not doctor.writable(file / "out", "").ok


def no_database(path: Path) -> Path:
    path.write_bytes(b"not a database, though long enough to be looked at" * 40)
    return path


@pytest.mark.parametrize(
    ("make", "ok"),
    [(database, True), (lambda path: database(path, "other"), False), (no_database, False), (lambda path: path, True)],
    ids=["mlflow's", "another's", "damaged", "not there yet"],
)
def test_a_database_is_opened_without_changing_it(
    make: Callable[[Path], Path], ok: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a store.db")
    before = path.read_bytes() if path.exists() else None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    assert doctor.store().ok is ok
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_store_in_a_folder_that_is_missing_is_tried_where_it_would_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.store().detail == "mlflow.db (not there yet)"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://someone:secret@host/base")
    assert doctor.store().ok
    assert "secret" not in doctor.store().detail


def test_a_server_is_only_asked_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{port}")
        reachable = doctor.store()
    assert reachable.ok
    assert "secret" not in reachable.detail
    unreachable = doctor.store()
    assert not unreachable.ok
    assert "benchmarks track" in unreachable.mend


def test_data_is_missing_named_or_damaged(tmp_path: Path) -> None:
    missing = doctor.data_set("cifar10", None)
    assert (missing.ok, missing.mark) == (True, "none")
    assert "downloaded" in missing.detail
    assert not doctor.data_set("cifar10", tmp_path).ok
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"damaged")
    damaged = doctor.data_set("cifar10", tmp_path)
    assert not damaged.ok
    assert "cifar-10-python.tar.gz" in damaged.detail
