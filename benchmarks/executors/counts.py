"""A team's counters as plain values, for journals and checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import TypedDict

Natural = Annotated[int, Field(ge=0)]
Links = dict[tuple[int, int], float]
"""Bytes by link: from a device to a device."""
LinkBytes = dict[
    Annotated[str, Field(pattern=r"^\d{1,9} to \d{1,9}$")], Annotated[float, Field(ge=0, allow_inf_nan=False)]
]
"""Bytes by the names of their links, such as "0 to 1"."""


class LayerStaleness(TypedDict):
    """Mean staleness of the gradients applied to one layer."""

    layer: str
    updates: float  # others' updates between the forward pass's read and this update
    seconds: float  # between the forward pass's read and this update
    wait_seconds: float  # between the gradient being there and this update (A, section 3.4)
    reads: int


class StalenessSums(TypedDict):
    """Sums of the epoch's staleness so far, per layer."""

    count: list[int]
    updates: list[int]
    seconds: list[float]
    wait: list[float]


class EffectCounts(TypedDict):
    """Counts of effects over all epochs and replicas so far; the audit of comparisons reads them.

    updates: per layer, the number of Update effects that changed it, however many gradients they had. applied:
    gradients applied, each of one layer. applied_batches: the batches of these, several per reduced gradient.
    """

    shared_batches: int  # taken by whoever asked for the next one
    gradients: int
    pinned: int  # gradients at weights that were pinned
    moved: int  # gradients at weights that had changed since the forward pass read them
    updates: list[int]
    applied: int
    applied_batches: int
    averages: int  # of replicas, each counted; so is a Mix where there are other replicas
    state_averages: int  # averages that took the optimizer's state along


class CountedEffects(EffectCounts):
    """The counts as in the last line of a journal."""

    dropped: int  # gradients
    replicas: int  # that were updated
    sent_bytes: dict[str, float] | None  # over each link, such as "0 to 1"; None where they were not counted


def no_effects(layers: int) -> EffectCounts:
    """Returns the counts before the first effect."""
    return {
        "shared_batches": 0,
        "gradients": 0,
        "pinned": 0,
        "moved": 0,
        "updates": [0] * layers,
        "applied": 0,
        "applied_batches": 0,
        "averages": 0,
        "state_averages": 0,
    }


class _FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KeptWeights(_FrozenModel):
    """Weights that last over epochs, without their tensors. replica, layers: indices.

    steps: of an outer optimizer since the copy. copied: the layers' versions at the copy.
    """

    replica: Natural
    layers: list[Natural]
    steps: Natural = 0
    copied: list[int] = Field(default_factory=list)


class TeamCounts(_FrozenModel):
    """A team's counters at a drain.

    taken: the epoch's batches per replica. asked: per device, where devices have shards of the data and share a
    replica. begun: batches that led to a gradient or were dropped. dropped: gradients over all epochs, like `effects`.
    state: team.state, of the method and the executor. weights: of team.weights, by name. sent_bytes: of each link, such
    as "0 to 1"; None: they were not counted.
    """

    epoch: Natural
    taken: list[Natural]
    begun: Natural
    dropped: Natural
    staleness: StalenessSums
    effects: EffectCounts
    state: dict[str, JsonValue]
    weights: dict[str, KeptWeights] = Field(default_factory=dict)
    asked: list[Natural] = Field(default_factory=list)
    sent_bytes: LinkBytes | None = None

    @property
    def links(self) -> Links | None:
        """Returns the bytes by link."""
        if self.sent_bytes is None:
            return None
        pairs = {name: name.split(" to ") for name in self.sent_bytes}
        return {(int(pairs[name][0]), int(pairs[name][1])): size for name, size in self.sent_bytes.items()}


class LayerCounts(_FrozenModel):
    """Counters of one replica's layer.

    stepped: whether its optimizers have a state. workers: names of those with an optimizer, in order. offset: of its
    version.
    """

    updates: Natural
    averages: Natural
    stepped: bool
    workers: list[str]
    offset: int = 0


class LayerConflicts(TypedDict):
    """The conflicts of one layer in the last epoch, over all replicas; a write is an update or an average.

    lost_updates: with `updates=overwrite`, writes that are not in the weights at the end, since an older copy was
        written over them; exact under a mutex. With `lock_free`, updates lost per component of a shadow of the weights,
        which races as they do; an estimate.
    overlapping_updates: updates while another write was under way: an upper bound of those that lock_free may lose in
        part.
    weight_reads: reads of the live weights by threads: passes, snapshots, copies for averages.
    torn_reads: reads that saw half of a write, if both went through the weights once, front to back, at an even pace: a
        write that lasted longer than the read on both sides, or began and ended within it. An estimate.
    overlapping_reads: reads while a write was under way: an upper bound of those that saw half of it.
    """

    lost_updates: float
    overlapping_updates: int
    weight_reads: int
    torn_reads: int
    overlapping_reads: int


class TeamValues(_FrozenModel):
    """A team's values other than tensors. layers: replica by replica; conflicts: layer by layer.

    samples, conflicts: of the epoch, so far.
    """

    counts: TeamCounts
    layers: list[LayerCounts]
    samples: Natural
    conflicts: list[LayerConflicts]


def as_json(state: Mapping[str, object]) -> dict[str, JsonValue]:
    """Returns a copy of the state as JSON would load it. Raises ValueError where that differs from the state."""
    try:
        copy: dict[str, JsonValue] = json.loads(json.dumps(state))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"team.state is not like JSON ({error})") from error
    if copy != state:
        raise ValueError("team.state is not like JSON: its keys are no text, or it holds tuples or NaN")
    return copy
