"""`--data-card FILE.toml` at the command line: data of one's own in the place of a table's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.commands import Cli, journals, written
from tests.workloads.own_files import TEXTS, card, images, network, texts

SHORT = ("--seeds=1", "--set=workload.epochs=2", "--set=workload.batch=8", "--no-tracking", "--jobs=1")


def test_images_of_ones_own_take_the_place_of_a_tables(cli: Cli, here: None, tmp_path: Path) -> None:
    images(tmp_path / "leaves", {"train": 24, "test": 8})
    options = ("--method=bp,async_lu", "--network=resnet18", "--data-card", str(card(tmp_path)), *SHORT)
    output = cli.ok("run", "table1", *options)
    words = " ".join(output.out.split())
    assert "leaves in CIFAR-10's place: time and epochs" in words
    assert "CIFAR-10: " not in words
    assert "cifar10" not in words
    assert "=none" not in words
    assert "ResNet-18 (width 8, blocks (1, 1, 1, 1), cifar stem) on 3x8x8 leaves" in words
    assert "leaves: 2 classes, 48 training and 16 test images of 3x8x8 pixels, sha256" in words
    summaries = journals(tmp_path / "out")
    assert [summary["status"] for summary in summaries] == ["finished"] * 2
    start = json.loads(next((tmp_path / "out").glob("runs/*/journal.jsonl")).read_text().splitlines()[0])
    assert (start["spec"]["workload"]["dataset"], len(start["spec"]["workload"]["dataset_sha256"])) == ("leaves", 64)
    assert start["labels"]["data_label"].endswith("(leaves.toml): not the paper's data")
    table = json.loads(written(tmp_path / "out", "table1.json").read_text())
    assert all(cell["published"] is None for row in table["rows"] for cell in row["cells"])
    assert table["published_audit"] == []
    plan = cli("show", "table1", *options[:-2]).out
    assert "do not stand beside it" in " ".join(plan.split())
    assert "leaves in CIFAR-10's place" in plan
    assert "None" not in plan
    assert "2 of them done before" in cli("run", "table1", *options).out
    claims = cli("claims", "--scale=smoke", "--data-card", str(tmp_path / "leaves.toml"), *SHORT[:3])
    assert "No claim is judged by table1" in " ".join(claims.out.split())
    cli.ok("report", "table1", "--scale=smoke", "--data-card", str(tmp_path / "leaves.toml"), *SHORT[:3])
    page = written(tmp_path / "out", "table1/report.md", "report").read_text()
    assert "--data-card leaves.toml" in page


@pytest.mark.slow
def test_texts_and_a_network_of_ones_own_in_another_process(cli: Cli, tmp_path: Path) -> None:
    texts(tmp_path / "notes", {"train": 24, "test": 8})
    source = """
from torch import nn


class Bag(nn.Module):
    def __init__(self, vocabulary, size):
        super().__init__()
        self.words = nn.Embedding(vocabulary, size)

    def forward(self, x):
        return self.words(x).mean(1)


def bag(shape, classes, vocabulary, embedding=16):
    return {"words": Bag(vocabulary, embedding), "head": nn.Linear(embedding, classes)}
"""
    files = ("--data-card", str(card(tmp_path, TEXTS, "notes.toml")), "--network", str(network(tmp_path, source)))
    output = cli.ok("run", "table6", "--method=bp", *files, *SHORT)
    assert "bag (mynet.py) on 40 words of notes" in " ".join(output.out.split())


def test_data_that_do_not_fit_a_table_end_the_command(cli: Cli, tmp_path: Path) -> None:
    images(tmp_path / "leaves", {"train": 24, "test": 8})
    output = cli.refused("run", "table6", "--data-card", str(card(tmp_path)), *SHORT)
    assert "leaves has images" in output.err
    output = cli.refused("show", "table1", "--data-card", str(tmp_path / "none.toml"))
    assert "--data-card takes the path of a TOML file" in output.err
