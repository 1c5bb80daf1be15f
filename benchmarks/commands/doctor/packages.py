"""The doctor on Python and the packages."""

from __future__ import annotations

import platform
import sys
import tomllib
from typing import TYPE_CHECKING

from benchmarks.checkout import CHECKOUT, DISTRIBUTION, INSTALLED
from benchmarks.commands.doctor.check import Check, cause
from benchmarks.runner.environment import package

if TYPE_CHECKING:
    pass

OLDEST_PYTHON = (3, 11)
AGAIN = f"`pip install --upgrade {DISTRIBUTION}`" if INSTALLED else "`uv sync`, or `pip install --upgrade --editable .`"
"""Command that installs the packages of pyproject.toml: from an index, or in the checkout."""


def python() -> Check:
    """Checks whether this Python is new enough."""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    ok = sys.version_info >= OLDEST_PYTHON
    mend = "" if ok else f"use Python {oldest} or later, for example by `uv run --python {oldest}`"
    return Check("Python", ok, f"{platform.python_version()} at {sys.executable}", mend)


def packages() -> Check:
    """Checks the packages that training needs, in the versions that pyproject.toml admits."""
    from packaging.requirements import Requirement

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    installed = {requirement: package(requirement.name) for requirement in requirements}
    wrong = [
        f"{requirement.name} {version or 'missing'} (wanted {requirement.specifier})"
        for requirement, version in installed.items()
        if not (version and requirement.specifier.contains(version, prereleases=True))
    ]
    if wrong:
        return Check("packages", False, "; ".join(wrong), f"run {AGAIN}")
    return Check("packages", True, f"all {len(requirements)} as pyproject.toml wants them")


def torch() -> Check:
    """Checks whether torch loads and multiplies."""
    try:
        import torch

        works = float(torch.ones(2) @ torch.ones(2)) == 2.0
    except Exception as error:
        again = "" if INSTALLED else "`uv sync`, or "
        return Check("torch", False, cause(error), f"run {again}`pip install --force-reinstall torch torchvision`")
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for the CPU"
    return Check("torch", works, f"{torch.__version__}, {built}", "" if works else "install torch again")


def torchvision() -> Check:
    """Checks whether torchvision loads beside this torch."""
    try:
        import torchvision

        return Check("torchvision", True, torchvision.__version__)
    except Exception as error:  # a build that does not fit torch's fails with RuntimeError
        again = "pip install --force-reinstall torch torchvision" if INSTALLED else "uv sync --reinstall"
        mend = f"install torch and torchvision together, from one source: `{again}`"
        return Check("torchvision", False, cause(error), mend)


def mlflow() -> Check:
    """Checks whether runs can be fed into MLflow from here."""
    version = package("mlflow") or package("mlflow-skinny")
    if version:
        return Check("mlflow", True, version)
    get = "pip install mlflow" if INSTALLED else "uv sync --extra tracking"
    mend = f"run `{get}`, or train with --no-tracking and later, elsewhere, `python -m benchmarks track`"
    return Check("mlflow", False, "not installed: runs are recorded in journals only", mend)
