"""Several feeds of one store at the same time: whose a run is that is being written, and which of two is kept.

A local database is fed by one at a time (`stores.fresh_store`). A server is fed by whoever comes, and knows no locks:
what two feeds make at once is made twice, and mended. Each feed, once all its runs are written, reads the keys again
and keeps of the runs with one key the first by `rank`, which everybody computes alike. Whoever reads last sees all of
them, so that one is left. A run that is RUNNING is its feeder's, unless that is dead: then it is a feed that stopped.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from results.records.lease import Owner
from results.tracking.tags import PREFIX

FEEDER, FED = f"{PREFIX}feeder", f"{PREFIX}fed_ms"
"""Tags of a run: who laid it in, and when, in milliseconds since 1970."""
MEMBERS = f"{PREFIX}members"
WRITING_SECONDS = 600.0
"""For so long a run may be RUNNING under a feeder of which nothing else is known; it takes seconds, clocks differ."""

_live: set[str] = set()
"""The feeds of this process that go on."""
_MET = ("unique constraint", "already exists", "duplicate", "state is deleted", "database is locked")


class Feeder:
    """One feed. alone: whether it holds the store, so that no other feed goes on."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self._owner = Owner.here().written()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """While it writes runs: one that it leaves RUNNING is nobody's afterwards."""
        _live.add(self._owner)
        try:
            yield
        finally:
            _live.discard(self._owner)

    def tags(self) -> dict[str, str]:
        """Of a run that it makes now."""
        return {FEEDER: self._owner, FED: str(round(1000 * time.time()))}

    def may_be_writing(self, run: Any) -> bool:
        """Whether another feed may be writing this run."""
        theirs = run.data.tags.get(FEEDER, "")
        if ended(run) or self.alone or theirs in ("", self._owner):
            return False
        owner = Owner.read(theirs.encode())
        if owner == Owner.here():
            return theirs in _live
        return not (owner and owner.gone()) and abs(time.time() - _fed_ms(run) / 1000) < WRITING_SECONDS


def ended(run: Any) -> bool:
    """Whether the run was laid in to its end."""
    return run.info.status not in ("RUNNING", "SCHEDULED")


def rank(run: Any) -> tuple[Any, ...]:
    """Of the runs with one key the least is kept: what is whole, says most, and was there first."""
    members = len(run.data.tags.get(MEMBERS, "").split())
    return not ended(run), run.info.status != "FINISHED", -members, _fed_ms(run), run.info.run_id


def met(error: Exception) -> bool:
    """Whether a feed failed because another made or removed the same at the same time: tried again, it is there."""
    return any(words in str(error).lower() for words in _MET)


def _fed_ms(run: Any) -> int:
    text = run.data.tags.get(FED, "")
    return int(text) if text.isdecimal() and len(text) < 20 else 0
