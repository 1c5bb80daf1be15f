"""Every method: a run that is ended at every drain and resumed from its checkpoints equals an uninterrupted one.

test_training.py tests options, with a checkpoint at an epoch's end.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.executors import registry as executors
from tests.conformance.small import EPOCHS, Small
from tests.conformance.test_evaluating import check_evaluations
from tests.runner.chains import Chain, check_chain, outcome, small
from tests.sure import sure

EVERY = {"drain_every": 3}  # batches

OTHER_PROCESS = """
import sys
from pathlib import Path
from tests.conformance.conftest import load_plugins
from tests.runner.chains import Chain, small
out, plugins, *methods = sys.argv[1:]
load_plugins(plugins)
for method in methods:
    assert Chain(Path(out) / method, small(method)).part(ends_after=1) is None
"""


def test_resumed_within_epochs_equals_uninterrupted(method: str, repeatable: str, tmp_path: Path) -> None:
    """The run is evaluated and ended in the middle and at the end of each epoch."""
    make = small(method, executor=repeatable, settings={"evaluate_every": 0.5, "epochs": 2})
    uninterrupted, record, ended = check_chain(tmp_path, make)
    assert isinstance(uninterrupted.training, Small)
    check_evaluations(record, uninterrupted.training, at=[0.5, 1, 1.5, 2])
    assert ended == 3


@pytest.mark.parametrize("optimizer", ["nadam", "muon"])
def test_resumed_equals_uninterrupted_with_other_optimizers(optimizer: str, tmp_path: Path) -> None:
    """One has scalars in its state, one combines two optimizers; tests/workloads/test_optimizers.py tests each."""
    settings = {"optimizer.name": optimizer, "optimizer.decay_bn": False}
    check_chain(tmp_path, small("lapsgd", {"momentum": "per_updater", "updaters": 2}, settings=settings))


@pytest.mark.slow
def test_resumed_in_another_process(all_methods: list[str], tmp_path: Path, checkout: Path, plugins: str) -> None:
    """The first epoch there has the same bits as here."""
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path), plugins, *all_methods],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for method in all_methods:
        continued, uninterrupted = (
            Chain(tmp_path / method, small(method)),
            Chain(tmp_path / "whole" / method, small(method)),
        )
        resumed = sure(continued.part(ends_after=None))
        assert resumed.resumed is not None
        assert (resumed.resumed.epoch, resumed.resumed.batch) == (1, 0)
        assert outcome(resumed) == outcome(uninterrupted.part(ends_after=None))


def test_real_threads_go_on_with_their_counts(representative: str, tmp_path: Path) -> None:
    if Small(representative).method.refuses(executors.executor("threads")):
        pytest.skip("not on threads")
    *_, record = Chain(tmp_path, small(representative, executor="threads", settings=EVERY)).parts()
    assert record is not None
    assert record.status == "finished"
    assert [point.epoch for point in record.evaluations] == list(range(1, EPOCHS + 1))
    seconds = [point.metrics["train_seconds"] for point in record.evaluations]
    assert seconds == sorted(seconds)
    assert record.end is not None
    assert record.end["wall_seconds"] >= record.evaluations[-1].metrics["wall_seconds"] >= seconds[-1]
