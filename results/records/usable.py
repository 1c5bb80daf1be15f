"""Which journals can be used: by one rule, for all that reads a folder of results or writes into it."""

from __future__ import annotations

import math
from pathlib import Path

from results.errors import ResultsError
from results.records import Record, read
from results.records.identity import run_id
from results.records.plausible import implausible


def usable(path: Path, data: bytes | None = None) -> Record:
    """Read the journal of a run in its folder: one that tables may be made of. data: as of `read`.

    Raises:
        ResultsError: as `read` and `check`; or it is another run's than its folder's.
    """
    record = read(path, data)
    check(record, path.parent.name)
    return record


def check(record: Record, id: str) -> None:
    """Raises ResultsError where a record is another run's, has a point without a time, or cannot have been trained."""
    if not id == record.id == run_id(record.spec):
        raise _unusable(record, ": it is another run's: its folder, its id and its spec's identity differ")
    for point in record.evaluations:
        if not math.isfinite(point.metrics.get(record.clock, math.nan)):
            raise _unusable(record, f": epoch {point.epoch:g} has no usable {record.clock}")
    if why := implausible(record):
        raise _unusable(record, f" is implausible: {why}")


def _unusable(record: Record, why: str) -> ResultsError:
    return ResultsError(f"{record.path}{why}, so that the run is left out; `run` repeats it.")
