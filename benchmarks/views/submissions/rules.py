"""Hold a bundle to its track's rules, by its journals and the reference runs; nothing of the bundle is executed.

What journals cannot show is declared, and shown as such: the author, the label, and that no more was tried for the
tuning than the bundle holds.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

from benchmarks.runner.tuning.search import VALIDATION, Factors
from benchmarks.runner.tuning.trials import OUTER_RATE, trial, tuning_seeds
from benchmarks.tables.shared import BASELINE
from benchmarks.views.submissions.bundle import CODE, Bundle, Refused
from benchmarks.views.submissions.track import Edition, Track, references
from benchmarks.views.submissions.tracks import track_of
from methods.registry import own
from results.records import Record
from results.records.spec import Document, Effects, RunSpec, flat
from results.statistics import best
from results.statistics.intervals import LEVEL, Interval, spread

TUNED = ("schedule.lr", "schedule.warm_up_lr", "schedule.floor", "optimizer.weight_decay")
"""Settings of the workload that a submission tunes; all others are the track's."""
FASTEST = 0.5
"""Seconds of a batch at least, as a share of backpropagation's over the devices: some of its step may overlap."""
_CLOSE = 1e-9
Setting = tuple[float, ...]
"""Tuned values: those of TUNED, and the rate of the method's outer optimizer (-1: none)."""


@dataclass(frozen=True)
class Accepted:
    """A bundle that keeps its track's rules.

    finals: runs that are ranked, by network and seed. reference: the track's runs of backpropagation. tuned: by
    network.
    """

    bundle: Bundle
    track: Track
    edition: Edition
    finals: Mapping[str, Sequence[Record]]
    reference: Mapping[str, Sequence[Record]]
    tuned: Mapping[str, Setting]


def check(bundle: Bundle) -> Accepted:
    """Hold a bundle to the rules of its track. Raises Refused, or UserError where there is no such track."""
    track = track_of(bundle.manifest.track)
    edition = track.edition(bundle.manifest.edition)
    kept = references(track, bundle.manifest.edition)
    reference = {network: _of(kept, network) for network in edition.targets}
    finals: dict[str, Sequence[Record]] = {}
    tuned: dict[str, Setting] = {}
    used: set[str] = set()
    _check_name(bundle)
    for network, its in reference.items():
        baseline = [record for record in _of(bundle.runs, network) if _is_reference(record, its)]
        ranked = [record for record in _of(bundle.runs, network) if record.row == bundle.manifest.method]
        if bundle.manifest.method == BASELINE.key and len(ranked) > len(baseline):  # tuned, beside the track's own
            ranked = [record for record in ranked if record not in baseline]
        finals[network] = _seeds(ranked, edition, f"{bundle.manifest.method} on {network}")
        trials = _of(bundle.trials, network)
        for record in (*finals[network], *trials):
            _check_method(record, finals[network][0], bundle)
            _check_run(record, its, track)
        tuned[network] = _chosen(finals[network], trials, edition, network)
        for record in _seeds(baseline, edition, f"BP at the track's rates on {network}"):
            _check_run(record, its, track)
            _check_baseline_clock(record, its)
        _check_band(baseline, its, network)
        used |= {record.id for record in (*ranked, *baseline)}
    others = [record for record in bundle.runs if record.id not in used]
    if others := others or [record for record in bundle.trials if record.network not in edition.targets]:
        raise Refused("others", f"{_named(others[0])} has no place in the track.")
    return Accepted(bundle, track, edition, finals, reference, tuned)


def band(reference: Sequence[Record], runs: int) -> Interval:
    """Returns where the mean best of so many further runs of backpropagation lies with 95 % (a prediction interval)."""
    found = spread([_best(record) for record in reference])
    assert found is not None, "a track has several reference runs"
    error = math.sqrt(found.variance * (1 + len(reference) / runs))  # s * sqrt(1/n + 1/m), variance being s^2 / n
    half = float(stats.t.ppf((1 + LEVEL) / 2, found.freedom)) * error
    return Interval(found.mean - half, found.mean + half)


def code_digest(name: str, code: bytes) -> str:
    """Returns the digest of a method in one file of this name, as the spec of its runs has it."""
    return hashlib.sha256(name.encode() + b"\0" + code + b"\0").hexdigest()


def mean_best(records: Sequence[Record]) -> float:
    """Returns the mean of the runs' best values on the test split; nan where one has none."""
    return math.fsum(map(_best, records)) / len(records)


def _check_name(bundle: Bundle) -> None:
    """Raises Refused unless the code is the bundle's or the suite's own; a plug-in's class is not loaded."""
    method = bundle.manifest.method.partition("@")[0]
    if (bundle.code is None) != (method in own()):
        raise Refused("method", f"its method is {method}: one of the suite's has no {CODE}, any other has one.")


def _of(records: Iterable[Record], network: str) -> list[Record]:
    return [record for record in records if record.network == network]


def _seeds(records: Iterable[Record], edition: Edition, whose: str) -> list[Record]:
    """The runs of the edition's seeds, each once."""
    found = sorted(records, key=lambda record: record.seed)
    if [record.seed for record in found] != list(range(edition.seeds)):
        there = ", ".join(str(record.seed) for record in found) or "none"
        raise Refused(
            "seeds", f"{whose} has runs of the seeds {there}; the track wants 0 to {edition.seeds - 1}, each once."
        )
    return found


def _check_run(record: Record, reference: Sequence[Record], track: Track) -> None:
    """The workload, clock and network of the track, whole epochs of all batches, in a time that they take."""
    if not record.complete:
        raise Refused("ended", f"{_named(record)} did not end: {record.status}.")
    ours, theirs = (_shared(one.spec) for one in (record, reference[0]))
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
    if record.status == "finished":
        _check_gradients(record)


def _check_gradients(record: Record) -> None:
    """The gradients of all batches were computed, and applied or dropped."""
    end = record.end or {}
    if "effects" not in end:
        raise Refused("batches", f"{_named(record)} did not count its gradients.")
    counted, steps = Effects.model_validate(end["effects"]), record.evaluations[-1].step
    if counted.gradients != steps * len(counted.updates) or counted.applied + counted.dropped != counted.gradients:
        raise Refused(
            "batches", f"{_named(record)} had {steps} batches and {len(counted.updates)} layers, and counted "
            f"{counted.gradients} gradients, of which {counted.applied} were applied and {counted.dropped} dropped."
        )  # fmt: skip


def _pace(reference: Record) -> float:
    last = reference.evaluations[-1]
    return last.metrics[reference.clock] / last.step


def _shared(spec: RunSpec) -> Document:
    """Returns the settings that all runs of a track's network share."""
    said = {name: value for name, value in flat(spec.workload.document()).items() if name not in TUNED}
    charged = None if spec.charged is None else spec.charged.document()
    return {**said, "executor": spec.executor, "device": spec.device, "card": spec.hardware.sha256, "charged": charged}


def _check_method(record: Record, first: Record, bundle: Bundle) -> None:
    """The row's own runs, all with the same options, and of the code in the bundle."""
    named = bundle.manifest.method
    if record.row != named or record.method != named.partition("@")[0]:
        raise Refused("method", f"{_named(record)} is a run of {record.method}, not of {named}.")
    ours, theirs = ({**one.spec.method.options, OUTER_RATE: None} for one in (record, first))
    if ours != theirs:
        raise Refused("method", f"{_named(record)} has other options than the first of its runs.")
    digest = None if bundle.code is None else code_digest(bundle.manifest.file, bundle.code)
    if record.spec.sources != digest:
        raise Refused("code", f"{_named(record)} was trained by other code than the bundle's, or the suite's.")


def _is_reference(record: Record, its: Sequence[Record]) -> bool:
    """Whether it is a run of backpropagation as the track's references are, of code that was not edited."""
    known = its[0].spec
    return (record.spec.workload, record.spec.method, record.spec.sources) == (known.workload, known.method, None)


def _check_baseline_clock(record: Record, its: Sequence[Record]) -> None:
    """Simulated seconds of backpropagation are exact, whatever it learns."""
    for ours, theirs in zip(record.evaluations, its[0].evaluations, strict=False):
        if not math.isclose(ours.metrics[record.clock], theirs.metrics[record.clock], rel_tol=1e-6):
            raise Refused("clock", f"{_named(record)} has other simulated seconds than the track's reference.")


def _check_band(runs: Sequence[Record], reference: Sequence[Record], network: str) -> None:
    mean, where, judge = mean_best(runs), band(reference, len(runs)), runs[0].judge
    if not where.low - _CLOSE <= mean <= where.high + _CLOSE:
        raise Refused(
            "band",
            f"its backpropagation on {network} is at {mean:.4g} {judge.unit}, the reference's at {where.low:.4g} to "
            f"{where.high:.4g} {judge.unit}: the two do not train alike, so that nothing of it is ranked.",
        )


def _chosen(finals: Sequence[Record], trials: Sequence[Record], edition: Edition, network: str) -> Setting:
    """The tuned values of the runs that are ranked: the best of the trials, within the track's budget."""
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
    if any(sorted(record.seed for record in its) != seeds for its in tried.values()):
        raise Refused("tuning", f"its trials on {network} are not of the seeds {seeds[0]} to {seeds[-1]}, each once.")
    if len(tried) > edition.budget.trials:
        raise Refused(
            "tuning", f"{len(tried)} rates were tried on {network}; the track's budget is {edition.budget.trials}."
        )
    scores = {setting: trial(Factors(), its, VALIDATION).score for setting, its in tried.items()}
    ranked = {setting: -math.inf if score is None else score for setting, score in scores.items()}
    if chosen not in ranked or ranked[chosen] < max(ranked.values()):
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
