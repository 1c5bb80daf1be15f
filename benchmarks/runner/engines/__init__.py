"""Engines that train runs. `local` is the pool of this machine; `slurm` asks a cluster for jobs."""
