"""`calibrate` on a device that is pretended: what its seconds are, and in which precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks.commands import calibrate
from benchmarks.hardware.card import Card, NetworkSeconds
from benchmarks.hardware.cards import load
from benchmarks.hardware.price import MeasuredEffects
from benchmarks.hardware.step_price import charge
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import Journals
from benchmarks.views.notes import notes
from benchmarks.views.table_runs import find_runs
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.scales import TIMED
from benchmarks.workloads.workload import workload


def test_a_machine_is_measured_as_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the workload's precision, whatever torch does by default; and the card says which."""
    tf32_allowed: set[tuple[bool, bool]] = set()

    def median(statement: str, matrix: torch.Tensor) -> float:
        tf32_allowed.add((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
        return 1.0

    families = {network: TIMED[network] for network in ("resnet18", "gpt")}
    monkeypatch.setattr(calibrate, "TIMED", families)
    monkeypatch.setattr(calibrate, "_median", median)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    calibrate.calibrate("smoke", "cpu", tmp_path, Console(quiet=True))
    assert tf32_allowed == {(False, False)}
    card = load("this-machine", out=tmp_path)
    assert any("in float32, TF32 off" in note for note in card.notes)
    for network, family in families.items():
        work = workload(family, network, "smoke")
        charged = charge(work, card, network_of(work, data_card(work.dataset)))
        entry, share = card.networks[network], (work.price_batch or work.batch) / work.batch
        assert charged.price.forward == pytest.approx([share * seconds for seconds in entry.forward_seconds])
        assert charged.price.effects is not None
        by_flops = charge(work.model_copy(update={"price": "flops"}), card, network_of(work, data_card(work.dataset)))
        assert charged.step_flops == pytest.approx(share * by_flops.step_flops, rel=1e-5), (
            "of the network that was timed: for MFU"
        )


@pytest.mark.parametrize("measured", [True, False])
def test_a_language_model_is_charged_what_was_measured_else_its_flops(measured: bool) -> None:
    layers = ("embedding", *(f"block{i + 1}" for i in range(4)), "head")
    pass_seconds = dict.fromkeys(("forward_seconds", "backward_input_seconds", "backward_weight_seconds"), (1.0,) * 6)
    per_layer = dict.fromkeys(("update_seconds", "snapshot_seconds", "all_reduce_seconds"), (1.0,) * 6)
    effects = MeasuredEffects(next_batch_seconds=1, loss_seconds=1, average_seconds=1, **per_layer)
    entry = NetworkSeconds(
        what="a GPT, measured", batch=12, families=("tinyshakespeare",), layers=layers, parameter_bytes=(4.0,) * 6,
        effects=effects, **pass_seconds,
    )  # fmt: skip
    card = Card(name="mine", title="", source="", flops_per_second=1e9, networks={"gpt": entry} if measured else {})
    for scale in ("smoke", "paper"):
        runs = find_runs(resolve(table("lm"), Choices(seeds=(0,), scale=scale, card=card)), Journals(()))
        charge_notes = [note for note in notes(runs) if "charged" in note]
        assert any("a GPT, measured" in note if measured else "FLOPs" in note for note in charge_notes), charge_notes
