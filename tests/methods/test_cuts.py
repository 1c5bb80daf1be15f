"""Cuts of a pipeline's network: as its authors published them, or into equal shares; and refused cuts."""

from __future__ import annotations

from itertools import accumulate

import pytest
import torch

import methods
from benchmarks.executors.team import SimulatedTeam
from benchmarks.hardware.flops import layer_work
from benchmarks.hardware.step_price import layers_of
from benchmarks.papers.confounds.measured import audit
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.journals import experiment
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.networks.names import NETWORKS, layer_names
from benchmarks.workloads.scales import PAIRS
from benchmarks.workloads.workload import workload
from methods.cuts import AUTHORS
from results.records.spec import MethodSpec
from tests.conformance.small import BATCH, SHAPE, Small, network

PRINTED = {  # the first layer of each later stage, as DG_models.py has them (layer3[:1] ends before stage3.1)
    ("resnet18", 2): ["stage3.0"],
    ("resnet18", 3): ["stage2.0", "stage3.1"],
    ("resnet50", 2): ["stage3.0"],
    ("resnet50", 3): ["stage2.2", "stage3.3"],
    ("resnet50", 4): ["stage2.1", "stage3.1", "stage3.5"],
    ("resnet20", 2): ["stage2.1"],
    ("resnet20", 3): ["stage2.0", "stage3.0"],
}
CUTS = ("flops", "layers", "parameters", "authors")


def cut(team: SimulatedTeam, how: str, stages: int = 2) -> list[list[str]]:
    parts = methods.create("pipeline", {"stages": stages, "cut": how}).parts(team)
    return [[layer.name for layer in part] for part in parts]


def team_of(name: str, blocks: tuple[int, ...] | None = None) -> SimulatedTeam:
    return SimulatedTeam.of([(layer, 1) for layer in layer_names(name, blocks)], steps_per_epoch=1, network=name)


@pytest.mark.parametrize(("name", "stages"), PRINTED)
def test_the_authors_cut_is_the_printed_one(name: str, stages: int) -> None:
    assert [part[0] for part in cut(team_of(name), "authors", stages)[1:]] == PRINTED[name, stages]
    assert {(author_name, count) for author_name, cuts in AUTHORS.items() for count in cuts} == set(PRINTED)


@pytest.mark.parametrize(("family", "name"), [pair for pair in PAIRS if pair[1] in AUTHORS])
@pytest.mark.parametrize("scale", ["smoke", "small"])
def test_a_smaller_network_is_cut_at_the_same_shares(family: str, name: str, scale: str) -> None:
    blocks = workload(family, name, scale).blocks
    for stages in AUTHORS[name]:
        parts = cut(team_of(name, blocks), "authors", stages)
        assert [layer for part in parts for layer in part] == layer_names(name, blocks)
        assert all(parts)
    if blocks is None:
        assert [part[0] for part in cut(team_of(name, blocks), "authors")[1:]] == PRINTED[name, 2]


def test_shares_are_equal_of_what_is_named() -> None:
    flops, sizes = [1.0, 1.0, 1.0, 1.0, 1.0, 5.0], [5, 1, 1, 1, 1, 1]
    layers = [(str(i), size) for i, size in enumerate(sizes)]
    team = SimulatedTeam.of(layers, steps_per_epoch=1, flops=lambda: flops)
    assert [list(map(len, cut(team, how))) for how in CUTS[:3]] == [[5, 1], [3, 3], [1, 5]]
    assert [part.name for part in methods.create("pipeline").parts(team)[1]] == ["5"]


def test_a_team_counts_the_flops_of_its_own_network() -> None:
    flops = [layer.forward_flops / BATCH for layer in layer_work(network(0), (BATCH, *SHAPE))]
    assert list(Small("pipeline").team.layer_flops) == pytest.approx(flops)


@pytest.mark.parametrize(("name", "family"), {name: family for family, name in PAIRS}.items())
def test_the_default_leaves_no_stage_twice_the_work(name: str, family: str) -> None:
    """The halves of a network's FLOPs are as equal as its largest layer permits."""
    work = workload(family, name, "paper")
    with torch.device("meta"):
        layers = layers_of(work, card(work.dataset))
    assert [layer.name for layer in layers] == layer_names(name)
    flops = [layer.forward_flops for layer in layers]
    sizes = [(layer.name, 1) for layer in layers]
    parts = cut(SimulatedTeam.of(sizes, steps_per_epoch=1, flops=lambda: flops), "flops")
    first = list(accumulate(flops))[len(parts[0]) - 1]
    assert abs(2 * first - sum(flops)) <= max(flops)


@pytest.mark.parametrize(("name", "stages"), [("lstm", 2), ("", 3)])
def test_what_the_authors_did_not_cut_is_refused(name: str, stages: int) -> None:
    method = methods.create("pipeline", {"cut": "authors", "stages": stages})
    with pytest.raises(methods.MethodError, match=r"pipeline\.cut"):
        method.check_network(name)
    methods.create("pipeline", {"stages": stages}).check_network(name)
    methods.create("pipeline", {"cut": "authors", "stages": 1}).check_network(name)


def test_every_network_has_its_blocks() -> None:
    assert set(NETWORKS) == {name for _, name in PAIRS}


def test_it_is_refused_before_anything_is_trained() -> None:
    choices = Choices(scale="smoke", methods=("pipeline@cut=authors",))
    with pytest.raises(methods.MethodError, match="print no cut of lstm into 2 stages"):
        resolve(table("table6"), choices)
    with pytest.raises(methods.MethodError, match="print no cut of resnet18 into 4 stages"):
        resolve(table("others-cifar10"), Choices(settings={"pipeline": {"stages": "4"}}))


def test_the_audit_says_the_cut_as_run() -> None:
    def said(**choices: str) -> str:
        selection = Choices(scale="paper", networks=("resnet18",), settings={"pipeline": choices})
        lines = audit(resolve(table("others-cifar10"), selection).cells).lines
        (line,) = (text for text in lines if text.startswith("Stages "))
        return line

    assert "5 + 5 layers, 6 + 94 % of the parameters, 52 + 48 % of the FLOPs" in said()
    assert "3 + 3 + 4 layers" in said()
    assert "8 + 2 layers, 58 + 42 % of the parameters" in said(cut="parameters")


def test_kept_runs_without_the_option_were_cut_by_parameters() -> None:
    def of(how: str) -> plan.Run:
        choices = Choices(networks=("resnet18",), methods=("pipeline@stages=3",), settings={"pipeline": {"cut": how}})
        return resolve(table("others-cifar10"), choices).runs[0]

    spec = of("parameters").spec
    options = {key: value for key, value in spec.method.options.items() if key != "cut"}
    older = experiment(spec.model_copy(update={"method": MethodSpec(name="pipeline", options=options)}))
    assert [how for how in CUTS if experiment(of(how).spec) == older] == ["parameters"]
