"""Pipelines with delayed gradients: FDG and DDG. The network is cut into K stages, each on a device of its own.

Source: FDG, "Fully Decoupled Neural Network Learning Using Delayed Gradients" (arXiv:1906.09108), with beta = 1, that
is without gradient shrinking; the order of effects is that of its public code (ZHUANGHP/FDG, `TrainDg`). DDG,
"Decoupled Parallel Backpropagation with Convergence Guarantee" (arXiv:1804.10574), with which FDG's authors compare it.

In its n-th turn the stage k of 0 to K - 1
- `locking=none` (FDG): applies the gradient of batch n - 2 (K - 1 - k), then passes batch n forward;
- `locking=forward` (DDG): passes batch n forward, waits until that has reached the end, then applies the gradient of
  batch n - (K - 1 - k).
The last stage turns each batch around at once. With K = 2 both are the same numbers, and differ in seconds alone.

Departures and choices:
- Stages go on as their messages come, instead of turn by turn together: the same numbers, on threads as well.
- The backward pass uses the weights of now, as the public code does (its optimizer writes into what the graph has
  saved); `weights=forward` stashes those of the forward pass, as the papers' gradients are written.
- Stages are contiguous runs of layers. `cut=authors` is the public code's, by hand for some networks (cuts.py); others
  have none, so that the default balances what a pipeline's speed hangs on, each stage's work: `cut=flops`, of forward
  passes. By `parameters` a ResNet's first stage has nearly all layers, since its last blocks have most of the weights.
- A pipeline is drained at the end of an epoch and filled anew in the next; theirs runs on.
- Of a batch's way from stage to stage the virtual clock charges the link's latency, and of its bytes those of a loss;
  with `workload.activations=charged` those of the output of the stage before, and of its gradient.
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
        Field(description="what stages have equal shares of; or where FDG's authors cut, for networks that they print"),
    ] = "flops"
    locking: Annotated[
        Literal["none", "forward"], Field(description="none: FDG, fully decoupled; forward: DDG, backward passes alone")
    ] = "none"
    weights: Annotated[
        Literal["current", "forward"], Field(description="weights the backward pass sees: of now, or stashed")
    ] = "current"


@dataclass(eq=False)
class Stage:
    """One stage: its layers, and its ends of the channels (None at either end of the pipeline)."""

    index: int
    layers: Sequence[Layer]
    delay: int  # turns between a batch's forward pass here and its gradient
    batches: Channel | None  # activations from the stage before
    activations: Channel | None  # to the stage after
    upstream: Channel | None  # gradients of activations, from the stage after
    gradients: Channel | None  # to the stage before
    turns: Channel | None  # said to each other stage when a forward pass is over
    listeners: Sequence[Channel] = ()  # of the last stage: whom it says so


@register(title="FDG/DDG pipeline", source="arXiv:1906.09108; arXiv:1804.10574", name="pipeline", place=12)
class Pipeline(Method):
    """K stages, each with a worker that passes batches on in both directions and updates its own layers."""

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
        count = self.options.stages
        down = [Channel(None, name=f"activations for stage {k}") for k in range(1, count)]
        up = [Channel(None, name=f"gradients for stage {k}") for k in range(count - 1)]
        locks = [Channel(None, name=f"turns of stage {k}") for k in range(count - 1)]
        turns = [*locks, None] if self.options.locking == "forward" else [None] * count
        ahead = 1 if self.options.locking == "forward" else 2
        ends = zip(self.parts(team), [None, *down], [*down, None], [*up, None], [None, *up], turns, strict=True)
        stages = [Stage(k, part, ahead * (count - 1 - k), *of) for k, (part, *of) in enumerate(ends)]
        stages[-1].listeners = [turn for turn in turns if turn is not None]
        return stages

    def turns(self, replica: Replica, stage: Stage) -> Program:
        """Runs a stage for an epoch; at its end it waits for the gradients still under way."""
        ahead: deque[Step] = deque()
        before = self.options.locking == "none" and stage.delay > 0  # the update comes before the forward pass
        while (step := (yield self.next(replica, stage))) is not None:
            if before:
                yield from self.catch_up(stage, ahead, stage.delay - 1)
            yield from self.pass_forward(stage, step, pin=self.options.weights == "forward")
            ahead.append(step)
            if stage.turns is not None:
                yield Get(stage.turns)
            if not before:
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
        """Runs the backward passes and updates of the oldest batches, until only `left` remain in `ahead`."""
        while len(ahead) > left:
            yield Update(*(yield from self.pass_back(stage, ahead.popleft())))

    def pass_back(self, stage: Stage, step: Step) -> Generator[Effect, Any, list[Gradient]]:
        if stage.upstream is not None:
            yield Get(stage.upstream)  # in the order of the batches
        gradients = []
        for layer in reversed(stage.layers):
            gradients.append((yield Backward(layer, step)))
        if stage.gradients is not None:
            yield Put(stage.gradients, step)
        return gradients
