"""Recorded environments: a commit is that of these sources, or none is named."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import checkout as place
from benchmarks.runner import environment


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    done = subprocess.run(["git", "-C", folder, *author, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages inside a repository that has a commit but does not track them."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "somebody's own work")
    packages = tmp_path / "environment" / "site-packages"
    (packages / "benchmarks").mkdir(parents=True)
    (packages / "benchmarks" / "checkout.py").touch()
    monkeypatch.setattr(place, "PACKAGES", packages)
    return packages


def made() -> tuple[object, object]:
    description = environment.describe()
    return description["commit"], description["modified"]


def test_the_commit_of_a_checkout_is_recorded(packages: Path) -> None:
    git(packages, "add", "benchmarks/checkout.py")
    git(packages, "commit", "--quiet", "--message", "the suite")
    assert made() == (git(packages, "rev-parse", "HEAD"), False)
    (packages / "benchmarks" / "checkout.py").write_text("# edited")
    assert made() == (git(packages, "rev-parse", "HEAD"), True)


def test_an_outer_repositorys_commit_is_not_recorded(packages: Path) -> None:
    """A virtual environment, or a copy without git, may lie inside another repository."""
    assert made() == (None, None)


GIT = """#!/bin/sh
case "$*" in *" status "*) {} ;; esac
exec "$REAL" "$@"
"""


@pytest.mark.parametrize("instead", ["exec sleep 1000", "exit 128", 'exec "$REAL" no-such-command'])
def test_modified_is_unknown_if_git_does_not_tell(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    """git hangs, as on a network file system, or refuses."""
    git(packages, "add", "benchmarks/checkout.py")
    git(packages, "commit", "--quiet", "--message", "the suite")
    (packages / "benchmarks" / "checkout.py").write_text("# edited")
    head, real = git(packages, "rev-parse", "HEAD"), shutil.which("git")
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(GIT.format(instead), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("REAL", str(real))
    ask = subprocess.run

    def impatient(command: list[str], **options: Any) -> Any:
        return ask(command, **options | {"timeout": 0.2 if "status" in command else 60})

    monkeypatch.setattr(subprocess, "run", impatient)
    environment.checkout.cache_clear()
    assert made() == (head, None)
    assert f"commit {head}, perhaps modified" in environment.version()
    assert environment.checkout() == f"{head}, perhaps modified"
    environment.checkout.cache_clear()


def test_without_git_nothing_is_said_of_the_sources(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert made() == (None, None)


def test_an_installed_wheel_is_named_by_its_version(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "INSTALLED", True)
    assert made() == (f"wheel {environment.release()}", False)


def test_a_training_process_says_the_instructions_that_its_numbers_hang_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records torch's instruction set, and variables that restrict torch or its libraries to another one."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    description = environment.of_training()
    assert description["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert description["variables"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
