"""Naming a group of a table's rows by as few words as tell it from the others."""

from __future__ import annotations

from collections.abc import Sequence


def named(group: Sequence[str], everyone: Sequence[str]) -> str:
    """Rows by as few words as tell them from the others: a method's title alone where all of its rows are meant."""
    by_words: dict[str, list[str]] = {}
    for title in dict.fromkeys(label.split(", ")[0] for label in group):
        mine = [_parts(label) for label in group if label.split(", ")[0] == title]
        others = [_parts(label) for label in everyone if label.split(", ")[0] == title and label not in group]
        for words in _distinguishing(mine, others):
            by_words.setdefault(words, []).append(title)
    return " / ".join(f"{', '.join(titles)}{f' with {words}' if words else ''}" for words, titles in by_words.items())


def _parts(label: str) -> tuple[str, ...]:
    return tuple(label.split(", ")[1:])


def _distinguishing(mine: Sequence[tuple[str, ...]], others: Sequence[tuple[str, ...]]) -> list[str]:
    """One phrase for all of them if one will do, else one for each."""
    if not others:
        return [""]
    shared = [part for part in mine[0] if all(part in parts for parts in mine)]
    for part in shared:
        if not any(part in parts for parts in others):
            return [part]
    if shared and not any(set(shared) <= set(parts) for parts in others):
        return [", ".join(shared)]
    constant = set.intersection(*map(set, [*mine, *others]))
    return [", ".join(part for part in parts if part not in constant) for parts in mine]
