"""Ranks in processes: one other rank for what everyone runs, and what kills it for `tox run -e distributed`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.executors.errors import WorkerFailed
from tests.commands.commands import CHECKOUT, tiny
from tests.conformance.small import EPOCHS, Small, bits
from tests.distributed.processes import Ranks
from tests.programs import start

RUN = ("-m", "benchmarks", "run", "table8", "--executor", "distributed", "--method", "ddp", "--no-tracking")


@pytest.fixture(scope="module")
def ranks() -> Iterator[Ranks]:
    two_ranks = Ranks(2)
    yield two_ranks
    two_ranks.end()


def test_another_process_changes_no_bit(ranks: Ranks) -> None:
    alone = Small("ddp", {"devices": 2})
    alone.train()
    with ranks.training("ddp", {"devices": 2}) as training:
        training.train()
        assert bits(training.team) == bits(alone.team)


def test_gradients_go_both_ways(ranks: Ranks) -> None:
    with ranks.training("pdasgd", {"devices": 2}) as training:
        training.train()
        steps = EPOCHS * training.team.steps_per_epoch
        assert {layer.updates for replica in training.team.replicas for layer in replica.layers} == {steps}


def test_a_run_after_one_that_failed_runs(ranks: Ranks) -> None:
    with ranks.training("ending", {"devices": 2, "period": 3}) as training:
        training.epoch(0)
        with pytest.raises(
            WorkerFailed, match=r"'trainer 0 on device 1' failed: .* broken on purpose .*\[rank 1 of 2, "
        ):
            training.epoch(1)
    with ranks.training("lsgd", {"devices": 2}) as training:
        training.epoch(0)


@pytest.mark.distributed
def test_a_rank_that_is_killed_is_found_at_once() -> None:
    ranks = Ranks(2)
    with ranks.training("ending", {"devices": 2, "period": 4}) as training:
        training.epoch(0)
        with pytest.raises(WorkerFailed, match="Rank 1 of 2 is gone: its process has ended"):
            training.epoch(1)
    ranks.end()


@pytest.mark.distributed
def test_a_rank_that_is_stopped_is_given_up() -> None:
    ranks, limit = Ranks(2), 5.0
    with ranks.training("ending", {"devices": 2, "period": 5}, limit) as training:
        training.epoch(0)
        began_at = time.monotonic()
        with pytest.raises(WorkerFailed, match=r"^Rank 1 of 2 was not heard of for 5 s: stopped"):
            training.epoch(1)
        assert time.monotonic() - began_at >= limit - 1
    ranks.end()


def journals(out: Path) -> list[list[dict[str, Any]]]:
    return [
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(out.glob("runs/*/journal.jsonl"))
    ]


@pytest.mark.distributed
@pytest.mark.parametrize("by", ["itself", "torchrun"])
def test_the_command_keeps_one_journal_and_shows_one_table(by: str, tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    begin = (*torchrun, *RUN) if by == "torchrun" else RUN
    chosen = () if by == "torchrun" else ("--set", "ddp.devices=2")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = start([sys.executable, *begin, *tiny(), *chosen, "--out", str(tmp_path)], env=environment)
    output, errors = done.communicate()
    assert done.returncode == 0, output + errors
    assert output.count("Written: ") == 1
    ended = [lines for lines in journals(tmp_path) if lines[0]["spec"]["method"]["name"] == "ddp"]
    assert len(ended) == 1
    assert ended[0][0]["spec"]["method"]["options"]["devices"] == 2
    assert ended[0][-1]["status"] == "finished"


@pytest.mark.distributed
def test_fewer_ranks_than_devices_are_said(tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    options = ("--set", "ddp.devices=3", "--out", str(tmp_path))
    done = start([sys.executable, *torchrun, *RUN, *tiny(), *options], env=environment)
    output, errors = done.communicate()
    assert done.returncode == 1
    assert "ddp has 3 devices, a rank each, and there are 2 ranks: start 3, or say --set ddp.devices=2." in errors
    assert "Traceback" not in output
    assert not journals(tmp_path)
