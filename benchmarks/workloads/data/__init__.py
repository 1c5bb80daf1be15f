"""Data: what a data set is (`cards`), its samples (`load`), and the random numbers that depend on a key alone.

`cards` needs no torch, so that commands which only name data sets start at once; `load` does.
"""
