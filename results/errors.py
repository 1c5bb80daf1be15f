"""Errors of records, stores and published files that a user can mend."""

from __future__ import annotations

from pathlib import Path


class ResultsError(Exception):
    """A record, a store or a published file cannot be used; the text says what to do."""


class JournalLost(ResultsError):
    """The journal of one run cannot be had or was taken away: that run fails, and no other."""


class LeaseHeld(JournalLost):
    """Another process has the run now. who: which one, in words."""

    def __init__(self, folder: Path, who: str) -> None:
        super().__init__(f"{folder} is another command's ({who}); wait for it, or choose another --out.")
        self.who = who


class AlreadyDone(ResultsError):
    """A complete journal of exactly this run is there by now. status, reason: as its end has them."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"The run is {status}, and is not repeated without --fresh.")
        self.status, self.reason = status, reason
