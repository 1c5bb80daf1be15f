"""Writes the journal of a run: append-only JSON lines, the source of all that is shown.

`out/runs/<id>/journal.jsonl` holds a `run` line, a `resumed` line if the run was resumed from a checkpoint, a line per
evaluation, and an `end` line. Each line is fsynced and ends with a checksum of all lines so far
(`results.records.lines`). The writer holds the run's lease (`results.records.lease`) and checks it before each line.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from results.errors import AlreadyDone, JournalLost, ResultsError
from results.files import own_folder, set_aside, unwritable
from results.records import JOURNAL, STATUSES, Evaluation, read
from results.records.lease import Lease
from results.records.lines import FORMAT, chained
from results.records.spec import Labels, RunSpec
from results.records.usable import usable

RERUN = ", then run again"


class Journal:
    """Writes one run's journal; use it in a `with` statement.

    If an exception leaves the block before an `end` line, the block writes one: "interrupted" for Ctrl-C, else
    "failed".

    lock: held while a line is written; hold it to stop other threads from writing. lease: released at the end; check it
    before writing another file of the run.
    """

    def __init__(self, path: Path, file: BinaryIO, lease: Lease) -> None:
        self.path = path
        self.lease = lease
        self.lock = threading.RLock()
        self._file = file
        self._written = 0, 0  # bytes of whole lines, and their checksum: one tuple, so that no signal parts them
        self._epochs: float = 0
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
        """Starts the journal of the run in `folder` (`folder_of(out, id)`), which is created if missing.

        An earlier journal is renamed, never deleted: an incomplete one to journal.interrupted-1.jsonl (-2, ...), a
        complete one to journal.replaced-1.jsonl. fresh: whether to replace a complete one.

        Raises:
            AlreadyDone: the run has a complete journal, and `fresh` is False.
            LeaseHeld: another process trains this run.
            ResultsError: the folder cannot be written, or the disk is full.
        """
        path = folder / JOURNAL
        head = {"spec": spec.document(), "environment": dict(environment), "labels": labels.document()}
        with contextlib.ExitStack() as undo:
            try:
                own_folder(folder.parents[1], folder).mkdir(parents=True, exist_ok=True)
                lease = Lease.take(folder)
                undo.callback(lease.release)
                _set_aside(path, fresh)
                journal = cls(path, undo.enter_context(path.open("xb", buffering=0)), lease)
            except OSError as error:
                raise unwritable(path, error, RERUN) from error
            journal._write({"type": "run", "format": FORMAT, "id": id, **head, "started": _now()})
            undo.pop_all()
        return journal

    def evaluation(self, epoch: float, step: int, metrics: Mapping[str, float]) -> None:
        """Appends an evaluation; arguments as of `Evaluation`. Names of metrics end in their units.

        Raises:
            JournalLost: another command has taken over the run, or its folder was deleted or moved.
            ResultsError: the line cannot be written; earlier lines stay readable.
        """
        self._epochs = epoch
        self._write(_line(Evaluation(epoch, step, metrics)))

    def resumed(
        self,
        evaluations: Sequence[Evaluation],
        *,
        epoch: int,
        batch: int,
        wall_seconds: float,
        environments: Sequence[Mapping[str, Any]],
    ) -> None:
        """Appends, after the first line, the checkpoint that the run resumes from, and the evaluations until then.

        The arguments are those of `Resumption`. Raises ResultsError where the lines cannot be written.
        """
        self._epochs = evaluations[-1].epoch if evaluations else 0
        checkpoint = {"epoch": epoch, "batch": batch, "wall_seconds": wall_seconds, "environments": environments}
        self._write({"type": "resumed", **checkpoint}, *map(_line, evaluations))

    def end(self, status: str, **fields: Any) -> None:
        """Appends the last line and closes the journal. status: one of STATUSES.

        Fields replace the defaults or add to them: reason "", epochs (of the last evaluation), early_stopped False,
        staleness []. Raises as `evaluation`.
        """
        if status not in STATUSES:
            raise ValueError(f"status {status!r} is none of {', '.join(STATUSES)}")
        defaults = {"reason": "", "epochs": self._epochs, "early_stopped": False, "staleness": []}
        with self.lock:
            self._write({"type": "end", "status": status, **defaults, **fields, "ended": _now()})
            self._ended = True
            in_place = _in_place(self._file, self.path)
            self.close()
        if not in_place:
            text = f"{self.path} is not where it was when the run began; leave --out alone while runs train"
            raise JournalLost(f"{text}, and run again.")

    def close(self) -> None:
        """Closes the file and releases the lease; without an `end` line the record stays incomplete."""
        self._file.close()
        self.lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._ended and not self._file.closed:
            status = "failed" if isinstance(error, Exception) else "interrupted"
            with contextlib.suppress(ResultsError):  # the block's own error matters more
                self.end(status, reason=_text(error))
        self.close()

    def _write(self, *lines: Mapping[str, Any]) -> None:
        with self.lock:
            if self._file.closed:
                raise ResultsError(f"{self.path} is closed; a run that goes on needs a new journal.")
            size, before = self._written
            data, checksum = chained(lines, before)
            try:
                self.lease.check()
                self._drop_half_line()  # a signal may have ended an earlier write
                _write_all(self._file, data)
                os.fsync(self._file.fileno())
                self._written = size + len(data), checksum
            except JournalLost:
                self.close()
                raise
            except OSError as error:
                self._drop_half_line()
                raise unwritable(self.path, error, RERUN) from error

    def _drop_half_line(self) -> None:
        # Should cutting fail, the reader still ignores a cut last line.
        with contextlib.suppress(OSError):
            os.ftruncate(self._file.fileno(), self._written[0])
            self._file.seek(self._written[0])


def _line(point: Evaluation) -> dict[str, Any]:
    values = {name: float(value) for name, value in point.metrics.items()}
    return {"type": "evaluation", "epoch": point.epoch, "step": point.step, "metrics": values}


def _text(error: BaseException) -> str:
    """Class and text of an error; a plug-in's error may raise when it is converted to text."""
    try:
        return f"{type(error).__name__}: {error}"
    except (Exception, SystemExit, GeneratorExit):
        return type(error).__name__


def _write_all(file: BinaryIO, data: bytes) -> None:
    # An unbuffered file may take a part of the line alone, such as the last free bytes of a disk.
    while data:
        data = data[file.write(data) :]


def _set_aside(path: Path, fresh: bool) -> None:
    """Renames the journal, if there is one. Raises AlreadyDone if it is complete, unless `fresh`."""
    try:
        record = usable(path)
    except ResultsError:
        record = None
    if record is not None and record.complete and not fresh:
        raise AlreadyDone(record.status, str((record.end or {}).get("reason", "")))
    if os.path.lexists(path):
        set_aside(path, "replaced" if is_complete(path) else "interrupted")


def _in_place(file: BinaryIO, path: Path) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def is_complete(path: Path) -> bool:
    """Whether the journal can be read and its run finished or diverged."""
    try:
        return read(path).complete
    except ResultsError:
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
