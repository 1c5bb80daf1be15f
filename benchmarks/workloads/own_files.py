"""Makes the user's own networks and data known in a process. Imports torch where there are networks among them."""

from __future__ import annotations

from benchmarks.workloads.own import OwnFiles


def load(files: OwnFiles) -> None:
    """Raises UserError where one of them fails."""
    if files.networks:
        from benchmarks.workloads.networks import own

        for word in files.networks:
            own.load(word)
    if files.data is not None:
        from benchmarks.workloads.data import own_card

        own_card.load(files.data)
