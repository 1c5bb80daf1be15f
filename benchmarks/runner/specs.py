"""Converts workloads to their form in specs, and back. Imports no torch."""

from __future__ import annotations

from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.workload import Workload
from methods.later import filled_in, left_out
from results.records.spec import WorkloadSpec

ADDED = ("name", "dataset_sha256", "data")
"""Fields of the spec that are not the workload's own; they are part of the identity."""


def workload_spec(work: Workload, card: DataCard, sha256: str) -> WorkloadSpec:
    """The workload for a spec. sha256: of the data; "" for data that are not here yet."""
    added = {"dataset_sha256": sha256, "data": card.identity()}
    said = work.model_dump(mode="json", exclude=left_out(work))
    return WorkloadSpec.model_validate({"name": work.name, **said, **added})


def workload_of(spec: WorkloadSpec, own: Own = NONE) -> Workload:
    """The workload of a spec. Raises pydantic's ValidationError for a spec with unknown settings or files."""
    return Workload.model_validate(filled_in(Workload, spec.document(without=ADDED)), context={"own": own})
