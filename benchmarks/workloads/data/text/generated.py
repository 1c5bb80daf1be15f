"""Short generated reviews, standing in for IMDb where it is not at hand: templates filled with seeded choices.

A review has one or three opinions, of which its label is the majority, between sentences that say nothing. An opinion
may be negated ("not good"), or come after the opposite one ("bad, but good in the end"), so that counting good and bad
words gets only so far.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.random_keys import Chooser, Purpose
from benchmarks.workloads.data.text.reviews import Labelled, Reviews, fingerprint, ordered
from benchmarks.workloads.data.text.tokenizer import basic_english

SHORTEST, LONGEST = 8, 40
"""Tokens in a review."""

_ADJECTIVES = (
    "bad boring awful dull weak terrible clumsy tedious".split(),
    "good great lovely clever strong wonderful charming gripping".split(),
)
_VERBS = ("hated regretted disliked".split(), "loved enjoyed admired".split())
_THINGS = "film story cast ending music script acting camera".split()
_STRENGTHS = ("", "", "", "very ", "really ", "rather ")
_FACTS = (
    "We saw it on a {day}",
    "It runs for two hours",
    'The title is "{title}"',
    "The {thing} is by a newcomer",
    "My {friend} came along",
    "It was shot in {place} (mostly at night)",
)
_NAMES = {
    "day": "Monday Friday Sunday holiday".split(),
    "title": "Harbour Snowfall Ninety Lanterns".split(),
    "friend": "sister father neighbour friend".split(),
    "place": "Rome Lisbon Oslo Cairo".split(),
}
_ENDS = (". ", ". ", "! ", ".<br /><br />")
_CHOICES_PER_REVIEW = 96


def read(card: DataCard) -> Reviews:
    """Generates reviews, none of them twice, and checks them against the card's fingerprint.

    Raises UserError where they differ, because this module or the card was changed.
    """
    texts_seen: set[str] = set()
    train = _split(card.train_samples, Purpose.REVIEWS_TRAIN, texts_seen)
    reviews = ordered(train, _split(card.test_samples, Purpose.REVIEWS_TEST, texts_seen))
    if (sha256 := fingerprint(reviews)) != card.fingerprint:
        raise UserError(
            f"{card.title}: what was generated is not what the data card describes (sha256 {sha256}, the card says "
            f"{card.fingerprint}): restore the generator's file, or write that number into the card."
        )
    return reviews


def _split(samples: int, purpose: Purpose, texts_seen: set[str]) -> list[Labelled]:
    """Draws `samples` reviews, the classes in turn; skips those of `texts_seen`, and any too short or too long."""
    reviews: list[Labelled] = []
    number = 0
    while len(reviews) < samples:
        label = len(reviews) % 2
        text = _review(label, Chooser(_CHOICES_PER_REVIEW, purpose, number))
        number += 1
        if text not in texts_seen and SHORTEST <= len(basic_english(text)) <= LONGEST:
            texts_seen.add(text)
            reviews.append((label, text))
    return reviews


def _review(label: int, chooser: Chooser) -> str:
    opinions = [label] if chooser.below(2) else [label, label, label]
    if len(opinions) == 3 and chooser.below(2):
        opinions[chooser.below(3)] = 1 - label
    sentences = [_opinion(opinion, chooser) for opinion in opinions]
    for _ in range(1 + chooser.below(2)):
        sentences.insert(chooser.below(len(sentences) + 1), _fact(chooser))
    return "".join(sentence + chooser.of(_ENDS) for sentence in sentences).strip()


def _opinion(label: int, chooser: Chooser) -> str:
    thing = chooser.of(_THINGS)
    match chooser.below(10):
        case 0:
            return f"The {thing} was not {chooser.of(('', 'very '))}{_word(1 - label, chooser)}"
        case 1:
            return f"The {thing} was {_word(1 - label, chooser)} at first, but {_word(label, chooser)} in the end"
        case 2 | 3 | 4:
            return f"I {chooser.of(_VERBS[label])} the {thing}"
        case _:
            return f"The {thing} was {chooser.of(_STRENGTHS)}{_word(label, chooser)}"


def _word(label: int, chooser: Chooser) -> str:
    return chooser.of(_ADJECTIVES[label])


def _fact(chooser: Chooser) -> str:
    names: Iterator[tuple[str, str]] = ((kind, chooser.of(values)) for kind, values in _NAMES.items())
    return chooser.of(_FACTS).format(thing=chooser.of(_THINGS), **dict(names))
