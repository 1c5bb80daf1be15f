"""A lock that readers share and that a writer has to itself."""

from __future__ import annotations

import threading


class ReadWriteLock:
    """`with lock.reading:` and `with lock.writing:`, neither of them within either.

    Writers go first: a reader waits where a writer does, so that readers who come and go keep no writer out.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._readers, self._writing, self._writers_waiting = 0, False, 0
        self.reading, self.writing = _Reading(self), _Writing(self)

    def begin_reading(self) -> None:
        with self._changed:
            while self._writing or self._writers_waiting:
                self._changed.wait()
            self._readers += 1

    def end_reading(self) -> None:
        with self._changed:
            self._readers -= 1
            if not self._readers and self._writers_waiting:
                self._changed.notify_all()

    def begin_writing(self) -> None:
        with self._changed:
            self._writers_waiting += 1
            try:
                while self._writing or self._readers:
                    self._changed.wait()
            finally:
                self._writers_waiting -= 1
            self._writing = True

    def end_writing(self) -> None:
        with self._changed:
            self._writing = False
            self._changed.notify_all()


class _Reading:
    def __init__(self, lock: ReadWriteLock) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        self.lock.begin_reading()

    def __exit__(self, *exc: object) -> None:
        self.lock.end_reading()


class _Writing:
    def __init__(self, lock: ReadWriteLock) -> None:
        self.lock = lock

    def __enter__(self) -> None:
        self.lock.begin_writing()

    def __exit__(self, *exc: object) -> None:
        self.lock.end_writing()
