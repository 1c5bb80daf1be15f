"""Checkpoints of a run: their files, and when these are written. Imports no torch."""
