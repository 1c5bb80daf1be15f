"""`doctor`: which parts of this machine serve the suite, and how to mend the rest.

Nothing here raises, waits for a server longer than two seconds, downloads, or leaves a file behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks.commands.doctor import data_sets, folders, machine, packages
from benchmarks.commands.doctor.check import Check, run_check


def run(out: Path, data: Path | None) -> list[Check]:
    """Runs every check, in the order of a set-up. out: where results go; data: the user's data folder, if named.

    Raises nothing: a check that fails unexpectedly is one that is not ok. Imports torch (seconds).
    """
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", packages.python),
        ("packages", packages.packages),
        ("torch", packages.torch),
        ("torchvision", packages.torchvision),
        ("processors", machine.processors),
        ("CUDA", machine.cuda),
        ("threads", machine.threads),
        ("results folder", lambda: folders.writable("results folder", out, "choose another with --out")),
        ("free disk", lambda: folders.disk(out)),
        ("mlflow", packages.mlflow),
        ("tracking store", folders.store),
        *data_sets.checks(data),
    ]
    return [run_check(name, check) for name, check in checks]


def show(checks: Iterable[Check], console: Console) -> None:
    """Prints one line per check, and how to mend what does not work."""
    colors = {"ok": "green", "mend": "yellow", "none": "blue"}
    for check in checks:
        mark = f"[{colors[check.mark]}]{check.mark:4}[/]"
        console.print(f"{mark} [bold]{escape(check.name)}[/]: {escape(check.detail)}", highlight=False)
        if check.mark != "ok" and check.mend:
            console.print(f"     {check.mend}", highlight=False, markup=False, style="dim")
