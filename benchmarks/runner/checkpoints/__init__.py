"""Checkpoints of a run: their files, and when to write them. Imports no torch."""
