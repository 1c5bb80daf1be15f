"""How runs of ours are known in a store: the tags that they carry, and the search for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from results.records import Record

PREFIX = "benchmarks."
FILES, FILES_DIGEST = f"{PREFIX}files", f"{PREFIX}files_digest"
"""The names of a run's extra files, and a digest of their contents."""


def run_key(record: Record) -> str:
    """The key of a run's entry; as another row than its journal's it has one of its own."""
    return f"run:{record.id}:{record.row}" if record.elsewhere else f"run:{record.id}"


def search(client: Any, experiment_ids: Sequence[str], condition: str) -> Iterator[Any]:
    """All runs, page by page, the newest first."""
    token = None
    while experiment_ids:
        page = client.search_runs(list(experiment_ids), condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
