"""Which rank this process is, of how many, and where they meet: from torchrun's or srun's environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from pydantic import BaseModel, ConfigDict

from benchmarks.errors import UserError

LOOPBACK = "127.0.0.1"
PORT = 29500
"""torch's own default, where only the address is said."""
TIMEOUT = "BENCHMARKS_RANK_TIMEOUT"
TIMEOUT_SECONDS = 300.0
BACKEND = "BENCHMARKS_RANK_BACKEND"
BACKENDS = ("auto", "gloo", "nccl")


class Message(BaseModel):
    """A message between ranks, which goes through the store as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class RankPlace:
    """One process's rank among `ranks`.

    address, port: of rank 0's key-value store; agent: torchrun serves that store.
    """

    rank: int
    ranks: int
    address: str = LOOPBACK
    port: int = PORT
    agent: bool = False

    @property
    def local(self) -> bool:
        """Whether all ranks are on this machine."""
        try:
            return ip_address(self.address).is_loopback
        except ValueError:
            return self.address == "localhost"

    @property
    def variables(self) -> dict[str, str]:
        """Returns the environment variables that torchrun would set for this rank."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.ranks),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "TORCHELASTIC_USE_AGENT_STORE": str(self.agent),
        }


def rank_from_environment(environment: Mapping[str, str] = os.environ) -> RankPlace | None:
    """Returns this process's rank, set by torchrun or srun; None without them. Raises UserError if incomplete."""
    if "RANK" in environment or "WORLD_SIZE" in environment:
        rank, ranks, starter = _number(environment, "RANK"), _number(environment, "WORLD_SIZE"), "torchrun"
    elif int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        rank, ranks, starter = _number(environment, "SLURM_PROCID"), int(environment["SLURM_STEP_NUM_TASKS"]), "srun"
    else:
        return None
    if not 0 <= rank < ranks:
        raise UserError(f"RANK is {rank} of WORLD_SIZE {ranks}: ranks count from 0; let torchrun set both.")
    if not environment.get("MASTER_ADDR"):
        raise UserError(
            f"MASTER_ADDR is missing: {starter} started {ranks} ranks, which have to know where rank 0 is; `export "
            "MASTER_ADDR=$(hostname)` on its node before, or start them by torchrun, which sets it."
        )
    port = _number(environment, "MASTER_PORT") if environment.get("MASTER_PORT") else PORT
    agent = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return RankPlace(rank, ranks, environment["MASTER_ADDR"], port, agent)


def timeout_seconds(environment: Mapping[str, str] = os.environ) -> float:
    """Returns how long ranks wait for a silent one, from BENCHMARKS_RANK_TIMEOUT.

    Raises UserError unless that is positive.
    """
    text = environment.get(TIMEOUT)
    try:
        seconds = float(text) if text else TIMEOUT_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"{TIMEOUT} is '{text}': give seconds, more than 0.")
    return seconds


def requested_backend(environment: Mapping[str, str] = os.environ) -> str:
    """Returns BENCHMARKS_RANK_BACKEND, one of BACKENDS. Raises UserError for any other value."""
    requested = environment.get(BACKEND) or BACKENDS[0]
    if requested not in BACKENDS:
        raise UserError(f"{BACKEND} is '{requested}': say {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}.")
    return requested


def backend(requested: str, gpus: Sequence[str], groups: int, *, available: bool) -> str:
    """Chooses "nccl" or "gloo" for AllReduce: NCCL if requested, or if "auto" and everything fits.

    gpus: each rank's GPU by a unique name, "" where it has none. groups: how many groups reduce gradients. available:
    whether torch has NCCL. Raises UserError where nccl is requested and cannot be used.
    """
    wrong = None
    if not available:
        wrong = "this torch is built without it: install one for CUDA"
    elif not all(gpus):
        wrong = "not all ranks have a GPU: say --device cuda"
    elif len(set(gpus)) < len(gpus):
        wrong = "ranks share a GPU, which NCCL refuses: start as many on a machine as it has GPUs"
    elif groups != 1:
        wrong = f"NCCL carries gradients of one group alone, and here {groups} groups reduce any: take another method"
    if requested == "nccl" and wrong is not None:
        raise UserError(f"{BACKEND} is 'nccl', and {wrong}, or say {BACKEND}=gloo.")
    return "gloo" if requested == "gloo" or wrong is not None else "nccl"


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment[name])
    except (KeyError, ValueError):
        value = f"'{environment[name]}'" if name in environment else "missing"
        raise UserError(
            f"{name} is {value}, beside others of torchrun's variables: start all ranks by torchrun."
        ) from None
