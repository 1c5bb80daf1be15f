"""Parts of a run's identity besides its settings: version of the numerics, edits of them, a user's files."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel

import methods
from benchmarks import checkout as place
from benchmarks.runner import identity, numerics, plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.numerics import SOURCES, Change
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.workloads.workload import ADDED, Workload
from methods import Later
from methods.later import filled_in, left_out
from results import reproductions
from results.records import journals, read

CHOICES = Choices(seeds=(0,), methods=("bp",), networks=("resnet18",))


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", "-C", folder, *author, *arguments], check=True, capture_output=True)


def forget() -> None:
    numerics.edited.cache_clear()
    numerics._ours.cache_clear()


@pytest.fixture
def copy(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A committed copy of the checkout's code, from which identities are computed."""
    for package in ("benchmarks", "methods", "reports", "results"):
        skipped = shutil.ignore_patterns("__pycache__", "reproductions")
        shutil.copytree(checkout / package, tmp_path / package, ignore=skipped)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "the suite")
    for module in (place, numerics):
        monkeypatch.setattr(module, "PACKAGES", tmp_path)
    forget()
    yield tmp_path
    forget()


def planned() -> plan.Run:
    return resolve(table("table3"), CHOICES).runs[0]


def now() -> plan.Run:
    forget()
    return planned()


# ---- the version


def test_what_is_committed_enters_by_its_version_alone(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    assert (before.spec.numerics, "sources" in before.spec.document()) == (1, False)
    path = copy / "methods" / "bp.py"
    path.write_text(path.read_text().replace('"""', '"""Plain ', 1))
    git(copy, "commit", "--all", "--quiet", "--message", "a docstring")
    assert now().id == before.id
    monkeypatch.setattr(numerics, "HISTORY", (*numerics.HISTORY, Change(99, "2030-01-01", "all gradients doubled")))
    assert (now().spec.numerics, now().id == before.id) == (99, False)


def test_a_version_is_that_of_the_last_change_that_concerns_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        Change(1, "", ""),
        Change(2, "", "", methods=("lapsgd",)),
        Change(3, "", "", executors=("threads",), networks=("lstm",)),
        Change(4, "", "", datasets=("digits",)),
    )
    monkeypatch.setattr(numerics, "HISTORY", lines)
    assert numerics.version(["bp"], "virtual", "lstm", "imdb") == 1
    assert numerics.version(["lppsgd", "lapsgd"], "virtual", "lstm", "imdb") == 2
    assert numerics.version(["bp"], "threads", "lstm", "imdb") == 3
    assert numerics.version(["lapsgd"], "threads", "resnet18", "digits") == 4
    work = planned().work
    assert identity.version(methods.method_class("lppsgd"), "virtual", work) == 2, "it is derived from LAP-SGD"


def test_versions_rise() -> None:
    versions = [change.version for change in numerics.HISTORY]
    assert versions == sorted(set(versions))


# ---- edits that are not committed


def test_an_edit_of_the_numerics_makes_other_runs_until_it_is_committed(copy: Path) -> None:
    before = planned()
    path = copy / "benchmarks" / "executors" / "counts.py"
    path.write_text(path.read_text() + "\n# edited\n")
    edited = now()
    assert edited.id != before.id
    path.write_text(path.read_text() + "\n# edited again\n")
    assert now().id not in (before.id, edited.id)
    git(copy, "add", ".")
    assert now().id != before.id
    git(copy, "commit", "--quiet", "--message", "a comment")
    assert now().id == before.id


def test_a_new_file_of_the_numerics_makes_other_runs(copy: Path) -> None:
    before = planned()
    (copy / "benchmarks" / "workloads" / "more").mkdir()
    (copy / "benchmarks" / "workloads" / "more" / "net.py").touch()
    assert now().id != before.id


def test_an_edit_elsewhere_makes_no_other_runs(copy: Path) -> None:
    before = planned()
    for name in ("benchmarks/views/notes.py", "results/measures.py", "reports/site/pages.py"):
        (copy / name).write_text("# edited\n")
    (copy / "methods" / "notes.txt").touch()
    assert now().id == before.id


def test_where_no_git_can_say_so_all_counts_as_edited(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned()
    shutil.rmtree(copy / ".git")
    without = now()
    assert without.id != before.id
    (copy / "methods" / "bp.py").write_text("# edited\n")
    assert now().id != without.id
    monkeypatch.setattr(numerics, "INSTALLED", True)
    assert now().id == before.id, "a wheel's files are those that were built"


def test_every_folder_of_the_numerics_is_digested_and_no_other(copy: Path) -> None:
    def digest() -> str:
        forget()
        return numerics.digest()

    plain = digest()
    chosen = {path.parent: path for path in copy.rglob("*.py")}  # one of each folder, and those that are named
    for path in {*chosen.values(), *(copy / name for name in SOURCES if name.endswith(".py"))}:
        before = path.read_bytes()
        path.write_bytes(before + b"\n# edited\n")
        name = path.relative_to(copy).as_posix()
        assert (digest() != plain) == name.startswith(SOURCES), name
        path.write_bytes(before)
    assert digest() == plain


# Imported by what trains, but what they decide is in the spec, or decides no number.
NO_NUMERICS = {
    "benchmarks/__init__.py",
    "benchmarks/checkout.py",
    "benchmarks/errors.py",
    "benchmarks/runner/numerics.py",
    "benchmarks/runner/__init__.py",
    "benchmarks/runner/checkpoints/__init__.py",
    "benchmarks/runner/checkpoints/file.py",
    "benchmarks/runner/checkpoints/keeper.py",
    "benchmarks/runner/options.py",
    "benchmarks/runner/run_progress.py",
    "benchmarks/runner/weights.py",
    "results/__init__.py",
    "results/errors.py",
    "results/files.py",
    "results/reading.py",
    "results/records/identity.py",
    "results/records/journal.py",
    "results/records/lease.py",
    "results/records/lines.py",
    "results/records/schedule.py",
    "results/records/spec.py",
    "results/records/usable.py",
    "results/records/__init__.py",
}


def test_whatever_trains_belongs_to_the_numerics(checkout: Path) -> None:
    """All that the training loop imports is among the sources, or listed as irrelevant."""
    checked: set[str] = set()
    waiting = ["benchmarks/runner/training.py"]
    while waiting:
        name = waiting.pop()
        if name not in checked:
            checked.add(name)
            waiting += imported(checkout, name)
    assert {name for name in checked if not name.startswith(SOURCES)} <= NO_NUMERICS


def imported(checkout: Path, name: str) -> list[str]:
    """Returns our own files that a file imports."""
    modules: list[str] = []
    for node in ast.walk(ast.parse((checkout / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    paths = [
        module.replace(".", "/") for module in modules if module.split(".")[0] in ("benchmarks", "methods", "results")
    ]
    candidates = [candidate for path in paths for candidate in (f"{path}.py", f"{path}/__init__.py")]
    return [candidate for candidate in candidates if (checkout / candidate).is_file()]


# ---- fields that came later


class Inner(BaseModel):
    old: int = 1
    new: Annotated[int, Later(5)] = 7


class Outer(BaseModel):
    inner: Inner = Inner()
    like: Annotated[str | None, Later(None)] = None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Outer(), {"inner": {"old": 1, "new": 7}}),
        (Outer(inner=Inner(new=5)), {"inner": {"old": 1}}),
        (Outer(like="mlp", inner=Inner(new=5)), {"inner": {"old": 1}, "like": "mlp"}),
    ],
)
def test_a_later_field_is_said_where_it_is_not_what_runs_did_before(made: Outer, said: object) -> None:
    assert made.model_dump(exclude=left_out(made)) == said


def test_a_spec_without_a_later_field_is_read_as_what_runs_did_before() -> None:
    assert filled_in(Inner, {"old": 2}) == {"old": 2, "new": 5}
    assert filled_in(Inner, {"new": 2}) == {"new": 2}


def test_a_later_option_leaves_runs_what_they_were() -> None:
    """Option `cut` was added later: its earlier behaviour, cut=parameters, is left out of specs."""
    assert "cut" not in methods.create("pipeline", {"cut": "parameters"}).recorded()
    assert methods.create("pipeline").recorded()["cut"] == "flops"
    method = methods.create("pipeline", {"cut": "parameters", "stages": 3})
    assert methods.recorded("pipeline", method.recorded()).options == method.options


def test_kept_runs_have_the_specs_that_are_planned_today() -> None:
    """Compares every run that has a version; an added field or option must be marked `Later`, or raise the version."""
    versions = 0
    for path, data in journals(reproductions.FOLDER / "small"):
        spec = read(path, data).spec
        if spec.numerics is not None:
            versions += 1
            work = Workload.of(spec.workload)
            assert work.model_dump(mode="json", exclude=left_out(work)) == spec.workload.document(without=ADDED), path
            method = methods.recorded(spec.method.name, spec.method.options)
            assert method.recorded() == spec.method.options, path
            assert spec.numerics == identity.version(type(method), spec.executor, spec.workload), path
    assert versions > 500
