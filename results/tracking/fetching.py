"""Out of a store: the journals of its runs, and which run of MLflow is which of ours."""

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
"""Groups of seeds, single runs, published rows: the first words of their keys."""

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Tracked:
    """A run as MLflow has it. record: our run's id, "" unless `kind` is "run". files: extra artifacts' names.

    metrics: last values. view: whether its experiment has the view of the list of runs (results.tracking.tags).
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
    """Runs that were fed to the store, the newest first."""
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
    """Number of the store's journals that are new in folder/runs/<id>/; see `results.tracking.fetch`."""
    new = 0
    with tempfile.TemporaryDirectory(prefix="fetch-") as scratch:
        for run in tracked(client, ["run"]):
            if _kept(folder, run.record):
                continue
            try:
                found = _download(client, run, Path(scratch))
            except ResultsError as error:
                complain(str(error))
                continue
            new += _place(found, folder)
    return new


def _kept(folder: Path, id: str) -> bool:
    """Whether a complete journal of this run is there: what is at hand goes before what is fetched."""
    try:
        return _ID.fullmatch(id) is not None and usable(folder_of(folder, id) / JOURNAL).complete
    except ResultsError:
        return False


def _download(client: Any, run: Tracked, scratch: Path) -> Record:
    """The run's journal, read as strictly as any: JSON only, of this run, with its spec's identity, and plausible."""
    target = scratch / run.run_id
    try:
        target.mkdir()
        path = Path(client.download_artifacts(run.run_id, JOURNAL, str(target)))
    except Exception as error:  # whatever the store's artifacts lie in has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ResultsError(f"The journal of '{run.name}' cannot be fetched ({reason}).") from error
    try:
        record = read(path)
        check(record, run.record)
    except ResultsError as error:
        raise ResultsError(f"The journal of '{run.name}' in the store is left out: {error}") from error
    return record


def _place(found: Record, folder: Path) -> int:
    """Put it where a run of this machine would lie -> 1, or 0 if one as incomplete is there, or it is trained there."""
    path = folder_of(folder, found.id) / JOURNAL
    if path.exists() and not found.complete:
        return 0
    try:
        own_folder(folder, path.parent).mkdir(parents=True, exist_ok=True)
        lease = Lease.take(path.parent)
    except LeaseHeld:
        return 0
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        if path.exists():  # never deleted: it may be somebody's only trace of a run
            set_aside(path, "interrupted")
        replace(path, content(found.path, MOST_BYTES))
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        lease.release()
    return 1
