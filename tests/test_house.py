"""Rules of this repository that no other tool checks, each on whatever files exist."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import methods
from methods.registry import own

LOCK_FILES = re.compile(r"(^|/)(uv\.lock|poetry\.lock|pdm\.lock|Pipfile\.lock|pylock(\..*)?\.toml)$")
GENERATED = re.compile(r"(^|/)(out|mlruns|\.venv|\.tox|__pycache__)/|\.(db|sqlite3?|pyc|whl)$")


def test_datasets_holds_no_python(checkout: Path) -> None:
    """With any, `import datasets` could find the folder of cards instead of Hugging Face's package."""
    assert not list((checkout / "datasets").rglob("*.py"))


def test_methods_load_neither_torch_nor_another_package(checkout: Path) -> None:
    """Loading every method, in a fresh interpreter, leaves torch and the other packages unloaded."""
    program = "import sys, methods; methods.names(); print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=True)
    assert not {"torch", "mlflow", "benchmarks", "reports", "results"} & set(run.stdout.split())


def test_tracking_imports_without_mlflow(checkout: Path) -> None:
    """A machine without mlflow can still import results.tracking, to be told what is missing."""
    program = "import sys; sys.modules['mlflow'] = None; import results.tracking"
    run = subprocess.run([sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_tox_finds_every_method_by_its_file(checkout: Path) -> None:
    """toxfile.py reads names and titles, since tox may live where the methods cannot be imported."""
    text = (checkout / "toxfile.py").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"^REGISTERED = re.compile\(r'(.*)', re.MULTILINE\)$", text, re.MULTILINE)
    titles = {
        file.stem: registered[1]
        for file in sorted((checkout / "methods").glob("*.py"))
        if (registered := re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE))
    }
    assert titles == {name: methods.method_class(name).title for name in own()}


def test_no_tracked_file_is_generated(checkout: Path) -> None:
    """No lock file (they hold host names), no database, nothing that a run or an install leaves behind."""
    if not (checkout / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-c", f"safe.directory={checkout}", "ls-files", "-z"]  # whoever the checkout belongs to
    listing = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    names = listing.stdout.split("\0")
    assert [name for name in names if LOCK_FILES.search(name) or GENERATED.search(name)] == []


def test_notebooks_have_no_outputs_and_parse(checkout: Path) -> None:
    """What a cell gave is generated; tox -e notebook executes them."""
    notebooks = sorted((checkout / "docs").rglob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in (cell for cell in cells if cell["cell_type"] == "code"):
            assert (cell["outputs"], cell["execution_count"]) == ([], None), path
            ast.parse("".join(line for line in cell["source"] if not line.startswith("%%")))


def test_an_older_python_ends_in_a_sentence(checkout: Path) -> None:
    """It can read the program's first file, which refuses before anything else of ours is imported."""
    floor = re.search(r'^requires-python = ">=3\.(\d+)"$', (checkout / "pyproject.toml").read_text(), re.MULTILINE)
    assert floor
    text = (checkout / "benchmarks" / "__main__.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 8))
    too_old = f"import runpy, sys; sys.version_info = (3, {int(floor[1]) - 1}, 2)"
    for way in ("runpy.run_module('benchmarks', run_name='__main__')", "import benchmarks.__main__"):
        command = [sys.executable, "-c", f"{too_old}; {way}"]
        run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1), run.stderr
        assert f"Python 3.{floor[1]} or later" in run.stderr
