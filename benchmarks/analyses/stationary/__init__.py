"""Section 5 of paper A: the stationary densities of asynchronous SGD on potentials of one parameter."""

from benchmarks.analyses.stationary.analysis import ANALYSIS as ANALYSIS
