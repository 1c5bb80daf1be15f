"""A recorded schedule, carried out again in one thread."""
