"""Counts statements and expressions of the product and of its tests in the syntax tree, independent of layout.

Imports count by the names that they bring, and are no statements here.

python tools/size.py          # of this checkout
python tools/size.py PATH     # of another one
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PRODUCT = ("benchmarks", "methods", "reports", "results", "tools")


def nodes(path: Path) -> Iterator[ast.AST]:
    """Yields the nodes of a file's tree, without docstrings: any string that stands alone."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])
    print(f"{'':12}{'statements':>12}{'expressions':>12}{'imported':>12}")
    for name, places in {
        "product": PRODUCT,
        **{name_of_package: (name_of_package,) for name_of_package in (*PRODUCT, "tests")},
    }.items():
        nodes_found = [node for place in places for path in (root / place).rglob("*.py") for node in nodes(path)]
        imports = sum(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes_found)
        counts = [sum(isinstance(node, kind) for node in nodes_found) for kind in (ast.stmt, ast.expr, ast.alias)]
        counts[0] -= imports
        print(f"{name:12}" + "".join(f"{count:12,}" for count in counts))


if __name__ == "__main__":
    main()
