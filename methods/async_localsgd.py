"""Asynchronous Local-SGD: a server takes an outer step for each worker's pseudo-gradient when it arrives.

Source: Liu et al., "Asynchronous Local-SGD Training for Language Modeling" (arXiv:2401.09135), Algorithms 1 to 3, with
Algorithm 4 (`outer.name=delayed_nesterov`) and dynamic local updates (`dylu`); grace period, weights of
pseudo-gradients and `delayed_sgd` as in the public notebook (google-deepmind/asyncdiloco).

A worker's task is H local steps from the server's weights; then it sends its pseudo-gradient. Workers that finish
within `grace` seconds of the first one form a group: all of them get new weights, and start their next task, when the
last of them has arrived. The server does not wait for the end of the grace period if nobody else is due in it: after
the first step of a task, a worker announces when the task will end.

Departures and choices:
- The server is a device of its own, the last. Its replica always holds the anchor, and is the one evaluated.
- The announcement is a message without bytes, which takes a link's latency. Tasks of one step are not announced.
- The next batch goes to the worker that asks first.
- Tasks continue across epochs, and no pseudo-gradient is sent early. On the virtual clock an epoch's end does not delay
  workers either (docs/decisions/0024-workers-that-outlive-epochs.md). A group that is incomplete at an epoch's end is
  served in the next epoch.
- The inner optimizer's state is kept between tasks (`inner=new`: discarded, as in the notebook); its rate is the
  schedule's.
- The server has BatchNorm's running statistics of the device that reported last. The paper's H is 50.
- `dylu` rounds down, but to at least one step; a device has tasks of H steps until its speed is known.
- Pseudo-gradients of outer optimizers that are not delayed are multiplied by sqrt(n)/n, as in the notebook.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from methods import DelayedOptions, Method, Program, Replica, Team, Worker, options, register, train
from methods import effects as e
from methods.asgd import ServerOptions
from methods.later import Later

ROUNDED = 1 + 1e-9  # tolerance: sums of floats depend on the order of addition


@options
class AsyncLocalSGDOptions(ServerOptions):
    period: Annotated[int, Field(ge=1, description="H, local steps of a task")] = 16
    grace: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="seconds in which others join the group of the first")
    ] = 0.0
    weighting: Annotated[
        Literal["constant", "polynomial"], Field(description="factor of pseudo-gradients: 1, or (1 + staleness)^-0.5")
    ] = "constant"
    dylu: Annotated[bool, Field(description="steps of a task in proportion to the device's speed")] = False
    inner: Annotated[
        Literal["kept", "new"], Later("kept"), Field(description="the optimizer's state in the next task")
    ] = "kept"
    outer: Annotated[DelayedOptions, Field(description="the outer optimizer")] = DelayedOptions()


class Message(NamedTuple):
    """A message of worker q: a pseudo-gradient, an announcement, or (with neither) that it has no more batches.

    deltas: the pseudo-gradient, one per layer.
    seconds: of one step; ends: when the task will end, in seconds of `Now`. Both are 0 without an announcement.
    """

    q: int
    deltas: Sequence[e.Gradient] = ()
    seconds: float = 0.0
    ends: float = 0.0


@register(title="Async Local-SGD", source="arXiv:2401.09135, Algorithms 1 to 4", name="async_localsgd", place=19)
class AsyncLocalSGD(Method):
    """Workers with a replica each, and a server whose replica holds the anchor."""

    Options = AsyncLocalSGDOptions
    servers, needs_one_process, shares_batches, averages_replicas, updates_whole_gradients = 1, True, True, True, True
    replicas = property(lambda self: self.options.devices + 1)
    evaluated = property(lambda self: (self.options.devices,))

    def workers(self, team: Team) -> Iterable[Worker]:
        *replicas, anchored = team.replicas
        inbox = e.Channel(None, producers=len(replicas), name="messages for the server")
        mail = [e.Channel(None, name=f"weights for device {replica.device}") for replica in replicas]
        yield Worker(self.server(team, anchored, inbox, mail), device=anchored.device, role="server")
        for replica, own in zip(replicas, mail, strict=True):
            program = self.worker(team, replica, inbox, own)
            yield Worker(program, device=replica.device, role="worker", outlives_epochs=True)

    def worker(self, team: Team, replica: Replica, inbox: e.Channel, mail: e.Channel) -> Program:
        q, name = replica.index, f"task of device {replica.index}"
        if name not in team.state:
            team.state[name] = {"steps": self.options.period, "done": 0}
            team.weights[name] = yield e.Anchor(replica, replica.layers)
        while True:
            task = team.state[name]
            if task["done"] == task["steps"]:
                if (served := (yield e.Get(mail))) is None:
                    break
                team.weights[name], steps = served
                task = team.state[name] = {"steps": steps, "done": 0}
                yield e.Mix(replica, team.weights[name], 1.0, fresh=self.options.inner == "new")
            begun = yield e.Now()
            if (step := (yield e.NextBatch(replica, shared=True))) is None:
                yield e.Put(inbox, Message(q))
                break
            yield from train(replica, step)
            task["done"] += 1
            if task["done"] == task["steps"]:
                yield e.Put(inbox, Message(q, (yield e.Delta(team.weights[name], replica))))
            elif task["done"] == 1:
                seconds = (now := (yield e.Now())) - begun
                yield e.Put(inbox, Message(q, seconds=seconds, ends=now + (task["steps"] - 1) * seconds))
        yield e.Close(inbox)

    def server(self, team: Team, replica: Replica, inbox: e.Channel, mail: Sequence[e.Channel]) -> Program:
        over: set[int] = set()
        if "server" not in team.state:
            devices = [{"version": 0, "seconds": 0.0, "ends": 0.0} for _ in mail]
            team.state["server"] = {"version": 0, "group": [], "until": 0.0, "devices": devices}
            team.weights["anchor"] = yield e.Anchor(replica, replica.layers)
        state, devices = team.state["server"], team.state["server"]["devices"]
        while True:
            waits = state["group"] and len(over) < len(mail)
            if (message := (yield e.Get(inbox, state["until"] if waits else None))) is None:
                break
            if message is not e.LATE:
                yield from self.receive(team, replica, message, over)
            expected = any(0 < device["ends"] <= state["until"] for device in devices)
            if state["group"] and (message is e.LATE or not expected):
                weights = yield e.Anchor(replica, replica.layers)
                for q in state["group"]:
                    devices[q]["version"] = state["version"]
                    yield e.Put(mail[q], (weights, self.steps([device["seconds"] for device in devices], q)))
                state["group"] = []
            elif len(over) + len(state["group"]) == len(mail):  # the others will arrive in the next epoch
                for q in state["group"]:
                    yield e.Close(mail[q])
                over |= set(state["group"])

    def receive(self, team: Team, replica: Replica, message: Message, over: set[int]) -> Program:
        o, state, outer = self.options, team.state["server"], self.options.outer
        device = state["devices"][message.q]
        if message.deltas:
            state["until"] = state["until"] if state["group"] else ((yield e.Now()) + o.grace) * ROUNDED
            state["group"].append(message.q)
            scale = (1 + state["version"] - device["version"]) ** -0.5 if o.weighting == "polynomial" else 1.0
            scale /= 1.0 if outer.name.startswith("delayed") else math.sqrt(o.devices)
            before, outer = team.weights["anchor"], replace(outer, every=outer.every or o.devices)
            team.weights["anchor"] = yield e.Outer(before, *message.deltas, optimizer=outer, scale=scale)
            state["version"], device["ends"] = state["version"] + 1, 0.0
            yield e.Mix(replica, team.weights["anchor"], 1.0)
        elif message.ends:
            device |= {"seconds": message.seconds, "ends": message.ends}
        else:
            over.add(message.q)

    def steps(self, seconds: Sequence[float], q: int) -> int:
        share = min(filter(None, seconds)) / seconds[q] if self.options.dylu and seconds[q] else 1.0
        return max(1, int(self.options.period * share * ROUNDED))
