"""The conformance suite on ranks of one process: some of it here, all of it by `tox run -e distributed`."""

from __future__ import annotations

import pytest

from tests.conformance import test_failing, test_training
from tests.distributed import together

METHODS = ("ddp", "lsgd", "lapsgd", "pdasgd")


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    together.registered()


@pytest.mark.parametrize("method", METHODS)
def test_it_trains(method: str) -> None:
    test_training.test_it_trains(method, together.NAME)


@pytest.mark.parametrize("method", ["ddp", "lapsgd"])
def test_it_fails_as_it_should(method: str) -> None:
    test_failing.test_a_worker_that_raises_is_named(method, together.NAME)
    test_failing.test_an_epoch_after_a_failed_one_runs(method, together.NAME)
