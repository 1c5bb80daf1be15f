"""What was measured and what was published: records, tracking, statistics."""
