"""A long generated text, standing in for Tiny Shakespeare where it is not at hand: scenes made by a small grammar.

A scene has two persons, a place and a thing that come again in its sentences; verbs agree with their subjects and
pronouns with the persons, and quotations end as they began. So a network gains from letters, words, sentences and
scenes in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.workloads.data.random_keys import Chooser, Purpose

_WOMEN = "Anna Clara Edith Helen Martha Rose".split()
_MEN = "Adam Bruno Edwin Henry Oscar Tom".split()
_VERBS = "clean count draw follow hide keep need paint remember sell".split()
_THINGS = "apple boat book candle horse lamp letter ring stone wheel".split()
_ADJECTIVES = "broken golden green heavy little new old quiet".split()
_PLACES = "garden harbour kitchen market mill station tower valley".split()
_TIMES = ("In the morning", "At noon", "In the evening", "At night", "Every Sunday")
_SENTENCES = (
    "{a} {verb}s the {adjective} {thing}.",
    "{b} {verb}s {b_his} {adjective} {other}, but {b_he} {verb2}s the {thing}.",
    "{time}, {a_he} {verb}s {a_his} {thing} in the {place}.",
    "The {adjective} {other}s of {b} are in the {place}, and {a} {verb}s them.",
    "{a} and {b} {verb} the {thing}s.",
    '"Do you {verb} the {thing}?" asked {a}. "No, {a}, I {verb} the {other}," said {b}.',
    "The {thing} is {adjective}, but the {other}s are {adjective2}.",
    "Does {b_he} {verb} {b_his} {thing}? {time}, {b} {verb}s it.",
)
_SHORTEST, _LONGEST = 3, 6  # sentences of a scene
_CHOICES_PER_SCENE = 5 + 1 + 7 * _LONGEST


class _Person(NamedTuple):
    name: str
    he: str
    his: str


def text(characters: int) -> str:
    """Generates `characters` characters of scenes, one paragraph each; the last is cut off."""
    paragraphs, size = list[str](), 0
    while size < characters:
        paragraphs.append("".join(_scene(Chooser(_CHOICES_PER_SCENE, Purpose.PROSE, len(paragraphs)))))
        size += len(paragraphs[-1])
    return "".join(paragraphs)[:characters]


def _scene(chooser: Chooser) -> Iterator[str]:
    a, b = _persons(chooser)
    names = {"a": a.name, "a_he": a.he, "a_his": a.his, "b": b.name, "b_he": b.he, "b_his": b.his}
    lasting = {"place": chooser.of(_PLACES), "thing": chooser.of(_THINGS)}
    yield f"In the {lasting['place']}: {a.name} and {b.name}.\n"
    for number in range(_SHORTEST + chooser.below(_LONGEST - _SHORTEST + 1)):
        words = {
            "verb": chooser.of(_VERBS),
            "verb2": chooser.of(_VERBS),
            "other": chooser.of(_THINGS),
            "adjective": chooser.of(_ADJECTIVES),
            "adjective2": chooser.of(_ADJECTIVES),
            "time": chooser.of(_TIMES),
        }
        sentence = chooser.of(_SENTENCES).format(**names, **lasting, **words)
        yield f"{' ' if number else ''}{sentence}"
    yield "\n\n"


def _persons(chooser: Chooser) -> tuple[_Person, _Person]:
    """Chooses a woman and a man, in either order, so that a pronoun has one meaning."""
    woman, man = _Person(chooser.of(_WOMEN), "she", "her"), _Person(chooser.of(_MEN), "he", "his")
    return (woman, man) if chooser.below(2) else (man, woman)
