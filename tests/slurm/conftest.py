"""A SLURM of two nodes for all tests of this folder, which are skipped where there is none."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import two_nodes
from tests.slurm.two_nodes import TwoNodes

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what it would take."""
    lost = two_nodes.missing() or ("" if importlib.util.find_spec("submitit") else "submitit")
    for item in items:
        if lost and HERE in item.path.parents:
            item.add_marker(
                pytest.mark.skip(reason=f"{lost} is not installed: apt install slurm-wlm munge, pip install submitit")
            )


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNodes]:
    """Up until the last test has ended."""
    cluster = TwoNodes(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()
