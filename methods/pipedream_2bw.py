"""PipeDream-2BW: a pipeline that never stops, two versions of the weights, gradients of m microbatches, a delay of one.

Source: Narayanan, Phanishayee, Shi, Chen, Zaharia, "Memory-Efficient Pipeline-Parallel DNN Training"
(arXiv:2006.09503), section 3.1, double-buffered weight updates with the 1F1B schedule, which is all of its algorithm:
W(t + 1) = W(t) - rate * gradient of f at W(t - 1).

Stage k of 0 to K - 1 passes microbatches forward until K - k are on their way behind it, and from then on one forward,
one back. Microbatch n, of batch t = n div m, is computed by all stages at weights that the batches before t - 1 have
changed, W(max(t - 1, 0)), in both directions. So no two versions meet in a gradient, and no more than two are kept.

Departures and choices:
- A microbatch is a batch of the workload, so that one step takes m of them, at the schedule's rate for the first.
- A gradient is kept until its version is due, and then changes the only live weights; the paper writes the new version
  beside the old one as soon as it is there. Microbatches that an update overtakes have pinned copies of the version
  before (K - 1 - k of every m at stage k, each charged as a snapshot): the other buffer.
- m is at least K, as the paper asks.
- Stages are contiguous runs of layers, as in pipeline.py, which says what is charged between them. One pipeline alone:
  the paper runs several beside each other with all-reduced gradients, and may compute activations anew.
- An epoch ends in a drain: what is kept is applied there, and the last step of an epoch may be of fewer than m.
- With one stage and m = 1 this is backpropagation with a delay of one (bp.py).
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Accumulate,
    Channel,
    Close,
    Devices,
    Gradient,
    Options,
    Program,
    Replica,
    Step,
    Team,
    Update,
    options,
    register,
)
from methods.pipeline import Pipeline, Stage


@options
class TwoBWOptions(Options):
    stages: Annotated[Devices, Field(description="K, contiguous parts of the network, a device each")] = 2
    microbatches: Annotated[int, Field(ge=1, le=4096, description="m, batches whose mean gradient makes one step")] = 4
    cut: Annotated[Literal["flops", "layers", "parameters"], Field(description="what stages have equal shares of")] = (
        "flops"
    )

    def __post_init__(self) -> None:
        if self.microbatches < self.stages:
            raise ValueError(f"microbatches={self.microbatches} is less than stages={self.stages}")


@register(title="PipeDream-2BW", source="arXiv:2006.09503, section 3.1", name="pipedream_2bw", place=22)
class PipeDream2BW(Pipeline):
    """K stages in 1F1B order, which apply a batch's gradient when the next version is due."""

    Options = TwoBWOptions  # type: ignore[assignment]  # it has no locking

    @property
    def batches_per_update(self) -> int:
        return int(self.options.microbatches)

    @property
    def updates_whole_gradients(self) -> bool:
        return bool(self.options.stages == 1)

    @property
    def gradient_at(self) -> Literal["forward"] | None:
        return "forward" if self.options.stages > 1 else None

    @property
    def special_case(self) -> str:
        if self.options.stages == self.options.microbatches == 1:
            return "One stage and one microbatch (K = m = 1): {rows} is backpropagation with a delay of one."
        return ""

    def stages(self, team: Team) -> list[Stage]:
        count = self.options.stages
        down = [Channel(None, name=f"activations for stage {k}") for k in range(1, count)]
        up = [Channel(None, name=f"gradients for stage {k}") for k in range(count - 1)]
        parts, turns = self.parts(team), [None] * count  # no stage waits for another's turn
        ends = zip(parts, [None, *down], [*down, None], [*up, None], [None, *up], turns, strict=True)
        return [Stage(k, part, count - 1 - k, *of) for k, (part, *of) in enumerate(ends)]

    def turns(self, replica: Replica, stage: Stage) -> Program:
        """Runs a stage for an epoch; at its end it waits for the gradients still under way."""
        m, number = self.options.microbatches, 0
        ahead: deque[Step] = deque()  # passed forward and not yet back
        kept: deque[list[Gradient]] = deque()  # by microbatch
        while True:
            if number % m == 0 and number >= 2 * m:  # W(t - 1) is due; m >= K: all of its gradients are there
                yield from self.step_by(kept)
            if (step := (yield self.next(replica, stage))) is None:
                break
            overtaken = number >= m and number % m >= m - stage.delay  # by the next step
            yield from self.pass_forward(stage, step, pin=overtaken)
            ahead.append(step)
            number += 1
            if len(ahead) > stage.delay:
                kept.append((yield from self.pass_back(stage, ahead.popleft())))
        if stage.activations is not None:
            yield Close(stage.activations)
        for step in ahead:
            kept.append((yield from self.pass_back(stage, step)))
        while kept:
            yield from self.step_by(kept)

    def step_by(self, kept: deque[list[Gradient]]) -> Program:
        """One update by the mean of the oldest m microbatches, or of all where fewer are left."""
        oldest = [kept.popleft() for _ in range(min(len(kept), self.options.microbatches))]
        means = []
        for of_layer in zip(*oldest, strict=True):
            means.append((yield Accumulate(*of_layer)))
        yield Update(*means)
