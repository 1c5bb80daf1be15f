"""The place of a process among the ranks: which it is, of how many, and where they meet, by torchrun or srun."""

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
    """The place of one rank. address, port: of the store that all ranks meet at; agent: torchrun serves it."""

    rank: int
    ranks: int
    address: str = LOOPBACK
    port: int = PORT
    agent: bool = False

    @property
    def local(self) -> bool:
        """True where the ranks meet on this machine alone."""
        try:
            return ip_address(self.address).is_loopback
        except ValueError:
            return self.address == "localhost"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that say so, as torchrun sets them."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.ranks),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "TORCHELASTIC_USE_AGENT_STORE": str(self.agent),
        }


def found(surroundings: Mapping[str, str] = os.environ) -> RankPlace | None:
    """Returns this process's rank, set by torchrun or srun; None without them. Raises UserError if incomplete."""
    if "RANK" in surroundings or "WORLD_SIZE" in surroundings:
        rank, ranks, starter = _number(surroundings, "RANK"), _number(surroundings, "WORLD_SIZE"), "torchrun"
    elif int(surroundings.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        rank, ranks, starter = _number(surroundings, "SLURM_PROCID"), int(surroundings["SLURM_STEP_NUM_TASKS"]), "srun"
    else:
        return None
    if not 0 <= rank < ranks:
        raise UserError(f"RANK is {rank} of WORLD_SIZE {ranks}: ranks count from 0; let torchrun set both.")
    if not surroundings.get("MASTER_ADDR"):
        raise UserError(
            f"MASTER_ADDR is missing: {starter} started {ranks} ranks, which have to know where rank 0 is; `export "
            "MASTER_ADDR=$(hostname)` on its node before, or start them by torchrun, which sets it."
        )
    port = _number(surroundings, "MASTER_PORT") if surroundings.get("MASTER_PORT") else PORT
    agent = surroundings.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return RankPlace(rank, ranks, surroundings["MASTER_ADDR"], port, agent)


def timeout_seconds(surroundings: Mapping[str, str] = os.environ) -> float:
    """Seconds that ranks wait for a silent rank. Raises UserError where the variable is not a positive number."""
    text = surroundings.get(TIMEOUT)
    try:
        seconds = float(text) if text else TIMEOUT_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"{TIMEOUT} is '{text}': give seconds, more than 0.")
    return seconds


def asked_backend(surroundings: Mapping[str, str] = os.environ) -> str:
    """One of BACKENDS. Raises UserError where another is asked for."""
    asked = surroundings.get(BACKEND) or BACKENDS[0]
    if asked not in BACKENDS:
        raise UserError(f"{BACKEND} is '{asked}': say {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}.")
    return asked


def backend(asked: str, gpus: Sequence[str], groups: int, *, available: bool) -> str:
    """Returns what carries the gradients of an AllReduce: nccl where it is asked for or everything fits, else gloo.

    gpus: each rank's, by a name that no other GPU has; "" where it has none. groups: whose members reduce gradients.
    available: whether torch has NCCL. Raises UserError where nccl is asked for and cannot be.
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
    if asked == "nccl" and wrong is not None:
        raise UserError(f"{BACKEND} is 'nccl', and {wrong}, or say {BACKEND}=gloo.")
    return "gloo" if asked == "gloo" or wrong is not None else "nccl"


def _number(surroundings: Mapping[str, str], name: str) -> int:
    try:
        return int(surroundings[name])
    except (KeyError, ValueError):
        value = f"'{surroundings[name]}'" if name in surroundings else "missing"
        raise UserError(
            f"{name} is {value}, beside others of torchrun's variables: start all ranks by torchrun."
        ) from None
