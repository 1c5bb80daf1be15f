"""`export`: writes runs as tidy Parquet and CSV, and with --reproduction a folder's tables, to be committed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmarks.commands.screen import note, say
from benchmarks.errors import UserError
from benchmarks.views import journals
from results import frames, reproductions
from results.errors import ResultsError
from results.files import replace
from results.records import of_rows
from results.spreadsheets import cell

if TYPE_CHECKING:
    from pandas import DataFrame

FRAMES = {"runs": frames.runs, "evaluations": frames.evaluations, "staleness": frames.staleness}
NO_PARQUET = "Parquet was left out: it needs pyarrow, the extra `parquet` (`pip install pyarrow`)."


def export(out: Path, to: Path, console: Console) -> int:
    """Writes `runs`, `evaluations` and `staleness` under the folder `to`, as .csv and .parquet, whole or not at all.

    Raises:
        UserError: there are no runs.
        ResultsError: a file cannot be written.
    """
    runs = journals.some(out)
    parquet = find_spec("pyarrow") is not None
    for name, build in FRAMES.items():
        frame = build(of_rows(runs.records))
        files = {"csv": to_csv(frame), **({"parquet": to_parquet(frame)} if parquet else {})}
        for ending, data in files.items():
            replace(to / f"{name}.{ending}", data)
        words = f"{len(frame)} rows, {len(frame.columns)} columns: {', '.join(str(to / f'{name}.{e}') for e in files)}"
        say(console, f"{name}: {words}")
    if not parquet:
        say(console, NO_PARQUET, style="yellow")
    note(console, runs.remarks)
    return 0


def to_csv(frame: DataFrame) -> bytes:
    """Returns UTF-8: floats in full, "NaN", "inf" and "-inf" for what is not finite, "" for missing text."""
    texts = {
        name: column.map(cell, na_action="ignore") for name, column in frame.items() if column.dtype.kind not in "biuf"
    }
    return bytes(frame.assign(**texts).to_csv(index=False, na_rep="NaN", lineterminator="\n").encode())


def to_parquet(frame: DataFrame) -> bytes:
    """Returns Parquet in which NaN stays NaN; pandas' own writer would make it null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    values = {name: column.to_numpy() if column.dtype == "float64" else column for name, column in frame.items()}
    columns = [pa.array(values[field.name], type=field.type, from_pandas=False) for field in schema]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), file)
    return file.getvalue()


def keep(
    out: Path, name: str, console: Console, folder: Path = reproductions.FOLDER, *, with_runs: bool = False
) -> int:
    """Stores the tables of an out folder as the reproduction of that name, to be committed.

    with_runs: its runs as well.

    Raises:
        UserError: the name is no plain file name, or there are no runs.
        ResultsError: there are no tables, or a file cannot be written.
    """
    if not reproductions.NAME.fullmatch(name):
        raise UserError(f"--reproduction '{name}': name it with small letters, digits, '-' and '.', such as smoke.")
    runs = journals.some(out).records
    written = reproduction(out / "tables", reproductions.environment(runs), folder / f"{name}.csv")
    size = sum(path.stat().st_size for path in written) / 1000
    files = ", ".join(map(str, written))
    say(console, f"Written: {files} ({size:.0f} kB)")
    if with_runs:
        files_kept = reproductions.keep(runs, folder / name)
        size = sum(path.stat().st_size for path in files_kept) / 1000
        say(console, f"Written: the runs, in {len(files_kept)} files in {folder / name / 'runs'} ({size:.0f} kB)")
    return 0


def reproduction(tables: Path, environment: Mapping[str, Any], to: Path) -> tuple[Path, Path]:
    """Writes a folder's measured values to the CSV `to`, and the environment beside it as JSON -> both paths.

    Raises:
        ResultsError: the folder holds no tables, or a file cannot be written.
    """
    values = reproductions.of_tables(tables)
    if not values:
        raise ResultsError(f"There are no tables in {tables}: run some first, or name the folder with --out.")
    beside = to.with_suffix(".json")
    replace(to, reproductions.to_csv(values).encode())
    replace(beside, reproductions.to_json(environment).encode())
    return to, beside
