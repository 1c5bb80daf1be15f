"""How a run can fail in its executor."""

from __future__ import annotations

from collections.abc import Iterable


class WorkerFailed(Exception):
    """A worker raised; the others were ended. Its cause is the worker's exception."""

    def __init__(self, worker: str, cause: BaseException) -> None:
        super().__init__(f"Worker '{worker}' failed: {type(cause).__name__}: {cause}")
        self.worker = worker


class Stalled(Exception):
    """Workers wait for each other for ever."""

    def __init__(self, waiting: Iterable[tuple[str, str]]) -> None:
        names = "; ".join(f"{worker} waits for {what}" for worker, what in waiting)
        super().__init__(f"Every worker waits and none can go on: {names}")
