"""Names tracked runs: short, but different for runs of one row with different settings.

A run's base name ("async_lu ours, resnet18, 3 seeds") has no settings. Those in which an experiment's groups differ are
inserted after the row, as few as tell them apart: "async_lu epochs=3 ours, resnet18, 3 seeds".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Params = Mapping[str, str]

DATASET = "workload.dataset"
FIRST = (DATASET, "executor", "hardware.name", "device", "gpu", "workload.epochs", "workload.batch")
"""Params that names use first, since other params may follow from them."""
AS_THEY_ARE = (DATASET, "executor", "hardware.name", "device", "gpu")
"""Params of which a name shows only the value."""
LAST = ("torch", "numerics", "sources")
NOT_SETTINGS = ("source", "network", "row", "seed")

_SETTING = re.compile(r"([\w.]+)=(\([^)]*\)|[^,]*)")
_NUMBER = re.compile(r"[-+.\deE]+|\([-+.,\deE]+\)")
_COUNT = re.compile(r", (\d+ seeds?|no finished run)")
_DIGEST = re.compile(r"[0-9a-f]{40,}")


def short(row: str) -> str:
    """Shortens a row's key: initials of options before numbers, else the last part of their names.

    short("lapsgd@updaters=2,batch=128")  # "lapsgd u2 b128"
    short("bp@workload.optimizer.name=adam")  # "bp name=adam"
    """
    method, _, settings = row.partition("@")
    return " ".join([method, *(_setting(name, value) for name, value in _SETTING.findall(settings))])


def _setting(name: str, value: str) -> str:
    last = name.rpartition(".")[2]
    if not _NUMBER.fullmatch(value):
        return f"{last}={value}"
    words = last.split("_")
    return f"{last if len(last) < 3 else ''.join(word[0] for word in words)}{value}"


def settings(groups: Mapping[str, tuple[str, Params]]) -> dict[str, str]:
    """Returns settings that tell an experiment's groups apart, by the groups' keys; "" where the name is unique.

    groups: name without settings, and params, of each. With two data sets in the experiment all groups name theirs.
    """
    data = {params[DATASET] for _, params in groups.values() if DATASET in params}
    alike: dict[str, list[str]] = {}
    for key, (name, _) in groups.items():
        alike.setdefault(_COUNT.sub("", name), []).append(key)
    words: dict[str, str] = {}
    for keys in alike.values():
        params = {key: groups[key][1] for key in keys}
        names = _distinguishing(list(params.values()), [DATASET] if len(data) > 1 else [])
        for key in keys:
            words[key] = " ".join(_word(name, params[key][name]) for name in names if name in params[key])
    return words


def with_settings(name: str, row: str, words: str) -> str:
    """Inserts settings into a name, after its row."""
    head = short(row)
    return f"{head} {words}{name.removeprefix(head)}" if words else name


def _distinguishing(groups: Sequence[Params], chosen: list[str]) -> list[str]:
    """Returns params that tell the groups apart, as few as possible, after those already chosen."""
    names = sorted({name for params in groups for name in params} - {*NOT_SETTINGS}, key=_rank)

    def classes(names: Sequence[str]) -> int:
        return len({tuple(params.get(name) for name in names) for params in groups})

    while (before := classes(chosen)) < len(groups):
        best = max(names, key=lambda name: classes([*chosen, name]))
        if classes([*chosen, best]) == before:
            break
        chosen.append(best)
    return chosen


def _rank(name: str) -> tuple[int, int, str]:
    if name in FIRST:
        return 0, FIRST.index(name), name
    digest = name.endswith("sha256")
    return (3 if name in LAST else 2 if digest else 1), 0, name


def _word(name: str, value: str) -> str:
    value = value[:8] if _DIGEST.fullmatch(value) else "none" if value == "null" else value
    return value if name in AS_THEY_ARE else f"{name.rpartition('.')[2]}={value}"
