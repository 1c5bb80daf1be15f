"""Engines that train runs: `local` is this machine's process pool, `slurm` submits jobs to a cluster."""
