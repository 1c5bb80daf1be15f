"""The validation split: outside of the training samples, which stay what they are, balanced, and the same for all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.errors import UserError
from benchmarks.workloads.data.images.in_memory import ImageSet
from benchmarks.workloads.data.load import load
from benchmarks.workloads.data.options import Tokens
from benchmarks.workloads.data.sampling import balanced, held_out
from benchmarks.workloads.data.text.windows import WindowSet
from benchmarks.workloads.workload import workload

LABELS = np.arange(1000) % 10


def test_it_lies_outside_of_the_training_samples_and_is_balanced() -> None:
    train, chosen = balanced(LABELS, 614), held_out(LABELS, 101, train_samples=614, title="data")
    assert not set(train) & set(chosen)
    counts = np.bincount(LABELS[chosen])
    assert (len(chosen), counts.max() - counts.min()) == (101, 1)
    assert len(held_out(LABELS, None, train_samples=614, title="data")) == 0


def test_more_than_are_left_or_a_class_without_any_is_refused() -> None:
    with pytest.raises(UserError, match="386 further training samples, not 387"):
        held_out(LABELS, 387, train_samples=614, title="data")
    uneven = np.array([0] * 50 + [1] * 10)
    with pytest.raises(UserError, match="all 10 samples of class 1 are trained on"):
        held_out(uneven, 10, train_samples=30, title="data")


def test_images_that_are_trained_on_and_tested_on_stay_the_same() -> None:
    plain, with_validation = (load("digits", train_samples=576, validation=number) for number in (None, 200))
    assert isinstance(plain, ImageSet)
    assert isinstance(with_validation, ImageSet)
    for name in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
        assert torch.equal(getattr(plain, name), getattr(with_validation, name))
    batches = with_validation.batches(batch=32, seed=0, device=torch.device("cpu"), augment=False)
    sizes = [len(labels) for _, labels in batches.validation(150)]
    assert sizes == [150, 50]
    assert not list(plain.batches(batch=32, seed=0, device=torch.device("cpu"), augment=False).validation())


def test_of_a_text_the_end_of_the_training_part_is_cut_off() -> None:
    tokens = Tokens(context=32)
    plain, with_validation = (
        load("generated-prose", tokens=tokens, train_samples=64, validation=number) for number in (None, 10)
    )
    assert isinstance(plain, WindowSet)
    assert isinstance(with_validation, WindowSet)
    assert with_validation.validation_ids is not None
    assert torch.equal(torch.cat([with_validation.train_ids, with_validation.validation_ids]), plain.train_ids)
    batches = with_validation.batches(batch=16, seed=0, device=torch.device("cpu"))
    targets = torch.cat([after for _, after in batches.validation(4)])
    assert torch.equal(targets.flatten(), with_validation.validation_ids[1:].long())
    work = workload("tinyshakespeare", "gpt", "smoke", {"train_samples": None, "validation": 10})
    assert work.samples_of(work.card)[0] == (len(with_validation.train_ids) - 1) // 32


def test_where_none_are_left_the_sentence_says_what_to_set() -> None:
    work = workload("cifar10", "resnet18", "paper", {"validation": 1000})
    with pytest.raises(UserError, match=r"0 of 50000 .*workload.train_samples=49000 or fewer"):
        work.check_validation(work.card)
    work = workload("cifar10", "resnet18", "small", {"validation": 1000})
    work.check_validation(work.card)
    assert work.left_for_validation(work.card) == 50000 - 6144
