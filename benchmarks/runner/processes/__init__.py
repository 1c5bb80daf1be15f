"""Runs side by side in processes of their own: a pool, its processes, what they tell each other."""
