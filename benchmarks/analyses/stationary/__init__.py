"""Asynchronous SGD against the stationary density p* of equation 7: injected noise, and the delays of real methods.

Source: A (arXiv:2410.05985v1), section 5 and appendix B, equations 2 to 12.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several

SOURCE = "arXiv:2410.05985v1, section 5 and appendix B"
Ratio = Annotated[float, Field(ge=0, le=100)]
Updaters = Annotated[int, Field(ge=1, le=64)]


class StationaryOptions(AnalysisOptions):
    eta: float = Field(0.05, gt=0, lt=0.5, description="learning rate; L'' is 2 at the minima")
    sigma_sgd: float = Field(0.3, gt=0, le=10, description="standard deviation of the gradient's noise")
    ratios: Annotated[Several[Ratio], Field(description="injected σ_STALE / σ_SGD")] = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)
    chains: int = Field(8000, ge=100, le=10**6, description="chains per potential and seed")
    steps: int = Field(1500, ge=200, le=10**6, description="updates per chain; the first fifth is left out")
    workers: Annotated[Several[Updaters], Field(description="updaters of Hogwild!, a row each")] = (2, 4, 8)
    diffusion: Literal["printed", "squared", "moments"] = Field(
        "printed", description="D of p*: as (6) prints it, with (L'')^2, or from mean and variance of L'(theta + xi)"
    )


def run(request: Request) -> Finding:
    from benchmarks.analyses.stationary import densities, presentation  # numpy, which `list` needs not

    injected = densities.all_injected(request)
    delayed = densities.all_delayed(request, injected)
    return Finding(presentation.tables(request, injected, delayed), presentation.picture(request, injected))


ANALYSIS = Analysis(
    id="stationary",
    title="Asynchronous SGD on small potentials against the stationary density of equation 7",
    source=SOURCE,
    run=run,
    Options=StationaryOptions,
    paper="paper-a",
)
