"""Which rank this process is, of how many, and where they meet: as torchrun or srun have told it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from benchmarks.errors import UserError

LOOPBACK = "127.0.0.1"
PORT = 29500
"""torch's own default, where only the address is said."""
TIMEOUT = "BENCHMARKS_RANK_TIMEOUT"
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class RankPlace:
    """One rank's. address, port: of the store that all ranks meet at; agent: torchrun serves it."""

    rank: int
    ranks: int
    address: str = LOOPBACK
    port: int = PORT
    agent: bool = False

    @property
    def local(self) -> bool:
        """Whether the ranks meet on this machine alone."""
        try:
            return ip_address(self.address).is_loopback
        except ValueError:
            return self.address == "localhost"

    @property
    def variables(self) -> dict[str, str]:
        """What says so, as torchrun says it."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.ranks),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "TORCHELASTIC_USE_AGENT_STORE": str(self.agent),
        }


def found(surroundings: Mapping[str, str] = os.environ) -> RankPlace | None:
    """None where nobody has started ranks. Raises UserError where what is said of them is not whole."""
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
    """How long ranks wait for one that is not heard of. Raises UserError where it is set to no such number."""
    given = surroundings.get(TIMEOUT)
    try:
        seconds = TIMEOUT_SECONDS if not given else float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"{TIMEOUT} is '{given}': give seconds, more than 0.")
    return seconds


def _number(surroundings: Mapping[str, str], name: str) -> int:
    try:
        return int(surroundings[name])
    except (KeyError, ValueError):
        said = f"'{surroundings[name]}'" if name in surroundings else "missing"
        raise UserError(
            f"{name} is {said}, beside others of torchrun's variables: start all ranks by torchrun."
        ) from None
