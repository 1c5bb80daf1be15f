"""Rows that ranks add up a share each of: how they are cut, what is sent, and that a share's bits are the whole's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.executors.distributed import shares
from benchmarks.executors.distributed.buckets import mean_of
from benchmarks.executors.distributed.packing import STEP, PackedLayout
from benchmarks.executors.distributed.transport import Task, Transport
from tests.conformance.small import EPOCHS
from tests.distributed.led import led

SHAPES = [(7,), (64, 3, 3, 3), (1,), (257,), (1000, 9), (0,), (5, 5)]


def form_of(shapes: Sequence[tuple[int, ...]] = SHAPES) -> PackedLayout:
    return PackedLayout([torch.empty(shape) for shape in shapes], numbers=3)


@pytest.mark.parametrize("ranks", [2, 5, 64])
def test_shares_are_all_of_a_row_and_of_about_one_size(ranks: int) -> None:
    layout = form_of()
    cut = layout.shares(ranks)
    assert [byte for share in cut for byte in range(layout.bytes)[share]] == list(range(layout.bytes))
    sizes = [len(range(layout.bytes)[layout.floats_of(share)]) for share in cut]
    assert layout.floats_of(cut[0]).start == 3 * STEP
    assert max(sizes) - min(sizes) <= 2 * STEP
    assert all(share.start % STEP == 0 for share in cut)


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_mean_of_shares_has_the_bits_of_whole_tensors(ranks: int) -> None:
    layout, draw = form_of(), torch.Generator().manual_seed(3)
    rows = layout.empty_rows(ranks)
    for row in rows:
        layout.fill(row, [torch.randn(shape, generator=draw) for shape in SHAPES], [0, 1, 2])
    found = layout.empty_row()
    for share in map(layout.floats_of, layout.shares(ranks)):
        mean_of(rows[:, share].view(torch.float32), found[share].view(torch.float32))
    whole = [torch.stack(same).mean(0) for same in zip(*map(layout.tensors, rows), strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(layout.tensors(found), whole, strict=True))


@pytest.mark.parametrize(("method", "options", "ranks"), [("ddp", {}, 4), ("lsgd", {"period": 2}, 2)])
def test_a_rank_sends_less_than_two_rows_or_a_whole_one_to_each_other(
    method: str, options: dict[str, Any], ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, give = Counter[int](), Transport.send_pieces  # bytes, by rank

    def noted(self: Transport, tag: int, pieces: Sequence[Tensor]) -> Task:
        sent[self.rank] += sum(pieces[peer].numel() for peer in self.others)
        return give(self, tag, pieces)

    def most_sent(least: int) -> int:
        monkeypatch.setattr(shares, "LEAST_BYTES", least)
        sent.clear()
        with led(method, {"devices": ranks, **options}) as training:
            training.epoch(EPOCHS - 1)  # the one in which L-SGD averages every K updates
        assert len(sent) == ranks
        return max(sent.values())

    monkeypatch.setattr(Transport, "send_pieces", noted)
    row = most_sent(2**30) / (ranks - 1)
    assert most_sent(0) == pytest.approx(2 * (ranks - 1) / ranks * row, rel=0.1)


def flushes() -> bool:
    """Whether this thread counts numbers too small for full precision as none."""
    return not torch.full((8,), 1e-40).mul(0.5).count_nonzero()


def test_what_adds_up_rounds_as_workers_do() -> None:
    """Whatever its caller does."""
    before = flushes()
    with led("ddp", {"devices": 2}) as training:
        training.epoch(0)
        executor: Any = training.executor
        adding = executor.session.transport.thread("adding up")
        torch.set_flush_denormal(False)
        try:
            assert not flushes()
            assert adding.submit(flushes).result()
        finally:
            torch.set_flush_denormal(before)


def test_numbers_are_the_least_of_all_ranks() -> None:
    layout = form_of()
    rows = layout.empty_rows(2)
    for row, numbers in zip(rows, ([5, 1, 0], [4, 2, 0]), strict=True):
        layout.fill(row, [torch.zeros(shape) for shape in SHAPES], numbers)
    assert layout.least_numbers(rows) == [4, 1, 0]
    assert PackedLayout([torch.empty(2)]).least_numbers(torch.zeros(2, 8, dtype=torch.uint8)) == []


def test_only_floats_are_shared_and_only_where_that_spares_much() -> None:
    def shared(ranks: int, *tensors: Any) -> bool:
        return shares.worth_sharing(PackedLayout(tensors), ranks)

    assert not shared(2, torch.empty(2**24))  # half a row twice, or a row once
    assert not shared(3, torch.empty(2**19))
    assert shared(3, torch.empty(2**20))
    assert shared(8, torch.empty(2**17))
    assert not shared(8, torch.empty(2**20, dtype=torch.float64))
