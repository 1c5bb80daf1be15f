"""The GPUs that runs may use, and nodes of a cluster. Imports torch only if CUDA was chosen."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVER_SECONDS = 10.0


@dataclass(frozen=True)
class Gpus:
    """The GPUs, of one kind, that this process sees. tf32: whether they support it (from Ampere on)."""

    name: str
    count: int
    tf32: bool = True


@dataclass(frozen=True)
class Node:
    """Facts about a machine that are part of its runs' identity. gpus: of a job, or None."""

    cpu: str
    cores: int
    gpus: Gpus | None = None

    @property
    def device(self) -> str:
        """Device that --device auto chooses there."""
        return "cuda" if self.gpus is not None else "cpu"


def usable() -> bool:
    """Whether torch can use a GPU. Imports torch only if a driver's device file exists."""
    if not any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")):
        return False
    import torch

    return torch.cuda.is_available()


def detect() -> Gpus:
    """Returns the GPUs that torch sees. Raises UserError if there are none, or several kinds."""
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if not names:
        raise UserError("--device cuda: torch sees no GPU here; `python -m benchmarks doctor` says why.")
    if len(set(names)) > 1:
        listed = ", ".join(f"{index}: {name}" for index, name in enumerate(names))
        raise UserError(f"The GPUs here differ ({listed}): show equal ones, as by {VISIBLE}=0, or say --device cpu.")
    return Gpus(names[0], len(names), torch.cuda.get_device_capability(0) >= (8, 0))


def choose(numbers: Sequence[str]) -> None:
    """Restricts this process and its children to these GPUs, in this order, before torch looks for them.

    numbers: "0" is the first GPU that CUDA_VISIBLE_DEVICES allows now. Raises UserError for anything but numbers, for
    repeated ones, and for one beyond the variable's list.
    """
    listed = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    for number in numbers:
        if not number.isdecimal():
            raise UserError(f"--devices {number}: give the numbers of GPUs, such as 0,1; `doctor` prints them.")
        if listed and int(number) >= len(listed):
            seen = f"CUDA_VISIBLE_DEVICES={','.join(listed)}, which are 0 to {len(listed) - 1} here"
            raise UserError(f"--devices {number}: there are the GPUs of {seen}.")
    if len(set(map(int, numbers))) < len(numbers):
        raise UserError(f"--devices {','.join(numbers)}: name each GPU once; --per-device trains several runs on each.")
    os.environ[VISIBLE] = ",".join(listed[int(number)] if listed else str(int(number)) for number in numbers)


def each() -> tuple[str, ...]:
    """Returns values of CUDA_VISIBLE_DEVICES that select one GPU each. Raises UserError as `detect`."""
    count, listed = detect().count, [name.strip() for name in os.environ.get(VISIBLE, "").split(",")]
    return tuple(listed[:count]) if any(listed) else tuple(map(str, range(count)))


def describe() -> dict[str, Any]:
    """Returns GPUs, driver and CUDA versions to record; None for unknown ones."""
    import torch

    seen = detect()
    cudnn: Any = torch.backends.cudnn  # torch leaves it untyped
    return {
        "name": seen.name,
        "count": seen.count,
        "driver": driver(),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version(),
    }


def driver() -> str | None:
    """Version of the driver by nvidia-smi, since torch does not tell it; None if that fails."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.split()
    return lines[0] if done.returncode == 0 and lines else None
