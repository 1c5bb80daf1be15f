"""The one rule of which runs count, and what a reader of a folder leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.every_condition import at_conditions
from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import grids, resolve
from benchmarks.tables.registry import table
from benchmarks.views import journals
from benchmarks.views.journals import Journals
from benchmarks.views.table_runs import find_all_runs, find_runs, made_elsewhere, not_shown
from results.groups import FIRST_TRIAL_SEED
from results.records.spec import MethodSpec
from tests.results.samples import lines_of, rewrite, write
from tests.views.runs import made

CHOSEN = Choices(seeds=(0, 1), networks=("resnet18",), methods=("bp",))


def planned() -> list[Run]:
    return resolve(table("table1"), CHOSEN).runs


def test_the_run_of_exactly_this_identity_counts_before_later_ones() -> None:
    run = planned()[0]
    own, later = made(run, "2026-01"), made(run, "2026-02", sources="0" * 64)
    held = Journals((own, later))
    assert held.of(run) is own
    assert held.done(run)


def test_else_the_latest_run_of_the_same_experiment_counts_and_is_said() -> None:
    run, other_seed = planned()
    first, second = made(run, "2026-01", sources="0" * 64), made(run, "2026-02", torch="1.0")
    held = Journals((first, second))
    assert held.of(run) is second
    assert held.of(other_seed) is None
    assert not held.done(run), "`run` trains it"
    (table_runs,) = (one for one in find_all_runs(grids(CHOSEN), held) if one.table.id == "table1")
    assert table_runs.used == [second]
    assert made_elsewhere([table_runs]) == (
        "1 of 1 runs were made by another torch than this one: commit abababababab, torch 1.0."
    )
    assert list(not_shown(held, [table_runs])) == [
        "1 runs are not shown: others of the same experiments count instead of them."
    ]


def test_runs_on_another_form_of_the_data_count_where_these_are_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CIFAR-100 as a tree of PNG has the samples of the published form, in another order."""
    monkeypatch.delenv("BENCHMARKS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    elsewhere = tmp_path / "with"
    (elsewhere / "cifar100-png" / "train").mkdir(parents=True)
    (elsewhere / "cifar100-png" / "test").mkdir()
    there, here = (
        resolve(table("table3"), replace(CHOSEN, scale="small", data=folder)).runs[0]
        for folder in (elsewhere, tmp_path)
    )
    kept = made(there, "2026-01")
    assert (there.form_is_open, here.form_is_open) == (False, True)
    assert here.id != there.id
    held = Journals((kept,))
    assert held.of(here) is kept
    assert not held.done(here), "`run` needs the data"
    table_runs = find_runs(resolve(table("table3"), replace(CHOSEN, scale="small", data=tmp_path)), held)
    assert "on another form of their data" in made_elsewhere([table_runs])
    published = replace(here, form_is_open=False)
    assert held.of(published) is None, "where the published form is, another counts for nothing"


def test_without_seeds_those_that_have_runs_are_shown() -> None:
    """Shows the seeds of the scale; trials of tuning are not a table's."""
    runs = resolve(table("table1"), replace(CHOSEN, seeds=(0, 3, FIRST_TRIAL_SEED))).runs
    held = Journals(tuple(made(run, "2026-01") for run in runs))
    (there,) = at_conditions(CHOSEN, held, every={"scale", "seeds"})
    (table_runs,) = (one for one in there.shown if one.table.id == "table1")
    assert (there.condition.scale, table_runs.grid.seeds, len(table_runs.used)) == ("smoke", (0, 3), 2)


def test_only_sources_and_torch_may_differ() -> None:
    run = planned()[0]
    assert Journals((made(run, "2026-01", device="cuda"),)).of(run) is None


def test_an_unfinished_run_of_exactly_this_identity_is_to_be_trained() -> None:
    run = planned()[0]
    held = Journals((made(run, "2026-01", status="interrupted"),))
    assert held.of(run) is not None
    assert not held.done(run)


def test_what_cannot_be_used_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    kept = write(tmp_path, [50.0], seed=0)
    changes: tuple[dict[str, Any], ...] = ({"metrics": {"loss": 1.0}}, {"step": 0})
    for seed, change in enumerate(changes, start=1):
        path = write(tmp_path, [50.0], seed=seed).path
        lines = lines_of(path)
        lines[1] |= change
        rewrite(path, lines)
    (tmp_path / "runs" / "cut").mkdir()
    (tmp_path / "runs" / "cut" / "journal.jsonl").write_bytes(b"")
    nameless = write(tmp_path, [50.0], seed=3).path
    lines = lines_of(nameless)
    lines[0]["spec"]["seed"] = "x"
    rewrite(nameless, lines)
    found = journals.read(tmp_path)
    assert [record.id for record in found.records] == [kept.id]
    said = "\n".join(sorted(found.left_out))
    for words in ("holds no run yet", "no usable virtual_seconds", "spec.seed: "):
        assert words in said
    assert len(found.left_out) == 4


def test_nothing_to_use_is_one_sentence_with_the_first_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^There are no runs in .*: run a table first, or name another folder\.$"):
        journals.some(tmp_path)
    write(tmp_path, [50.0]).path.write_text("junk\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"not a journal line"):
        journals.some(tmp_path)


def test_a_run_made_before_an_option_was_there_counts() -> None:
    """It is as one with the option's default, and as no other."""
    scheduled, adaptive = (of_rate(rate) for rate in ("scheduled", "delay_adaptive"))
    options = {key: value for key, value in scheduled.spec.method.options.items() if key != "rate"}
    spec = scheduled.spec.model_copy(update={"method": MethodSpec(name="async_lu", options=options)})
    older = replace(scheduled, spec=spec)
    found = Journals((made(older, "2026", sources="older"),))
    assert found.of(adaptive) is None
    assert found.of(scheduled) is found.records[0]


def of_rate(rate: str) -> Run:
    settings = {"async_lu": {"rate": rate}}
    return resolve(table("table1"), replace(CHOSEN, methods=("async_lu",), settings=settings)).runs[0]
