"""Tensors as one row of bytes, and back: what ranks send each other, which nothing has to be unpickled of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor

STEP = 8
"""Everything begins at a multiple of so many bytes."""


class Form:
    """Places of tensors in a row: some whole numbers first, then one tensor after the other.

    like: of their shapes, kinds and, where they are dense, layouts in memory.
    """

    def __init__(self, like: Sequence[Tensor], *, numbers: int = 0) -> None:
        self.count = numbers
        self.parts: list[tuple[int, int, torch.dtype, tuple[int, ...], tuple[int, ...]]] = []
        at = numbers * STEP
        for tensor in like:
            end = at + tensor.numel() * tensor.element_size()
            self.parts.append((at, end, tensor.dtype, tuple(tensor.shape), _strides(tensor)))
            at = -(-end // STEP) * STEP
        self.bytes = at
        kinds = {kind for _, _, kind, _, _ in self.parts}
        self.floats = kinds == {torch.float32}

    def row(self) -> Tensor:
        """A new one, to be filled: (bytes,)."""
        return torch.empty(self.bytes, dtype=torch.uint8)

    def rows(self, count: int, device: torch.device | str = "cpu") -> Tensor:
        """(count, bytes)."""
        return torch.empty(count, self.bytes, dtype=torch.uint8, device=device)

    def fill(self, row: Tensor, tensors: Sequence[Tensor], numbers: Sequence[int] = ()) -> None:
        """Copy them in, from whatever device and layout."""
        if self.count:
            self.numbers(row).copy_(torch.tensor(numbers, dtype=torch.int64))
        torch._foreach_copy_(self.tensors(row), list(tensors))

    def numbers(self, row: Tensor) -> Tensor:
        """(count,), the row's own memory."""
        return row[: self.count * STEP].view(torch.int64)

    def least_numbers(self, rows: Tensor) -> list[int]:
        """The least of each over rows (count, bytes)."""
        return [int(least) for least in rows[:, : self.count * STEP].view(torch.int64).amin(0)]

    def tensors(self, row: Tensor) -> list[Tensor]:
        """The row's own memory, in the shapes and layouts of what the form was made of."""
        if not self.floats:
            return [row[a:b].view(kind).as_strided(shape, strides) for a, b, kind, shape, strides in self.parts]
        floats = row.view(torch.float32)
        begin = floats.storage_offset()
        return [floats.as_strided(shape, strides, begin + at // 4) for at, _, _, shape, strides in self.parts]

    def all_floats(self, rows: Tensor) -> Tensor:
        """(count, floats) of (count, bytes): the tensors, end to end. Of a form of float32 alone."""
        return rows[:, self.count * STEP :].view(torch.float32)

    def cut(self, floats: Tensor) -> list[Tensor]:
        """The tensors in such a row of floats, which begins where its memory does."""
        before = self.count * STEP
        return [floats.as_strided(shape, strides, (at - before) // 4) for at, _, _, shape, strides in self.parts]

    def shares(self, count: int) -> list[slice]:  # type: ignore[explicit-any]  # what a slice leaves out
        """A row's bytes in so many pieces of about one size, the numbers in the first."""
        begin = self.count * STEP
        ends = [begin + (self.bytes - begin) * i // count // STEP * STEP for i in range(1, count)]
        return [slice(a, b) for a, b in pairwise([0, *ends, self.bytes])]

    def floats_of(self, share: slice) -> slice:  # type: ignore[explicit-any]
        """The bytes of a share that are no numbers."""
        return slice(max(share.start, self.count * STEP), share.stop)


Descriptions = list[tuple[str, str, list[int]]]
"""Names, kinds and shapes of tensors, as JSON takes them."""


def described(named: Mapping[str, Tensor]) -> Descriptions:
    """Describes them."""
    return [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in named.items()]


def blank(description: Descriptions) -> Iterator[tuple[str, Tensor]]:
    """Gives names, and tensors like theirs without memory of their own. Raises ValueError for no kind of tensor."""
    for name, kind, shape in description:
        dtype = getattr(torch, kind, None)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"{kind} is no kind of tensor")
        yield name, torch.empty(shape, dtype=dtype, device="meta")


def _strides(tensor: Tensor) -> tuple[int, ...]:
    """The tensor's own, where they fill a piece of memory; else those of a contiguous one."""
    spans = sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)
    dense = all(stride == prod(size for _, size in spans[:i]) for i, (stride, _) in enumerate(spans))
    return tensor.stride() if dense else torch.empty(tensor.shape, device="meta").stride()
