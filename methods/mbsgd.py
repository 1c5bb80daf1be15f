"""MB-SGD: minibatch SGD over several devices, the baseline of arXiv:2203.06638.

Source: "Local SGD Meets Asynchrony" (arXiv:2203.06638), equation 3; run there by PyTorch's DistributedDataParallel.

This is ddp.py, with its departures, under that paper's name and learning rate: the schedule's times the devices (Table
1; `learning_rate=published` leaves out the factor).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from methods import ReplicatedOptions, options, register
from methods.ddp import DDP


@options
class MinibatchOptions(ReplicatedOptions):
    learning_rate: Annotated[
        Literal["published", "linear"], Field(description="the schedule's rate, or that times the devices")
    ] = "linear"


@register(title="MB-SGD", source="arXiv:2203.06638, equation 3", name="mbsgd", place=9)
class MinibatchSGD(DDP):
    """Each device computes a gradient on its own batch; all apply the mean gradient."""

    Options = MinibatchOptions
