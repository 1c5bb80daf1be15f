"""The findings' numbers are those of the kept runs, and only marked places of a page are made anew."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.analyses import registry as analyses
from benchmarks.papers.claims.catalogue import CLAIMS, judged
from benchmarks.papers.claims.verdicts import DECIDED_AS
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import Settings, resolve
from benchmarks.runner.tuning.search import Factors, TuningBudget
from benchmarks.runner.tuning.trials import at, tuning_seeds
from benchmarks.tables.registry import table
from benchmarks.views import journals
from benchmarks.views.evidence import RunsEvidence
from benchmarks.views.table_runs import find_runs
from results.measures import MEASURES
from results.records.spec import Judge
from results.tables import RunCondition
from tests.results.samples import finish, write
from tools import findings
from tools.findings import (
    Runs,
    block,
    fill_page,
    has_enough_seeds,
    headline,
    paired,
    reproduced,
    reproduced_block,
    runs_of,
    values,
)
from tools.findings_list import BEST, CHOSEN, FINDINGS, REPRODUCED, RUNGS, SECOND_CPU, TUNED, Finding, Rungs, Tuned

PAIR = Finding("pair", "Pairs", (), {"async_lu": "LU", "bp": "BP", "ddp": "DDP"}, (("async_lu", "bp"),))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Async LU with three seeds, BP with two of them."""
    best = {"async_lu": [60.0, 62.0, 64.0], "bp": [61.0, 62.5]}
    return {
        row: [write(tmp_path, [10.0, top], method=row, seed=seed) for seed, top in enumerate(tops)]
        for row, tops in best.items()
    }


def test_differences_are_taken_seed_by_seed(runs: Runs) -> None:
    assert paired(runs, "async_lu", "bp", MEASURES[BEST]) == {0: -1.0, 1: -0.5}
    text = "\n".join(block(runs, PAIR))
    assert "| LU | 62.00 [57.03, 66.97] | 2.00 | 3 |" in text
    assert "| DDP | not run | not run | 0 |" in text
    assert "| LU minus BP | -0.75 [-3.93, +2.43] | 2 | undecided |" in text


def test_losses_are_compared_in_their_unit_and_drawn_in_it(tmp_path: Path) -> None:
    """Without measures of its own a finding shows the best of what its runs are judged by."""
    nats = Judge(metric="loss", title="loss", unit="nats", better="less")
    ends = {"async_lu": [1.614, 1.618, 1.622], "bp": [1.6, 1.606, 1.608]}
    records = {
        row: [write(tmp_path, [3.0, end], method=row, seed=n, judge=nats) for n, end in enumerate(losses)]
        for row, losses in ends.items()
    }
    text = "\n".join(block(records, PAIR))
    assert "| | Best loss (nats) | Seconds per epoch | n |" in text
    assert "| LU minus BP | +0.013 [+0.010, +0.016] | 3 | more |" in text
    assert "best loss (nats)" in "\n".join(headline(records, PAIR))
    _, svg, _ = findings.picture(records, PAIR, tmp_path / "drawn")
    assert "Best loss (nats): seeds; mean and 95 % interval" in svg.read_text(encoding="utf-8")


def test_an_interaction_is_the_difference_of_two_differences(tmp_path: Path) -> None:
    """Seed by seed: with x, b is 1 and 2 points above a; without it 4 and 6 points."""
    tops = {"a": [50.0, 50.0], "b": [54.0, 56.0], "ax": [40.0, 41.0], "bx": [41.0, 43.0]}
    records = {row: [write(tmp_path, [top], method=row, seed=n) for n, top in enumerate(t)] for row, t in tops.items()}
    of = Finding("four", "", (), dict(zip(tops, tops, strict=True)), (), interactions=((("bx", "ax"), ("b", "a")),))
    assert "| (bx minus ax) minus (b minus a) | -3.50 [-9.85, +2.85] | 2 | undecided |" in block(records, of)


def test_runs_trained_again_are_paired_by_their_identity(tmp_path: Path) -> None:
    """And count in place of the first ones where a finding is of the second CPU."""
    tops = {"first": [60.0, 62.0, 64.0], "again": [61.0, 63.5]}
    for folder, best in tops.items():
        for seed, top in enumerate(best):
            write(tmp_path / folder, [10.0, top], method="bp", seed=seed)
    pairs = findings.on_two_cpus(*(journals.read(tmp_path / folder) for folder in tops))
    assert [[first.seed for first, _ in of_pairs] for of_pairs in pairs.values()] == [[0, 1]]
    assert "+1.25 [-1.93, +4.43] | 2 | undecided" in "\n".join(findings.two_cpus_block("", pairs))


def test_runs_of_other_settings_are_none_of_a_findings(tmp_path: Path) -> None:
    """Such as trials of `tune`, which have the same row and other rates."""
    finding = next(finding for finding in FINDINGS if finding.name == "methods")
    rates: tuple[Settings, ...] = ({}, {"workload": {"schedule.lr": "0.2"}})
    planned = [resolve(table("table1"), replace(CHOSEN, seeds=(0,), settings=settings)).runs[0] for settings in rates]
    for run, best in zip(planned, (60.0, 90.0), strict=True):
        finish(tmp_path, run, best)
    assert values(runs_of(finding, journals.read(tmp_path)), planned[0].labels.row, MEASURES[BEST]) == {0: 60.0}


def test_only_marked_places_change() -> None:
    page = "a\n<!-- pair -->\nold\n<!-- end -->\nb\n"
    assert fill_page(page, {"pair": "new"}) == "a\n<!-- pair -->\nnew\n<!-- end -->\nb\n"
    with pytest.raises(KeyError):
        fill_page(page, {})


def test_the_pages_say_what_the_kept_runs_say() -> None:
    """`python tools/findings.py` makes them anew; the appendix has every finding."""
    assert findings.main(["--check"]) == 0
    headings = re.findall(r"^## (\S+)$", findings.APPENDIX.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [*(item.name for group in (FINDINGS, REPRODUCED, TUNED, RUNGS) for item in group), SECOND_CPU[0]]


def test_the_page_gives_the_verdicts_of_the_kept_runs_on_claims() -> None:
    """Claims that need an analysis are not judged here: its tables are not kept."""
    of_runs = [claim for claim in CLAIMS if not set(claim.needs) & set(analyses.IDS)]
    existing = journals.some(findings.KEPT[0])
    tables = {name: resolve(table(name), CHOSEN) for claim in of_runs for name in claim.needs}
    shown = tuple(find_runs(planned, existing) for planned in tables.values())
    verdicts = judged(RunsEvidence(RunCondition("small", "virtual"), findings.KEPT[0], shown), of_runs)
    decided = {claim.id: verdict for claim, verdict in verdicts if verdict.status in DECIDED_AS}
    page = findings.PAGES[0].read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9.-]+)` .*? \| (holds|does not hold) \| ", page, re.MULTILINE))
    assert {id: verdict.status for id, verdict in decided.items()} == {
        id: status for id, status in rows.items() if id in {claim.id for claim in of_runs}
    }
    assert set(rows) <= {claim.id for claim in CLAIMS}
    statuses = Counter(verdict.status for _, verdict in verdicts)
    counted = Counter(rows.values())
    numbers = (counted["holds"], counted["does not hold"], statuses["not decided"], statuses["not decided (fitted)"])
    sentences = re.findall(r"(\d+) hold\b[^.]*?(\d+) do\s+not, (\d+) are open,\s+and (\d+)", page)
    assert [tuple(map(int, sentence)) for sentence in sentences] == [numbers] * 2
    assert {int(count) for count in re.findall(r"(\d+) sentences of the papers", page)} == {len(CLAIMS)}


def test_a_section_names_its_runs_and_what_they_cost(tmp_path: Path) -> None:
    written = [write(tmp_path, [10.0, 60.0], method="bp", seed=seed) for seed in (0, 1, 2)]
    ends = [
        {**(record.end or {}), "wall_seconds": seconds} for record, seconds in zip(written, (10, 20, 60), strict=True)
    ]
    records = [replace(record, end=end) for record, end in zip(written, ends, strict=True)]
    section = findings.Section("pair", (findings.train("table1", "resnet18", records),), records, "| table |")
    command = "python -m benchmarks run table1 --scale small --network resnet18 --seeds 3 --data ~/data"
    cost = "3 runs are kept, 20 s of a core each (median)."
    assert f"    {command}\n\n{cost}\n" in section.markdown()
    on_gpu = replace(CHOSEN, scale="paper", device="cuda", settings={"workload": {"epochs": "5"}})
    command = "run table1 --scale paper --device cuda --network resnet18 --seeds 3 --data ~/data"
    assert findings.train("table1", "resnet18", records, on_gpu) == f"{command} --set workload.epochs=5"


def test_a_row_over_budgets_may_have_a_rate_of_its_own(tmp_path: Path) -> None:
    rungs = Rungs("rungs", "Over budgets", "table1", (("ddp", "bp"),), (1, 4), rates={"ddp": 8.0})
    _, of_four = findings.grids(rungs)
    assert {run.labels.row: run.work.schedule.lr for run in of_four.runs} == {"bp": 0.05, "ddp": 0.4}
    for run in of_four.runs[:1] + [run for run in of_four.runs if run.labels.row == "ddp"][:2]:
        finish(tmp_path, run, 70.0)
    commands = list(findings.train_at(rungs, 4, of_four, journals.read(tmp_path).records))
    bp, ddp = sorted(commands, key=len)
    assert "--seeds 1 " in bp
    assert bp.endswith("--method bp --budget 4")
    assert "--seeds 2 " in ddp
    assert ddp.endswith(
        "--method ddp --budget 4 --set workload.schedule.lr=0.4 --set workload.schedule.warm_up_lr=0.16"
    )


def test_rates_found_on_one_budget_are_used_on_another(tmp_path: Path) -> None:
    search = TuningBudget(grid=3, span=4, trials=3, seeds=2, select="test")
    choice = Tuned("tuned", "On another budget", "table1", "resnet18", ("bp", "ddp"), search, samples=4, shown=20)
    chosen = replace(CHOSEN, methods=tuple(choice.methods), networks=("resnet18",), budget=4)
    for cell in resolve(table("table1"), chosen).cells:
        for factor, top in zip((0.5, 1, 2), (60.0, 70.0, 80.0 if cell.row.key == "ddp" else 65.0), strict=True):
            for run in at(cell, Factors(factor), tuning_seeds(search)).runs:
                finish(tmp_path, run, top)
    for cell in resolve(table("table1"), replace(chosen, budget=20)).cells:
        for factor in (1, 2) if cell.row.key == "ddp" else (1,):
            for run in at(cell, Factors(factor), (0, 1)).runs:
                finish(tmp_path, run, 80.0 + factor + run.spec.seed)
    tuned_table = findings.tuned(choice, journals.read(tmp_path))
    assert tuned_table is not None
    rows = list(findings.tuned_block(choice, tuned_table))
    assert any(re.match(r"\| DDP \| 0.05 \| 81.50 .* \| 0.1, .* tried \| 82.50 ", row) for row in rows)
    assert any(re.match(r"\| BP, 1 device \| 0.05 \| 81.50 .* \| 0.05 \| 81.50 ", row) for row in rows)
    published, best = findings.train_elsewhere(choice, tuned_table)
    assert "--method bp,ddp --budget 20" in published
    assert "--method ddp --budget 20 --set workload.schedule.lr=0.1 " in best


def test_a_reproduced_table_stands_beside_what_was_published(tmp_path: Path) -> None:
    reproduction = replace(REPRODUCED[0], rows={"async_lu": "LU"})
    chosen = Choices(scale="paper", seeds=(0, 1, 2), settings={"workload": reproduction.settings})
    planned = [run for run in resolve(table(reproduction.table), chosen).runs if run.labels.row == "async_lu"]
    finish(tmp_path / "one", planned[0], 84.0)
    for run in planned:
        finish(tmp_path / "three", run, 84.0 + 0.01 * run.spec.seed)
    blocks = []
    for name in ("one", "three"):
        table_runs = reproduced(reproduction, journals.read(tmp_path / name))
        assert table_runs is not None
        blocks.append(list(reproduced_block(reproduction, table_runs)))
    assert "| LU | 85.15 ± 0.15 | 84.00 | 6.00 ± 1.00 | 1.00 | 49.30 ± 9.46 | 2.00 | 1 |" in blocks[0]
    assert any(line.startswith("| LU | 85.15 ± 0.15 | 84.01 ± 0.01 (undecided) |") for line in blocks[1])


def test_a_picture_needs_three_seeds_of_both_rows_of_a_pair(runs: Runs, tmp_path: Path) -> None:
    assert not has_enough_seeds(runs, PAIR)
    third = write(tmp_path, [10.0, 63.0], method="bp", seed=2)
    assert has_enough_seeds({**runs, "bp": [*runs["bp"], third]}, PAIR)
