"""The result of one of the doctor's checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The result of a check. ok: it works; detail: what was found; mend: how to mend it, "" where it is ok.

    absent: it is not here, and need not be.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""
    absent: bool = False

    @property
    def mark(self) -> str:
        """Returns the word that the check is listed with."""
        return "mend" if not self.ok else "none" if self.absent else "ok"


def run_check(name: str, check: Callable[[], Check]) -> Check:
    """Runs a check; one that raises is not ok."""
    try:
        return check()
    except Exception as error:
        return Check(name, False, f"the check itself failed: {cause(error)}", "please report this")


def cause(error: Exception) -> str:
    """Returns the class of the error, and the first line of its text."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"
