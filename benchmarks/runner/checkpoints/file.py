"""A checkpoint's file: where a run stands at a drain, from which it can go on in another process.

It is of the format safetensors, all that is no tensor as JSON in its metadata; nothing is ever unpickled. Its name
tells how far the run was, and the sha256 of its bytes. It is written beside its place, synced and renamed, so that it
is whole or not there.
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
from results.files import own_folder, whole
from results.reading import content, opened
from results.records import folder_of

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "checkpoints"
MOST_JSON_BYTES = 2**26
MOST_BYTES = 2**36

_NAME = re.compile(r"epoch-(\d{1,9})\.batch-(\d{1,9})\.([0-9a-f]{32})\.safetensors")
_OURS = re.compile(_NAME.pattern.replace(r"\.safetensors", r"(?:\.damaged-\d+)?\.safetensors"))
_STAGED = re.compile(rf"\.(?:{_NAME.pattern})(?:\.\d+)?\.\w+")  # as results.files.whole names them
_METADATA = "checkpoint"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Stint(_Strict):
    """Environment that a run was trained in, up to an epoch, and a batch of the next."""

    epoch: Natural
    batch: Natural
    environment: dict[str, JsonValue]


class Progress(_Strict):
    """The part of a checkpoint that is no tensor. evaluations: metrics of each; simulated_seconds: if any."""

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
    """A run at a drain. tensors: on the host, by name; nobody changes them."""

    progress: Progress
    tensors: Mapping[str, Tensor]

    @property
    def words(self) -> str:
        """Position of the run, in words."""
        return words(*self.place)

    @property
    def place(self) -> tuple[int, int]:
        """Epochs done, and batches of the next."""
        return self.progress.epoch, self.progress.batch


def words(epoch: int, batch: int) -> str:
    """ "epoch 3", "batch 500 of epoch 4"."""
    return f"batch {batch} of epoch {epoch + 1}" if batch else f"epoch {epoch}"


def folder(out: Path, id: str) -> Path:
    """Folder of the checkpoints of the run with this identity."""
    return folder_of(out, id) / FOLDER


def found(out: Path, id: str) -> list[Path]:
    """The files of such names there, the furthest first."""
    try:
        names = [path for path in folder(out, id).iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(names, key=lambda path: (_place(path), path.name), reverse=True)


def remove(out: Path, id: str) -> None:
    """Remove a run's checkpoints, with those that were set aside; nothing else, and nothing that a link leads to."""
    remove_staged(out, id)
    _remove(out, id, _OURS)
    with contextlib.suppress(OSError):
        folder(out, id).rmdir()


def remove_staged(out: Path, id: str) -> None:
    """Remove what a process that was killed has left half-written."""
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
    """Raises ResultsError where it is damaged, of another run or version, or no checkpoint at all."""
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
    """See that they are those that were written, without holding them: a sparse file may have any number of zeros."""
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
        wrong = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error
    except (LookupError, TypeError, AttributeError, SafetensorError) as error:
        raise ValueError(str(error)) from error


def render(checkpoint: Checkpoint) -> tuple[str, bytes]:
    """-> the file's name and its bytes."""
    from safetensors.torch import save

    data = save(dict(checkpoint.tensors), {_METADATA: json.dumps(checkpoint.progress.model_dump())})
    epoch, batch = checkpoint.place
    return f"epoch-{epoch}.batch-{batch}.{hashlib.sha256(data).hexdigest()[:32]}.safetensors", data


def write(path: Path, data: bytes) -> None:
    """Raises ResultsError where it cannot be written; nothing of it is there then."""
    with whole(path) as file:
        file.write(data)
    with contextlib.suppress(OSError):  # the name has to be on the disk as well, where a system can be asked for that
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
