"""An analysis is one file: it says its id, its paper and its options, and nothing else has to know of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.analyses import registry
from benchmarks.analyses.definition import Analysis, AnalysisOptions
from benchmarks.errors import UserError

ONE_FILE = """
from benchmarks.analyses import table10
from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request


class CountOptions(AnalysisOptions):
    most: int = 3


def run(request: Request) -> Finding:
    print("counted", *range(request.options.most))
    return table10.run(request)


ANALYSIS = Analysis("count-up", "Counting", "this file", run, CountOptions, paper="paper-b")
"""
PROGRAM = """
import sys
from benchmarks import analyses
analyses.__path__.append(sys.argv[1])
from benchmarks.__main__ import main
from benchmarks.experiments import IDS, members
assert "count-up" in members("paper-b") and "count-up" in IDS and "count-up" not in members("paper-a")
code = main(sys.argv[2:])
print("-- shown")
sys.exit(code or main(["show", "paper-b"]))
"""


def test_an_analysis_is_one_new_file(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "count_up.py").write_text(ONE_FILE, encoding="utf-8")
    words = ["run", "count-up", "--set", "count-up.most=2", "--no-tracking", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *words]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    ran, _, shown = done.stdout.partition("-- shown")
    assert "counted 0 1" in ran
    assert "count-up" in shown


@pytest.mark.parametrize("id", registry.IDS)
def test_what_an_analysis_says_of_itself(id: str) -> None:
    one = registry.analysis(id)
    assert isinstance(one, Analysis)
    assert one.id == id
    assert one.paper in ("", "paper-a", "paper-b")
    assert issubclass(one.Options, AnalysisOptions)
    assert one.options({}).model_config["extra"] == "forbid"


def test_an_unknown_analysis_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="staleness"):
        registry.analysis("stalenes")
