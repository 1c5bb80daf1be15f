"""Names of tracked runs: short, and apart for runs of one row under unlike settings.

A run's own name ("async_lu ours, resnet18, 3 seeds") says nothing of settings. Those in which the groups of an
experiment differ come after the row, as few as tell them apart: "async_lu epochs=3 ours, resnet18, 3 seeds".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Params = Mapping[str, str]

DATASET = "workload.dataset"
FIRST = (DATASET, "executor", "hardware.name", "device", "gpu", "workload.epochs", "workload.batch")
"""Params that are said before others that differ as well, which may follow from them."""
AS_THEY_ARE = (DATASET, "executor", "hardware.name", "device", "gpu")
"""Params whose values say what they are."""
LAST = ("torch", "numerics", "sources")
NOT_SETTINGS = ("source", "network", "row", "seed")

_SETTING = re.compile(r"([\w.]+)=(\([^)]*\)|[^,]*)")
_NUMBER = re.compile(r"[-+.\deE]+|\([-+.,\deE]+\)")
_COUNT = re.compile(r", (\d+ seeds?|no finished run)")
_DIGEST = re.compile(r"[0-9a-f]{40,}")


def short(row: str) -> str:
    """ "lapsgd u2 b128" of "lapsgd@updaters=2,batch=128": initials before numbers, and of words the last part alone.

    "bp lr0.04" of "bp@workload.schedule.lr=0.04", "bp stem=cifar" as it is; two rows of a table may share such a name
    only where options with the same initials have the same number.
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
    """Words that tell the groups of an experiment apart, by their keys; "" of one that is alone under its name.

    groups: the name without such words, and the params, of each. All say their data where two data sets meet.
    """
    data = {params[DATASET] for _, params in groups.values() if DATASET in params}
    alike: dict[str, list[str]] = {}
    for key, (name, _) in groups.items():
        alike.setdefault(_COUNT.sub("", name), []).append(key)
    found: dict[str, str] = {}
    for keys in alike.values():
        params = [groups[key][1] for key in keys]
        said = _telling(params, [DATASET] if len(data) > 1 else [])
        found |= {
            key: " ".join(_word(name, its[name]) for name in said if name in its)
            for key, its in zip(keys, params, strict=True)
        }
    return found


def with_settings(name: str, row: str, words: str) -> str:
    """The name with such words after its row."""
    head = short(row)
    return f"{head} {words}{name.removeprefix(head)}" if words and name.startswith(head) else name


def without_settings(name: str, row: str, words: str) -> str:
    """The name as it was before `with_settings`."""
    head = short(row)
    return f"{head}{name.removeprefix(f'{head} {words}')}" if words and name.startswith(f"{head} {words}") else name


def _telling(groups: Sequence[Params], said: Sequence[str]) -> list[str]:
    """Returns names of params: those that are said, and more as long as one parts groups that are not apart yet."""
    names = sorted({name for params in groups for name in params} - {*NOT_SETTINGS}, key=_rank)
    chosen = list(said)
    while (apart := _classes(groups, chosen)) < len(groups):
        best = max(names, key=lambda name: _classes(groups, [*chosen, name]))
        if _classes(groups, [*chosen, best]) == apart:
            break
        chosen.append(best)
    return chosen


def _classes(groups: Sequence[Params], names: Sequence[str]) -> int:
    return len({tuple(params.get(name) for name in names) for params in groups})


def _rank(name: str) -> tuple[int, int, str]:
    if name in FIRST:
        return 0, FIRST.index(name), name
    digest = name.rpartition(".")[2].endswith("sha256")
    return (3 if name in LAST else 2 if digest else 1), 0, name


def _word(name: str, value: str) -> str:
    value = value[:8] if _DIGEST.fullmatch(value) else "none" if value == "null" else value
    return value if name in AS_THEY_ARE else f"{name.rpartition('.')[2]}={value}"
