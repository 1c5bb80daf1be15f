"""Methods that compress: equal to DDP with a share of 100 %, errors in checkpoints, refused options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import MethodError
from tests.conformance.small import Small, bits, weights
from tests.distributed.led import led
from tests.executors.recorded import record, replay
from tests.runner.chains import check_chain
from tests.runner.chains import small as chained
from tests.sure import sure


def trained(method: str, **options: Any) -> Small:
    training = Small(method, {"devices": 2, **options})
    training.train(2)
    return training


def test_all_entries_are_ddp() -> None:
    """Compares all bits; the errors are zeros."""
    topk, ddp = trained("topk", **{"codec.share": 1.0}), trained("ddp")
    assert all(map(lambda a, b: bool((a == b).all()), weights(topk.team), weights(ddp.team)))
    errors: Any = topk.team.weights.values()
    assert len(errors) == 2 * len(topk.team.replica.layers)
    assert not any(tensor.any() for error in errors for tensor in error.copies[0].tensors)


def test_a_part_of_a_codec_leaves_the_rest_at_its_default() -> None:
    assert methods.create("topk", {"codec.share": 0.1}).describe()["codec.name"] == "topk"
    assert not any(name.startswith("codec") for name in methods.create("diloco").recorded())


SIZES = [64, 8]


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_bytes_of_an_epoch(devices: int) -> None:
    """A device sends (Q - 1) k (4 + 4) bytes per step, on links of 1 byte/s; nothing else takes time."""
    method = methods.create("topk", {"devices": devices, "codec.share": 0.25})
    team = SimulatedTeam.of([(str(size), size) for size in SIZES], replicas=devices, steps_per_epoch=3 * devices)
    free = [0.0] * len(SIZES)
    executor = VirtualExecutor(team, Price(free, free, free, [4.0 * size for size in SIZES], bytes_per_second=1.0))
    executor.run(method.workers(team))
    device_bytes = 3 * (devices - 1) * (16 + 2) * (4 + 4)
    assert executor.now == pytest.approx(device_bytes)
    assert sum(sure(team.accounts.sent).values()) == devices * device_bytes


@pytest.mark.parametrize(
    ("method", "options"), [("topk", {}), ("diloco", {"period": 2, "codec.name": "topk"})], ids=["topk", "diloco"]
)
def test_errors_last_over_checkpoints(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    check_chain(tmp_path, chained(method, options, settings={"drain_every": 3}))


@pytest.mark.parametrize(
    ("method", "options"), [("topk", {}), ("diloco", {"period": 2, "codec.name": "sign"})], ids=["topk", "diloco"]
)
def test_ranks_compute_the_same_to_the_last_bit(method: str, options: dict[str, Any]) -> None:
    """Ranks send dense gradients to each other, and count dense bytes."""
    alone = trained(method, **options)
    with led(method, {"devices": 2, **options}) as ranks:
        ranks.train(2)
        assert bits(ranks.team) == bits(alone.team)
        assert sum(sure(ranks.team.accounts.sent).values()) > sum(sure(alone.team.accounts.sent).values()) > 0


def test_a_replay_has_the_bits_of_the_run() -> None:
    parts, outcome = record("signsgd", {"devices": 2})
    assert "E" in parts[0]["communicator 0 on device 0"].effects
    assert replay("signsgd", parts, {"devices": 2}) == outcome


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_a_share_that_keeps_nothing_or_more_than_all_is_refused(share: float) -> None:
    with pytest.raises(MethodError, match=r"topk\.codec\.share="):
        methods.create("topk", {"codec.share": share})


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(MethodError, match=r"diloco\.codec\.name='half'"):
        methods.create("diloco", {"codec.name": "half"})
