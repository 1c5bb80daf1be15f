"""Finds an earlier run that a command line names, and checks that its own files and data are at hand."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.runner import identity
from benchmarks.workloads import tasks
from benchmarks.workloads.networks.names import NETWORKS
from benchmarks.workloads.own import Own
from results.records import JOURNAL, Record
from results.records.usable import usable


def find(run: str, out: Path) -> Record:
    """Returns the run with this folder, or whose id begins so.

    Raises UserError where there is none or several, ResultsError where its journal cannot be used.
    """
    if (Path(run) / JOURNAL).is_file():
        return usable((Path(run) / JOURNAL).resolve())
    journals = sorted((out / "runs").glob(f"*/{JOURNAL}"))
    matches = [path for path in journals if re.fullmatch("[0-9a-f]+", run) and path.parent.name.startswith(run)]
    if not matches:
        raise UserError(f"There is no run '{run}' in {out / 'runs'}: give its id or its folder, or name --out.")
    if len(matches) > 1:
        raise UserError(f"{len(matches)} runs of {out / 'runs'} have ids that begin with '{run}': give more of it.")
    return usable(matches[0])


def check_own_files(record: Record, own: Own) -> None:
    """Raises UserError where the run's network or task is a user's own whose file was not named."""
    work = record.spec.workload
    if work.network not in NETWORKS and own.network_of(work.network) is None:
        raise UserError(
            f"Run {record.id[:12]} is of a network of one's own, {work.network}: name its file with --network."
        )
    if work.task not in tasks.names() and own.own_task(work.task) is None:
        raise UserError(f"Run {record.id[:12]} has a task of one's own, {work.task}: name its file with --task.")


def check_data(record: Record, data: Path | None, own: Own) -> None:
    """Raises UserError where the data at hand are not the run's. data: their folder, if it is named."""
    data_card = own.card_of(record.spec.workload.dataset)
    if identity.data_sha256(data_card, data) != record.spec.workload.dataset_sha256:
        raise UserError(f"The data of {data_card.name} are not those of run {record.id[:12]}: name them with --data.")
