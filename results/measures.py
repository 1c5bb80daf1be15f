"""Defines each measure once: name, unit, which values are better, and how to compute it from a run's record.

Tables, MLflow, exports and comparisons all read `MEASURES`; to add a measure, add an entry there.

Example:
    `MEASURES["best_accuracy_percent"].of(record)  # 87.3, in percent`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from results.records import Record
from results.records.spec import Judge
from results.statistics import (
    Best,
    Reach,
    Summary,
    at_best_validation,
    best,
    extent,
    learnt_nothing,
    reach,
    since,
    summary,
)
from results.statistics.budgets import BUDGETS, SENT, Budget, value_at
from results.statistics.chance import Chance
from results.statistics.seeds import Seeds

if TYPE_CHECKING:
    from results.statistics.intervals import Interval

NO_TARGET = "no target: no run finished of the rows whose worst sets it"
NO_BASELINE = "no BP run of the same seed to compare with"
NO_PEAK = "no peak was known when it ran: a hardware card states it, `python -m benchmarks calibrate` measures it"
NO_VALIDATION = "no validation split: `--set workload.validation=N` holds samples out"
NOT_COUNTED = "bytes were not counted yet when it ran"
NO_BUDGET = {
    "samples": "no run has finished, whose samples the others were compared at",
    "seconds": "no run has finished, whose seconds the others were compared at",
    "bytes": "no row sends anything between devices, or its bytes were not counted",
}
TOO_LATE = "no evaluation while the budget lasted, or not counted: --evaluate-every sets more of them"
NO_TOKENS = "no tokens are predicted, or their FLOPs were not counted yet when it ran"


@dataclass(frozen=True, slots=True)
class Context:
    """Facts beside a run's record that a measure may need.

    target: the value to reach. baseline: runs of backpropagation (BP) on the same network. budgets: samples, seconds
    and bytes at which rows are compared. no_target: why there is no target. chance: accuracy or loss of guessing; None
    if unknown.
    """

    target: float | None = None
    baseline: Sequence[Record] = ()
    budgets: Mapping[Budget, float] = field(default_factory=dict)
    no_target: str = ""
    chance: Chance | None = None

    @property
    def learnt_nothing(self) -> str:
        """Why a run that may have learnt nothing has no time to its best value."""
        return f"learnt nothing: {self.chance.description}" if self.chance is not None else ""


ALONE = Context()
"""Context of a single run, without target or baseline."""
OfRun = Callable[[Record, Context], float | None]
"""Computes a run's value; None if it has none."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity, shown in tables as three columns: published, measured, ratio.

    Args:
        digits: decimals of published means; measured means get at least as many.
        std_digits: decimals of published standard deviations; None prints them unrounded.
        exact: whether no run can change it, as for a law or a setting: the number of runs is not shown.
        better: which values are better; "" for neither.
        time: whether it is the seconds until an event, by which methods are compared.
        clock: whether it depends on the clock alone: in simulated time all seeds have the same value.
        points: whether it agrees with a published value within percentage points; others agree within a share of it.
        event: what is reached; seconds to an event are its epochs times seconds per epoch.
        needs: what it cannot be computed without: a target, BP's runs, or a budget.
        missing: footnote where no run has a value.
        of_run: computes a run's value; None for measures of an analysis, which has no runs.
        bound: computes a lower bound for a run without a value: how far it went.
        resolution: computes by how much a run's value may be too high, since it was found at an evaluation.
    """

    key: str
    heading: str
    unit: str = ""
    better: Literal["more", "less", ""] = ""
    digits: int = 1
    std_digits: int | None = None
    exact: bool = False
    time: bool = False
    clock: bool = False
    points: bool = False
    event: Literal["target", "best", ""] = ""
    needs: Literal["target", "baseline", Budget, ""] = ""
    missing: str = ""
    of_run: OfRun | None = field(default=None, compare=False, repr=False)
    bound: OfRun | None = field(default=None, compare=False, repr=False)
    resolution: OfRun | None = field(default=None, compare=False, repr=False)

    @property
    def bare_heading(self) -> str:
        """The heading without its unit: "Best loss"."""
        return self.heading.removesuffix(f" ({self.unit})")

    @property
    def name(self) -> str:
        """The heading as it stands within a sentence: "best loss", but "MFU"."""
        bare = self.bare_heading
        return bare if bare[:2].isupper() else bare[:1].lower() + bare[1:]

    @property
    def timed(self) -> bool:
        """Whether it is seconds, or computed from seconds, such as a speed-up or MFU."""
        return self.time or self.clock

    @property
    def speed(self) -> bool:
        """Whether claims of speed rest on it: it is timed, or counts epochs to an event."""
        return self.timed or bool(self.event)

    def of(self, record: Record, context: Context = ALONE) -> float | None:
        """Returns a run's value; None if it has none.

        Raises:
            ValueError: the measure is an analysis's, and no run has it.
        """
        if self.of_run is None:
            raise ValueError(f"{self.key} is measured by an analysis, not by runs")
        return self.of_run(record, context)

    def value(self, records: Sequence[Record], context: Context) -> tuple[Summary | None, str]:
        """Summarises the runs -> the summary and a footnote or ""; or None and the reason.

        Raises:
            ValueError: the measure is an analysis's, and no run has it.
        """
        if self.needs == "target" and context.target is None:
            return None, incidents(records) or context.no_target or NO_TARGET
        if self.needs in BUDGETS and self.needs not in context.budgets:
            return None, incidents(records) or NO_BUDGET[self.needs]
        values = [self.of(record, context) for record in records]
        if self.needs == "baseline" and None in values:
            return None, NO_BASELINE
        missing = self.missing if all(value is None for value in values) else ""
        if self.event == "best" and (nothing := sum(learnt_nothing(record, context.chance) for record in records)):
            if nothing == len(records):
                return None, context.learnt_nothing
            missing = f"{nothing} of {len(records)} runs {context.learnt_nothing}"
        bounds = None if self.bound is None else [self.bound(record, context) for record in records]
        return summary(values, bounds, self.resolutions(records, context)), missing

    def resolutions(self, records: Sequence[Record], context: Context = ALONE) -> list[float | None]:
        """Returns by how much each run's value may be too high; None where it is exact or missing."""
        return [self.resolution(record, context) for record in records] if self.resolution is not None else []

    def by_run(self, records: Sequence[Record], context: Context) -> Seeds:
        """Returns the value of every run; empty where the context lacks what the measure needs."""
        if (self.needs == "target" and context.target is None) or (self.needs in BUDGETS and not context.budgets):
            return Seeds()
        runs = sorted(records, key=lambda record: record.seed)
        if self.needs == "baseline":
            runs = [run for run in runs if self.of(run, context) is not None]
        values = [self.of(run, context) for run in runs]
        widths, seeds = self.resolutions(runs, context), [run.seed for run in runs]
        if self.bound is None:
            return Seeds(values, widths=widths, seeds=seeds)
        limits = [self.bound(run, context) or 0.0 for run in runs]
        never = [value is None and run.complete for value, run in zip(values, runs, strict=True)]
        return Seeds(values, limits, never, widths, seeds)

    def possible(self, interval: Interval) -> Interval:
        """Clips an interval to possible values: at most 100 %, and not below 0.

        A user's own loss may be negative: an interval whose middle is below 0 is not clipped there.
        """
        least = 0.0 if interval.low + interval.high >= 0 else -math.inf
        low, high = max(least, interval.low), max(least, interval.high)
        return replace(interval, low=low, high=min(100.0, high) if self.unit == "%" else high)


def by_seed(records: Sequence[Record], measure: Measure, context: Context) -> Mapping[int, float]:
    """Returns the runs' values of a measure by seed; empty unless every run has one."""
    values = {
        record.seed: value
        for record in records
        if (value := measure.of(record, context)) is not None and math.isfinite(value)
    }
    return values if len(values) == len(records) else {}


def incidents(records: Sequence[Record]) -> str:
    """Counts the runs that did not finish, with reasons; "" if all did."""
    bad = [record for record in records if record.status != "finished"]
    words = dict.fromkeys(
        f"{record.status}: {record.end.get('reason', '')}" if record.end else record.status for record in bad
    )
    return f"{len(bad)} of {len(records)} runs " + "; ".join(words) if bad else ""


def words(key: str) -> str:
    """Name of a measure in a sentence, without its unit: 'best accuracy', 'time to target'."""
    return key.replace("_", " ").removesuffix(" percent").removesuffix(" seconds")


def of_runs() -> list[Measure]:
    """Returns the measures that runs have, in the order of `MEASURES`."""
    return [measure for measure in MEASURES.values() if measure.of_run is not None]


def best_measure(judge: Judge) -> Measure:
    """Returns the measure of a run's best value by the judge's metric. Raises KeyError if there is none."""
    return named(MEASURES[f"best_{judge.metric}"], judge)


def at_validation(judge: Judge) -> Measure:
    """Returns the measure of the test value at the evaluation that is best on the validation split.

    Raises KeyError if there is none.
    """
    return MEASURES[_key_at_validation(judge)]


def _key_at_validation(judge: Judge) -> str:
    """Returns "accuracy_at_best_validation_percent" for "accuracy_percent"."""
    metric, unit, _ = judge.metric.partition("_percent")
    return f"{metric}_at_best_validation{unit}"


def named(measure: Measure, judge: Judge) -> Measure:
    """Returns a copy with the judge's title and unit in the heading, such as "Best loss (nats)".

    Measures of anything else than the judge's metric are returned unchanged.
    """
    if measure.needs in BUDGETS:
        heading = f"{judge.title.capitalize()} at equal {measure.needs}" + (f" ({judge.unit})" if judge.unit else "")
        digits, std_digits = (1, 2) if judge.unit == "%" else (3, 3)
        named = replace(measure, digits=digits, std_digits=std_digits)
        return replace(named, heading=heading, unit=judge.unit, better=judge.better)
    if measure.key == _key_at_validation(judge):
        unit = f" ({judge.unit})" if judge.unit else ""
        return replace(measure, heading=f"{judge.title.capitalize()} at best validation{unit}", unit=judge.unit)
    when, _, metric = measure.key.partition("_")
    if when not in ("best", "test") or metric != judge.metric:
        return measure
    return replace(measure, heading=f"{when.capitalize()} {judge.heading}", unit=judge.unit)


def need(keys: Iterable[str], what: Literal["target", "baseline", Budget]) -> bool:
    """Whether any of the measures needs a target, BP's runs or a budget. Keys of analyses' measures are ignored."""
    return any(MEASURES[key].needs == what for key in keys if key in MEASURES)


def seconds_per_batch(record: Record) -> float | None:
    """Seconds per batch on the record's clock; not per epoch, since methods drop different remainders of an epoch."""
    last = extent(record)
    return last.seconds / record.evaluations[-1].step if last is not None else None


# ---- how a run gives its values


def _best(record: Record, context: Context) -> Best | None:
    return best(record)


def _judged(find: Callable[[Record], Best | None], metric: str) -> OfRun:
    """Computes the value of the evaluation that `find` picks, for runs judged by this metric."""

    def of_run(record: Record, context: Context) -> float | None:
        point = find(record) if record.judge.metric == metric else None
        return point.value if point is not None else None

    return of_run


def _perplexity(record: Record, context: Context) -> float | None:
    """Perplexity of the best loss; None for a loss that is not in nats."""
    point = best(record) if record.judge.unit == "nats" else None
    return math.exp(min(point.value, 700.0)) if point is not None else None


def _at_best(metric: str) -> OfRun:
    """Computes a metric at a run's best evaluation."""

    def of_run(record: Record, context: Context) -> float | None:
        point = best(record)
        return next((at.metrics.get(metric) for at in record.evaluations if point and at.epoch == point.epochs), None)

    return of_run


def _per_second(record: Record, context: Context) -> float | None:
    """Tokens trained per second of the record's clock."""
    seconds, work = seconds_per_batch(record), record.spec.workload.document()
    tokens = work.get("tokens")
    if not seconds or not isinstance(tokens, dict):
        return None
    return int(str(work["batch"])) * int(str(tokens["context"])) / seconds


def _flops_per_token(record: Record, context: Context) -> float | None:
    """FLOPs counted for training the run's network on one token, in all products of both passes.

    They equal those of PaLM's appendix B (arXiv:2204.02311), 6 N + 12 L H Q T, with N weights that multiply: embeddings
    are looked up. Attention is counted in full, masked or not.
    """
    flops = (record.end or {}).get("flops_per_token")
    return float(flops) if flops else None


def _best_of_whole(record: Record, context: Context) -> Best | None:
    """Best evaluation of a finished run that learnt something: only then is its time a time of training."""
    return best(record) if record.status == "finished" and not learnt_nothing(record, context.chance) else None


def _target(record: Record, context: Context) -> Reach | None:
    return reach(record, context.target) if context.target is not None else None


FindPoint = Callable[[Record, Context], Reach | Best | None]
"""Finds the evaluation that gives a run's value."""


def _of(find: FindPoint, name: Literal["value", "seconds", "epochs"]) -> OfRun:
    def of_run(record: Record, context: Context) -> float | None:
        return getattr(point, name) if (point := find(record, context)) is not None else None

    return of_run


def _since(find: FindPoint, name: Literal["seconds", "epochs"]) -> OfRun:
    def of_run(record: Record, context: Context) -> float | None:
        return getattr(since(record, point), name) if (point := find(record, context)) is not None else None

    return of_run


def _whole(record: Record, context: Context) -> Reach | None:
    return extent(record) if record.status == "finished" else None


def _extent(record: Record, context: Context) -> Reach | None:
    return extent(record)


def _final(metric: str) -> OfRun:
    """Computes a metric of the last evaluation."""

    def of_run(record: Record, context: Context) -> float | None:
        value = record.evaluations[-1].metrics.get(metric) if record.evaluations else None
        return value if value is not None and math.isfinite(value) else None

    return of_run


def _seconds_per_epoch(record: Record, context: Context) -> float | None:
    last = extent(record)
    return last.seconds / last.epochs if last is not None and last.epochs else None


def _speedup(record: Record, context: Context) -> float | None:
    """Seconds per batch of BP's run with the same seed, divided by the run's own."""
    baseline = {run.seed: run for run in context.baseline}.get(record.seed)
    baseline_seconds, seconds = seconds_per_batch(baseline) if baseline is not None else None, seconds_per_batch(record)
    return baseline_seconds / seconds if baseline_seconds and seconds else None


def _of_layers(part: str, whole: str) -> OfRun:
    """Computes a count of the last epoch over all layers, in percent of another count; None if it was not counted."""

    def of_run(record: Record, context: Context) -> float | None:
        layers = (record.end or {}).get("staleness") or ()
        counts = [(layer[part], layer[whole]) for layer in layers if part in layer and whole in layer]
        total = sum(count for _, count in counts)
        return 100 * sum(count for count, _ in counts) / total if total else None

    return of_run


def _dropped(record: Record, context: Context) -> float | None:
    """Dropped gradients in percent of computed ones; None if none were counted."""
    effects = (record.end or {}).get("effects") or {}
    gradients = effects.get("gradients")
    return 100 * effects["dropped"] / gradients if gradients and "dropped" in effects else None


def _sent(record: Record, at: Reach | None) -> float | None:
    """Megabytes that devices had sent each other by an evaluation; None if not counted."""
    points = [point for point in record.evaluations if at is not None and point.epoch == at.epochs]
    size = points[0].metrics.get(SENT) if points else None
    return None if size is None else size / 1e6


def _sent_in_all(record: Record, context: Context) -> float | None:
    return _sent(record, extent(record))


def _sent_to_target(record: Record, context: Context) -> float | None:
    return _sent(record, _target(record, context))


def _sent_since(record: Record, context: Context) -> float | None:
    """Megabytes sent between the evaluation that reached the target and the one before."""
    at = _target(record, context)
    size, before = _sent(record, at), [point for point in record.evaluations if at and point.epoch < at.epochs]
    return None if size is None else size - (before[-1].metrics.get(SENT, 0.0) / 1e6 if before else 0.0)


def _at_equal(what: Budget) -> OfRun:
    """Computes the judge's metric when the run had used as much of a budget as the most economical row used in all."""

    def of_run(record: Record, context: Context) -> float | None:
        return value_at(record, what, context.budgets[what]) if what in context.budgets else None

    return of_run


def _utilisation(record: Record, context: Context) -> float | None:
    """Model FLOPs per second over the devices' peak, in percent."""
    flops, peak = (record.end or {}).get("step_flops"), record.labels.peak_flops_per_second
    seconds = seconds_per_batch(record)
    if not (flops and peak and seconds):
        return None
    return float(100 * flops / seconds / (peak * record.labels.device_count))


MEASURES: dict[str, Measure] = {
    measure.key: measure
    for measure in (
        Measure(
            "best_accuracy_percent", "Best accuracy (%)", "%", "more",
            std_digits=2, points=True, of_run=_judged(best, "accuracy_percent"),
        ),
        Measure(
            "best_loss", "Best loss", "", "less",
            digits=3, std_digits=3, of_run=_judged(best, "loss"),
        ),
        Measure(
            "accuracy_at_best_validation_percent", "Accuracy at best validation (%)", "%", "more",
            std_digits=2, points=True, missing=NO_VALIDATION, of_run=_judged(at_best_validation, "accuracy_percent"),
        ),
        Measure(
            "loss_at_best_validation", "Loss at best validation", "", "less",
            digits=3, std_digits=3, missing=NO_VALIDATION, of_run=_judged(at_best_validation, "loss"),
        ),
        Measure(
            "perplexity", "Perplexity", "", "less", digits=2, std_digits=2, of_run=_perplexity,
        ),
        Measure(
            "bits_per_byte", "Bits per byte", "", "less", digits=3, std_digits=3, of_run=_at_best("bits_per_byte")
        ),
        Measure("tokens_per_second", "Tokens per second", "", "more", digits=0, clock=True, of_run=_per_second),
        Measure(
            "flops_per_token", "FLOPs per token", digits=0, missing=NO_TOKENS, of_run=_flops_per_token
        ),
        Measure(
            "time_to_target_seconds", "Time to target (s)", "s", "less",
            time=True, event="target", needs="target",
            of_run=_of(_target, "seconds"), bound=_of(_extent, "seconds"), resolution=_since(_target, "seconds"),
        ),
        Measure(
            "epochs_to_target", "Epochs to target", "epochs", "less",
            digits=0, event="target", needs="target",
            of_run=_of(_target, "epochs"), bound=_of(_extent, "epochs"), resolution=_since(_target, "epochs"),
        ),
        Measure(
            "time_to_best_seconds", "Time to best (s)", "s", "less",
            time=True, event="best",
            of_run=_of(_best_of_whole, "seconds"), bound=_of(_best, "seconds"),
            resolution=_since(_best_of_whole, "seconds"),
        ),
        Measure(
            "epochs_to_best", "Epochs to best", "epochs", "less",
            digits=0, event="best",
            of_run=_of(_best_of_whole, "epochs"), bound=_of(_best, "epochs"),
            resolution=_since(_best_of_whole, "epochs"),
        ),
        Measure(
            "train_accuracy_percent", "Train accuracy (%)", "%", "more",
            digits=2, points=True, of_run=_final("train_accuracy_percent"),
        ),
        Measure("train_loss", "Train loss", better="less", digits=3, of_run=_final("train_loss")),
        Measure(
            "test_accuracy_percent", "Test accuracy (%)", "%", "more",
            digits=2, points=True, of_run=_final("accuracy_percent"),
        ),
        Measure("test_loss", "Test loss", better="less", digits=3, of_run=_final("loss")),
        Measure(
            "train_time_seconds", "Training time (s)", "s", "less",
            digits=0, time=True, clock=True, of_run=_of(_whole, "seconds"), bound=_of(_extent, "seconds"),
        ),
        Measure(
            "seconds_per_epoch", "Seconds per epoch", "s", "less", digits=2, clock=True, of_run=_seconds_per_epoch
        ),
        Measure(
            "relative_speedup", "Relative speed-up", "", "more",
            digits=2, std_digits=2, clock=True, needs="baseline", of_run=_speedup,
        ),
        Measure(
            "model_flops_utilisation_percent", "MFU (%)", "%", "more", clock=True, missing=NO_PEAK, of_run=_utilisation
        ),
        Measure("staleness_updates", "Staleness (updates)", "updates", digits=2, of_run=_final("staleness_updates")),
        Measure(
            "sent_megabytes", "Sent (MB)", "MB", "less", missing=NOT_COUNTED, of_run=_sent_in_all,
        ),
        Measure(
            "megabytes_to_target", "Sent to target (MB)", "MB", "less",
            needs="target", of_run=_sent_to_target, bound=_sent_in_all, resolution=_sent_since,
        ),
        *(
            Measure(f"at_equal_{what}", f"At equal {what}", needs=what, missing=TOO_LATE, of_run=_at_equal(what))
            for what in BUDGETS
        ),
        Measure("dropped_percent", "Dropped (%)", "%", "less", digits=1, of_run=_dropped),
        Measure(
            "lost_updates_percent", "Lost updates (%)", "%", "less",
            digits=3, of_run=_of_layers("lost_updates", "reads"),
        ),
        Measure(
            "torn_reads_percent", "Torn reads (%)", "%", "less",
            digits=3, of_run=_of_layers("torn_reads", "weight_reads"),
        ),
        Measure("forward_seconds", "Forward pass (s)", "s", "less", digits=4),
        Measure("backward_seconds", "Backward pass (s)", "s", "less", digits=4),
    )
}  # fmt: skip
"""The measures of all tables, by key."""
