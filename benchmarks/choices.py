"""What the command line said, turned into checked choices. Imports no torch; raises UserError or MethodError."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import methods
from benchmarks import hardware
from benchmarks.data.cards import card
from benchmarks.data.cifar import locate
from benchmarks.errors import UserError
from benchmarks.plan import EXECUTORS, Choices, Run
from benchmarks.tables import IDS, Table, table
from benchmarks.workloads import NETWORKS, SCALES

DEFAULT_CARD = "paper-a"


def split(values: Iterable[str]) -> list[str]:
    """["a,b", "c"] -> ["a", "b", "c"]."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def one_of(what: str, given: str, known: Sequence[str]) -> str:
    if given not in known:
        raise UserError(methods.unknown(what, given, known))
    return given


def chosen_tables(names: Sequence[str]) -> list[Table]:
    if not names:
        raise UserError(f"Name at least one table: {', '.join(IDS)}.")
    return [table(name) for name in dict.fromkeys(split(names))]


def choose(
    *,
    scale: str,
    seeds: int,
    method: Sequence[str],
    network: Sequence[str],
    executor: str,
    hardware_name: str | None,
    device: str,
    settings: Sequence[str],
    plugins: Sequence[Path],
    out: Path,
    tables: Sequence[Table],
) -> Choices:
    plugin_methods = [name for path in plugins for name in methods.load_plugin(path)]
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: give the number of seeds, 1 or more.")
    one_of("executor", executor, EXECUTORS)
    if executor == "threads" and hardware_name:
        raise UserError("--hardware is for the virtual executor; real threads run on this machine's own hardware.")
    keys = {row.key for one in tables for row in one.rows}
    return Choices(
        scale=one_of("scale", scale, SCALES),
        seeds=seeds,
        methods=tuple(one_of("method", name, sorted({*methods.names(), *keys})) for name in split(method)),
        networks=tuple(one_of("network", name, NETWORKS) for name in split(network)),
        executor=executor,
        card=hardware.load(hardware_name or DEFAULT_CARD, out=out) if executor == "virtual" else None,
        device=usable_device(device),
        settings=_settings(settings),
        plugins=tuple(path.resolve() for path in plugins),
        plugin_methods=tuple(plugin_methods),
    )


def _settings(settings: Sequence[str]) -> dict[str, dict[str, str]]:
    """'async_lu.backward_workers=3' -> {"async_lu": {"backward_workers": "3"}}."""
    parsed: dict[str, dict[str, str]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        owner, dot, key = name.strip().partition(".")
        if not (equals and dot and owner and key):
            raise UserError(f"--set {setting}: write method.option=value or workload.field=value.")
        owners = ("workload", *methods.names())
        if owner not in owners:
            raise UserError(methods.unknown("method", owner, owners))
        if owner != "workload":
            methods.create(owner, {key: value.strip()})  # complains about the option or its value at once
        parsed.setdefault(owner, {})[key] = value.strip()
    return parsed


def usable_device(device: str) -> str:
    one_of("device", device, ("cpu", "cuda", "auto"))
    # A driver's device file costs nothing to look for; torch is asked only where there is one.
    present = any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd"))
    usable = False
    if device != "cpu" and present:
        import torch

        usable = torch.cuda.is_available()
    if device == "cuda" and not usable:
        raise UserError("--device cuda: no CUDA device is usable here; `python -m benchmarks doctor` says why.")
    return "cuda" if usable else "cpu"


def check_data(runs: Iterable[Run], folder: Path | None) -> None:
    """Complain before anything starts if an explicitly named folder lacks the data."""
    if folder is None:
        return
    if not folder.expanduser().is_dir() and not folder.expanduser().is_file():
        raise UserError(f"--data {folder}: there is no such folder.")
    for name in dict.fromkeys(str(run.spec["workload"]["dataset"]) for run in runs):
        known = card(name)
        if known.download is not None and locate(known, folder=folder) is None:
            raise UserError(
                f"{known.title} is missing: looked for {known.download.folder}/ and {known.download.archive} in "
                f"{folder}; {known.obtain}."
            )


def check_out(out: Path) -> None:
    """Raises UserError when nothing can be written there."""
    probe = out / f".writable-{os.getpid()}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(f"--out {out} cannot be written ({error.strerror}): name another folder.") from error
