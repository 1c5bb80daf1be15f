"""CUDA streams for batches in flight; on other devices all of this does nothing.

Autograd runs a node on the stream of its forward operation, so kernels of two batches overlap only if each batch has a
stream of its own from its forward pass on. Streams know nothing of a host's mutex: what touches a layer's weights
under the mutex also waits on the device for whoever held it before.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

cuda_stream: Any = torch.cuda.Stream  # torch leaves it untyped


class Stream:
    """`with stream:` runs what is launched inside on the batch's own stream. Without a device it does nothing."""

    def __init__(self, device: torch.device | None) -> None:
        self.stream: Any = cuda_stream(device) if device is not None and device.type == "cuda" else None
        self._entered: list[Any] = []

    def __enter__(self) -> None:
        if self.stream is not None:
            context: Any = torch.cuda.stream(self.stream)
            context.__enter__()
            self._entered.append(context)

    def __exit__(self, *exc: object) -> None:
        if self.stream is not None:
            self._entered.pop().__exit__(*exc)

    def follow(self, *tensors: Tensor) -> None:
        """Wait, on the device, for the caller's stream, which made these tensors, and keep them until used."""
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))
            for tensor in tensors:
                tensor.record_stream(self.stream)

    def join(self, *tensors: Tensor) -> None:
        """The other way round: the caller's stream waits for this one, which made these tensors."""
        if self.stream is not None:
            current = torch.cuda.current_stream(self.stream.device)
            current.wait_stream(self.stream)
            for tensor in tensors:
                tensor.record_stream(current)


class Ordered:
    """A mutex whose order holds on the device too: wait for the last holder's kernels, and leave an event behind."""

    def __init__(self, mutex: AbstractContextManager[Any], device: torch.device) -> None:
        self.mutex, self.device = mutex, device
        self.last: torch.cuda.Event | None = None

    def __enter__(self) -> None:
        self.mutex.__enter__()
        if self.last is not None:
            torch.cuda.current_stream(self.device).wait_event(self.last)

    def __exit__(self, *exc: Any) -> None:
        self.last = torch.cuda.current_stream(self.device).record_event()
        self.mutex.__exit__(*exc)
