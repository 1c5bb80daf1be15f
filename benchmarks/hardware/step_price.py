"""Prices a run's simulated step: by the published network's seconds, or by the run's own FLOPs."""

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
    """The cost of a step. price: of its effects. step_flops: of the charged network, one batch, both passes."""

    price: Price
    step_flops: float


def counted(work: Workload, data: DataCard, network: Mapping[str, nn.Module], batch: int) -> list[LayerWork]:
    """Returns the FLOPs of a step with this batch, scaled from those of a batch of two."""
    two = layer_work(network, (2, *inputs_of(work, data)), input_dtype(work))
    return [replace(layer, forward_flops=layer.forward_flops * batch / 2) for layer in two]


@cache
def layers_of(work: Workload, data: DataCard) -> Sequence[LayerWork]:
    """Returns name, bytes and FLOPs per sample of each layer of the workload's network, from meta tensors."""
    with torch.device("meta"):
        return counted(work, data, network_of(work, data), 1)


def moved(work: Workload, data: DataCard, network: Mapping[str, nn.Module], batch: int) -> Activations:
    """Returns the bytes of a batch's activations, scaled from those of a batch of two."""
    two = activations(network, (2, *inputs_of(work, data)), input_dtype(work))
    return Activations(*([size * batch / 2 for size in sizes] for sizes in (two.kept, two.output)))


@cache
def _of_paper(family: str, network: str, stem: str, batch: int) -> tuple[list[LayerWork], str]:
    work = workload(family, network, "paper", {"stem": stem})  # Workload.charged, by what a cache can hold
    data = card(work.dataset)
    return counted(work, data, network_of(work, data), batch), f"{work.label}, batch {batch}, by FLOPs"


@cache
def _moved_of_paper(family: str, network: str, stem: str, batch: int) -> tuple[list[str], Activations]:
    """Returns names and activations of the layers of the paper's network."""
    work = workload(family, network, "paper", {"stem": stem})
    data = card(work.dataset)
    layers = network_of(work, data)
    return list(layers), moved(work, data, layers, batch)


def _stand_in(names: Sequence[str], published: Activations, layer_names: Sequence[str]) -> Activations:
    """Spreads a published network's activations over the layers of one with other numbers of blocks.

    A stage's blocks together keep as much as the published stage; each outputs what that stage outputs.
    """
    outputs = {name.split(".")[0]: size for name, size in zip(names, published.output, strict=True)}
    kept = by_stages(names, published.kept, layer_names)
    return Activations(kept, [outputs[name.split(".")[0]] for name in layer_names])


def charge(work: Workload, hardware: Card, network: Mapping[str, nn.Module]) -> Charge:
    """Returns the price and the FLOPs of a step of the run on this hardware.

    network: the run's own, layer name -> module. Raises UserError where the card's network has other stages than it.
    """
    moves = work.activations == "charged"
    if work.price == "flops":
        data = work.card
        counts = counted(work, data, network, work.batch)
        price = hardware.price(hardware.seconds_by_flops(counts, what=work.label, batch=work.batch))
        sizes = moved(work, data, network, work.batch) if moves else None
        return Charge(replace(price, activations=sizes), step_flops(counts))
    batch, stem = work.price_batch or work.batch, work.charged_stem
    flops, description = _of_paper(work.family, work.network, stem, batch)
    seconds = hardware.seconds_of(work.network, family=work.family, stem=stem)
    if seconds is None:
        seconds = hardware.seconds_by_flops(flops, what=description, batch=batch)
    price = hardware.price(seconds, list(network), batch=batch)
    if moves:
        names, published = _moved_of_paper(work.family, work.network, stem, batch)
        price = replace(price, activations=_stand_in(names, published, list(network)))
    measured = seconds.step_flops and seconds.step_flops * batch / seconds.batch
    return Charge(price, measured or step_flops(flops))
