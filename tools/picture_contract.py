"""A contract for import-linter: a Mermaid picture shows exactly the imports between packages.

An arrow `a --> b` says that package a imports package b. What is reached along drawn arrows needs no arrow of its own:
the picture is the import graph's transitive reduction, so that it stays one that can be read. Hence two rules: every
drawn arrow is a real import that no other path implies, and every real import follows drawn arrows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from importlinter import Contract, ContractCheck, fields, output

ARROW = re.compile(r"^\s*(\w+)(?:\[.*?\])? --> (\w+)", re.MULTILINE)
Arrows = Mapping[str, Set[str]]


class Picture(Contract):
    """An import-linter contract: the arrows of a Mermaid picture are the imports between packages.

    file: Markdown with one Mermaid block. packages: those that it shows, each by the last part of its name.
    """

    type_name = "picture"

    file = fields.StringField()
    packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: Any, verbose: bool) -> ContractCheck:
        drawn = read(Path(str(self.file)).read_text(encoding="utf-8"))
        wrong = list(complaints(drawn, imports(graph, list(self.packages))))  # type: ignore[call-overload]
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for sentence in check.metadata["wrong"]:
            output.print_error(f"{self.file}: {sentence}")


def read(text: str) -> dict[str, set[str]]:
    """Returns the arrows of the Mermaid picture in a Markdown text, without dotted ones, which are no imports."""
    _, _, picture = text.partition("```mermaid")
    arrows: dict[str, set[str]] = {}
    for start, end in ARROW.findall(picture.partition("```")[0]):
        arrows.setdefault(start, set()).add(end)
    return arrows


def imports(graph: Any, packages: list[str]) -> dict[str, set[str]]:
    """Maps each package -> the packages that any file of it imports, by the last parts of their names."""
    home = {
        module: max(containing, key=len)
        for module in graph.modules
        if (containing := [r for r in packages if _in(module, r)])
    }
    arrows: dict[str, set[str]] = {package.split(".")[-1]: set() for package in packages}
    for module, package in home.items():
        for imported in graph.find_modules_directly_imported_by(module):
            if home.get(imported, package) != package:
                arrows[package.split(".")[-1]].add(home[imported].split(".")[-1])
    return arrows


def complaints(drawn: Arrows, real: Arrows) -> Iterator[str]:
    """Yields a sentence for each arrow that is wrong, and for each that is missing."""
    for start, ends in drawn.items():
        for end in sorted(ends):
            if end not in real.get(start, ()):
                yield f"the arrow {start} --> {end} is drawn, but {start} imports nothing of {end}; remove it."
            elif end in _reached(drawn, start, without=end):
                yield f"the arrow {start} --> {end} is drawn, but other arrows lead there; remove it."
    for start, ends in real.items():
        for end in sorted(ends - _reached(drawn, start)):
            yield f"{start} imports {end}, and no arrows lead there; draw {start} --> {end}, or mend the import."


def _reached(arrows: Arrows, start: str, without: str = "") -> set[str]:
    """Returns all packages reached along arrows from `start`, ignoring the direct arrow to `without`."""
    waiting, reached = [end for end in arrows.get(start, ()) if end != without], set[str]()
    while waiting:
        package = waiting.pop()
        if package not in reached:
            reached.add(package)
            waiting += arrows.get(package, ())
    return reached


def _in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
