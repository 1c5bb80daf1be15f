"""The GPUs that runs may use, and nodes of a cluster. Imports torch where CUDA was chosen, and not before."""

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
    """GPUs of one kind, as many as CUDA_VISIBLE_DEVICES lets this process see. tf32: from Ampere on."""

    name: str
    count: int
    tf32: bool = True


@dataclass(frozen=True)
class Node:
    """The facts on a machine that are part of its runs' identity. gpus: those that a job is given, or None."""

    cpu: str
    cores: int
    gpus: Gpus | None = None

    @property
    def device(self) -> str:
        """The device that --device auto means there."""
        return "cuda" if self.gpus is not None else "cpu"


def usable() -> bool:
    """Whether torch can use one. A driver's device file costs nothing to look for; torch is asked only where it is."""
    if not any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")):
        return False
    import torch

    return torch.cuda.is_available()


def found() -> Gpus:
    """The GPUs that torch sees. Raises UserError where there are none, or several kinds."""
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if not names:
        raise UserError("--device cuda: torch sees no GPU here; `python -m benchmarks doctor` says why.")
    if len(set(names)) > 1:
        said = ", ".join(f"{index}: {name}" for index, name in enumerate(names))
        raise UserError(f"The GPUs here differ ({said}): show equal ones, as by {VISIBLE}=0, or say --device cpu.")
    return Gpus(names[0], len(names), torch.cuda.get_device_capability(0) >= (8, 0))


def choose(numbers: Sequence[str]) -> None:
    """Let this process, and those that it starts, see these of the GPUs alone, in this order.

    numbers: "0" is the first of those that CUDA_VISIBLE_DEVICES lets it see now. Asked before torch looks for them.
    Raises UserError on what is no such number, on one that is there twice, and on one beyond the variable's list.
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
    """Values of CUDA_VISIBLE_DEVICES that show a process one GPU alone, one for each. Raises UserError as `found`."""
    count, listed = found().count, [name.strip() for name in os.environ.get(VISIBLE, "").split(",")]
    return tuple(listed[:count]) if any(listed) else tuple(map(str, range(count)))


def describe() -> dict[str, Any]:
    """Environment to record: the GPUs, their driver, and what torch was built with; None: not found out."""
    import torch

    seen = found()
    cudnn: Any = torch.backends.cudnn  # torch leaves it untyped
    return {
        "name": seen.name,
        "count": seen.count,
        "driver": driver(),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version(),
    }


def driver() -> str | None:
    """The driver's version, which torch does not tell; None where nvidia-smi does not either."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.split()
    return lines[0] if done.returncode == 0 and lines else None
