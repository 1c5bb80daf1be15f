"""Loss functions of one parameter, and the stationary densities that paper A's formulas predict for SGD on them.

Source: A (arXiv:2410.05985v1), section 5 and appendix B. Densities are masses of the cells of a grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.integrate import cumulative_trapezoid
from scipy.special import softmax

Array = npt.NDArray[np.floating[Any]]
Formula = Literal["printed", "squared", "moments", "ito", "equation12"]
FORMULAS: dict[Formula, str] = {
    "printed": "(7) with D of (6), as printed",
    "squared": "(7) with (L'')² in D, as (4) implies",
    "moments": "(7) with mean and variance of L'(θ + ξ)",
    "ito": "(5) with D of (6), read as Itô",
    "equation12": "(12) as printed, integrated",
}
"""Names that `density` takes, and their titles."""

_CELLS = 4001  # odd: one centre is 0, where a curvature is least
_LEAST = 1e-9  # of the largest diffusion: less is none
_WIDTHS = 8.0  # half a grid beyond the minima, in standard deviations of the widest density
_NODES = 32  # of Gauss and Hermite: exact for the polynomials here
_BINS = 30


@dataclass(frozen=True)
class Potential:
    """A loss L(theta), symmetric about 0, with three derivatives; `minimum` is the one at or right of 0.

    All four functions take and return arrays of any shape.
    """

    name: str
    title: str
    minimum: float
    loss: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    third: Callable[[Array], Array]

    @property
    def stiffness(self) -> float:
        """L'' at the minimum."""
        return float(self.curvature(np.array(self.minimum)))


QUADRATIC = Potential(
    "quadratic",
    "Quadratic, L = θ²",
    0.0,
    loss=lambda x: x * x,
    slope=lambda x: 2 * x,
    curvature=lambda x: np.full_like(x, 2),
    third=lambda x: np.zeros_like(x),
)
DOUBLE_WELL = Potential(
    "double_well",
    "Double well, L = (θ² − 1)² / 4",
    1.0,
    loss=lambda x: (x * x - 1) ** 2 / 4,
    slope=lambda x: x * (x * x - 1),
    curvature=lambda x: 3 * x * x - 1,
    third=lambda x: 6 * x,
)
POTENTIALS = (QUADRATIC, DOUBLE_WELL)
"""Both have L'' = 2 at their minima. L'' squared is 4: the two readings of D_k can be told apart."""


@dataclass(frozen=True)
class Noise:
    """The learning rate, and standard deviations of a gradient's noise and of the parameters' noise (A, section 5)."""

    eta: float
    sigma_sgd: float
    sigma_stale: float = 0.0


def grid(potential: Potential, noise: Noise) -> Array:
    """Returns the edges (cells + 1,) of equal cells, wide enough for every density up to this noise."""
    k = potential.stiffness
    variance = noise.eta * (noise.sigma_sgd**2 + (k * noise.sigma_stale) ** 2) / (2 * k)
    reach = potential.minimum + _WIDTHS * float(np.sqrt(variance))
    return np.linspace(-reach, reach, _CELLS + 1)


def centres(edges: Array) -> Array:
    return (edges[1:] + edges[:-1]) / 2


def density(potential: Potential, noise: Noise, formula: Formula, edges: Array) -> Array | None:
    """Returns the stationary density p* that a formula gives: the masses of the grid's cells, whose sum is 1.

    printed: equation 7 with D_k of equation 6. squared: the same with (L'')^2 in D_k, which is what equation 4 gives.
    moments: the same with mean and variance of L'(theta + xi) itself, not of its expansion in equation 4. ito: equation
    5 with D_k of equation 6, read as an Ito equation. equation12: equation 12 as printed, integrated.

    None where a diffusion is not positive everywhere, so that the formula gives no density.
    """
    theta = centres(edges)
    if formula == "equation12":
        spread = noise.sigma_sgd**2 + noise.sigma_stale**2 * potential.curvature(theta)
        push = -(potential.slope(theta) + noise.sigma_stale**2 * potential.third(theta)) / noise.eta
        return _masses(push / spread, edges) if _positive(spread) else None
    drift, diffusion = _drift_and_diffusion(potential, noise, formula, theta)
    if not _positive(diffusion):
        return None
    factor = 2 if formula == "ito" else 1
    return _masses(factor * drift / diffusion, edges, diffusion)


def _drift_and_diffusion(potential: Potential, noise: Noise, formula: Formula, theta: Array) -> tuple[Array, Array]:
    """Returns drift mu_k and diffusion D_k by equation 6, as printed or corrected (`formula`)."""
    mean, stale = potential.slope(theta), noise.sigma_stale**2
    if formula == "moments":
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        slopes = potential.slope(theta[:, None] + noise.sigma_stale * nodes)
        weights = weights / weights.sum()
        mean = slopes @ weights
        variance = (slopes - mean[:, None]) ** 2 @ weights
    elif formula == "squared":
        variance = stale * potential.curvature(theta) ** 2
    else:
        variance = stale * potential.curvature(theta)
    return -noise.eta * mean, noise.eta**2 * (noise.sigma_sgd**2 + variance) / 2


def _positive(diffusion: Array) -> bool:
    return bool(diffusion.min() > _LEAST * diffusion.max())


def _masses(slope: Array, edges: Array, diffusion: Array | float = 1.0) -> Array:
    """Returns the density exp(integral of slope) / diffusion, as masses."""
    integral = cumulative_trapezoid(slope, dx=edges[1] - edges[0], initial=0)
    return np.asarray(softmax(integral - np.log(diffusion)))


def histogram(samples: Array, edges: Array) -> Array:
    """Returns the shares of samples (any shape) in the cells; the end cells hold what lies beyond."""
    scale = (len(edges) - 1) / (edges[-1] - edges[0])
    cells = ((samples.ravel() - edges[0]) * scale).clip(0, len(edges) - 2).astype(np.int64)
    return np.asarray(np.bincount(cells, minlength=len(edges) - 1) / cells.size)


def distance(first: Array, second: Array, bins: int = _BINS) -> float:
    """Returns the total variation, 0 to 1, between two densities on one grid, over bins of equal mass in their mean.

    Few bins keep the sampling noise low: two samples of n independent values each are about 0.56 sqrt(bins / n) apart.
    """
    rank = np.cumsum(first + second) / 2
    starts = np.searchsorted(rank, np.arange(1, bins) / bins) + 1
    starts = np.unique(np.concatenate([[0], starts[starts < len(rank)]]))
    return float(np.abs(np.add.reduceat(first - second, starts)).sum() / 2)


def width(masses: Array, edges: Array, potential: Potential) -> float:
    """Returns the variance of theta; where there are two wells, of |theta|."""
    theta = centres(edges) if potential.minimum == 0 else np.abs(centres(edges))
    mean = masses @ theta
    return float(masses @ (theta - mean) ** 2)


def place(masses: Array, edges: Array) -> float:
    """Returns the mean of |theta|."""
    return float(masses @ np.abs(centres(edges)))
