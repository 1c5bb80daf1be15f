"""A workload as a run's spec keeps it, and back: what the plan writes, training reads. Imports no torch."""

from __future__ import annotations

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.workload import Workload
from methods.later import filled_in, left_out
from results.records.spec import WorkloadSpec

ADDED = ("name", "dataset_sha256", "data")
"""Fields of the spec beside the workload's own, for the identity's sake."""


def workload_spec(work: Workload, known: DataCard, sha256: str) -> WorkloadSpec:
    """sha256: of the data, "" where there is none yet."""
    added = {"dataset_sha256": sha256, "data": known.identity()}
    said = work.model_dump(mode="json", exclude=left_out(work))
    return WorkloadSpec.model_validate({"name": work.name, **said, **added})


def workload_of(spec: WorkloadSpec, own: Own = NONE) -> Workload:
    """Raises pydantic's ValidationError where the spec is of a version with other settings, or of files not given."""
    return Workload.model_validate(filled_in(Workload, spec.document(without=ADDED)), context={"own": own})
