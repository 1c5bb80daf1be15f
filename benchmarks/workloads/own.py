"""A user's own networks, task and data, as values; `own_files` loads them. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.networks.names import OwnNetwork
from benchmarks.workloads.tasks import OwnTask


@dataclass(frozen=True)
class OwnFiles:
    """Paths of a user's own files, as they are handed to other processes.

    networks: "FILE.py:NAME", with absolute paths; task: a Python file; data: a card in TOML.
    """

    networks: tuple[str, ...] = ()
    task: Path | None = None
    data: Path | None = None


@dataclass(frozen=True)
class Own:
    """A user's own networks, task and data, loaded. Every workload has one, in which its names are looked up first."""

    networks: tuple[OwnNetwork, ...] = ()
    task: OwnTask | None = None
    data: DataCard | None = None

    @property
    def files(self) -> OwnFiles:
        """Returns the absolute paths, for processes in other folders."""
        return OwnFiles(
            tuple(f"{network.file}:{network.name}" for network in self.networks),
            self.task.file if self.task is not None else None,
            self.data.own.file if self.data is not None and self.data.own is not None else None,
        )

    @property
    def settings(self) -> dict[str, str]:
        """Returns the workload settings that select task and data, whatever the scale would take."""
        whole = dict.fromkeys(("train_samples", "test_samples", "resolution"), "none")
        data = {"dataset": self.data.name, **whole} if self.data is not None else {}
        return {**data, "task": self.task.task.name} if self.task is not None else data

    def network_of(self, name: str) -> OwnNetwork | None:
        """Returns the user's network of that name, if there is one."""
        return next((network for network in self.networks if network.name == name), None)

    def own_task(self, name: str) -> OwnTask | None:
        """Returns the user's task, if it has that name."""
        return self.task if self.task is not None and self.task.task.name == name else None

    def own_data(self, name: str) -> DataCard | None:
        """Returns the user's data card, if it has that name."""
        return self.data if self.data is not None and self.data.name == name else None

    def card_of(self, name: str) -> DataCard:
        """Returns the data card of that name. Raises as `cards.card`."""
        return self.own_data(name) or card(name)

    def files_of(self, network: str, task: str) -> tuple[Path, ...]:
        """Returns the user's files that define a workload's network and task: part of its runs' identity."""
        return tuple(code.file for code in (self.network_of(network), self.own_task(task)) if code is not None)

    def with_networks(self, networks: Iterable[OwnNetwork]) -> Own:
        """Returns a copy with these networks as well. Raises UserError where two files give networks of one name."""
        by_name = {network.name: network for network in self.networks}
        for network in networks:
            if (registered := by_name.setdefault(network.name, network)).file != network.file:
                raise UserError(
                    f"{network.name} is the name of several networks, in {registered.file} and {network.file}: call "
                    "one of the functions otherwise."
                )
        return replace(self, networks=tuple(by_name.values()))


NONE = Own()
