"""The condition of an output: under what its runs were made, and which runs it shows.

An output replaces an earlier one of the same condition. Outputs of different conditions lie in folders of different
names: `tables/<slug>/table3.csv` (docs/decisions/0013).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

LONGEST = 60
"""Most letters of a selection in a name; a longer one ends in a digest of the whole."""
COLUMNS = (
    "condition scale executor hardware device selection seeds runs settings torch commit data data_sha256"
).split()
"""Columns of every CSV that describe its condition."""
_UNFIT = re.compile(r"[^a-z0-9.+=@,_]+")
_TRADE = re.compile(r"\((r|tm)\)|\b(cpu|processor|\d+-core)\b|@.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunCondition:
    """Fields that tell an output from others of the same table; "" if one does not apply, as a law has no scale.

    hardware: name of a hardware card or of this machine; "" if each table has its own. mark: tells it from other
    hardware of that name, such as "x2" cores. selection: one word per choice of rows, networks, seeds or settings that
    is not the default.
    """

    scale: str = ""
    executor: str = ""
    hardware: str = ""
    device: str = ""
    mark: str = ""
    selection: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """Name of its folders: 'small-virtual-paper-a', 'smoke-threads-amd-epyc-x2-1-seed'; "" if no field is set."""
        device = "" if self.device == "cpu" else self.device
        parts = (self.scale, self.executor, _TRADE.sub(" ", self.hardware), self.mark, device)
        return "-".join(filter(None, (*map(_plain, parts), _short(self.selection))))

    @property
    def label(self) -> str:
        """The condition in words: 'small, virtual, paper-a', 'smoke, threads, AMD EPYC x2; 1-seed'."""
        device = "" if self.device == "cpu" else self.device
        parts = (self.scale, self.executor, f"{self.hardware} {self.mark}".strip(), device)
        return "; ".join(filter(None, (", ".join(filter(None, parts)), " ".join(self.selection))))

    @property
    def plain(self) -> RunCondition:
        """A copy without the fields of a subclass."""
        return RunCondition(**{field.name: getattr(self, field.name) for field in fields(RunCondition)})

    def folder(self, place: Path) -> Path:
        """Folder of its files in a place such as out/tables."""
        return place / self.slug


@dataclass(frozen=True, slots=True)
class Conditions(RunCondition):
    """A condition, and facts about the runs made under it.

    seeds: present ones. targets: by network. settings: from the command line, "workload.stem" -> value. torch, commits,
    cards (which gave the seconds): of all runs, each once. data: label of a data set -> its fingerprint.
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
        """Text of each of COLUMNS; several values are separated by semicolons."""
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
    """Returns the words as part of a name; if too long, as many as fit and a digest of all."""
    text = "-".join(words)
    if _plain(text) == text and len(text) <= LONGEST:
        return text
    fit = [word for number, word in enumerate(map(_plain, words)) if len("-".join(words[: number + 1])) <= LONGEST]
    return "-".join([*fit, hashlib.sha256(text.encode()).hexdigest()[:8]])
