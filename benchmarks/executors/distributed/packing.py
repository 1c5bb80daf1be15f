"""Packs tensors into one row of bytes for sending, and unpacks it: a layout that both sides know, and no pickling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor

STEP = 8
"""Everything begins at a multiple of so many bytes."""


class PackedLayout:
    """The places of tensors in one row of bytes: `numbers` int64 values, then the tensors one after another.

    Made from example tensors, of whose shapes, dtypes and strides all later ones are; every piece begins at a multiple
    of STEP bytes.

        layout = PackedLayout([torch.empty(3), torch.empty(2, 2)], numbers=1)
        row = layout.empty_row()                    # (40,) uint8
        layout.fill(row, [bias, weight], [ticket])
        layout.tensors(row)                         # views of the row: (3,) and (2, 2)
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

    def empty_row(self) -> Tensor:
        """Returns a new row (bytes,), uninitialised."""
        return torch.empty(self.bytes, dtype=torch.uint8)

    def empty_rows(self, count: int, device: torch.device | str = "cpu") -> Tensor:
        """Returns new rows (count, bytes), uninitialised."""
        return torch.empty(count, self.bytes, dtype=torch.uint8, device=device)

    def fill(self, row: Tensor, tensors: Sequence[Tensor], numbers: Sequence[int] = ()) -> None:
        """Copies numbers and tensors into the row, from any device and memory layout."""
        if self.count:
            self.numbers(row).copy_(torch.tensor(numbers, dtype=torch.int64))
        torch._foreach_copy_(self.tensors(row), list(tensors))

    def numbers(self, row: Tensor) -> Tensor:
        """Returns a view of the row's numbers, (numbers,) int64."""
        return row[: self.count * STEP].view(torch.int64)

    def least_numbers(self, rows: Tensor) -> list[int]:
        """Returns the minimum of each number over rows (count, bytes)."""
        return [int(least) for least in rows[:, : self.count * STEP].view(torch.int64).amin(0)]

    def tensors(self, row: Tensor) -> list[Tensor]:
        """Returns views of the row in the shapes and strides of the example tensors."""
        if not self.floats:
            return [row[a:b].view(kind).as_strided(shape, strides) for a, b, kind, shape, strides in self.parts]
        floats = row.view(torch.float32)
        begin = floats.storage_offset()
        return [floats.as_strided(shape, strides, begin + at // 4) for at, _, _, shape, strides in self.parts]

    def all_floats(self, rows: Tensor) -> Tensor:
        """Returns a view (count, floats) of rows (count, bytes): all tensors end to end. Only where all are float32."""
        return rows[:, self.count * STEP :].view(torch.float32)

    def split_floats(self, floats: Tensor) -> list[Tensor]:
        """Returns the tensors as views of `floats` (floats,), which all_floats or a mean of it gave."""
        before = self.count * STEP
        return [floats.as_strided(shape, strides, (at - before) // 4) for at, _, _, shape, strides in self.parts]

    def shares(self, count: int) -> list[slice]:  # type: ignore[explicit-any]  # what a slice leaves out
        """Splits the bytes of a row into `count` slices of about one size, for as many ranks to reduce.

        The first slice holds the numbers as well. Slices begin at multiples of STEP; one may be empty.
        """
        begin = self.count * STEP
        ends = [begin + (self.bytes - begin) * i // count // STEP * STEP for i in range(1, count)]
        return [slice(a, b) for a, b in pairwise([0, *ends, self.bytes])]

    def floats_of(self, share: slice) -> slice:  # type: ignore[explicit-any]
        """Returns the part of a share that holds tensors, without the numbers."""
        return slice(max(share.start, self.count * STEP), share.stop)


Descriptions = list[tuple[str, str, list[int]]]
"""Names, kinds and shapes of tensors, as JSON takes them."""


def describe_tensors(named: Mapping[str, Tensor]) -> Descriptions:
    """Returns name, dtype and shape of each tensor, as JSON."""
    return [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in named.items()]


def meta_tensors(description: Descriptions) -> Iterator[tuple[str, Tensor]]:
    """Yields each described name and a tensor like it on the meta device. Raises ValueError for an unknown dtype."""
    for name, kind, shape in description:
        dtype = getattr(torch, kind, None)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"{kind} is no kind of tensor")
        yield name, torch.empty(shape, dtype=dtype, device="meta")


def _strides(tensor: Tensor) -> tuple[int, ...]:
    """Returns the tensor's strides where it is dense (in any order of dimensions), else those of a contiguous copy."""
    spans = sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)
    dense = all(stride == prod(size for _, size in spans[:i]) for i, (stride, _) in enumerate(spans))
    return tensor.stride() if dense else torch.empty(tensor.shape, device="meta").stride()
