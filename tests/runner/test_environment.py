"""What is recorded of the place where a run was made: a commit is that of these sources, or none is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from benchmarks.runner import environment


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    done = subprocess.run(["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of rooms in a repository that has a commit, of which they are no part yet."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "somebody's own work")
    rooms = tmp_path / "environment" / "site-packages"
    (rooms / "benchmarks").mkdir(parents=True)
    (rooms / "benchmarks" / "checkout.py").touch()
    monkeypatch.setattr(environment, "ROOMS", rooms)
    return rooms


def made() -> tuple[object, object]:
    said = environment.describe()
    return said["commit"], said["modified"]


def test_the_commit_of_a_checkout_is_recorded(rooms: Path) -> None:
    git(rooms, "add", "benchmarks/checkout.py")
    git(rooms, "commit", "--quiet", "--message", "the suite")
    assert made() == (git(rooms, "rev-parse", "HEAD"), False)
    (rooms / "benchmarks" / "checkout.py").write_text("# edited")
    assert made() == (git(rooms, "rev-parse", "HEAD"), True)


def test_the_commit_of_a_repository_around_it_is_not(rooms: Path) -> None:
    """An environment, or a copy without git, may lie in the repository of something else."""
    assert made() == (None, False)


def test_an_installed_wheel_is_named_by_its_version(rooms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "INSTALLED", True)
    assert made() == (f"wheel {environment.release()}", False)


def test_the_release_is_that_of_these_sources(checkout: Path) -> None:
    assert f'\nversion = "{environment.release()}"\n' in (checkout / "pyproject.toml").read_text(encoding="utf-8")


def test_a_training_process_says_the_instructions_that_its_numbers_hang_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch chose them; and what held it, or the libraries below it, to others."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    said = environment.of_training()
    assert said["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert said["variables"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
