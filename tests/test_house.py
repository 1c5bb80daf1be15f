"""The rules of the house that no other tool checks, each on whatever files exist."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import importlib.util
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import methods

ROOMS = ("benchmarks", "methods", "reports", "results")
METHOD_LINES = 200
LOCK_FILES = re.compile(r"(^|/)(uv\.lock|poetry\.lock|pdm\.lock|Pipfile\.lock|pylock(\..*)?\.toml)$")
GENERATED = re.compile(r"(^|/)(out|mlruns|\.venv|\.tox|__pycache__)/|\.(db|sqlite3?|pyc|whl)$")
HISTORY = re.compile(r"^CHANGELOG\.md$|^docs/measurements/")
DOTTED = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(rf"(?<![\w./<*-])(?:{'|'.join((*ROOMS, 'datasets', 'docs', 'tests', 'tools'))})/[\w*./-]*[\w*/]")
FILE = re.compile(r"(?<![\w./*-])(?:[\w*-]+/)*[\w*-]+\.(?:py|toml)\b")
PLACEHOLDER = re.compile(r"[A-Z]|^my_|^path")
NOT_OURS = {
    "benchmarks.key",
    "benchmarks.digest",
    "benchmarks/packed",
    "async-sgd-benchmarks.toml",
    "data/utils.py",
    "hardware/this-machine.toml",
}
"""MLflow's tags, a folder of wheels alone, a user's own settings, torchtext's source, and what `calibrate` writes."""
PINS = re.compile(r"(^|/)[^/]*(requirements|constraints)[^/]*\.(txt|in)$")


def sources(checkout: Path, *rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((checkout / room).rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The top-level names that a file imports anywhere, within functions as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def tracked(checkout: Path) -> list[str]:
    if not (checkout / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-c", f"safe.directory={checkout}", "ls-files", "-z"]  # whoever the checkout belongs to
    listing = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.split("\0") if name]


def prose(file: Path) -> Iterator[str]:
    """What people read in a file: comments and docstrings of Python, the whole of anything else."""
    if file.suffix != ".py":
        yield file.read_text(encoding="utf-8")
        return
    with file.open("rb") as stream:
        yield from (token.string for token in tokenize.tokenize(stream.readline) if token.type == tokenize.COMMENT)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def top_level(file: Path) -> set[str]:
    """The names that a module has: defined, assigned or imported."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8"), str(file)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found.update(alias.asname or alias.name for alias in names)
            case _:
                found.update(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
    return found


def is_there(checkout: Path, dotted: str) -> bool:
    """Whether `room.module` or `room.module.name` is one of ours."""
    place = checkout
    for part in dotted.split("."):
        if (place / part).is_dir():
            place /= part
        elif (place / f"{part}.py").is_file():
            place = place / f"{part}.py"
        else:
            module = place if place.is_file() else place / "__init__.py"
            return part in top_level(module)  # attributes of it are not looked into
    return True


def test_datasets_holds_no_python(checkout: Path) -> None:
    """With any, `import datasets` could find the folder of cards instead of Hugging Face's package."""
    assert not list((checkout / "datasets").rglob("*.py"))


def test_methods_load_neither_torch_nor_another_room(checkout: Path) -> None:
    """Loading every method, in a fresh interpreter, leaves torch and the other rooms unloaded."""
    program = "import sys, methods; methods.names(); print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=True)
    assert not {"torch", "mlflow", "benchmarks", "reports", "results"} & set(run.stdout.split())


def test_only_tracking_imports_mlflow(checkout: Path) -> None:
    importers = {str(file.relative_to(checkout)) for file in sources(checkout, *ROOMS) if "mlflow" in imported(file)}
    assert importers <= {"results/tracking/__init__.py"}


def test_tracking_imports_without_mlflow(checkout: Path) -> None:
    """A machine without mlflow can still import results.tracking, to be told what is missing."""
    program = "import sys; sys.modules['mlflow'] = None; import results.tracking"
    run = subprocess.run([sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_methods_are_short(checkout: Path) -> None:
    lengths = {
        file.name: len(file.read_text(encoding="utf-8").splitlines())
        for file in sources(checkout, "methods")
        if re.search(r"^@register\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name: length for name, length in lengths.items() if length > METHOD_LINES} == {}


def test_every_method_has_its_tox_environments(checkout: Path) -> None:
    """`tox run -e NAME`, `NAME-virtual` and `NAME-threads` exist for every method of ours, and for no other name."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(checkout / "tox.ini", encoding="utf-8")
    (listed,) = filter(None, (re.match(r"testenv:\{(.*)\}\{,-virtual,-threads\}$", name) for name in tox.sections()))
    ours = [name for name in methods.names() if methods.method_class(name).__module__.startswith("methods.")]
    assert sorted(listed[1].split(",")) == sorted(ours)
    for key in ("title", "method"):
        assert sorted(re.findall(r"^(\w+):", tox["conformance"][key], re.MULTILINE)) == sorted(ours)


def test_no_tracked_file_is_generated(checkout: Path) -> None:
    """No lock file (they hold host names), no database, nothing that a run or an install leaves behind."""
    names = tracked(checkout)
    assert [name for name in names if LOCK_FILES.search(name) or GENERATED.search(name)] == []


def test_no_pin_names_a_host(checkout: Path) -> None:
    """Constraints hold versions and hashes; where to download from is the user's own setting."""
    for name in filter(PINS.search, tracked(checkout)):
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", (checkout / name).read_text()), name
    pyproject = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    assert not re.search(r"https?://|^\[\[?tool\.uv\.index", pyproject, re.MULTILINE)


def test_imports_run_one_way(checkout: Path) -> None:
    """The contracts of pyproject.toml, which `tox run -e lint` checks as well."""
    if importlib.util.find_spec("importlinter") is None:
        pytest.skip("import-linter is not installed here; tox run -e lint checks the same")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = {**os.environ, "NO_COLOR": "1"}
    run = subprocess.run(
        [*command, "--no-cache"], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def lost_names(checkout: Path, text: str, files: list[str]) -> Iterator[str]:
    """The modules, files and folders that a text names and that are not there; `*` stands for anything."""
    yield from (dotted for dotted in DOTTED.findall(text) if not is_there(checkout, dotted))
    for path in filter(lambda path: not PLACEHOLDER.search(path), PATH.findall(text)):
        if not fnmatch.filter(files, f"{path.rstrip('/')}*"):
            yield path
    for name in filter(lambda name: not PLACEHOLDER.search(name), FILE.findall(text)):
        if not fnmatch.filter((f"/{file}" for file in files), f"*/{name}"):
            yield name


def test_what_prose_names_is_there(checkout: Path) -> None:
    """Comments, docstrings, Markdown and TOML name no module or file that has moved; history may."""
    files = tracked(checkout)
    ours = [name for name in files if Path(name).suffix in (".ini", ".md", ".py", ".toml") and not HISTORY.search(name)]
    lost = {
        (name, what) for name in ours for text in prose(checkout / name) for what in lost_names(checkout, text, files)
    }
    assert not {f"{name}: {what}" for name, what in lost if what not in NOT_OURS}
