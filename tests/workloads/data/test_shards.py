"""Shards: how unlike devices' parts are, that each goes through its own, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.commands.choose import missing_data
from benchmarks.errors import UserError
from benchmarks.papers.confounds.measured import audit
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.dividing import BLOCKS, _cut, by_block, by_label
from benchmarks.workloads.data.images.in_memory import ImageBatches, ImageSet
from benchmarks.workloads.data.options import Shards, Tokens
from benchmarks.workloads.data.text.windows import WindowSet

CPU = torch.device("cpu")
LABELS = np.arange(1200, dtype=np.int64) % 4


def shares(alpha: float, seed: int = 0, devices: int = 3) -> list[list[int]]:
    """Samples of each label, device by device."""
    parts = by_label(LABELS, Shards(alpha=alpha, seed=seed), devices=devices, batch=1, title="x")
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(LABELS)))
    return [np.bincount(LABELS[part], minlength=4).tolist() for part in parts]


def test_a_large_alpha_gives_equal_shares_and_a_small_one_does_not() -> None:
    assert all(95 <= count <= 105 for device in shares(1e5) for count in device)
    expected = [[192, 119, 237, 32], [77, 37, 61, 255], [31, 144, 2, 13]]  # a run's identity has alpha and seed alone
    assert shares(0.5) == expected != shares(0.5, seed=1)


def test_shares_have_the_variance_of_dirichlets() -> None:
    for alpha in (0.05, 2.0):
        cuts = [_cut(1000, group, Shards(alpha=alpha, seed=9), 3) for group in range(1000)]
        drawn = np.array([[end - first for first, end in cut] for cut in cuts]) / 1000
        assert drawn.var() == pytest.approx((1 / 3) * (2 / 3) / (3 * alpha + 1), rel=0.1)


def images(parts: int | None = 3, seed: int = 3) -> ImageBatches:
    data = ImageSet(
        card("digits"), torch.zeros(1200, 1, 8, 8).byte(), torch.from_numpy(LABELS), torch.zeros(0), torch.zeros(0)
    )
    batches = data.batches(batch=10, seed=seed, device=CPU, augment=False)
    if parts is not None:
        batches.divide(data.shards(Shards(alpha=0.5), devices=parts, batch=10))
    return batches


def test_a_device_goes_through_its_shard_and_begins_anew() -> None:
    batches = images()
    parts = by_label(LABELS, Shards(alpha=0.5), devices=3, batch=10, title="x")
    assert batches.steps(3) == images(None).steps(3) == 120  # as many steps as without shards
    for device, part in enumerate(parts):
        drawn = [batches.chosen(1, turn * 3 + device) for turn in range(2 * len(part) // 10)]
        samples = np.concatenate(drawn)
        assert sorted(samples[: len(part)].tolist()) == part.tolist()  # once per pass
        assert set(samples[len(part) :].tolist()) <= set(part.tolist())
        assert len(set(samples[len(part) :].tolist())) == len(samples) - len(part)
        assert not np.array_equal(batches.chosen(1, device), batches.chosen(2, device))
    assert np.array_equal(batches.chosen(1, 4), images().chosen(1, 4))
    assert not np.array_equal(batches.chosen(1, 4), images(seed=4).chosen(1, 4))


def test_windows_stay_in_their_devices_text() -> None:
    ids = torch.arange(10_000, dtype=torch.int32)
    data = WindowSet(card("generated-prose"), Tokens(context=16), ids, ids[:100], 600, 5, 10_000, 1.0)
    shards = Shards(alpha=0.5)
    batches = data.batches(batch=100, seed=1, device=CPU)
    parts = data.shards(shards, devices=2, batch=100)
    batches.divide(parts)
    seen_ids = [set[int](), set[int]()]
    for index in range(batches.steps(2)):
        inputs, targets = batches.batch(0, index)
        assert torch.equal(targets, inputs + 1)
        seen_ids[index % 2] |= set(targets.flatten().tolist()) | set(inputs.flatten().tolist())
    assert not seen_ids[0] & seen_ids[1]
    assert all(len(part) <= BLOCKS for part in parts)
    even_parts = by_block(10_000, Shards(alpha=1e5), context=16, devices=2, batch=1, title="x")
    assert [part[:, 1].sum() for part in even_parts] == pytest.approx([BLOCKS * (500 - 16)] * 2, rel=0.01)


def test_too_small_a_shard_is_refused() -> None:
    with pytest.raises(UserError, match=r"device \d of 6 has \d+ training samples of x, and a batch takes 100"):
        by_label(LABELS, Shards(alpha=0.02), devices=6, batch=100, title="x")
    with pytest.raises(UserError, match="windows of x"):
        by_block(400, Shards(alpha=0.1), context=30, devices=6, batch=4, title="x")
    with pytest.raises(UserError, match="numbers"):
        by_label(LABELS.astype(np.float32), Shards(alpha=1), devices=2, batch=1, title="x")
    for settings in ({"shards.seed": "1"}, {"shards.alpha": "0"}, {"shards.alpha": "1", "shards.seed": "-1"}):
        with pytest.raises(UserError, match="Bad value"):
            resolve(table("table3"), Choices(settings={"workload": settings}))


def test_rows_with_shards_say_so_and_stand_beside_no_published_value() -> None:
    plain = resolve(table("table3"), Choices())
    assert "shards" not in plain.runs[0].spec.workload.document()
    grid = resolve(table("table3"), Choices(settings={"workload": {"shards.alpha": "0.5", "batch": "8"}}))
    assert all("shards.alpha=0.5" in row.key for row in grid.rows)
    assert plain.published
    assert not grid.published
    assert grid.runs[0].spec.workload.document()["shards"] == {"alpha": 0.5, "seed": 0}
    assert any("3 shards, Dirichlet(0.5) over labels" in line for line in audit(grid.cells).lines)
    assert not missing_data(grid.runs, None)
    tiny_shards = {"workload": {"shards.alpha": "0.001"}, "lapsgd": {"devices": "12"}}
    assert "a batch takes" in missing_data(resolve(table("table3"), Choices(settings=tiny_shards)).runs, None)
