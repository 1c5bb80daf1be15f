"""Batches on their way to a CUDA device, which is pretended: pinned, without waiting, and no memory used twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.workloads.data.load import DataSet, load
from benchmarks.workloads.data.transfer import host_buffer, to_device
from tests.workloads.data.test_imagefolder import picture

CUDA = torch.device("cuda")
GENUINE_TO: Any = torch.Tensor.to
GENUINE_EMPTY: Any = torch.empty


class Pretended:
    """Torch with a device: what is copied to it, and from where. Everything stays on the CPU."""

    def __init__(self) -> None:
        self.pinned: dict[int, Tensor] = {}  # kept, so that no address is used again
        self.copies: list[tuple[bool, bool]] = []  # (pinned, without waiting), since the batches were made

    def pin(self, tensor: Tensor) -> Tensor:
        copy = tensor.clone()
        self.pinned[copy.untyped_storage().data_ptr()] = copy
        return copy

    def is_pinned(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self.pinned

    def to(self, tensor: Tensor, *arguments: Any, non_blocking: bool = False, **options: Any) -> Tensor:
        if arguments == (CUDA,):
            self.copies.append((self.is_pinned(tensor), non_blocking))
            return tensor.clone()
        moved: Tensor = GENUINE_TO(tensor, *arguments, non_blocking=non_blocking, **options)
        return moved

    def empty(self, *shape: Any, pin_memory: bool = False, **options: Any) -> Tensor:
        buffer: Tensor = GENUINE_EMPTY(*shape, **options)
        if pin_memory:
            self.pinned[buffer.untyped_storage().data_ptr()] = buffer
        return buffer


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    pretended = Pretended()
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pretended.pin(tensor))
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda tensor: pretended.is_pinned(tensor))
    monkeypatch.setattr(
        torch.Tensor, "to", lambda tensor, *arguments, **options: pretended.to(tensor, *arguments, **options)
    )
    monkeypatch.setattr(torch, "empty", pretended.empty)
    return pretended


def sets(folder: Path) -> dict[str, DataSet]:
    return {
        "images": load("digits", train_samples=64, test_samples=16),
        "text": load("reviews", train_samples=64, test_samples=16),
        "folder": load("imagenet", folder=folder, resolution=24),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 8 training images and 1 validation image."""
    root = tmp_path_factory.mktemp("images") / "imagenet"
    for split, count in (("train", 8), ("val", 1)):
        for kind in ("n01", "n02"):
            (root / split / kind).mkdir(parents=True)
            for number in range(count):
                picture(number, (40, 30)).save(root / split / kind / f"{number}.JPEG")
    return root


@pytest.mark.parametrize("kind", ["images", "text", "folder"])
def test_a_batch_is_copied_from_pinned_memory_without_waiting(kind: str, folder: Path, device: Pretended) -> None:
    """And it is the batch that the CPU has."""
    data = sets(folder)[kind]
    cpu_batches, cuda_batches = (
        data.batches(batch=8, seed=3, device=target, augment=True) for target in (torch.device("cpu"), CUDA)
    )
    device.copies.clear()
    cpu_batch, cuda_batch = cpu_batches.batch(0, 1), cuda_batches.batch(0, 1)
    assert device.copies
    assert set(device.copies) == {(True, True)}
    assert all(torch.equal(a, b) for a, b in zip(cpu_batch, cuda_batch, strict=True))


def test_no_two_batches_share_pinned_memory(folder: Path, device: Pretended) -> None:
    """A copy may be under way while the next batch is made: torch alone knows when memory is free again."""
    batches = sets(folder)["images"].batches(batch=8, seed=3, device=CUDA, augment=True)
    before = len(device.pinned)
    for index in range(3):
        batches.batch(0, index)
    assert len(device.pinned) == before + 3


def test_on_the_cpu_nothing_is_pinned_or_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> Tensor:
        raise AssertionError("pinned")

    monkeypatch.setattr(torch.Tensor, "pin_memory", refused)
    buffer = host_buffer((2, 3), torch.uint8, torch.device("cpu"))
    assert (buffer.shape, buffer.dtype) == ((2, 3), torch.uint8)
    assert to_device(buffer, torch.device("cpu")) is buffer


@pytest.mark.cuda
def test_pinned_memory_is_not_used_again_while_a_copy_is_under_way() -> None:
    """On a device: many copies, of which the host keeps nothing and waits for none."""
    copies = [to_device(torch.full((1 << 20,), number), CUDA) for number in range(50)]
    assert [int(tensor.min()) for tensor in copies] == [int(tensor.max()) for tensor in copies] == list(range(50))
