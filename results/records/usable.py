"""Decides which journals count, by the same rule for all commands.

A journal that no training can have written is left out whatever its checksums: a clock that runs backwards, 250 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from results.errors import UnusableJournal
from results.records import Evaluation, Record, read
from results.records.identity import run_id
from results.records.spec import VALIDATION, Judge

CLOCKS = ("train_seconds", "virtual_seconds", "wall_seconds")
LOSSES = ("train_loss", "loss", f"{VALIDATION}loss")
PERCENTS = ("accuracy_percent", "train_accuracy_percent", f"{VALIDATION}accuracy_percent")
COUNTS = ("reads", "overlapping_updates", "weight_reads", "torn_reads", "overlapping_reads")


def usable(path: Path, data: bytes | None = None) -> Record:
    """Reads and checks a run's journal. data: as of `read`. Raises as `read` and `check`."""
    record = read(path, data)
    check(record, path.parent.name)
    return record


def check(record: Record, id: str) -> None:
    """Raises UnusableJournal if a record is not of the run `id`, lacks its clock, or is implausible."""
    if not id == record.id == run_id(record.spec):
        raise _unusable(record, ": it is another run's: its folder, its id and its spec's identity differ")
    for point in record.evaluations:
        if not math.isfinite(point.metrics.get(record.clock, math.nan)):
            raise _unusable(record, f": epoch {point.epoch:g} has no usable {record.clock}")
    if why := implausible(record):
        raise _unusable(record, f" is implausible: {why}")


def _unusable(record: Record, fault: str) -> UnusableJournal:
    return UnusableJournal(record.path, fault, ", so that the run is left out; `run` repeats it.")


def implausible(record: Record) -> str:
    """Returns the first implausible fact of a run, in words; "" if there is none."""
    points = record.evaluations
    return next(chain(_falling(points), _not_finite(record), _early_end(record), _layers(record)), "")


def _falling(points: Sequence[Evaluation]) -> Iterator[str]:
    """Yields steps that do not rise, and seconds that fall or are not finite."""
    step, clocks = 0, dict.fromkeys(CLOCKS, 0.0)
    for point in points:
        if point.step <= step:
            yield f"epoch {point.epoch:g} is at step {point.step}, after step {step}"
        for name in point.metrics.keys() & CLOCKS:
            seconds = point.metrics[name]
            if not clocks[name] <= seconds < math.inf:
                yield f"epoch {point.epoch:g} has {name} {seconds:g} after {clocks[name]:g}"
            clocks[name] = seconds
        step = point.step


def _not_finite(record: Record) -> Iterator[str]:
    """Yields shares outside 0 to 100 %, and numbers that are not finite; the last losses of a diverged run may be."""
    whole = record.evaluations if record.status == "finished" else record.evaluations[:-1]
    for point in record.evaluations:
        for name in point.metrics.keys() & PERCENTS:
            if point.metrics[name] < 0 or point.metrics[name] > 100:
                yield _value(point, name)
        if not math.isfinite(point.metrics.get("learning_rate", 0.0)):
            yield _value(point, "learning_rate")
    for point in whole:
        for name in (*LOSSES, *PERCENTS):
            if not math.isfinite(point.metrics.get(name, 0.0)):
                yield f"{_value(point, name)}, after which a run has diverged"


def _early_end(record: Record) -> Iterator[str]:
    """Yields an end before the last epoch that early stopping does not explain, or before the last evaluation."""
    end, points = record.end or {}, record.evaluations
    done, planned = points[-1].epoch if points else 0, record.spec.workload.epochs
    if record.status == "finished" and done < planned:
        if end.get("early_stopped") is not True:
            yield f"it finished after {done:g} of {planned} epochs, and was not stopped early"
        patience = record.spec.workload.document().get("patience")
        if isinstance(patience, int | float) and _since_best(points, record.monitor) < patience - 1e-6:
            yield f"it was stopped early, less than its patience of {patience:g} epochs after its best"
    last = points[-1].metrics.get("wall_seconds", 0.0) if points else 0.0
    wall = end.get("wall_seconds")
    if wall is not None and not last <= wall < math.inf:
        yield f"its end has wall_seconds {wall:g} after {last:g}"


def _since_best(points: Sequence[Evaluation], judge: Judge) -> float:
    """Epochs since the first best evaluation."""
    ranks = [
        judge.rank(point.metrics[judge.metric]) if judge.metric in point.metrics else -math.inf for point in points
    ]
    return points[-1].epoch - points[ranks.index(max(ranks))].epoch if points else 0


def _layers(record: Record) -> Iterator[str]:
    for layer in (record.end or {}).get("staleness") or ():
        counts: Mapping[str, float] = {name: layer[name] for name in COUNTS if name in layer}
        for name, count in counts.items():
            if not 0 <= count < math.inf:
                yield f"layer {layer.get('layer')} has {name} of {count:g}"
        if counts.get("torn_reads", 0) > counts.get("weight_reads", math.inf):
            yield f"layer {layer.get('layer')} has more torn_reads than weight_reads"


def _value(point: Evaluation, name: str) -> str:
    return f"epoch {point.epoch:g} has {name} of {point.metrics[name]:g}"
