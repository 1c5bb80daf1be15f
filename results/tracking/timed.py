"""A client of a server whose slow answers add up, so that a feed into one that hardly answers comes to an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from results.errors import ResultsError
from results.tracking.stores import LATER, shown

PROMPT_SECONDS = 2.0
"""An answer may take as long; what is beyond counts."""
SLOW_SECONDS = 60.0


class Timed:
    """Calls as the client has them; once SLOW_SECONDS have been waited beyond the prompt ones, all raise ResultsError.

    A server that answers each call just within MLflow's own time limit would hold a feed of some runs up for an hour.
    """

    def __init__(self, client: Any, uri: str) -> None:
        self._client, self._uri = client, uri
        self._slow = 0.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if self._slow > SLOW_SECONDS:
                text = f"The tracking server at {shown(self._uri)} answers too slowly: {self._slow:.0f} s were waited"
                raise ResultsError(f"{text} beyond what is usual. {LATER}")
            began = time.monotonic()
            try:
                return method(*arguments, **options)
            finally:
                self._slow += max(0.0, time.monotonic() - began - PROMPT_SECONDS)

        return call
