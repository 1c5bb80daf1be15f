"""Densities of many chains of SGD on small potentials, in independent groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from benchmarks.analyses.definition import Request
from benchmarks.analyses.stationary import StationaryOptions, chains, potentials
from benchmarks.analyses.stationary.potentials import POTENTIALS, Array, Formula, Noise, Potential
from benchmarks.errors import UserError
from benchmarks.hardware.price import Price
from methods import Method

GROUPS = 4
"""Groups of chains in a seed, each a repeat of its own."""


@dataclass(frozen=True)
class Injected:
    """Densities of plain SGD and of SGD with injected noise on one potential.

    plain: masses per repeat. noisy, runaways: by σ_STALE / σ_SGD, masses per repeat (none where a chain diverged) and
    how many of the `chains` diverged.
    """

    potential: Potential
    options: StationaryOptions
    edges: Array
    chains: int
    plain: list[Array] = field(default_factory=list)
    noisy: dict[float, list[Array]] = field(default_factory=dict)
    runaways: dict[float, int] = field(default_factory=dict)

    @property
    def shown(self) -> list[float]:
        """The smallest, the middle and the largest ratio."""
        ratios = list(self.noisy)
        return [ratios[i] for i in sorted({0, len(ratios) // 2, len(ratios) - 1})]

    def ran_away(self, ratio: float) -> str:
        return f"{self.runaways[ratio]} of {self.chains} chains ran away: they have no stationary density"

    def law(self, ratio: float, formula: Formula | None = None) -> Array | None:
        """Returns p* at σ_STALE / σ_SGD by a formula, by default the options'; None where it gives no density."""
        sigma = self.options.sigma_sgd
        noise = Noise(self.options.eta, sigma, ratio * sigma)
        return potentials.density(self.potential, noise, formula or self.options.diffusion, self.edges)

    def width(self, masses: Array) -> float:
        return potentials.width(masses, self.edges, self.potential)

    def place(self, masses: Array) -> float:
        return potentials.place(masses, self.edges)


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
        """Returns the variance over that without a delay, by the linear delay equation; None where it has no bound.

        rate: eta L''.
        """
        if rate * (max(self.updates) + 0.5) >= math.pi / 2:
            return None
        return sum(delay_variance(rate, updates) for updates in self.updates) / len(self.updates) / delay_variance(rate)


def delay_variance(rate: float, updates: float = 0.0) -> float:
    """Returns the stationary variance of theta <- theta - rate theta(updates ago) + noise, over its limit at rate 0.

    By the linear delay equation it is (1 + sin x) / cos x with x = rate times the delay; a step adds half a step to the
    delay. Exact for small rates, within 2 % up to x = 0.8.
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


def all_injected(request: Request) -> list[Injected]:
    """Runs chains of plain SGD, and of SGD with each of the options' noise ratios, on each potential.

    Raises UserError where plain SGD diverges.
    """
    return [_injected(potential, request) for potential in POTENTIALS]


def _injected(potential: Potential, request: Request) -> Injected:
    options: StationaryOptions = request.options
    sigma, ratios = options.sigma_sgd, sorted(set(options.ratios))
    edges = potentials.grid(potential, Noise(options.eta, sigma, ratios[-1] * sigma))
    result = Injected(potential, options, edges, options.chains * len(request.seeds))
    for seed in request.seeds:
        samples = chains.injected(
            potential,
            eta=options.eta,
            sigma_sgd=sigma,
            sigma_stale=[0.0, *(ratio * sigma for ratio in ratios)],
            chains=options.chains,
            steps=options.steps,
            generator=_generator(seed, potential.name),
        )
        if not np.isfinite(samples[:, 0]).all():
            raise UserError(
                f"Plain SGD itself runs away from the {potential.name} at stationary.eta={options.eta:g} and "
                f"stationary.sigma_sgd={sigma:g}: choose less of either."
            )
        result.plain.extend(_densities(samples[:, 0], edges))
        for row, ratio in enumerate(ratios, start=1):
            runaways = int((~np.isfinite(samples[:, row])).any(axis=0).sum())
            result.runaways[ratio] = result.runaways.get(ratio, 0) + runaways
            result.noisy.setdefault(ratio, []).extend([] if runaways else _densities(samples[:, row], edges))
    return result


def all_delayed(request: Request, injected: Sequence[Injected]) -> list[Delayed]:
    """Runs the methods' own workers on the virtual clock, on the same potentials and grids.

    By default plain SGD, Hogwild!, Async LU and Async BU.
    """
    method = request.method
    if request.methods:
        rows = [(created.name, created.title, created) for created in map(method, request.methods)]
    else:
        rows = [("bp", "Plain SGD", method("bp"))]
        for count in request.options.workers:
            hogwild = method("hogwild", updaters=count)
            rows.append((f"hogwild@updaters={count}", f"Hogwild!, {count} updaters", hogwild))
        rows.append(("async_lu", "Async LU", method("async_lu")))
        rows.append(("async_bu", "Async BU", method("async_bu")))
        rows.append(("async_bu@queue=8", "Async BU, queue 8", method("async_bu", queue=8)))
    return [_delayed(*row, request, injected) for row in rows]


def _delayed(key: str, label: str, method: Method, request: Request, injected: Sequence[Injected]) -> Delayed:
    if method.replicas != 1:
        reason = f"not run: {method.replicas} replicas, where p* is about one set of weights"
        return Delayed(key, label, reasons=[reason] * len(injected))
    options, where = request.options, network(request)
    runs = [
        chains.asynchronous(
            method,
            [result.potential for result in injected],
            eta=options.eta,
            sigma_sgd=options.sigma_sgd,
            chains=options.chains,
            steps=options.steps,
            layers=where.layers,
            price=where.price,
            generator=_generator(seed, method.name),
        )
        for seed in request.seeds
    ]
    delayed = Delayed(key, label, updates=runs[0].updates)
    for i, result in enumerate(injected):
        diverged = not all(np.isfinite(run.samples[i]).all() for run in runs)
        delayed.reasons.append("chains ran away: they have no stationary density" if diverged else "")
        delayed.sigma_stale.append([float(run.sigma_stale[i]) for run in runs])
        groups = [] if diverged else [_densities(run.samples[i], result.edges) for run in runs]
        delayed.densities.append([masses for group in groups for masses in group])
    return delayed


def _generator(seed: int, purpose: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, *purpose.encode()]))


def _densities(samples: Array, edges: Array) -> list[Array]:
    """Returns the densities of the groups of chains. samples: (times, chains)."""
    return [potentials.histogram(group, edges) for group in np.array_split(samples, GROUPS, axis=1)]
