"""Condition of an output: under what its runs were made, and which of them it shows.

Two outputs of one condition are one output: the later takes the earlier's place. Of two conditions both stay: their
files lie in folders of two names, `tables/<slug>/table3.csv` (docs/decisions/0013).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

LONGEST = 60
"""Letters of a name that a selection may take; what is longer ends in a digest of all of it."""
COLUMNS = (
    "condition scale executor hardware device selection seeds runs settings torch commit data data_sha256"
).split()
"""Columns of every CSV that name its condition."""
_UNFIT = re.compile(r"[^a-z0-9.+=@,_]+")
_TRADE = re.compile(r"\((r|tm)\)|\b(cpu|processor|\d+-core)\b|@.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunCondition:
    """Fields that tell an output from others of the same table; one is empty where it has none, as a law has no scale.

    hardware: a card's name or this machine's, "" where each table has its own. mark: what tells it from other hardware
    of that name, such as "x2" cores. selection: in a word each, which rows, networks and seeds, and what was set, where
    it is not the default.
    """

    scale: str = ""
    executor: str = ""
    hardware: str = ""
    device: str = ""
    mark: str = ""
    selection: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The name of its folders: 'small-virtual-paper-a', 'smoke-threads-amd-epyc-x2-1-seed'; "" if it has none."""
        device = "" if self.device == "cpu" else self.device
        where = (self.scale, self.executor, _TRADE.sub(" ", self.hardware), self.mark, device)
        return "-".join(filter(None, (*map(_plain, where), _short(self.selection))))

    @property
    def label(self) -> str:
        """Words for people: 'small, virtual, paper-a', 'smoke, threads, AMD EPYC x2; 1-seed'."""
        device = "" if self.device == "cpu" else self.device
        where = (self.scale, self.executor, f"{self.hardware} {self.mark}".strip(), device)
        return "; ".join(filter(None, (", ".join(filter(None, where)), " ".join(self.selection))))

    @property
    def plain(self) -> RunCondition:
        """A copy without what a subclass adds."""
        return RunCondition(**{one.name: getattr(self, one.name) for one in fields(RunCondition)})

    def folder(self, place: Path) -> Path:
        """Folder of its files below a place such as out/tables."""
        return place / self.slug


@dataclass(frozen=True, slots=True)
class Conditions(RunCondition):
    """A condition, and what was found under it: how a table was measured, as fields.

    seeds: those that are there. targets: of every network that has one. settings: what the command line set,
    "workload.stem" -> value. torch, commits, cards (which decided time): of all runs, each once. data: label of a data
    set -> its fingerprint.
    """

    seeds: tuple[int, ...] = ()
    runs: int = 0
    targets: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    torch: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """Text of each of COLUMNS; several of a kind are parted by semicolons."""
        return {
            "condition": self.slug,
            "scale": self.scale,
            "executor": self.executor,
            "hardware": f"{self.hardware} {self.mark}".strip() or "; ".join(self.cards),
            "device": self.device,
            "selection": " ".join(self.selection),
            "seeds": " ".join(map(str, self.seeds)),
            "runs": str(self.runs),
            "settings": "; ".join(f"{key}={value}" for key, value in self.settings.items()),
            "torch": "; ".join(self.torch),
            "commit": "; ".join(self.commits),
            "data": "; ".join(self.data),
            "data_sha256": "; ".join(self.data.values()),
        }


def _plain(text: str) -> str:
    return _UNFIT.sub("-", text.lower()).strip("-")


def _short(words: Sequence[str]) -> str:
    """The words as a part of a name: as they are, where they fit; else those that do, and a digest of them all."""
    text = "-".join(words)
    if _plain(text) == text and len(text) <= LONGEST:
        return text
    fit = [word for number, word in enumerate(map(_plain, words)) if len("-".join(words[: number + 1])) <= LONGEST]
    return "-".join([*fit, hashlib.sha256(text.encode()).hexdigest()[:8]])
