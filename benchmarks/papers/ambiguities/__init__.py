"""Statements on which the papers contradict themselves or are silent, and the interpretation that a run uses."""
