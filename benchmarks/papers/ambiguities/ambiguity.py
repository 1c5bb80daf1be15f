"""An ambiguity of a paper: both statements with their places, our interpretation, and the setting for the other.

A: arXiv:2410.05985v1; A3: the summary of its third version; B: arXiv:2203.06638 (the ICLR 2021 submission), and the
public code of its authors, in which facts were read and from which nothing is copied.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tables.registry import group

A, A3, B = "arXiv:2410.05985v1", "arXiv:2410.05985v3 (summary)", "arXiv:2203.06638"
B_CODE = "public code of arXiv:2203.06638"


@dataclass(frozen=True)
class Ambiguity:
    """A point that a paper leaves open, or on which it contradicts itself.

    item: its topic. said, elsewhere: the two statements. ours: the default interpretation.
    key: the setting that decides ("workload.stem"; "{method}.weights" for each of `methods`); "" where no option can.
    value: the setting's value for the other interpretation, "" where several are possible.
    networks: the networks it concerns; empty for all of its tables.
    """

    item: str
    said: str
    elsewhere: str
    ours: str
    tables: tuple[str, ...]
    source: str
    key: str = ""
    value: str = ""
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The part of the key before the dot: "workload", "{method}", or an analysis's id."""
        return self.key.partition(".")[0]

    @property
    def of_runs(self) -> bool:
        """Whether it concerns runs: a method's option, or the workload."""
        return bool(self.methods) or self.owner == "workload"

    @property
    def field(self) -> str:
        return self.key.partition(".")[2]

    @property
    def other(self) -> str:
        """The argument of --set that chooses the other interpretation; "" where no option can."""
        return f"{self.key}={self.value or 'VALUE'}" if self.key else ""


COMPARED = ("table1", "table2", "table3", "table4")
AGAINST_DDP = ("table7", "table8")
AUDITS, V3, LAP_TABLES = group("audits"), group("paper-a3"), group("paper-b")
CIFAR = (*COMPARED, *AGAINST_DDP, "figure2", "figure3", *V3, *AUDITS)
IMAGENET = ("table5",)
IMDB = ("table6", "figure4")
TRAINED = (*CIFAR, *IMAGENET, *IMDB)
DECOUPLED, LAP, SEVERAL = ("async_lu", "async_bu"), ("lapsgd", "lppsgd"), ("lapsgd", "lppsgd", "ddp")
RUNS_LAP = (*COMPARED, *V3, *AUDITS, *LAP_TABLES)
