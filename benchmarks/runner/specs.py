"""A workload as a run's spec keeps it, and back: what the plan writes, training reads. Imports no torch."""

from __future__ import annotations

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.workload import Workload
from results.records.spec import WorkloadSpec

ADDED = ("name", "dataset_sha256", "data")
"""What the spec has beside the workload's own fields, for the identity's sake."""
LATER = ("drain_every", "activations", "like", "evaluate_every")
"""Fields younger than runs that are kept, which stay the same experiment: the spec has those that are set."""


def workload_spec(work: Workload, known: DataCard, sha256: str) -> WorkloadSpec:
    """sha256: of the data, "" where there is none yet."""
    added = {"dataset_sha256": sha256, "data": known.identity()}
    unset = {name for name in LATER if getattr(work, name) == Workload.model_fields[name].default}
    return WorkloadSpec.model_validate({"name": work.name, **work.model_dump(mode="json", exclude=unset), **added})


def workload_of(spec: WorkloadSpec) -> Workload:
    """Raises pydantic's ValidationError where the spec is of a version with other settings."""
    return Workload.model_validate(spec.document(without=ADDED))
