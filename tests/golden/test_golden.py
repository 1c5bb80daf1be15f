"""Golden runs have the bits that `golden.json` keeps for their version of the numerics (`tools/golden.py`)."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.runner import numerics
from benchmarks.runner.numerics import Change
from benchmarks.workloads.data import cards
from benchmarks.workloads.networks.names import NETWORKS
from benchmarks.workloads.workload import ADDED, Workload
from methods.later import left_out
from tests.golden.cases import Case, carried_out, cases, here, kept, moved
from tools import golden

KEPT, CASES = kept(), cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_run_has_the_numbers_of_its_version(case: Case) -> None:
    """To change them, raise the version (CONTRIBUTING, "Change what runs compute")."""
    assert case.name in KEPT["cases"], "make the file anew: tools/golden.py"
    expected = KEPT["cases"][case.name]
    assert (expected["case"], expected["numerics"]) == (case.digest, case.version), (
        "make the file anew: tools/golden.py"
    )
    actual = carried_out(case, expected.get("schedule", ""))
    assert moved(case, expected, actual, exactly=KEPT["where"] == here()) == []


def test_plain_sgd_has_the_same_bits_whatever_carries_it_out() -> None:
    kept_cases = KEPT["cases"]
    for case in CASES:
        if case.same_as:
            assert moved(case, kept_cases[case.same_as], kept_cases[case.name], exactly=True) == []


def test_every_network_and_embedded_data_set_is_among_them() -> None:
    used = [Workload.of(case.spec.workload) for case in CASES]
    assert {work.network for work in used} >= {*NETWORKS}
    embedded = {name for name in cards.names() if not cards.card(name).download and cards.card(name).kind != "folder"}
    assert {work.dataset for work in used} >= embedded


def test_their_specs_have_all_fields_and_no_other() -> None:
    """A field added without `Later` would change the identity of all existing runs."""
    for case in CASES:
        work = Workload.of(case.spec.workload)
        assert work.model_dump(mode="json", exclude=left_out(work)) == case.spec.workload.document(without=ADDED)


def entry(case: Case, **changes: Any) -> dict[str, Any]:
    return {**KEPT["cases"][case.name], **changes}


def test_the_file_is_made_anew_only_where_the_version_was_raised_or_no_bit_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES[0]
    before = {"where": here(), "cases": KEPT["cases"]}
    assert list(golden.moved_without_version([case], before, {case.name: entry(case)})) == []
    changed = {case.name: entry(case, weights="0" * 16)}
    (sentence,) = golden.moved_without_version([case], before, changed)
    assert sentence.startswith(f"{case.name}: weights ")
    monkeypatch.setattr(numerics, "HISTORY", (*numerics.HISTORY, Change(99, "2030-01-01", "doubled")))
    assert (
        list(golden.moved_without_version([case], before, {case.name: entry(case, weights="0" * 16, numerics=99)}))
        == []
    )


def test_on_another_processor_numbers_are_the_same_to_rounding() -> None:
    case = CASES[0]
    expected = KEPT["cases"][case.name]
    rounded = {**expected, "weights": "0" * 16, "loss": expected["loss"] * (1 + 1e-6)}
    assert moved(case, expected, rounded, exactly=False) == []
    assert moved(case, expected, rounded, exactly=True) != []
    assert moved(case, expected, {**expected, "loss": expected["loss"] + 1e-4}, exactly=False) != []
