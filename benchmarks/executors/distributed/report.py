"""Orders and reports: rank 0's order before a part, each rank's report after it, and how rank 0 merges them.

A part is what runs between two drains: an epoch, or a piece of one. At its end rank 0's team is complete, so that rank
0 alone evaluates, writes checkpoints and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import torch
from pydantic import JsonValue
from torch import Tensor

from benchmarks.executors.accounting import Weights
from benchmarks.executors.counts import KeptWeights, TeamCounts, TeamValues, no_effects
from benchmarks.executors.distributed.place import Message
from benchmarks.executors.distributed.transport import STATE, Transport
from benchmarks.executors.numerics import state
from benchmarks.executors.numerics.layer import total
from benchmarks.executors.numerics.state import TeamState
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import checked

Tensors = dict[str, Tensor]
"""By name."""


class Replicas(Message):
    """One replica's values, and name, dtype and shape of each of its tensors, which are sent separately."""

    values: TeamValues
    tensors: list[tuple[str, str, list[int]]]


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
    staleness = {"count": [0] * layers, "updates": [0] * layers, "seconds": [0.0] * layers, "wait": [0.0] * layers}
    zeros = {"staleness": staleness, "effects": no_effects(layers), "begun": 0, "dropped": 0, "sent_bytes": {}}
    team.resume(order.counts.model_copy(update=zeros))
    team.accounts.drain_after(order.end)


def make_report(team: TorchTeam, rank: int) -> tuple[Report, Tensors]:
    """Waits for the device, then returns this rank's report and its tensors by name."""
    team.synchronize()
    values, tensors = replica_values(team, rank, counted=True)
    return Report(values=values, tensors=_described(tensors), unused=team.accounts.unused), tensors


def replica_values(team: TorchTeam, rank: int, *, counted: bool) -> tuple[TeamValues, Tensors]:
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


def make_order(team: TorchTeam, *, loaded: bool) -> tuple[PartOrder, dict[int, Tensors]]:
    """Makes the order for the team's next part -> the order, and by rank the tensors to send after it.

    loaded: the team was loaded from a checkpoint since the last part, so that the other ranks need their replicas
    (layers' weights, buffers, optimizer states); otherwise there is nothing to send. Raises ValueError where the method
    keeps something in team.state that JSON cannot hold.
    """
    replicas, tensors = dict[int, Replicas](), dict[int, Tensors]()
    for rank in range(1, len(team.replicas)) if loaded else ():
        values, tensors[rank] = replica_values(team, rank, counted=False)
        replicas[rank] = Replicas(values=values, tensors=_described(tensors[rank]))
    return PartOrder(counts=team.counts(), end=team.accounts.end, replicas=replicas), tensors


def merge(
    team: TorchTeam,
    order: PartOrder,
    reports: Mapping[int, Report],
    tensors: Mapping[int, Tensors],
    losses: int,
) -> None:
    """Merges the other ranks' reports into rank 0's team. tensors: by rank. losses: how many there were before.

    Raises ValueError where two ranks have written different values under one key of team.state.
    """
    own, unused = team.counts(), team.accounts.unused
    by_rank = {0: own, **{rank: report.values.counts for rank, report in reports.items()}}
    everyone = list(by_rank.values())
    merged = {name: _sum([getattr(counts, name) for counts in everyone]) for name in ("begun", "dropped")}
    merged |= {name: _sum([getattr(counts, name) for counts in everyone]) for name in ("staleness", "effects")}
    links = Counter[str]()
    for counts in everyone:
        links.update(counts.sent_bytes or {})
    merged["taken"] = [by_rank.get(rank, own).taken[rank] for rank in range(len(own.taken))]
    merged["state"] = _merge_state(order.counts.state, everyone)
    merged["weights"] = _merge_weights(order.counts.weights, by_rank)
    merged["sent_bytes"] = None if own.sent_bytes is None else dict(links)
    team.resume(own.model_copy(update=merged))
    team.accounts.unused = unused + sum(report.unused for report in reports.values())
    for rank, report in reports.items():
        restore(team, rank, report, tensors[rank])
        for layer, conflicts in zip(team.replicas[rank].layers, report.values.conflicts, strict=True):
            layer.access_counter.load(total([layer.access_counter.counts(), conflicts]))
    _merge_losses(team, reports, tensors, losses)


def restore(team: TorchTeam, rank: int, report: Replicas, tensors: Tensors) -> None:
    """Loads a reported replica into the team. Raises ValueError, before any change, where it is of another network."""
    state.restore(team.replicas[rank].layers, TeamState(tensors, report.values), team.updates)
    team.load_weights(tensors, rank)


def _merge_losses(team: TorchTeam, reports: Mapping[int, Report], tensors: Mapping[int, Tensors], begun: int) -> None:
    """Appends the ranks' losses, interleaved: their true order between ranks is unknown."""
    columns = [list(zip(team.losses[begun:], team.right[begun:], team.tickets[begun:], strict=True))]
    for rank in sorted(reports):
        parts = [tensors[rank].get(name, torch.empty(0)) for name in ("losses", "right", "tickets")]
        columns.append([(a.to(team.device), b.to(team.device), int(c)) for a, b, c in zip(*parts, strict=True)])
    batches = [batch for turn in zip_longest(*columns) for batch in turn if batch is not None]
    team.losses[begun:] = [loss for loss, _, _ in batches]
    team.right[begun:] = [right for _, right, _ in batches]
    team.tickets[begun:] = [ticket for _, _, ticket in batches]
    team.targets += sum(report.values.samples for report in reports.values())


def _merge_state(before: Mapping[str, JsonValue], everyone: Sequence[TeamCounts]) -> dict[str, JsonValue]:
    """Returns team.state with what each rank has changed in it."""
    merged = dict(before)
    for counts in everyone:
        for key, value in counts.state.items():
            if key in before and value == before[key]:
                continue
            if key in merged and merged[key] not in (before.get(key), value):
                raise ValueError(
                    f"workers of several devices write to team.state['{key}'], which no process sees of another"
                )
            merged[key] = value
    return merged


def _merge_weights(before: Mapping[str, KeptWeights], by_rank: Mapping[int, TeamCounts]) -> dict[str, KeptWeights]:
    """Merges what the ranks keep in team.weights, each of its own replica; a name that one of them has dropped goes."""
    merged = dict[str, KeptWeights]()
    for name in {name: None for counts in by_rank.values() for name in counts.weights}:
        copies = [counts.weights[name] for counts in by_rank.values() if name in counts.weights]
        if any((copy.replica, copy.layers) != (copies[0].replica, copies[0].layers) for copy in copies):
            raise ValueError(f"workers of several devices write to team.weights['{name}'], each in its own process")
        if name not in before or len(copies) == len(by_rank):
            merged[name] = by_rank[copies[0].replica].weights.get(name, copies[0])
    return merged


def _sum(values: Sequence[Any]) -> Any:  # type: ignore[explicit-any]  # numbers, in whatever they lie
    """Returns the sum of numbers, or of lists or dictionaries of numbers, place by place."""
    if isinstance(values[0], dict):
        return {key: _sum([value[key] for value in values]) for key in values[0]}
    return [sum(column) for column in zip(*values, strict=True)] if isinstance(values[0], list) else sum(values)


# ---- sending tensors


def _described(tensors: Tensors) -> list[tuple[str, str, list[int]]]:
    """Returns name, dtype and shape of each tensor, as JSON."""
    return [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in tensors.items()]


def send(transport: Transport, peer: int, tensors: Tensors) -> None:
    """Sends tensors in their order. Raises LinkLost."""
    transport.send(peer, *((STATE, tensor) for tensor in tensors.values()))


def receive(transport: Transport, peer: int, report: Replicas) -> Tensors:
    """Receives the tensors that a report describes, by name. Raises LinkLost; ValueError for an unknown dtype."""
    tensors = {}
    for name, kind, shape in report.tensors:
        if not isinstance(dtype := getattr(torch, kind, None), torch.dtype):
            raise ValueError(f"{kind} is no kind of tensor")
        tensors[name] = torch.empty(shape, dtype=dtype)
    transport.receive(peer, *((STATE, tensor) for tensor in tensors.values()))
    return tensors
