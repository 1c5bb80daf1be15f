"""Windows of a long text: each batch by its place alone, and the held-out text once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from benchmarks.errors import UserError
from benchmarks.papers.confounds.measured import audit
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import caveats
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.data.load import load as load_any
from benchmarks.workloads.data.options import Tokens
from benchmarks.workloads.data.text import windows
from benchmarks.workloads.data.text.windows import WindowBatches, WindowSet, load
from benchmarks.workloads.workload import workload

CPU = torch.device("cpu")
TOKENS = Tokens(context=32)


@pytest.fixture(scope="module")
def prose(tmp_path_factory: pytest.TempPathFactory) -> WindowSet:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return load(card("generated-prose"), train_samples=100, tokens=TOKENS)


def make(data: WindowSet, *, batch: int = 16, seed: int = 3) -> WindowBatches:
    return data.batches(batch=batch, seed=seed, device=CPU)


def test_a_batch_is_windows_and_the_tokens_that_follow(prose: WindowSet) -> None:
    batches = make(prose)
    assert (batches.steps(), batches.steps(4)) == (6, 4)
    inputs, targets = batches.batch(2, 5)
    assert (inputs.shape, targets.shape, inputs.dtype, targets.dtype) == ((16, 32), (16, 32), torch.int64, torch.int64)
    starts = batches.chosen(2, 5).tolist()
    for row, (start, window) in enumerate(zip(starts, inputs, strict=True)):
        assert torch.equal(window, prose.train_ids[start : start + 32].long())
        assert torch.equal(targets[row], prose.train_ids[start + 1 : start + 33].long())
    with pytest.raises(IndexError, match="batches 0 to 5"):
        batches.batch(0, 6)


def test_windows_begin_anywhere_in_the_training_text(prose: WindowSet) -> None:
    tiny = WindowSet(card("generated-prose"), TOKENS, prose.train_ids[:36], prose.test_ids, 400, 1, 43, 1.0)
    starts = [start for index in range(4) for start in make(tiny, batch=100).chosen(0, index).tolist()]
    assert set(starts) == {0, 1, 2, 3}


def test_a_batch_depends_on_its_place_alone_and_belongs_to_who_asked(prose: WindowSet) -> None:
    keys = [(epoch, index) for epoch in range(4) for index in range(4)]
    expected = {key: make(prose).batch(*key) for key in keys}
    assert len({tuple(inputs.flatten().tolist()) for inputs, _ in expected.values()}) == len(keys)
    assert not torch.equal(expected[0, 0][0], make(prose, seed=4).batch(0, 0)[0])
    random.Random(0).shuffle(keys)
    batches = make(prose)
    for part in batches.batch(0, 0):
        part.zero_()
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda key: (key, batches.batch(*key)), keys * 2))
    for key, (inputs, targets) in results:
        assert torch.equal(inputs, expected[key][0])
        assert torch.equal(targets, expected[key][1])


def test_every_held_out_token_is_a_target_once(prose: WindowSet, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = list(make(prose).test(batch=100))
    assert [len(inputs) for inputs, _ in parts] == [100, 100, 100, 100, 68]
    covered = prose.test_windows * 32
    assert len(prose.test_ids) - 1 - covered < 32
    assert torch.equal(torch.cat([inputs for inputs, _ in parts]).flatten(), prose.test_ids[:covered].long())
    assert torch.equal(torch.cat([targets for _, targets in parts]).flatten(), prose.test_ids[1 : covered + 1].long())
    monkeypatch.setattr(windows, "_LOGITS", 32 * prose.vocabulary_size * 7)
    assert next(iter(make(prose).test()))[0].shape == (7, 32)


def test_an_epoch_and_a_test_can_be_told(prose: WindowSet) -> None:
    assert prose.train_windows == 100
    full_set = load_any("generated-prose", tokens=TOKENS)
    assert isinstance(full_set, WindowSet)
    assert (full_set.train_windows, full_set.test_windows) == (134_999 // 32, 14_999 // 32)
    assert (full_set.vocabulary_size, full_set.bytes_per_token) == (43, 1.0)
    few_windows = load(card("generated-prose"), test_samples=5, tokens=TOKENS)
    assert sum(targets.numel() for _, targets in make(few_windows).test()) == 160
    for samples in (0, 469):
        with pytest.raises(UserError, match=f"has 468 test samples, not {samples}"):
            load(card("generated-prose"), test_samples=samples, tokens=TOKENS)


@pytest.mark.parametrize(("context", "split"), [(14_999, None), (15_000, "held-out"), (60_000, "held-out")])
def test_a_text_shorter_than_a_window_is_told(context: int, split: str | None) -> None:
    tokens = Tokens(context=context)
    if split is None:
        assert load(card("generated-prose"), tokens=tokens).test_windows == 1
        return
    with pytest.raises(UserError, match=f"the {split} text has 15000 tokens, and a window takes {context + 1}"):
        load(card("generated-prose"), tokens=tokens)


@pytest.mark.cuda
def test_a_batch_is_the_same_on_a_gpu(prose: WindowSet) -> None:
    gpu_batches = prose.batches(batch=16, seed=3, device=torch.device("cuda"))
    for cpu_tensor, gpu_tensor in zip(make(prose).batch(2, 5), gpu_batches.batch(2, 5), strict=True):
        assert gpu_tensor.is_cuda
        assert torch.equal(cpu_tensor, gpu_tensor.cpu())


def test_windows_are_counted_before_the_text_is_read() -> None:
    tokens = Tokens(context=50)  # the text's characters fill one more, whose last has no follower
    plan = workload("imdb", "lstm", "smoke").model_copy(
        update={"tokens": tokens, "train_samples": None, "test_samples": None}
    )
    window_set = load(card("generated-prose"), tokens=tokens)
    assert (
        plan.samples_of(card("generated-prose")) == (window_set.train_windows, window_set.test_windows) == (2699, 299)
    )


@pytest.mark.parametrize("unit", ["bytes", "bpe"])
def test_windows_of_other_units_are_counted_once_the_text_was_cut(
    unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, a plan has no number of them: characters would be a wrong one."""
    if unit == "bpe":
        pytest.importorskip("tokenizers")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = {"train_samples": "none", "test_samples": "none", "tokens.unit": unit, "tokens.vocabulary": "300"}
    work, chosen_settings = workload("tinyshakespeare", "gpt", "smoke", settings), {"workload": settings}

    def planned() -> tuple[DataCard, str]:
        grid = resolve(table("lm"), Choices(seeds=(0,), methods=("bp",), settings=chosen_settings))
        runs = find_runs(grid, Journals(()))
        return grid.cells[0].runs[0].data, f"{list(caveats(runs))} {audit(grid.cells)}"

    data_card, sentences = planned()
    assert work.samples_of(data_card) == (None, None)
    assert not any(number in sentences for number in ("135000", "4218", "8437", "263"))
    window_set = load(card(work.dataset), tokens=work.tokens)
    data_card, sentences = planned()
    assert (
        work.samples_of(data_card)
        == work.samples_of(window_set.card)
        == (window_set.train_windows, window_set.test_windows)
    )
    assert f"{window_set.train_windows} training windows" in sentences
    assert f"updates per epoch (of one replica) {window_set.train_windows // 16};" in sentences
    assert (window_set.train_windows == 4218) == (unit == "bytes")
