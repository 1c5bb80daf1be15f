"""Planning of a table's runs, and what their identity depends on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.delays import Delay
from benchmarks.runner import gpus, identity, numerics, plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import IDS, table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import caveats, notes
from benchmarks.views.table_runs import find_runs
from methods import registry
from results.records.identity import identity as hashed
from results.records.spec import Judge

CHOICES = Choices(card=cards.load("paper-a"))


def ids(id: str = "table3", **changes: Any) -> list[str]:
    return [run.id for run in resolve(table(id), replace(CHOICES, **changes)).runs]


# ---- which runs


@pytest.mark.parametrize("id", IDS)
def test_a_plan_is_network_by_row_by_seed(id: str) -> None:
    runs = resolve(table(id), CHOICES).runs
    grid = [(n, row.key, seed) for n in table(id).networks for row in table(id).rows for seed in range(3)]
    assert [(run.spec.workload.network, run.labels.row, run.spec.seed) for run in runs] == grid
    assert len({run.id for run in resolve(table(id), replace(CHOICES, no_alias=True)).runs}) == len(runs)
    assert all(run.id == hashed(run.spec.document()) for run in runs)


@pytest.mark.parametrize(("methods", "there"), [((), "devices 0 to 2"), (("bp",), "device 0 alone")])
def test_a_delay_on_a_device_that_no_run_has_is_refused(methods: tuple[str, ...], there: str) -> None:
    """A device that any row has may be delayed: BP's rivals have more devices than BP."""
    late = CHOICES.card.delayed((Delay(kind="constant", device=77),)) if CHOICES.card is not None else None
    with pytest.raises(UserError, match=f"The runs of table1 have {there}, and device 77 is to be delayed: name one"):
        resolve(table("table1"), replace(CHOICES, card=late, methods=methods))
    fitting = late.model_copy(update={"delays": (Delay(kind="constant", device=0),)}) if late is not None else None
    assert len(resolve(table("table1"), replace(CHOICES, card=fitting, methods=methods)).runs) > 0


def test_a_target_lies_in_the_range_of_what_the_table_is_judged_by() -> None:
    """A loss may be above 100, and below 0 if its chance is unknown; an accuracy may not."""
    assert resolve(table("lm"), replace(CHOICES, target=150.0)).target == 150.0
    for id, target in (("table3", 150.0), ("table3", 0.0), ("lm", -1.0), ("lm", math.inf)):
        with pytest.raises(UserError, match="give a value to reach"):
            resolve(table(id), replace(CHOICES, target=target))
    unbounded = Judge(metric="loss", title="loss", unit="nats", better="less")
    assert unbounded.bounds == (-math.inf, math.inf)


def test_tables_that_show_the_same_runs_share_them() -> None:
    assert ids("table3") == ids("table4")
    assert ids("table1") == ids("table2")
    assert not set(ids("table1")) & set(ids("table3"))
    assert set(ids("table8")) & set(ids("table3")), "Async LU and BP on CIFAR-100"
    runs = [run for id in ("table3", "table4") for run in resolve(table(id), CHOICES).runs]
    assert [run.id for run in plan.distinct(runs)] == list(dict.fromkeys(ids("table3")))


def test_rows_that_are_one_algorithm_share_their_runs() -> None:
    """LPP-SGD with one updater is trained as LAP-SGD in every table, and shown as itself."""
    chosen = replace(CHOICES, networks=("resnet18",), seeds=(0,))
    runs = {run.labels.row: run for run in resolve(table("table3"), chosen).runs}
    lap, lpp = runs["lapsgd"], runs["lppsgd"]
    assert lpp.id == lap.id
    assert (lpp.spec, lpp.spec.method.name) == (lap.spec, "lapsgd")
    assert (lpp.method.name, lpp.method.options["stabilising"]) == ("lppsgd", 0.1)
    assert (lpp.labels.method_title, lpp.title) == ("LPPSGD", "cifar100-resnet18 LPPSGD (trained as LAPSGD), seed 0")
    assert runs["lppsgd@updaters=2"].id != runs["lapsgd@updaters=2"].id
    audited = [run for run in resolve(table("audit-updaters"), chosen).runs if run.id == lap.id]
    assert [run.labels.row for run in audited] == ["lapsgd@updaters=1", "lppsgd@updaters=1"]
    (sentence,) = plan.trained_as_others(runs.values())
    assert sentence.startswith("LPPSGD is trained as LAPSGD: the same algorithm with these options")


def test_a_run_that_rows_share_is_named_after_each() -> None:
    chosen = replace(CHOICES, methods=("lapsgd", "lppsgd"), networks=("resnet18",), seeds=(0,))
    planned = resolve(table("table3"), chosen).runs
    for order in (planned, planned[::-1]):
        (shared,) = (run for run in plan.distinct(order) if run.labels.also)
        assert (shared.labels.row, [labels.row for labels in shared.labels.also]) == ("lapsgd", ["lppsgd"])
        assert shared.title == "cifar100-resnet18 LAPSGD and LPPSGD, seed 0"
    alone = plan.distinct(resolve(table("table3"), replace(chosen, methods=("lppsgd",))).runs)
    assert [run.labels.row for run in alone] == ["lppsgd", "lppsgd@updaters=2"]


def test_rows_can_be_trained_each_by_itself() -> None:
    alone = resolve(table("table3"), replace(CHOICES, no_alias=True)).runs
    assert len(set(ids())) == len({run.id for run in alone}) - 2 * 3  # networks x seeds
    assert all(run.spec.method.name == run.method.name and not run.labels.also for run in alone)
    assert not list(plan.trained_as_others(alone))


def test_the_rows_options_are_checked_whatever_is_trained() -> None:
    """LPP-SGD with only stabilising epochs is LAP-SGD, which may have more updaters than layers."""
    settings = {"lppsgd": {"updaters": "64", "stabilising": "1"}}
    with pytest.raises(methods.MethodError, match=r"set lppsgd\.updaters to at most"):
        resolve(table("table3"), replace(CHOICES, settings=settings, methods=("lppsgd",)))


def keys(id: str, **changes: Any) -> list[str]:
    return [row.key for row in resolve(table(id), replace(CHOICES, **changes)).rows]


def test_rows_can_be_chosen_by_method_or_by_row() -> None:
    assert keys("table3", methods=("lapsgd",)) == ["lapsgd", "lapsgd@updaters=2"]
    assert keys("table3", methods=("lapsgd@updaters=2",)) == ["lapsgd@updaters=2"]
    assert keys("table3", methods=("async_lu", "bp")) == ["async_lu", "bp"]


def test_a_method_asked_for_joins_a_table_that_lacks_it() -> None:
    assert keys("table3", methods=("ddp",)) == ["ddp"]
    assert "ddp" not in keys("table3")


def test_a_speedup_needs_its_baseline() -> None:
    assert keys("table8", methods=("ddp",)) == ["ddp", "bp"]


# ---- plug-ins

PLUGIN = """
from methods import register
from methods.bp import Backpropagation

@register(title="Of a test", source="made up", name="method_of_a_test")
class Own(Backpropagation):
    learning_rate_factor = {factor}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Loads a plug-in's text from a file -> the method's class; unregisters it when the test ends."""
    methods.names()
    registered = dict(registry._methods)

    def load(factor: float) -> type[methods.Method]:
        monkeypatch.setattr(registry, "_methods", dict(registered))
        folder = tmp_path / str(factor)
        folder.mkdir()
        (folder / "own.py").write_text(PLUGIN.format(factor=factor), encoding="utf-8")
        assert methods.load_plugin(folder / "own.py") == ["method_of_a_test"]
        return methods.method_class("method_of_a_test")

    return load  # type: ignore[return-value]


def test_a_plug_ins_methods_join_every_table(plugin: Any) -> None:
    plugin(1.0)
    assert keys("table3", plugin_methods=("method_of_a_test",)) == [*keys("table3"), "method_of_a_test"]
    assert keys("table3", plugin_methods=("method_of_a_test",), methods=("bp",)) == ["bp"]


def test_a_plug_ins_file_is_part_of_its_identity(plugin: Any) -> None:
    first, second = (identity.sources(plugin(factor)) for factor in (1.0, 2.0))
    assert first != second
    assert identity.sources(methods.method_class("bp")) not in (first, second)


# ---- identity


def first_run() -> Run:
    return resolve(table("table3"), replace(CHOICES, seeds=(0,))).runs[0]


def test_the_spec_has_what_defines_a_run_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics, "edited", lambda: False)
    assert set(first_run().spec.document()) == {
        "workload", "method", "executor", "hardware", "charged", "device", "seed", "torch", "numerics"
    }  # fmt: skip
    assert "data" in first_run().spec.workload.document()
    assert "threads" in first_run().spec.workload.document()


def test_whatever_defines_a_run_changes_its_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ids()
    monkeypatch.setattr(gpus, "detect", lambda: gpus.Gpus("a GPU", 2))
    for changes in (
        {"card": cards.load("paper-a-ideal")},
        {"executor": "threads", "card": None},
        {"device": "cuda"},
        {"scale": "small"},
        {"settings": {"workload": {"threads": "2"}}},
        {"settings": {"workload": {"patience": "7"}}},
    ):
        assert not set(plain) & set(ids(**changes)), changes
    option = ids(settings={"async_lu": {"queue": "1"}})
    assert sum(a != b for a, b in zip(plain, option, strict=True)) == 2 * 3  # networks x seeds
    monkeypatch.setattr(plan, "torch_minor", lambda: "9.9")
    assert not set(plain) & set(ids())


def test_irrelevant_choices_keep_a_runs_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """More seeds, fewer rows, another table, working folder or additional plug-in give the same runs."""
    plain = ids()
    assert set(plain) < set(ids(seeds=(0, 1, 2, 3)))
    assert set(ids(methods=("bp",), networks=("resnet18",))) < set(plain)
    monkeypatch.chdir(tmp_path)
    assert ids(plugins=(Path("x.py"),)) == plain
    retitled = replace(table("table3"), title="another title", source="another source", notes=())
    assert [run.id for run in resolve(retitled, CHOICES).runs] == plain


def test_on_cuda_the_gpu_stands_instead_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec, label and table name the GPU; on the virtual clock it only decides the bits."""
    chosen = replace(CHOICES, methods=("bp",), networks=("resnet18",), seeds=(0,), device="cuda")
    real = replace(chosen, executor="threads", card=None)

    def on(name: str, count: int, choices: Choices) -> Run:
        monkeypatch.setattr(gpus, "detect", lambda: gpus.Gpus(name, count))
        return resolve(table("table3"), choices).runs[0]

    first = on("NVIDIA H200", 2, real)
    assert first.spec.hardware.document() == {"name": "NVIDIA H200", "gpus": 2}
    assert (first.spec.gpu, first.labels.devices) == ("NVIDIA H200", "threads on one NVIDIA H200")
    assert len({on("NVIDIA H200", 2, real).id, on("NVIDIA H200", 1, real).id, on("NVIDIA L4", 2, real).id}) == 3
    simulated = on("NVIDIA H200", 2, chosen)
    assert simulated.spec.gpu == "NVIDIA H200"
    assert set(simulated.spec.hardware.document()) == {"name", "sha256"}
    assert simulated.id == on("NVIDIA H200", 1, chosen).id != on("NVIDIA L4", 2, chosen).id
    for choices, sentence in (
        (real, "Hardware: NVIDIA H200, 2 of them, a run on one."),
        (chosen, "The numerics were computed on NVIDIA H200."),
    ):
        on("NVIDIA H200", 2, choices)
        table_runs = find_runs(resolve(table("table3"), choices), Journals(()))
        assert sentence in [*caveats(table_runs), *notes(table_runs)]
