"""Errors of records, stores and published files that a user can correct."""

from __future__ import annotations

from pathlib import Path


class ResultsError(Exception):
    """A record, a store or a file cannot be used; the text says what to do."""


class JournalLost(ResultsError):
    """The journal of one run cannot be written any more: that run fails, and no other."""


class LeaseHeld(JournalLost):
    """Another process has the run now. who: its pid and host."""

    def __init__(self, folder: Path, who: str) -> None:
        super().__init__(f"{folder} is another command's ({who}); wait for it, or choose another --out.")
        self.who = who


class AlreadyDone(ResultsError):
    """The run has a complete journal by now. status, reason: those of its end."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"The run is {status}, and is not repeated without --fresh.")
        self.status, self.reason = status, reason
