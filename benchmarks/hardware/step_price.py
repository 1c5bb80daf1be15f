"""Chooses the seconds of a run's simulated step: those of the published network, or those of the run's own FLOPs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import nn

from benchmarks.hardware.card import Card, LayerWork, by_stages
from benchmarks.hardware.flops import activations, layer_work, step_flops
from benchmarks.hardware.price import Activations, Price
from benchmarks.workloads.build import input_dtype, network_of
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.shapes import inputs_of
from benchmarks.workloads.workload import Workload, workload


@dataclass(frozen=True)
class Charge:
    """price: of the effects, in seconds. step_flops: of the network that is charged, one batch, both passes."""

    price: Price
    step_flops: float


def counted(work: Workload, data: DataCard, network: Mapping[str, nn.Module], batch: int) -> list[LayerWork]:
    """The FLOPs of a step of this batch, in proportion to those of a batch of two."""
    two = layer_work(network, (2, *inputs_of(work, data)), input_dtype(work))
    return [replace(layer, forward_flops=layer.forward_flops * batch / 2) for layer in two]


def layers_of(work: Workload, data: DataCard) -> list[LayerWork]:
    """Name, bytes and FLOPs of a sample for each layer of the workload's network; nothing is computed."""
    with torch.device("meta"):
        return counted(work, data, network_of(work, data), 1)


def moved(work: Workload, data: DataCard, network: Mapping[str, nn.Module], batch: int) -> Activations:
    """The activations of a batch, in proportion to those of a batch of two."""
    two = activations(network, (2, *inputs_of(work, data)), input_dtype(work))
    return Activations(*([size * batch / 2 for size in sizes] for sizes in (two.kept, two.output)))


@cache
def _of_paper(family: str, network: str, stem: str, batch: int) -> tuple[list[LayerWork], str]:
    work = workload(family, network, "paper", {"stem": stem})  # Workload.charged, by what a cache can hold
    data = card(work.dataset)
    return counted(work, data, network_of(work, data), batch), f"{work.label}, batch {batch}, by FLOPs"


@cache
def _moved_of_paper(family: str, network: str, stem: str, batch: int) -> tuple[list[str], Activations]:
    """Names and activations of the layers of the paper's network."""
    work = workload(family, network, "paper", {"stem": stem})
    data = card(work.dataset)
    made = network_of(work, data)
    return list(made), moved(work, data, made, batch)


def _stand_in(names: Sequence[str], theirs: Activations, own: Sequence[str]) -> Activations:
    """A stage's blocks keep as much as the stage that they stand in for; what one gives is what the stage gives."""
    gives = {name.split(".")[0]: size for name, size in zip(names, theirs.output, strict=True)}
    return Activations(by_stages(names, theirs.kept, own), [gives[name.split(".")[0]] for name in own])


def charge(work: Workload, hardware: Card, network: Mapping[str, nn.Module]) -> Charge:
    """Seconds and FLOPs of a step of the run on this hardware. network: the run's own, layer name -> module.

    Raises UserError where the card's network has other stages than the run's.
    """
    moves = work.activations == "charged"
    if work.price == "flops":
        data = work.card
        own = counted(work, data, network, work.batch)
        price = hardware.price(hardware.seconds_by_flops(own, what=work.label, batch=work.batch))
        its = moved(work, data, network, work.batch) if moves else None
        return Charge(replace(price, activations=its), step_flops(own))
    batch, stem = work.price_batch or work.batch, work.charged_stem
    flops, what = _of_paper(work.family, work.network, stem, batch)
    seconds = hardware.seconds_of(work.network, family=work.family, stem=stem)
    if seconds is None:
        seconds = hardware.seconds_by_flops(flops, what=what, batch=batch)
    price = hardware.price(seconds, list(network), batch=batch)
    if moves:
        names, theirs = _moved_of_paper(work.family, work.network, stem, batch)
        price = replace(price, activations=_stand_in(names, theirs, list(network)))
    measured = seconds.step_flops and seconds.step_flops * batch / seconds.batch
    return Charge(price, measured or step_flops(flops))
