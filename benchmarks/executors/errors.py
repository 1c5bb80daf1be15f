"""How a run can fail in its executor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from methods.effects import Worker

METHOD_ERRORS = (Exception, GeneratorExit, SystemExit)
"""What a method's code may raise; any other BaseException is a signal to the process."""


def described(error: BaseException) -> str:
    """Its class and text. A plug-in's exception may raise instead of giving a text, which is then said."""
    try:
        return f"{type(error).__name__}: {error}"
    except METHOD_ERRORS as other:
        return f"{type(error).__name__}, whose text cannot be had ({type(other).__name__})"


class WorkerFailed(Exception):
    """A worker raised; the others were ended. Its cause is the worker's exception, turned into text when asked for."""

    def __init__(self, worker: str, cause: BaseException) -> None:
        super().__init__(worker, cause)
        self.worker, self.error = worker, cause
        self.__cause__ = cause

    def __str__(self) -> str:
        return f"Worker '{self.worker}' failed: {described(self.error)}"


class WorkersStuck(Exception):
    """A run has failed, and some of its workers go on for ever, on threads that nobody can end. Its cause: the failure.

    Whatever else this process did, it would do beside them: it should end.
    """

    def __init__(self, failure: Exception, stuck: Iterable[str], seconds: float) -> None:
        super().__init__(f"{failure}; {seconds:g} s later these had not ended: {', '.join(stuck)}")
        self.__cause__ = failure


class EpochUnfinished(Exception):
    """All workers ended, and batches or gradients were left over."""

    def __init__(self, left: Iterable[str]) -> None:
        super().__init__(
            f"Workers left an epoch unfinished: {', '.join(left)}; a method takes all batches and applies all "
            "gradients, or declares by a Drop effect which it does not"
        )


class Stalled(Exception):
    """Workers wait for each other for ever."""

    def __init__(self, waiting: Iterable[tuple[str, str]]) -> None:
        names = "; ".join(f"{worker} waits for {what}" for worker, what in waiting)
        super().__init__(f"Every worker waits and none can go on: {names}")


@contextmanager
def closing(workers: Sequence[Worker]) -> Iterator[None]:
    """Close the workers' programs at the end, all of them.

    The first error counts, and one of the block before any of closing. Raises WorkerFailed, naming whose program cannot
    be closed.
    """
    try:
        yield
    except BaseException:
        _close(workers)
        raise
    if (failure := _close(workers)) is not None:
        raise failure


def _close(workers: Sequence[Worker]) -> WorkerFailed | None:
    """-> how the first failed of those that cannot be closed."""
    failure = None
    for worker in workers:
        try:
            worker.program.close()
        except METHOD_ERRORS as error:
            failure = failure or WorkerFailed(worker.name, error)
    return failure
