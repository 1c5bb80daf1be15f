"""What is worth running in 45 minutes on a GPU, in order, in calls of a few minutes each (docs/gpu.md).

    python tools/gpu_hour.py --out DIR [--device cuda|cpu] [--small] [--data DIR] [--minutes 9] [--only STEP] [--retry]
    python tools/gpu_hour.py --out DIR --summary

Every step runs in a process of its own and leaves one JSON in DIR; a step that does not fit in the minutes left is not
started, and the same call again goes on there. Exits with 1 if a step failed, 2 where nothing can be run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # nothing of ours need be installed

from benchmarks.checkout import CHECKOUT
from benchmarks.commands.resolve import usable_device
from benchmarks.errors import UserError
from results.errors import ResultsError
from tools.gpu import plan
from tools.gpu.plan import Outcome, Step, StepRecord
from tools.gpu.summary import summary

RESULT = "result.json"
"""What a step's process leaves for this one, below DIR."""


def settings_of(step: Step, given: argparse.Namespace) -> dict[str, Any]:
    """All that the step's process is told."""
    data = str(given.data.resolve()) if given.data is not None else None
    shared = {"device": given.device, "small": given.small, "data": data, "out": str(given.out.resolve())}
    sizes = {"train_minutes": given.train_minutes} if step.name == "size" else {}
    return {**shared, **sizes, **step.settings}


def run(step: Step, limit_seconds: float, given: argparse.Namespace) -> StepRecord:
    """Carry the step out in a process of its own, which is ended at the limit."""
    settings = settings_of(step, given)
    result = given.out / RESULT
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tools.gpu.child", step.job, json.dumps(settings), str(result.resolve())]
    begun = time.monotonic()
    log = given.out / "logs" / f"{step.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    in_time = wait(command, log, limit_seconds)
    if result.is_file():
        said = json.loads(result.read_text(encoding="utf-8"))
    else:
        why = f"no answer within {limit_seconds:.0f} s" if not in_time else "its process died"
        said = {"status": "failed", "reason": f"{why}; see {log.name}", "machine": {}, "outcome": {}}
    result.unlink(missing_ok=True)
    small = ["--small"] if given.small else []
    return StepRecord(
        step=step.name,
        status=said["status"],
        reason=said["reason"],
        seconds=time.monotonic() - begun,
        settings={key: value for key, value in settings.items() if key not in ("data", "out")},
        command=["python", "tools/gpu_hour.py", "--device", given.device, *small, "--only", step.name],
        commit=given.commit or said["machine"].get("commit"),
        machine=said["machine"],
        outcome=Outcome(**said["outcome"]),
    )


def wait(command: list[str], log: Path, limit_seconds: float) -> bool:
    """-> whether it ended by itself. However this ends, the process and its children are gone afterwards."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            process.wait(limit_seconds)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the records; the same one goes on")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try it out; implies --small")
    parser.add_argument("--small", action="store_true", help="settings for a trial, whose numbers mean nothing")
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--minutes", type=float, default=9.0, help="of this call")
    parser.add_argument("--train-minutes", type=float, default=4.2, help="of one table and seed: its epochs follow")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="these steps alone, such as speed")
    parser.add_argument("--retry", action="store_true", help="repeat the steps that failed")
    parser.add_argument("--commit", help="of the checkout, where it is a copy without git")
    parser.add_argument("--summary", action="store_true", help="print the records as Markdown and run nothing")
    given = parser.parse_args(arguments)
    given.small = given.small or given.device == "cpu"
    return given


def check(given: argparse.Namespace, records: dict[str, StepRecord]) -> None:
    """Raises UserError where there is no such device, or the folder holds records of another kind of hour."""
    for record in records.values():
        if (record.settings["device"], record.settings["small"]) != (given.device, given.small):
            small = " --small" if record.settings["small"] else ""
            raise UserError(
                f"{given.out} holds records of --device {record.settings['device']}{small}: choose another --out."
            )
    try:
        usable_device(given.device)
    except UserError:
        raise UserError(
            "no CUDA device: the hour is for a machine with one; --device cpu tries it out with small settings."
        ) from None


def call(given: argparse.Namespace) -> int:
    """One call: what fits in its minutes -> the exit code."""
    deadline = time.monotonic() + given.minutes * 60
    steps, records = plan.chosen(given.only), plan.read(given.out)
    check(given, records)

    def and_record(step: Step, limit_seconds: float) -> None:
        records[step.name] = record = run(step, limit_seconds, given)
        plan.write(given.out, record)
        why = f": {record.reason}" if record.reason else ""
        print(f"{step.name}: {record.status} in {record.seconds:.0f} s{why}", flush=True)

    ended = plan.carry_out(
        list(plan.pending(steps, records, retry=given.retry)),
        seconds_of=lambda step: plan.estimate(step, records, small=given.small),
        seconds_left=lambda: deadline - time.monotonic(),
        run=and_record,
    )
    print(f"{ended}.", flush=True)
    return 1 if any(records[step.name].status == "failed" for step in steps if step.name in records) else 0


def main() -> int:
    given = parsed()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the step's process ends too
    try:
        if given.summary:
            print(summary(plan.read(given.out)), end="")
            return 0
        return call(given)
    except (UserError, ResultsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted: finished steps are kept; the same call goes on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
