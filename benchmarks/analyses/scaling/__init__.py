"""Up to 1,024 simulated devices: seconds of an epoch, share of waiting, and accuracy under staleness."""

from benchmarks.analyses.scaling.analysis import ANALYSIS as ANALYSIS
