"""Up to 1,024 simulated devices: seconds per epoch, share of waiting, and accuracy under staleness.

The clock's part has no tensors and no formula: it counts the effects that the methods' own workers ask for. In weak
scaling every device has as many batches, so that ideal seconds are constant; in strong scaling devices share one epoch.
The formulas beside the results are a check (formulas.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

import methods
from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several
from benchmarks.analyses.scaling import accuracy, presentation
from benchmarks.analyses.scaling.formulas import seconds
from benchmarks.analyses.scaling.points import Point, ScalingCurve
from benchmarks.analyses.scaling.simulated_epochs import Condition, Epochs, expected_effects, simulate
from benchmarks.errors import UserError
from benchmarks.hardware.card import Card, NetworkSeconds
from methods import Method
from methods.errors import unknown

METHODS = ("bp", "ddp", "lapsgd", "lsgd", "pdasgd")
STEPS = {"smoke": 32, "small": 64, "paper": 391}  # an epoch of 50,000 images has 391 batches of 128, the last not full
Devices = Annotated[int, Field(ge=1, le=1024)]


class ScalingOptions(AnalysisOptions):
    part: Annotated[
        Literal["clock", "accuracy", "all"], Field(description="simulated seconds, or true numerics on fewer devices")
    ] = "clock"
    devices: Annotated[Several[Devices], Field(description="simulated devices")] = (1, 4, 16, 64, 256, 1024)
    steps: Annotated[
        int | None, Field(ge=1, le=10_000, description="batches per device, weak scaling; none: the scale's")
    ] = None
    batches: Annotated[int, Field(ge=1, le=10**6, description="of an epoch that devices share, strong scaling")] = 4096
    layers: Annotated[
        Literal["stages", "blocks"], Field(description="what is updated as a unit: a stage, or each of its blocks")
    ] = "stages"
    constant: Annotated[
        float, Field(ge=0, le=1000, description="delay of every eighth device before each batch, in steps")
    ] = 1.0
    tail: Annotated[
        float, Field(ge=0, le=1000, description="mean of all devices' heavy-tailed delays before a batch, in steps")
    ] = 0.25
    alpha: Annotated[float, Field(gt=1, le=1000, description="tail index of those: smaller is heavier")] = 2.0
    most_effects: Annotated[
        float, Field(ge=1000, description="what would take more of them is left out: some two seconds a million")
    ] = 2.5e6
    accuracy_devices: Annotated[
        Several[Annotated[int, Field(ge=1, le=64)]], Field(description="devices of the true numerics")
    ] = (1, 8, 64)


def run(request: Request) -> Finding:
    """Runs the analysis on the first network of the request, by default ResNet-18."""
    options: ScalingOptions = request.options
    curves = list(_curves(request)) if options.part != "accuracy" else []
    trained = accuracy.train(request, options.accuracy_devices) if options.part != "clock" else []
    return Finding(presentation.tables(request, curves, trained), presentation.picture(request, curves, trained))


def _curves(request: Request) -> Iterator[ScalingCurve]:
    options, network = request.options, _network(request)
    conditions = (
        Condition("ring", "ring"),
        Condition("tree", "tree", collective="tree"),
        Condition("constant", "constant stragglers", stragglers="constant", slow_steps=options.constant),
        Condition("tail", "heavy tails", stragglers="heavy-tailed", slow_steps=options.tail, alpha=options.alpha),
    )
    steps = options.steps or STEPS[request.scale]
    for name in request.methods or METHODS:
        for condition in conditions:
            yield _curve(request, network, name, condition, "weak", steps)
        yield _curve(request, network, name, conditions[0], "strong", steps)


def _network(request: Request) -> NetworkSeconds:
    networks = request.card.networks
    name = next(iter(request.networks), "resnet18")
    if name not in networks:
        raise UserError(unknown(f"network of {request.card.name}", name, tuple(networks)))
    return networks[name]


def _layers(network: NetworkSeconds, unit: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.split(".")[0] for name in network.layers)) if unit == "stages" else network.layers


def _methods_by_devices(request: Request, name: str) -> Iterable[tuple[int, Method]]:
    """Yields the method on each requested number of devices; one without such an option once, on the devices it has."""
    if "devices" not in methods.method_class(name).Options.__dataclass_fields__:
        method = request.method(name)
        return [(method.devices, method)]
    return ((devices, request.method(name, devices=devices)) for devices in sorted(request.options.devices))


def _curve(
    request: Request,
    network: NetworkSeconds,
    name: str,
    condition: Condition,
    scaling: Literal["weak", "strong"],
    steps: int,
) -> ScalingCurve:
    """Simulates one method under one condition. Strong: as many epochs as give a device at least `steps` batches."""
    options, points, finished = request.options, list[Point](), list[Epochs]()
    layers = _layers(network, options.layers)
    title = name
    for devices, method in _methods_by_devices(request, name):
        title = method.title
        share = steps if scaling == "weak" else options.batches // devices
        epochs = 1 if scaling == "weak" else -(-steps // max(1, share))
        seeds = request.seeds if condition.stragglers == "heavy-tailed" else request.seeds[:1]
        expected = expected_effects(finished, devices, devices * share * epochs)
        if reason := _unpriced(request.card, method, condition):
            points.append(Point(devices, reason=reason))
        elif not share:
            points.append(Point(devices, reason=f"{options.batches:,} batches are too few"))
        elif expected > options.most_effects:
            points.append(Point(devices, reason=f"left out: about {expected / 1e6:,.0f} million effects"))
        else:
            prices = [condition.price(request.card, network, layers, devices, seed) for seed in seeds]
            epochs_by_seed = tuple(simulate(method, price, layers, steps=share, epochs=epochs) for price in prices)
            law = None
            alike = not request.card.delays and request.card.devices is None and not request.card.absent
            if condition.stragglers != "heavy-tailed" and alike and request.card.lanes == 1:
                delayed = condition.stragglers == "constant" and devices > 1
                step = prices[0].forward_seconds + prices[0].backward_seconds
                law = seconds(method, prices[0], share, condition.slow_steps * step * delayed, epochs)
            points.append(Point(devices, epochs_by_seed, law))
            finished.append(epochs_by_seed[0])
    return ScalingCurve(name, title, condition, scaling, tuple(points))


def _unpriced(card: Card, method: Method, condition: Condition) -> str:
    """Returns why the card has no seconds for so many devices, or for this kind of all-reduce; "" where it has."""
    if condition.collective == "tree" and card.nodes is not None and card.nodes.bytes_per_second:
        return f"{card.name} has a link for each pair of nodes, over which no tree is priced"
    try:
        card.check_devices(method.devices - method.servers, method.name)
    except UserError as error:
        return str(error).removesuffix(".")
    return ""


ANALYSIS = Analysis(
    "scaling",
    "Seconds per epoch and waiting on up to 1,024 simulated devices",
    "the methods' own programs on the virtual clock; links: see the hardware card",
    run,
    ScalingOptions,
    card="cluster",
    scaled=True,
)
