"""Describes the environment of a run: recorded with every run, part of no identity."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.checkout import CHECKOUT, DISTRIBUTION, INSTALLED, git, is_tracked
from benchmarks.hardware.cores import usable_cores
from benchmarks.runner import gpus, numerics
from results.records import identity

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "mlflow", "pandas")
SETTINGS = (
    "OMP_WAIT_POLICY",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "LD_PRELOAD",
    "BENCHMARKS_SYSTEM_METRICS",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_CBWR",
)
"""Variables that change a run's speed, or the bits of its numbers."""
MAPS = Path("/proc/self/maps")
PRELOADED = ("libtcmalloc", "libjemalloc", "libmimalloc")


def describe(device: str = "cpu") -> dict[str, Any]:
    """Returns machine, packages, variables, commit, digest of the numerics' files, and command line, as JSON.

    Unknown facts are None or left out. device: "cuda" adds the GPUs, their driver and torch's CUDA. Raises UserError as
    `gpus.detect`.
    """
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_name(),
        "cores": os.cpu_count() or 1,
        **({"gpu": gpus.describe()} if device == "cuda" else {}),
        "packages": {name: version_of for name in PACKAGES if (version_of := package(name))},
        **of_process(),
        **origin(),
        "sources": numerics.digest(),
        "command": ["python", "-m", "benchmarks", *sys.argv[1:]],
    }


def of_process() -> dict[str, Any]:
    """Returns variables and OpenMP wait policy of this process, which may differ from the command's."""
    return {
        "variables": {name: os.environ[name] for name in SETTINGS if name in os.environ},
        "wait_policy": os.environ.get("OMP_WAIT_POLICY") or "the runtime's default",
    }


def of_training() -> dict[str, Any]:
    """Returns a training process's environment: also its allocator, usable cores, and torch's instruction set.

    The bits of a run depend on the instruction set (such as AVX512), which the CPU's name need not tell. taskset and
    cgroups may leave fewer usable cores than there are.
    """
    import torch

    return {
        **of_process(),
        "allocator": allocator(),
        "usable_cores": usable_cores(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def allocator() -> str:
    """File name of the preloaded allocator; without one the C library and its version."""
    with contextlib.suppress(OSError):
        names = (line.rpartition("/")[2] for line in MAPS.read_text(encoding="utf-8").splitlines())
        if loaded := next((name for name in names if name.startswith(PRELOADED)), None):
            return loaded
    return " ".join(filter(None, platform.libc_ver())) or "the C library's"


def origin() -> dict[str, Any]:
    """Returns the commit of the sources, or version of the wheel, and whether they were modified; None if unknown."""
    if INSTALLED:
        return {"commit": f"wheel {release()}", "modified": False}
    if not is_tracked():
        return {"commit": None, "modified": None}
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "modified": None if changed is None else bool(changed)}


def version() -> str:
    """Describes the versions of the suite and of torch, with the checkout's commit, in a line."""
    source = " (wheel)" if INSTALLED else f", commit {checkout() or 'unknown'}"
    return f"{DISTRIBUTION} {release()}{source}, torch {package('torch') or 'not installed'}"


@cache
def release() -> str:
    """Version of the suite."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def package(name: str) -> str:
    """Version of an installed package; "" if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


@cache
def checkout() -> str:
    """Describes the commit or wheel in use, as `results.frames.commit` describes a run's; "" if unknown."""
    return identity.checkout(**origin())


def real_devices(device: str) -> int:
    """Number of devices that real threads share: this machine's cores, or one GPU."""
    return 1 if device == "cuda" else os.cpu_count() or 1


@cache
def cpu_name() -> str:
    """Model of the processor if the system tells it; else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
