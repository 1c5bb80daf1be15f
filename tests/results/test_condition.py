"""Names of outputs: distinct for distinct conditions, and short for usual ones."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from results.tables import Conditions, RunCondition
from results.tables.condition import COLUMNS, LONGEST


@pytest.mark.parametrize(
    ("given", "slug", "label"),
    [
        (RunCondition(), "", ""),
        (RunCondition("smoke", "virtual", "paper-a", "cpu"), "smoke-virtual-paper-a", "smoke, virtual, paper-a"),
        (
            RunCondition("smoke", "threads", "AMD EPYC", "cpu", "x2", ("1-seed",)),
            "smoke-threads-amd-epyc-x2-1-seed",
            "smoke, threads, AMD EPYC x2; 1-seed",
        ),
        (
            RunCondition("small", "threads", "Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz", "cpu", "x48"),
            "small-threads-intel-xeon-platinum-8488c-x48",
            "small, threads, Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz x48",
        ),
        (
            RunCondition("paper", "virtual", "paper-a", "cuda", "", ("ddp+lapsgd@updaters=2", "target-60")),
            "paper-virtual-paper-a-cuda-ddp+lapsgd@updaters=2-target-60",
            "paper, virtual, paper-a, cuda; ddp+lapsgd@updaters=2 target-60",
        ),
    ],
)
def test_names(given: RunCondition, slug: str, label: str) -> None:
    assert (given.slug, given.label) == (slug, label)
    assert given.folder(Path("out/tables")) == Path("out/tables") / slug


def test_selections_that_differ_have_names_that_differ() -> None:
    """Names that are too long, or have characters that file names may not have, end in a digest."""
    long_selection = tuple(f"workload.field_{number}=1" for number in range(9))
    selections = [
        (),
        ("lapsgd",),
        ("1-seed",),
        ("workload.stem=cifar",),
        ("workload.stem=CIFAR",),
        ("workload.text=../../etc",),
        ("workload.text=.. .. etc",),
        ("workload.text=字",),
        long_selection,
        (*long_selection, "workload.more=1"),
    ]
    slugs = [RunCondition("smoke", "virtual", "paper-a", selection=selection).slug for selection in selections]
    assert all(a != b for a, b in itertools.combinations(slugs, 2))
    for slug in slugs:
        assert re.fullmatch(r"[a-z0-9.+=@,_-]+", slug), slug
        assert len(slug) < LONGEST + 40
    assert re.fullmatch(r"smoke-virtual-paper-a(-workload\.field_\d=1)+-[0-9a-f]{8}", slugs[-1])


def test_every_column_is_there() -> None:
    assert list(Conditions().columns) == COLUMNS
    conditions = Conditions(
        "smoke", "virtual", cards=("paper-a (1)", "paper-b (2)"), seeds=(0, 4), data={"A": "1", "B": "2"}
    )
    columns = conditions.columns
    assert [columns[name] for name in ("hardware", "seeds", "data", "data_sha256")] == [
        "paper-a (1); paper-b (2)",
        "0 4",
        "A; B",
        "1; 2",
    ]
    assert conditions.plain == RunCondition("smoke", "virtual")
