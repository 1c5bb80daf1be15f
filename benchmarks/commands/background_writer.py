"""Writes a command's output in a thread, so that a slow or absent reader does not hold the command up."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Any, Self, TextIO, cast

MOST = 10_000
"""Texts that wait for a terminal: a display that is renewed all the time would else fill the memory."""

LAST_SECONDS = 0.2
"""Seconds that the thread of a blocked stream is waited for at its end."""


class BackgroundWriter:
    """A text stream that writes in a thread: `write` neither raises nor blocks. Use it in a `with` statement.

    error: the first error of the underlying stream; what is written afterwards is lost. A character that its encoding
    lacks is written as "?".
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream, self.error = stream, None if stream is not None else OSError("it is closed")
        # Its put takes no lock that a signal's exception could leave behind.
        self._waiting: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._pass_on, name="output", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join(LAST_SECONDS)  # or it would meet an interpreter that is taken down

    @property
    def text(self) -> TextIO:
        """Returns itself, typed as the stream whose other methods it passes on."""
        return cast("TextIO", self)

    def write(self, text: str) -> int:
        """Queues the text -> its length. On a terminal that is blocked, text beyond MOST queued pieces is lost."""
        if self._waiting.qsize() < MOST or not self.isatty():
            self._waiting.put(text)
        return len(text)

    def flush(self) -> None:
        """Does nothing: the thread flushes once the stream has taken all that was written."""

    def drain(self, seconds: float | None = None) -> bool:
        """Waits until the stream has taken, or lost, all that was written -> whether it has in time."""
        reached = threading.Event()
        self._waiting.put(reached)
        return reached.wait(seconds)

    def isatty(self) -> bool:
        """Returns whether the stream is a terminal that still works."""
        return self._stream is not None and self.error is None and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _pass_on(self) -> None:
        while (item := self._waiting.get()) is not None:
            if self._stream is not None and self.error is None:
                try:
                    self._take(self._stream, item)
                except (OSError, ValueError) as error:
                    self.error = error if isinstance(error, OSError) else OSError(str(error))
            if isinstance(item, threading.Event):
                item.set()

    def _take(self, stream: TextIO, item: str | threading.Event) -> None:
        if isinstance(item, str):
            self._write(stream, item)
        if self._waiting.empty() or isinstance(item, threading.Event):
            stream.flush()

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode(stream.encoding, "replace").decode(stream.encoding))
