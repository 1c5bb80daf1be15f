"""Carry effects out, and decide what time means: on a virtual clock, or on threads.

What a method may see of a team, its replicas, layers, steps and gradients are the protocols of methods/effects.py.
`DryTeam`, `DryReplica`, ... (accounts.py) add what an executor keeps account of, tickets, versions and staleness;
`TorchTeam`, `TorchReplica`, ... (numerics/) the tensors. An executor cannot tell the one from the other.
"""
