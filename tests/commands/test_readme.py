"""The README as a reader takes it: its method runs, its commands are ones, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from benchmarks.checkout import CHECKOUT
from benchmarks.commands.cli import app
from tests.commands.commands import TINY, Cli

PAGES = ("README.md", "docs/usage.md")


def test_its_commands_are_understood() -> None:
    lines = [line for page in PAGES for line in (CHECKOUT / page).read_text(encoding="utf-8").splitlines()]
    commands = [match[1] for line in lines if (match := re.match(r"    (?:uv run )?python -m benchmarks (.*)", line))]
    assert len(commands) > 30
    for command in commands:
        assert app.parse_args(shlex.split(command, comments=True), exit_on_error=False, print_error=False), command


def test_its_links_lead_somewhere() -> None:
    for page in (*PAGES, "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md"):
        path = CHECKOUT / page
        targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
        assert [target for target in targets if not (path.parent / target).exists()] == [], page


def test_its_method_runs_as_it_is(cli: Cli, here: None, tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_sgd.py").write_text(source, encoding="utf-8")
    output = cli.ok("run", "table3", "--plugin=my_sgd.py", "--method=my_sgd", "--jobs=1", "--no-tracking", *TINY)
    assert "My SGD, seed 0: finished, 2 epochs" in output.out
