"""What rank 0 tells of a part before it, what a rank tells of it after, and how rank 0 puts it all together.

At the end of a part rank 0's team is the whole team: what is evaluated, kept in checkpoints and counted is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from benchmarks.executors.counts import EffectCounts, StalenessSums, TeamCounts, TeamValues, no_effects
from benchmarks.executors.distributed.form import Form, blank, described
from benchmarks.executors.distributed.wire import STATE, Wire
from benchmarks.executors.numerics import state
from benchmarks.executors.numerics.conflicts import total
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.team import TorchTeam

Descriptions = list[list[Any]]


class Told(BaseModel):
    """What goes through the store as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Replicas(Told):
    """A replica's values beside its tensors, and of these names, kinds and shapes."""

    values: TeamValues
    tensors: Descriptions


class PartOrder(Told):
    """Rank 0's, of a part: up to which of the epoch's batches. counts: where the team stands.

    replicas: by rank, where rank 0 has loaded them, and sends their tensors.
    """

    counts: TeamCounts
    end: int
    replicas: dict[int, Replicas]


class Report(Replicas):
    """A rank's, of a part. unused: gradients that were neither applied nor dropped; less than 0 for others' applied."""

    unused: int


# ---- a rank


def obey(team: TorchTeam, order: PartOrder) -> None:
    """Stand where the team stands; what is counted is counted from here."""
    nothing = StalenessSums(**{key: [0] * len(of) for key, of in order.counts.staleness.items()})  # type: ignore[typeddict-item, arg-type]
    team.begin_epoch(order.counts.epoch)
    effects = no_effects(len(nothing["count"]))
    team.resume(order.counts.model_copy(update={"staleness": nothing, "begun": 0, "dropped": 0, "effects": effects}))
    team.accounts.drain_after(order.end)


def report(team: TorchTeam, rank: int) -> tuple[Report, dict[str, Tensor]]:
    """Once the device is done."""
    team.synchronize()
    values, tensors = share(team, rank, own=True)
    return Report(values=values, tensors=described(tensors), unused=team.accounts.unused), tensors


def share(team: TorchTeam, rank: int, *, own: bool) -> tuple[TeamValues, dict[str, Tensor]]:
    """A replica's part of what the team keeps. own: with what the rank has counted, and its losses."""
    layers = team.replicas[rank].layers
    values = TeamValues(
        counts=team.counts(),
        layers=[state.counts(layer) for layer in layers],
        samples=team.samples if own else 0,
        conflicts=[layer.access_counter.counts() for layer in layers],
    )
    return values, state.kept(layers, team.tallies() if own else {})


# ---- rank 0


def order(team: TorchTeam, *, loaded: bool) -> tuple[PartOrder, dict[int, dict[str, Tensor]]]:
    """And the tensors that are sent with it, by rank. Raises ValueError where a method's state is not like JSON."""
    ranks = range(1, len(team.replicas)) if loaded else ()
    shares = {rank: share(team, rank, own=False) for rank in ranks}
    replicas = {rank: Replicas(values=values, tensors=described(of)) for rank, (values, of) in shares.items()}
    return PartOrder(counts=team.counts(), end=team.accounts.end, replicas=replicas), {
        rank: of for rank, (_, of) in shares.items()
    }


Tensors = Mapping[int, Mapping[str, Tensor]]
"""By rank and name."""


def merge(team: TorchTeam, given: PartOrder, reports: Mapping[int, Report], tensors: Tensors, losses: int) -> None:
    """losses: how many the team had before the part.

    Raises ValueError where two ranks have put different things under one key of the method's state."""
    own, unused = team.counts(), team.accounts.unused
    theirs = {rank: told.values.counts for rank, told in reports.items()}
    everyone = [own, *theirs.values()]
    sums = [one.staleness for one in everyone]
    team.resume(
        TeamCounts(
            epoch=own.epoch,
            taken=[theirs.get(rank, own).taken[rank] for rank in range(len(own.taken))],
            begun=sum(one.begun for one in everyone),
            dropped=sum(one.dropped for one in everyone),
            staleness=StalenessSums(**{key: _added([of[key] for of in sums]) for key in sums[0]}),  # type: ignore[literal-required, typeddict-item]
            effects=_effects([one.effects for one in everyone]),
            state=_state(given.counts.state, everyone),
        )
    )
    team.accounts.unused = unused + sum(told.unused for told in reports.values())
    for rank, told in reports.items():
        restore(team, rank, told, tensors[rank])
        for layer, counts in zip(team.replicas[rank].layers, told.values.conflicts, strict=True):
            layer.access_counter.load(total([layer.access_counter.counts(), counts]))
    _merge_losses(team, reports, tensors, losses)


def restore(team: TorchTeam, rank: int, told: Replicas, tensors: Mapping[str, Tensor]) -> None:
    """The replica becomes what was told. Raises ValueError, before any change, where it is of another network."""
    state.restore(team.replicas[rank].layers, TeamState(tensors, told.values), team.updates)


def _merge_losses(team: TorchTeam, reports: Mapping[int, Report], tensors: Tensors, begun: int) -> None:
    """Turn by turn: nobody knows more of the order in which they came."""
    columns = [list(zip(team.losses[begun:], team.right[begun:], team.tickets[begun:], strict=True))]
    for rank in sorted(reports):
        found = [tensors[rank].get(name, torch.empty(0)) for name in ("losses", "right", "tickets")]
        columns.append([(a.to(team.device), b.to(team.device), int(c)) for a, b, c in zip(*found, strict=True)])
    turns = [one for turn in zip_longest(*columns) for one in turn if one is not None]
    team.losses[begun:] = [loss for loss, _, _ in turns]
    team.right[begun:] = [right for _, right, _ in turns]
    team.tickets[begun:] = [ticket for _, _, ticket in turns]
    team.samples += sum(told.values.samples for told in reports.values())


def _state(before: Mapping[str, Any], everyone: Sequence[TeamCounts]) -> dict[str, Any]:
    merged = dict(before)
    for key in {key for one in everyone for key in one.state}:
        said = [one.state[key] for one in everyone if key in one.state and one.state[key] != before.get(key)]
        if any(value != said[0] for value in said[1:]):
            raise ValueError(
                f"workers of several devices write to team.state['{key}'], which no process sees of another"
            )
        merged |= {key: said[0]} if said else {}
    return merged


def _added(columns: Sequence[Sequence[Any]]) -> list[Any]:
    return [sum(same) for same in zip(*columns, strict=True)]


def _effects(everyone: Sequence[EffectCounts]) -> EffectCounts:
    """Returns the sums."""
    return {
        "shared_batches": sum(one["shared_batches"] for one in everyone),
        "gradients": sum(one["gradients"] for one in everyone),
        "pinned": sum(one["pinned"] for one in everyone),
        "moved": sum(one["moved"] for one in everyone),
        "updates": _added([one["updates"] for one in everyone]),
        "applied": sum(one["applied"] for one in everyone),
        "applied_batches": sum(one["applied_batches"] for one in everyone),
        "averages": sum(one["averages"] for one in everyone),
        "state_averages": sum(one["state_averages"] for one in everyone),
    }


# ---- the tensors' way


def send(wire: Wire, peer: int, tensors: Mapping[str, Tensor]) -> None:
    form = Form(list(tensors.values()))
    row = form.row()
    form.fill(row, list(tensors.values()))
    wire.send(peer, (STATE, row))


def receive(wire: Wire, peer: int, description: Descriptions) -> dict[str, Tensor]:
    """Raises LinkLost; ValueError where what is described is no tensor."""
    blanks = dict(blank(description))
    form = Form(list(blanks.values()))
    row = form.row()
    wire.receive(peer, STATE, row)
    return dict(zip(blanks, form.tensors(row), strict=True))
