"""Options of gradient compression, and compression with error feedback.

Source: Stich et al., "Sparsified SGD with Memory" (arXiv:1809.07599); Karimireddy et al., "Error Feedback Fixes
SignSGD" (arXiv:1901.09847).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, Any, Literal

from pydantic import Field

from methods.base import options
from methods.effects import Codec, Compress, Effect, Gradient, Replica, Team
from methods.later import Later

SHARE = Field(gt=0, le=1, description="fraction of a layer's entries that topk keeps, at least one entry")


@options
class CodecOptions:
    """Options of a codec, for methods where compression is optional.

    name: "none" sends all entries unchanged. "topk" sends a layer's entries of largest magnitude, the first of equal
        ones. "sign" sends each entry's sign and the layer's mean magnitude. "int8" rounds each entry to a multiple of
        1/127 of the layer's largest magnitude.
    share: fraction of a layer's entries that topk keeps, at least one entry.
    """

    name: Annotated[
        Literal["none", "topk", "sign", "int8"],
        Later("none"),
        Field(description="what is sent of a layer: all, its largest entries, signs and a scale, or 8 bits an entry"),
    ] = "none"
    share: Annotated[float, Later(0.01), SHARE] = 0.01


def compressed(team: Team, replica: Replica, gradient: Gradient, codec: Codec) -> Generator[Effect, Any, Gradient]:
    """Compresses one layer's gradient or `Delta` with error feedback, and returns the gradient to send.

        mean = yield AllReduce(everyone, replica, (yield from compressed(team, replica, gradient, codec)))

    It adds the layer's previous error first and keeps the new one in `team.weights`, one per layer and replica, over
    all epochs. The codec "none" returns the gradient unchanged and yields no effect.
    """
    if codec.name == "none":
        return gradient
    name = f"error of {gradient.layer.name} on device {replica.index}"
    sent, team.weights[name] = yield Compress(gradient, codec, team.weights.get(name))
    return sent  # type: ignore[no-any-return]
