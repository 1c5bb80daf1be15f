"""`new`: writes a starter file, which runs as it is, into the current folder."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from rich.console import Console

import methods
from benchmarks.commands.choose import one_of
from benchmarks.commands.screen import say
from benchmarks.errors import UserError

STARTERS = Path(__file__).parent / "starters"


@dataclass(frozen=True)
class Kind:
    """A kind of file that `new` writes. suffix: of the file.

    first: shown before the commands, then: the next commands to type. workers: the option of a method's workers; with
    one worker the method is plain SGD, which a test beside it checks.

    They may contain {name}, {file} and {path}, the absolute path.
    """

    suffix: str
    then: tuple[str, ...]
    first: str = ""
    workers: str = ""


METHOD_COMMANDS = (
    "python -m benchmarks run table1 --plugin {file} --method {name},bp --network resnet18 --seeds 1",
    "python -m pytest test_{name}.py   (its degenerate case; pytest is not of the wheel: pip install pytest)",
    "python -m pytest tests/conformance --plugin {path} --method {name}   (in a checkout of the suite)",
)
KINDS = {
    "method": Kind(".py", METHOD_COMMANDS, workers="updaters"),
    "server": Kind(".py", METHOD_COMMANDS, workers="devices"),
    "network": Kind(
        ".py",
        (
            "python -m benchmarks run table1 --network {file} --method bp,async_lu --seeds 1 --hardware paper-a-ideal",
            "python -m benchmarks run table1 --network {file} --method bp,async_lu --seeds 1 --executor threads",
        ),
    ),
    "task": Kind(
        ".py",
        (
            "python -m benchmarks run table1 --task {file} --method bp,async_lu --network resnet18 --seeds 1 "
            "--set workload.schedule.lr=0.001 --set workload.schedule.warm_up_lr=0.001",
        ),
    ),
    "table": Kind(".toml", ("python -m benchmarks show {file}", "python -m benchmarks run {file}")),
    "data": Kind(
        ".toml",
        ("python -m benchmarks run table1 --data-card {file} --method bp,async_lu --network resnet18 --seeds 1",),
        "images go into {name}/train/CLASS/ and {name}/test/CLASS/, a folder a class",
    ),
}
"""A kind is an entry here and a file in starters/, with $name, $Class and $title for what the user calls it."""
TEST = "test"
"""The starter of the test beside a method."""


def new(kind: str, name: str, folder: Path, console: Console) -> None:
    """Writes a starter file, beside a method its test, and prints what to do next. Overwrites nothing.

    Raises UserError for another kind, a name that will not do, and a file in the way.
    """
    one_of("kind", kind, tuple(KINDS))
    check_name(kind, name)
    chosen, words = KINDS[kind], name.split("_")
    path = folder / f"{name}{chosen.suffix}"
    starters = {path: kind} | ({folder / f"test_{name}.py": TEST} if chosen.workers else {})
    for each in starters:
        if each.exists():
            raise UserError(f"{each.name} is there already: choose another name, or move it away.")
    for each, starter in starters.items():
        text = Template((STARTERS / f"{starter}.template").read_text(encoding="utf-8")).substitute(
            name=name,
            Class="".join(word.capitalize() for word in words),
            title=" ".join(words).capitalize(),
            workers=chosen.workers,
        )
        with each.open("x", encoding="utf-8") as file:
            file.write(text)
        console.print(f"Written: {each.name}", highlight=False)
    if chosen.first:
        say(console, f"First:   {chosen.first.format(name=name)}")
    for command in chosen.then:
        say(console, f"Next:    {command.format(name=name, file=path.name, path=path.resolve())}")


def check_name(kind: str, name: str) -> None:
    """Raises UserError where the name cannot name a file, a class and a row, or where a method has it."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UserError(f"'{name}' cannot name a {kind}: use small letters, digits and single underscores: my_{kind}.")
    if KINDS[kind].workers and name in methods.names():
        raise UserError(f"There is a method named '{name}': choose another name, such as my_{name}.")
