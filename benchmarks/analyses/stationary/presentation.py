"""Tables and the picture of the analysis `stationary`, and what has to be known to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.analyses.definition import Request, cell
from benchmarks.analyses.stationary import SOURCE
from benchmarks.analyses.stationary.densities import GROUPS, Delayed, Injected, network
from benchmarks.analyses.stationary.potentials import FORMULAS, Array, Formula, distance
from reports.figures.densities import Density
from reports.figures.densities import densities as draw
from results.measures import Measure
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

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


DRAWN: tuple[Formula, ...] = ("printed", "squared", "moments")
BARS = 120
TAIL = 5e-4  # of a density, that a picture may leave out


def tables(request: Request, injected: Sequence[Injected], delayed: Sequence[Delayed]) -> tuple[ResultTable, ...]:
    options = request.options
    formula = f"p*: {FORMULAS[options.diffusion]}."
    captions = (
        f"Scale {request.scale} (alike at every scale); eta {options.eta:g}, σ_SGD {options.sigma_sgd:g}, "
        f"{options.chains} chains of {options.steps} updates per potential and seed.",
        f"Seeds: {len(request.seeds)}. ± is the standard deviation over (n) independent groups of chains, {GROUPS} in "
        "a seed; the standard error is that over √n.",
    )
    table = partial(
        ResultTable,
        source=SOURCE,
        conditions=Conditions(scale=request.scale, seeds=request.seeds),
        reference="law",
    )
    return (
        table(
            name="stationary",
            title="SGD with injected staleness noise, against the stationary density p* of equation 7",
            measures=(WIDTH, PLACE, TO_LAW, TO_PLAIN),
            rows=tuple(_noise_rows(injected)),
            captions=(*captions, formula),
            notes=READING,
        ),
        table(
            name="stationary-formulas",
            title="The paper's formulas for p*, as printed and as corrected, against the same chains",
            measures=(WIDTH, TO_LAW),
            rows=tuple(_formula_rows(injected)),
            captions=captions,
            notes=ERRATA,
        ),
        table(
            name="stationary-delays",
            title="Asynchronous SGD with the delays of real methods, against p* at its measured σ_STALE",
            measures=(UPDATES, SIGMA, WIDER, DELAYED, TO_LAW, TO_PLAIN),
            rows=tuple(_delay_rows(injected, delayed)),
            captions=(*captions, f"Virtual clock, {network(request).what}. {formula}"),
            notes=DELAYS,
        ),
    )


def _noise_rows(injected: Sequence[Injected]) -> Iterator[ResultRow]:
    for result in injected:
        for ratio in result.noisy:
            key, label = f"ratio={ratio:g}", f"σ_STALE / σ_SGD = {ratio:g}"
            yield ResultRow(result.potential.name, result.potential.title, key, label, _noise_cells(result, ratio))


def _noise_cells(result: Injected, ratio: float) -> tuple[ResultCell, ...]:
    if result.runaways[ratio]:
        return (cell(None, reason=result.ran_away(ratio)),) * 4
    repeats, law, plain_law = result.noisy[ratio], result.law(ratio), result.law(0.0)
    apart = None if law is None or plain_law is None else distance(law, plain_law)
    return (
        _cell(repeats, result.width, law),
        _cell(repeats, result.place, law),
        _to_law(repeats, law),
        cell(list(map(distance, repeats, result.plain)), apart, source="p* of both"),
    )


def _formula_rows(injected: Sequence[Injected]) -> Iterator[ResultRow]:
    for result in injected:
        for ratio, (formula, title) in product(result.shown, FORMULAS.items()):
            repeats, law = result.noisy[ratio], result.law(ratio, formula)
            cells = (
                (cell(None, reason=result.ran_away(ratio)),) * 2
                if result.runaways[ratio]
                else (_cell(repeats, result.width, law), _to_law(repeats, law))
            )
            name = f"{result.potential.name}@ratio={ratio:g}"
            label = f"{result.potential.title}; σ_STALE / σ_SGD = {ratio:g}"
            yield ResultRow(name, label, formula, title, cells)


def _delay_rows(injected: Sequence[Injected], delayed: Sequence[Delayed]) -> Iterator[ResultRow]:
    for index, result in enumerate(injected):
        for delay in sorted(delayed, key=lambda delay: delay.mean_updates):
            cells = _delay_cells(delay, result, index)
            yield ResultRow(result.potential.name, result.potential.title, delay.key, delay.label, cells)


def _delay_cells(delay: Delayed, result: Injected, index: int) -> tuple[ResultCell, ...]:
    if delay.reasons[index]:
        return (cell(None, reason=delay.reasons[index]),) * 6
    repeats, options = delay.densities[index], result.options
    ratios = [sigma / options.sigma_sgd for sigma in delay.sigma_stale[index]]
    law, plain_law = result.law(sum(ratios) / len(ratios)), result.law(0.0)
    wider = [result.width(masses) / result.width(plain) for masses, plain in zip(repeats, result.plain, strict=True)]
    by_law = None if law is None or plain_law is None else result.width(law) / result.width(plain_law)
    by_delay = delay.widening(options.eta * result.potential.stiffness)
    return (
        cell(delay.mean_updates),
        cell(ratios),
        cell(wider, by_law, source="p* at the measured σ_STALE"),
        cell(wider, by_delay, source="linear delay equation", reason=UNSTABLE if by_delay is None else ""),
        _to_law(repeats, law),
        cell(list(map(distance, repeats, result.plain))),
    )


def _cell(repeats: Sequence[Array], measure: Callable[[Array], float], law: Array | None) -> ResultCell:
    values = list(map(measure, repeats))
    return cell(values, reason=NO_DENSITY) if law is None else cell(values, measure(law), source="p*")


def _to_law(repeats: Sequence[Array], law: Array | None) -> ResultCell:
    return cell(None, reason=NO_DENSITY) if law is None else cell([distance(masses, law) for masses in repeats])


# ---- the picture


def picture(request: Request, injected: Sequence[Injected]) -> tuple[Path, ...]:
    """Draws a row of panels per potential: measured densities, and those of the formulas, at three ratios."""
    return draw(
        [[_panel(result, ratio) for ratio in result.shown] for result in injected],
        [FORMULAS[formula] for formula in DRAWN],
        request.figures / "stationary",
        title="SGD with injected staleness noise: measured, and p* of equation 7",
        x_label="θ",
    )


def _panel(result: Injected, ratio: float) -> Density:
    laws = {FORMULAS[formula]: result.law(ratio, formula) for formula in DRAWN}
    defined = {label: law for label, law in laws.items() if law is not None}
    remarks = [f"{label}:\nno density, D ≤ 0 between the wells" for label in laws if label not in defined]
    if result.runaways[ratio]:
        remarks.append(result.ran_away(ratio))
    edges, heights, limits = _histogram(result, ratio, list(defined.values()))
    half = ", right half" if result.potential.minimum else ""
    cell_width = result.edges[1] - result.edges[0]
    return Density(
        title=f"{result.potential.title}{half}\nσ_STALE / σ_SGD = {ratio:g}",
        edges=edges.tolist(),
        heights=heights.tolist(),
        xs=((result.edges[1:] + result.edges[:-1]) / 2).tolist(),
        lines={label: (law / cell_width).tolist() for label, law in defined.items()},
        limits=limits,
        remark="\n".join(remarks),
    )


def _histogram(result: Injected, ratio: float, laws: Sequence[Array]) -> tuple[Array, Array, tuple[float, float]]:
    """Returns a coarser histogram of the measured density (edges, densities), and the range that is not empty.

    Of two wells, which mirror each other, only the right one.
    """
    edges, repeats = result.edges, result.noisy[ratio]
    measured = np.mean(repeats, axis=0) if repeats else np.zeros(len(edges) - 1)
    half = len(measured) // 2 if result.potential.minimum else 0
    shown = [masses[half:] for masses in (measured, *laws) if masses.any()]
    ranks = np.array([np.cumsum(masses) / masses.sum() for masses in shown])
    inside = half + np.flatnonzero(((ranks > TAIL) & (ranks < 1 - TAIL)).any(axis=0))
    first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, len(measured) - 1)
    every = max(1, (last - first) // BARS)
    starts = np.arange(first, last + 1, every)
    bars = edges[np.append(starts, min(starts[-1] + every, len(measured)))]
    sums = np.add.reduceat(measured[: starts[-1] + every], starts)
    return bars, sums / np.diff(bars), (float(edges[first]), float(edges[last + 1]))
