"""Counts what codecs keep of a layer's gradient, in entries and in bytes; the arithmetic is in numerics/codecs.py."""

from __future__ import annotations

from math import ceil

from methods import effects as e

VALUE_BYTES, INDEX_BYTES = 4, 4


def entries(codec: e.Codec, size: int) -> int:
    """Returns how many of a layer's `size` entries top-k keeps: the nearest to its share, one at least."""
    return min(size, max(1, round(codec.share * size)))


def encoded_bytes(codec: e.Codec, size: float) -> float:
    """Returns the bytes that are sent of a layer whose parameters have so many.

    Top-k: a value and an index an entry; signs: a bit an entry and the layer's scale; int8: a byte an entry and the
    scale. Raises ValueError where there is no such codec.
    """
    count = round(size / VALUE_BYTES)
    if not count:
        return 0.0
    match codec.name:
        case "topk":
            return float(entries(codec, count) * (VALUE_BYTES + INDEX_BYTES))
        case "sign":
            return float(ceil(count / 8) + VALUE_BYTES)
        case "int8":
            return float(count + VALUE_BYTES)
    raise ValueError(f"{codec.name!r} is no codec; there are topk, sign and int8")
