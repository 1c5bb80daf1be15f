"""PipeDream-2BW: a pipeline without flushes, with two versions of the weights and gradients of m microbatches.

Source: Narayanan, Phanishayee, Shi, Chen, Zaharia, "Memory-Efficient Pipeline-Parallel DNN Training"
(arXiv:2006.09503), section 3.1, double-buffered weight updates with the 1F1B schedule. The recursion is W(t + 1) = W(t)
- rate * gradient of f at W(t - 1): gradients are delayed by one update.

Stage k of 0 to K - 1 runs K - k forward passes, and from then on one forward and one backward pass in turn. Microbatch
n belongs to batch t = n div m. All stages compute both of its passes at the weights W(max(t - 1, 0)), which contain the
batches before t - 1. So a gradient never mixes two versions, and no more than two versions are needed.

Departures and choices:
- A microbatch is a batch of the workload, so that one step takes m of them, at the schedule's rate for the first.
- There is one set of live weights; a gradient is kept until its version is due. The paper writes the new version beside
  the old one as soon as it is computed. Microbatches whose backward pass comes after the next update have pinned copies
  of the version before (K - 1 - k of every m at stage k, each charged as a snapshot): the second buffer.
- m is at least K, as the paper asks.
- Stages are contiguous groups of layers, as in pipeline.py, which says what is charged between them. There is one
  pipeline; the paper also runs several, with all-reduced gradients, and may recompute activations.
- An epoch ends in a drain: the gradients kept are applied there, and an epoch's last step may be of fewer than m.
- With one stage and m = 1 this is backpropagation with a delay of one (bp.py).
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal

from pydantic import Field

from methods import (
    Close,
    Devices,
    Gradient,
    Options,
    Program,
    Replica,
    Step,
    Team,
    options,
    register,
)
from methods.effects import update_by_mean
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
        return self.connected(team, turns_per_stage=1)

    def turns(self, replica: Replica, stage: Stage) -> Program:
        """Runs a stage for an epoch, including the backward passes that are left at its end."""
        m, number = self.options.microbatches, 0
        ahead: deque[Step] = deque()  # batches whose backward pass is to come
        kept: deque[list[Gradient]] = deque()  # of each microbatch, not yet applied
        while True:
            if number % m == 0 and number >= 2 * m:  # W(t - 1) is due; all its gradients are kept, since m >= K
                yield from self.step_by(kept)
            if (step := (yield self.next(replica, stage))) is None:
                break
            overtaken = number >= m and number % m >= m - stage.delay  # its backward pass comes after the next step
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
        """Updates once by the mean gradient of the oldest m microbatches, or of all if fewer are left."""
        oldest = [kept.popleft() for _ in range(min(len(kept), self.options.microbatches))]
        yield from update_by_mean(oldest)
