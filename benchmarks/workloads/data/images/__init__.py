"""Data sets of images: in memory, or decoded from folders."""
