"""The split of a time to target into epochs times seconds per epoch, and the share of each in a speed-up.

With T = E s for the seconds T, the epochs E and the seconds per epoch s = T / E, a speed-up over a reference is
T_ref / T = (E_ref / E) (s_ref / s), so that log(T_ref / T) = log(E_ref / E) + log(s_ref / s): the logarithms add up,
and a factor's share is its part of the sum. Shares of opposite signs mean that one factor gains what the other loses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

SMALL = 0.05
"""Below this logarithm a speed-up (within 5 % of 1) has no shares worth naming."""


@dataclass(frozen=True, slots=True)
class SpeedupSplit:
    """One method: its time, its speed-up over the reference, and the two factors that multiply to it."""

    label: str
    seconds: float
    epochs: float
    speedup: float
    by_epochs: float
    by_seconds: float

    @property
    def seconds_per_epoch(self) -> float:
        return self.seconds / self.epochs

    @property
    def share_of_epochs(self) -> float | None:
        """Percent of the speed-up's logarithm; None near a speed-up of 1. The seconds per epoch have the rest."""
        whole = math.log(self.speedup)
        return 100 * math.log(self.by_epochs) / whole if abs(whole) >= SMALL else None


def split(values: Mapping[str, tuple[float, float]]) -> tuple[str, list[SpeedupSplit]]:
    """values: label -> (seconds, epochs) to the target. -> the slowest label, which is the reference, and all splits.

    What is not positive and finite is left out. Raises ValueError where nothing is left.
    """
    usable = {label: (t, e) for label, (t, e) in values.items() if t > 0 and e > 0 and math.isfinite(t + e)}
    if not usable:
        raise ValueError("nothing reached the target")
    reference = max(usable, key=lambda label: usable[label][0])
    seconds, epochs = usable[reference]
    return reference, [
        SpeedupSplit(label, t, e, seconds / t, epochs / e, (seconds / epochs) / (t / e))
        for label, (t, e) in usable.items()
    ]
