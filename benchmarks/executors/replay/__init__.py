"""The replay executor: repeats a run that was recorded on threads, with the same numbers."""
