"""The process of one step: carries its job out and leaves a JSON, whatever happens.

    python -m tools.gpu.child MODULE:FUNCTION SETTINGS RESULT

SETTINGS: a JSON object; RESULT: the file to write.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner.environment import describe
from results.files import replace
from tools.gpu.given import Given, LeftOut
from tools.gpu.plan import Outcome


def carried_out(job: str, given: Given) -> dict[str, Any]:
    """status, reason and outcome; an error is one way to end."""
    module, _, function = job.partition(":")
    try:
        outcome: Outcome = getattr(importlib.import_module(f"tools.gpu.{module}"), function)(given)
    except LeftOut as why:
        return {"status": "left out", "reason": str(why), "outcome": asdict(Outcome())}
    except Exception as error:
        traceback.print_exc()
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return {"status": "failed", "reason": reason, "outcome": asdict(Outcome())}
    reason = f"{len(outcome.failures)} did not hold: {outcome.failures[0]}" if outcome.failures else ""
    return {"status": "failed" if outcome.failures else "finished", "reason": reason, "outcome": asdict(outcome)}


def main() -> None:
    job, settings, result = sys.argv[1:]
    given = Given.of(json.loads(settings))
    machine = {key: value for key, value in describe(given.device).items() if key != "command"}
    replace(Path(result), json.dumps({**carried_out(job, given), "machine": machine}).encode())


if __name__ == "__main__":
    main()
