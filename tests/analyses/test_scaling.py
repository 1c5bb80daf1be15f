"""The analysis `scaling`: many simulated devices, held to formulas that the simulation does not use."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

import methods
from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.analyses.scaling import accuracy
from benchmarks.analyses.scaling.curves import Condition, Epochs, Point, ScalingCurve, simulate
from benchmarks.analyses.scaling.formulas import BOUNDED, EXACT, seconds
from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price
from benchmarks.workloads.workload import workload

CARD = cards.load("cluster")
KNOWN = CARD.networks["resnet18"]
STAGES = ("stem", "stage1", "stage2", "stage3", "stage4", "head")
STEPS = 32
PLAIN, TREE = Condition("ring", "ring"), Condition("tree", "tree", collective="tree")
SLOW = Condition("constant", "constant", stragglers="constant", slow_steps=1.5)
TAIL = Condition("tail", "heavy tails", stragglers="heavy-tailed", slow_steps=0.5)


def made(name: str, devices: int) -> methods.Method:
    return methods.create(name, {} if name == "bp" else {"devices": devices})


def epochs(name: str, condition: Condition, devices: int, seed: int = 0, steps: int = STEPS) -> Epochs:
    price = condition.price(CARD, KNOWN, STAGES, devices, seed)
    return simulate(made(name, devices), price, STAGES, steps=steps)


def run(tmp_path: Path, *names: str, **settings: str) -> Finding:
    scaling = analysis("scaling")
    options = scaling.options({"devices": "1,2,16", "steps": "4", **settings})
    return scaling.run(Request("smoke", (0, 1), CARD, names, (), options, tmp_path))


@pytest.mark.parametrize("name", [*EXACT, *BOUNDED])
def test_what_is_simulated_is_what_the_formulas_say(name: str) -> None:
    for condition, devices in itertools.product((PLAIN, TREE, SLOW), (1, 16)):
        if name == "bp" and devices > 1:
            continue
        price = condition.price(CARD, KNOWN, STAGES, devices, 0)
        slow = condition.slow_steps * (price.forward_seconds + price.backward_seconds) * (devices > 1)
        law, simulated = seconds(made(name, devices), price, STEPS, slow), epochs(name, condition, devices).seconds
        if law is None:
            assert (name, condition) == ("pdasgd", SLOW)
        elif name in EXACT:
            assert simulated == pytest.approx(law, rel=1e-12)
        else:
            assert law * (1 - 1e-12) <= simulated <= 1.01 * law


def test_who_waits_for_a_straggler_is_counted_by_the_devices() -> None:
    """One of two devices loses a step before each step: it works half the time, and the other waits half."""
    price = replace(Price.uniform(1, 1.0, 2.0), delays=tuple(replace(SLOW, slow_steps=1.0).delays(2, 0)))
    simulated = simulate(methods.create("lsgd", {"devices": 2, "period": 1}), price, ["only"], steps=3)
    assert (simulated.seconds, simulated.waiting) == pytest.approx((18.0, 0.25))


def test_averaging_beside_the_updates_waits_less_than_meeting() -> None:
    assert epochs("lapsgd", TAIL, 16).waiting < epochs("lsgd", TAIL, 16).waiting < epochs("ddp", TAIL, 16).waiting


def test_gains_end_where_growth_falls_short_of_half() -> None:
    """From 4 to 16 devices batches per second grow by 1.53 of 3; to 64 not at all."""
    points = [
        Point(devices, (Epochs(devices, 1, devices / rate, 0, 1),))
        for devices, rate in ((1, 1.0), (4, 3.4), (16, 8.6), (64, 8.6))
    ]
    assert ScalingCurve("ddp", "DDP", PLAIN, "weak", (*points, Point(256, reason="left out"))).gains_until == 16
    assert ScalingCurve("ddp", "DDP", PLAIN, "weak", tuple(points[:1])).gains_until is None


def test_tables_say_what_was_left_out(tmp_path: Path) -> None:
    finding = run(tmp_path, "bp", "pdasgd", devices="1,2,16,64", most_effects="20000", batches="32")
    weak, strong = finding.tables
    assert [row.row for row in weak.rows if row.network == "bp"] == ["devices=1"]
    (last,) = [row for row in weak.rows if row.row == "devices=64"]
    assert "left out: about" in last.cells[0].reason
    (last,) = [row for row in strong.rows if row.row == "devices=64"]
    assert last.cells[0].reason == "32 batches are too few"
    assert (weak.reference, weak.value) == ("formula", "simulated")
    assert any("gains up to" in note for note in weak.notes)
    assert all(path.is_file() for path in finding.pictures)


def test_what_a_card_does_not_know_is_left_out(tmp_path: Path) -> None:
    """More devices than it has speeds for, and a tree over links that differ from pair to pair."""
    options = analysis("scaling").options({"devices": "2,17", "steps": "2", "batches": "34"})
    request = Request("smoke", (0,), cards.load("halos-16"), ("lsgd",), (), options, tmp_path)
    two, many = (row.cells for row in analysis("scaling").run(request).tables[0].rows)
    assert [cell.reason for cell in many if "speeds of 16" not in cell.reason] == [two[2].reason]
    assert "tree" in two[2].reason
    assert not two[0].reason


def test_local_steps_are_counted_over_epochs(tmp_path: Path) -> None:
    """32 batches on 16 devices: two each, in eight epochs with one average."""
    (_, strong) = run(tmp_path, "lsgd", batches="32", steps="16").tables
    (last,) = [row.cells[0] for row in strong.rows if row.row == "devices=16"]
    assert last.ratio == pytest.approx(1.0, rel=1e-12)


def test_true_numerics_on_two_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs of one epoch of 64 digits: PD-ASGD is stale there, and L-SGD is not."""
    work = workload("cifar10", "resnet20", "smoke", {"epochs": "1", "train_samples": "64", "batch": "8"})
    monkeypatch.setattr(accuracy, "work_of", lambda request: work)
    (table,) = run(tmp_path, "lsgd", "pdasgd", part="accuracy", accuracy_devices="2").tables
    averaged, stale = (row.cells[1].measured for row in table.rows)
    assert averaged is not None
    assert stale is not None
    assert averaged.mean == 0 < (stale.mean or 0)
    assert table.conditions.scale == "smoke"


def test_a_network_that_the_card_does_not_know_is_a_sentence(tmp_path: Path) -> None:
    scaling = analysis("scaling")
    with pytest.raises(UserError, match="network of cluster"):
        scaling.run(Request("smoke", (0,), CARD, ("bp",), ("lstm",), scaling.options({}), tmp_path))
    with pytest.raises(UserError, match=r"scaling.devices"):
        scaling.options({"devices": "2048"})
