"""`run --keep-weights`, then `sample`: a small GPT's weights are kept as they were judged, and write text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from benchmarks.__main__ import main
from benchmarks.runner import weights
from benchmarks.runner.processes import pool
from benchmarks.runner.training import load_data
from benchmarks.workloads.build import network_of
from benchmarks.workloads.networks.build import forward_all
from benchmarks.workloads.workload import Workload
from results.records import JOURNAL, read
from tests.commands.commands import Cli, train_here

TABLE = """
[table]
id = "prose"
title = "Prose"
family = "tinyshakespeare"
networks = ["gpt"]
measures = ["relative_speedup"]
devices = 2
[table.workload]
epochs = 1
train_samples = 64
test_samples = 8
batch = 8
width = 8
blocks = [2]
price = "flops"
tokens = { context = 16 }
[[rows]]
method = "lapsgd"
"""


def run(folder: Path, *words: str) -> tuple[str, ...]:
    table = folder / "prose.toml"
    table.write_text(TABLE, encoding="utf-8")
    return "run", str(table), "--seeds=1", "--no-tracking", "--jobs=1", f"--out={folder / 'out'}", *words


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and `out`, whose one run has kept its weights; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(pool, "train_all", train_here)
        assert main([*run(folder, "--keep-weights")]) == 0
    return folder


@pytest.fixture
def folder(made: Path, cli: Cli, tmp_path: Path) -> Path:
    """A copy of it, as the working folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run_of(folder: Path) -> Path:
    """The folder of its one run."""
    (run_folder,) = (folder / "out" / "runs").iterdir()
    return run_folder


def test_the_weights_are_those_of_the_last_evaluation(folder: Path) -> None:
    record = read(run_of(folder) / JOURNAL)
    work = Workload.of(record.spec.workload)
    data = load_data(work, None)
    layers = network_of(work, data.card, seed=7, vocabulary=data.vocabulary_size)
    weights.load(run_of(folder) / weights.FILE, layers)
    batches = data.batches(batch=8, seed=0, device=torch.device("cpu"), augment=False)
    with torch.no_grad():
        ((inputs, targets),) = batches.test()
        logits = forward_all(list(layers.values()), inputs)
    loss = float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))
    assert loss == pytest.approx(record.evaluations[-1].metrics["loss"], rel=1e-6)
    assert "block2.attention.projection.weight" in load_file(run_of(folder) / weights.FILE)
    with safe_open(run_of(folder) / weights.FILE, "pt") as file:
        assert file.metadata() == {"run": record.id, "network": "gpt", "epoch": "1"}


def test_a_run_that_is_begun_anew_has_only_the_weights_it_keeps(cli: Cli, here: None, folder: Path) -> None:
    weights_path = run_of(folder) / weights.FILE
    before = load_file(weights_path)
    cli.ok(*run(folder, "--fresh"))
    assert not weights_path.exists()
    output = cli.ok(*run(folder, "--keep-weights"))
    (note,) = (line for line in output.out.splitlines() if "--fresh makes them" in line)
    assert note.startswith("Note: no weights were kept of 1 run done before (")
    assert not weights_path.exists()
    output = cli.ok(*run(folder, "--keep-weights", "--fresh"))
    repeated = load_file(weights_path)
    assert all(torch.equal(repeated[name], value) for name, value in before.items())
    assert "--fresh makes them" not in output.out


def test_text_goes_on_from_the_prompt_and_repeats_by_its_seed(cli: Cli, folder: Path) -> None:
    def text(*words: str) -> str:
        return cli.ok("sample", run_of(folder).name[:8], "--tokens=40", *words).out

    sample = text("--prompt=The ")
    assert sample.startswith("The ")
    assert len(sample) == len("The ") + 40 + len("\n")
    assert text("--prompt=The ") == sample != text("--prompt=The ", "--seed=1")
    greedy = text("--prompt=The ", "--temperature=0")
    assert text("--prompt=The ", "--temperature=0", "--seed=1") == greedy
    assert text("--prompt=The ", "--temperature=1e-300") == greedy
    assert len(text()) == 1 + 40 + len("\n"), "no prompt: the training text's first character"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--prompt=The \u00e9 \u2603",), "'\u00e9', '\u2603'"),
        (("--temperature=-1",), "--temperature -1: "),
        (("--temperature=nan",), "--temperature nan: "),
        (("--tokens=0",), "--tokens 0: "),
        (("--seed=-1",), "--seed -1: "),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_a_sentence(
    cli: Cli, folder: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in cli.refused("sample", run_of(folder).name, *words).err


def test_a_run_without_weights_or_of_another_task_is_told(cli: Cli, folder: Path, trained: Path) -> None:
    assert "There is no run 'abc'" in cli.refused("sample", "abc").err
    other_run = next((trained / "runs").iterdir())
    assert "is no language model" in cli.refused("sample", str(other_run)).err
    (run_of(folder) / weights.FILE).unlink()
    assert "--keep-weights --fresh" in cli.refused("sample", run_of(folder).name).err


def test_foreign_or_damaged_weights_are_refused(cli: Cli, folder: Path) -> None:
    path = run_of(folder) / weights.FILE
    tensors, data = load_file(path), path.read_bytes()
    name = "head.0.weight"
    for changed, words in (
        ({**tensors, name: torch.zeros(9)}, f"{name} is (9,) of torch.float32, and has to be (8,) of torch.float32"),
        ({**tensors, "more": torch.zeros(1)}, "it has a tensor more"),
        ({key: value for key, value in tensors.items() if key != name}, f"it has no tensor {name}"),
    ):
        save_file(changed, path)
        assert words in cli.refused("sample", run_of(folder).name).err
    for content in (data[:-1], b"", b"\xff" * 100):
        path.write_bytes(content)
        assert "is no whole file of weights" in cli.refused("sample", run_of(folder).name).err
    path.unlink()
    path.mkdir()
    assert "cannot be read (it is no regular file)" in cli.refused("sample", run_of(folder).name).err
