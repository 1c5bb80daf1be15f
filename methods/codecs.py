"""The options of a codec, and gradients that go through one with error feedback."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any, Literal

from pydantic import Field

from methods.base import options
from methods.effects import Codec, Compress, Effect, Gradient, Replica, Team
from methods.later import Later

SHARE = Field(gt=0, le=1, description="of a layer's entries that topk keeps, one at least")


@options
class CodecOptions:
    """A codec's options, of a method that also goes without one.

    topk: the entries of a layer that are largest in magnitude, of equal ones the first. sign: each entry's sign, times
    the layer's mean magnitude. int8: multiples of 1/127 of the layer's largest magnitude, rounded to the nearest.
    """

    name: Annotated[
        Literal["none", "topk", "sign", "int8"],
        Later("none"),
        Field(description="what is sent of a layer: all, its largest entries, signs and a scale, or 8 bits an entry"),
    ] = "none"
    share: Annotated[float, Later(0.01), SHARE] = 0.01


def compressed(team: Team, replica: Replica, gradient: Gradient, codec: Codec) -> Generator[Effect, Any, Gradient]:
    """Yields what compresses a replica's gradient, or a `Delta`, with the error of its layer -> what is sent.

    The errors last in `team.weights`. A codec of name "none" leaves the gradient as it is.

        mean = yield AllReduce(everyone, replica, (yield from compressed(team, replica, gradient, codec)))
    """
    if codec.name == "none":
        return gradient
    name = f"error of {gradient.layer.name} on device {replica.index}"
    sent, team.weights[name] = yield Compress(gradient, codec, team.weights.get(name))
    return sent  # type: ignore[no-any-return]
