"""Specs of runs: written as they were read, with unchanged identities, and refused if invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.records import read
from results.records.identity import run_id
from results.records.spec import RunSpec
from tests.results.samples import lines_of, rewrite, spec_of, write

JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.jsonl"))
"""First lines of journals of the first version: on the virtual clock, delayed, of text, and of real threads."""


GOLDEN = "bbd880b09bf71297c147cc525b3a744d5498aaef3ce0f3a0995c960d4130982d"


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_journal_of_the_first_edition_reads_and_hashes_to_its_name(path: Path) -> None:
    head = json.loads(path.read_text(encoding="utf-8"))
    record = read(path)
    assert run_id(record.spec) == record.id == head["id"]
    assert json.dumps(record.spec.document(), sort_keys=True) == json.dumps(head["spec"], sort_keys=True)
    assert record.labels.document() == head["labels"]


def test_a_fixed_spec_has_the_identity_that_it_always_had() -> None:
    """The sha256 of the canonical JSON of a plain dictionary, as in the first version."""
    assert run_id(spec_of(backward_workers=2, on=True, rate=1.0)) == GOLDEN


def test_numbers_keep_their_kind() -> None:
    document = spec_of().document()
    document["workload"] |= {"t_max": 5, "lr": 1.0}  # type: ignore[operator]
    workload = RunSpec.model_validate(document).workload.document()
    assert (repr(workload["t_max"]), repr(workload["lr"])) == ("5", "1.0")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"workload": {"name": "x"}}, "spec.workload.family"),
        ({"seed": "0"}, "spec.seed"),
        ({"seed": 0.0}, "spec.seed"),
        ({"method": None}, "spec.method"),
        ({"hardware": {"sha256": "ab"}}, "spec.hardware.name"),
        ({"charged": {"network": "resnet18", "stem": "cifar"}}, "spec.charged.width"),
    ],
)
def test_a_spec_that_is_none_is_named_by_file_and_field(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    path = write(tmp_path, [1.0]).path
    _change(path, "spec", changes)
    with pytest.raises(ResultsError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}, line 1: not a journal line ({field}: ")
    assert "\n" not in str(refused.value)


def test_labels_that_are_none_are_named_too(tmp_path: Path) -> None:
    path = write(tmp_path, [1.0]).path
    _change(path, "labels", {"device_count": "two"})
    with pytest.raises(ResultsError, match=r"line 1: not a journal line \(labels.device_count: "):
        read(path)


def _change(path: Path, part: str, changes: dict[str, Any]) -> None:
    lines = lines_of(path)
    lines[0][part] |= changes
    rewrite(path, lines)
