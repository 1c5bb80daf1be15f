"""Starting processes apart from the program that asks for them: a script, a notebook, the command line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from benchmarks.checkout import PACKAGES


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Starts processes that neither import the caller's program again nor find its modules in place of our packages.

    A notebook's or a script's folder may have a results.py, and a script that trains no `if __name__ == "__main__"`.
    """
    program, path = sys.modules["__main__"], list(sys.path)
    sys.modules["__main__"] = ModuleType("__main__")
    sys.path[:] = [place for place in path if Path(place or ".").resolve() == PACKAGES or not _hides(Path(place))]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.path[:] = program, path


def _hides(place: Path) -> bool:
    names = ("benchmarks", "methods", "reports", "results")
    return any((place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file() for name in names)
