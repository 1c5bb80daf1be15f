"""Differences between the rows of a table beside their methods: as run here, and as published."""
