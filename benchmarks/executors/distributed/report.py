"""Orders and reports: rank 0's order before a part, each rank's report after it, and how rank 0 merges them.

At the end of a part rank 0's team is the whole team: what is evaluated, kept in checkpoints and counted is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TypeVar

import torch
from pydantic import JsonValue
from torch import Tensor

from benchmarks.executors.counts import EffectCounts, StalenessSums, TeamCounts, TeamValues, no_effects
from benchmarks.executors.distributed.form import Descriptions, Form, blank, described
from benchmarks.executors.distributed.place import Message
from benchmarks.executors.distributed.transport import STATE, Transport
from benchmarks.executors.numerics import state
from benchmarks.executors.numerics.conflicts import total
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.team import TorchTeam


class Replicas(Message):
    """A replica's values beside its tensors, and of these names, kinds and shapes."""

    values: TeamValues
    tensors: Descriptions


class PartOrder(Message):
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


def apply_order(team: TorchTeam, order: PartOrder) -> None:
    """Lets the team stand where rank 0's stands; what is counted is counted from here."""
    team.begin_epoch(order.counts.epoch)
    layers = len(team.replica.layers)
    zeros = {"staleness": _no_staleness(layers), "effects": no_effects(layers), "begun": 0, "dropped": 0}
    team.resume(order.counts.model_copy(update=zeros))
    team.accounts.drain_after(order.end)


def _no_staleness(layers: int) -> StalenessSums:
    return {"count": [0] * layers, "updates": [0] * layers, "seconds": [0.0] * layers, "wait": [0.0] * layers}


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
        samples=team.targets if own else 0,
        conflicts=[layer.access_counter.counts() for layer in layers],
    )
    return values, state.kept(layers, team.tallies() if own else {})


# ---- rank 0


def order(team: TorchTeam, *, loaded: bool) -> tuple[PartOrder, dict[int, dict[str, Tensor]]]:
    """Order for a part, and its tensors by rank. Raises ValueError where a method's state is not like JSON."""
    ranks = range(1, len(team.replicas)) if loaded else ()
    shares = {rank: share(team, rank, own=False) for rank in ranks}
    replicas = {rank: Replicas(values=values, tensors=described(of)) for rank, (values, of) in shares.items()}
    return PartOrder(counts=team.counts(), end=team.accounts.end, replicas=replicas), {
        rank: of for rank, (_, of) in shares.items()
    }


N = TypeVar("N", int, float)
Tensors = Mapping[int, Mapping[str, Tensor]]
"""By rank and name."""


def merge(team: TorchTeam, order: PartOrder, reports: Mapping[int, Report], tensors: Tensors, losses: int) -> None:
    """Puts all ranks' reports together in rank 0's team. losses: how many that had before the part.

    Raises ValueError where two ranks have put different things under one key of the method's state."""
    own, unused = team.counts(), team.accounts.unused
    theirs = {rank: report.values.counts for rank, report in reports.items()}
    everyone = [own, *theirs.values()]
    sums = [counts.staleness for counts in everyone]
    team.resume(
        TeamCounts(
            epoch=own.epoch,
            taken=[theirs.get(rank, own).taken[rank] for rank in range(len(own.taken))],
            begun=sum(counts.begun for counts in everyone),
            dropped=sum(counts.dropped for counts in everyone),
            staleness={
                "count": _added([counts["count"] for counts in sums]),
                "updates": _added([counts["updates"] for counts in sums]),
                "seconds": _added([counts["seconds"] for counts in sums]),
                "wait": _added([counts["wait"] for counts in sums]),
            },
            effects=_effects([counts.effects for counts in everyone]),
            state=_state(order.counts.state, everyone),
        )
    )
    team.accounts.unused = unused + sum(report.unused for report in reports.values())
    for rank, report in reports.items():
        restore(team, rank, report, tensors[rank])
        for layer, counts in zip(team.replicas[rank].layers, report.values.conflicts, strict=True):
            layer.access_counter.load(total([layer.access_counter.counts(), counts]))
    _merge_losses(team, reports, tensors, losses)


def restore(team: TorchTeam, rank: int, report: Replicas, tensors: Mapping[str, Tensor]) -> None:
    """Makes the replica what was reported. Raises ValueError, before any change, where it is of another network."""
    state.restore(team.replicas[rank].layers, TeamState(tensors, report.values), team.updates)


def _merge_losses(team: TorchTeam, reports: Mapping[int, Report], tensors: Tensors, begun: int) -> None:
    """Merges them turn by turn: nobody knows more of the order in which they came."""
    columns = [list(zip(team.losses[begun:], team.right[begun:], team.tickets[begun:], strict=True))]
    for rank in sorted(reports):
        parts = [tensors[rank].get(name, torch.empty(0)) for name in ("losses", "right", "tickets")]
        columns.append([(a.to(team.device), b.to(team.device), int(c)) for a, b, c in zip(*parts, strict=True)])
    turns = [batch for turn in zip_longest(*columns) for batch in turn if batch is not None]
    team.losses[begun:] = [loss for loss, _, _ in turns]
    team.right[begun:] = [right for _, right, _ in turns]
    team.tickets[begun:] = [ticket for _, _, ticket in turns]
    team.targets += sum(report.values.samples for report in reports.values())


def _state(before: Mapping[str, JsonValue], everyone: Sequence[TeamCounts]) -> dict[str, JsonValue]:
    merged = dict(before)
    for key in {key for counts in everyone for key in counts.state}:
        changed = [
            counts.state[key] for counts in everyone if key in counts.state and counts.state[key] != before.get(key)
        ]
        if any(value != changed[0] for value in changed[1:]):
            raise ValueError(
                f"workers of several devices write to team.state['{key}'], which no process sees of another"
            )
        merged |= {key: changed[0]} if changed else {}
    return merged


def _added(columns: Sequence[Sequence[N]]) -> list[N]:
    return [sum(same) for same in zip(*columns, strict=True)]


def _effects(everyone: Sequence[EffectCounts]) -> EffectCounts:
    """Returns the sums."""
    return {
        "shared_batches": sum(counts["shared_batches"] for counts in everyone),
        "gradients": sum(counts["gradients"] for counts in everyone),
        "pinned": sum(counts["pinned"] for counts in everyone),
        "moved": sum(counts["moved"] for counts in everyone),
        "updates": _added([counts["updates"] for counts in everyone]),
        "applied": sum(counts["applied"] for counts in everyone),
        "applied_batches": sum(counts["applied_batches"] for counts in everyone),
        "averages": sum(counts["averages"] for counts in everyone),
        "state_averages": sum(counts["state_averages"] for counts in everyone),
    }


# ---- the tensors' way


def send(transport: Transport, peer: int, tensors: Mapping[str, Tensor]) -> None:
    form = Form(list(tensors.values()))
    row = form.row()
    form.fill(row, list(tensors.values()))
    transport.send(peer, (STATE, row))


def receive(transport: Transport, peer: int, description: Descriptions) -> dict[str, Tensor]:
    """Raises LinkLost; ValueError where what is described is no tensor."""
    blanks = dict(blank(description))
    form = Form(list(blanks.values()))
    row = form.row()
    transport.receive(peer, STATE, row)
    return dict(zip(blanks, form.tensors(row), strict=True))
