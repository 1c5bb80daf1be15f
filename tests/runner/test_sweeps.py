"""Sweeps of a setting: a row per value, named by its settings; and rows requested by name."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.commands import settings
from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices, Sweep
from benchmarks.runner.rerun import command
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Row
from benchmarks.tables.registry import IDS, table
from methods import MethodError


def chosen(*texts: str, rows: tuple[str, ...] = (), **changes: Any) -> Choices:
    fixed, sweeps = settings.settings(texts)
    return Choices(seeds=(0,), settings=fixed, sweeps=sweeps, methods=rows, **changes)


def keys(id: str, *texts: str, **changes: Any) -> list[str]:
    return [row.key for row in resolve(table(id), chosen(*texts, **changes)).rows]


# ---- what --set says


@pytest.mark.parametrize(
    ("given", "fixed", "swept"),
    [
        (["lapsgd.period=1,4, 16"], {}, [Sweep("lapsgd", "period", ("1", "4", "16"))]),
        (["lapsgd.period=1", "lapsgd.period=4"], {}, [Sweep("lapsgd", "period", ("1", "4"))]),
        (["lapsgd.period=4", "lapsgd.period=4"], {"lapsgd": {"period": "4"}}, []),
        (["lapsgd.period=1,4", "lapsgd.updaters=2"], {"lapsgd": {"updaters": "2"}}, [
            Sweep("lapsgd", "period", ("1", "4"))
        ]),
        (["workload.schedule.lr=0.05,0.1"], {}, [Sweep("workload", "schedule.lr", ("0.05", "0.1"))]),
        (["workload.schedule.milestones=3,5"], {"workload": {"schedule.milestones": "3,5"}}, []),
        (["workload.schedule.milestones=(3,5),(4,6)"], {}, [
            Sweep("workload", "schedule.milestones", ("(3,5)", "(4,6)"))
        ]),
        (["workload.schedule.milestones=3,5", "workload.schedule.milestones=4,6"], {}, [
            Sweep("workload", "schedule.milestones", ("(3,5)", "(4,6)"))
        ]),
        (["workload.blocks=none,(1,1,1,1)"], {}, [Sweep("workload", "blocks", ("none", "(1,1,1,1)"))]),
        (["speedup.betas=1,2"], {"speedup": {"betas": "1,2"}}, []),
    ],
)  # fmt: skip
def test_several_values_are_a_sweep_unless_they_are_a_list(
    given: list[str], fixed: dict[str, dict[str, str]], swept: list[Sweep]
) -> None:
    assert settings.settings(given) == (fixed, tuple(swept))
    texts = [f"{sweep.name}={sweep.text}" for sweep in swept]
    texts += [f"{owner}.{key}={value}" for owner, options in fixed.items() for key, value in options.items()]
    assert settings.settings(texts) == (fixed, tuple(swept))


def test_one_bad_value_of_many_is_refused() -> None:
    with pytest.raises(MethodError, match="period='x'"):
        settings.settings(["lapsgd.period=1,x"])
    with pytest.raises(UserError, match=r"speedup\.betas is given twice"):
        settings.settings(["speedup.betas=1", "speedup.betas=2"])


def test_options_go_on_the_row_before_them() -> None:
    arguments = ["bp,lapsgd@updaters=2,batch=128", "lppsgd", "bp@workload.schedule.milestones=(3,5),batch=64,ddp"]
    assert settings.rows(arguments) == [
        "bp", "lapsgd@updaters=2,batch=128", "lppsgd", "bp@workload.schedule.milestones=(3,5),batch=64", "ddp"
    ]  # fmt: skip


# ---- rows of a sweep


def test_a_row_for_each_value_and_its_own_keeps_the_published_name() -> None:
    rows = resolve(table("table3"), chosen("lapsgd.period=1,4,16")).rows
    assert [row.key for row in rows if row.method == "lapsgd"] == [
        "lapsgd@period=1", "lapsgd@period=4", "lapsgd",
        "lapsgd@updaters=2,period=1", "lapsgd@updaters=2,period=4", "lapsgd@updaters=2",
    ]  # fmt: skip
    assert [row.label for row in rows if row.method == "lapsgd"][:3] == [
        "LAPSGD, period 1", "LAPSGD, period 4", "LAPSGD, period 16"
    ]  # fmt: skip
    resolved_rows = resolve(
        table("table7"), chosen("async_lu.queue=0,2", "workload.schedule.lr=0.05,0.1", rows=("async_lu",))
    ).rows
    assert [row.label for row in resolved_rows] == [
        "Async LU, queue 0, schedule.lr 0.05",
        "Async LU, queue 0, schedule.lr 0.1",
        "Async LU, queue 2, schedule.lr 0.05",
        "Async LU, queue 2, schedule.lr 0.1",
        "BP, 1 device, schedule.lr 0.05",
        "BP, 1 device, schedule.lr 0.1",
    ]
    others = [row for row in table("table3").rows if row.method != "lapsgd"]
    assert [row for row in rows if row.method != "lapsgd"] == others


def test_each_row_of_a_sweep_trains_its_value_with_what_is_set_beside_it() -> None:
    choices = chosen("lapsgd.period=1,4", "lapsgd.switch=0.25", "workload.epochs=2", rows=("lapsgd",))
    runs = {run.labels.row: run for run in resolve(table("table3"), choices).runs}
    assert {key: run.method.options["period"] for key, run in runs.items() if "updaters" not in key} == {
        "lapsgd@period=1": 1, "lapsgd@period=4": 4
    }  # fmt: skip
    assert {run.method.options["switch"] for run in runs.values()} == {0.25}
    assert {run.work.epochs for run in runs.values()} == {2}


def test_points_that_are_one_run_are_one_row_under_the_tables_name() -> None:
    """Both of the table's rows are swept over the setting in which they differ."""
    assert keys("table3", "lapsgd.updaters=1,2,4", rows=("lapsgd",)) == [
        "lapsgd", "lapsgd@updaters=2", "lapsgd@updaters=4"
    ]  # fmt: skip


def test_a_batch_and_a_list_can_be_swept() -> None:
    row_keys = keys("lap-table1", "workload.batch=16,32", rows=("mbsgd",))
    assert row_keys == ["mbsgd@batch=128", "mbsgd@workload.batch=32"]
    row_keys = keys("lap-table1", "workload.schedule.milestones=(2,4),(3,5)", rows=("mbsgd@batch=128",))
    assert row_keys == ["mbsgd@batch=128,workload.schedule.milestones=(2,4)", "mbsgd@batch=128"]


def test_a_swept_method_that_the_table_lacks_is_added() -> None:
    row_keys = keys("table7", "hogwild.updaters=2,3")
    assert row_keys[-2:] == ["hogwild@updaters=2", "hogwild@updaters=3"]


@pytest.mark.parametrize("id", IDS)
def test_every_table_can_be_swept(id: str) -> None:
    plain = {run.id for run in resolve(table(id), Choices(seeds=(0,))).runs}
    swept = resolve(table(id), chosen("workload.schedule.lr=0.0123,0.0456"))
    runs, rows = swept.runs, swept.rows
    assert not plain & {run.id for run in runs}
    assert {run.work.schedule.lr for run in runs} == {0.0123, 0.0456}
    assert len(rows) == len({row.key for row in rows}) == 2 * len(table(id).rows)


def test_rows_that_a_setting_makes_alike_in_name_keep_names_of_their_own() -> None:
    """Two of these rows differ in their rate and, which no name says, in the rate of their warm-up."""
    settings = {"workload": {"schedule.lr": "0.02"}}
    rows = resolve(table("audit-factors"), Choices(seeds=(0,), settings=settings)).rows
    assert len({row.key for row in rows}) == len(rows)


def test_a_sweep_can_be_repeated_by_its_command() -> None:
    choices = chosen("workload.schedule.milestones=(3,5),(4,6)", "lapsgd.period=1,4")
    words = command(["table3"], choices).text()
    assert "--set 'workload.schedule.milestones=(3,5),(4,6)' --set lapsgd.period=1,4" in words


# ---- rows by their options


def test_a_rows_name_says_what_it_is() -> None:
    for key in {row.key for id in IDS for row in table(id).rows if not row.delays}:
        assert Row.parsed(key).key == key


def test_a_row_that_the_table_lacks_is_added() -> None:
    rows = resolve(table("table3"), chosen(rows=("lapsgd@updaters=4", "bp"))).rows
    assert [row.key for row in rows] == ["bp", "lapsgd@updaters=4"]
    assert rows[-1].note == "not in the paper's table"
    (run,) = resolve(table("table3"), chosen(rows=("lapsgd@updaters=4",), networks=("resnet18",))).runs
    assert run.method.options["updaters"] == 4
    assert keys("table3", rows=("hogwild@updaters=2",)) == ["hogwild@updaters=2"]


def test_a_row_that_the_table_has_under_another_name_is_that_row() -> None:
    assert keys("table3", rows=("lapsgd@updaters=1",)) == ["lapsgd"]
    assert keys("table3", rows=("lapsgd@period=16,updaters=2",)) == ["lapsgd@updaters=2"]
    assert keys("table3", rows=("lapsgd@updaters=4", "lapsgd@updaters=4,period=16")) == ["lapsgd@updaters=4"]


def test_an_added_row_has_what_all_of_the_tables_have_unsaid() -> None:
    (run,) = resolve(table("lap-table1"), chosen(rows=("mbsgd@batch=256",), scale="paper")).runs
    assert run.work.schedule.kind == "multistep"
    assert (run.work.batch, run.labels.row) == (256, "mbsgd@batch=256")
    assert run.method.options["devices"] == 2


def test_a_name_that_is_none_is_one_sentence() -> None:
    for key, word in (
        ("lapsgd@updater=2", "updaters"),
        ("lapsgd@updaters=x", "'x'"),
        ("lapsdg@updaters=2", "lapsgd"),
        ("lapsgd@", "write a row"),
        ("lapsgd@updaters=1,updaters=2", "once"),
        ("bp@batch=x", "batch=x"),
        ("bp@workload.scale=paper", "--scale"),
    ):
        with pytest.raises((UserError, MethodError), match=word):
            Row.parsed(key)
