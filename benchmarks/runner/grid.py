"""A table as resolved: rows, runs and words, the one value that training and reports are made from.

`runner.resolve` makes it; nothing that is handed one sees choices, settings or words of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import methods
from benchmarks.executors.registry import ExecutorKind
from benchmarks.hardware.card import Card
from benchmarks.runner.plan import Run
from benchmarks.runner.rerun import Command
from benchmarks.tables.definition import Row, Table
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.scales import size_of
from benchmarks.workloads.workload import Workload
from results.published import Key, Published
from results.tables import RunCondition


@dataclass(frozen=True)
class GridRow:
    """A row on a network as it is trained. runs: one for each seed."""

    network: str
    row: Row
    work: Workload
    method: methods.Method
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Grid:
    """A resolved table: all runs to be trained for it, and what outputs say of them.

    rows: the same on every network. cells: network by network. works: workload that the rows of a network share. card:
    hardware that they share; None in real time. published: values to show beside the rows; none where the user chose
    other data than the scale's. settings: "workload.stem" -> value, for the table's methods. swept: fields of the
    workload with several values. remarks: sentences on what was set; cautions: on what was not set with it. target: in
    the unit of the measure, if the user fixed one.
    """

    table: Table
    rows: tuple[Row, ...]
    works: Mapping[str, Workload]
    cells: tuple[GridRow, ...]
    kind: ExecutorKind
    recorded: bool
    card: Card | None
    seeds: tuple[int, ...]
    condition: RunCondition
    command: Command
    published: Mapping[Key, Published]
    settings: Mapping[str, str]
    swept: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    target: float | None = None

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(self.works)

    @property
    def scale(self) -> str:
        return self.condition.scale

    @property
    def size(self) -> str:
        """Scale and budget in words: "small, 4 times the samples"."""
        return size_of(self.scale, self.table.budget)

    @property
    def runs(self) -> list[Run]:
        """All runs, network by network, row by row, seed by seed."""
        return [run for cell in self.cells for run in cell.runs]

    @property
    def data(self) -> DataCard:
        """Card of the data on this machine."""
        return self.cells[0].runs[0].data

    @property
    def cards(self) -> dict[str, Card]:
        """Hardware cards of all rows, with the rows' delays, by sha256."""
        delayed = [self.card.delayed(row.delays) for row in self.rows] if self.card is not None else []
        return {card.sha256: card for card in delayed}

    @property
    def renamed(self) -> list[str]:
        """A sentence for every row that `--set` has renamed, or merged with others."""
        sentences = []
        for row in self.rows:
            if len(row.instead) == 1:
                sentences.append(f"--set goes before the table: {row.instead[0]} is now {row.key}.")
            elif row.instead:
                them = " and ".join(row.instead)
                sentences.append(f"--set goes before the table: {them} are one run, shown once as {row.key}.")
        return sentences

    def label(self, network: str) -> str:
        """Name of a network on the data on this machine."""
        return self.works[network].label_on(self.data)

    @property
    def other_data(self) -> str:
        """Says how the data, or at scale paper their number, differ from the paper's; "" where they do not."""
        if not self.cells:
            return ""
        work, data = self.cells[0].work, self.data
        paper, full = data_card(work.family), work.at("paper")
        full = full.model_copy(update={"tokens": work.tokens})  # of one text, however it is cut
        taken = [either.samples_of(paper) for either in (work, full)]
        if (other := data.unlike(paper)) or work.scale != "paper" or taken[0] == taken[1]:
            return other
        ours, theirs = (
            " and ".join(f"{'all' if count is None else f'{count:,}'}{{}}" for count in pair) for pair in taken
        )
        return f"{ours.format(' training', ' test')} samples of {paper.title}, not {theirs.format('', '')}"

    @property
    def unlike_tokens(self) -> str:
        """Says that rows have different tokens, so that losses per token do not compare; "" where they have not."""
        all_tokens = [cell.work.tokens for cell in self.cells if cell.work.tokens is not None]
        units = dict.fromkeys(f"bpe of {t.vocabulary}" if t.unit == "bpe" else t.unit for t in all_tokens)
        if len(units) < 2:
            return ""
        return (
            f"losses and accuracies per token are of unlike tokens ({', '.join(units)}): bits per byte compare the rows"
        )

    @property
    def own_data(self) -> bool:
        """Whether the user's own data are in the place of the paper's."""
        return any(self.table.own.own_data(work.dataset) for work in self.works.values())

    @property
    def rates(self) -> str:
        """Word for the rows' settings in outputs: "set" on a user's own data or in their own table, else "published".

        A user's own table with published values has published settings, too.
        """
        return "set" if self.own_data or (self.table.file is not None and not self.published) else "published"

    @property
    def judged(self) -> bool:
        """Whether claims are judged: on the paper's data, or on a scale's stand-ins, which every output calls so."""
        stands_in = self.scale != "paper" and self.cells[0].work.card.embedded
        return (stands_in or not self.other_data) and self.cells[0].work.task == self.cells[0].work.at(self.scale).task
