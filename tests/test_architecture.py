"""The import-linter contract that compares the architecture's picture with the imports."""

from __future__ import annotations

import pytest

from tools.picture_contract import complaints, read

PICTURE = """
# A page
```mermaid
flowchart TD
    a["<b>a</b>"] --> b["<b>b</b>"]
    b --> c
    c -. reads .-> d
```
a --> d
"""


def test_a_pictures_arrows_are_read_from_its_block_alone() -> None:
    assert read(PICTURE) == {"a": {"b"}, "b": {"c"}}


def test_a_true_picture_has_no_complaints() -> None:
    assert list(complaints(read(PICTURE), {"a": {"b", "c"}, "b": {"c"}, "c": set()})) == []


@pytest.mark.parametrize(
    ("real", "words"),
    [
        ({"a": {"b"}, "b": set()}, "the arrow b --> c is drawn, but b imports nothing of c"),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}}, "c imports a, and no arrows lead there"),
    ],
)
def test_an_arrow_too_many_or_too_few_is_named(real: dict[str, set[str]], words: str) -> None:
    (complaint,) = complaints(read(PICTURE), real)
    assert complaint.startswith(words)


def test_an_arrow_that_others_imply_is_named() -> None:
    drawn = {"a": {"b", "c"}, "b": {"c"}}
    (complaint,) = complaints(drawn, {"a": {"b", "c"}, "b": {"c"}})
    assert complaint == "the arrow a --> c is drawn, but other arrows lead there; remove it."
