"""Reads and writes checkpoint files: the state of a run at a drain, from which any process can resume it.

The format is safetensors, with everything but tensors as JSON in the metadata; nothing is unpickled. The file's name
contains the run's position and the sha256 of the bytes. Files are written atomically.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from benchmarks.executors.counts import Natural, TeamValues
from results.errors import ResultsError
from results.files import own_folder, replace
from results.reading import content, first_mistake, opened
from results.records import folder_of

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "checkpoints"
MOST_JSON_BYTES = 2**26
MOST_BYTES = 2**36

_NAME = re.compile(r"epoch-(\d{1,9})\.batch-(\d{1,9})\.([0-9a-f]{32})\.safetensors")
_OURS = re.compile(_NAME.pattern.replace(r"\.safetensors", r"(?:\.damaged-\d+)?\.safetensors"))
_STAGED = re.compile(rf"\.(?:{_NAME.pattern})(?:\.\d+)?\.\w+")  # as results.files.atomic_file names them
_METADATA = "checkpoint"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Stint(_Strict):
    """The environment in which a run was trained until an epoch and a batch of the next."""

    epoch: Natural
    batch: Natural
    environment: dict[str, JsonValue]


class Progress(_Strict):
    """All of a checkpoint but its tensors. evaluations: metrics of each. stints: environments so far."""

    format: Literal[1] = 1
    run: str = ""
    epoch: Natural
    batch: Natural
    wall_seconds: float
    train_seconds: float
    simulated_seconds: float | None
    evaluations: list[dict[str, float]]
    team: TeamValues
    stints: list[Stint] = Field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run at a drain. tensors: copies on the host, by name."""

    progress: Progress
    tensors: Mapping[str, Tensor]

    @property
    def place(self) -> tuple[int, int]:
        """Epochs done, and batches of the next."""
        return self.progress.epoch, self.progress.batch


def words(epoch: int, batch: int) -> str:
    """Describes a position: "epoch 3", "batch 500 of epoch 4"."""
    return f"batch {batch} of epoch {epoch + 1}" if batch else f"epoch {epoch}"


def folder(out: Path, id: str) -> Path:
    """Folder with the checkpoints of the run with this id."""
    return folder_of(out, id) / FOLDER


def existing(out: Path, id: str) -> list[Path]:
    """Returns the paths of a run's checkpoints, the latest first."""
    try:
        names = [path for path in folder(out, id).iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(names, key=lambda path: (_place(path), path.name), reverse=True)


def remove(out: Path, id: str) -> None:
    """Removes a run's checkpoints, damaged ones too; follows no link."""
    remove_staged(out, id)
    _remove(out, id, _OURS)
    with contextlib.suppress(OSError):
        folder(out, id).rmdir()


def remove_staged(out: Path, id: str) -> None:
    """Removes files that a killed process has left half-written."""
    _remove(out, id, _STAGED)


def _remove(out: Path, id: str, names: re.Pattern[str]) -> None:
    with contextlib.suppress(OSError, ResultsError):
        for path in [path for path in own_folder(out, folder(out, id)).iterdir() if names.fullmatch(path.name)]:
            with contextlib.suppress(OSError):
                path.unlink()


def _place(path: Path) -> tuple[int, int]:
    parts = _NAME.fullmatch(path.name)
    assert parts is not None
    return int(parts[1]), int(parts[2])


def read(path: Path, id: str) -> Checkpoint:
    """Reads a checkpoint of this run. Raises ResultsError if it is damaged, or of another run or version."""
    try:
        _check_bytes(path)
        progress, tensors = _parsed(content(path, MOST_BYTES))
    except MemoryError as error:
        raise ResultsError(f"{path} does not fit into memory") from error
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is no checkpoint ({str(error).splitlines()[0]})") from error
    if (progress.epoch, progress.batch) != _place(path) or progress.run != id:
        raise ResultsError(f"{path} is another run's")
    return Checkpoint(progress, tensors)


def _check_bytes(path: Path) -> None:
    """Compares the file's bytes with the digest in its name, in little memory: a sparse file may be huge.

    Raises ValueError if they differ.
    """
    parts = _NAME.fullmatch(path.name)
    if parts is None or not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError("it is no file of such a name")
    with opened(path, MOST_BYTES) as file:
        if not any(file.peek(8)[:8]) or hashlib.file_digest(file, "sha256").hexdigest()[:32] != parts[3]:
            raise ValueError("its bytes are not those that were written")


def _parsed(data: bytes) -> tuple[Progress, dict[str, Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    length = int.from_bytes(data[:8], "little")
    if length > MOST_JSON_BYTES:
        raise ValueError("its header is too long")
    try:
        text = json.loads(data[8 : 8 + length])["__metadata__"][_METADATA]
        progress = Progress.model_validate(json.loads(text))
        return progress, load(data)
    except ValidationError as error:
        raise ValueError(first_mistake(error)) from error
    except (LookupError, TypeError, AttributeError, SafetensorError) as error:
        raise ValueError(str(error)) from error


def render(checkpoint: Checkpoint) -> tuple[str, bytes]:
    """Returns the name and the bytes of a checkpoint's file."""
    from safetensors.torch import save

    data = save(dict(checkpoint.tensors), {_METADATA: json.dumps(checkpoint.progress.model_dump())})
    epoch, batch = checkpoint.place
    return f"epoch-{epoch}.batch-{batch}.{hashlib.sha256(data).hexdigest()[:32]}.safetensors", data


def write(path: Path, data: bytes) -> None:
    """Writes a file atomically. Raises ResultsError if it cannot be written."""
    replace(path, data)
    with contextlib.suppress(OSError):  # sync the name as well, where the system can
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
