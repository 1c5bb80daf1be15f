"""Folders of the suite, as a checkout or installed, and calls of git."""

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
"""Whether the packages come from a wheel, which has no tests, tools or documents, and no commit."""

CHECKOUT = _PACKED if INSTALLED else PACKAGES
"""The folder that holds the data cards, the hardware cards and pyproject.toml; a wheel's is laid out as a checkout."""

GIT_SECONDS = 10.0
"""The most seconds that one call of git may take."""


def git(*arguments: str) -> str | None:
    """Runs git in this checkout -> its output; None without git, or where it refuses or hangs."""
    command = ["git", "--no-optional-locks", "-C", str(PACKAGES), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None


def is_tracked() -> bool:
    """Returns whether git tracks this code; False where the packages were copied into another repository."""
    return git("ls-files", "--error-unmatch", "benchmarks/checkout.py") is not None


def declared(package: ModuleType, name: str, besides: Collection[str]) -> dict[str, Any]:
    """Maps each module, sorted, to its literal of that name, read without importing the module, which may take torch.

    besides: modules to leave out.
    Raises ValueError where a file has no such literal, or several.
    """
    modules = sorted({module.name for module in pkgutil.iter_modules(package.__path__)} - {*besides})
    return {module: _literal(_file(package, module), name) for module in modules}


def _file(package: ModuleType, module: str) -> Path:
    return next(file for folder in package.__path__ if (file := Path(folder, f"{module}.py")).is_file())


def _literal(file: Path, name: str) -> Any:
    lines = [line for line in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(line, ast.Assign)]
    values = [line.value for line in lines if ast.unparse(line.targets[0]) == name]
    if len(values) != 1:
        raise ValueError(f"{file} has {len(values)} literals {name}, and needs one.")
    return ast.literal_eval(values[0])
