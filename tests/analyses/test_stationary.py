"""The analysis `stationary`: the formulas' densities, the chains, and what is said of them."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

import methods
from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.analyses.stationary import chains
from benchmarks.analyses.stationary.densities import delay_variance
from benchmarks.analyses.stationary.potentials import (
    DOUBLE_WELL,
    FORMULAS,
    POTENTIALS,
    QUADRATIC,
    Array,
    Formula,
    Noise,
    Potential,
    density,
    distance,
    grid,
    width,
)
from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price
from results.tables import ResultCell, ResultTable
from tests.sure import sure

QUICK = {"chains": "2000", "steps": "500", "ratios": "0,0.2,0.5,1", "workers": "4"}


def request(out: Path, *names: str, seeds: int = 1, **settings: str) -> Request:
    options = analysis("stationary").options({**QUICK, **settings})
    return Request("smoke", tuple(range(seeds)), cards.load("paper-a"), names, (), options, out)


def run(out: Path, *names: str, seeds: int = 1, **settings: str) -> Finding:
    return analysis("stationary").run(request(out, *names, seeds=seeds, **settings))


@pytest.fixture(scope="module")
def finding(tmp_path_factory: pytest.TempPathFactory) -> Finding:
    return run(tmp_path_factory.mktemp("stationary"))


def column(table: ResultTable, measure: str, network: str) -> dict[str, ResultCell]:
    index = [column_measure.key for column_measure in table.measures].index(measure)
    return {row.row: row.cells[index] for row in table.rows if row.network == network}


def measured(cell: ResultCell) -> float:
    assert cell.measured is not None
    assert cell.measured.mean is not None
    return cell.measured.mean


def plain_sgd(potential: Potential, eta: float, seed: int = 0, **settings: Any) -> Array:
    settings = {"sigma_sgd": 0.3, "sigma_stale": [0.0], "chains": 4000, "steps": 600, **settings}
    return chains.injected(potential, eta=eta, generator=np.random.Generator(np.random.PCG64(seed)), **settings)


# ---- potentials and densities


@pytest.mark.parametrize("potential", POTENTIALS, ids=lambda potential: potential.name)
def test_derivatives_agree_with_finite_differences(potential: Potential) -> None:
    theta, h = np.linspace(-2, 2, 41), 1e-5
    for function, derivative in (
        (potential.loss, potential.slope),
        (potential.slope, potential.curvature),
        (potential.curvature, potential.third),
    ):
        assert derivative(theta) == pytest.approx((function(theta + h) - function(theta - h)) / (2 * h), abs=1e-7)


@pytest.mark.parametrize("potential", POTENTIALS, ids=lambda potential: potential.name)
def test_every_density_has_mass_1_and_is_symmetric(potential: Potential) -> None:
    for formula, ratio in product(FORMULAS, (0.0, 0.5)):
        noise = Noise(0.05, 0.3, 0.3 * ratio)
        masses = sure(density(potential, noise, formula, grid(potential, noise)))
        assert masses.sum() == pytest.approx(1)
        assert np.allclose(masses, masses[::-1], atol=1e-9)
        assert max(masses[0], masses[-1]) < 1e-6 * masses.max()


@pytest.mark.parametrize(
    ("formula", "factor"),
    [("printed", 1 + 2 * 0.25), ("squared", 1 + 4 * 0.25), ("moments", 2.0), ("ito", 0.75), ("equation12", 3.0)],
)
def test_densities_of_the_quadratic_have_their_closed_variance(formula: Formula, factor: float) -> None:
    """By hand, with L'' = 2 and a ratio of 1/2, in units of eta sigma_SGD^2 / (2 L'')."""
    noise = Noise(0.05, 0.3, 0.15)
    edges = grid(QUADRATIC, noise)
    masses = sure(density(QUADRATIC, noise, formula, edges))
    assert width(masses, edges, QUADRATIC) == pytest.approx(factor * 0.05 * 0.09 / 4, rel=1e-3)


def test_the_printed_diffusion_gives_no_density_where_it_is_not_positive() -> None:
    """L'' = -1 between the wells: from sigma_STALE = sigma_SGD on, D of (6) is 0 or less there."""
    for formula in FORMULAS:
        densities = [
            density(DOUBLE_WELL, Noise(0.05, 0.3, 0.3 * r), formula, np.linspace(-2, 2, 4002)) for r in (0.9, 1)
        ]
        assert densities[0] is not None
        assert (densities[1] is None) == (formula in ("printed", "ito", "equation12"))


def test_distance_is_total_variation() -> None:
    edges = np.linspace(-6, 6, 4002)
    x = (edges[1:] + edges[:-1]) / 2
    left, right = (np.exp(-((x - m) ** 2) / 2) for m in (-0.5, 0.5))
    left, right = left / left.sum(), right / right.sum()
    exact = math.erf(0.5 / math.sqrt(2))  # 2 Phi(1/2) - 1
    assert distance(left, right) == pytest.approx(exact, abs=0.005)
    assert distance(left, right) == pytest.approx(distance(right, left))
    assert distance(left, left) == 0
    assert distance(np.eye(9)[2], np.eye(9)[7], bins=4) == 1


# ---- chains


@pytest.mark.parametrize("eta", [0.3, 0.02])
def test_plain_sgd_on_the_quadratic_is_the_autoregression_it_is(eta: float) -> None:
    """The exact variance of the AR(1); its ratio to that of p*, 1 / (1 - eta L'' / 2), goes to 1 with eta."""
    exact = eta**2 * 0.09 / (1 - (1 - 2 * eta) ** 2)
    assert float(plain_sgd(QUADRATIC, eta).var(dtype=float)) == pytest.approx(exact, rel=0.03)
    edges = grid(QUADRATIC, Noise(eta, 0.3))
    law = sure(density(QUADRATIC, Noise(eta, 0.3), "printed", edges))
    assert exact / width(law, edges, QUADRATIC) == pytest.approx(1 / (1 - eta), rel=1e-3)


def test_chains_repeat_and_seeds_differ() -> None:
    several = [plain_sgd(DOUBLE_WELL, 0.05, seed, sigma_stale=[0.1], chains=100, steps=100) for seed in (1, 1, 2)]
    assert np.array_equal(several[0], several[1])
    assert not np.array_equal(several[0], several[2])
    assert several[0].shape == (4, 1, 100)


def asynchronous(name: str, **options: Any) -> chains.Asynchronous:
    return chains.asynchronous(
        methods.create(name, options),
        POTENTIALS,
        eta=0.05,
        sigma_sgd=0.3,
        chains=3000,
        steps=800,
        layers=["a", "b"],
        price=Price.uniform(2, 1.0, 2.0),
        generator=np.random.Generator(np.random.PCG64(3)),
    )


def test_without_delay_the_asynchronous_run_is_plain_sgd() -> None:
    sampled = asynchronous("bp")
    assert sampled.sigma_stale.tolist() == [0, 0]
    assert max(sampled.updates) == 0
    assert float(sampled.samples[0].var(dtype=float)) == pytest.approx(0.05 * 0.09 / (2 * (2 - 0.1)), rel=0.03)


@pytest.mark.parametrize("updaters", [2, 8])
def test_delays_widen_the_quadratic_by_the_law_of_the_delay(updaters: int) -> None:
    sampled = asynchronous("hogwild", updaters=updaters)
    law = delay_variance(0.1, sum(sampled.updates) / 2) * 0.05 * 0.09 / 4
    assert float(sampled.samples[0].var(dtype=float)) == pytest.approx(law, rel=0.05)
    assert sampled.updates[0] == pytest.approx(updaters - 1, abs=0.1)


def test_the_law_of_the_delay_agrees_with_the_exact_recursion() -> None:
    for delay, rate in product((0, 1, 7), (0.02, 0.1)):
        companion = np.eye(delay + 1, k=-1)
        companion[0, 0] += 1
        companion[0, delay] -= rate
        noise = np.zeros_like(companion)
        noise[0, 0] = 1
        exact = solve_discrete_lyapunov(companion, noise)[0, 0] * 2 * rate
        assert delay_variance(rate, delay) == pytest.approx(exact, rel=0.02)


# ---- the analysis


def test_the_distance_to_plain_sgd_shrinks_as_the_noise_does(finding: Finding) -> None:
    for potential in POTENTIALS:
        cells = column(finding.tables[0], "distance_to_plain_sgd", potential.name)
        values = [measured(cell) for cell in cells.values()]
        assert values == sorted(values)
        assert values[0] < 0.04
        assert values[-1] > 0.3


def test_corrected_formulas_fit_where_the_printed_ones_do_not(finding: Finding) -> None:
    def distances(network: str) -> dict[str, float]:
        cells = column(finding.tables[1], "distance_to_law", network)
        return {row: measured(cell) for row, cell in cells.items() if cell.has_value}

    plain, wide = distances("quadratic@ratio=0"), distances("quadratic@ratio=1")
    assert plain["printed"] < 0.03 < min(plain["ito"], plain["equation12"])
    assert wide["squared"] < 0.03 < wide["printed"]
    wells = distances("double_well@ratio=0.5")
    assert wells["moments"] < 0.05 < min(wells["squared"], wells["printed"])


def test_the_analysis_repeats_to_the_byte(finding: Finding, tmp_path: Path) -> None:
    repeated = run(tmp_path)
    assert repeated.tables == finding.tables
    assert [path.name for path in repeated.pictures] == [f"stationary.{ending}" for ending in ("png", "svg", "pdf")]


def test_a_method_with_replicas_is_left_out_with_a_reason(tmp_path: Path) -> None:
    result = run(tmp_path, "ddp", "async_lu", chains="200", steps="200")
    cells = column(result.tables[2], "distance_to_law", "quadratic")
    assert "3 replicas" in cells["ddp"].reason
    assert cells["async_lu"].has_value


def test_plain_sgd_that_runs_away_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="choose less of either"):
        run(tmp_path, eta="0.4", sigma_sgd="10", chains="200", steps="300")


@pytest.mark.parametrize("setting", [{"eta": "0"}, {"ratios": "-1"}, {"diffusion": "cubed"}, {"noise": "1"}])
def test_bad_options_are_named(setting: dict[str, str]) -> None:
    with pytest.raises(UserError, match=rf"stationary.*{next(iter(setting))}|{next(iter(setting))}.*stationary"):
        analysis("stationary").options(setting)
