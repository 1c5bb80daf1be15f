"""Orders and reports: rank 0's order before a part, each rank's report after it, and how rank 0 merges them.

A part is what runs between two drains: an epoch, or a piece of one. At its end rank 0's team is complete, so that rank
0 alone evaluates, writes checkpoints and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TypeVar

import torch
from pydantic import JsonValue
from torch import Tensor

from benchmarks.executors.accounting import Weights
from benchmarks.executors.counts import (
    EffectCounts,
    KeptWeights,
    LinkBytes,
    StalenessSums,
    TeamCounts,
    TeamValues,
    no_effects,
)
from benchmarks.executors.distributed.packing import Descriptions, PackedLayout, describe_tensors, meta_tensors
from benchmarks.executors.distributed.place import Message
from benchmarks.executors.distributed.transport import STATE, Transport
from benchmarks.executors.numerics import state
from benchmarks.executors.numerics.layer import total
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import checked


class Replicas(Message):
    """One replica's values other than tensors, and names, dtypes and shapes of the tensors that are sent separately."""

    values: TeamValues
    tensors: Descriptions


class PartOrder(Message):
    """Rank 0's order for one part of an epoch, which every other rank applies before it runs its workers.

    counts: the team's counters at the start (epoch, batches taken, ...). end: the epoch's batch at which the part
    drains. replicas: by rank, described here and sent after the order, only where rank 0 has loaded a checkpoint; else
    empty, since every rank already has its replica.
    """

    counts: TeamCounts
    end: int
    replicas: dict[int, Replicas]


class Report(Replicas):
    """One rank's report after a part. unused: gradients made but not yet applied or dropped here.

    It is below 0 where this rank applied gradients that others made; the sum over the ranks must be 0.
    """

    unused: int


# ---- a rank


def apply_order(team: TorchTeam, order: PartOrder) -> None:
    """Sets the team to the order's counters.

    Effects and staleness are counted from 0, so that a report has this part's.
    """
    team.begin_epoch(order.counts.epoch)
    layers = len(team.replica.layers)
    zeros = {"staleness": _no_staleness(layers), "effects": no_effects(layers), "begun": 0, "dropped": 0}
    zeros["sent_bytes"] = {}
    team.resume(order.counts.model_copy(update=zeros))
    team.accounts.drain_after(order.end)


def _no_staleness(layers: int) -> StalenessSums:
    return {"count": [0] * layers, "updates": [0] * layers, "seconds": [0.0] * layers, "wait": [0.0] * layers}


def make_report(team: TorchTeam, rank: int) -> tuple[Report, dict[str, Tensor]]:
    """Waits for the device, then returns this rank's report and its tensors by name."""
    team.synchronize()
    values, tensors = replica_values(team, rank, counted=True)
    return Report(values=values, tensors=describe_tensors(tensors), unused=team.accounts.unused), tensors


def replica_values(team: TorchTeam, rank: int, *, counted: bool) -> tuple[TeamValues, dict[str, Tensor]]:
    """Returns one replica's values and tensors. counted: with losses and samples that this rank has counted as well."""
    layers = team.replicas[rank].layers
    values = TeamValues(
        counts=team.counts(),
        layers=[state.counts(layer) for layer in layers],
        samples=team.targets if counted else 0,
        conflicts=[layer.access_counter.counts() for layer in layers],
    )
    own = {name: weights for name, weights in team.weights.items() if checked(Weights, weights).replica.index == rank}
    return values, state.tensors_of(layers, {**(team.tallies() if counted else {}), **state.tensors_of_weights(own)})


# ---- rank 0


def make_order(team: TorchTeam, *, loaded: bool) -> tuple[PartOrder, dict[int, dict[str, Tensor]]]:
    """Makes the order for the team's next part -> the order, and by rank the tensors to send after it.

    loaded: the team was loaded from a checkpoint since the last part, so that the other ranks need their replicas
    (layers' weights, buffers, optimizer states); otherwise there is nothing to send. Raises ValueError where the method
    keeps something in team.state that JSON cannot hold.
    """
    ranks = range(1, len(team.replicas)) if loaded else ()
    shares = {rank: replica_values(team, rank, counted=False) for rank in ranks}
    replicas = {rank: Replicas(values=values, tensors=describe_tensors(of)) for rank, (values, of) in shares.items()}
    return PartOrder(counts=team.counts(), end=team.accounts.end, replicas=replicas), {
        rank: of for rank, (_, of) in shares.items()
    }


N = TypeVar("N", int, float)
Tensors = Mapping[int, Mapping[str, Tensor]]
"""By rank and name."""


def merge(team: TorchTeam, order: PartOrder, reports: Mapping[int, Report], tensors: Tensors, losses: int) -> None:
    """Merges the other ranks' reports into rank 0's team. tensors: by rank and name.

    losses: how many there were before.

    Raises ValueError where two ranks have written different values under one key of team.state.
    """
    own_counts, unused = team.counts(), team.accounts.unused
    peer_counts = {rank: report.values.counts for rank, report in reports.items()}
    everyone = [own_counts, *peer_counts.values()]
    sums = [counts.staleness for counts in everyone]
    team.resume(
        TeamCounts(
            epoch=own_counts.epoch,
            taken=[peer_counts.get(rank, own_counts).taken[rank] for rank in range(len(own_counts.taken))],
            begun=sum(counts.begun for counts in everyone),
            dropped=sum(counts.dropped for counts in everyone),
            staleness={
                "count": _sum_columns([counts["count"] for counts in sums]),
                "updates": _sum_columns([counts["updates"] for counts in sums]),
                "seconds": _sum_columns([counts["seconds"] for counts in sums]),
                "wait": _sum_columns([counts["wait"] for counts in sums]),
            },
            effects=_sum_effects([counts.effects for counts in everyone]),
            state=_merge_state(order.counts.state, everyone),
            weights=_merge_weights(order.counts.weights, {0: own_counts, **peer_counts}),
            sent_bytes=_sum_links([counts.sent_bytes for counts in everyone]),
        )
    )
    team.accounts.unused = unused + sum(report.unused for report in reports.values())
    for rank, report in reports.items():
        restore(team, rank, report, tensors[rank])
        for layer, counts in zip(team.replicas[rank].layers, report.values.conflicts, strict=True):
            layer.access_counter.load(total([layer.access_counter.counts(), counts]))
    _merge_losses(team, reports, tensors, losses)


def restore(team: TorchTeam, rank: int, report: Replicas, tensors: Mapping[str, Tensor]) -> None:
    """Loads a reported replica into the team. Raises ValueError, before any change, where it is of another network."""
    state.restore(team.replicas[rank].layers, TeamState(tensors, report.values), team.updates)
    team.load_weights(tensors, rank)


def _merge_losses(team: TorchTeam, reports: Mapping[int, Report], tensors: Tensors, begun: int) -> None:
    """Appends the ranks' losses, interleaved: their true order between ranks is unknown."""
    columns = [list(zip(team.losses[begun:], team.right[begun:], team.tickets[begun:], strict=True))]
    for rank in sorted(reports):
        parts = [tensors[rank].get(name, torch.empty(0)) for name in ("losses", "right", "tickets")]
        columns.append([(a.to(team.device), b.to(team.device), int(c)) for a, b, c in zip(*parts, strict=True)])
    turns = [batch for turn in zip_longest(*columns) for batch in turn if batch is not None]
    team.losses[begun:] = [loss for loss, _, _ in turns]
    team.right[begun:] = [right for _, right, _ in turns]
    team.tickets[begun:] = [ticket for _, _, ticket in turns]
    team.targets += sum(report.values.samples for report in reports.values())


def _merge_state(before: Mapping[str, JsonValue], everyone: Sequence[TeamCounts]) -> dict[str, JsonValue]:
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


def _merge_weights(before: Mapping[str, KeptWeights], by_rank: Mapping[int, TeamCounts]) -> dict[str, KeptWeights]:
    """Merges what the ranks keep in team.weights, each of its own replica; a name that one of them has dropped goes."""
    merged, everyone = dict[str, KeptWeights](), list(by_rank.values())
    for name in {name: None for counts in everyone for name in counts.weights}:
        theirs = [counts.weights[name] for counts in everyone if name in counts.weights]
        if any((one.replica, one.layers) != (theirs[0].replica, theirs[0].layers) for one in theirs):
            raise ValueError(f"workers of several devices write to team.weights['{name}'], each in its own process")
        if name not in before or len(theirs) == len(everyone):
            merged[name] = by_rank[theirs[0].replica].weights.get(name, theirs[0])
    return merged


def _sum_columns(columns: Sequence[Sequence[N]]) -> list[N]:
    return [sum(numbers) for numbers in zip(*columns, strict=True)]


def _sum_effects(everyone: Sequence[EffectCounts]) -> EffectCounts:
    """Returns the sums over ranks of each count."""
    return {
        "shared_batches": sum(counts["shared_batches"] for counts in everyone),
        "gradients": sum(counts["gradients"] for counts in everyone),
        "pinned": sum(counts["pinned"] for counts in everyone),
        "moved": sum(counts["moved"] for counts in everyone),
        "updates": _sum_columns([counts["updates"] for counts in everyone]),
        "applied": sum(counts["applied"] for counts in everyone),
        "applied_batches": sum(counts["applied_batches"] for counts in everyone),
        "averages": sum(counts["averages"] for counts in everyone),
        "state_averages": sum(counts["state_averages"] for counts in everyone),
    }


def _sum_links(everyone: Sequence[LinkBytes | None]) -> LinkBytes | None:
    """Returns the sums over ranks of each link's bytes; None where rank 0 does not count them."""
    if everyone[0] is None:
        return None
    sums = Counter[str]()
    for links in everyone:
        sums.update(links or {})
    return dict(sums)


# ---- the tensors' way


def send(transport: Transport, peer: int, tensors: Mapping[str, Tensor]) -> None:
    """Sends tensors as one message, packed in their order."""
    layout = PackedLayout(list(tensors.values()))
    row = layout.empty_row()
    layout.fill(row, list(tensors.values()))
    transport.send(peer, (STATE, row))


def receive(transport: Transport, peer: int, description: Descriptions) -> dict[str, Tensor]:
    """Receives tensors, described by their sender, by name. Raises LinkLost; ValueError for an unknown dtype."""
    blanks = dict(meta_tensors(description))
    layout = PackedLayout(list(blanks.values()))
    row = layout.empty_row()
    transport.receive(peer, STATE, row)
    return dict(zip(blanks, layout.tensors(row), strict=True))
