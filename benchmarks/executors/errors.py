"""How a run can fail in its executor."""

from __future__ import annotations

from collections.abc import Iterable


class WorkerFailed(Exception):
    """A worker raised; the others were ended. Its cause is the worker's exception."""

    def __init__(self, worker: str, cause: BaseException) -> None:
        super().__init__(f"Worker '{worker}' failed: {type(cause).__name__}: {cause}")
        self.worker = worker


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
