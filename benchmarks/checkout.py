"""Folders of the suite, as a checkout or installed; no other module knows how deep it lies."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

DISTRIBUTION = "async-sgd-benchmarks"

PACKAGES = Path(__file__).resolve().parents[1]
"""The folder that holds the packages' code: the checkout, or Python's folder of installed packages."""

_PACKED = Path(str(resources.files("benchmarks") / "packed"))

INSTALLED = _PACKED.is_dir()
"""Whether the packages come from a wheel. Then there are no tests, tools or documents, and no commit."""

CHECKOUT = _PACKED if INSTALLED else PACKAGES
"""The folder that holds the data cards, the hardware cards and pyproject.toml; a wheel's is laid out as a checkout."""

GIT_SECONDS = 10.0
"""The most seconds that one call of git may take."""


def git(*arguments: str) -> str | None:
    """Run git in this checkout -> what it prints; None without git, where it refuses, or hangs."""
    command = ["git", "--no-optional-locks", "-C", str(PACKAGES), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None


def is_tracked() -> bool:
    """Whether git tracks this code; not so where the packages were copied into a repository of something else."""
    return git("ls-files", "--error-unmatch", "benchmarks/checkout.py") is not None


def declared(package: ModuleType, name: str, besides: Collection[str]) -> dict[str, Any]:
    """The literal of that name in each module, read without running it: that would take torch, or time. Sorted.

    besides: modules that declare none.
    Raises ValueError where a file has no such literal, or several.
    """
    modules = sorted({module.name for module in pkgutil.iter_modules(package.__path__)} - {*besides})
    return {module: _literal(_file(package, module), name) for module in modules}


def _file(package: ModuleType, module: str) -> Path:
    return next(file for folder in package.__path__ if (file := Path(folder, f"{module}.py")).is_file())


def _literal(file: Path, name: str) -> Any:
    lines = [line for line in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(line, ast.Assign)]
    found = [line.value for line in lines if ast.unparse(line.targets[0]) == name]
    if len(found) != 1:
        raise ValueError(f"{file} has {len(found)} literals {name}, and needs one.")
    return ast.literal_eval(found[0])
