"""SGD on potentials of one parameter, many chains at once: with injected noise, or asynchronous on the virtual clock.

Source: A (arXiv:2410.05985v1), section 5. Everything is drawn from one generator, so that runs repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.analyses.stationary.potentials import Array, Potential
from benchmarks.executors.accounting import Gradient, Layer, Moment, Read, Replica, Step
from benchmarks.executors.team import SimulatedTeam, checked
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware.price import Price
from methods import Method

THIN = 20
"""Updates between two samples of a chain."""


def warm_up(steps: int) -> int:
    """Returns how many updates are left out before sampling."""
    return steps // 5


def start(potential: Potential, shape: tuple[int, ...]) -> Array:
    """Returns chains at the minima, left and right in turn: wells stay balanced even if no chain crosses."""
    signs = np.where(np.arange(shape[-1]) % 2, 1.0, -1.0)
    return np.broadcast_to(potential.minimum * signs, shape).astype(np.float32)


def injected(
    potential: Potential,
    *,
    eta: float,
    sigma_sgd: float,
    sigma_stale: Sequence[float],
    chains: int,
    steps: int,
    generator: np.random.Generator,
) -> Array:
    """Runs theta <- theta - eta (L'(theta + xi) + sigma_sgd n), xi (of sigma_stale) and n normal, new in every update.

    Returns samples of shape (times, len(sigma_stale), chains). A chain that diverged is not finite from there on.
    """
    shape = len(sigma_stale), chains
    stale = np.array(sigma_stale, dtype=np.float32)[:, None]
    theta, samples = start(potential, shape), []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            read = theta + stale * generator.standard_normal(shape, dtype=np.float32)
            noise = np.float32(sigma_sgd) * generator.standard_normal(shape, dtype=np.float32)
            theta = theta - np.float32(eta) * (potential.slope(read) + noise)
            if step >= warm_up(steps) and step % THIN == 0:
                samples.append(theta)
    return np.stack(samples)


@dataclass(frozen=True)
class Asynchronous:
    """Samples of a run with real delays; one entry, or row, per potential.

    samples: (potentials, times and layers, chains). sigma_stale: standard deviations of theta at the update minus theta
    at the read. updates: mean staleness per layer. Chains that diverged are not finite.
    """

    samples: Array
    sigma_stale: Array
    updates: tuple[float, ...]


def asynchronous(
    method: Method,
    potentials: Sequence[Potential],
    *,
    eta: float,
    sigma_sgd: float,
    chains: int,
    steps: int,
    layers: Sequence[str],
    price: Price,
    generator: np.random.Generator,
) -> Asynchronous:
    """Runs a method's own workers on the virtual clock; every layer is a parameter theta per chain.

    Gradients are taken at the theta that the forward pass has read, and applied when the method updates. All chains and
    potentials share the clock, so also the delays. chains: per potential, over all layers; rounded up to the same
    number for each layer.
    """
    ensemble = ChainEnsemble(potentials, eta, sigma_sgd, -(-chains // len(layers)), steps, layers, generator)
    with np.errstate(over="ignore", invalid="ignore"):
        VirtualExecutor(ensemble, price).run(method.workers(ensemble))
        sigma_stale = np.sqrt(ensemble.squares / ensemble.count)
    updates = tuple(layer["updates"] for layer in ensemble.accounts.staleness.per_layer())
    return Asynchronous(np.stack(ensemble.samples, axis=1), sigma_stale, updates)


@dataclass(slots=True, kw_only=True)
class ThetaRead(Read):
    """A read that keeps what it saw: (potentials, chains)."""

    theta: Array


class ChainEnsemble(SimulatedTeam):
    """A team whose layers are one parameter each, in many chains: the loss is the sum of the layers' potentials."""

    def __init__(
        self,
        potentials: Sequence[Potential],
        eta: float,
        sigma_sgd: float,
        chains: int,
        steps: int,
        layers: Sequence[str],
        generator: np.random.Generator,
    ) -> None:
        replica = Replica(0, 0, [Layer(name, i, 1, 0) for i, name in enumerate(layers)])
        super().__init__([replica], steps_per_epoch=steps, epochs=1)
        self.potentials, self.generator, self.warm_up = potentials, generator, warm_up(steps)
        self.eta, self.sigma_sgd = np.float32(eta), np.float32(sigma_sgd)
        self.theta = [np.stack([start(potential, (chains,)) for potential in potentials]) for _ in layers]
        self.samples: list[Array] = []
        self.squares, self.count = np.zeros(len(potentials)), 0

    def note_read(self, layer: Layer, step: Step, now: Moment) -> None:
        step.reads[layer.index] = ThetaRead(layer.updates, now, theta=self.theta[layer.index].copy())

    def apply(self, layer: Layer, gradient: Gradient, scale: float) -> None:
        theta, read_theta = self.theta[layer.index], checked(ThetaRead, gradient.read).theta
        if layer.updates >= self.warm_up:
            self.squares += ((theta - read_theta) ** 2).mean(axis=1)
            self.count += 1
        slopes = np.stack([potential.slope(read_theta[i]) for i, potential in enumerate(self.potentials)])
        noise = self.generator.standard_normal(theta.shape, dtype=np.float32)
        theta -= self.eta * (slopes + self.sigma_sgd * noise)
        if layer.updates >= self.warm_up and layer.updates % THIN == 0:
            self.samples.append(theta.copy())
