"""Where runs are trained: an engine each. `local` is the pool of this machine; `slurm` asks a cluster for jobs."""
