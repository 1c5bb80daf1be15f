"""Figure 1 of paper A: who computes what when, as a timeline of the virtual clock."""

from benchmarks.analyses.figure1.analysis import ANALYSIS as ANALYSIS
