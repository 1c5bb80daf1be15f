"""PL-SGD: post-local SGD, which averages after every update at first, and every K updates later.

Source: Lin et al. (arXiv:1808.07217), section 3; "Local SGD Meets Asynchrony" (arXiv:2203.06638), section 1.1 and Table
1 (300 epochs, K = 1 for the first 150, then 16).

Departures and choices are those of lsgd.py, which is this method with `switch=0`. As in the public code of Lin et al. a
step updates its own replica first, in the first phase as well: with SGD without momentum, averaging replicas that were
equal before the step is an update by the mean gradient, up to rounding.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from methods import Method, Team, options, register
from methods.lsgd import LocalOptions, LocalSGD


@options
class PostLocalOptions(LocalOptions):
    switch: Annotated[
        float, Field(ge=0, le=1, description="averages after every update until this share of the epochs, then K")
    ] = 0.5


@register(title="PL-SGD", source="arXiv:1808.07217, section 3", name="plsgd", place=11)
class PostLocalSGD(LocalSGD):
    """Local SGD whose period is 1 until the switch."""

    Options = PostLocalOptions

    @property
    def special_case(self) -> str:
        if self.options.switch == 0:
            return "No first phase (switch = 0): {rows} averages every K updates from the start, so that it is L-SGD."
        if self.options.period == 1:
            return "An average after every update (K = 1): {rows} has one phase, so that it is L-SGD."
        return ""

    @property
    def same_as(self) -> Method | None:
        return self.as_method(LocalSGD) if self.special_case else None

    def period(self, team: Team) -> int:
        return 1 if team.epoch < self.options.switch * team.epochs else int(self.options.period)
