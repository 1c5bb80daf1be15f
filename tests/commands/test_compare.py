"""`compare A B` as one reads it: what is said first, what of the cells, and what of bad input."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.commands import export
from benchmarks.commands.compare import COLUMNS, compare
from benchmarks.errors import UserError
from reports.tables.files import write as write_table
from results import reproductions
from results.errors import ResultsError
from tests.commands.test_export import table
from tests.results.samples import lines_of, rewrite, write


def said(first: Path, second: Path, csv: Path | None = None) -> str:
    console = Console(file=io.StringIO(), width=200)
    assert compare(first, second, console, csv) == 0
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def perturb(out: Path, points: float) -> None:
    """Other accuracies and another commit."""
    for path in out.glob("runs/*/journal.jsonl"):
        lines = lines_of(path)
        lines[0]["environment"]["commit"] = "ab" * 20
        for number, line in enumerate(lines[1:-1]):
            line["metrics"]["accuracy_percent"] += points + number / 100 + lines[0]["spec"]["seed"] / 10
            line["metrics"]["loss"] *= 0.9
        rewrite(path, lines)


@pytest.fixture
def a(tmp_path: Path) -> Path:
    out = tmp_path / "a"
    for seed, best in enumerate((60.0, 65.0, 70.0)):
        write(out, [1.0, best], seed=seed)
    return out


@pytest.fixture
def b(a: Path) -> Path:
    """A copy of A."""
    return Path(shutil.copytree(a, a.parent / "b"))


def test_a_copy_is_the_same(a: Path, b: Path) -> None:
    text = said(a, b)
    assert "1 of 1 cells are the same to the last bit in losses and seconds (3 pairs of runs)." in text
    assert "Differs" not in text
    assert "1 cells, 3 values: 0 changed, 0 within noise, 0 undecided, 3 the same." in text


def test_a_change_is_said_with_its_interval_and_the_context_first(a: Path, b: Path, tmp_path: Path) -> None:
    perturb(b, 5.0)
    text = said(a, b, tmp_path / "x" / "changes.csv")
    assert text.index(f"Differs: commit: A {'0f' * 20}; B {'ab' * 20}") < text.index("Best accuracy (%)")
    assert "changed [1]" in text
    assert "[1] weak: 3 seeds" in text
    with (tmp_path / "x" / "changes.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == COLUMNS
    assert [line["verdict"] for line in lines] == ["changed", "the same", "the same"]
    assert float(lines[0]["low"]) < float(lines[0]["difference"]) < float(lines[0]["high"])
    assert (lines[0]["common_seeds"], lines[0]["identical_seeds"], lines[0]["pairs"]) == ("3", "0", "3")


def place(out: Path, **environment: str) -> None:
    """Rewrites the journals as if the runs had been made in that environment."""
    for path in out.glob("runs/*/journal.jsonl"):
        lines = lines_of(path)
        lines[0]["environment"] |= environment
        rewrite(path, lines)


def test_other_bits_have_their_reason(a: Path, b: Path) -> None:
    """The CPU's name need not tell what torch's kernels choose by: the instructions do."""
    perturb(b, 0.0)
    assert "3 of 3 pairs" in said(a, b)
    assert "here all of them are the same" in said(a, b)
    place(a, cpu="EPYC", cpu_capability="AVX512")
    place(b, cpu="EPYC", cpu_capability="AVX2")
    text = said(a, b)
    assert "Differs: cpu_capability: A AVX512; B AVX2" in text
    assert "Other losses in 3 of 3 pairs" in text
    assert "they differ, or are unknown, in: cpu_capability\n" in text


def test_portable_instructions_are_said_beside_the_cpu(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    write(a, [1.0], settings={"instructions": "portable"})
    write(b, [2.0], settings={"instructions": "portable"})
    place(a, cpu="EPYC")
    place(b, cpu="Xeon")
    text = said(a, b)
    assert "Differs: cpu: A EPYC; B Xeon" in text
    assert "instructions portable" in text


def test_rows_of_one_side_are_listed(a: Path, b: Path, tmp_path: Path) -> None:
    write(b, [1.0], method="bp", row="[red]bp[/red]\x1b")
    text = said(a, b, tmp_path / "changes.csv")
    assert "Only in B: 1 of its cells" in text
    assert "The other has no runs of this row:" in text
    assert "only in B" in (tmp_path / "changes.csv").read_text(encoding="utf-8")
    assert "\x1b" not in text


def test_a_word_chooses_among_the_runs_of_a_folder(a: Path) -> None:
    write(a, [1.0, 50.0], executor="threads")
    text = said(Path(f"{a}@virtual"), Path(f"{a}@threads"))
    assert "Differs: executor: A virtual; B threads" in text
    with pytest.raises(UserError, match=r"No run in .* is 'none': choose one of .*threads, virtual"):
        said(Path(f"{a}@none"), a)


def test_a_folder_is_compared_with_a_reproduction(a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(table(), a / "tables")
    export.keep(a, "kept", Console(file=io.StringIO()), tmp_path / "kept")
    text = said(a, tmp_path / "kept" / "kept.csv")
    assert "2 of 2 cells are the same." in text
    assert "Differs" not in text
    monkeypatch.setattr(reproductions, "FOLDER", tmp_path / "kept")
    assert said(a, Path("kept")) == text


def test_bad_input_is_one_sentence(a: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no .*nowhere"):
        said(a, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"There are no runs in .*empty"):
        said(tmp_path / "empty", a)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ResultsError, match="line 1: there is no column table"):
        said(a, tmp_path / "x.csv")
    (tmp_path / "nothing.csv").write_text(",".join(reproductions.COLUMNS), encoding="utf-8")
    with pytest.raises(UserError, match="holds no values"):
        said(tmp_path / "nothing.csv", a)


def test_tables_on_own_data_are_not_laid_beside_a_reproduction(a: Path, tmp_path: Path) -> None:
    """Whose file does not say what its data were, as older ones do not; and where it says that they were others."""
    results = table()
    conditions = replace(results.conditions, settings={"workload.dataset": "leaves"}, data={"60 leaves": "ab" * 32})
    write_table(replace(results, conditions=conditions), a / "tables" / "leaves")
    csv_path = tmp_path / "kept.csv"
    write_table(results, tmp_path / "plain" / "smoke")
    values = reproductions.of_tables(tmp_path / "plain")
    csv_path.write_text(reproductions.to_csv(values), encoding="utf-8")
    with pytest.raises(UserError, match="on the data of kept"):
        said(a, csv_path)
    csv_path.write_text(reproductions.to_csv([replace(value, data="cdcdcdcd") for value in values]), encoding="utf-8")
    assert "abababab" in said(a, csv_path)
    assert "0 cells, 0 values" in said(a, csv_path)
