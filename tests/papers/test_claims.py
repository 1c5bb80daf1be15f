"""Claims: the rule of decision, verdicts on fake evidence, and that every cell they read exists."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.analyses import registry as analyses
from benchmarks.commands.claims import judge
from benchmarks.papers.claims.catalogue import CLAIMS
from benchmarks.papers.claims.rules import best_of, quotient
from benchmarks.papers.claims.verdicts import Claim, Verdict
from benchmarks.tables.registry import IDS, table
from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable
from tests.papers.evidence import Fake, Papers, claim

AUDITS = ("audit-lap", "audit-stem")
BEST, TTA, EPOCH = "best_accuracy_percent", "time_to_target_seconds", "seconds_per_epoch"


def accuracies(*values: tuple[str, float, float | None, int]) -> Fake:
    return Fake({("table2", "resnet18", row, BEST): Summary(mean, std, n) for row, mean, std, n in values})


def higher(evidence: Fake) -> Verdict:
    points = best_of([("table2", "resnet18")], "async_lu", ("async_bu",), BEST)
    return Claim("x", "LU is higher", "a paper", ("table2",), points).evaluate(evidence)


# ---- the rule of decision


def test_a_difference_beyond_its_interval_is_decided() -> None:
    verdict = higher(accuracies(("async_lu", 93.7, 0.2, 3), ("async_bu", 92.7, 0.2, 3)))
    assert verdict.status == "holds"
    assert "async_lu 93.7 against async_bu 92.7, +1.00 (n = 3)" in verdict.measured
    assert "n = 3 is weak evidence" in verdict.why
    verdict = higher(accuracies(("async_lu", 92.7, 0.2, 3), ("async_bu", 93.7, 0.2, 3)))
    assert verdict.status == "does not hold"


def test_one_seed_decides_no_accuracy() -> None:
    verdict = higher(accuracies(("async_lu", 99.0, None, 1), ("async_bu", 10.0, None, 1)))
    assert verdict.status == "not decided"
    assert "a single seed shows no spread" in verdict.why


@pytest.mark.parametrize(("simulated", "status"), [(True, "holds"), (False, "not decided")])
def test_one_seed_decides_simulated_seconds_alone(simulated: bool, status: str) -> None:
    values = {("t", "n", row, EPOCH): Summary(mean, None, 1) for row, mean in (("slow", 3.0), ("fast", 1.0))}
    points = quotient([("t", "n")], "slow", "fast", EPOCH, low=2.0)
    assert Claim("x", "", "", ("t",), points).evaluate(Fake(values, simulated=simulated)).status == status


def test_a_run_that_missed_the_target_is_a_lower_bound() -> None:
    values = {
        ("table1", "resnet18", "async_bu", TTA): Summary(100.0, 2.0, 3),
        ("table1", "resnet18", "lapsgd", TTA): Summary(None, None, 3, censored=2, at_least=400.0),
    }
    points = best_of([("table1", "resnet18")], "async_bu", ("lapsgd",), TTA, lowest=True)
    verdict = Claim("x", "", "", ("table1",), points).evaluate(Fake(values))
    assert verdict.status == "holds"
    points = best_of([("table1", "resnet18")], "lapsgd", ("async_bu",), TTA, lowest=True)
    verdict = Claim("x", "", "", ("table1",), points).evaluate(Fake(values))
    assert verdict.status == "does not hold"
    assert "lapsgd >400" in verdict.measured


# ---- verdicts


def test_nothing_run_is_not_decided() -> None:
    for each in CLAIMS:
        verdict = each.evaluate(Fake())
        assert verdict.status == "not decided", each.id
        assert verdict.measured == "-"
        assert verdict.why.startswith(f"Not run: needs {', '.join(each.needs)}."), verdict.why


def test_one_counter_example_is_enough() -> None:
    evidence = accuracies(("async_lu", 90.7, 0.1, 3), ("async_bu", 92.7, 0.1, 3))
    assert claim("a-highest-accuracy").evaluate(evidence).status == "does not hold"


def test_a_verdict_says_its_scale_unless_it_is_the_papers() -> None:
    rows = ("async_lu", 93.7, 0.1, 3), ("async_bu", 92.7, 0.1, 3)
    for scale, label in (("smoke", "holds at smoke"), ("small", "holds at small"), ("paper", "holds")):
        evidence = accuracies(*rows)
        evidence.scale = scale
        assert higher(evidence).label == label


def test_up_to_needs_one_network() -> None:
    times = {"lppsgd": (600.0, 300.0), "async_bu": (150.0, 290.0)}
    values = {
        ("table3", network, row, TTA): Summary(mean, 1.0, 3)
        for row, means in times.items()
        for network, mean in zip(("resnet18", "resnet50"), means, strict=True)
    }
    verdict = claim("a-2.97-bu").evaluate(Fake(values))
    assert verdict.status == "holds"
    assert "4x" in verdict.measured
    assert "672.9 / 226.4 = 2.97 is Async LU's" in verdict.why


# ---- the papers' own figures


def own(id: str) -> str:
    return claim(id).evaluate(Papers()).why


def test_the_papers_figures_are_held_to_the_same_rule() -> None:
    assert "672.9 against async_bu 155.4, 4.33x" in own("a-2.97-bu")
    assert "672.9 against async_lu 226.4, 2.97x" in own("a-2.97-lu")
    assert "is not decided" in own("a-2.97-lu")  # 2.97 ± 0.08 by its standard error, with two degrees of freedom
    assert "is not decided (table3 resnet50" in own("a-fastest-to-target")
    assert "On the paper's own figures it holds" in own("a-highest-accuracy")
    assert "On the paper's own figures it holds" in own("b-lap-over-mb")


# ---- special claims


def test_a_gap_that_goes_away_with_the_stem_is_not_staleness() -> None:
    def stem(lap: float) -> Fake:
        best = {"async_lu": 74.0, "lapsgd@stem=imagenet": 61.0, "lapsgd": lap}
        best |= {"lppsgd@stem=imagenet": 61.0, "lppsgd": lap, "ddp": 74.0}
        return Fake({(id, "resnet18", row, BEST): Summary(mean, 0.2, 3) for id in AUDITS for row, mean in best.items()})

    assert claim("a-lap-staleness").evaluate(stem(73.0)).status == "does not hold"
    assert claim("a-lap-staleness").evaluate(stem(63.0)).status == "holds"
    verdict = claim("a-lap-staleness").evaluate(stem(73.0))
    assert "+13.00 points behind Async LU with torchvision's stem, +1.00 with the CIFAR stem" in verdict.measured


def test_robustness_compares_slow_downs() -> None:
    def delayed(pdasgd: float, ddp: float) -> Fake:
        rows = {"pdasgd": 10.0, "ddp": 20.0}
        for kind in ("constant", "heavy_tailed", "bursts"):
            rows |= {f"pdasgd@delay={kind}": pdasgd, f"ddp@delay={kind}": ddp}
        return Fake({("v3-stragglers", "resnet18", row, EPOCH): Summary(mean, None, 1) for row, mean in rows.items()})

    assert claim("v3-straggler-speed").evaluate(delayed(12.0, 40.0)).status == "holds"
    assert claim("v3-straggler-speed").evaluate(delayed(25.0, 40.0)).status == "does not hold"


def test_what_a_delay_costs_is_compared_between_optimizers() -> None:
    def late(adamw: float, muon: float) -> Fake:
        rows = {"adamw": (2.0, adamw), "muon": (1.9, muon)}
        values: dict[tuple[str, str, str, str], Summary] = {}
        for name, (plain, delayed) in rows.items():
            for row, mean in ((f"optimizer={name}", plain), (f"delay=1,optimizer={name}", delayed)):
                values["lm-optimizers", "gpt", f"bp@{row}", "best_loss"] = Summary(mean, 0.005, 5)
        return Fake(values)

    for adamw, muon, suffers, robust in (
        (2.2, 1.91, "holds", "holds"),
        (2.1, 2.2, "holds", "does not hold"),
        (1.9, 1.7, "does not hold", "holds"),
        (2.001, 1.9, "not decided", "not decided"),
    ):
        evidence = late(adamw, muon)
        assert claim("delay-adamw").evaluate(evidence).status == suffers
        assert claim("delay-muon").evaluate(evidence).status == robust
    assert claim("delay-muon").evaluate(Fake()).status == "not decided"


def test_what_low_communication_loses_is_compared_at_equal_samples() -> None:
    diloco, delayed = "diloco@period=21", "dylu=True,outer.name=delayed_nesterov,outer.lr=0.35"
    rows = {"ddp": 2.0, diloco: 2.015, f"{diloco},fragments=3,delay=1,alpha=0.5": 2.1, "noloco@period=21": 2.0}
    values = {("lowcomm", "gpt", row, "best_loss"): Summary(mean, 0.001, 5) for row, mean in rows.items()}
    for row, best, at_equal_seconds in ((diloco, 2.0, 2.4), ("naive", 2.1, 2.2), (delayed, 2.01, 2.1)):
        key = row if row == diloco else f"async_localsgd@period=21{'' if row == 'naive' else f',{row}'}"
        for measure, mean in (("best_loss", best), ("at_equal_seconds", at_equal_seconds)):
            values["lowcomm-unlike", "gpt", key, measure] = Summary(mean, 0.001, 5)
    for id, status in (
        ("diloco-synchronous", "holds"),
        ("diloco-streaming", "does not hold"),
        ("noloco-faster", "holds"),
        ("async-local-naive", "holds"),
        ("async-local", "holds"),
        ("layup-accuracy", "not decided"),
    ):
        assert claim(id).evaluate(Fake(values)).status == status, id


def law_table(name: str, keys: Sequence[str], rows: Sequence[tuple[str, str, Sequence[tuple[float, float | None]]]]):  # type: ignore[no-untyped-def]
    result_rows = []
    for network, row, values in rows:
        cells = [
            ResultCell(None if law is None else Published(law, None, None, "law"), Summary(value, None, 1))
            for value, law in values
        ]
        result_rows.append(ResultRow(network, network, row, row, tuple(cells)))
    return ResultTable(
        name, name, "a law", tuple(Measure(key, key) for key in keys), tuple(result_rows), reference="law"
    )


def test_the_speed_up_follows_the_law_and_nears_its_maximum() -> None:
    good = law_table("speedup", ["speedup_beta_2"], [("workers=2", "batches=1000", [(2.994, 2.994)])])
    verdict = claim("a-speedup").evaluate(Fake(found={"speedup": (good,)}))
    assert verdict.status == "holds"
    assert "1 + β = 3" in verdict.measured
    off = law_table("speedup", ["speedup_beta_2"], [("workers=2", "batches=1000", [(2.5, 2.994)])])
    assert claim("a-speedup").evaluate(Fake(found={"speedup": (off,)})).status == "does not hold"
    short = law_table("speedup", ["speedup_beta_2"], [("workers=1", "batches=1000", [(1.5, 1.5)])])
    verdict = claim("a-speedup").evaluate(Fake(found={"speedup": (short,)}))
    assert verdict.status == "holds"
    assert "1 + β" not in verdict.measured


def test_plain_sgd_is_recovered_as_staleness_vanishes() -> None:
    def distances(*values: float) -> Fake:
        rows = [("well", f"ratio={r}", [(d, None)]) for r, d in zip(("0", "0.1", "2"), values, strict=True)]
        return Fake(found={"stationary": (law_table("stationary", ["distance_to_plain_sgd"], rows),)})

    assert claim("a-stationary").evaluate(distances(0.01, 0.015, 0.4)).status == "holds"
    assert claim("a-stationary").evaluate(distances(0.01, 0.3, 0.4)).status == "does not hold"


def test_table9_is_read_from_its_analysis() -> None:
    keys = ["forward_seconds", "backward_seconds"]
    values = [(Summary(0.1, 0.001, 10)), (Summary(0.2, 0.001, 10))]
    rows = [
        ResultRow(network, network, "bp", "BP", tuple(ResultCell(None, value) for value in values))
        for network in ("resnet18", "resnet50")
    ]
    table9 = ResultTable("table9", "", "", tuple(Measure(key, key) for key in keys), tuple(rows))
    assert claim("a-backward-twice").evaluate(Fake(found={"table9": (table9,)})).status == "holds"


# ---- the catalogue


def test_claims_have_ids_of_their_own_and_need_what_exists() -> None:
    ids = [each.id for each in CLAIMS]
    assert len(ids) == len(set(ids))
    assert {id for each in CLAIMS for id in each.needs} <= {*IDS, *analyses.IDS}
    assert all(each.text and each.source and each.needs for each in CLAIMS)


def test_claims_ask_for_cells_that_are_there() -> None:
    evidence = Fake()
    for each in CLAIMS:
        each.evaluate(evidence)
    for id, network, row, measure in evidence.asked:
        if id in analyses.IDS:
            continue
        definition = table(id)
        assert network in definition.networks, (id, network)
        assert row in {table_row.key for table_row in definition.rows}, (id, row)
        assert measure in definition.measures, (id, measure)


# ---- the command


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=200)
    evidence = accuracies(("async_lu", 90.7, 0.1, 3), ("async_bu", 92.7, 0.1, 3))
    evidence.scale = "smoke"
    judge([(Conditions("smoke", "virtual", seeds=(0, 1, 2)), evidence)], console, tmp_path, why=True)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "does not hold at smoke" in " ".join(text.replace("│", " ").split())
    assert f"{len(CLAIMS)} claims:" in text
    rows = list(csv.DictReader((tmp_path / "claims" / "smoke-virtual.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["claim"] for row in rows] == [each.id for each in CLAIMS]
    assert rows[0]["verdict"] == "does not hold"
    assert [rows[0][name] for name in ("scale", "executor", "seeds", "condition")] == [
        "smoke",
        "virtual",
        "0 1 2",
        "smoke-virtual",
    ]
    markdown = (tmp_path / "claims" / "smoke-virtual.md").read_text(encoding="utf-8")
    assert "not the papers' experiments" in markdown
    assert markdown.count("\n| `") == len(CLAIMS)


def test_the_command_prints_a_line_a_decided_claim_and_the_names_of_the_others(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=120)
    small = accuracies(("async_lu", 90.7, 0.1, 3), ("async_bu", 92.7, 0.1, 3))
    smoke = accuracies(("async_lu", 93.7, 0.1, 3), ("async_bu", 92.7, 1.0, 3))
    judge([(Conditions("smoke"), smoke), (Conditions("small"), small)], console, tmp_path)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(printed.splitlines()) <= 40
    (line,) = [line for line in printed.splitlines() if line.startswith("a-highest-accuracy")]
    assert "does not hold -2 points [-2.23, -1.77], n = 3" in line
    assert all(each.id in printed for each in CLAIMS)
