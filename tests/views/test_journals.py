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
    all_journals = Journals((own, later))
    assert all_journals.of(run) is own
    assert all_journals.done(run)


def test_else_the_latest_run_of_the_same_experiment_counts_and_is_said() -> None:
    run, other_seed = planned()
    first, second = made(run, "2026-01", sources="0" * 64), made(run, "2026-02", torch="1.0")
    all_journals = Journals((first, second))
    assert all_journals.of(run) is second
    assert all_journals.of(other_seed) is None
    assert not all_journals.done(run), "`run` trains it"
    (table_runs,) = (
        candidate for candidate in find_all_runs(grids(CHOSEN), all_journals) if candidate.table.id == "table1"
    )
    assert table_runs.used == [second]
    assert made_elsewhere([table_runs]) == (
        "1 of 1 runs were made by another torch than this one: commit abababababab, torch 1.0."
    )
    assert list(not_shown(all_journals, [table_runs])) == [
        "1 runs are not shown: others of the same experiments count instead of them."
    ]


def test_runs_on_another_form_of_the_data_count_where_these_are_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CIFAR-100 as a tree of PNG has the samples of the published form, in another order."""
    monkeypatch.delenv("BENCHMARKS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data_folder = tmp_path / "with"
    (data_folder / "cifar100-png" / "train").mkdir(parents=True)
    (data_folder / "cifar100-png" / "test").mkdir()
    with_data, without_data = (
        resolve(table("table3"), replace(CHOSEN, scale="small", data=folder)).runs[0]
        for folder in (data_folder, tmp_path)
    )
    record = made(with_data, "2026-01")
    assert (with_data.form_is_open, without_data.form_is_open) == (False, True)
    assert without_data.id != with_data.id
    all_journals = Journals((record,))
    assert all_journals.of(without_data) is record
    assert not all_journals.done(without_data), "`run` needs the data"
    table_runs = find_runs(resolve(table("table3"), replace(CHOSEN, scale="small", data=tmp_path)), all_journals)
    assert "on another form of their data" in made_elsewhere([table_runs])
    of_published_form = replace(without_data, form_is_open=False)
    assert all_journals.of(of_published_form) is None, "where the published form is, another counts for nothing"


def test_without_seeds_those_that_have_runs_are_shown() -> None:
    """Shows the seeds of the scale; trials of tuning are not a table's."""
    runs = resolve(table("table1"), replace(CHOSEN, seeds=(0, 3, FIRST_TRIAL_SEED))).runs
    all_journals = Journals(tuple(made(run, "2026-01") for run in runs))
    (at_condition,) = at_conditions(CHOSEN, all_journals, every={"scale", "seeds"})
    (table_runs,) = (candidate for candidate in at_condition.shown if candidate.table.id == "table1")
    assert (at_condition.condition.scale, table_runs.grid.seeds, len(table_runs.used)) == ("smoke", (0, 3), 2)


def test_only_sources_and_torch_may_differ() -> None:
    run = planned()[0]
    assert Journals((made(run, "2026-01", device="cuda"),)).of(run) is None


def test_an_unfinished_run_of_exactly_this_identity_is_to_be_trained() -> None:
    run = planned()[0]
    all_journals = Journals((made(run, "2026-01", status="interrupted"),))
    assert all_journals.of(run) is not None
    assert not all_journals.done(run)


def test_what_cannot_be_used_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    usable_record = write(tmp_path, [50.0], seed=0)
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
    all_journals = journals.read(tmp_path)
    assert [record.id for record in all_journals.records] == [usable_record.id]
    sentences = "\n".join(sorted(all_journals.left_out))
    for words in ("holds no run yet", "no usable virtual_seconds", "spec.seed: "):
        assert words in sentences
    assert len(all_journals.left_out) == 4


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
    older_run = replace(scheduled, spec=spec)
    all_journals = Journals((made(older_run, "2026", sources="older"),))
    assert all_journals.of(adaptive) is None
    assert all_journals.of(scheduled) is all_journals.records[0]


def of_rate(rate: str) -> Run:
    settings = {"async_lu": {"rate": rate}}
    return resolve(table("table1"), replace(CHOSEN, methods=("async_lu",), settings=settings)).runs[0]
