"""Stragglers and absences: devices that are slow, or away, at times. Part of a hardware card. Imports no torch.

Stragglers are delays that repeat exactly. Source: A's third version (arXiv:2410.05985v3), whose summary leaves their
kind and size open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from results.reading import content

Kind = Literal["constant", "heavy_tailed", "half_normal", "bursts", "trace"]

MOST_BYTES = 2**24  # of a trace: some million batches
MOST_STEPS = 100_000
"""The longest delay before a batch: a device that waits for longer than an epoch (ImageNet's: 40,036 steps of 32) is
absent, and no straggler. Single draws of a heavy tail are not bounded."""

# First words of the random keys; benchmarks.workloads.data.random_keys has the small ones.
_KEYS = {"heavy_tailed": 101, "bursts": 102, "half_normal": 103}


class Delay(BaseModel):
    """The delays of one device before its batches, in steps (forward and backward seconds of one batch).

    A random delay depends on (seed, device, n) alone, where n counts the batches begun on that device over all epochs.
    `trace` is the path of a text file with a number per line; empty lines and comments (#) are ignored. It is read when
    the delay is made, relative to the card's folder (validation context `folder`) or else to the working directory, and
    stored as `values`. Raises ValueError where it cannot be read.

        Delay(kind="constant", device=1, steps=2.5)  # device 1 loses 2.5 steps' seconds before every batch
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    device: Annotated[int, Field(ge=0, description="the simulated device that is slow")]
    steps: Annotated[
        float,
        Field(
            ge=0,
            le=MOST_STEPS,
            allow_inf_nan=False,
            description="mean delay, or that of a batch in a burst, or the deviation of a half-normal one, in steps",
        ),
    ] = 1.0
    alpha: Annotated[
        float,
        Field(gt=1, le=1000, allow_inf_nan=False, description="tail index of a heavy-tailed delay: smaller is heavier"),
    ] = 2.0
    every: Annotated[int, Field(ge=1, description="batches from one burst's start to the next one's")] = 20
    length: Annotated[int, Field(ge=1, description="batches in a burst")] = 5
    values: tuple[Annotated[float, Field(ge=0, le=MOST_STEPS, allow_inf_nan=False)], ...] = ()
    trace: Annotated[str, Field(description="a file to read the values of a trace from")] = ""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any, info: ValidationInfo) -> Any:
        if not (isinstance(data, dict) and data.get("trace")):
            return data
        if data.get("values"):
            raise ValueError("a delay takes either trace or values, not both")
        folder = Path((info.context or {}).get("folder", "."))
        path = Path(str(data["trace"]))
        return {**data, "trace": "", "values": read_trace(folder / path if (folder / path).is_file() else path)}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.kind == "trace") != bool(self.values):
            raise ValueError("a trace, and nothing else, needs values, or the path of a file that has them")
        if self.kind == "bursts" and self.length > self.every:
            raise ValueError(f"a burst of {self.length} batches does not fit into every {self.every}")
        return self

    def before(self, n: int) -> float:
        """Returns the delay before this device's n-th batch, from 0, in steps."""
        if self.kind == "constant":
            return self.steps
        if self.kind == "trace":
            return self.values[n % len(self.values)]
        if self.kind == "bursts":
            phase = self._bits(0) % self.every
            return self.steps if (n + phase) % self.every < self.length else 0.0
        if self.kind == "half_normal":  # |x|, where x is normal
            return self.steps * NormalDist().inv_cdf(((self._bits(n) >> 13) + 2**51 + 0.5) / 2**52)
        # Pareto's distribution, moved so that it begins at 0 (Lomax): P(delay > x) = (1 + x / scale) ** -alpha.
        survival = ((self._bits(n) >> 11) + 1) / 2**53
        return float(self.steps * (self.alpha - 1) * (survival ** (-1 / self.alpha) - 1))

    def _bits(self, n: int) -> int:
        """Returns 64 random bits of the key (kind, seed, device, n)."""
        import numpy as np

        key = np.random.SeedSequence((_KEYS[self.kind], self.seed, self.device, n))
        return int(np.random.PCG64(key).random_raw())

    @property
    def mean(self) -> float:
        """Returns the mean delay of a batch, in steps."""
        if self.kind == "trace":
            return sum(self.values) / len(self.values)
        if self.kind == "half_normal":
            return self.steps * math.sqrt(2 / math.pi)
        return self.steps * self.length / self.every if self.kind == "bursts" else self.steps

    @property
    def label(self) -> str:
        """Describes the delay in words."""
        size = f"{self.steps:g} step" + "s" * (self.steps != 1)
        pattern = {
            "constant": f"{size} before every batch",
            "heavy_tailed": f"{size} on average before a batch, heavy-tailed (Pareto, alpha {self.alpha:g})",
            "half_normal": f"a normal number's size before every batch, deviation {self.steps:g}",
            "bursts": f"{size} before {self.length} of every {self.every} batches, in bursts",
            "trace": f"a trace of {len(self.values)} batches, {self.mean if self.values else 0:.3g} steps on average",
        }[self.kind]
        return f"device {self.device} waits: {pattern}"


def read_trace(path: Path) -> tuple[float, ...]:
    """Returns the delays of a trace, one per line, in steps.

    Raises ValueError, with the line's number, for anything else.
    """
    try:
        lines = content(path, MOST_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else "is not UTF-8 text"
        raise ValueError(f"the trace {path} {reason}; give a text file with one number per line") from error
    values = []
    for number, line in enumerate(lines, start=1):
        if not (text := line.partition("#")[0].strip()):
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= MOST_STEPS:
            raise ValueError(
                f"line {number} of the trace {path} is {text!r}; write one delay in steps, from 0 to {MOST_STEPS}"
            )
        values.append(value)
    if not values:
        raise ValueError(f"the trace {path} holds no number; write one delay in steps per line")
    return tuple(values)


# ---- absences

_ROUNDING = 1e-12
"""Relative error that sums of simulated seconds may have."""


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
    return max((a.until_seconds - now for a in absences if a.device == device and a.holds(now)), default=0.0)


def all_away(absences: Sequence[Absence], devices: int) -> float | None:
    """Returns the first time at which all devices from 0 on are absent; None where there is none."""
    for begin in sorted({absence.from_seconds for absence in absences}):
        if {absence.device for absence in absences if absence.holds(begin)} >= set(range(devices)):
            return begin
    return None
