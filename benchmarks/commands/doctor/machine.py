"""The doctor on processors, devices and threads."""

from __future__ import annotations

import os
import platform
import shutil

from benchmarks.commands.doctor.check import Check
from benchmarks.errors import UserError
from benchmarks.hardware.cores import usable_cores


def processors() -> Check:
    """Checks how many cores this process may use."""
    return Check("processors", True, f"{usable_cores()} of {os.cpu_count()} usable, {platform.machine()}")


def cuda() -> Check:
    """Checks the CUDA devices, and whether torch finds those that the driver has."""
    try:
        import torch
    except Exception:
        return Check("CUDA", False, "cannot be asked while torch does not load", "mend torch first")
    if torch.cuda.is_available():
        return _gpus()
    if shutil.which("nvidia-smi") is None:
        return Check("CUDA", True, "no device: runs train on the CPU", absent=True)
    mend = "install a driver that is new enough for this torch, or a torch that was built for CUDA"
    return Check("CUDA", False, "nvidia-smi is here, but torch finds no device", mend)


def _gpus() -> Check:
    """Checks the GPUs: whether they are equal, their memory, the driver, and TF32 as it is before a run sets it."""
    import torch

    from benchmarks.runner import gpus

    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    devices = ", ".join(f"{gpu.name} ({gpu.total_memory / 2**30:.0f} GiB)" for gpu in properties)
    flags = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    products, convolutions = ("on" if flag else "off" for flag in flags)
    tf32 = f"TF32 {products} for products, {convolutions} in cuDNN until a run's precision sets both"
    detail = f"{len(properties)}: {devices}; driver {gpus.driver() or 'not told by nvidia-smi'}; {tf32}"
    try:
        gpus.found()
    except UserError as error:
        return Check("CUDA", False, detail, str(error))
    return Check("CUDA", True, detail)


def threads() -> Check:
    """Checks how OpenMP's idle threads will wait, and why; a user's OMP_WAIT_POLICY overrides our choice."""
    if policy := os.environ.get("OMP_WAIT_POLICY"):
        detail = f"OMP_WAIT_POLICY={policy} is set, so every process keeps to it, whatever number of threads it has"
        mend = "unset OMP_WAIT_POLICY: each process then gets the policy that fits its threads"
        return Check("threads", False, detail, mend)
    cores = usable_cores()
    detail = (
        f"{cores} cores: idle OpenMP threads wait by the runtime's default, which spins, as long as each has a core; "
        f"beyond {cores} threads in all runs at a time together, passively; runs of 1 thread have none that waits"
    )
    return Check("threads", True, detail)
