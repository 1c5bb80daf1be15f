"""A process per device: each rank carries out its own device's workers on threads, and meets the others by messages."""
