"""Every method x executor: an epoch that is not used up fails, and what a method drops it declares."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.executors.errors import EpochUnfinished
from methods import Drop, Effect, NextBatch, Program, Team, Update, Worker
from tests.conformance.small import Small

Phrase = Callable[[Effect], Generator[Effect, Any, Any]]
LAYERS = 4


def rewritten(worker: Worker, phrase: Phrase) -> Worker:
    """The worker, with each of its effects said in other words."""

    def program() -> Program:
        value = None
        while True:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            value = yield from phrase(effect)

    return replace(worker, program=program())


@pytest.fixture
def trained(method: str, executor: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Phrase]], Small]:
    """Trains an epoch whose workers say their effects in other words, each in its own."""

    def train(phrase: Callable[[], Phrase]) -> Small:
        training = Small(method, executor=executor)
        workers = training.method.workers

        def others(team: Team) -> list[Worker]:
            return [rewritten(worker, phrase()) for worker in workers(team)]

        monkeypatch.setattr(training.method, "workers", others)
        training.epoch(0)
        return training

    return train


Trained = Callable[[Callable[[], Phrase]], Small]


def one_batch() -> Phrase:
    """At most, then none."""
    left = 1

    def phrase(effect: Effect) -> Generator[Effect, Any, Any]:
        nonlocal left
        if isinstance(effect, NextBatch):
            left -= 1
            return (yield effect) if left >= 0 else None
        return (yield effect)

    return phrase


def another_first_batch(drop: bool) -> Callable[[], Phrase]:
    """The first batch leads to nothing, which is declared or not."""

    def made() -> Phrase:
        first = True

        def phrase(effect: Effect) -> Generator[Effect, Any, Any]:
            nonlocal first
            value = yield effect
            if isinstance(effect, NextBatch) and first and value is not None:
                first = False
                if drop:
                    yield Drop(value)
                value = yield effect
            return value

        return phrase

    return made


def no_updates(drop: bool) -> Callable[[], Phrase]:
    def phrase(effect: Effect) -> Generator[Effect, Any, Any]:
        if not isinstance(effect, Update):
            return (yield effect)
        for gradient in effect.gradients if drop else ():
            yield Drop(gradient)
        return None

    return lambda: phrase


def test_batches_that_nobody_takes(trained: Trained) -> None:
    with pytest.raises(
        EpochUnfinished, match=r"^Workers left an epoch unfinished: \d+ of [67] batches were never taken;"
    ):
        trained(one_batch)


def test_batches_that_lead_to_nothing(trained: Trained) -> None:
    with pytest.raises(EpochUnfinished, match=r"unfinished: \d of [67] batches led to no gradient;"):
        trained(another_first_batch(drop=False))


def test_gradients_that_nobody_applies(trained: Trained) -> None:
    with pytest.raises(EpochUnfinished, match=r"unfinished: (24|28) gradients were neither applied nor dropped;"):
        trained(no_updates(drop=False))


def test_declared_batches_are_counted(trained: Trained) -> None:
    training = trained(another_first_batch(drop=True))
    dropped = training.team.steps_per_epoch - len(training.team.losses)
    assert training.team.accounts.dropped >= dropped * LAYERS > 0
    assert training.team.accounts.dropped == dropped * LAYERS or training.method.drops_gradients


def test_declared_gradients_are_counted(trained: Trained) -> None:
    """Once, however many replicas they go to; those that a mean was made of are not dropped with it."""
    training = trained(no_updates(drop=True))
    assert training.team.accounts.dropped == training.team.steps_per_epoch * LAYERS


def test_nothing_is_dropped_otherwise(method: str, executor: str) -> None:
    """But for what a method says that it may drop."""
    training = Small(method, executor=executor)
    dropped = [metrics["dropped_gradients"] for metrics in training.train()]
    assert dropped == [0, 0, 0] or training.method.drops_gradients
