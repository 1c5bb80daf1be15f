"""What a team keeps count of, as plain values: a run that resumes at a drain goes on from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import TypedDict

from benchmarks.executors.counting import EffectCounts
from benchmarks.executors.staleness import StalenessSums

Natural = Annotated[int, Field(ge=0)]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TeamCounts(_Kept):
    """Of a team at a drain. taken: the epoch's batches, per replica; begun: those used up, as the ledger counts them.

    dropped: gradients over all epochs, as `effects` counts. state: the methods' and the executor's own.
    """

    epoch: Natural
    taken: list[Natural]
    begun: Natural
    dropped: Natural
    staleness: StalenessSums
    effects: EffectCounts
    state: dict[str, JsonValue]


class LayerCounts(_Kept):
    """Of one layer of one replica. stepped: whether its optimizers have a state; workers: who has one, in order."""

    updates: Natural
    averages: Natural
    stepped: bool
    workers: list[str]


class LayerConflicts(TypedDict):
    """Of one layer in the last epoch, over all replicas; a write is an update or an average.

    lost_updates: With `updates=overwrite`: writes that are not in the weights at the end, since a copy from before was
        written over them; exact under a mutex. With `lock_free`: updates lost per component of a shadow of the weights,
        which races as they do; an estimate.
    overlapping_updates: While another write was under way: an upper bound of those that lock_free may lose in part.
    weight_reads: Of the live weights, by threads: passes, snapshots, copies for averages.
    torn_reads: That saw half of a write if both went through the weights once, front to back, at an even pace: a write
        that lasted longer than the read on both sides, or began and ended within it. An estimate.
    overlapping_reads: While a write was under way: an upper bound of those that saw half of it.
    """

    lost_updates: float
    overlapping_updates: int
    weight_reads: int
    torn_reads: int
    overlapping_reads: int


class TeamValues(_Kept):
    """All that a team with tensors knows beside them. layers: replica by replica; conflicts: layer by layer.

    samples, conflicts: of the epoch, so far.
    """

    counts: TeamCounts
    layers: list[LayerCounts]
    samples: Natural
    conflicts: list[LayerConflicts]


def as_json(state: Mapping[str, Any]) -> dict[str, JsonValue]:
    """A copy. Raises ValueError where JSON would give back anything else."""
    try:
        copy: dict[str, JsonValue] = json.loads(json.dumps(state))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"team.state is not like JSON ({error})") from error
    if copy != state:
        raise ValueError("team.state is not like JSON: its keys are no text, or it holds tuples or NaN")
    return copy
