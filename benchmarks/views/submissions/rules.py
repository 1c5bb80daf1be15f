"""Holds a bundle to its track's rules, by its journals and the reference runs; executes nothing of it.

Journals cannot show author and label, nor that no more learning rates were tried than the bundle holds: these are
declared, and shown as such.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from benchmarks.runner.tuning.search import VALIDATION, Factors
from benchmarks.runner.tuning.trials import OUTER_RATE, trial, tuning_seeds
from benchmarks.tables.definition import Row
from benchmarks.tables.shared import BASELINE
from benchmarks.views.submissions.bundle import CODE, Bundle, Refused
from benchmarks.views.submissions.track import Edition, Track, references
from benchmarks.views.submissions.tracks import track_of
from methods.registry import own
from results.records import Record
from results.records.spec import Document, Effects, flat
from results.records.usable import LOSSES
from results.statistics import best
from results.statistics.intervals import LEVEL, Interval, spread

TUNED = ("schedule.lr", "schedule.warm_up_lr", "schedule.floor", "optimizer.weight_decay")
"""Workload settings that a submission tunes; all others are the track's."""
FASTEST = 0.5
"""Least seconds of a batch, as a share of backpropagation's over the devices: parts of a step may overlap."""
_CLOSE = 1e-9
Setting = tuple[float, ...]
"""Tuned values: those of TUNED, and the rate of the method's outer optimizer (-1: none)."""


@dataclass(frozen=True)
class Accepted:
    """A bundle that keeps its track's rules.

    By network, finals: the ranked runs in order of seeds; reference: the track's runs of backpropagation; tuned.
    """

    bundle: Bundle
    track: Track
    edition: Edition
    finals: Mapping[str, Sequence[Record]]
    reference: Mapping[str, Sequence[Record]]
    tuned: Mapping[str, Setting]

    def edge(self, network: str) -> str:
        """Returns "lowest" or "highest" where the learning rate is at an end of those tried, else ""."""
        rate = self.tuned[network][0]
        rates = [_setting(record)[0] for record in _of(self.bundle.trials, network)]
        if min(rates) == max(rates):
            return ""
        return {min(rates): "lowest", max(rates): "highest"}.get(rate, "")


def check(bundle: Bundle) -> Accepted:
    """Holds a bundle to the rules of its track.

    Raises Refused, or UserError or MethodError where there is no such track, edition or row.
    """
    track = track_of(bundle.manifest.track)
    edition = track.edition(bundle.manifest.edition)
    method = bundle.manifest.method
    all_references = references(track, bundle.manifest.edition)
    reference = {network: _of(all_references, network) for network in edition.targets}
    named = _named_options(bundle)
    _check_networks((*bundle.runs, *bundle.trials), track, edition)
    finals: dict[str, Sequence[Record]] = {}
    tuned: dict[str, Setting] = {}
    for network, expected in reference.items():
        runs, trials = _of(bundle.runs, network), _of(bundle.trials, network)
        baseline = [record for record in runs if _is_reference(record, expected)]
        ranked = [record for record in runs if record.row == method]
        for record in runs:
            if record not in baseline and record not in ranked:
                raise Refused("others", f"{_named(record)} is neither of {method} nor the track's backpropagation.")
        if method == BASELINE.key and len(ranked) > len(baseline):  # tuned, beside the track's own
            ranked = [record for record in ranked if record not in baseline]
        finals[network] = _by_seed(ranked, edition, f"{method} on {network}")
        for record in (*finals[network], *trials):
            _check_method(record, {**finals[network][0].spec.method.options, **named}, bundle)
            _check_run(record, expected, track)
        tuned[network] = _chosen(finals[network], trials, edition, network)
        for record in _by_seed(baseline, edition, f"backpropagation at the track's rates on {network}"):
            _check_run(record, expected, track)
            _check_baseline_clock(record, expected)
        _check_band(baseline, expected, network)
    return Accepted(bundle, track, edition, finals, reference, tuned)


def band(reference: Sequence[Record], runs: int) -> Interval:
    """Returns the 95 % prediction interval of the mean best of so many further runs like the reference's."""
    bests = spread([_best(record) for record in reference])
    assert bests is not None, "a track has several reference runs"
    error = math.sqrt(bests.variance * (1 + len(reference) / runs))  # s * sqrt(1/n + 1/m), variance being s^2 / n
    half = float(stats.t.ppf((1 + LEVEL) / 2, bests.freedom)) * error
    return Interval(bests.mean - half, bests.mean + half)


def code_digest(name: str, code: bytes) -> str:
    """Returns the digest that runs of a method in one file have in their spec. name: of the file."""
    return hashlib.sha256(name.encode() + b"\0" + code + b"\0").hexdigest()


def mean_best(records: Sequence[Record]) -> float:
    """Returns the mean of the runs' best values on the test split; nan if a run has none."""
    return math.fsum(map(_best, records)) / len(records)


def _named_options(bundle: Bundle) -> Mapping[str, Any]:
    """Returns the options in the key of the suite's row; {} for a plug-in's, whose class is not loaded."""
    manifest, name = bundle.manifest, bundle.manifest.method.partition("@")[0]
    if (bundle.code is None) != (name in own()):
        raise Refused("method", f"its method is {name}: one of the suite's has no {CODE}, any other has one.")
    if bundle.code is not None:
        return {}
    row = Row.parsed(manifest.method)
    if manifest.title != row.label:
        raise Refused("method", f"its title is {manifest.title!r}, and that of {manifest.method} {row.label!r}.")
    return row.options


def _check_networks(records: Iterable[Record], track: Track, edition: Edition) -> None:
    for record in records:
        if record.network not in edition.targets:
            raise Refused("others", f"{_named(record)} has no place in the track {track.id}: its network is another.")


def _of(records: Iterable[Record], network: str) -> list[Record]:
    return [record for record in records if record.network == network]


def _by_seed(records: Iterable[Record], edition: Edition, whose: str) -> list[Record]:
    """Returns the runs in order of their seeds, which have to be the edition's, each once."""
    ordered = sorted(records, key=lambda record: record.seed)
    if [record.seed for record in ordered] != list(range(edition.seeds)):
        runs = f"runs of the seeds {', '.join(str(record.seed) for record in ordered)}" if ordered else "no runs"
        raise Refused("seeds", f"{whose} has {runs}; the track wants the seeds 0 to {edition.seeds - 1}, each once.")
    return ordered


def _check_run(record: Record, reference: Sequence[Record], track: Track) -> None:
    """Checks that a run has the track's settings and ended, with all batches and a possible time and curve."""
    if not (record.complete and record.evaluations):
        raise Refused("ended", f"{_named(record)} did not end: {record.status}.")
    ours, theirs = _shared(record), _shared(reference[0])
    if wrong := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
        raise Refused("workload", f"{_named(record)} has another {wrong[0]} than the track: {ours.get(wrong[0])!r}.")
    work = flat(record.spec.workload.document())
    batches = int(str(work["train_samples"])) // int(str(work["batch"]))
    pace = _pace(reference[0]) * FASTEST / track.devices
    for point in record.evaluations:
        least = (batches - track.devices + 1) * point.epoch  # replicas have equal shares of whole batches
        if not least <= point.step <= batches * point.epoch:
            raise Refused(
                "batches", f"{_named(record)} had {point.step} batches by epoch {point.epoch:g}, of {batches} an epoch."
            )
        if point.metrics[record.clock] < pace * point.step:
            raise Refused(
                "clock", f"{_named(record)} took {point.metrics[record.clock]:.3g} s to epoch {point.epoch:g}, in "
                f"which {track.devices} devices cannot compute its batches."
            )  # fmt: skip
        for name in (record.judge.metric, record.monitor.metric):
            if name not in point.metrics or point.metrics[name] < 0:
                value = point.metrics.get(name, "missing")
                raise Refused("curve", f"{_named(record)} has an impossible {name} at epoch {point.epoch:g}: {value}.")
    if record.status == "finished":
        _check_gradients(record)
    elif all(math.isfinite(record.evaluations[-1].metrics.get(name, 0.0)) for name in LOSSES):
        raise Refused("ended", f"{_named(record)} is said to have diverged, and its losses are finite.")


def _check_gradients(record: Record) -> None:
    """Checks that the gradients of all batches were computed, and applied or dropped."""
    effects = (record.end or {}).get("effects")
    if effects is None:
        raise Refused("batches", f"{_named(record)} did not count its gradients.")
    counted, steps = Effects.model_validate(effects), record.evaluations[-1].step
    if counted.gradients != steps * len(counted.updates) or counted.applied + counted.dropped != counted.gradients:
        raise Refused(
            "batches", f"{_named(record)} had {steps} batches and {len(counted.updates)} layers, and counted "
            f"{counted.gradients} gradients, of which {counted.applied} were applied and {counted.dropped} dropped."
        )  # fmt: skip


def _pace(reference: Record) -> float:
    last = reference.evaluations[-1]
    return last.metrics[reference.clock] / last.step


def _shared(record: Record) -> Document:
    """Returns what all runs of a track's network share: all but tuned numbers, method and seed."""
    spec = record.spec
    work = flat(spec.workload.document())
    return {
        **{name: value for name, value in work.items() if name not in TUNED or not isinstance(value, int | float)},
        **flat(spec.hardware.document(), "hardware."),
        "charged": None if spec.charged is None else spec.charged.document(),
        "executor": spec.executor,
        "device": spec.device,
        "measure": f"{record.judge.metric}, {record.judge.better} is better",
    }


def _check_method(record: Record, options: Mapping[str, Any], bundle: Bundle) -> None:
    """Checks that a run is the row's own, has these options but for the tuned one, and is of the bundle's code."""
    method = bundle.manifest.method
    if record.row != method or record.method != method.partition("@")[0]:
        raise Refused("method", f"{_named(record)} is a run of {record.method}, not of {method}.")
    if {**record.spec.method.options, OUTER_RATE: None} != {**options, OUTER_RATE: None}:
        raise Refused("method", f"{_named(record)} has other options than {method}, or the first of its runs.")
    digest = None if bundle.code is None else code_digest(bundle.manifest.file, bundle.code)
    if record.spec.sources != digest:
        raise Refused("code", f"{_named(record)} was trained by other code than the bundle's, or the suite's.")


def _is_reference(record: Record, reference: Sequence[Record]) -> bool:
    """Returns whether a run has the workload and method of the track's references, and code that was not edited."""
    spec = reference[0].spec
    return (record.spec.workload, record.spec.method, record.spec.sources) == (spec.workload, spec.method, None)


def _check_baseline_clock(record: Record, reference: Sequence[Record]) -> None:
    """Checks backpropagation's simulated seconds, which are exact, whatever it learns."""
    for ours, theirs in zip(record.evaluations, reference[0].evaluations, strict=False):
        if not math.isclose(ours.metrics[record.clock], theirs.metrics[record.clock], rel_tol=1e-6):
            raise Refused("clock", f"{_named(record)} has other simulated seconds than the track's reference.")


def _check_band(runs: Sequence[Record], reference: Sequence[Record], network: str) -> None:
    mean, interval, unit = mean_best(runs), band(reference, len(runs)), reference[0].judge.unit
    if not interval.low - _CLOSE <= mean <= interval.high + _CLOSE:
        raise Refused(
            "band",
            f"its backpropagation on {network} is at {mean:.4g} {unit}, the reference's at {interval.low:.4g} to "
            f"{interval.high:.4g} {unit}: the two do not train alike, so that nothing of it is ranked.",
        )


def _chosen(finals: Sequence[Record], trials: Sequence[Record], edition: Edition, network: str) -> Setting:
    """Returns the tuned values of the ranked runs, which have to be the best of the trials within the budget."""
    settings = {_setting(record) for record in finals}
    if len(settings) > 1:
        raise Refused(
            "tuning", f"its runs on {network} have {len(settings)} settings of rates; one is tuned for all seeds."
        )
    (chosen,) = settings
    tried: dict[Setting, list[Record]] = defaultdict(list)
    for record in trials:
        tried[_setting(record)].append(record)
    seeds = [*tuning_seeds(edition.budget)]
    if any(sorted(record.seed for record in runs) != seeds for runs in tried.values()):
        raise Refused("tuning", f"its trials on {network} are not of the seeds {seeds[0]} to {seeds[-1]}, each once.")
    if len(tried) > edition.budget.trials:
        raise Refused(
            "tuning", f"{len(tried)} rates were tried on {network}; the track's budget is {edition.budget.trials}."
        )
    if chosen not in tried:
        raise Refused("tuning", f"none of its {len(tried)} trials on {network} has the rate of its ranked runs.")
    scores = {setting: trial(Factors(), runs, VALIDATION).score for setting, runs in tried.items()}
    ranked = {setting: -math.inf if score is None else score for setting, score in scores.items()}
    if ranked[chosen] < max(ranked.values()):
        raise Refused("tuning", f"its rate on {network} is not the best of its trials by validation.")
    return chosen


def _setting(record: Record) -> Setting:
    work, outer = flat(record.spec.workload.document()), record.spec.method.options.get(OUTER_RATE)
    values = [*(work.get(name) for name in TUNED), outer]
    return tuple(float(value) if isinstance(value, int | float) else -1.0 for value in values)


def _best(record: Record) -> float:
    top = best(record)
    return math.nan if top is None else top.value


def _named(record: Record) -> str:
    return f"run {record.id[:12]} ({record.row} on {record.network}, seed {record.seed})"
