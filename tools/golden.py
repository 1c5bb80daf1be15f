"""Writes the results of golden runs to tests/golden/golden.json: `python tools/golden.py`.

Refuses where the numbers of a case moved and its version (HISTORY of benchmarks/runner/numerics.py) did not.
On another torch or kind of CPU than the file's, numbers have moved where they are not within rounding.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' cases

import torch

from benchmarks.executors.errors import ScheduleMismatch
from tests.golden.cases import FILE, Case, carried_out, cases, here, kept, moved, recorded


def main() -> int:
    torch.set_num_threads(1)
    before, every = kept(), cases()
    results = {case.name: outcome(case, before["cases"].get(case.name, {})) for case in every}
    if refused := list(moved_without_version(every, before, results)):
        print(*refused, "Raise their version (HISTORY in benchmarks/runner/numerics.py), or mend the code.", sep="\n")
        return 1
    FILE.write_text(json.dumps({"where": here(), "cases": results}, indent=1) + "\n", encoding="utf-8")
    changed = sum(before["cases"].get(name) != result for name, result in results.items())
    print(f"{len(results)} golden runs, of which {changed} are new")
    return 0


def outcome(case: Case, was: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a case's entry for the file. Its recorded schedule is replayed while case and version are unchanged."""
    schedule = {}
    if case.executor == "replay":
        stands = was.get("numerics") == case.version and was.get("case") == case.digest
        schedule = {"schedule": was["schedule"] if stands else recorded(case)}
    try:
        result = carried_out(case, *schedule.values())
    except ScheduleMismatch as error:
        result = {"weights": f"its schedule does not fit: {error}"}
    return {"case": case.digest, "numerics": case.version, **result, **schedule}


def moved_without_version(
    every: Sequence[Case], before: Mapping[str, Any], outcomes: Mapping[str, Any]
) -> Iterator[str]:
    """Yields a sentence for each case that moved though its version is unchanged; a changed case is not compared."""
    exactly = before["where"] == here()
    for case in every:
        was, now = before["cases"].get(case.name, {}), outcomes[case.name]
        if (was.get("case"), was.get("numerics")) == (now["case"], now["numerics"]):
            change = moved(case, was, now, exactly=exactly)
            if change:
                yield f"{case.name}: {'; '.join(change)}"


if __name__ == "__main__":
    sys.exit(main())
