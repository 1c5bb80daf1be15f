"""Chooses how idle OpenMP threads wait. A process reads the policy when it starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Literal

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.team import SimulatedTeam
from benchmarks.hardware.cores import usable_cores
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.memory import variables
from benchmarks.workloads.networks.names import NETWORKS, layer_names

VARIABLE = "OMP_WAIT_POLICY"
LAYERS = 256
"""Layers assumed of a user's network: a method may have up to one updater per layer."""


def wait_policy(jobs: int, threads: int, cores: int) -> Literal["PASSIVE"] | None:
    """Returns the policy for `jobs` simultaneous callers of torch with `threads` each; None: the runtime's default.

    Threads that spin while waiting resume at once, which narrow layers need, as long as each has a core; otherwise they
    take cores from threads that compute. OpenMP makes a team of threads per calling thread, but only for more than one
    thread: callers of one thread each have nothing that could spin.
    """
    return "PASSIVE" if threads > 1 and jobs * threads > cores else None


def callers(method: methods.Method, *, simulated: bool, network: str = "", blocks: Sequence[int] | None = None) -> int:
    """Returns how many threads call torch at once: all workers on real threads, one on a simulated clock."""
    if simulated:
        return 1
    names = layer_names(network, blocks) if network in NETWORKS else map(str, range(LAYERS))
    layers, replicas = [(name, 1) for name in names], method.replicas
    team = SimulatedTeam.of(layers, replicas=replicas, steps_per_epoch=replicas, network=network)
    workers = list(method.workers(team))
    for worker in workers:
        worker.program.close()
    return len(workers)


def policy_of(run: Run, jobs: int) -> str | None:
    """Returns the policy for a process that trains the run beside jobs - 1 others; the user's variable comes first."""
    work, spec = run.work, run.spec
    threads = work.threads
    if threads == 1 or os.environ.get(VARIABLE):
        return os.environ.get(VARIABLE) or None
    method = methods.recorded(spec.method.name, spec.method.options)
    simulated = executors.executor(spec.executor).simulated
    callers_per_run = callers(method, simulated=simulated, network=work.network, blocks=work.blocks)
    return wait_policy(jobs * callers_per_run, threads, usable_cores())


def applied(policy: str | None) -> contextlib.AbstractContextManager[None]:
    """Sets the policy within the block for new processes and a first import of torch, unless the user has set one."""
    return variables({VARIABLE: policy} if policy is not None and not os.environ.get(VARIABLE) else {})
