"""Folders of images: decoded as torchvision does it, batches that depend on seed, epoch and index alone."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.workloads.data.images import decode, folder_tree
from benchmarks.workloads.data.images.folder import FolderBatches, FolderSet
from benchmarks.workloads.data.load import load
from benchmarks.workloads.data.random_keys import Purpose, draw

CPU = torch.device("cpu")
SIDE = 24
BATCH = 4
REAL = os.environ.get("BENCHMARKS_DATA")
SIZES = [(24, 24), (40, 30), (30, 41), (100, 25), (26, 99), (64, 64), (57, 28)]


def picture(number: int, size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    pixels = np.random.RandomState(number).randint(0, 256, (size[1] // 5 + 1, size[0] // 5 + 1, 3), np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of 6 training and 3 validation images, of many sizes and modes."""
    modes = {"RGB": "JPEG", "L": "JPEG", "CMYK": "JPEG", "P": "PNG", "RGBA": "PNG"}
    number = 0
    for split, count in (("train", 6), ("val", 3)):
        for kind in ("n01", "n02", "n03"):
            place = tmp_path / "imagenet" / split / kind
            place.mkdir(parents=True)
            for _ in range(count):
                mode = list(modes)[number % 5]
                picture(number, SIZES[number % 7], mode).save(place / f"{kind}_{number}.JPEG", modes[mode])
                number += 1
    folder_tree.index.cache_clear()
    return tmp_path / "imagenet"


def data(folder: Path, **options: Any) -> FolderSet:
    folder_set = load("imagenet", folder=folder, resolution=SIDE, **options)
    assert isinstance(folder_set, FolderSet)
    return folder_set


def make(folder: Path, *, seed: int = 3, augment: bool = True, ahead: int = 2) -> FolderBatches:
    batches = FolderBatches(data(folder), batch=BATCH, seed=seed, device=CPU, augment=augment)
    batches.ahead = ahead
    return batches


@pytest.fixture(scope="module")
def functional() -> Any:
    """torchvision's functions, imported where they are used: that takes seconds."""
    from torchvision.transforms import functional

    return functional


# ---- one image


@pytest.mark.parametrize("size", SIZES)
def test_evaluation_is_torchvisions_to_the_byte(size: tuple[int, int], functional: Any) -> None:
    image = picture(1, size)
    for side in (24, 20):
        scaled = functional.resize(image, round(side * 256 / 224), functional.InterpolationMode.BILINEAR)
        expected = functional.center_crop(scaled, [side, side])
        assert decode.for_evaluation(image, side).tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", SIZES)
def test_a_training_crop_is_torchvisions_to_the_byte(size: tuple[int, int], functional: Any) -> None:
    image = picture(2, size)
    for key in range(10):
        words = draw(decode.WORDS, Purpose.AUGMENTATION, key)
        expected = functional.resized_crop(image, *decode.random_box(*size, words), [SIDE, SIDE])
        assert decode.for_training(image, SIDE, words).tobytes() == expected.tobytes()


def test_random_boxes_are_torchvisions() -> None:
    """Boxes equal those of RandomResizedCrop from the same uniform numbers; long images fit in no attempt."""
    sizes = [(50, 40), (33, 90), (200, 9), (7, 300)]
    boxes = [tuple(decode.random_box(*size, draw(decode.WORDS, Purpose.AUGMENTATION, 5))) for size in sizes]
    assert boxes == [(1, 6, 39, 43), (29, 0, 17, 23), (0, 94, 9, 12), (145, 0, 9, 7)]


# ---- batches


def one_by_one(batches: FolderBatches, epoch: int, index: int, functional: Any) -> tuple[Tensor, Tensor]:
    """Returns a batch made image by image with torchvision's functions."""
    part, card = batches.data.train, batches.data.card
    chosen = batches.chosen(epoch, index)
    drawn = draw(BATCH * decode.WORDS, Purpose.AUGMENTATION, 3, epoch, index).reshape(BATCH, -1)
    images = []
    for sample, words in zip(chosen.tolist(), drawn, strict=True):
        with Image.open(part.path(sample)) as stored:
            image = stored.convert("RGB")
        box = decode.random_box(*image.size, words)
        image = functional.resized_crop(image, *box, [SIDE, SIDE])
        image = functional.hflip(image) if decode.mirrored(words) else image
        images.append(functional.normalize(functional.to_tensor(image), card.mean, card.std))
    return torch.stack(images), torch.from_numpy(part.labels[chosen])


def test_a_batch_is_what_one_gets_image_by_image(folder: Path, functional: Any) -> None:
    batches = make(folder)
    for epoch, index in ((0, 0), (0, 3), (2, 1)):
        images, labels = batches.batch(epoch, index)
        expected_images, expected_labels = one_by_one(batches, epoch, index, functional)
        assert images.shape == (BATCH, 3, SIDE, SIDE)
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=torch.channels_last)  # as networks on a CPU take them
        torch.testing.assert_close(images, expected_images, rtol=1e-5, atol=1e-6)
        assert torch.equal(labels, expected_labels)
        assert labels.dtype == torch.int64


def test_without_augmentation_training_images_are_cropped_as_test_images(folder: Path, functional: Any) -> None:
    batches = make(folder, augment=False)
    assert torch.equal(batches.batch(0, 1)[0], batches.batch(0, 1)[0])
    sample = int(batches.chosen(1, 0)[0])
    image = decode.for_evaluation(decode.open_rgb(batches.data.train.path(sample)), SIDE)
    expected = functional.normalize(functional.to_tensor(image), batches.data.card.mean, batches.data.card.std)
    torch.testing.assert_close(batches.batch(1, 0)[0][0], expected, rtol=1e-5, atol=1e-6)


def test_a_batch_does_not_depend_on_what_was_asked_before(folder: Path) -> None:
    keys = [(epoch, index) for epoch in range(5) for index in range(4)]
    expected = {key: make(folder, ahead=0).batch(*key) for key in keys}
    random.Random(0).shuffle(keys)
    batches = make(folder)
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda key: (key, batches.batch(*key)), keys * 2))
    for key, (images, labels) in results:
        assert torch.equal(images, expected[key][0])
        assert torch.equal(labels, expected[key][1])


def test_next_batches_are_decoded_ahead_but_no_more(folder: Path) -> None:
    batches = make(folder)  # 4 batches an epoch
    batches.batch(0, 0)
    assert sorted(batches._pending) == [1, 2]
    batches.batch(0, 1)
    assert sorted(batches._pending) == [2, 3]
    batches.batch(0, 3)
    assert sorted(batches._pending) == [2, 4]  # the last of the epoch was asked for, and the next epoch is begun
    batches.batch(1, 0)
    assert sorted(batches._pending) == [5, 6]  # what the first epoch left over is gone
    for key in ((0, 2), (7, 1), (3, 3), (1, 2)):
        batches.batch(*key)
        assert len(batches._pending) <= 2


def test_the_test_split_comes_whole_in_order(folder: Path, functional: Any) -> None:
    batches = make(folder)
    parts = list(batches.test(batch=4))
    assert [len(labels) for _, labels in parts] == [4, 4, 1]
    assert torch.cat([labels for _, labels in parts]).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    all_images = next(batches.test())[0]
    assert torch.equal(torch.cat([images for images, _ in parts]), all_images)
    image = decode.for_evaluation(decode.open_rgb(batches.data.test.path(5)), SIDE)
    expected = functional.normalize(functional.to_tensor(image), batches.data.card.mean, batches.data.card.std)
    torch.testing.assert_close(all_images[5], expected, rtol=1e-5, atol=1e-6)


def test_decoding_threads_end_with_their_batches(folder: Path) -> None:
    before = set(threading.enumerate())
    batches = make(folder)
    batches.batch(0, 0)
    started = set(threading.enumerate()) - before
    assert started
    reference = weakref.ref(batches)
    del batches
    gc.collect()
    assert reference() is None
    deadline = time.monotonic() + 5
    while any(thread.is_alive() for thread in started) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(thread.is_alive() for thread in started)


@pytest.mark.parametrize("broken", ["truncated", "text", "empty"])
def test_an_unreadable_image_is_named(folder: Path, broken: str) -> None:
    path = folder / "val" / "n02" / "n02_21.JPEG"
    content = path.read_bytes()
    path.write_bytes({"truncated": content[: len(content) // 2], "text": b"no image", "empty": b""}[broken])
    with pytest.raises(UserError, match=r"The image .*val/n02/n02_21\.JPEG cannot be read \(.*\): put a readable copy"):
        list(make(folder).test())


@pytest.mark.cuda
def test_a_batch_is_the_same_on_a_gpu(folder: Path) -> None:
    gpu_batches = data(folder).batches(batch=BATCH, seed=3, device=torch.device("cuda"), augment=True)
    images, labels = gpu_batches.batch(1, 1)
    assert images.is_cuda
    torch.testing.assert_close(images.cpu(), make(folder).batch(1, 1)[0], rtol=1e-6, atol=1e-6)
    assert torch.equal(labels.cpu(), make(folder).batch(1, 1)[1])


# ---- the set


def test_a_subset_is_balanced_and_fixed(folder: Path) -> None:
    subset = data(folder, train_samples=9, test_samples=4)
    assert np.bincount(subset.train.labels).tolist() == [3, 3, 3]
    assert np.bincount(subset.test.labels).tolist() == [2, 1, 1]
    larger_subset = data(folder, train_samples=12)
    assert {subset.train.path(k) for k in range(9)} < {larger_subset.train.path(k) for k in range(12)}
    for path in (subset.train.path(k) for k in range(9)):
        assert Path(path).is_file()
    with pytest.raises(
        UserError,
        match=r"imagenet \(a folder of images\) in .*imagenet/train has 18 train samples, not 19: take from 1 to 18",
    ):
        data(folder, train_samples=19)
