"""Collectives between ranks: every member has what all brought, and computes what the house computes of it.

So the sums are those of one process, in the order of the replicas, to the last bit; a mean is not added up on the way,
in whatever order messages come.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.executors.distributed.form import Form
from benchmarks.executors.distributed.monitor import Away, RankMonitor
from benchmarks.executors.distributed.wire import Wire, tag_of
from benchmarks.executors.numerics.replica import TorchLayer
from benchmarks.executors.numerics.streams import NOTHING
from benchmarks.executors.numerics.team import TorchTeam
from methods import effects as e

FEW = 4
"""Ranks of which torch adds up one long row as it does each tensor by itself: one after the other."""


class RankMeetings:
    """Of one part. forms: of layers' gradients, kept over parts."""

    def __init__(self, team: TorchTeam, monitor: RankMonitor, wire: Wire, forms: dict[TorchLayer, Form]) -> None:
        self.team, self.monitor, self.wire, self.forms = team, monitor, wire, forms
        self._groups: dict[str, e.Group] = {}
        self._met: Counter[str] = Counter()

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Any:
        gradient: Any = effect.gradient
        if effect.group.members == 1:
            return self.team.all_reduce([gradient])[0]
        form = self._form(gradient.layer)
        rows = form.rows(self.wire.ranks)
        with gradient.stream:
            form.fill(rows[self.wire.rank], gradient.tensors, [gradient.index])
        self._swap(worker, effect, rows)
        ticket = min(ticket for (ticket,) in form.all_numbers(rows))
        mean = replace(gradient, index=ticket, tensors=self._there(_means(form, rows)), stream=NOTHING)
        self.team.ledger.reduced([gradient], [mean])
        return mean

    def average(self, worker: e.Worker, effect: e.Average) -> Any:
        snapshot = self.team.flat(effect.replica, state=effect.state)  # type: ignore[arg-type]
        if effect.group.members == 1:
            return self.team.averaged(effect, self.team.mean_flat([snapshot]), snapshot, effect.last)
        form = Form([snapshot], numbers=1)
        rows = form.rows(self.wire.ranks)
        form.fill(rows[self.wire.rank], [snapshot], [effect.last])
        self._swap(worker, effect, rows)
        mean = self.team.mean_flat([form.tensors(row)[0] for row in rows]).to(snapshot.device)
        everyone = all(bool(last) for (last,) in form.all_numbers(rows))
        return self.team.averaged(effect, mean, snapshot, everyone)

    def _form(self, layer: TorchLayer) -> Form:
        if layer not in self.forms:
            self.forms[layer] = Form(layer.params, numbers=1)
        return self.forms[layer]

    def _there(self, tensors: list[Tensor]) -> tuple[Tensor, ...]:
        """On the replica's device."""
        device = self.team.device
        return tuple(tensors) if device.type == "cpu" else tuple(tensor.to(device) for tensor in tensors)

    def _swap(self, worker: e.Worker, effect: e.AllReduce | e.Average, rows: Tensor) -> None:
        group = effect.group
        if group.members != self.wire.ranks:
            raise ValueError(f"{group.name} has {group.members} members of {self.wire.ranks}: between ranks, all meet")
        if self._groups.setdefault(group.name, group) is not group:
            raise ValueError(f"two groups are named '{group.name}': between ranks, a name stands for one")
        self._met[group.name] += 1
        with self.monitor.meeting(worker, Away(group.name, self._met[group.name])):
            self.wire.swap(tag_of(group.name), rows)


def _means(form: Form, rows: Tensor) -> list[Tensor]:
    """What averages.mean_gradients makes of them, to the last bit."""
    if form.floats and len(rows) <= FEW:
        return form.cut(form.all_floats(rows).mean(0))
    return [torch.stack(same).mean(0) for same in zip(*(form.tensors(row) for row in rows), strict=True)]
