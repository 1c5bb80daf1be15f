"""Carry effects out, and decide what time means: on a virtual clock, or on threads.

What a method may see of a team, its replicas, layers, steps and gradients are the protocols of methods/effects.py.
Executors see a `Team` (team.py), whose accounts (accounting.py) have tickets, versions and staleness; with tensors it
is numerics/team.py's. To follow an update read virtual/executor.py, team.py, numerics/team.py, numerics/layer.py.
"""
