"""The journal of a run: append-only JSON lines, the source of truth for everything shown later.

`out/runs/<id>/journal.jsonl` holds a `run` line, one `evaluation` line per epoch, and an `end` line. Every line is
flushed and fsynced, and ends with a checksum (`results.records.lines`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from results.errors import AlreadyDone, JournalLost, ResultsError
from results.files import set_aside
from results.records import JOURNAL, STATUSES, Evaluation, Record, folder_of, read
from results.records.lines import render
from results.records.spec import Labels, RunSpec
from results.records.usable import usable

__all__ = ["Evaluation", "Journal", "Record", "folder_of", "read"]


class Journal:
    """Writes one run's journal; use it in a `with` statement.

    Left by an exception without an `end` line, the block writes one: "interrupted" for Ctrl-C, else "failed".
    lock: held while a line is written; who holds it keeps other threads from writing.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._file = file
        self._size = 0
        self._epochs = 0
        self._ended = False

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        id: str,
        spec: RunSpec,
        environment: Mapping[str, Any],
        labels: Labels,
        fresh: bool = True,
    ) -> Journal:
        """Start the journal of the run in `folder` (`folder_of(out, id)`), which is made if need be.

        A journal that is there already is renamed, never deleted: to journal.interrupted-1.jsonl (-2, ...) if it is
        incomplete, else to journal.replaced-1.jsonl. fresh: replace a complete one, too.

        Raises:
            AlreadyDone: unless `fresh`, where this run's complete journal is there.
            ResultsError: the folder cannot be written, the disk is full, or another process writes this run now.
        """
        path = folder / JOURNAL
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _set_aside(path, fresh)
            file = path.open("xb", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            _lock(file, path)
        except ResultsError:
            file.close()
            raise
        journal = cls(path, file)
        head = {"id": id, "spec": spec.document(), "environment": dict(environment), "labels": labels.document()}
        journal._write({"type": "run", **head, "started": _now()})
        return journal

    def evaluation(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Append one evaluation; metrics are floats by name, units in their names.

        Raises:
            ResultsError: the line cannot be written; what was written before stays readable.
        """
        self._epochs = epoch
        values = {name: float(value) for name, value in metrics.items()}
        self._write({"type": "evaluation", "epoch": epoch, "step": step, "metrics": values})

    def end(self, status: str, **fields: Any) -> None:
        """Append the last line and close: status is "finished", "diverged", "failed" or "interrupted".

        Fields add to or replace the defaults: reason "", epochs (of the last evaluation), early_stopped False,
        staleness [].

        Raises:
            ResultsError: the line cannot be written.
            JournalLost: the file was deleted or moved while the run went on; the line is in it all the same.
        """
        if status not in STATUSES:
            raise ValueError(f"status {status!r} is none of {', '.join(STATUSES)}")
        defaults = {"reason": "", "epochs": self._epochs, "early_stopped": False, "staleness": []}
        with self.lock:
            self._write({"type": "end", "status": status, **defaults, **fields, "ended": _now()})
            self._ended = True
            there = _in_place(self._file, self.path)
            self.close()
        if not there:
            text = f"{self.path} is not where it was when the run began; leave --out alone while runs train"
            raise JournalLost(f"{text}, and run again.")

    def close(self) -> None:
        """Close the file; without an `end` line the record stays incomplete."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._ended and not self._file.closed:
            status = "failed" if isinstance(error, Exception) else "interrupted"
            with contextlib.suppress(ResultsError):  # the error that ends the block matters more
                self.end(status, reason=f"{type(error).__name__}: {error}")
        self.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        data = render(line) + b"\n"
        with self.lock:
            if self._file.closed:
                raise ResultsError(f"{self.path} is closed; a run that goes on needs a new journal.")
            try:
                _write_all(self._file, data)
                os.fsync(self._file.fileno())
            except OSError as error:
                self._drop_half_line()
                raise _unwritable(self.path, error) from error
            self._size += len(data)

    def _drop_half_line(self) -> None:
        # Cutting works on a full disk too; should it fail, the reader still ignores a last line that is cut.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), self._size)
            self._file.seek(self._size)


def _write_all(file: BinaryIO, data: bytes) -> None:
    # An unbuffered file may take a part of the line only, for instance the last bytes of a filling disk.
    while data:
        data = data[file.write(data) :]


def _set_aside(path: Path, fresh: bool) -> None:
    if not os.path.lexists(path):
        return
    try:
        file = path.open("rb")
    except OSError:  # unreadable: nobody's result, but it may be somebody's file
        set_aside(path, "interrupted")
        return
    with file:
        _lock(file, path)
        if not _in_place(file, path):
            raise _taken(path)
        if not fresh:
            _check_undone(path)
        set_aside(path, "replaced" if is_complete(path) else "interrupted")


def _in_place(file: BinaryIO, path: Path) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _taken(path: Path) -> JournalLost:
    return JournalLost(f"{path} is being written by another process; wait for it, or choose another --out.")


def _check_undone(path: Path) -> None:
    try:
        found = usable(path)
    except ResultsError:
        return
    if found.complete and found.end is not None:
        raise AlreadyDone(found.status, str(found.end.get("reason", "")))


def is_complete(path: Path) -> bool:
    """Whether the journal can be read, and its run came to an end."""
    try:
        return read(path).complete
    except ResultsError:
        return False


def _lock(file: BinaryIO, path: Path) -> None:
    """Hold the journal while it is open: two processes must not write one run. The lock ends with the process."""
    try:
        import fcntl
    except ImportError:  # Windows: there, opening with "x" alone guards the file
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _taken(path) from error
    except OSError:  # a file system without locks
        return


def _unwritable(path: Path, error: OSError) -> ResultsError:
    reason = error.strerror or str(error)
    return ResultsError(f"{path} cannot be written ({reason}); make room or choose another --out, then run again.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
