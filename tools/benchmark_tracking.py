"""Measures feeding MLflow: 1,000 finished runs of 100 evaluations x 10 metrics, from their journals to a fresh store.

    python tools/benchmark_tracking.py [--runs N] [--evaluations N] [--profile]

The journals are made in a temporary folder, of the runs that Table 3 plans; making them is not timed. Reading them, and
MLflow's own import, are. Nothing else should run on the machine meanwhile. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import pstats
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.runner import choices, environment
from benchmarks.runner.plan import Run, distinct
from benchmarks.runner.resolve import resolve
from benchmarks.tables import registry as tables
from benchmarks.views import journals
from results import published, tracking
from results.records import JOURNAL, folder_of

FRESH_SECONDS, AGAIN_SECONDS = 150.0, 15.0
"""The goals, for RUNS runs of EVALUATIONS evaluations of METRICS metrics on two cores."""
RUNS, EVALUATIONS, METRICS = 1000, 100, 10
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def write_journals(out: Path, runs: int, evaluations: int) -> None:
    """Writes journals as training leaves them, of Table 3's runs with as many seeds as needed; unsynced."""
    table = tables.table("table3")
    length = {"epochs": str(evaluations), "patience": str(evaluations)}

    def planned_of(seeds: int) -> list[Run]:
        chosen = choices.Choices(seeds=tuple(range(seeds)), settings={"workload": length})
        return distinct(resolve(table, chosen).runs)

    planned = planned_of(-(-runs // len(planned_of(1))))
    machine = environment.describe()
    for number, run in enumerate(itertools.islice(planned, runs)):
        started = BEGUN + timedelta(minutes=number)
        head = {
            "type": "run",
            "id": run.id,
            "spec": run.spec.document(),
            "environment": machine,
            "labels": run.labels.document(),
        }
        lines: list[dict[str, object]] = [{**head, "started": started.isoformat(timespec="milliseconds")}]
        lines += [evaluation(epoch, number) for epoch in range(1, evaluations + 1)]
        lines.append(end(evaluations, started))
        path = folder_of(out, run.id) / JOURNAL
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def evaluation(epoch: int, number: int) -> dict[str, object]:
    """Returns a journal line with ten metrics, the three clocks among them."""
    part = 1 - 1 / (1 + epoch / 20 + number / 997)
    metrics = {
        "train_loss": 4.6 * (1 - part),
        "train_accuracy_percent": 70 * part,
        "learning_rate": 0.1 / epoch,
        "train_seconds": 1.9 * epoch,
        "staleness_updates": 2 + part,
        "staleness_seconds": 0.01 + part / 100,
        "accuracy_percent": 60 * part,
        "loss": 4.6 * (1 - part) + 0.1,
        "virtual_seconds": 2.7 * epoch,
        "wall_seconds": 2.1 * epoch,
    }
    assert len(metrics) == METRICS
    return {"type": "evaluation", "epoch": epoch, "step": 72 * epoch, "metrics": metrics}


def end(epochs: int, started: datetime) -> dict[str, object]:
    layers = [{"layer": f"stage{i}", "updates": 2.0, "seconds": 0.01, "wait_seconds": 0.0, "reads": 72} for i in (1, 2)]
    ended = (started + timedelta(seconds=2.1 * epochs)).isoformat(timespec="milliseconds")
    last_line = {"reason": "", "epochs": epochs, "early_stopped": False, "staleness": layers}
    return {"type": "end", "status": "finished", **last_line, "wall_seconds": 2.1 * epochs, "ended": ended}


def timed(label: str, goal: float, work: Callable[[], tracking.FeedReport], profile: bool) -> tuple[float, bool]:
    """Calls `work` and prints one line -> its seconds, and whether they meet the goal."""
    profiler = cProfile.Profile()
    began = time.perf_counter()
    report = profiler.runcall(work) if profile else work()
    seconds = time.perf_counter() - began
    counts = f"{report.added} added, {report.replaced} replaced, {report.unchanged} unchanged"
    word = "ok    " if seconds <= goal else "MISSED"
    print(f"{word} {label}: {seconds:.1f} s (goal: at most {goal:g} s); {counts}", flush=True)
    if profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
    return seconds, seconds <= goal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--profile", action="store_true", help="print where the time goes; it then takes longer")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-tracking-"))
    try:
        return measure(folder, chosen.runs, chosen.evaluations, chosen.profile)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, runs: int, evaluations: int, profile: bool) -> int:
    out, uri = folder / "out", f"sqlite:///{folder}/mlflow.db"
    write_journals(out, runs, evaluations)
    if (read := len(journals.read(out).records)) != runs:
        raise RuntimeError(f"of {runs} runs {read} are read: their journals are not what they were made for")
    share = runs * evaluations / (RUNS * EVALUATIONS)  # a smaller trial has a smaller goal

    def feed() -> tracking.FeedReport:
        return tracking.feed(journals.read(out).records, published=published.by_dataset(), uri=uri)

    size = f"{runs} runs of {evaluations} evaluations x {METRICS} metrics"
    _, fresh = timed(f"{size}, fresh store", FRESH_SECONDS * share, feed, profile)
    _, again = timed(f"{size}, again", AGAIN_SECONDS * share, feed, profile)
    return 0 if fresh and again else 1


if __name__ == "__main__":
    sys.exit(main())
