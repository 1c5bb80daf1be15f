"""Options of the command line that are declared where they take effect.

A field is an option of the field's name, and the text below it the option's help. Nothing else has to know of it but
the code that reads it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.errors import UserError


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
