"""Batches: what each holds, and that it depends on nothing but its seed, epoch and index."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import Augmentation, card
from benchmarks.workloads.data.images.in_memory import ImageBatches, ImageSet

CPU = torch.device("cpu")
SAMPLES = 70
BATCH = 16


def colours(padding: int = 4, flip: bool = True) -> ImageSet:
    """70 random images of three channels and 6 x 9 pixels; every image's label is its position."""
    data_card = replace(card("cifar10"), shape=(3, 6, 9), augmentation=Augmentation(padding, flip))
    images = torch.randint(0, 256, (SAMPLES, 3, 6, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(SAMPLES)
    return ImageSet(data_card, images, labels, images[:25], labels[:25])


def make(
    data: ImageSet, *, batch: int = BATCH, seed: int = 3, device: torch.device = CPU, augment: bool = True
) -> ImageBatches:
    return ImageBatches(data, batch=batch, seed=seed, device=device, augment=augment)


def one_by_one(batches: ImageBatches, epoch: int, index: int) -> tuple[Tensor, Tensor]:
    """Makes the batch image by image: pad with black, crop, mirror, normalise."""
    data, padding = batches.data, batches.data.card.augmentation.crop_padding
    chosen = batches.order(epoch)[index * batches.size : (index + 1) * batches.size]
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (data.card.mean, data.card.std))
    rows, columns, flips = batches._draws(epoch, index)
    images = []
    for number, position in enumerate(chosen.tolist()):
        image = data.train_inputs[position]
        channels, height, width = image.shape
        padded = torch.zeros((channels, height + 2 * padding, width + 2 * padding), dtype=torch.uint8)
        padded[:, padding : padding + height, padding : padding + width] = image
        top, left = int(rows[number]), int(columns[number])
        crop = padded[:, top : top + height, left : left + width]
        crop = crop.flip(-1) if flips[number] else crop
        images.append((crop.float() / 255 - mean) / std)
    return torch.stack(images), data.train_labels[chosen]


@pytest.mark.parametrize(("padding", "flip"), [(4, True), (4, False), (0, True)])
def test_a_batch_is_what_one_gets_image_by_image(padding: int, flip: bool) -> None:
    batches = make(colours(padding, flip))
    for epoch, index in ((0, 0), (0, 3), (7, 2)):
        images, labels = batches.batch(epoch, index)
        expected_images, expected_labels = one_by_one(batches, epoch, index)
        assert images.dtype == torch.float32
        assert images.shape == (BATCH, 3, 6, 9)
        assert images.is_contiguous(memory_format=torch.channels_last)  # as networks on a CPU take them
        torch.testing.assert_close(images, expected_images, rtol=1e-5, atol=1e-6)
        assert torch.equal(labels, expected_labels)


def test_crops_and_flips_reach_every_place_equally() -> None:
    batches = make(colours(), batch=64)
    draws = [batches._draws(epoch, 0) for epoch in range(150)]
    places = np.zeros((9, 9), int)
    np.add.at(places, tuple(np.concatenate([getattr(draw, axis) for draw in draws]) for axis in ("rows", "columns")), 1)
    assert places.sum() == 9600
    assert ((places - 9600 / 81) ** 2 / (9600 / 81)).sum() < 120  # chi-squared, 80 degrees of freedom: 0.25 % lie above
    assert np.mean([draw.flips for draw in draws]) == pytest.approx(0.5, abs=0.02)


def test_without_augmentation_a_batch_holds_the_images_themselves() -> None:
    data = colours()
    images, labels = make(data, augment=False).batch(1, 1)
    plain, _ = make(colours(padding=0, flip=False)).batch(1, 1)
    assert torch.equal(images, plain)
    assert torch.equal(labels, make(data).batch(1, 1)[1])


def test_a_batch_does_not_depend_on_what_was_asked_before() -> None:
    keys = [(epoch, index) for epoch in range(9) for index in range(4)]  # more epochs than are kept
    expected = {key: make(colours()).batch(*key) for key in keys}
    random.Random(0).shuffle(keys)
    batches = make(colours())
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda key: (key, batches.batch(*key)), keys * 3))
    for key, (images, labels) in results:
        assert torch.equal(images, expected[key][0])
        assert torch.equal(labels, expected[key][1])


def test_a_batch_belongs_to_who_asked() -> None:
    batches = make(colours(padding=0, flip=False))
    batches.batch(0, 0)[0].zero_()
    batches.batch(0, 0)[1].zero_()
    next(batches.test())[0].zero_()
    images, labels = batches.batch(0, 0)
    assert images.std() > 0.5
    assert len(set(labels.tolist())) == BATCH


def test_seed_epoch_and_index_all_matter() -> None:
    drawn = [
        make(colours(), seed=seed)._draws(epoch, index).rows.tolist() for seed, epoch, index in np.ndindex(2, 2, 2)
    ]
    assert len({tuple(rows) for rows in drawn}) == 8
    orders = [make(colours(), seed=seed).order(epoch).tolist() for seed, epoch in np.ndindex(2, 2)]
    assert len({tuple(order) for order in orders}) == 4


def test_a_permutation_covers_all_samples_and_batches_follow_it() -> None:
    batches = make(colours())
    order = torch.from_numpy(batches.order(5))
    assert order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(SAMPLES))
    labels = torch.cat([batches.batch(5, index)[1] for index in range(batches.steps())])
    assert torch.equal(labels, order[: len(labels)])


def test_the_remainder_is_dropped_so_that_replicas_share_equally() -> None:
    batches = make(colours(), batch=6)  # 70 samples: 11 full batches
    assert [batches.steps(replicas) for replicas in (1, 2, 3, 4, 11)] == [11, 10, 9, 8, 11]
    with pytest.raises(UserError, match="12 replicas have no batch each"):
        batches.steps(12)
    for index in (-1, 11):
        with pytest.raises(IndexError, match="batches 0 to 10"):
            batches.batch(0, index)


@pytest.mark.parametrize("batch", [0, 71])
def test_a_batch_larger_than_the_data_is_refused(batch: int) -> None:
    with pytest.raises(UserError, match=f"A batch of {batch} cannot be drawn from 70 training samples"):
        make(colours(), batch=batch)


def test_the_test_split_comes_whole_in_order_and_normalised() -> None:
    data = colours()
    parts = list(make(data).test(batch=10))
    assert [len(labels) for _, labels in parts] == [10, 10, 5]
    assert torch.equal(torch.cat([labels for _, labels in parts]), data.test_labels)
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (data.card.mean, data.card.std))
    expected = (data.test_inputs / 255 - mean) / std
    torch.testing.assert_close(torch.cat([images for images, _ in parts]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("padding", "flip"), [(4, True), (0, False)])
def test_a_batch_is_the_same_on_a_gpu(padding: int, flip: bool) -> None:
    data = colours(padding, flip)
    cpu_batches, gpu_batches = make(data), make(data, device=torch.device("cuda"))
    for index in range(4):
        images, labels = gpu_batches.batch(2, index)
        assert images.is_cuda
        torch.testing.assert_close(images.cpu(), cpu_batches.batch(2, index)[0], rtol=1e-6, atol=1e-6)
        assert torch.equal(labels.cpu(), cpu_batches.batch(2, index)[1])
