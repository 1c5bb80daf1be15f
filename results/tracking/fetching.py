"""Reads a store: finds the suite's runs among MLflow's, and downloads their journals."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.errors import LeaseHeld, ResultsError
from results.files import own_folder, replace, set_aside, unwritable
from results.reading import MOST_BYTES, content
from results.records import JOURNAL, Record, folder_of, read
from results.records.lease import Lease
from results.records.usable import check, usable
from results.tracking.tags import FILES, PREFIX, VIEW_TAG, ended, search

KINDS = ("ours", "run", "paper")
"""First words of the keys of groups of seeds, of single runs and of published rows."""

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Tracked:
    """A run in MLflow.

    kind: one of KINDS. record: id of the suite's run, "" unless `kind` is "run". files: names of extra artifacts. view:
    whether its experiment has the suite's view of the list of runs. metrics: last values.
    """

    kind: str
    experiment_id: str
    experiment: str
    run_id: str
    name: str
    network: str
    row: str
    started_ms: int
    record: str = ""
    files: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    view: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


def tracked(client: Any, kinds: Sequence[str] = KINDS) -> Iterator[Tracked]:
    """Yields the suite's runs in a store, kind by kind, the newest first."""
    experiments = {experiment.experiment_id: experiment for experiment in client.search_experiments()}
    for kind in kinds:
        for run in search(client, list(experiments), f"tags.`{PREFIX}key` LIKE '{kind}:%'"):
            info, params, tags = run.info, run.data.params, run.data.tags
            if ended(run):
                yield Tracked(
                    kind,
                    info.experiment_id,
                    experiments[info.experiment_id].name,
                    info.run_id,
                    info.run_name,
                    params.get("network", ""),
                    params.get("row", ""),
                    info.start_time,
                    tags.get(f"{PREFIX}run_id", ""),
                    tuple(tags.get(FILES, "").split()),
                    params,
                    VIEW_TAG in experiments[info.experiment_id].tags,
                    run.data.metrics,
                )


def fetch(client: Any, folder: Path, complain: Callable[[str], None]) -> int:
    """Downloads journals -> the number of new ones. See `results.tracking.fetch`."""
    new = 0
    with tempfile.TemporaryDirectory(prefix="fetch-") as scratch:
        for run in tracked(client, ["run"]):
            if _has_complete(folder, run.record):
                continue
            try:
                record = _download(client, run, Path(scratch))
            except ResultsError as error:
                complain(str(error))
                continue
            new += _place(record, folder)
    return new


def _has_complete(folder: Path, id: str) -> bool:
    """Whether a folder of results has a complete journal of this run."""
    try:
        return _ID.fullmatch(id) is not None and usable(folder_of(folder, id) / JOURNAL).complete
    except ResultsError:
        return False


def _download(client: Any, run: Tracked, scratch: Path) -> Record:
    """Returns the run's journal, checked like any other (`usable.check`)."""
    target = scratch / run.run_id
    try:
        target.mkdir()
        path = Path(client.download_artifacts(run.run_id, JOURNAL, str(target)))
    except Exception as error:  # each kind of storage for artifacts has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ResultsError(f"The journal of '{run.name}' cannot be fetched ({reason}).") from error
    try:
        record = read(path)
        check(record, run.record)
    except ResultsError as error:
        raise ResultsError(f"The journal of '{run.name}' in the store is left out: {error}") from error
    return record


def _place(record: Record, folder: Path) -> bool:
    """Copies a journal into a folder of results -> False if one as complete is there, or the run is being trained."""
    path = folder_of(folder, record.id) / JOURNAL
    if path.exists() and not record.complete:
        return False
    try:
        own_folder(folder, path.parent).mkdir(parents=True, exist_ok=True)
        lease = Lease.take(path.parent)
        try:
            if path.exists():  # never deleted: it may be the only trace of a run
                set_aside(path, "interrupted")
            replace(path, content(record.path, MOST_BYTES))
        finally:
            lease.release()
    except LeaseHeld:
        return False
    except OSError as error:
        raise unwritable(path, error) from error
    return True
