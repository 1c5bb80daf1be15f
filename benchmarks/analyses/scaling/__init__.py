"""Up to 1,024 simulated devices: seconds per epoch, share of waiting, and accuracy under staleness.

The clock's part has no tensors and no formula: it counts the effects that the methods' own workers ask for. In weak
scaling every device has as many batches, so that ideal seconds are constant; in strong scaling devices share one epoch.
The formulas beside the results are a check (formulas.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several
from benchmarks.analyses.scaling import accuracy, presentation
from benchmarks.analyses.scaling.curves import curves

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
    simulated = list(curves(request)) if options.part != "accuracy" else []
    trained = accuracy.train(request, options.accuracy_devices) if options.part != "clock" else []
    return Finding(presentation.tables(request, simulated, trained), presentation.picture(request, simulated, trained))


ANALYSIS = Analysis(
    "scaling",
    "Seconds per epoch and waiting on up to 1,024 simulated devices",
    "the methods' own programs on the virtual clock; links: see the hardware card",
    run,
    ScalingOptions,
    card="cluster",
    scaled=True,
)
