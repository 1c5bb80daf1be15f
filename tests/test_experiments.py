"""All that has a name can be had by it, and has runs or says what it is."""

from __future__ import annotations

import pytest

from benchmarks.analyses.definition import Analysis
from benchmarks.errors import UserError
from benchmarks.experiments import GROUPS, IDS, expand, experiment, members
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables import registry as tables
from benchmarks.tables.definition import Row, Table
from results import published

NAMES = {
    *(f"table{i}" for i in range(1, 11)),
    *(f"figure{i}" for i in range(1, 5)),
    *(f"lap-table{i}" for i in range(1, 12)),
    *("lap-figure1", "lap-figure2", "speedup", "staleness", "stationary", "v3-mfu", "v3-stragglers", "v3-ratio"),
    *(
        "audit-stem",
        "audit-updaters",
        "audit-lap",
        "audit-staleness",
        "audit-activations",
        "audit-factors",
        "others-cifar10",
    ),
    *("lm", "lm-optimizers", "vit", "delay", "codecs", "lowcomm", "lowcomm-unlike", "lowcomm-images"),
}


@pytest.mark.parametrize("id", IDS)
def test_every_name_has_something_behind_it(id: str) -> None:
    entry = experiment(id)
    assert entry.id == id
    assert entry.title
    assert entry.source
    if isinstance(entry, Table):
        runs = resolve(entry, Choices(seeds=(0,))).runs
        assert len(runs) == len(entry.rows) * len(entry.networks)
    else:
        assert isinstance(entry, Analysis)
        assert entry.options({}) is not None


def test_the_names_are_those_of_the_papers() -> None:
    assert set(IDS) >= NAMES
    assert len(IDS) == len(set(IDS))
    assert set(published.tables()) <= NAMES
    assert members("paper-b") == tables.group("paper-b")
    assert set(members("all")) >= NAMES
    assert {"scaling", "spread", "validate"}.isdisjoint(members("all")), "of this machine, and of no paper"


def test_names_come_as_the_papers_number_them() -> None:
    first = (*(f"table{i}" for i in range(1, 11)), *(f"figure{i}" for i in range(1, 5)))
    assert IDS[:14] == first
    assert members("paper-a")[:17] == (*first, "speedup", "staleness", "stationary")
    assert set(GROUPS) == {"paper-a", "paper-b", "all"}


def test_groups_are_expanded_and_nothing_comes_twice() -> None:
    assert expand(["table1", "paper-b", "table1"]) == ("table1", *tables.group("paper-b"))
    assert expand(["all", "table3"]) == members("all")
    assert expand(["all", "validate"]) == (*members("all"), "validate")


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="Unknown table 'lap-tabel6': did you mean lap-table6"):
        experiment("lap-tabel6")
    with pytest.raises(UserError, match="did you mean paper-b or paper-a"):
        experiment("paper-d")


def test_every_table_that_is_run_is_laid_beside_its_own_paper() -> None:
    """B's rows run on B's devices, those of version 3 on devices that several workers share."""
    for id in set(tables.IDS) - set(tables.group("ours")):
        cards = {"paper-b": "paper-b", "paper-a3": "paper-a3"}
        expected_card = next((card for group, card in cards.items() if id in tables.group(group)), "paper-a")
        assert tables.table(id).card == expected_card, id


def test_a_row_has_its_batch_and_its_stem_in_its_name() -> None:
    row = Row("mbsgd", {"devices": 2}, batch=128, workload={"schedule.kind": "multistep"})
    assert row.key == "mbsgd@devices=2,batch=128"
    assert row.label == "MB-SGD, devices 2, batch 128"
    assert Row("lapsgd", workload={"stem": "imagenet"}).key == "lapsgd@stem=imagenet"


def test_a_table_gives_its_devices_to_methods_that_have_any() -> None:
    definition = tables.table("lap-table8")
    assert {row.method: definition.options_of(row).get("devices") for row in definition.rows} == {
        "lapsgd": 8,
        "lppsgd": 8,
        "mbsgd": 8,
        "plsgd": 8,
    }
    assert tables.table("v3-mfu").options_of(Row("async_lu")) == {}


def test_what_a_row_is_trained_with() -> None:
    """Its batch in proportion to the scale's, its schedule, its table's options; the user's settings before all."""
    definition = tables.table("lap-table1")
    works = {run.labels.row: run.work for run in resolve(definition, Choices(seeds=(0,))).runs}
    small, large = (works[f"mbsgd@batch={batch}"] for batch in (128, 1024))
    assert large.batch == 8 * small.batch
    assert (small.price_batch, large.price_batch) == (128, 1024)
    assert small.schedule.kind == "multistep"
    lap = resolve(tables.table("lap-table2"), Choices(seeds=(0,))).runs[0]
    assert lap.work.schedule.kind == "cosine"
    assert lap.spec.method.options["learning_rate"] == "linear"
    settings = {"workload": {"schedule.kind": "cosine"}, "mbsgd": {"learning_rate": "published"}}
    forced = resolve(definition, Choices(seeds=(0,), settings=settings)).runs[0]
    assert forced.work.schedule.kind == "cosine"
    assert forced.spec.method.options["learning_rate"] == "published"


def test_stragglers_are_part_of_a_runs_identity() -> None:
    runs = resolve(tables.table("v3-stragglers"), Choices(seeds=(0,), methods=("ddp",))).runs
    assert len({run.id for run in runs}) == 4
    assert len({run.spec.hardware.sha256 for run in runs}) == 4
    assert [len(run.spec.hardware.delays) for run in runs] == [0, 1, 1, 1]
    with pytest.raises(UserError, match=r"ddp@delay=constant: devices can be delayed on the virtual clock only"):
        resolve(tables.table("v3-stragglers"), Choices(seeds=(0,), executor="threads"))
