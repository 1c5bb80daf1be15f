"""Adds an environment per method, and one for each executor: `tox run -e async_lu`, `tox run -e async_lu-threads`.

tox reads this file beside tox.ini. The methods are read, not imported: tox may live in an environment of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tox.config.loader.memory import MemoryLoader
from tox.config.types import Command
from tox.plugin import impl

REGISTERED = re.compile(r'^@register\(\s*title="([^"]+)"', re.MULTILINE)
ON = {"": "under every executor", "virtual": "on the virtual clock", "threads": "on real threads"}


def environments() -> dict[str, tuple[str, list[str]]]:
    """Maps an environment's name to its description and command. A method is named by its file."""
    by_name = {}
    for file in sorted(Path(__file__).parent.glob("methods/*.py")):
        if registered := REGISTERED.search(file.read_text(encoding="utf-8")):
            for executor, where in ON.items():
                command = ["pytest", "tests/conformance", "--method", file.stem]
                command += ["--executor", executor] if executor else []
                name = "-".join(filter(None, (file.stem, executor)))
                by_name[name] = f"hold {registered[1]} to the conformance suite, {where}", command
    return by_name


@impl
def tox_extend_envs() -> Iterable[str]:
    return tuple(environments())


@impl
def tox_add_core_config(core_conf: Any, state: Any) -> None:
    further = state.conf.pos_args(None) or ()
    for name, (description, command) in environments().items():
        loader = MemoryLoader(description=description, commands=[Command([*command, *further])])
        state.conf.memory_seed_loaders[name].append(loader)
