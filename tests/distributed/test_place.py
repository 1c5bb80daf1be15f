"""Ranks as torchrun and srun describe them, and a sentence for each mistake in that."""

from __future__ import annotations

import pytest

import methods
from benchmarks.__main__ import main
from benchmarks.errors import UserError
from benchmarks.executors.distributed.place import (
    RankPlace,
    backend,
    rank_from_environment,
    requested_backend,
    timeout_seconds,
)
from benchmarks.executors.distributed.session import check_rank_count, connect, serve

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "node7", "MASTER_PORT": "12345"}
SRUN = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}


def test_nobody_has_started_ranks() -> None:
    assert rank_from_environment({}) is None
    assert rank_from_environment({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}) is None


def test_torchrun_says_all() -> None:
    assert rank_from_environment(TORCHRUN) == RankPlace(1, 3, "node7", 12345)
    assert rank_from_environment({**TORCHRUN, "TORCHELASTIC_USE_AGENT_STORE": "True"}) == RankPlace(
        1, 3, "node7", 12345, agent=True
    )
    assert rank_from_environment(RankPlace(0, 2, port=5).variables) == RankPlace(0, 2, port=5)


def test_srun_leaves_the_address_to_us() -> None:
    assert rank_from_environment({**SRUN, "MASTER_ADDR": "node7"}) == RankPlace(1, 2, "node7", 29500)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_ranks_of_one_machine_listen_on_it_alone(address: str) -> None:
    assert RankPlace(0, 2, address).local
    assert not RankPlace(0, 2, "10.0.0.7").local


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (SRUN, "MASTER_ADDR is missing: srun started 2 ranks"),
        ({"RANK": "0"}, "WORLD_SIZE is missing, beside others of torchrun's variables"),
        ({**TORCHRUN, "RANK": "first"}, "RANK is 'first', beside others"),
        ({**TORCHRUN, "RANK": "3"}, "RANK is 3 of WORLD_SIZE 3: ranks count from 0"),
    ],
)
def test_what_is_wrong_is_said(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=f"^{sentence}"):
        rank_from_environment(environment)


def test_the_timeout_is_a_number() -> None:
    assert timeout_seconds({"BENCHMARKS_RANK_TIMEOUT": "7.5"}) == 7.5
    with pytest.raises(UserError, match="BENCHMARKS_RANK_TIMEOUT is 'soon': give seconds"):
        timeout_seconds({"BENCHMARKS_RANK_TIMEOUT": "soon"})


def test_there_are_as_many_ranks_as_devices() -> None:
    check_rank_count(RankPlace(0, 3), methods.create("ddp"))
    with pytest.raises(UserError, match=r"^ddp has 3 devices, a rank each, and there are 2 ranks: start 3, or"):
        check_rank_count(RankPlace(0, 2), methods.create("ddp"))


def test_the_store_is_on_this_machine_alone() -> None:
    store = serve("127.0.0.1")
    assert connect(RankPlace(1, 2, port=store.port), 10.0).add("asked", 1) == 1


def test_a_port_that_is_taken_is_said() -> None:
    store = serve("127.0.0.1")
    with pytest.raises(UserError, match=f"^Rank 0 cannot listen at 127.0.0.1:{store.port}"):
        serve("127.0.0.1", store.port)


@pytest.mark.parametrize("method", ["async_lu", "adpsgd"])
def test_methods_of_one_process_say_so(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "table3", "--executor", "distributed", "--method", method]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(
        f"{method} cannot run on --executor distributed: its workers on several devices share memory"
    )
    assert "choose --executor virtual or threads" in errors


def test_a_schedule_of_several_processes_is_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "table3", "--executor", "distributed", "--record", "--method", "lapsgd"]) == 2
    assert capsys.readouterr().err.startswith("--record: no schedule is kept of several processes")


def test_ranks_that_are_missing_are_said_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    assert main(["run", "table8", "--executor", "distributed", "--method", "ddp"]) == 2
    assert capsys.readouterr().err.startswith("MASTER_ADDR is missing: srun started 2 ranks")


@pytest.mark.parametrize(
    ("gpus", "groups", "available", "why"),
    [
        (["GPU-1", ""], 1, True, "not all ranks have a GPU: say --device cuda"),
        (["GPU-1", "GPU-1"], 1, True, "ranks share a GPU, which NCCL refuses"),
        (["GPU-1", "GPU-2"], 1, False, "this torch is built without it: install one for CUDA"),
        (["GPU-1", "GPU-2"], 2, True, "NCCL carries gradients of one group alone, and here 2 groups reduce any"),
    ],
)
def test_nccl_is_refused_by_a_sentence_and_else_left_alone(
    gpus: list[str], groups: int, available: bool, why: str
) -> None:
    assert backend("auto", gpus, groups, available=available) == "gloo"
    assert backend("gloo", gpus, groups, available=available) == "gloo"
    with pytest.raises(UserError, match=f"^BENCHMARKS_RANK_BACKEND is 'nccl', and {why}.*, or say"):
        backend("nccl", gpus, groups, available=available)


@pytest.mark.parametrize(("asked", "chosen"), [("auto", "nccl"), ("nccl", "nccl"), ("gloo", "gloo")])
def test_a_gpu_for_each_rank_is_what_nccl_takes(asked: str, chosen: str) -> None:
    assert backend(asked, ["GPU-1", "GPU-2"], 1, available=True) == chosen


def test_the_backend_is_one_of_three() -> None:
    assert requested_backend({}) == "auto"
    assert requested_backend({"BENCHMARKS_RANK_BACKEND": "gloo"}) == "gloo"
    with pytest.raises(UserError, match=r"^BENCHMARKS_RANK_BACKEND is 'mpi': say auto, gloo or nccl\.$"):
        requested_backend({"BENCHMARKS_RANK_BACKEND": "mpi"})


def test_a_search_is_not_led_by_every_rank(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert main(["tune", "table8", "--executor", "distributed", "--method", "ddp"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("`tune` cannot run under torchrun or srun, where every rank would search by itself")
