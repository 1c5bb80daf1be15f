"""One thing that the doctor looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it serves, what was found, and what to do (empty where nothing is to be done).

    absent: it is not here, and need not be.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""
    absent: bool = False

    @property
    def mark(self) -> str:
        """The word that it is listed with."""
        return "mend" if not self.ok else "none" if self.absent else "ok"


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """Carry out a check; one that raises is not ok."""
    try:
        return check()
    except Exception as error:
        return Check(name, False, f"the check itself failed: {cause(error)}", "please report this")


def cause(error: Exception) -> str:
    """The kind of the error, and the first line of what it says."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"
