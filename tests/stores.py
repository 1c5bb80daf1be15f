"""Stores of MLflow for tests: copies of an empty one, which takes MLflow a second to make."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from results import tracking


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        tracking._client(f"sqlite:///{path}").search_experiments()
        return path.read_bytes()


def new_store(folder: Path) -> str:
    """Write an empty store into an existing folder -> its URI."""
    path = folder / "mlflow.db"
    path.write_bytes(_empty())
    return f"sqlite:///{path}"
