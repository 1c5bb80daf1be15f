"""Writes a run's checkpoints in a background thread, and keeps the last two."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from benchmarks.runner.checkpoints import file
from benchmarks.runner.checkpoints.file import Checkpoint, Stint, existing, folder, read, render, write
from results.errors import ResultsError
from results.files import own_folder, set_aside

KEPT = 2
EVERY_SECONDS = 1.0
SHARE = 0.01
"""Share of a run's time for taking checkpoints, and for writing them: after a slow one the next comes later."""
RESERVE_BYTES = 16 * 2**20
"""Bytes that a checkpoint leaves free on its disk, for journals."""
PATIENCE_SECONDS = 5.0
"""Longest time that an ending process waits for its checkpoint; shorter than what `processes/signals.py` allows."""


class Checkpoints:
    """Takes, writes and reads the checkpoints of one run.

    environment: of this process. every_seconds: between two writes; 0: at every drain, and training waits; None: never.
    say: takes a sentence about a problem that does not end the run. check: raises JournalLost if the run's lease was
    lost, since only its holder may write.
    """

    def __init__(
        self,
        out: Path,
        id: str,
        *,
        environment: Mapping[str, Any],
        every_seconds: float | None = EVERY_SECONDS,
        say: Callable[[str], None] = lambda sentence: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.out, self.id, self.every_seconds, self.say, self.check = out, id, every_seconds, say, check
        self.environment: dict[str, JsonValue] = json.loads(json.dumps(environment))
        self.folder = folder(out, id)
        self.last: Checkpoint | None = None  # taken
        self.written: tuple[int, int] | None = None  # place of the last one on the disk
        self._stints: list[Stint] = []  # before this process's
        self._taken_at = self._written_at = time.monotonic()
        self._taking = self._writing = 0.0  # seconds of the processor that the last one took
        self._thread: threading.Thread | None = None
        self._complained = False

    def resume(self, use: Callable[[Checkpoint], None]) -> Checkpoint | None:
        """Returns the latest intact checkpoint that `use` accepts, or None. Others are renamed and reported.

        use: resumes from it; raises ValueError if it does not fit.
        """
        try:
            own_folder(self.out, self.folder)
        except ResultsError as error:
            self.say(f"no checkpoint is used: {error}")
            return None
        file.remove_staged(self.out, self.id)
        for path in existing(self.out, self.id):
            try:
                checkpoint = read(path, self.id)
                use(checkpoint)
            except (ResultsError, ValueError) as error:
                self.say(f"{error}: the checkpoint is set aside, and the one before is used, if there is one")
                with contextlib.suppress(OSError):
                    set_aside(path, "damaged")
            else:
                self._stints, self.written = checkpoint.progress.stints, checkpoint.place
                return checkpoint
        return None

    def offer(self, take: Callable[[], Checkpoint]) -> None:
        """Takes a checkpoint at a drain if one is due, and writes it in the background if that is due.

        Raises JournalLost if another command has taken over the run.
        """
        if self.every_seconds is None:
            return
        if self.every_seconds and time.monotonic() - self._taken_at < self._taking / SHARE:
            return
        started = time.thread_time()  # of the processor: waiting on a busy machine does not count
        try:
            self.last = take()
        except ValueError as error:
            self._complain(str(error))
            return
        self._taken_at, self._taking = time.monotonic(), time.thread_time() - started
        due = max(self.every_seconds, self._writing / SHARE) if self.every_seconds else 0.0
        if self._idle and self._taken_at - self._written_at >= due:
            with contextlib.suppress(OSError):
                self.check()
            self._start(self.last)
            if not self.every_seconds:
                self._join(None)

    def flush(self) -> tuple[int, int] | None:
        """Writes the last taken checkpoint, within PATIENCE_SECONDS -> the position to resume from."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.close()
        if self.last is not None and self.last.place != self.written and self._idle:
            self._start(self.last)
            self._join(max(0.0, deadline - time.monotonic()))
        return self.written

    def remove(self) -> None:
        """Removes all checkpoints of a run that has ended."""
        self.close()
        file.remove(self.out, self.id)
        self.last = self.written = None

    def close(self) -> None:
        """Waits for the write in progress."""
        self._join(PATIENCE_SECONDS)

    @property
    def _idle(self) -> bool:
        return self._thread is None or not self._thread.is_alive()

    def _join(self, seconds: float | None) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def _start(self, checkpoint: Checkpoint) -> None:
        self._thread = threading.Thread(target=self._work, args=(checkpoint,), name="checkpoint", daemon=True)
        self._thread.start()

    def _work(self, checkpoint: Checkpoint) -> None:
        try:
            self._write(self._complete(checkpoint))
            self.written = checkpoint.place
        except Exception as error:  # of any kind: the run goes on
            cause = error.__cause__ or error
            self._complain(cause.strerror or str(cause) if isinstance(cause, OSError) else str(cause))
        self._written_at, self._writing = time.monotonic(), time.thread_time()

    def _complete(self, checkpoint: Checkpoint) -> Checkpoint:
        """Returns a copy with this process's environment and earlier ones."""
        epoch, batch = checkpoint.place
        stints = list(self._stints)
        if stints and stints[-1].environment == self.environment:
            del stints[-1]
        stints.append(Stint(epoch=epoch, batch=batch, environment=self.environment))
        progress = checkpoint.progress.model_copy(update={"run": self.id, "stints": stints})
        return replace(checkpoint, progress=progress)

    def _write(self, checkpoint: Checkpoint) -> None:
        name, data = render(checkpoint)
        self.check()
        own_folder(self.out, self.folder).mkdir(exist_ok=True)
        if shutil.disk_usage(self.folder).free < len(data) + RESERVE_BYTES:
            raise OSError(f"its disk has too little room for {len(data):,} bytes")
        write(self.folder / name, data)
        for path in existing(self.out, self.id)[KEPT:]:
            path.unlink(missing_ok=True)

    def _complain(self, reason: str) -> None:
        """Reports a failed write once: the next would fail for the same reason."""
        if not self._complained:
            self._complained = True
            self.say(f"a checkpoint cannot be written ({reason}); the run goes on without")


def prune(out: Path, ids: Iterable[str]) -> None:
    """Removes checkpoints of finished runs whose processes were killed before doing so."""
    for id in ids:
        if existing(out, id):
            file.remove(out, id)
