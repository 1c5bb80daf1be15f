"""What a run is called in MLflow: short, since its charts show some fifteen letters of a name, and its lists few more.

The row's whole name stands in the parameter `row`, and in words at the head of the run's page.
"""

from __future__ import annotations

import re

_SETTING = re.compile(r"([\w.]+)=(\([^)]*\)|[^,]*)")
_NUMBER = re.compile(r"[-+.\deE]+|\([-+.,\deE]+\)")


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
