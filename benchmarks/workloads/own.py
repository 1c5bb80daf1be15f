"""Networks, a task and data of the user's own, as values; `own_files` loads them. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads import tasks
from benchmarks.workloads.data.cards import DataCard, card
from benchmarks.workloads.networks.names import OwnNetwork
from benchmarks.workloads.tasks import OwnTask, Task


@dataclass(frozen=True)
class OwnFiles:
    """Files of the user's own, as other processes are told of them.

    networks: "FILE.py:NAME", with the whole path. task: likewise, without a name. data: a data card, in TOML.
    """

    networks: tuple[str, ...] = ()
    task: Path | None = None
    data: Path | None = None


@dataclass(frozen=True)
class Own:
    """What the user's own files gave. Every workload has one: a name means the user's own, if it has that name."""

    networks: tuple[OwnNetwork, ...] = ()
    task: OwnTask | None = None
    data: DataCard | None = None

    @property
    def files(self) -> OwnFiles:
        """The files, for processes in other folders."""
        return OwnFiles(
            tuple(f"{network.file}:{network.name}" for network in self.networks),
            self.task.file if self.task is not None else None,
            self.data.own.file if self.data is not None and self.data.own is not None else None,
        )

    @property
    def settings(self) -> dict[str, str]:
        """A workload's settings for task and data: all of these, whatever its scale takes of its own."""
        whole = dict.fromkeys(("train_samples", "test_samples", "resolution"), "none")
        data = {"dataset": self.data.name, **whole} if self.data is not None else {}
        return {**data, "task": self.task.task.name} if self.task is not None else data

    def network_of(self, name: str) -> OwnNetwork | None:
        """The user's network of that name, if it is one of those."""
        return next((network for network in self.networks if network.name == name), None)

    def own_task(self, name: str) -> OwnTask | None:
        """The user's task, if that is its name."""
        return self.task if self.task is not None and self.task.task.name == name else None

    def task_of(self, name: str) -> Task:
        """The task of that name. Raises UserError where there is none, offering the nearest."""
        own = self.own_task(name)
        return tasks.task(name) if own is None else own.task

    def card_of(self, name: str) -> DataCard:
        """The data card of that name. Raises as `cards.card`."""
        return self.data if self.data is not None and self.data.name == name else card(name)

    def files_of(self, network: str, task: str) -> tuple[Path, ...]:
        """The files that a workload's network and task are of: a part of its runs' identity."""
        return tuple(own.file for own in (self.network_of(network), self.own_task(task)) if own is not None)

    def with_networks(self, networks: Iterable[OwnNetwork]) -> Own:
        """A copy with these as well. Raises UserError where two files give networks of one name."""
        by_name = {network.name: network for network in self.networks}
        for network in networks:
            if (there := by_name.setdefault(network.name, network)).file != network.file:
                raise UserError(
                    f"{network.name} is the name of several networks, in {there.file} and {network.file}: call one of "
                    "the functions otherwise."
                )
        return replace(self, networks=tuple(by_name.values()))


NONE = Own()
