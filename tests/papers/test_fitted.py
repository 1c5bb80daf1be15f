"""What no claim may rest on: seconds that the hardware card was fitted to, and rows of which a run diverged."""

from __future__ import annotations

import pytest

from benchmarks.hardware import cards
from benchmarks.papers.claims.conditions import best_of, quotient, together
from benchmarks.papers.claims.needed import FITTED
from benchmarks.papers.claims.verdicts import Claim
from benchmarks.papers.fitted import CARDS, is_fitted, kind
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
    "lppsgd@devices={},updaters=3,batch=64": 6.0,
}


def seconds(table_id: str, network: str, measure: str, /, **rows: float) -> Fake:
    """One seed of each row on the virtual clock."""
    return Fake({(table_id, network, row, measure): Summary(value, None, 1) for row, value in rows.items()})


def table6() -> Fake:
    rows = {name.format(devices): value for devices in DEVICES for name, value in METHODS.items()}
    return seconds("lap-table6", "wrn16_8", TIME, **rows)


# ---- the one list


def test_every_fit_is_of_rows_that_are_published() -> None:
    for its in CARDS.values():
        for fit in its.fits:
            for id in fit.tables:
                cells = {(network, row) for network, row, _ in published.load(id)}
                assert {(network, row) for network in fit.networks for row in fit.rows} <= cells


def test_cards_that_were_fitted_say_so_and_no_others() -> None:
    every = {card for card in cards.names() if "fitted" in f"{cards.load(card).title} {cards.load(card).notes}".lower()}
    assert every == set(CARDS)


@pytest.mark.parametrize(
    ("card", "id", "network", "row", "expected"),
    [
        ("paper-a", "table3", "resnet18", "async_lu", "fitted"),
        ("paper-a", "table3", "resnet18", "lapsgd", "held out"),
        ("paper-a", "table8", "resnet50", "async_lu", "follows from the fit"),
        ("paper-a", "table6", "lstm", "async_lu", "held out"),
        ("paper-a", "table5", "resnet50", "async_lu", "held out"),
        ("paper-a3", "v3-mfu", "resnet18", "ddp", "fitted"),
        ("paper-a3", "v3-mfu", "resnet18", "lppsgd", "held out"),
        ("paper-a3", "v3-ratio", "resnet18", "pdasgd@forward_workers=1,backward_workers=2", "follows from the fit"),
        ("paper-a3", "v3-ratio", "resnet18", "async_lu@backward_workers=3", "held out"),
        ("paper-a3", "v3-stragglers", "resnet18", "ddp@delay=bursts", "held out"),
        ("paper-b", "lap-table2", "resnet20", "lapsgd@updaters=4,batch=128", "fitted"),
        ("paper-b", "lap-table6", "wrn16_8", "mbsgd@devices=4,batch=128", "held out"),
        ("paper-b", "lap-table1", "resnet20", "plsgd@batch=1024", "follows from the fit"),
        ("paper-a", "lap-table1", "resnet20", "mbsgd@batch=128", "held out"),
        ("paper-a-ideal", "table3", "resnet18", "async_lu", "held out"),
        ("", "table3", "resnet18", "async_lu", "held out"),
        ("paper-a", "table9", "resnet18", "bp", "held out"),
        ("paper-a", "table3", "resnet18", "mine", "held out"),
    ],
)
def test_how_a_row_stands_to_a_card(card: str, id: str, network: str, row: str, expected: str) -> None:
    assert kind(card, id, network, row) == expected


def test_what_another_table_charges_alike_is_fitted_there_too() -> None:
    known = [table(id) for id in IDS if "resnet20" in table(id).networks]
    found = {one.id for one in known for row in one.rows if is_fitted("paper-b", one.id, "resnet20", row.key)}
    assert found == {"lap-table1", "lap-table2", "lap-table4", "lap-table7", "lap-table11"}


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


def test_a_claim_of_fitted_seconds_alone_is_called_so_where_these_are_open_too() -> None:
    of = ("v3-mfu", "resnet18")
    never = Summary(None, None, 1, censored=1, at_least=10.7)
    evidence = Fake({(*of, "pdasgd", TTA): Summary(9.0, None, 1), (*of, "lppsgd", TTA): never}, charged="paper-a3")
    assert claim("v3-over-lppsgd").evaluate(evidence).status == "not decided (fitted)"


@pytest.mark.parametrize(
    ("charged", "lower", "status"),
    [
        ("paper-a", 50.0, "not decided (fitted)"),
        ("paper-a", 70.0, "does not hold"),
        ("paper-a-ideal", 50.0, "holds"),
    ],
)
def test_a_claim_of_two_statements_holds_where_each_is_judged(charged: str, lower: float, status: str) -> None:
    """Quicker, by seconds, but lower, by accuracy."""
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
    assert verdict.need.words == (FITTED if status == "not decided (fitted)" else "")


def test_real_seconds_are_fitted_to_nothing() -> None:
    rows = {"async_bu": 1.0, "async_lu": 2.0, "lapsgd": 3.0, "lppsgd": 3.0}
    values = {
        (id, network, row, TTA): Summary(mean, 0.01, 3)
        for id in ("table1", "table3")
        for network in ("resnet18", "resnet50")
        for row, mean in rows.items()
    }
    assert claim("a-fastest-to-target").evaluate(Fake(values, simulated=False)).status == "holds"
    assert claim("a-fastest-to-target").evaluate(Fake(values, charged="paper-a")).status == "not decided (fitted)"


def test_a_claim_rests_on_the_cells_that_were_held_out() -> None:
    """Table 6 on 4 and 8 devices, and LPP-SGD against LAP-SGD on all three."""
    evidence = table6()
    evidence.charged = "paper-b"
    verdict = claim("b-no-gain-from-512").evaluate(evidence)
    assert verdict.status == "does not hold"
    assert "2 of 6 comparisons are of seconds that the hardware card was fitted to" in verdict.why
    assert "0 of 4 comparisons hold, 4 do not" in verdict.why
    assert claim("b-lpp-fastest").evaluate(evidence).status == "holds"
    assert claim("b-lpp-over-lap").evaluate(evidence).why.startswith("3 of 3 comparisons hold")


def test_an_accuracy_is_never_fitted() -> None:
    """Async BU is faster, by seconds that were fitted, and less accurate: half of the claim is decided, and said so."""
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


def test_a_fitted_claim_whose_rest_is_open_says_both() -> None:
    values = {("table1", "resnet18", row, TTA): Summary(s, 0.01, 3) for row, s in (("async_bu", 1), ("async_lu", 2))}
    values |= {("table1", "resnet50", row, TTA): Summary(1.0, 0.5, 3) for row in ("lapsgd", "lppsgd")}
    points = together(
        best_of([("table1", "resnet18")], "async_bu", ("async_lu",), TTA, lowest=True),
        best_of([("table1", "resnet50")], "lapsgd", ("lppsgd",), TTA, lowest=True),
    )
    verdict = Claim("x", "", "", ("table1",), points).evaluate(Fake(values, charged="paper-a"))
    assert verdict.status == "not decided (fitted)"
    assert "the rest is open at 95 %" in verdict.why


# ---- runs that diverged


def test_a_row_of_which_a_run_diverged_decides_no_claim_of_speed() -> None:
    """Two of three runs took 6 s, one fell apart after 2: the fastest by its mean."""
    evidence = table6()
    row = "lppsgd@devices=2,updaters=3,batch=64"
    assert claim("b-lpp-fastest").evaluate(evidence).status == "holds"
    evidence.values = {**evidence.values, (*WRN, row, TIME): Summary(None, None, 3, 1, 4.7, 2.3)}
    evidence.gone = {(*WRN, row): 1}
    verdict = claim("b-lpp-fastest").evaluate(evidence)
    assert verdict.status == "not decided"
    assert f"1 of 3 runs of {row} diverged" in verdict.why
    assert f"{row} >4.7 against" in verdict.measured


def test_seconds_per_epoch_of_a_diverged_row_decide_nothing_either() -> None:
    evidence = seconds("v3-ratio", "resnet18", EPOCH, slow=3.0, fast=1.0)
    evidence.gone = {("v3-ratio", "resnet18", "slow"): 1}
    points = quotient([("v3-ratio", "resnet18")], "slow", "fast", EPOCH, low=2.0)
    verdict = Claim("x", "", "", ("v3-ratio",), points).evaluate(evidence)
    assert verdict.status == "not decided"
    assert "1 of 1 runs of slow diverged" in verdict.why


def test_a_speed_up_over_a_diverged_baseline_decides_nothing() -> None:
    evidence = seconds("table7", "resnet18", "relative_speedup", async_lu=2.0, ddp=2.0)
    evidence.gone = {("table7", "resnet18", "bp"): 1}
    points = quotient([("table7", "resnet18")], "async_lu", "ddp", "relative_speedup", low=0.8)
    verdict = Claim("x", "", "", ("table7",), points).evaluate(evidence)
    assert verdict.status == "not decided"
    assert "1 of 1 runs of bp diverged" in verdict.why


def test_an_accuracy_of_a_diverged_row_counts() -> None:
    values = {("t", "n", row, TEST): Summary(mean, 0.1, 3) for row, mean in (("a", 90.0), ("b", 80.0))}
    points = best_of([("t", "n")], "a", ("b",), TEST)
    assert Claim("x", "", "", ("t",), points).evaluate(Fake(values, gone={("t", "n", "b"): 1})).status == "holds"


def test_a_time_to_the_best_of_runs_that_ended_with_it_is_a_lower_bound() -> None:
    """Of the shorter one alone, and it may be as long as the other; of both, and nothing is known of the quotient."""
    times = (("async_lu", 40), ("async_bu", 90))
    values = {("table6", "lstm", row, "time_to_best_seconds"): Summary(at, 0.1, 3) for row, at in times}
    points = quotient([("table6", "lstm")], "async_lu", "async_bu", "time_to_best_seconds", high=0.6)
    claim = Claim("x", "", "", ("table6",), points)
    for rising, verdict in (((), "holds"), (("async_lu",), "not decided")):
        evidence = Fake(values, rising={("table6", "lstm", row): 1 for row in rising})
        assert claim.evaluate(evidence).status == verdict, rising
    both = claim.evaluate(Fake(values, rising={("table6", "lstm", row): 3 for row in ("async_lu", "async_bu")}))
    assert both.status == "not decided"
    assert both.need.words.startswith("longer runs")
