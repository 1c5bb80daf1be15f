"""Rank the bundles of a folder: each is checked, nothing of it is executed, and those refused are listed with why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.views.submissions.bundle import read
from benchmarks.views.submissions.rules import Accepted, check
from benchmarks.views.submissions.track import Edition, Track
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
"""Digits kept of scores and of values computed from them; further digits may differ between machines."""
MOST_BUNDLES = 1000


@dataclass(frozen=True)
class Entry:
    """A ranked bundle. improvement: the probability that a run of it beats one of backpropagation, and its interval."""

    accepted: Accepted
    scores: Scores
    mean: float
    interval: Interval
    improvement: tuple[float, Interval]

    @property
    def name(self) -> str:
        """The row's name, such as "my_sgd@period=4"."""
        return self.accepted.bundle.manifest.method

    @property
    def reached(self) -> tuple[int, int]:
        """Runs that reached the target, of how many."""
        every = [score for its in self.scores.values() for score in its]
        return sum(score > 0 for score in every), len(every)


@dataclass(frozen=True)
class Ranking:
    """The entries of one edition of a track, the best first. baseline: scores of the track's reference runs."""

    track: Track
    name: str
    entries: tuple[Entry, ...]
    baseline: Scores

    @property
    def edition(self) -> Edition:
        return self.track.edition(self.name)


@dataclass(frozen=True)
class Leaderboard:
    """Rankings by track and edition. refused: (name of the file, a sentence), by name."""

    rankings: tuple[Ranking, ...]
    refused: tuple[tuple[str, str], ...]
    paths: Mapping[str, Path] = field(default_factory=dict)  # by sha256, of those that are ranked


def leaderboard(folder: Path) -> Leaderboard:
    """Check and rank all bundles (*.zip) of a folder; equal files count once. Raises UserError where there is none."""
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
    refused = []
    for path in paths:
        try:
            bundle = read(path)
            accepted.setdefault(bundle.sha256, check(bundle))
        except UserError as error:
            refused.append((path.name, str(error)))
    return Leaderboard(rank(accepted.values()), tuple(refused), {key: one.bundle.path for key, one in accepted.items()})


def rank(accepted: Iterable[Accepted]) -> tuple[Ranking, ...]:
    """Returns a ranking for each edition of a track that has bundles, in an order that no file's name decides."""
    groups: dict[tuple[str, str], list[Accepted]] = defaultdict(list)
    for one in accepted:
        groups[one.bundle.manifest.track, one.bundle.manifest.edition].append(one)
    rankings = []
    for (_, name), its in sorted(groups.items()):
        first = its[0]
        baseline = scores(first.reference, first.reference, first.edition)
        entries = sorted(
            (_entry(one, baseline) for one in its),
            key=lambda entry: (-entry.mean, -entry.improvement[0], entry.name, entry.accepted.bundle.sha256),
        )
        rankings.append(Ranking(first.track, name, tuple(entries), baseline))
    return tuple(rankings)


def scores(
    runs: Mapping[str, Sequence[Record]], reference: Mapping[str, Sequence[Record]], edition: Edition
) -> dict[str, list[float]]:
    """Returns the score of each run by network: the reference's mean seconds to the target over its own, else 0."""
    found = {}
    for network, target in edition.targets.items():
        ways = [reach(record, target) for record in reference[network]]
        mean = sum(way.seconds for way in ways if way is not None) / len(ways)
        own = [reach(record, target) for record in runs[network]]
        found[network] = [round(mean / way.seconds, DIGITS) if way is not None else 0.0 for way in own]
    return found


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
