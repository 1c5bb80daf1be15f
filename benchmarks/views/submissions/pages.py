"""Writes a leaderboard as HTML, Markdown and JSON, with a picture of performance profiles for each ranking."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.views.submissions.board import Entry, Leaderboard, Ranking
from benchmarks.views.submissions.track import Edition
from reports.figures.looks import drawable
from reports.figures.profiles import Profile, profiles
from reports.site.leaderboard import Section, write
from reports.site.pages import Grid, Picture
from results.files import replace
from results.frames import torch
from results.statistics.aggregate import performance_profile
from results.statistics.intervals import Interval

HEADERS = (
    "Method",
    "Score (interquartile mean)",
    "Beats BP with probability",
    "Reached the target",
    "Best (mean), target",
    "Learning rate",
    "Code",
    "Label (declared)",
    "Author (declared)",
)
STEPS = 60
"""Number of scores at which a profile is drawn."""


def write_all(board: Leaderboard, folder: Path) -> list[Path]:
    """Writes leaderboard.html, .md, .json, style.css and pictures -> the paths. Raises ResultsError as `replace`."""
    sections = [_section(ranking, folder) for ranking in board.rankings]
    pictures = [path for ranking in board.rankings for path in _draw(ranking, _stem(ranking, folder))]
    refused = Grid("Refused bundles", ("File", "Why"), board.refused, numbers=False) if board.refused else None
    pages = write(sections, refused, folder)
    document = json.dumps(_document(board), indent=2, ensure_ascii=False) + "\n"
    replace(folder / "leaderboard.json", document.encode())
    return [*pages, folder / "leaderboard.json", *pictures]


def table_of(ranking: Ranking) -> Grid:
    """Returns a ranking as a table of texts."""
    ranked = zip(ranking.places, ranking.entries, strict=True)
    rows = tuple((_method(place, entry), *_cells(entry, ranking.edition)) for place, entry in ranked)
    return Grid(f"{ranking.track.title}, edition {ranking.name}", HEADERS, rows, numbers=False)


def _section(ranking: Ranking, folder: Path) -> Section:
    edition, budget = ranking.edition, ranking.edition.budget
    first = next(iter(ranking.entries[0].accepted.reference.values()))[0]
    targets = ", ".join(f"{network} {first.judge.with_unit(target)}" for network, target in edition.targets.items())
    lines = (
        f"Score of a run: simulated seconds of backpropagation on one device to the target, over its own; 0 where the "
        f"target is not reached. Targets: {targets}. Clock: the card {ranking.track.card}, {ranking.track.devices} "
        "devices.",
        f"{edition.seeds} seeds a network; {budget.trials} learning rates a network were tried, of which validation "
        "chose. That no more were tried is declared.",
        "A rate that is the lowest or highest tried may not be the best: a better one may lie beyond.",
        "Brackets: 95 % intervals of a bootstrap within each network. Mean: of the middle half of all runs.",
    )
    picture = Picture(
        _stem(ranking, folder),
        "Share of runs with at least this score, networks counting alike.",
        f"Performance profiles of {len(ranking.entries)} methods, {ranking.track.id}, {ranking.name}",
    )
    return Section(f"{ranking.track.id}-{ranking.name}", lines, table_of(ranking), picture)


def _method(place: int, entry: Entry) -> str:
    return f"{place}. {entry.accepted.bundle.manifest.title}"


def _cells(entry: Entry, edition: Edition) -> Iterator[str]:
    accepted = entry.accepted
    manifest, code = entry.accepted.bundle.manifest, entry.accepted.bundle.code
    probability, interval = entry.improvement
    yield f"{entry.mean:.2f} {_brackets(entry.interval)}"
    yield f"{probability:.2f} {_brackets(interval)}"
    yield "{} of {}".format(*entry.reached)
    bests = []
    for network, target in edition.targets.items():
        judge, best = accepted.finals[network][0].judge, entry.bests[network]
        reached = "none" if math.isnan(best) else judge.with_unit(round(best, judge.digits + 1))
        bests.append(f"{network} {reached}, target {judge.with_unit(target)}")
    yield "; ".join(bests)
    rates = []
    for network, values in accepted.tuned.items():
        edge = f" (the {accepted.edge(network)} tried)" if accepted.edge(network) else ""
        rates.append(f"{network} {values[0]:.4g}{edge}")
    yield ", ".join(rates)
    yield "of the suite" if code is None else f"{manifest.file}, sha256 {manifest.sha256['method.py'][:12]}"
    yield manifest.label or "–"
    yield manifest.author or "–"


def _brackets(interval: Interval) -> str:
    return f"[{interval.low:.2f}, {interval.high:.2f}]"


def _stem(ranking: Ranking, folder: Path) -> Path:
    return folder / f"{ranking.track.id}-{ranking.name}"


def _draw(ranking: Ranking, stem: Path) -> Sequence[Path]:
    """Draws the profiles of all entries, and of the reference runs."""
    top = max(1.0, *(max(map(max, entry.scores.values())) for entry in ranking.entries))
    at = [round(1.05 * top * step / STEPS, 6) for step in range(1, STEPS + 1)]
    curves = [
        Profile(drawable(_method(place, entry)), entry.name, performance_profile(entry.scores, at))
        for place, entry in zip(ranking.places, ranking.entries, strict=True)
    ]
    curves.append(Profile("BP, the reference", "bp@reference", performance_profile(ranking.baseline, at)))
    return profiles(at, curves, stem, title=f"{ranking.track.id}, edition {ranking.name}: performance profiles")


def _document(board: Leaderboard) -> dict[str, Any]:
    rankings = [
        {
            "track": ranking.track.id,
            "edition": ranking.name,
            "targets": dict(ranking.edition.targets),
            "entries": [
                {"place": place, **_entry_document(entry)}
                for place, entry in zip(ranking.places, ranking.entries, strict=True)
            ],
        }
        for ranking in board.rankings
    ]
    return {"format": 1, "rankings": rankings, "refused": [{"file": name, "why": why} for name, why in board.refused]}


def _entry_document(entry: Entry) -> dict[str, Any]:
    manifest, runs = entry.accepted.bundle.manifest, entry.accepted.finals
    records = [record for of_network in runs.values() for record in of_network]
    return {
        "method": entry.name,
        "title": manifest.title,
        "declared": {"author": manifest.author, "label": manifest.label},
        "bundle_sha256": entry.accepted.bundle.sha256,
        "score": entry.mean,
        "score_interval": [entry.interval.low, entry.interval.high],
        "beats_bp": entry.improvement[0],
        "beats_bp_interval": [entry.improvement[1].low, entry.improvement[1].high],
        "reached": list(entry.reached),
        "scores": entry.scores,
        "best": {network: None if math.isnan(value) else value for network, value in entry.bests.items()},
        "learning_rates": {network: values[0] for network, values in entry.accepted.tuned.items()},
        "torch": sorted({str(torch(record)) for record in records}),
        "numerics": sorted({record.spec.numerics or 0 for record in records}),
    }
