"""A fake cluster, and the command line in process."""

from __future__ import annotations

import pytest

from tests.commands.conftest import cli
from tests.engines.fakes import FakeCluster, installed

__all__ = ["cli"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Replaces SLURM for code in this process."""
    return installed(monkeypatch, FakeCluster())
