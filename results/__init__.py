"""Measured and published results: records, tracking, statistics."""
