"""Trains runs in parallel processes: a pool, its processes, and their messages."""
