"""The README as a reader takes it: its method runs, its commands are ones, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from benchmarks.checkout import CHECKOUT
from benchmarks.commands.cli import app
from tests.commands.commands import TINY, Cli

PAGES = ("README.md", "docs/usage.md")


def commands() -> list[str]:
    """What follows `python -m benchmarks` in code, without comments."""
    texts = [(CHECKOUT / page).read_text(encoding="utf-8") for page in PAGES]
    lines = (line for text in texts for line in text.splitlines())
    return [found[1] for line in lines if (found := re.match(r"    (?:uv run )?python -m benchmarks (.*)", line))]


@pytest.mark.parametrize("command", commands())
def test_its_commands_are_understood(command: str) -> None:
    words = shlex.split(command, comments=True)
    assert app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "docs/architecture.md"])
def test_its_links_lead_somewhere(page: str) -> None:
    path = CHECKOUT / page
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_its_method_runs_as_it_is(cli: Cli, here: None, tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_sgd.py").write_text(source, encoding="utf-8")
    said = cli("run", "table3", "--plugin=my_sgd.py", "--method=my_sgd", "--jobs=1", "--no-tracking", *TINY)
    assert (said.code, said.err) == (0, "")
    assert "My SGD, seed 0: finished, 2 epochs" in said.out
