"""Parses `--set` and `--method` into settings, sweeps and rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args, get_origin

import methods
from benchmarks.analyses.registry import IDS as ANALYSES
from benchmarks.analyses.registry import analysis
from benchmarks.errors import UserError
from benchmarks.runner.choices import Sweep
from benchmarks.tables.naming import OF_THE_TABLE, pieces
from benchmarks.workloads.workload import PARTS, Workload
from methods.errors import unknown_method

Fixed = dict[str, dict[str, str]]


def settings(texts: Iterable[str]) -> tuple[Fixed, tuple[Sweep, ...]]:
    """Parses --set: 'async_lu.queue=3' -> {"async_lu": {"queue": "3"}}; an option with several values is a sweep.

    Raises UserError or MethodError for what is no setting, or takes no such value.
    """
    values_of: dict[tuple[str, str], list[str]] = {}
    for setting in texts:
        owner, key, value = _parse_setting(setting)
        if owner in ANALYSES and (owner, key) in values_of:
            raise UserError(f"--set {owner}.{key} is given twice: give it once, several values as {owner}.{key}=1,2.")
        values_so_far = values_of.setdefault((owner, key), [])
        values_so_far += [new_value for new_value in _values(owner, key, value) if new_value not in values_so_far]
    fixed: Fixed = {}
    sweeps = []
    for (owner, key), values in values_of.items():
        if len(values) == 1:
            fixed.setdefault(owner, {})[key] = values[0]
        else:
            one_by_one = tuple(f"({value})" if len(pieces(value)) > 1 else value for value in values)
            sweeps.append(Sweep(owner, key, one_by_one))
    return fixed, tuple(sweeps)


def _parse_setting(setting: str) -> tuple[str, str, str]:
    name, equals, value = setting.partition("=")
    owner, dot, key = name.strip().partition(".")
    if not (equals and dot and owner and key):
        raise UserError(f"--set {setting}: write method.option=value or workload.field=value.")
    owners = ("workload", *methods.names(), *ANALYSES)
    if owner not in owners:
        raise UserError(unknown_method(owner, owners))
    if owner == "workload" and key in OF_THE_TABLE:
        raise UserError(f"--set {setting}: {OF_THE_TABLE[key]}.")
    return owner, key, value.strip()


def _values(owner: str, key: str, text: str) -> list[str]:
    """Splits a value at commas, unless the setting takes a list. Raises as `settings`."""
    parts = pieces(text)
    if owner in ANALYSES:
        analysis(owner).options({key: text})  # complains about the option or its value at once
        return [text]
    if owner == "workload":
        return parts if not _takes_a_list(key) or any(part[:1] in ("(", "[") for part in parts[1:]) else [text]
    try:
        methods.check_option(owner, key, text)
        return [text]
    except methods.MethodError:
        for part in parts:
            methods.check_option(owner, key, part)
        return parts


def _takes_a_list(key: str) -> bool:
    """Returns whether a field of the workload, such as schedule.milestones, is a list."""
    first, _, inner = key.partition(".")
    fields = PARTS[first].model_fields if inner and first in PARTS else Workload.model_fields
    kind = fields[inner or first].annotation if (inner or first) in fields else None
    return any(get_origin(part) is tuple for part in (kind, *get_args(kind)))


def rows(texts: Iterable[str]) -> list[str]:
    """Splits --method into rows: ["bp,lapsgd@updaters=2,batch=128"] -> ["bp", "lapsgd@updaters=2,batch=128"]."""
    names: list[str] = []
    for part in (part for text in texts for part in pieces(text) if part):
        if names and "@" in names[-1] and "=" in part and "@" not in part:
            names[-1] += f",{part}"
        else:
            names.append(part)
    return names


def check_sweeps(sweeps: Sequence[Sweep], chosen: Sequence[str], analyses: Sequence[str]) -> None:
    """Raises UserError for a sweep without effect. chosen: methods and rows of --method; analyses: those chosen.

    An analysis takes one value of an option.
    """
    for sweep in sweeps:
        option = f"--set {sweep.name}={sweep.text}"
        if sweep.owner == "workload":
            continue
        if analyses:
            raise UserError(f"{option}: {analyses[0]} is an analysis and takes one value; name tables alone.")
        if chosen and sweep.owner not in {name.partition("@")[0] for name in chosen}:
            raise UserError(f"{option}: --method leaves {sweep.owner} out; add --method {sweep.owner}.")
