"""Errors of plug-ins are reported with file and line, wherever they are raised; of a failed run, with its journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.commands import TINY, Cli

PLUGIN = """
from methods import NextBatch, register
from methods.bp import Backpropagation


@register(title="A", source="here", name="bad_worker")
class InWorker(Backpropagation):
    def train(self, replica):
        yield NextBatch(replica)
        raise ValueError("here")  # bad_worker


@register(title="B", source="here", name="bad_workers")
class InWorkers(Backpropagation):
    def workers(self, team):
        raise ValueError("here")  # bad_workers


@register(title="C", source="here", name="bad_property")
class InProperty(Backpropagation):
    @property
    def replicas(self):
        raise ValueError("here")  # bad_property


@register(title="D", source="here", name="ends")
class Ends(Backpropagation):
    def __init__(self, options):
        raise SystemExit(0)  # ends


@register(title="E", source="here", name="no_workers")
class NoWorkers(Backpropagation):
    def workers(self, team):
        return None

"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "bad.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


def line_of(method: str) -> int:
    return next(number for number, line in enumerate(PLUGIN.splitlines(), 1) if line.endswith(f"# {method}"))


@pytest.mark.parametrize("method", ["bad_worker", "bad_workers"])
def test_a_run_that_fails(cli: Cli, here: None, plugin: Path, tmp_path: Path, method: str) -> None:
    # A plug-in's methods are rows of the table, all of them: the one that fails in the plan is left out.
    plugin.write_text(PLUGIN.partition('@register(title="C"')[0], encoding="utf-8")
    result = cli("run", "table1", f"--method={method}", f"--plugin={plugin}", "--jobs=1", "--no-tracking", *TINY)
    (journal,) = (tmp_path / "out").glob("runs/*/journal.jsonl")
    assert result.code == 1
    assert f"ValueError: here ({plugin}:{line_of(method)})" in result.out
    assert f"[its journal: {journal.relative_to(tmp_path)}]" in result.out


@pytest.mark.parametrize("command", ["run", "show"])
def test_a_property_that_raises(cli: Cli, plugin: Path, command: str) -> None:
    result = cli(command, "table1", "--method=bad_property", f"--plugin={plugin}", *TINY)
    location = f"{plugin}, line {line_of('bad_property')} (replicas)"
    assert result.code == 2
    assert result.err.strip() == f"The plug-in failed at {location}: ValueError: here. Runs that have ended are kept."


def test_a_method_that_ends_the_program_is_told(cli: Cli, plugin: Path) -> None:
    output = cli.refused("show", "table1", "--method=ends", f"--plugin={plugin}", *TINY)
    assert f"{plugin}, line {line_of('ends')} (__init__)" in output.err


def test_a_method_without_workers_is_told(cli: Cli, here: None, plugin: Path) -> None:
    plugin.write_text(PLUGIN.partition('@register(title="C"')[0] + PLUGIN[PLUGIN.index('@register(title="E"') :])
    result = cli("run", "table1", "--method=no_workers", f"--plugin={plugin}", "--jobs=1", "--no-tracking", *TINY)
    assert result.code == 1
    assert "MethodError: no_workers gives None" in result.out


def test_a_mistake_of_ours_is_nobody_elses(cli: Cli, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.commands import listing

    monkeypatch.setattr(listing, "list_everything", lambda *arguments: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        cli("list", f"--plugin={plugin}")
