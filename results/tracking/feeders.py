"""Several feeds of one store at the same time: they take turns, and which of two runs with one key is kept.

A local database is fed by one at a time (`stores.fresh_store`). A server knows no locks: there a feed that has
something to write says so in a tag of the experiment, by a name that it draws, and again with each run; others wait
until the tag is empty, or has not changed for SILENT_SECONDS, since who wrote it is dead. Two that take a turn in the
same moment may still make the same twice. Each feed, once all its runs are written, reads the keys again and keeps of
the runs with one key the first by `rank`, which everybody computes alike. Whoever reads last sees all of them, so that
one is left.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

from results.tracking.tags import PREFIX

TURN = f"{PREFIX}feeding"
"""A tag of an experiment: whose turn it is, and a number that changes while it goes on; "" where it is nobody's."""
FED = f"{PREFIX}fed_ms"
"""A tag of a run: when it was laid in, in milliseconds since 1970."""
MEMBERS = f"{PREFIX}members"
SILENT_SECONDS = 30.0
SETTLE_SECONDS = 0.5
"""Between a claim and the look whether it stands: longer than a server takes for a tag."""

_MET = ("unique constraint", "already exists", "duplicate", "state is deleted", "database is locked")
_over: set[str] = set()
"""The turns of this process that have come to an end, or could not say so."""


class Turn:
    """A feed's turn to write into an experiment of a server. It names no machine: a store may be everybody's."""

    def __init__(self, client: Any, experiment_id: str) -> None:
        self._client, self._id = client, experiment_id
        self._name, self._beats = uuid.uuid4().hex, 0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for it, and give it back."""
        self._take()
        try:
            yield
        finally:
            _over.add(self._name)
            if self._held().startswith(self._name):
                self._client.set_experiment_tag(self._id, TURN, "")

    def beat(self) -> None:
        """Say that it goes on."""
        self._beats += 1
        self._client.set_experiment_tag(self._id, TURN, f"{self._name} {self._beats}")

    def _take(self) -> None:
        seen, since = "", time.monotonic()
        while True:
            held = self._held()
            if held != seen:
                seen, since = held, time.monotonic()
            dead = time.monotonic() - since >= SILENT_SECONDS
            if not held or dead or held.partition(" ")[0] in _over:
                self.beat()
                time.sleep(SETTLE_SECONDS)
                if self._held().startswith(self._name):
                    return
            time.sleep(random.uniform(0.1, 0.3))

    def _held(self) -> str:
        return str(self._client.get_experiment(self._id).tags.get(TURN, ""))


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
