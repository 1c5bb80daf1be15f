"""MB-SGD: minibatch SGD over several devices, paper B's baseline.

Source: B ("Local SGD Meets Asynchrony", arXiv:2203.06638), equation 3; run there by PyTorch's DistributedDataParallel.

This is ddp.py under paper B's name, departures included, with paper B's learning rate: the schedule's times the devices
(B, Table 1; `learning_rate=published` leaves it alone).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods import ReplicatedOptions, options, register
from methods.ddp import DDP


@options
class MinibatchOptions(ReplicatedOptions):
    learning_rate: Annotated[
        Literal["published", "linear"], Field(description="the schedule's, or that times the devices")
    ] = "linear"


@register(title="MB-SGD", source="arXiv:2203.06638, equation 3", name="mbsgd", place=9)
class MinibatchSGD(DDP):
    """Every device computes a gradient on its own batch.

    All apply the mean gradient, reduced at the end of the pass.
    """

    Options = MinibatchOptions
