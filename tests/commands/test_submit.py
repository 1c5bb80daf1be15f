"""Tests `submit`, `leaderboard` and `retrain` on the command line, with the kept references' curves for all runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Begin, Ended, Listen, Setting
from benchmarks.views.submissions.track import references
from benchmarks.views.submissions.tracks import TRACKS
from methods import registry
from results.groups import FIRST_TRIAL_SEED
from results.records import JOURNAL, content_of, folder_of
from tests.commands.commands import Cli
from tests.results.samples import rewrite

BUNDLE = Path("out/submissions/my_sgd-lm-smoke.zip")
EARLY = 0.004
"""Rates above it are the best by validation here."""


class Learner:
    """Replaces pool.train_all: gives each run a reference's curve. luck: factor of its losses."""

    def __init__(self) -> None:
        self.luck = 1.0
        self.seeds: set[int] = set()

    def __call__(self, runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
        ended = {}
        curves = references(TRACKS["lm"], "smoke")
        for run in runs:
            listen(Begin(run.id, run.spec, run.labels))
            self.seeds.add(run.spec.seed)
            lines = [json.loads(line) for line in content_of(curves[run.spec.seed % len(curves)].path).splitlines()]
            for line in lines:
                line.pop("chain")
            lines[0] |= {"id": run.id, "spec": run.spec.document(), "labels": run.labels.document()}
            factor = 0.9 if run.spec.seed >= FIRST_TRIAL_SEED and run.work.schedule.lr > EARLY else 1.0
            for line in lines[1:-1]:
                for name in ("loss", "validation_loss"):
                    line["metrics"][name] *= factor * (self.luck if run.spec.method.name == "my_sgd" else 1.0)
            path = folder_of(setting.out, run.id) / JOURNAL
            path.parent.mkdir(parents=True, exist_ok=True)
            rewrite(path, lines)
            ended[run.id] = Ended(run.id, "finished", "")
            listen(ended[run.id])
        return ended


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> Learner:
    learner = Learner()
    monkeypatch.setattr(pool, "train_all", learner)
    return learner


def test_a_plug_in_is_submitted_ranked_and_trained_again(cli: Cli, learner: Learner) -> None:
    cli.ok("new", "method", "my_sgd")
    assert str(BUNDLE) in cli.ok("submit", "my_sgd.py", "--track=lm", "--author=me").out
    cli.ok("leaderboard", "out/submissions")
    (ranking,) = json.loads(Path("out/leaderboard/leaderboard.json").read_text())["rankings"]
    (entry,) = ranking["entries"]
    assert (entry["method"], entry["declared"]["author"], entry["reached"]) == ("my_sgd", "me", [5, 5])
    assert entry["learning_rates"]["gpt"] > EARLY
    learner.seeds.clear()
    del registry._methods["my_sgd"]  # a process of its own has none
    retrained = cli("retrain", str(BUNDLE))
    assert (retrained.code, retrained.err) == (0, "")
    assert len(learner.seeds) == 8
    learner.luck = 0.99
    del registry._methods["my_sgd"]
    assert cli("retrain", str(BUNDLE)).code == 1


def test_a_folder_with_a_refused_bundle_ends_with_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    cli.refused("leaderboard", "bundles")
    (tmp_path / "bundles" / "a.zip").write_bytes(b"no zip")
    result = cli("leaderboard", "bundles")
    assert (result.code, result.err) == (1, "")
    assert "a.zip" in Path("out/leaderboard/leaderboard.md").read_text()
    assert "a.zip" in cli.refused("retrain", "bundles/a.zip").err


@pytest.mark.parametrize(
    "arguments",
    [
        ("bp", "--track=lmm"),
        ("bp", "--track=lm", "--edition=large"),
        ("my_sgd", "--track=lm"),
        ("lapsgd@batch=8", "--track=lm"),
        ("lapsgd@devices=8", "--track=lm"),
        ("bp", "--track=lm", "--author=two\nlines"),
        ("bp", "--track=lm", f"--label={201 * 'x'}"),
    ],
)
def test_what_breaks_a_track_s_rules_is_said_before_training(cli: Cli, arguments: Sequence[str]) -> None:
    cli.refused("submit", *arguments)
