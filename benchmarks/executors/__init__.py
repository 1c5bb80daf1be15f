"""Carry effects out, and decide what time means: on a virtual clock, or on threads.

What a method may see of a team, its replicas, layers, steps and gradients are the protocols of methods/effects.py.
Executors see a `Team` (team.py), whose records and accounts (accounting.py) have tickets, versions and staleness. There
are two, with tensors (numerics/team.py) and without (`SimulatedTeam`); an executor cannot tell the one from the other.
"""
