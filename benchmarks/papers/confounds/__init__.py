"""Differences between a table's rows besides their methods: as run here, and as published."""
