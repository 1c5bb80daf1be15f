"""Absent devices: they leave and come back at stated times of the simulated clock. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_ROUNDING = 1e-12
"""The share of a time by which sums of simulated seconds may miss it."""


class Absence(BaseModel):
    """One device's absence, in simulated seconds since the run's begin, over all epochs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Annotated[int, Field(ge=0, description="the simulated device that leaves")]
    from_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False, description="when it leaves")]
    until_seconds: Annotated[float, Field(ge=0, description="when it is back")]

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.from_seconds < self.until_seconds < float("inf"):
            raise ValueError(
                f"device {self.device} leaves after {self.from_seconds:g} s and would be back after "
                f"{self.until_seconds:g} s: give a time after that when it is back, for whoever waits for it"
            )
        return self

    def holds(self, now: float) -> bool:
        """Returns whether the device is away then."""
        return self.from_seconds <= now < self.until_seconds * (1 - _ROUNDING)

    @property
    def label(self) -> str:
        """Describes the absence in words."""
        return f"device {self.device} from {self.from_seconds:g} to {self.until_seconds:g} s"


def seconds_away(absences: Sequence[Absence], device: int, now: float) -> float:
    """Returns the seconds until the device is back from an absence; 0 where it is there."""
    return max((one.until_seconds - now for one in absences if one.device == device and one.holds(now)), default=0.0)


def all_away(absences: Sequence[Absence], devices: int) -> float | None:
    """Returns the first time at which all devices from 0 on are absent; None where there is none."""
    for begin in sorted({one.from_seconds for one in absences}):
        if {one.device for one in absences if one.holds(begin)} >= set(range(devices)):
            return begin
    return None
