"""Carry effects out, and decide what time means: on a virtual clock, or on threads."""
