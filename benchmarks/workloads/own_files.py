"""Loads a user's own files. Imports torch where there is a network or a task among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from benchmarks.workloads.networks.names import OwnNetwork
from benchmarks.workloads.own import NONE, Own, OwnFiles


def networks(words: Iterable[str], folder: Path = Path()) -> dict[str, OwnNetwork]:
    """Loads the networks of arguments FILE.py or FILE.py:NAME -> argument -> network; other words are ignored.

    folder: that paths are relative to. Raises as `networks.own.load`.
    """
    files = [word for word in words if word.partition(":")[0].endswith(".py")]
    if not files:
        return {}
    from benchmarks.workloads.networks import own  # torch, which others go without

    return {word: own.load(str(folder / word)) for word in files}


def load(files: OwnFiles) -> Own:
    """Loads the files as they are now. Raises UserError where one of them fails."""
    own = NONE.with_networks(networks(files.networks).values())
    if files.task is not None:
        from benchmarks.workloads.tasks.own import load as load_task

        own = replace(own, task=load_task(files.task))
    if files.data is not None:
        from benchmarks.workloads.data.own_card import load as load_card

        own = replace(own, data=load_card(files.data))
    return own


loaded = cache(load)
"""Loads a file once in a process that trains."""
