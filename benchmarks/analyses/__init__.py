"""Experiments that train no table: laws, timelines, timings, hyperparameters. One module each, with `ANALYSIS`."""
