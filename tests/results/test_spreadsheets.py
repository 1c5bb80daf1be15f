"""Text that looks like a formula is escaped in a CSV, and read back unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from results import reproductions
from results.reproductions import Value
from results.spreadsheets import cell, text_of


@pytest.mark.parametrize("text", ["=1+2", "+cmd", "-x", "@sum", "\t=1", "\r=1", "'=1", "''=1", "=cmd|' /C calc'!A0"])
def test_a_formula_is_a_text_and_comes_back(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert text_of(cell(text)) == text


@pytest.mark.parametrize("value", [-1.5, 3, None, True, "-1.5", "+3", "-inf", "lapsgd@updaters=2", "'quoted'", "", "'"])
def test_numbers_and_other_texts_stand_as_they_are(value: object) -> None:
    assert cell(value) is value
    assert not isinstance(value, str) or text_of(value) == value


def test_a_reproduction_gives_its_labels_back(tmp_path: Path) -> None:
    value = Value(
        table="t", network="=net", row="@row", measure="m", mean=-1.0, std=None, n=1, censored=0, at_least=None,
        at_least_std=None, published=None, scale="smoke", executor="virtual", hardware="-card",
    )  # fmt: skip
    path = tmp_path / "kept.csv"
    path.write_text(reproductions.to_csv([value]), encoding="utf-8")
    assert not any(part.startswith(("=", "@")) for part in path.read_text(encoding="utf-8").split(","))
    assert list(reproductions.read(path)) == [value]
