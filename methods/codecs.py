"""Options of gradient compression, and compression with error feedback."""

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
    """Options of a codec, for methods that compress on request.

    none: sends all entries unchanged. topk: the entries of a layer with the largest magnitudes; the first of equal
    ones. sign: each entry's sign times the layer's mean magnitude. int8: each entry rounded to the nearest multiple of
    1/127 of the layer's largest magnitude. share: the fraction of a layer's entries that topk keeps, at least one.
    """

    name: Annotated[
        Literal["none", "topk", "sign", "int8"],
        Later("none"),
        Field(description="what is sent of a layer: all, its largest entries, signs and a scale, or 8 bits an entry"),
    ] = "none"
    share: Annotated[float, Later(0.01), SHARE] = 0.01


def compressed(team: Team, replica: Replica, gradient: Gradient, codec: Codec) -> Generator[Effect, Any, Gradient]:
    """Compresses a gradient or a `Delta` of one layer with error feedback -> the gradient to send.

    The layer's previous error is added first; the new error is kept in `team.weights`, one per layer and replica, over
    all epochs. With the codec "none" it returns the gradient unchanged and yields no effect.

        mean = yield AllReduce(everyone, replica, (yield from compressed(team, replica, gradient, codec)))
    """
    if codec.name == "none":
        return gradient
    name = f"error of {gradient.layer.name} on device {replica.index}"
    sent, team.weights[name] = yield Compress(gradient, codec, team.weights.get(name))
    return sent  # type: ignore[no-any-return]
