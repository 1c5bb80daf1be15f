"""`--set` takes precedence over a table's rows, and a row's name follows its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve, row_method, row_workload
from benchmarks.tables.registry import IDS, table
from benchmarks.workloads.data.cards import card
from results import published

SMALL = Choices(seeds=(0,))


def chosen(*settings: str, **changes: Any) -> Choices:
    parsed: dict[str, dict[str, str]] = {}
    for setting in settings:
        owner, _, rest = setting.partition(".")
        key, _, value = rest.partition("=")
        parsed.setdefault(owner, {})[key] = value
    return replace(SMALL, settings=parsed, **changes)


def by_row(id: str, *settings: str, **changes: Any) -> Mapping[str, Run]:
    """Returns the table's runs on its first network by row, after checking that rows share no run."""
    choices = chosen(*settings, **changes)
    runs = resolve(table(id), choices).runs
    row_runs = {run.labels.row: run for run in runs if run.work.network == table(id).networks[0]}
    assert list(row_runs) == [row.key for row in resolve(table(id), choices).rows]
    alone = resolve(table(id), replace(choices, no_alias=True)).runs
    assert len({run.id for run in alone}) == len(runs) == len(row_runs) * len(table(id).networks)
    return row_runs


@pytest.mark.parametrize("scale", ["smoke", "small"])
@pytest.mark.parametrize("id", IDS)
def test_every_row_trains_on_all_its_samples(id: str, scale: str) -> None:
    """Samples of a folder of images are counted when it is read."""
    definition = table(id)
    for network, row in product(definition.networks, definition.rows):
        work, method = row_workload(definition, network, row, scale, {}), row_method(definition, row, {})
        data_card = card(work.dataset)
        if data_card.kind != "folder":
            samples = work.train_samples or data_card.train_samples
            assert samples % (work.batch * method.trained_replicas) == 0, row.key


def test_an_option_that_is_set_wins_over_the_rows_and_names_it() -> None:
    runs = by_row("lap-table5", "lapsgd.updaters=3")
    kinds = ((1, 0.5), (4, 0.5), (8, 0.5), (8, 0), (16, 0.5))
    assert list(runs) == [f"lapsgd@updaters=3,period={k},switch={p},batch=128" for k, p in kinds]
    assert all(run.spec.method.options["updaters"] == 3 for run in runs.values())
    assert {run.labels.method_title for run in runs.values()} >= {"LAPSGD, updaters 3, period 1, switch 0.5, batch 128"}


def test_a_workloads_field_that_is_set_wins_over_the_rows_and_names_it() -> None:
    runs = by_row("audit-stem", "workload.stem=imagenet")
    assert set(runs) == {"async_lu@stem=imagenet", "lapsgd@stem=imagenet", "lppsgd@stem=imagenet"}
    assert all(run.work.stem == "imagenet" for run in runs.values())


def test_rows_that_become_one_run_are_shown_once_under_the_tables_own_name() -> None:
    grid = resolve(table("table3"), chosen("lapsgd.updaters=2"))
    assert [row.key for row in grid.rows] == [
        "async_lu", "async_bu", "lapsgd@updaters=2", "lppsgd", "lppsgd@updaters=2", "bp"
    ]  # fmt: skip
    assert grid.renamed == [
        "--set goes before the table: lapsgd and lapsgd@updaters=2 are one run, shown once as lapsgd@updaters=2."
    ]
    grid = resolve(table("table3"), chosen("lapsgd.updaters=3"))
    assert "lapsgd@updaters=3" in [row.key for row in grid.rows]
    assert "are one run, shown once as lapsgd@updaters=3." in grid.renamed[0]


def test_a_row_that_is_still_the_tables_keeps_its_name() -> None:
    """Its own value set again, a value that the table leaves open, or no setting at all."""
    plain = list(by_row("table3"))
    for setting in ("lapsgd.devices=3", "async_lu.queue=8", "workload.epochs=2", "async_lu.backward_workers=3"):
        assert list(by_row("table3", setting)) == plain, setting
        assert not resolve(table("table3"), chosen(setting)).renamed
    assert resolve(table("table3"), SMALL).rows == table("table3").rows


def test_a_batch_that_is_set_is_every_rows() -> None:
    runs = by_row("lap-table1", "workload.batch=32")
    assert set(runs) == {"mbsgd@workload.batch=32", "plsgd@workload.batch=32"}
    assert all(run.work.batch == 32 for run in runs.values())
    assert len({run.work.price_batch for run in runs.values()}) == 1


@pytest.mark.parametrize("id", [id for id in IDS if published.load(id)])
def test_published_values_stand_beside_what_the_table_says_alone(id: str) -> None:
    """Sets each value that the table states to another one: no row keeps its published name."""
    others = {"updaters": "5", "devices": "5", "period": "3", "switch": "0.25", "learning_rate": "published"}
    settings = [
        f"{method}.{key}={others[key]}"
        for method in dict.fromkeys(row.method for row in table(id).rows)
        for key in sorted(table(id).stated(method) & set(others))
    ]
    touched = {setting.partition(".")[0] for setting in settings}
    rows = resolve(table(id), chosen(*settings)).rows
    published_rows = {row for _, row, _ in published.load(id) if row.partition("@")[0] in touched}
    assert not published_rows & {row.key for row in rows}


# ---- what differs by default


def labels(id: str, *methods: str, **rates: str) -> list[str]:
    settings = {method: {"learning_rate": rate} for method, rate in rates.items()}
    rows = resolve(table(id), Choices(methods=methods, settings=settings)).rows
    return [row.label for row in rows if row.method != "bp" or not methods]


def test_a_rate_that_is_scaled_by_default_is_said_beside_one_that_is_not() -> None:
    assert labels("table7", "lsgd", "ddp", "mbsgd") == [
        "DDP",
        "L-SGD, learning rate linear",
        "MB-SGD, learning rate linear",
    ]
    keys = {row.key for row in resolve(table("table7"), Choices(methods=("lsgd", "ddp"))).rows}
    assert {"lsgd", "ddp"} <= keys


def test_where_all_rows_have_one_rule_no_name_says_it() -> None:
    assert labels("table7", "lsgd", "ddp", lsgd="published") == ["DDP", "L-SGD"]
    assert labels("table7", "lsgd", "mbsgd") == ["L-SGD", "MB-SGD"]
    assert labels("table7", "lsgd", "ddp", ddp="linear") == ["DDP", "L-SGD"]
    assert labels("lap-table1") == [row.label for row in table("lap-table1").rows]


@pytest.mark.parametrize("id", IDS)
def test_the_tables_own_rows_are_called_as_ever(id: str) -> None:
    assert labels(id) == [row.label for row in table(id).rows]
