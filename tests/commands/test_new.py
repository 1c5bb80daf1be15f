"""`new` writes files that run as they are, overwrites none, and says what to type next."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from torch import zeros

from benchmarks.commands.new import KINDS
from tests.commands.commands import TINY, Cli


@pytest.mark.parametrize("kind", KINDS)
def test_a_starter_is_written_once(cli: Cli, tmp_path: Path, kind: str) -> None:
    result = cli("new", kind, "my_own")
    path = tmp_path / f"my_own{KINDS[kind].suffix}"
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == f"Written: {path.name}"
    assert "Next:    python -m benchmarks " in result.out
    images = "First:   images go into my_own/train/CLASS/ and my_own/test/CLASS/, a folder a class\n"
    assert (images in result.out) == (kind == "data")
    assert "$" not in path.read_text(encoding="utf-8")
    path.write_text("mine", encoding="utf-8")
    repeated = cli.refused("new", kind, "my_own")
    assert repeated.err.strip() == f"{path.name} is there already: choose another name, or move it away."
    assert path.read_text(encoding="utf-8") == "mine"
    tests = ["test_my_own.py"] if KINDS[kind].workers else []
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != "cache") == [path.name, *tests]


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("metod", "x", "Unknown kind 'metod': did you mean method"),
        ("method", "My-SGD", "'My-SGD' cannot name a method: use small letters, digits and single underscores"),
        ("method", "class", "'class' cannot name a method"),
        ("table", "../x", "'../x' cannot name a table"),
        ("method", "async_lu", "There is a method named 'async_lu': choose another name, such as my_async_lu."),
    ],
)
def test_what_is_refused(cli: Cli, tmp_path: Path, kind: str, name: str, sentence: str) -> None:
    output = cli.refused("new", kind, name)
    assert output.err.startswith(sentence)
    assert not list(tmp_path.glob("*.*"))


def test_the_method_runs_as_it_is(cli: Cli, here: None) -> None:
    """By the command that is said, in a smaller setting. tests/conformance/test_plugin.py holds it to the suite."""
    command = cli("new", "method", "my_sgd").out.splitlines()[2].removeprefix("Next:    python -m benchmarks ")
    output = cli.ok(*shlex.split(command), "--jobs=1", "--no-tracking", *TINY[2:])
    assert "resnet18 My sgd, seed 0: finished, 2 epochs" in output.out


@pytest.mark.parametrize("kind", ["method", "server"])
@pytest.mark.usefixtures("here", "registries")
def test_its_degenerate_case_is_plain_sgd(cli: Cli, tmp_path: Path, kind: str) -> None:
    cli("new", kind, "my_own")
    path = tmp_path / "test_my_own.py"
    names: dict[str, Any] = {"__file__": str(path)}
    exec(path.read_text(encoding="utf-8"), names)
    names["test_with_one_worker_it_is_plain_sgd"](tmp_path)


def test_the_network_is_one(cli: Cli, tmp_path: Path) -> None:
    cli("new", "network", "my_net")
    names: dict[str, object] = {}
    exec((tmp_path / "my_net.py").read_text(encoding="utf-8"), names)
    layers = names["my_net"]((3, 8, 8), 10)  # type: ignore[operator]
    x = zeros(2, 3, 8, 8)
    for layer in layers.values():
        x = layer(x)
    assert x.shape == (2, 10)


def test_a_new_table_is_one_that_is_run(cli: Cli, here: None) -> None:
    """Runs the first command that the new table's file names."""
    cli.ok("new", "table", "my_table")
    output = cli.ok("show", "my_table.toml")
    assert "async_lu" in output.out


def test_the_walk_of_the_page_for_ones_own_paper_is_planned(cli: Cli, checkout: Path, tmp_path: Path) -> None:
    """Its files, written as it says, and its commands up to the first that trains."""
    page = (checkout / "docs" / "your-paper.md").read_text(encoding="utf-8").partition("## Your own table")[0]
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL))
    exec(blocks["python"], {})
    (tmp_path / "my_paper.toml").write_text(blocks["toml"], encoding="utf-8")
    commands = re.findall(r"^ +python -m benchmarks ((?:new|show|run|report) .*?)(?: +#.*)?$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["new", "new", "new", "show", "run", "report"]
    for command in commands[:4]:
        output = cli.ok(*shlex.split(command))
    assert "25 runs, 0 of them done" in output.out
    assert "Data: my_leaves: 4 classes, 384 training and 96 test images" in output.out
    assert commands[4].split()[1:] == commands[5].split()[1:] == commands[3].split()[1:]
