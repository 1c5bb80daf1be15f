"""Options of the command line that are declared where they take effect.

A field is an option of the field's name, and the text below it the option's help. Nothing else has to know of it but
the code that reads it: `PlanOptions` by way of `Choices`, `TrainingOptions` by way of a process's `Setting`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from benchmarks.errors import UserError


class Written(NamedTuple):
    """A choice that is not the default. arguments: of the command line; word: in the names of outputs, "" for none."""

    field: str
    arguments: Iterable[str]
    word: str = ""


@dataclass(frozen=True)
class PlanOptions:
    """Options on what is planned that need no parsing.

    Outputs are named by those that are not the default, by their name (and value) or the field's `word`.
    """

    record: bool = field(default=False, metadata={"word": "recorded"})
    """Record the schedule of real threads, so that `replay` can have it again."""
    no_alias: bool = False
    """Train every row by itself, also those that are one algorithm as they are set."""

    def written(self) -> Iterator[Written]:
        """Yields the options that are not the default."""
        for option in fields(PlanOptions):
            value, name = getattr(self, option.name), option.name.replace("_", "-")
            if value != option.default:
                text = [] if value is True else [str(value)]
                yield Written(option.name, [f"--{name}", *text], option.metadata.get("word", "-".join([name, *text])))


@dataclass(frozen=True)
class TrainingOptions:
    """Options on how runs are trained, apart from what decides their numbers. Processes and jobs are handed them whole.

    Raises UserError for seconds that are out of bounds.
    """

    stall_after: float | None = None
    """Seconds without progress in training or evaluating after which a run ends as failed. Default: none."""
    checkpoint_every: float = 1.0
    """Seconds between two checkpoints of a run, written at ends of epochs; 0: at every one."""
    no_checkpoints: bool = False
    """Write none. A run that was ended early still resumes from an earlier checkpoint."""
    fresh: bool = False
    """Repeat finished runs, and begin those anew that were ended early."""
    keep_weights: bool = False
    """Write the weights that each run's last evaluation judged, to OUT/runs/ID/weights.safetensors."""

    def __post_init__(self) -> None:
        if self.stall_after is not None and not 0 < self.stall_after < math.inf:
            raise UserError(f"--stall-after {self.stall_after:g}: must be > 0.")
        if not 0 <= self.checkpoint_every < math.inf:
            raise UserError(f"--checkpoint-every {self.checkpoint_every:g}: must be >= 0.")


DEFAULTS = TrainingOptions()
