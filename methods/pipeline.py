"""Pipelines with delayed gradients: FDG and DDG. The network is cut into K stages, each on a device of its own.

Source: FDG, "Fully Decoupled Neural Network Learning Using Delayed Gradients" (arXiv:1906.09108), with beta = 1, that
is without gradient shrinking; the order of effects is that of its public code (ZHUANGHP/FDG, `TrainDg`). DDG,
"Decoupled Parallel Backpropagation with Convergence Guarantee" (arXiv:1804.10574), with which FDG's authors compare it.

In its n-th turn, stage k of 0 to K - 1
- with `locking=none` (FDG) applies the gradient of batch n - 2 (K - 1 - k), then runs batch n's forward pass;
- with `locking=forward` (DDG) runs batch n's forward pass, waits until the last stage has run it as well, then applies
  the gradient of batch n - (K - 1 - k).

The last stage runs a batch's backward pass right after its forward pass. With K = 2 both give the same numbers and
differ in seconds only.

Departures and choices:
- Stages continue as messages arrive, instead of taking their turns at the same time: the numbers are the same, also on
  threads.
- The backward pass uses the current weights, as in the public code (whose optimizer changes the tensors that autograd
  has saved); `weights=forward` pins those of the forward pass, as the papers write the gradients.
- Stages are contiguous groups of layers. `cut=authors` cuts where the public code does, by hand for some networks
  (cuts.py). The default, `cut=flops`, gives stages equal shares of the forward passes' FLOPs, which limit a pipeline's
  speed. With `parameters` a ResNet's first stage has nearly all layers, since its last blocks have most of the weights.
- A pipeline is drained at the end of an epoch and filled again in the next; theirs continues.
- Between two stages the virtual clock charges the link's latency and the bytes of a loss; with
  `workload.activations=charged` those of the activations and of their gradient.
- With K = 1 this is backpropagation (bp.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from methods import (
    Backward,
    Channel,
    Close,
    Devices,
    Effect,
    Forward,
    Get,
    Gradient,
    Layer,
    Loss,
    Method,
    MethodError,
    NextBatch,
    Options,
    Program,
    Put,
    Replica,
    Snapshot,
    Step,
    Team,
    Update,
    Worker,
    options,
    register,
)
from methods.cuts import as_published, check_published, evenly
from methods.later import Later


@options
class PipelineOptions(Options):
    stages: Annotated[Devices, Field(description="K, contiguous parts of the network, a device each")] = 2
    cut: Annotated[
        Literal["flops", "layers", "parameters", "authors"],
        Later("parameters"),
        Field(description="what stages have equal shares of; or where FDG's authors cut the network"),
    ] = "flops"
    locking: Annotated[
        Literal["none", "forward"],
        Field(description="none: FDG, all passes are decoupled; forward: DDG, backward passes only"),
    ] = "none"
    weights: Annotated[
        Literal["current", "forward"],
        Field(description="weights of the backward pass: the live ones, or those of the forward pass"),
    ] = "current"


@dataclass(eq=False)
class Stage:
    """One stage: its layers and its channels; None where the pipeline has no stage before or after it.

    delay: turns between a batch's forward pass in this stage and its gradient.
    batches: activations from the stage before; activations: those for the stage after.
    upstream: gradients of activations from the stage after; gradients: those for the stage before.
    turns: receives a message for each finished forward pass of the last stage (DDG).
    listeners: of the last stage: the other stages' `turns`.
    """

    index: int
    layers: Sequence[Layer]
    delay: int
    batches: Channel | None
    activations: Channel | None
    upstream: Channel | None
    gradients: Channel | None
    turns: Channel | None
    listeners: Sequence[Channel] = ()


@register(title="FDG/DDG pipeline", source="arXiv:1906.09108; arXiv:1804.10574", name="pipeline", place=12)
class Pipeline(Method):
    """K stages, each with a worker that runs both passes of its layers and updates them."""

    Options = PipelineOptions

    @property
    def devices(self) -> int:
        return int(self.options.stages)

    @property
    def updaters(self) -> int:
        return int(self.options.stages)

    @property
    def special_case(self) -> str:
        alone = "One stage (K = 1): {rows} passes no batch on, so that it is backpropagation."
        return alone if self.options.stages == 1 else ""

    def check_layers(self, layers: int) -> None:
        if self.options.stages > layers:
            raise MethodError(
                f"A pipeline gives each stage a part of the network, and {layers} layers make no {self.options.stages} "
                f"parts: set {self.name}.stages to at most {layers}."
            )

    def check_network(self, network: str) -> None:
        if self.options.cut == "authors":
            check_published(network, self.options.stages)

    def parts(self, team: Team) -> list[list[Layer]]:
        layers, count = team.replica.layers, self.options.stages
        self.check_layers(len(layers))
        match self.options.cut:
            case "authors":
                return as_published(team.network, layers, count)
            case "flops":
                return evenly(layers, team.layer_flops, count)
            case "parameters":
                return evenly(layers, [layer.size for layer in layers], count)
        return evenly(layers, [1] * len(layers), count)

    def workers(self, team: Team) -> Iterable[Worker]:
        for stage in self.stages(team):
            program = self.turns(team.replica, stage)
            yield Worker(program, device=stage.index, role="stage", index=stage.index, holds=stage.layers)

    def stages(self, team: Team) -> list[Stage]:
        locked = self.options.locking == "forward"
        return self.connected(team, turns_per_stage=1 if locked else 2, locked=locked)

    def connected(self, team: Team, turns_per_stage: int, *, locked: bool = False) -> list[Stage]:
        """Returns the stages, connected by channels.

        turns_per_stage: delay of a stage's gradients for each stage after it.
        locked: stages wait for the last one's forward passes.
        """
        count = self.options.stages
        down = [Channel(None, name=f"activations for stage {k}") for k in range(1, count)]
        up = [Channel(None, name=f"gradients for stage {k}") for k in range(count - 1)]
        locks = [Channel(None, name=f"turns of stage {k}") for k in range(count - 1)]
        turns = [*locks, None] if locked else [None] * count
        ends = zip(self.parts(team), [None, *down], [*down, None], [*up, None], [None, *up], turns, strict=True)
        stages = [
            Stage(k, part, turns_per_stage * (count - 1 - k), *channels) for k, (part, *channels) in enumerate(ends)
        ]
        stages[-1].listeners = [turn for turn in turns if turn is not None]
        return stages

    def turns(self, replica: Replica, stage: Stage) -> Program:
        """Runs a stage for an epoch, including the backward passes that are left at its end."""
        ahead: deque[Step] = deque()
        update_first = self.options.locking == "none" and stage.delay > 0
        while (step := (yield self.next(replica, stage))) is not None:
            if update_first:
                yield from self.catch_up(stage, ahead, stage.delay - 1)
            yield from self.pass_forward(stage, step, pin=self.options.weights == "forward")
            ahead.append(step)
            if stage.turns is not None:
                yield Get(stage.turns)
            if not update_first:
                yield from self.catch_up(stage, ahead, stage.delay)
        if stage.activations is not None:
            yield Close(stage.activations)
        yield from self.catch_up(stage, ahead, 0)

    def next(self, replica: Replica, stage: Stage) -> Effect:
        return NextBatch(replica) if stage.batches is None else Get(stage.batches)

    def pass_forward(self, stage: Stage, step: Step, *, pin: bool) -> Program:
        for layer in stage.layers:
            if pin:
                yield Snapshot(layer, step)
            yield Forward(layer, step)
        if stage.activations is not None:
            yield Put(stage.activations, step)
            return
        yield Loss(step)
        for listener in stage.listeners:
            yield Put(listener, "over")

    def catch_up(self, stage: Stage, ahead: deque[Step], left: int) -> Program:
        """Runs backward passes and updates of the oldest batches in `ahead`, until only `left` remain."""
        while len(ahead) > left:
            yield Update(*(yield from self.pass_back(stage, ahead.popleft())))

    def pass_back(self, stage: Stage, step: Step) -> Generator[Effect, Any, list[Gradient]]:
        if stage.upstream is not None:
            yield Get(stage.upstream)  # arrives in the order of the batches
        gradients = []
        for layer in reversed(stage.layers):
            gradients.append((yield Backward(layer, step)))
        if stage.gradients is not None:
            yield Put(stage.gradients, step)
        return gradients
