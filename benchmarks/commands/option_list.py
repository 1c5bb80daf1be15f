"""Lists the options of --set as their classes declare them: `show METHOD`, `show workload`, `list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

import methods
from benchmarks.tables.naming import OF_THE_TABLE
from benchmarks.workloads.workload import Workload

WORKLOAD = "workload"
OPEN = "by table"
"""Shown as default where the scale or the table decides."""

DESCRIPTIONS = {
    "dataset": "a data card's name",
    "test_samples": "a balanced part of the test split; none: all",
    "augment": "whether training images are cropped and mirrored, as the data card says",
    "stem": "the network's first layers: for small images, or torchvision's",
    "blocks": "of each stage of a ResNet; none: as published",
    "epochs": "at most: a run ends earlier after `patience` epochs without a better value",
    "optimizer.name": "one per layer; muon: of matrices between the first layer and the last, adamw beside it",
    "optimizer.weight_decay": "per update, of the live parameters",
    "optimizer.nesterov": "Nesterov's momentum, of SGD, LARS and Muon",
    "schedule.kind": "after the warm-up",
    "schedule.lr": "the highest learning rate",
    "schedule.warm_up_epochs": "epochs of the warm-up",
    "schedule.warm_up_lr": "the learning rate of the warm-up, or at its start",
    "schedule.after_t_max": "the cosine rises again as torch's does, or stays at its floor",
    "schedule.gamma": "what multistep multiplies the learning rate by",
}
"""Descriptions of options whose declaration has none."""


@dataclass(frozen=True)
class Option:
    """An option in words. default: "by table" where a table or scale decides."""

    name: str
    values: str
    default: str
    description: str


def options(declared: Any) -> list[Option]:
    """Returns the options of a pydantic model or dataclass; those of its parts have dotted names."""
    schema = TypeAdapter(declared).json_schema()
    return list(_options(schema, schema.get("$defs", {}), ""))


def show_options(owner: str, console: Console) -> None:
    """Prints all that --set OWNER.OPTION=VALUE reaches. owner: a method's name, or "workload"."""
    if owner == WORKLOAD:
        declared: Any = Workload
        title = "what rows of a table share; a default holds where neither the scale nor the table says another value"
    else:
        method = methods.method_class(owner)
        declared, title = method.Options, f"{method.title} ({method.source})"
    console.print(f"[bold]{owner}[/]: {escape(title)}", highlight=False)
    console.print(f"Options (--set {owner}.OPTION=VALUE)", highlight=False)
    grid = Grid("option", "values", "default", "what it is", box=None, padding=(0, 2, 0, 0))
    for option in options(declared):
        if owner == WORKLOAD and option.name in OF_THE_TABLE:
            continue
        grid.add_row(*map(escape, (option.name, option.values, option.default, option.description)))
    console.print(grid)


def method_options(names: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yields each option of these methods once: name, default, description, and the methods that have it so."""
    owners: dict[Option, list[str]] = {}
    for name in names:
        for option in options(methods.method_class(name).Options):
            owners.setdefault(option, []).append(name)
    for option, methods_with_it in owners.items():
        yield (
            option.name,
            option.default,
            option.description,
            "all" if len(methods_with_it) == len(names) else ", ".join(methods_with_it),
        )


def _options(schema: Mapping[str, Any], parts: Mapping[str, Any], prefix: str) -> Iterator[Option]:
    for name, field in schema.get("properties", {}).items():
        part = _part(field, parts)
        if part is not None:
            yield from _options(part, parts, f"{prefix}{name}.")
        else:
            default = _words(field["default"]) if "default" in field else OPEN
            description = field.get("description") or DESCRIPTIONS.get(prefix + name, "")
            yield Option(prefix + name, _values(field, parts), default, description)


def _part(field: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the object that a field holds, if it holds one."""
    choices = (_resolved(choice, parts) for choice in field.get("anyOf", [field]))
    return next((choice for choice in choices if "properties" in choice), None)


def _resolved(field: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    return parts[field["$ref"].rsplit("/", 1)[-1]] if "$ref" in field else field


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_words, value)) or "()"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _values(field: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    field = _resolved(field, parts)
    if "anyOf" in field:
        return " or ".join(_values(choice, parts) for choice in field["anyOf"])
    if "enum" in field or "const" in field:
        return " or ".join(map(_words, field.get("enum", [field.get("const")])))
    kinds = {"boolean": "true or false", "null": "none", "string": "a name", "integer": "a whole number"}
    if field.get("type") == "array":
        items = field.get("items") or (field.get("prefixItems") or [{}])[0]
        return f"several, by commas: {_values(items, parts)}"
    return kinds.get(str(field.get("type")), "a number") + _limits(field)


def _limits(field: Mapping[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = " ".join(f"{word} {_limit(field[limit])}" for limit, word in words.items() if limit in field)
    return f" {limits}" if limits else ""


def _limit(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
