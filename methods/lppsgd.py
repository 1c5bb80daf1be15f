"""LPP-SGD: locally-partitioned asynchronous parallel SGD.

Source: "Local SGD Meets Asynchrony" (arXiv:2203.06638), section 1.2, steps 1 to 3 after Algorithm 1.

Departures and choices, in addition to those of lapsgd.py:
- The unit of a partition is a layer (a residual block); the authors' code cuts between tensors. As there, the parts are
  contiguous, disjoint, cover the network, and are cut by cumulative size, so they are not of equal size. Each updater
  has at least one layer, so that every batch leads to an update; more updaters than layers are refused.
- With U = 1 the partition is the whole network, and LPP-SGD is LAP-SGD; so it is if all epochs are stabilising ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from methods import Backward, Layer, Method, MethodError, Program, Replica, Team, Update, options, register
from methods.cuts import evenly
from methods.lapsgd import LAPSGD, LapOptions


@options
class LppOptions(LapOptions):
    stabilising: Annotated[
        float, Field(ge=0, le=1, description="T_st / T: share of the epochs with whole gradients only")
    ] = 0.1


@register(title="LPPSGD", source="arXiv:2203.06638, section 1.2", name="lppsgd", place=6)
class LPPSGD(LAPSGD):
    """LAP-SGD whose updaters, after the stabilising epochs, alternate between a part of the gradient and all of it."""

    Options = LppOptions

    @property
    def special_case(self) -> str:
        if self.updaters == 1:
            whole = "the partition of {rows} is the whole network, so that it is LAP-SGD."
            return f"One updater per device (U = 1): {whole}"
        if self.options.stabilising == 1:
            return "Stabilising epochs only (T_st = T): {rows} takes whole gradients, so that it is LAP-SGD."
        return ""

    @property
    def same_as(self) -> Method | None:
        return self.as_method(LAPSGD) if self.special_case else None

    @property
    def updates_all_layers(self) -> bool:
        return bool(self.special_case)

    @property
    def updates_whole_gradients(self) -> bool:
        return bool(self.special_case)

    def check_layers(self, layers: int) -> None:
        if self.updaters > layers:
            raise MethodError(too_many(self.updaters, layers))

    def gradient_and_update(self, team: Team, replica: Replica, step: Any, u: int) -> Program:
        if team.epoch < self.options.stabilising * team.epochs:
            yield from super().gradient_and_update(team, replica, step, u)
            return
        last = f"last_iter of updater {u} on device {replica.index}"
        if team.state.get(last, "full") == "partitioned":
            team.state[last] = "full"
            yield from super().gradient_and_update(team, replica, step, u)
        else:
            team.state[last] = "partitioned"
            yield from self.partitioned_update(replica, step, u)

    def partitioned_update(self, replica: Replica, step: Any, u: int) -> Program:
        """Computes and applies the gradient of this updater's partition; the backward pass ends at its first layer."""
        part = partition(replica.layers, self.options.updaters)[u]
        bottom, gradients = part[0].index, []
        for layer in reversed(replica.layers):
            if layer.index < bottom:
                break
            inputs = layer.index > bottom or bottom == 0  # in the first layer as in a whole backward pass
            gradient = yield Backward(layer, step, weights=layer in part, inputs=inputs)
            if layer in part:
                gradients.append(gradient)
        yield Update(*gradients, scale=self.scale)


def partition(layers: Sequence[Layer], parts: int) -> list[list[Layer]]:
    """Splits layers into parts of about the same size. Raises MethodError for more parts than layers."""
    if parts > len(layers):
        raise MethodError(too_many(parts, len(layers)))
    return evenly(layers, [layer.size for layer in layers], parts)


def too_many(updaters: int, layers: int) -> str:
    return (
        f"LPP-SGD gives each updater of a device a part of the network, and {layers} layers make no {updaters} parts: "
        f"set lppsgd.updaters to at most {layers}."
    )
