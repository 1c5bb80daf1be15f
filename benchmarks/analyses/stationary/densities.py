"""Densities of many chains of SGD on small potentials, in independent groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.analyses.definition import Request
from benchmarks.analyses.stationary import chains, potentials
from benchmarks.analyses.stationary.potentials import FORMULAS, Array, Formula, Noise, Potential
from benchmarks.errors import UserError
from benchmarks.hardware.price import Price
from methods import Method
from reports.figures.densities import Density, densities

GROUPS = 4
"""Groups of chains in a seed, each a repeat of its own."""

_DRAWN: tuple[Formula, ...] = ("printed", "squared", "moments")
_BARS = 120
_TAIL = 5e-4  # of a density, that a picture may leave out


@dataclass(frozen=True)
class Injected:
    """Densities of plain SGD and of SGD with injected noise on one potential.

    plain: masses per repeat. noisy, runaways: by σ_STALE / σ_SGD, masses per repeat (none where a chain diverged) and
    how many of the `chains` diverged.
    """

    potential: Potential
    edges: Array
    plain: list[Array]
    noisy: dict[float, list[Array]]
    runaways: dict[float, int]
    chains: int

    @property
    def shown(self) -> list[float]:
        """Returns the smallest, the middle and the largest ratio."""
        ratios = list(self.noisy)
        return [ratios[i] for i in sorted({0, len(ratios) // 2, len(ratios) - 1})]

    def ran_away(self, ratio: float) -> str:
        return f"{self.runaways[ratio]} of {self.chains} chains ran away: they have no stationary density"

    @property
    def centres(self) -> Array:
        return potentials.centres(self.edges)

    def law(self, noise: Noise, formula: Formula) -> Array | None:
        return potentials.density(self.potential, noise, formula, self.edges)

    def width(self, masses: Array) -> float:
        return potentials.width(masses, self.edges, self.potential)

    def place(self, masses: Array) -> float:
        return potentials.place(masses, self.edges)

    def per_unit(self, masses: Array) -> Array:
        """Converts masses to densities."""
        return np.asarray(masses / (self.edges[1] - self.edges[0]))

    def view(self, ratio: float, laws: Sequence[Array]) -> tuple[Array, Array, tuple[float, float]]:
        """Returns a coarser histogram of the measured density (edges, densities), and the range that is not empty.

        Of two wells, which mirror each other, only the right one.
        """
        measured = np.mean(self.noisy[ratio], axis=0) if self.noisy[ratio] else np.zeros(len(self.edges) - 1)
        half = len(measured) // 2 if self.potential.minimum else 0
        ranks = np.array(
            [np.cumsum(masses[half:]) / masses[half:].sum() for masses in (measured, *laws) if masses.any()]
        )
        inside = half + np.flatnonzero(((ranks > _TAIL) & (ranks < 1 - _TAIL)).any(axis=0))
        first, last = (int(inside[0]), int(inside[-1])) if len(inside) else (0, len(measured) - 1)
        every = max(1, (last - first) // _BARS)
        starts = np.arange(first, last + 1, every)
        edges = self.edges[np.append(starts, min(starts[-1] + every, len(measured)))]
        sums = np.add.reduceat(measured[: starts[-1] + every], starts)
        return edges, sums / np.diff(edges), (float(self.edges[first]), float(self.edges[last + 1]))


@dataclass(frozen=True)
class Delayed:
    """Densities under a method's real delays.

    densities, sigma_stale: per potential and repeat. updates: staleness per layer. reasons: per potential, why nothing
    was measured, or "".
    """

    key: str
    label: str
    densities: list[list[Array]] = field(default_factory=list)
    sigma_stale: list[list[float]] = field(default_factory=list)
    updates: tuple[float, ...] = ()
    reasons: list[str] = field(default_factory=list)

    @property
    def mean_updates(self) -> float:
        return sum(self.updates) / len(self.updates) if self.updates else math.inf

    def widening(self, rate: float) -> float | None:
        """Returns the variance over that without a delay, by the linear delay equation.

        None where it grows without bound.

        rate: eta L''.
        """
        if rate * (max(self.updates) + 0.5) >= math.pi / 2:
            return None
        return sum(delay_variance(rate, updates) for updates in self.updates) / len(self.updates) / delay_variance(rate)


def delay_variance(rate: float, updates: float = 0.0) -> float:
    """Returns the stationary variance of theta <- theta - rate theta(updates ago) + noise.

    It is scaled by its limit for rate -> 0.

    It is the linear delay equation's, (1 + sin x) / cos x with x = rate times the delay; a step adds half a step to it.
    Exact for small rates, within 2 % up to x = 0.8.
    """
    x = rate * (updates + 0.5)
    return (1 + math.sin(x)) / math.cos(x)


class Network(NamedTuple):
    """The network whose layers and seconds set the delays. what: in words."""

    what: str
    layers: Sequence[str]
    price: Price


def network(request: Request) -> Network:
    """Returns the first requested network that the card knows, by default ResNet-18.

    Else ten layers on an ideal device.
    """
    for name in request.networks or ("resnet18",):
        if name in request.card.networks:
            seconds = request.card.networks[name]
            return Network(f"{name} on {request.card.title}", seconds.layers, request.card.price(seconds))
    return Network("ten like layers on an ideal device", [f"layer{i}" for i in range(10)], Price.uniform(10, 1.0, 2.0))


def injected(potential: Potential, request: Request) -> Injected:
    """Runs chains of plain SGD, and of SGD with each of the options' noise ratios.

    Raises UserError where plain SGD diverges.
    """
    o, ratios = request.options, sorted(set(request.options.ratios))
    edges = potentials.grid(potential, Noise(o.eta, o.sigma_sgd, ratios[-1] * o.sigma_sgd))
    result = Injected(
        potential, edges, [], {ratio: [] for ratio in ratios}, dict.fromkeys(ratios, 0), o.chains * len(request.seeds)
    )
    for seed in request.seeds:
        samples = chains.injected(
            potential,
            eta=o.eta,
            sigma_sgd=o.sigma_sgd,
            sigma_stale=[0.0, *(ratio * o.sigma_sgd for ratio in ratios)],
            chains=o.chains,
            steps=o.steps,
            generator=_generator(seed, potential.name),
        )
        if not np.isfinite(samples[:, 0]).all():
            raise UserError(
                f"Plain SGD itself runs away from the {potential.name} at stationary.eta={o.eta:g} and "
                f"stationary.sigma_sgd={o.sigma_sgd:g}: choose less of either."
            )
        result.plain.extend(_densities(samples[:, 0], edges))
        for row, ratio in enumerate(ratios, start=1):
            runaways = int((~np.isfinite(samples[:, row])).any(axis=0).sum())
            result.runaways[ratio] += runaways
            result.noisy[ratio].extend([] if runaways else _densities(samples[:, row], edges))
    return result


def delayed(compared: tuple[str, str, Method], request: Request, results: Sequence[Injected]) -> Delayed:
    """Runs a method's own workers on the virtual clock, on the same potentials and grids."""
    key, label, method = compared
    if method.replicas != 1:
        reason = f"not run: {method.replicas} replicas, where p* is about one set of weights"
        return Delayed(key, label, reasons=[reason] * len(results))
    runs = [_run(method, request, seed, [result.potential for result in results]) for seed in request.seeds]
    diverged = [not all(np.isfinite(run.samples[i]).all() for run in runs) for i in range(len(results))]
    return Delayed(
        key,
        label,
        [
            [] if diverged[i] else [masses for run in runs for masses in _densities(run.samples[i], result.edges)]
            for i, result in enumerate(results)
        ],
        [[float(run.sigma_stale[i]) for run in runs] for i in range(len(results))],
        runs[0].updates,
        ["chains ran away: they have no stationary density" if result else "" for result in diverged],
    )


def _run(method: Method, request: Request, seed: int, several: Sequence[Potential]) -> chains.Asynchronous:
    o, measured_network = request.options, network(request)
    return chains.asynchronous(
        method,
        several,
        eta=o.eta,
        sigma_sgd=o.sigma_sgd,
        chains=o.chains,
        steps=o.steps,
        layers=measured_network.layers,
        price=measured_network.price,
        generator=_generator(seed, method.name),
    )


def _generator(seed: int, purpose: str) -> Any:
    return np.random.Generator(np.random.PCG64([seed, *purpose.encode()]))


def _densities(samples: Array, edges: Array) -> list[Array]:
    """Returns the densities of the groups of chains. samples: (times, chains)."""
    return [potentials.histogram(group, edges) for group in np.array_split(samples, GROUPS, axis=1)]


def picture(results: Sequence[Injected], request: Request) -> tuple[Path, ...]:
    """Draws a row of panels per potential: measured densities, and those of the formulas, at three ratios."""
    return densities(
        [[_panel(result, ratio, request) for ratio in result.shown] for result in results],
        [FORMULAS[formula] for formula in _DRAWN],
        request.figures / "stationary",
        title="SGD with injected staleness noise: measured, and p* of equation 7",
        x_label="θ",
    )


def _panel(result: Injected, ratio: float, request: Request) -> Density:
    o = request.options
    noise = Noise(o.eta, o.sigma_sgd, ratio * o.sigma_sgd)
    laws = {FORMULAS[formula]: result.law(noise, formula) for formula in _DRAWN}
    defined = {label: law for label, law in laws.items() if law is not None}
    remarks = [f"{label}:\nno density, D ≤ 0 between the wells" for label in laws if label not in defined]
    if result.runaways[ratio]:
        remarks.append(result.ran_away(ratio))
    edges, heights, limits = result.view(ratio, list(defined.values()))
    potential = result.potential
    half = ", right half" if potential.minimum else ""
    return Density(
        title=f"{potential.title}{half}\nσ_STALE / σ_SGD = {ratio:g}",
        edges=edges.tolist(),
        heights=heights.tolist(),
        xs=result.centres.tolist(),
        lines={label: result.per_unit(law).tolist() for label, law in defined.items()},
        limits=limits,
        remark="\n".join(remarks),
    )
