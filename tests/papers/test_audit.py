"""The confound audit: differences are named, agreements once, and the published settings as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import methods
from benchmarks.papers.confounds.aspects import ASPECTS
from benchmarks.papers.confounds.measured import audit
from benchmarks.papers.confounds.published import DIFFERENCES, published_audit
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import GridRow
from benchmarks.runner.plan import Run
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import IDS, group, table
from results.records import Record

SAME = "The same for all rows: "


def cells(id: str, **choices: Any) -> Sequence[GridRow]:
    return resolve(table(id), Choices(**{"scale": "paper", "seeds": (0,), **choices})).cells


def line(lines: Sequence[str], aspect: str) -> str:
    matching = [text for text in lines if text.startswith(f"{aspect}: ")]
    assert len(matching) == 1, lines
    return matching[0]


def test_rows_of_one_value_stand_together() -> None:
    lines = audit(cells("table3")).lines
    updates = line(lines, "Updates per epoch (of one replica)")
    assert "390 (Async LU, Async BU, BP)" in updates
    assert "130 (LAPSGD, LPPSGD)" in updates
    assert "130 at most, some of a part of the layers (LPPSGD with updaters 2)" in updates
    assert "128 per update, global batch 384" in line(lines, "Batch")
    assert "1 (LAPSGD, LPPSGD, BP)" in line(lines, "Updaters per replica")
    assert "local to each updater, never averaged (LAPSGD, LPPSGD with updaters 2)" in line(lines, "Momentum")


def test_agreements_are_summed_up_in_the_last_line() -> None:
    *_, last = audit(cells("table3")).lines
    assert last.startswith(SAME)
    assert "weight decay 0.005" in last
    assert "network and stem ResNet-18, width 64, cifar stem (resnet18)" in last
    assert "precision float32" in last
    assert "queue between forward and backward workers 0 (a rendezvous)" in last


def test_a_line_of_one_network_names_it() -> None:
    odd, *others = (cell for cell in cells("table3") if cell.row.key in ("async_lu", "async_bu"))
    assert odd.network == "resnet18"
    lines = audit([replace(odd, work=odd.work.model_copy(update={"batch": 64})), *others]).lines
    assert any(text.startswith("resnet18: Batch: 64 per update") for text in lines)


def test_clipping_is_a_difference() -> None:
    by_row = {cell.row.key: cell for cell in cells("table3", networks=("resnet18",))}
    work = by_row["bp"].work
    chosen = work.optimizer.model_copy(update={"clip": 1.0, "clip_by": "all"})
    clipped = replace(by_row["bp"], work=work.model_copy(update={"optimizer": chosen}))
    text = line(audit([clipped, by_row["async_lu"]]).lines, "Optimizer")
    assert "all layers' gradients clipped to a norm of 1 (BP" in text


def test_delays_and_shares_are_differences() -> None:
    lines = audit(cells("v3-stragglers")).lines
    assert "delayed: " in line(lines, "Clock")
    shares = line(lines, "Batches of a device")
    assert "the next batch goes to whoever asks" in shares
    assert "as many for all (DDP" in shares
    assert "390 (PD-ASGD" in line(lines, "Updates per epoch (of one replica)")


@pytest.mark.parametrize("id", IDS)
def test_every_table_can_be_audited_and_no_aspect_is_left_out_in_brief(id: str) -> None:
    report = audit(cells(id))
    assert report.lines[-1].startswith(SAME)
    assert len(report.lines) == len(set(report.lines))
    brief = " ".join(report.brief).lower()
    for text in report.lines:
        assert "\n" not in text
        name = next((aspect for aspect in ASPECTS if f"{aspect}: " in text), None)
        assert name is None or name.partition(" (")[0].lower() in brief


@pytest.mark.parametrize(
    ("id", "aspect"), [("audit-stem", "Network and stem"), ("v3-stragglers", "Clock"), ("audit-stem", "Precision")]
)
def test_decisive_differences_are_printed_in_full(id: str, aspect: str) -> None:
    """Differences in data, network or clock are printed in full, all others by name."""
    planned = list(cells(id))
    if aspect == "Precision":
        planned[0] = replace(planned[0], work=planned[0].work.model_copy(update={"precision": "bf16"}))
    report = audit(planned)
    full = line([text.removeprefix("resnet18: ") for text in report.lines], aspect)
    assert any(text.endswith(full[1:]) for text in report.brief)


# ---- the papers' own settings


def test_the_published_setting_of_table3_names_stem_and_updaters() -> None:
    lines = published_audit("table3")
    stem, updaters = line(lines, "Network and stem"), line(lines, "Updaters per device")
    assert "LAPSGD and LPPSGD train torchvision's ResNets, a 7x7 stride-2 stem" in stem
    assert "fit a 3x3 stem for Async LU" in stem
    assert "U = 1" in updaters
    assert "one algorithm" in updaters


@pytest.mark.parametrize("id", [id for id in IDS if id not in (*group("audits"), *group("ours"))])
def test_every_comparison_of_a_paper_has_something_to_say(id: str) -> None:
    assert published_audit(id)
    assert all(difference.source and difference.text.endswith(".") for difference in DIFFERENCES)
    if id in group("paper-b") and id not in ("lap-table5",):
        assert any("Learning rate" in text or "Learning-rate" in text for text in published_audit(id))


# ---- a method that is nobody's but its author's

PLUGIN = '''
from typing import Literal

from methods import Devices, Method, NextBatch, Options, Update, Worker, backward, forward, options, register


@options
class PeerOptions(Options):
    peers: Devices = 4
    consensus: Literal["mean", "first"] = "first"


@register(title="Peers", source="this file", name="{name}")
class Peers(Method):
    """A worker and a replica per device: each learns alone from snapshots, and the first is evaluated."""

    Options = PeerOptions
    gradient_at = "forward"
    averages_replicas = averages_state = applies_all_gradients = False
    updates_all_layers = True
    batches_per_update = 1

    @property
    def replicas(self):
        return self.options.peers

    def workers(self, team):
        for replica in team.replicas:
            yield Worker(self.train(replica), device=replica.device, role="trainer")

    def train(self, replica):
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step, pin="start")
            yield Update(*(yield from backward(replica, step)))
'''


@pytest.fixture
def plugged(tmp_path: Path, registries: None) -> Callable[[str, str], Sequence[str]]:
    """Returns a function (source, name) -> the audit of Table 3 with this file's method added, on one network.

    The method is registered until the test ends.
    """

    def audited(source: str, name: str) -> Sequence[str]:
        path = tmp_path / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        assert methods.load_plugin(path) == [name]
        return audit(cells("table3", plugin_methods=(name,), networks=("resnet18",))).lines

    return audited


@pytest.mark.parametrize("name", ["peers", "my_ddp_sgd"])
def test_a_plug_in_is_audited_by_what_it_is(plugged: Callable[[str, str], Sequence[str]], name: str) -> None:
    """It has Q replicas, pinned weights and unaveraged momentum as it declares, whatever its name."""
    lines = plugged(PLUGIN.format(name=name), name)
    assert "128 per update, global batch 512 (Peers)" in line(lines, "Batch")
    assert "97 (Peers)" in line(lines, "Updates per epoch (of one replica)")
    assert "4 (Peers)" in line(lines, "Devices")
    assert "those the forward pass read (LAPSGD, LPPSGD, Peers)" in line(lines, "Weights of the backward pass")
    assert "local to each device, never averaged (LAPSGD, LPPSGD, Peers)" in line(lines, "Momentum")
    assert "each device its own running statistics (Peers)" in line(lines, "BatchNorm")
    assert "the first replica (Peers)" in line(lines, "Model evaluated")
    assert "0.000117 per sample of an update, 2.93e-05 of the global batch (Peers)" in line(
        lines, "Learning rate against batch"
    )


# ---- what was counted comes before what is declared

UPDATES = "Updates per epoch (of one replica)"
SILENT = """
from methods import Method, NextBatch, Update, Worker, backward, forward, register


@register(title="Silent", source="this file", name="silent")
class Silent(Method):
    def workers(self, team):
        yield Worker(self.train(team.replica), device=0, role="trainer")

    def train(self, replica):
        while (step := (yield NextBatch(replica))) is not None:
            yield from forward(replica, step)
            yield Update(*(yield from backward(replica, step)))
"""
EFFECTS = {
    "shared_batches": 0,
    "gradients": 360,
    "pinned": 0,
    "moved": 0,
    "updates": [36, 36],
    "applied": 72,
    "applied_batches": 72,
    "averages": 0,
    "state_averages": 0,
    "dropped": 0,
    "replicas": 1,
}


def ran(run: Run, **effects: Any) -> Record:
    """Makes the record of a run of two epochs. effects: changes to the counts of EFFECTS; None: no counts."""
    end = {"status": "finished", "epochs": 2} | ({"effects": EFFECTS | effects} if effects else {})
    return Record(run.id, run.spec, {}, run.labels, (), end, Path())


def counted(rows: Mapping[str, Mapping[str, Any]], id: str = "table3") -> Sequence[str]:
    """Audits the table's rows on ResNet-18, with these runs and their counts."""
    planned = cells(id, networks=("resnet18",))
    records = {
        ("resnet18", cell.row.key): [ran(cell.runs[0], **rows[cell.row.key])]
        for cell in planned
        if cell.row.key in rows
    }
    return audit(planned, records).lines


@pytest.mark.parametrize(
    ("effects", "aspect", "said"),
    [
        ({"updates": [12, 12], "dropped": 240}, UPDATES, "6, 66.7 % of the gradients dropped"),
        ({"updates": [36, 12]}, UPDATES, "6 to 18, by layer"),
        ({"pinned": 360}, "Weights of the backward pass", "those the forward pass read"),
        ({"pinned": 90, "moved": 20}, "Weights of the backward pass", "those of now, for 25 % of the gradients those"),
        ({"updates": [18, 18]}, "Batch", "256 per update (2 gradients of 128 each), global batch 128"),
        ({"applied_batches": 144}, "Batch", "256 per update, global batch 128"),
    ],
)
def test_counts_precede_declarations(effects: Mapping[str, Any], aspect: str, said: str) -> None:
    """Counts take precedence over a method's declaration, here over backpropagation's."""
    assert f"{said}" in line(counted({"bp": effects}), aspect)


def test_properties_neither_counted_nor_declared_are_named(plugged: Callable[[str, str], Sequence[str]]) -> None:
    lines = plugged(SILENT, "silent")
    for aspect in ("Updates per epoch (of one replica)", "Batch", "Weights of the backward pass"):
        assert "not declared (Silent)" in line(lines, aspect)


def test_runs_that_counted_nothing_are_as_declared() -> None:
    lines = counted({"bp": {}, "async_lu": {"moved": 5}})
    assert "those of now (Async LU, Async BU)" in line(lines, "Weights of the backward pass")
    source = line(lines, "Updates, batches per update, averages and the weights of backward passes")
    assert "counted in the runs of Async LU;" in source
    (everything,) = [text for text in counted({"bp": {}}) if text.startswith("Updates, batches")]
    assert "declare" in everything
