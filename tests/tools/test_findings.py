"""The findings' numbers are those of the kept runs, and only marked places of a page are made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.results.samples import write
from tools import findings
from tools.findings import FINDINGS, Finding, Runs, block, filled, headline, paired

PAIR = Finding("pair", ("cifar10-resnet18",), {"async_lu": "LU", "bp": "BP", "ddp": "DDP"}, (("async_lu", "bp"),))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Async LU with three seeds, BP with two of them."""
    best = {"async_lu": [60.0, 62.0, 64.0], "bp": [61.0, 62.5]}
    made = [
        write(tmp_path, [10.0, accuracy], method=method, row=method, seed=seed)
        for method, accuracies in best.items()
        for seed, accuracy in enumerate(accuracies)
    ]
    specs = [one.spec.workload.model_copy(update={"name": "cifar10-resnet18", "scale": "small"}) for one in made]
    return Runs(
        [
            replace(one, spec=one.spec.model_copy(update={"workload": work}))
            for one, work in zip(made, specs, strict=True)
        ]
    )


def test_differences_are_taken_seed_by_seed(runs: Runs) -> None:
    assert paired(runs, PAIR, "cifar10-resnet18", "async_lu", "bp") == [-1.0, -0.5]
    text = "\n".join(block(runs, PAIR))
    assert "| LU | 62.00 [57.03, 66.97] | 2.00 | 3 |" in text
    assert "| DDP | not run | not run | 0 |" in text
    assert "| LU less BP | -0.75 [-3.93, +2.43] | 2 | undecided |" in text


def test_of_one_seed_nothing_is_said(runs: Runs) -> None:
    assert findings.cell([60.0]) == "60.00"
    assert findings.verdict(None) == "one seed"


def test_only_marked_places_change() -> None:
    page = "a\n<!-- pair -->\nold\n<!-- end -->\nb\n"
    assert filled(page, {"pair": "new"}) == "a\n<!-- pair -->\nnew\n<!-- end -->\nb\n"
    with pytest.raises(KeyError):
        filled(page, {})


def test_the_pages_say_what_the_kept_runs_say() -> None:
    """`python tools/findings.py` makes them anew."""
    assert findings.main(["--check"]) == 0


def test_pages_have_a_place_for_every_finding(runs: Runs) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in findings.PAGES)
    names = {name for _, name, _ in findings.MARKED.findall(text)}
    assert names == {one.name for one in FINDINGS} | {"headline"}
    assert all(line.count("|") == 6 for line in headline(runs))
