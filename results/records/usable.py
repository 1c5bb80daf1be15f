"""Which journals can be used: by one rule, for all that reads a folder of results or writes into it."""

from __future__ import annotations

import math
from pathlib import Path

from results.errors import ResultsError
from results.records import Record, read
from results.records.identity import run_id


def usable(path: Path) -> Record:
    """Read the journal of a run in its folder: one that tables may be made of.

    Raises:
        ResultsError: as `read`; it is another run's, or a point of its curve has no time.
    """
    record = read(path)
    if not path.parent.name == record.id == run_id(record.spec):
        raise _unusable(record, "it is another run's: its folder, its id and its spec's identity differ")
    for point in record.evaluations:
        begun = point is not record.evaluations[-1] or (point.step >= 1 and point.epoch > 0)
        if not (begun and 0 <= point.metrics.get(record.clock, math.nan) < math.inf):
            raise _unusable(record, f"epoch {point.epoch:g} has no usable {record.clock} or step")
    return record


def _unusable(record: Record, why: str) -> ResultsError:
    return ResultsError(f"{record.path}: {why}, so that the run is left out; `run` repeats it.")
