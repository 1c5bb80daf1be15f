"""Adds the complete runs of folders of results to kept ones, and says again what all of them were trained with.

    python tools/keep_runs.py results/reproductions/small out other-out

Give it again as more runs end: those that are there are not changed. Runs of sources that no commit has are refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.views import journals
from results import reproductions
from results.files import replace
from results.records import Record


def new(kept: Path, outs: Sequence[Path]) -> list[Record]:
    """Returns the complete runs of `outs` that `kept` lacks. Raises SystemExit for one of modified sources."""
    there = {record.id for record in journals.read(kept).records}
    complete = (record for out in outs for record in journals.read(out).records if record.complete)
    found = [record for record in complete if record.id not in there]
    for record in found:
        if record.environment.get("modified") is not False:
            raise SystemExit(f"{record.path}: its sources had changes that no commit has, so nothing was kept.")
    return found


def keep(kept: Path, outs: Sequence[Path]) -> int:
    """Adds the new runs to the folder `kept`, and rewrites the file of environments beside it -> how many were new."""
    runs = new(kept, outs)
    reproductions.keep(runs, kept)
    environment = reproductions.to_json(reproductions.environment(journals.read(kept).records))
    replace(kept.with_suffix(".json"), environment.encode())
    return len(runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kept", type=Path, help="folder of kept runs, as results/reproductions/small")
    parser.add_argument("out", type=Path, nargs="+", help="folders of results")
    arguments = parser.parse_args()
    print(f"{keep(arguments.kept, arguments.out)} new runs are kept in {arguments.kept}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
