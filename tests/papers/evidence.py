"""Evidence made of literals, for the tests of claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from benchmarks.papers.claims.catalogue import CLAIMS
from benchmarks.papers.claims.rules import Cell
from benchmarks.papers.claims.verdicts import Claim
from benchmarks.papers.fitted import is_fitted, relative_seconds
from results import published
from results.published import Published
from results.statistics import Summary
from results.tables import ResultTable


@dataclass
class Fake:
    """Fake evidence, by (table, network, row[, measure]).

    values: summaries. gone: numbers of diverged runs. rising: numbers of runs that ended with their best. seeds: values
    behind the means. charged: name of the hardware card.
    """

    values: Mapping[tuple[str, str, str, str], Summary] = field(default_factory=dict)
    scale: str = "paper"
    simulated: bool = True
    found: Mapping[str, Sequence[ResultTable]] = field(default_factory=dict)
    theirs: Mapping[tuple[str, str, str, str], Published] = field(default_factory=dict)
    asked: list[Cell] = field(default_factory=list)
    charged: str = ""
    gone: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    rising: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    ids: Mapping[tuple[str, str, str], Set[str]] = field(default_factory=dict)
    seeds: Mapping[tuple[str, str, str, str], Mapping[int, float]] = field(default_factory=dict)

    def fitted(self, table_id: str, network: str, row_key: str) -> bool:
        return is_fitted(self.charged, table_id, network, row_key)

    def relative_seconds(self, table_id: str, network: str, row_key: str) -> tuple[float, ...]:
        return relative_seconds(self.charged, table_id, network, row_key)

    def diverged(self, table_id: str, network: str, row_key: str) -> int:
        return self.gone.get((table_id, network, row_key), 0)

    def still_rising(self, table_id: str, network: str, row_key: str) -> int:
        return self.rising.get((table_id, network, row_key), 0)

    def runs(self, table_id: str, network: str, row_key: str) -> Set[str]:
        return self.ids.get((table_id, network, row_key), frozenset())

    def by_seed(self, table_id: str, network: str, row_key: str, measure: str) -> Mapping[int, float]:
        return self.seeds.get((table_id, network, row_key, measure), {})

    def value(self, table_id: str, network: str, row_key: str, measure: str) -> Summary | None:
        self.asked.append(Cell(table_id, network, row_key, measure))
        return self.values.get((table_id, network, row_key, measure))

    def published(self, table_id: str, network: str, row_key: str, measure: str) -> Published | None:
        return self.theirs.get((table_id, network, row_key, measure))

    def tables(self, id: str) -> Sequence[ResultTable]:
        return self.found.get(id, ())


class Papers(Fake):
    """Evidence with the papers' own figures."""

    def published(self, table_id: str, network: str, row_key: str, measure: str) -> Published | None:
        values = published.load(table_id) if table_id in published.tables() else {}
        return values.get((network, row_key, measure))


def claim(id: str) -> Claim:
    return next(candidate for candidate in CLAIMS if candidate.id == id)
