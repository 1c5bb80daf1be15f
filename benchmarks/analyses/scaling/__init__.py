"""A thousand devices, simulated: what an epoch takes as devices grow, and what staleness then does to accuracy."""

from benchmarks.analyses.scaling.analysis import ANALYSIS as ANALYSIS
