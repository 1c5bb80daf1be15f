"""Trends of a difference over budgets: worked examples, and error rates of intervals and verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from results.statistics.trend import Rung, Trend, forecast, trend
from tests.sure import sure

BUDGETS = (1.0, 10.0, 100.0)
LADDER = (1.0, 4.0, 20.1)


def rungs(*means: float, spread: float = 0.1) -> list[Rung]:
    return [Rung(budget, (mean - spread, mean, mean + spread)) for budget, mean in zip(BUDGETS, means, strict=False)]


def test_a_line_is_least_squares_over_log_budget() -> None:
    """Means of 2, 4 and 9 at 0, 1 and 2 give a slope of 3.5 and 5 in the middle."""
    fitted = sure(trend(rungs(2.0, 4.0, 9.0), margin=1.0))
    assert (fitted.slope, *fitted.line[0], *fitted.line[1]) == pytest.approx((3.5, 1.0, 1.5, 100.0, 8.5))
    half_width = 2.776 * math.sqrt(0.01 / 3 / 4 * 2)  # t of 4 degrees of freedom: two of equal variances with 2 each
    assert (fitted.interval.low, fitted.interval.high) == pytest.approx((3.5 - half_width, 3.5 + half_width), rel=1e-3)
    value, interval = sure(forecast(rungs(2.0, 4.0, 9.0), 1000.0))
    assert value == pytest.approx(5.0 + 2 * 3.5)
    assert interval.low < value - 2.776 * 0.1, "of one seed's difference, not of their mean"


@pytest.mark.parametrize(
    ("means", "direction"),
    [
        ((2.0, 4.0, 6.0), "grows"),
        ((-2.0, -4.0, -6.0), "grows"),
        ((-6.0, -4.0, -2.0), "shrinks"),
        ((6.0, 3.0, 0.1), "shrinks"),
        ((0.05, 2.0, 4.0), "grows"),
        ((-3.0, 0.0, 3.0), "turns"),
        ((5.0, 5.1, 5.0), "stays"),
        ((0.0, 0.05, 0.0), "stays"),
    ],
)
def test_verdicts_on_what_is_plain(means: tuple[float, ...], direction: str) -> None:
    assert sure(trend(rungs(*means), margin=1.0)).direction == direction


def test_a_difference_stays_within_a_margin_or_half_of_its_start() -> None:
    """The difference begins at 8 points and changes by at most 2.3: less than half of 8, more than the margin."""
    wide_rungs = rungs(8.0, 8.0, 8.0, spread=1.0)
    assert sure(trend(wide_rungs, margin=1.0)).direction == "stays"
    assert sure(trend(rungs(2.0, 2.0, 2.0, spread=1.0), margin=1.0)).direction == "open"
    assert sure(trend(rungs(0.0, 0.0, 0.0, spread=0.0), margin=1.0)).direction == "stays", "rows that share their runs"


def test_a_bend_is_detected_and_single_seeds_are_ignored() -> None:
    assert sure(trend(rungs(2.0, 8.0, 3.0), margin=1.0)).bends
    assert not sure(trend(rungs(2.0, 4.1, 6.0), margin=1.0)).bends


def test_a_line_that_misses_a_budget_with_little_spread_is_none() -> None:
    """The middle scatters so much that it is not shown to lie off the line, which the levelled end contradicts."""
    ladder = [Rung(1.0, (-4.0, -3.0, -2.0)), Rung(10.0, (0.9, -1.0, -0.2)), Rung(100.0, (-0.25, 0.05, -0.3))]
    assert sure(trend(ladder, margin=1.0)).bends
    with_single_seed = [*rungs(2.0, 4.0), Rung(100.0, (90.0,))]
    assert sure(trend(with_single_seed, margin=1.0)).slope == pytest.approx(2.0)
    assert trend(with_single_seed[1:], margin=1.0) is None
    assert forecast(with_single_seed, 1000.0) is None, "two points always have a line"


def test_a_line_forecasts_no_sign_that_no_budget_has() -> None:
    """A deficit that goes to nothing: its line, drawn on, would be a lead. One that has turned may go on."""
    assert forecast(rungs(-6.0, -3.0, -0.5), 1000.0) is None
    assert sure(forecast(rungs(-3.0, 0.0, 3.0), 1000.0))[0] == pytest.approx(6.0)


# ---- simulated, through the functions themselves


def simulated(
    seeds: tuple[int, ...], spreads: tuple[float, ...], slope: float, shared: float = 0.0, start: float = 5.0
) -> list[Trend]:
    """Draws 800 ladders. shared: correlation of one seed's differences on all rungs."""
    rng, means = np.random.default_rng(7), [start + slope * math.log10(budget) for budget in LADDER]
    noise = math.sqrt(1 - shared) * rng.standard_normal((800, 3, 10))
    noise = (noise + math.sqrt(shared) * rng.standard_normal((800, 1, 10))) * np.array(spreads)[:, None]
    return [
        sure(trend([Rung(b, tuple(m + e[:n])) for b, m, e, n in zip(LADDER, means, errors, seeds, strict=True)], 1.0))
        for errors in noise
    ]


@pytest.mark.parametrize("shared", [0.0, 0.5])
@pytest.mark.parametrize(
    ("seeds", "spreads"),
    [((3, 3, 3), (1, 1, 1)), ((3, 3, 3), (3, 2, 1)), ((5, 5, 5), (1, 2, 3)), ((10, 3, 3), (1, 2, 3))],
)
def test_the_slopes_interval_covers(seeds: tuple[int, ...], spreads: tuple[float, ...], shared: float) -> None:
    """For any spreads, and for seeds that are lucky on all rungs; one pooled error would cover only 79 %."""
    trends = simulated(seeds, spreads, slope=2.0, shared=shared)
    assert np.mean([fitted.interval.low <= 2.0 <= fitted.interval.high for fitted in trends]) >= 0.93


def test_constant_differences_rarely_move_and_moving_ones_rarely_stay() -> None:
    """At most 5 % of constant differences have a direction; at most 5 % of those that halve "stay"."""
    constant_directions = [fitted.direction for fitted in simulated((3, 3, 3), (2, 1.5, 1), slope=0.0)]
    assert 1 - (constant_directions.count("open") + constant_directions.count("stays")) / 800 <= 0.06
    moving_directions = [fitted.direction for fitted in simulated((3, 3, 3), (1, 1, 1), slope=2.5 / math.log10(20.1))]
    assert moving_directions.count("stays") / 800 <= 0.06


def test_a_seeds_difference_lies_in_its_forecast() -> None:
    """The line continues, with the spread of the last rung."""
    rng, hits = np.random.default_rng(11), 0
    for _ in range(800):
        ladder = [
            Rung(b, tuple(3 + 2 * math.log10(b) + spread * rng.standard_normal(3)))
            for b, spread in zip(LADDER, (2, 1, 1), strict=True)
        ]
        _, interval = sure(forecast(ladder, 102.0))
        hits += interval.low <= 3 + 2 * math.log10(102.0) + rng.standard_normal() <= interval.high
    assert hits / 800 >= 0.93
