"""The architecture's figures, and the contract that holds its picture to the imports that there are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

from tools.picture_contract import complaints, read

PACKAGES = ("async_sgd_benchmarks", "benchmarks", "methods", "reports", "results")
MOST_ENTRIES, LONGEST_CHAIN = 14, 16

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


def files(checkout: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((checkout / package).rglob("*.py"))


# ---- the figures


def test_benchmarks_shows_its_rooms_at_a_glance(checkout: Path) -> None:
    entries = [path.name for path in (checkout / "benchmarks").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_every_room_says_what_it_is_for(checkout: Path) -> None:
    for path in files(checkout):
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_import_chains_are_short() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)  # a checkout may be read-only

    @cache
    def chain(module: str) -> tuple[str, ...]:
        """The longest one that begins here; there are no circles."""
        longest = max((chain(other) for other in graph.find_modules_directly_imported_by(module)), key=len, default=())
        return (module, *longest)

    found = max(map(chain, sorted(graph.modules)), key=len)
    assert len(found) <= LONGEST_CHAIN, " -> ".join(found)


# ---- the picture


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
    (said,) = complaints(read(PICTURE), real)
    assert said.startswith(words)


def test_an_arrow_that_others_imply_is_named() -> None:
    drawn = {"a": {"b", "c"}, "b": {"c"}}
    (said,) = complaints(drawn, {"a": {"b", "c"}, "b": {"c"}})
    assert said == "the arrow a --> c is drawn, but other arrows lead there; remove it."
