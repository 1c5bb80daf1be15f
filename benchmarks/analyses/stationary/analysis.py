"""Asynchronous SGD against the stationary density p* of equation 7: injected noise, and the delays of real methods.

Source: A (arXiv:2410.05985v1), section 5 and appendix B, equations 2 to 12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from benchmarks.analyses.definition import Analysis, AnalysisOptions, Finding, Request, Several
from methods import Method
from results.measures import Measure
from results.published import Published
from results.statistics import summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

if TYPE_CHECKING:
    from benchmarks.analyses.stationary.densities import Delayed, Injected
    from benchmarks.analyses.stationary.potentials import Array, Noise, Potential

SOURCE = "arXiv:2410.05985v1, section 5 and appendix B"

WIDTH = Measure("variance_in_wells", "Variance in the wells", digits=5)
PLACE = Measure("mean_distance_from_zero", "Mean of |θ|", digits=4)
TO_LAW = Measure("distance_to_law", "Distance to p*", digits=4)
TO_PLAIN = Measure("distance_to_plain_sgd", "Distance to plain SGD", digits=4)
UPDATES = Measure("staleness_updates", "Staleness (updates)", digits=2, exact=True)
SIGMA = Measure("sigma_stale_over_sigma_sgd", "σ_STALE / σ_SGD", digits=3)
WIDER = Measure("variance_over_plain_sgd", "Variance over plain SGD's, p*", digits=3)
DELAYED = Measure("variance_over_plain_sgd_delay", "Variance over plain SGD's, law of the delay", digits=3)

NO_DENSITY = "no density: D is not positive everywhere (L'' < 0 between the wells)"
UNSTABLE = "no law: at this delay even a quadratic has no stationary density (eta L'' (updates + 1/2) > π / 2)"

READING = (
    "Distance is total variation (0 to 1) over 30 bins of equal mass; the row σ_STALE / σ_SGD = 0 compares two "
    "independent runs of plain SGD, which is the sampling noise of every distance.",
    "Plain SGD itself keeps a distance to p* that vanishes with eta: its variance on a quadratic is exactly "
    "eta σ_SGD² / (L'' (2 - eta L'')), that of p* eta σ_SGD² / (2 L'').",
    "Chains start at both minima alike, so that the wells' shares are right where no chain ever crosses the barrier; "
    "the variance in the wells is that of |θ| in the double well.",
)
ERRATA = (
    "Time: (8) lacks the 1/2 of an Itô equation, so it belongs to dθ = μ dt + sqrt(2 D) dW. With D of (6) that is the "
    "noise eta σ_SGD of real SGD, and (7) fits. (2) and (5) as printed (eta σ_SGD / sqrt 2, sqrt D, and dt missing) "
    "have half the variance, and do not fit.",
    "(6) prints the variance of L'' ξ as σ_STALE² L''; by (4) it is σ_STALE² (L'')², in n dimensions the sum of the "
    "squares of a Hessian's row. Printed, D adds unlike units, and is negative where L'' is.",
    "(12): inserting (6) in (11) gives -(2 L' + eta σ_STALE² L''') / (eta (σ_SGD² + σ_STALE² L'')). The printed form "
    "has lost the 2, so that p* of plain SGD has twice the variance, and its term in L''' is 1 / eta times too large. "
    "Its errors may cancel, as they nearly do on the quadratic at the ratio 2.",
    "(4) drops ξ² L''' / 2, whose mean σ_STALE² L''' / 2 shifts the drift: 1 / eta times the distortion that (7) has, "
    "just the size that (12) prints. It moves the double well's minima to θ² = 1 - 3 σ_STALE², which no D can do; the "
    "formula with mean and variance has it.",
    "p* of SGD as exp(-L / eta), after (2), needs σ_SGD² = 2. ξ ~ N(0, σ_STALE) 'with variance σ_STALE' must mean the "
    "standard deviation. 'The former ... with amplitude σ_STALE' must be σ_SGD. Between (9) and (10), θ_j stands for "
    "θ_k. (9) needs a loss that is a sum over its parameters: else h_j depends on θ_k as well.",
    "'σ_STALE small compared to σ_SGD' compares a parameter with a gradient: what has to be small is "
    "σ_STALE |L''| / σ_SGD, and σ_STALE² L''' beside L'.",
)
DELAYS = (
    "Every layer is one parameter, the loss the sum of the layers' potentials; a gradient is taken at the θ that the "
    "forward pass read. σ_STALE is the standard deviation of θ at the update minus θ at the read.",
    "Law of the delay: variance ~ (1 + sin x) / cos x with x = eta L'' (updates + 1/2), the linear delay equation's, "
    "averaged over the layers; L'' at the minimum.",
    "ξ of (6) is independent of θ and of the gradient noise; real staleness is not, since the updates between read and "
    "write are what θ is made of. Its effect is of the order eta L'' updates, that of p* the square of it: p* "
    "understates real staleness, while the distance to plain SGD does vanish with it.",
)


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
    from benchmarks.analyses.stationary import densities
    from benchmarks.analyses.stationary.potentials import POTENTIALS

    results = [densities.injected(potential, request) for potential in POTENTIALS]
    delays = [densities.delayed(row, request, results) for row in _compared_methods(request)]
    tables = _noise_table(results, request), _formula_table(results, request), _delay_table(delays, results, request)
    return Finding(tables, densities.picture(results, request))


ANALYSIS = Analysis(
    id="stationary",
    title="Asynchronous SGD on small potentials against the stationary density of equation 7",
    source=SOURCE,
    run=run,
    Options=StationaryOptions,
    paper="paper-a",
)


def _compared_methods(request: Request) -> list[tuple[str, str, Method]]:
    """Returns (key, label, method) of what was asked for; by default plain SGD, Hogwild!, Async LU and Async BU."""

    method = request.method
    if request.methods:
        chosen = [method(name) for name in request.methods]
        return [(chosen_method.name, chosen_method.title, chosen_method) for chosen_method in chosen]
    return [
        ("bp", "Plain SGD", method("bp")),
        *(
            (f"hogwild@updaters={u}", f"Hogwild!, {u} updaters", method("hogwild", updaters=u))
            for u in request.options.workers
        ),
        ("async_lu", "Async LU", method("async_lu")),
        ("async_bu", "Async BU", method("async_bu")),
        ("async_bu@queue=8", "Async BU, queue 8", method("async_bu", queue=8)),
    ]


def _conditions(request: Request) -> Conditions:
    return Conditions(scale=request.scale, seeds=request.seeds)


def _captions(request: Request) -> tuple[str, ...]:
    from benchmarks.analyses.stationary.densities import GROUPS

    o = request.options
    return (
        f"Scale {request.scale} (alike at every scale); eta {o.eta:g}, σ_SGD {o.sigma_sgd:g}, {o.chains} chains of "
        f"{o.steps} updates per potential and seed.",
        f"Seeds: {len(request.seeds)}. ± is the standard deviation over (n) independent groups of chains, {GROUPS} in "
        "a seed; the standard error is that over √n.",
    )


# ---- tables


def _noise_table(results: Sequence[Injected], request: Request) -> ResultTable:
    from benchmarks.analyses.stationary.potentials import FORMULAS

    return ResultTable(
        name="stationary",
        title="SGD with injected staleness noise, against the stationary density p* of equation 7",
        source=SOURCE,
        measures=(WIDTH, PLACE, TO_LAW, TO_PLAIN),
        rows=tuple(
            _row(
                result.potential,
                f"ratio={ratio:g}",
                f"σ_STALE / σ_SGD = {ratio:g}",
                _noise_cells(result, ratio, request),
            )
            for result in results
            for ratio in result.noisy
        ),
        captions=(*_captions(request), f"p*: {FORMULAS[request.options.diffusion]}."),
        notes=READING,
        conditions=_conditions(request),
        reference="law",
    )


def _noise_cells(result: Injected, ratio: float, request: Request) -> tuple[ResultCell, ...]:
    from benchmarks.analyses.stationary.potentials import distance

    if result.runaways[ratio]:
        return (ResultCell(reason=result.ran_away(ratio)),) * 4
    law = result.law(_noise(request, ratio), request.options.diffusion)
    plain = result.law(_noise(request, 0.0), request.options.diffusion)
    apart = _law(None if law is None or plain is None else distance(law, plain), "p* of both")
    return (
        _cell(result.width, result.noisy[ratio], law),
        _cell(result.place, result.noisy[ratio], law),
        _distance(result.noisy[ratio], law),
        ResultCell(apart, summary(list(map(distance, result.noisy[ratio], result.plain)))),
    )


def _formula_table(results: Sequence[Injected], request: Request) -> ResultTable:
    return ResultTable(
        name="stationary-formulas",
        title="The paper's formulas for p*, as printed and as corrected, against the same chains",
        source=SOURCE,
        measures=(WIDTH, TO_LAW),
        rows=tuple(_formula_rows(results, request)),
        captions=_captions(request),
        notes=ERRATA,
        conditions=_conditions(request),
        reference="law",
    )


def _formula_rows(results: Sequence[Injected], request: Request) -> Iterator[ResultRow]:
    from benchmarks.analyses.stationary.potentials import FORMULAS

    for result in results:
        for ratio in result.shown:
            for formula, title in FORMULAS.items():
                cells: tuple[ResultCell, ...] = (ResultCell(reason=result.ran_away(ratio)),) * 2
                if not result.runaways[ratio]:
                    law = result.law(_noise(request, ratio), formula)
                    cells = _cell(result.width, result.noisy[ratio], law), _distance(result.noisy[ratio], law)
                network = f"{result.potential.name}@ratio={ratio:g}"
                label = f"{result.potential.title}; σ_STALE / σ_SGD = {ratio:g}"
                yield ResultRow(network, label, formula, title, cells)


def _delay_table(delays: Sequence[Delayed], results: Sequence[Injected], request: Request) -> ResultTable:
    from benchmarks.analyses.stationary.densities import network
    from benchmarks.analyses.stationary.potentials import FORMULAS

    return ResultTable(
        name="stationary-delays",
        title="Asynchronous SGD with the delays of real methods, against p* at its measured σ_STALE",
        source=SOURCE,
        measures=(UPDATES, SIGMA, WIDER, DELAYED, TO_LAW, TO_PLAIN),
        rows=tuple(
            _row(result.potential, delay.key, delay.label, _delay_cells(delay, result, i, request))
            for i, result in enumerate(results)
            for delay in sorted(delays, key=lambda delay: delay.mean_updates)
        ),
        captions=(
            *_captions(request),
            f"Virtual clock, {network(request).what}. p*: {FORMULAS[request.options.diffusion]}.",
        ),
        notes=DELAYS,
        conditions=_conditions(request),
        reference="law",
    )


def _delay_cells(delay: Delayed, result: Injected, index: int, request: Request) -> tuple[ResultCell, ...]:
    from benchmarks.analyses.stationary.potentials import distance

    if delay.reasons[index]:
        return (ResultCell(reason=delay.reasons[index]),) * 6
    repeats, sigmas = delay.densities[index], delay.sigma_stale[index]
    ratio = sum(sigmas) / len(sigmas) / request.options.sigma_sgd
    law = result.law(_noise(request, ratio), request.options.diffusion)
    plain = result.law(_noise(request, 0.0), request.options.diffusion)
    wider = summary(
        [result.width(m) / result.width(plain_masses) for m, plain_masses in zip(repeats, result.plain, strict=True)]
    )
    widening = delay.widening(request.options.eta * result.potential.stiffness)
    model = None if law is None or plain is None else result.width(law) / result.width(plain)
    return (
        ResultCell(measured=summary([delay.mean_updates])),
        ResultCell(measured=summary([sigma / request.options.sigma_sgd for sigma in sigmas])),
        ResultCell(_law(model, "p* at the measured σ_STALE"), wider),
        ResultCell(_law(widening, "linear delay equation"), wider, UNSTABLE if widening is None else ""),
        _distance(repeats, law),
        ResultCell(measured=summary(list(map(distance, repeats, result.plain)))),
    )


def _row(potential: Potential, key: str, label: str, cells: tuple[ResultCell, ...]) -> ResultRow:
    return ResultRow(potential.name, potential.title, key, label, cells)


def _cell(measure: Callable[[Array], float], repeats: Sequence[Array], law: Array | None) -> ResultCell:
    published = _law(None if law is None else measure(law), "p*")
    return ResultCell(
        published, summary([measure(masses) for masses in repeats]), "" if law is not None else NO_DENSITY
    )


def _distance(repeats: Sequence[Array], law: Array | None) -> ResultCell:
    from benchmarks.analyses.stationary.potentials import distance

    if law is None:
        return ResultCell(reason=NO_DENSITY)
    return ResultCell(measured=summary([distance(masses, law) for masses in repeats]))


def _law(value: float | None, source: str) -> Published | None:
    return None if value is None else Published(value, None, None, source)


def _noise(request: Request, ratio: float) -> Noise:
    from benchmarks.analyses.stationary.potentials import Noise

    return Noise(request.options.eta, request.options.sigma_sgd, ratio * request.options.sigma_sgd)
