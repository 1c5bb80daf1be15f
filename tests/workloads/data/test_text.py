"""Text sets: the generated reviews, subsets, and batches that depend on nothing but seed, epoch and index."""

from __future__ import annotations

import pytest
import torch

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.options import Text
from benchmarks.workloads.data.sampling import LabelledBatches
from benchmarks.workloads.data.text import generated as generator
from benchmarks.workloads.data.text.in_memory import TextSet, load
from benchmarks.workloads.data.text.tokenizer import PADDING_ID, UNKNOWN_ID

CPU = torch.device("cpu")
TEXT = Text(length=40)


@pytest.fixture(scope="module")
def generated() -> TextSet:
    return load(card("reviews"), text=TEXT)


def make(data: TextSet, *, batch: int = 64, seed: int = 3) -> LabelledBatches:
    return data.batches(batch=batch, seed=seed, device=CPU)


def test_changed_reviews_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "_STRENGTHS", ("so ",))
    with pytest.raises(UserError, match=r"Generated reviews: what was generated is not what the data card describes"):
        load(card("reviews"))


def test_tokens_are_left_padded_and_within_the_vocabulary(generated: TextSet) -> None:
    tokens = torch.cat([generated.train_inputs, generated.test_inputs])
    assert tokens.dtype == torch.int32
    assert int(tokens.max()) < 84 == generated.vocabulary_size
    assert not (tokens[:, -1] == PADDING_ID).any()
    assert ((tokens == PADDING_ID).long().diff(dim=1) <= 0).all()  # once a word came, no padding follows
    shortened = load(card("reviews"), text=Text(length=12, vocabulary=9, keep="last"))
    assert shortened.vocabulary_size == 11
    assert shortened.test_inputs.shape == (384, 12)
    last = torch.where(generated.train_inputs[:, -12:] >= 11, UNKNOWN_ID, generated.train_inputs[:, -12:])
    assert torch.equal(shortened.train_inputs, last)


def test_a_subset_is_balanced_and_keeps_the_vocabulary(generated: TextSet) -> None:
    subset = load(card("reviews"), train_samples=100, test_samples=31, text=TEXT)
    assert subset.train_labels.bincount().tolist() == [50, 50]
    assert subset.test_labels.bincount().tolist() == [16, 15]
    assert subset.vocabulary_size == generated.vocabulary_size
    all_rows = {tuple(row) for row in generated.train_inputs.tolist()}
    assert {tuple(row) for row in subset.train_inputs.tolist()} <= all_rows
    for samples in (0, 1153):
        with pytest.raises(UserError, match=f"has 1152 train samples, not {samples}: take from 1 to 1152"):
            load(card("reviews"), train_samples=samples)


def test_a_batch_is_rows_of_the_permutation(generated: TextSet) -> None:
    batches = make(generated)
    assert batches.steps() == 18
    assert batches.steps(4) == 16
    all_batches = [batches.batch(2, index) for index in range(18)]
    tokens, labels = torch.cat([batch[0] for batch in all_batches]), torch.cat([batch[1] for batch in all_batches])
    assert (tokens.dtype, labels.dtype, tuple(tokens.shape)) == (torch.int64, torch.int64, (1152, 40))
    assert sorted(tokens.tolist()) == sorted(generated.train_inputs.tolist())
    assert labels.bincount().tolist() == [576, 576]
    assert not torch.equal(tokens, torch.cat([batches.batch(3, index)[0] for index in range(18)]))
    assert not torch.equal(batches.batch(0, 0)[0], make(generated, seed=4).batch(0, 0)[0])


@pytest.mark.cuda
def test_a_batch_is_the_same_on_a_gpu(generated: TextSet) -> None:
    gpu_batches = generated.batches(batch=64, seed=3, device=torch.device("cuda"))
    for cpu_tensor, gpu_tensor in zip(make(generated).batch(2, 5), gpu_batches.batch(2, 5), strict=True):
        assert gpu_tensor.is_cuda
        assert torch.equal(cpu_tensor, gpu_tensor.cpu())
