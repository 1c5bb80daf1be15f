"""The virtual clock: a discrete-event simulation of N devices, with the true numerics."""
