"""An ambiguity of a paper: both statements with their sources, our interpretation, and the setting for the other.

A: arXiv:2410.05985v1; A3: the summary of its third version; B: arXiv:2203.06638 (the ICLR 2021 submission), and its
authors' public code, from which facts were taken but no code.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tables.registry import group

A, A3, B = "arXiv:2410.05985v1", "arXiv:2410.05985v3 (summary)", "arXiv:2203.06638"
B_CODE = "public code of arXiv:2203.06638"


@dataclass(frozen=True)
class Ambiguity:
    """A point that a paper leaves open, or on which it contradicts itself.

    item: topic. statement: what the paper says. alternative: what contradicts or completes it. default: our
    interpretation. key: the setting that decides ("workload.stem"; "{method}.weights" for each of `methods`); "" if no
    option does. value: the setting's value for the other interpretation, "" if several are possible. networks: those
    concerned; empty for all networks of the tables.
    """

    item: str
    statement: str
    alternative: str
    default: str
    tables: tuple[str, ...]
    source: str
    key: str = ""
    value: str = ""
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """First part of the key: "workload", "{method}", or an analysis's id."""
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
        """Argument of --set that chooses the other interpretation; "" if no option does."""
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
