"""Checks and ranks the bundles of a folder; lists refused ones with the reason."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.views.submissions.bundle import read
from benchmarks.views.submissions.rules import Accepted, check, mean_best
from benchmarks.views.submissions.track import Edition, Track
from reports.tables.texts import printable
from results.records import Record
from results.statistics import reach
from results.statistics.aggregate import (
    Scores,
    improvement_interval,
    interquartile_interval,
    interquartile_mean,
    probability_of_improvement,
)
from results.statistics.intervals import Interval

DIGITS = 4
"""Decimals of scores and of values computed from them; further ones may differ between machines."""
MOST_BUNDLES = 1000


@dataclass(frozen=True)
class Entry:
    """A ranked bundle. improvement: probability that one of its runs beats one of backpropagation, with interval."""

    accepted: Accepted
    scores: Scores
    mean: float
    interval: Interval
    improvement: tuple[float, Interval]

    @property
    def name(self) -> str:
        """Key of the row, such as "my_sgd@period=4"."""
        return self.accepted.bundle.manifest.method

    @property
    def reached(self) -> tuple[int, int]:
        """Number of runs that reached the target, and of all."""
        scores = [score for of_network in self.scores.values() for score in of_network]
        return sum(score > 0 for score in scores), len(scores)

    @property
    def bests(self) -> dict[str, float]:
        """Mean best value of the ranked runs by network, rounded; nan if a run has none."""
        return {network: round(mean_best(records), DIGITS) for network, records in self.accepted.finals.items()}


@dataclass(frozen=True)
class Ranking:
    """Entries of one edition of a track, the best first. baseline: scores of the track's reference runs."""

    track: Track
    name: str
    entries: tuple[Entry, ...]
    baseline: Scores

    @property
    def edition(self) -> Edition:
        return self.track.edition(self.name)

    @property
    def places(self) -> list[int]:
        """Places of the entries; those of equal scores share one."""
        return [1 + sum(other.mean > entry.mean for other in self.entries) for entry in self.entries]


@dataclass(frozen=True)
class Leaderboard:
    """Rankings by track and edition. refused: (name of the file, a sentence), by name."""

    rankings: tuple[Ranking, ...]
    refused: tuple[tuple[str, str], ...]
    paths: Mapping[str, Path] = field(default_factory=dict)  # of ranked bundles, by sha256


def leaderboard(folder: Path) -> Leaderboard:
    """Checks and ranks all bundles (*.zip) of a folder; equal files count once. Raises UserError if there is none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".zip")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be read ({error.strerror}): name a folder with bundles of `submit`."
        ) from error
    if not 0 < len(paths) <= MOST_BUNDLES:
        raise UserError(
            f"{folder} holds {len(paths)} bundles (*.zip): give a folder with 1 to {MOST_BUNDLES:,} of them."
        )
    accepted: dict[str, Accepted] = {}
    refused: list[tuple[str, str]] = []
    for path in paths:
        try:
            bundle = read(path)
            accepted.setdefault(bundle.sha256, check(bundle))
        except USER_ERRORS as error:
            refused.append((printable(path.name), printable(str(error))))
    for copies in _copies(accepted.values()):
        for copy in copies:
            others = ", ".join(sorted(printable(other.bundle.path.name) for other in copies if other is not copy))
            refused.append((printable(copy.bundle.path.name), f"its ranked runs are those of {others}: keep one file."))
            del accepted[copy.bundle.sha256]
    ranked = {digest: entry.bundle.path for digest, entry in accepted.items()}
    return Leaderboard(rank(accepted.values()), tuple(sorted(refused)), ranked)


def _copies(accepted: Iterable[Accepted]) -> list[list[Accepted]]:
    """Returns groups of bundles with the same ranked runs, whoever is said to have trained them.

    Runs of one training have its wall-clock seconds to the digit, which no other training has.
    """
    groups: dict[Any, list[Accepted]] = defaultdict(list)
    for entry in accepted:
        groups[_evaluations(entry)].append(entry)
    return [group for group in groups.values() if len(group) > 1]


def _evaluations(entry: Accepted) -> tuple[Any, ...]:
    """Returns every metric of the ranked runs' evaluations, wall-clock seconds included."""
    return tuple(
        tuple(sorted(point.metrics.items()))
        for _, records in sorted(entry.finals.items())
        for record in records
        for point in record.evaluations
    )


def rank(accepted: Iterable[Accepted]) -> tuple[Ranking, ...]:
    """Returns a ranking for each edition of a track that has bundles, in an order that no file's name decides."""
    groups: dict[tuple[str, str], list[Accepted]] = defaultdict(list)
    for submission in accepted:
        groups[submission.bundle.manifest.track, submission.bundle.manifest.edition].append(submission)
    rankings = []
    for (_, name), group in sorted(groups.items()):
        first = group[0]
        baseline = scores(first.reference, first.reference, first.edition)
        entries = sorted(
            (_entry(submission, baseline) for submission in group),
            key=lambda entry: (-entry.mean, -entry.improvement[0], *_worse(entry), entry.name, _digest(entry)),
        )
        rankings.append(Ranking(first.track, name, tuple(entries), baseline))
    return tuple(rankings)


def _worse(entry: Entry) -> Iterator[float]:
    """Yields each network's mean best, so that less is better; infinite for one without."""
    for network, value in entry.bests.items():
        yield math.inf if math.isnan(value) else -entry.accepted.finals[network][0].judge.rank(value)


def _digest(entry: Entry) -> str:
    return entry.accepted.bundle.sha256


def scores(
    runs: Mapping[str, Sequence[Record]], reference: Mapping[str, Sequence[Record]], edition: Edition
) -> dict[str, list[float]]:
    """Returns the runs' scores by network: the reference's mean seconds to the target over the run's; 0 if never."""
    result = {}
    for network, target in edition.targets.items():
        expected = [reach(record, target) for record in reference[network]]
        mean = sum(way.seconds for way in expected if way is not None) / len(expected)
        reached = [reach(record, target) for record in runs[network]]
        result[network] = [round(mean / way.seconds, DIGITS) if way is not None else 0.0 for way in reached]
    return result


def _entry(accepted: Accepted, baseline: Scores) -> Entry:
    own = scores(accepted.finals, accepted.reference, accepted.edition)
    improvement = (
        round(probability_of_improvement(own, baseline), DIGITS),
        _rounded(improvement_interval(own, baseline)),
    )
    mean, interval = round(interquartile_mean(own), DIGITS), _rounded(interquartile_interval(own))
    return Entry(accepted, own, mean, interval, improvement)


def _rounded(interval: Interval) -> Interval:
    return Interval(round(interval.low, DIGITS), round(interval.high, DIGITS), interval.level)
