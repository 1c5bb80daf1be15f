"""Keeps what golden runs give: `python tools/golden.py` writes tests/golden/golden.json anew.

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
    made = {case.name: outcome(case, before["cases"].get(case.name, {})) for case in every}
    if refused := list(unraised(every, before, made)):
        print(*refused, "Raise their version (HISTORY in benchmarks/runner/numerics.py), or mend the code.", sep="\n")
        return 1
    FILE.write_text(json.dumps({"where": here(), "cases": made}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(made)} golden runs, of which {sum(before['cases'].get(name) != made[name] for name in made)} are new")
    return 0


def outcome(case: Case, was: Mapping[str, Any]) -> dict[str, Any]:
    """Entry of a case for the file. Its recorded schedule is replayed as long as case and version are unchanged."""
    schedule = {}
    if case.executor == "replay":
        stands = was.get("numerics") == case.version and was.get("case") == case.digest
        schedule = {"schedule": was["schedule"] if stands else recorded(case)}
    try:
        given = carried_out(case, *schedule.values())
    except ScheduleMismatch as error:
        given = {"weights": f"its schedule does not fit: {error}"}
    return {"case": case.digest, "numerics": case.version, **given, **schedule}


def unraised(every: Sequence[Case], before: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each case that moved though its version stands; one that is made otherwise is another case."""
    exactly = before["where"] == here()
    for case in every:
        was, now = before["cases"].get(case.name, {}), made[case.name]
        if (was.get("case"), was.get("numerics")) == (now["case"], now["numerics"]):
            what = moved(case, was, now, exactly=exactly)
            if what:
                yield f"{case.name}: {'; '.join(what)}"


if __name__ == "__main__":
    sys.exit(main())
