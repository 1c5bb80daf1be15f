"""No claim may rest on seconds that the hardware card was fitted to, or on rows with a diverged run."""

from __future__ import annotations

import pytest

from benchmarks.papers.claims.needed import FITTED
from benchmarks.papers.claims.rules import best_of, measured, quotient, together
from benchmarks.papers.claims.verdicts import Claim
from benchmarks.papers.fitted import CARDS, is_fitted, kind, relative_seconds
from benchmarks.tables.registry import IDS, table
from results import published
from results.statistics import Summary
from tests.papers.evidence import Fake, claim

MFU, TIME, TEST = "model_flops_utilisation_percent", "train_time_seconds", "test_accuracy_percent"
BEST, TTA, EPOCH = "best_accuracy_percent", "time_to_target_seconds", "seconds_per_epoch"
WRN = "lap-table6", "wrn16_8"
DEVICES = (2, 4, 8)
METHODS = {
    "mbsgd@devices={},batch=128": 9.0,
    "mbsgd@devices={},batch=512": 8.0,
    "plsgd@devices={},batch=128": 9.0,
    "plsgd@devices={},batch=512": 8.0,
    "lapsgd@devices={},updaters=4,batch=64": 7.0,
    "lppsgd@devices={},updaters=3,batch=64": 5.6,
}


def seconds(table_id: str, network: str, measure: str, /, **rows: float) -> Fake:
    """Evidence of one seed per row on the virtual clock."""
    return Fake({(table_id, network, row, measure): Summary(value, None, 1) for row, value in rows.items()})


def table6() -> Fake:
    rows = {name.format(devices): value for devices in DEVICES for name, value in METHODS.items()}
    return seconds("lap-table6", "wrn16_8", TIME, **rows)


# ---- the one list


def test_every_fit_is_of_rows_that_are_published() -> None:
    for card in CARDS.values():
        for fit in card.fits:
            for id in fit.tables:
                cells = {(network, row) for network, row, _ in published.load(id)}
                assert {(network, row) for network in fit.networks for row in fit.rows} <= cells


@pytest.mark.parametrize(
    ("card", "id", "network", "row", "expected"),
    [
        ("paper-a", "table3", "resnet18", "async_lu", "fitted"),
        ("paper-a", "table3", "resnet18", "lapsgd", "held out"),
        ("paper-a", "table8", "resnet50", "async_lu", "follows from the fit"),
        ("paper-a", "table5", "resnet50", "async_lu", "held out"),
        ("paper-a3", "v3-mfu", "resnet18", "ddp", "fitted"),
        ("paper-a3", "v3-ratio", "resnet18", "pdasgd@forward_workers=1,backward_workers=2", "follows from the fit"),
        ("paper-a3", "v3-ratio", "resnet18", "async_lu@backward_workers=3", "held out"),
        ("paper-b", "lap-table2", "resnet20", "lapsgd@updaters=4,batch=128", "fitted"),
        ("paper-b", "lap-table6", "wrn16_8", "mbsgd@devices=4,batch=128", "follows from the fit"),
        ("paper-b", "lap-table6", "wrn16_8", "lapsgd@devices=8,updaters=4,batch=64", "held out"),
        ("paper-b", "lap-table4", "resnet20", "lapsgd@updaters=8,batch=128", "follows from the fit"),
        ("paper-a-ideal", "table3", "resnet18", "async_lu", "held out"),
        ("", "table3", "resnet18", "async_lu", "held out"),
        ("paper-a", "table3", "resnet18", "mine", "held out"),
    ],
)
def test_how_a_row_stands_to_a_card(card: str, id: str, network: str, row: str, expected: str) -> None:
    assert kind(card, id, network, row) == expected


def test_rows_with_fitted_seconds_are_fitted_in_every_table() -> None:
    """Also LAP-SGD with more updaters than saturate the device (Tables 4, 5), but not LPP-SGD."""
    with_resnet20 = [table(id) for id in IDS if "resnet20" in table(id).networks]
    fitted = {
        definition.id
        for definition in with_resnet20
        for row in definition.rows
        if is_fitted("paper-b", definition.id, "resnet20", row.key)
    }
    tables = {f"lap-table{n}" for n in (1, 2, 4, 5, 7, 11)}
    assert fitted == {*tables, "others-cifar10", "lowcomm-images"}


def test_a_row_moves_by_what_was_fitted_and_by_nothing_else() -> None:
    """Halves and doubles the fitted numbers: a step's fixed cost, and the gain of concurrent updaters."""
    of = "paper-b", "lap-table6", "wrn16_8"
    rows = "mbsgd@devices=4,batch=128", "lapsgd@devices=4,updaters=4,batch=64"
    mb, lap = (relative_seconds(*of, row) for row in rows)
    assert mb[0] == lap[0] == 1.0
    assert mb[3:] == pytest.approx([1.0, 1.0]), "MB-SGD has one updater"
    assert lap[3:] == pytest.approx([1.345, 0.5], rel=1e-3)
    assert lap[2] != pytest.approx(mb[2], rel=1e-3), "smaller batches"
    assert relative_seconds("paper-a-ideal", "table1", "resnet18", "async_lu") == ()
    assert relative_seconds("paper-a", "audit-activations", "resnet18", "async_lu@activations=charged") == ()


# ---- claims


@pytest.mark.parametrize(("card", "status"), [("paper-a3", "not decided (fitted)"), ("paper-a-ideal", "holds")])
def test_an_mfu_that_the_card_was_fitted_to_decides_nothing(card: str, status: str) -> None:
    evidence = seconds("v3-mfu", "resnet18", MFU, pdasgd=53.8, ddp=35.1, lppsgd=30.0)
    evidence.charged = card
    verdict = claim("v3-mfu").evaluate(evidence)
    assert verdict.status == status
    assert ("; fitted" in verdict.measured) == (card == "paper-a3")
    assert ("2 of 2 comparisons are of seconds that the hardware card was fitted to" in verdict.why) == (
        card == "paper-a3"
    )


@pytest.mark.parametrize(
    ("charged", "lower", "status"),
    [
        ("paper-a", 50.0, "not decided (fitted)"),
        ("paper-a", 70.0, "does not hold"),
        ("paper-a-ideal", 50.0, "holds"),
    ],
)
def test_a_claim_of_two_statements_holds_where_each_is_judged(charged: str, lower: float, status: str) -> None:
    """Quicker by seconds, but lower by accuracy."""
    cells = {
        (("table1", "table3"), TTA): {"async_bu": 1.0, "async_lu": 2.0},
        (("table2", "table4"), "best_accuracy_percent"): {"async_bu": lower, "async_lu": 60.0},
    }
    values = {
        (id, network, row, measure): Summary(mean, 0.01, 3)
        for (ids, measure), rows in cells.items()
        for id in ids
        for network in ("resnet18", "resnet50")
        for row, mean in rows.items()
    }
    verdict = claim("a-bu-faster-but-lower").evaluate(Fake(values, charged=charged))
    assert verdict.status == status
    assert verdict.need.description == (FITTED if status == "not decided (fitted)" else "")


@pytest.mark.parametrize(
    ("id", "fixed", "fitted"),
    [
        ("b-pl-over-mb", 0, 6),
        ("b-scaling", 4, 8),
        ("b-lap-over-mb", 0, 3),
        ("b-lpp-fastest", 3, 12),
    ],
)
def test_comparisons_that_no_fit_could_change_decide_nothing(id: str, fixed: int, fitted: int) -> None:
    """paper-b's links are free: twice the devices halve MB-SGD's time, and PL-SGD takes as long as MB-SGD."""
    evidence = table6()
    assert claim(id).evaluate(evidence).status in ("holds", "does not hold")
    evidence.charged = "paper-b"
    verdict = claim(id).evaluate(evidence)
    assert (verdict.status, verdict.need.description) == ("not decided (fitted)", FITTED)
    points = claim(id).points(measured(evidence))
    assert sum(point.fixed for point in points) == fixed
    assert sum(point.fitted and not point.fixed for point in points) == fitted


@pytest.mark.parametrize(("low", "status"), [(1.15, "not decided (fitted)"), (1.23, "holds")])
def test_a_comparison_that_another_fit_would_turn_counts(low: float, status: str) -> None:
    """LAP-SGD takes 1.25 times as long as LPP-SGD; 1.20 times, had concurrent updaters gained twice as much."""
    lap, lpp = "lapsgd@devices=2,updaters=4,batch=64", "lppsgd@devices=2,updaters=3,batch=64"
    evidence = seconds(*WRN, TIME, **{lap: 1.25, lpp: 1.0})
    evidence.charged = "paper-b"
    points = quotient([WRN], lap, lpp, TIME, low=low)
    assert Claim("x", "", "", ("lap-table6",), points).evaluate(evidence).status == status


def test_an_accuracy_is_never_fitted() -> None:
    """Async BU is faster by fitted seconds, and less accurate: only half of the claim is decided."""
    values = {("table1", "resnet18", row, TTA): Summary(s, 0.01, 3) for row, s in (("async_bu", 1), ("async_lu", 2))}
    values |= {
        ("table2", "resnet18", row, BEST): Summary(a, 0.01, 3) for row, a in (("async_bu", 90), ("async_lu", 92))
    }
    points = together(
        best_of([("table1", "resnet18")], "async_bu", ("async_lu",), TTA, lowest=True),
        best_of([("table2", "resnet18")], "async_bu", ("async_lu",), BEST, lowest=True),
    )
    verdict = Claim("x", "", "", ("table1", "table2"), points).evaluate(Fake(values, charged="paper-a"))
    assert verdict.status == "not decided (fitted)"
    assert verdict.why.startswith("1 of 1 comparisons hold; 1 of 2 comparisons are of seconds that the hardware card")


# ---- runs that diverged


def test_a_row_of_which_a_run_diverged_decides_no_claim_of_speed() -> None:
    """Two of three runs took 6 s, one diverged after 2 s: by its mean the row would be the fastest."""
    evidence = table6()
    row = "lppsgd@devices=2,updaters=3,batch=64"
    assert claim("b-lpp-fastest").evaluate(evidence).status == "holds"
    evidence.values = {**evidence.values, (*WRN, row, TIME): Summary(None, None, 3, 1, 4.7, 2.3)}
    evidence.gone = {(*WRN, row): 1}
    verdict = claim("b-lpp-fastest").evaluate(evidence)
    assert verdict.status == "not decided"
    assert f"1 of 3 runs of {row} diverged" in verdict.why
    assert f"{row} >4.7 against" in verdict.measured


def test_an_accuracy_of_a_diverged_row_counts() -> None:
    values = {("t", "n", row, TEST): Summary(mean, 0.1, 3) for row, mean in (("a", 90.0), ("b", 80.0))}
    points = best_of([("t", "n")], "a", ("b",), TEST)
    assert Claim("x", "", "", ("t",), points).evaluate(Fake(values, gone={("t", "n", "b"): 1})).status == "holds"


def test_a_time_to_the_best_of_runs_that_ended_with_it_is_a_lower_bound() -> None:
    """A bound of the shorter time may be as long as the other; bounds of both say nothing about the quotient."""
    times = (("async_lu", 40), ("async_bu", 90))
    values = {("table6", "lstm", row, "time_to_best_seconds"): Summary(at, 0.1, 3) for row, at in times}
    points = quotient([("table6", "lstm")], "async_lu", "async_bu", "time_to_best_seconds", high=0.6)
    claim = Claim("x", "", "", ("table6",), points)
    for rising, verdict in (((), "holds"), (("async_lu",), "not decided")):
        evidence = Fake(values, rising={("table6", "lstm", row): 1 for row in rising})
        assert claim.evaluate(evidence).status == verdict, rising
    of_bounds = claim.evaluate(Fake(values, rising={("table6", "lstm", row): 3 for row in ("async_lu", "async_bu")}))
    assert of_bounds.status == "not decided"
    assert of_bounds.need.description.startswith("longer runs")
