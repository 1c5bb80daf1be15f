"""Makes the user's own files known in a process. Imports torch where there is a network or a task among them."""

from __future__ import annotations

from benchmarks.workloads.own import OwnFiles


def load(files: OwnFiles) -> None:
    """Raises UserError where one of them fails."""
    if files.networks:
        from benchmarks.workloads.networks import own

        for word in files.networks:
            own.load(word)
    if files.task is not None:
        from benchmarks.workloads.tasks import own as own_task

        own_task.load(files.task)
    if files.data is not None:
        from benchmarks.workloads.data import own_card

        own_card.load(files.data)
