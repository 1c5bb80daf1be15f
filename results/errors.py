"""Errors of records, stores and published files that a user can correct."""

from __future__ import annotations

from pathlib import Path


class ResultsError(Exception):
    """A record, a store or a file cannot be used; the text says how to mend it."""


class UnusableJournal(ResultsError):
    """A journal is damaged or implausible. fault: what follows its path in the text, without how to mend it."""

    def __init__(self, path: Path, fault: str, mend: str) -> None:
        super().__init__(f"{path}{fault}{mend}")
        self.fault = fault


class JournalLost(ResultsError):
    """One run's journal can no longer be written: only that run fails."""


class LeaseHeld(JournalLost):
    """Another process trains the run. who: its pid and host."""

    def __init__(self, folder: Path, who: str) -> None:
        super().__init__(f"{folder} is another command's ({who}); wait for it, or choose another --out.")
        self.who = who


class AlreadyDone(ResultsError):
    """The run already has a complete journal. status, reason: from the journal's last line."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"The run is {status}, and is not repeated without --fresh.")
        self.status, self.reason = status, reason
