"""Executors in real time, on threads: one that runs methods, one that also records, for replays."""
