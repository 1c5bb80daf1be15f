"""An epoch with unused batches or gradients fails unless the method has declared them dropped, on every executor."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.executors.errors import EpochUnfinished
from methods import Drop, Effect, NextBatch, Program, Update, Worker
from tests.conformance.small import Small

Phrase = Callable[[Effect], Generator[Effect, Any, Any]]
LAYERS = 4


def rewritten(worker: Worker, phrase: Phrase) -> Worker:
    """Returns the worker with each of its effects replaced by other effects."""

    def program() -> Program:
        value = None
        while True:
            try:
                effect = worker.program.send(value)
            except StopIteration:
                return
            value = yield from phrase(effect)

    return replace(worker, program=program())


def trained(method: str, executor: str, phrase: Callable[[], Phrase]) -> Small:
    """Trains an epoch whose workers have their effects replaced, each by its own function."""
    training = Small(method, executor=executor)
    workers = training.method.workers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training.method, "workers", lambda team: [rewritten(worker, phrase()) for worker in workers(team)]
        )
        training.epoch(0)
    return training


def one_batch() -> Phrase:
    """Gives each worker one batch at most, then None."""
    left = 1

    def phrase(effect: Effect) -> Generator[Effect, Any, Any]:
        nonlocal left
        if isinstance(effect, NextBatch):
            left -= 1
            return (yield effect) if left >= 0 else None
        return (yield effect)

    return phrase


def another_first_batch(drop: bool) -> Callable[[], Phrase]:
    """Leaves the first batch unused, with or without a Drop."""

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


def test_batches_that_nobody_takes(representative: str, executor: str) -> None:
    with pytest.raises(
        EpochUnfinished, match=r"^Workers left an epoch unfinished: \d+ of [67] batches were never taken;"
    ):
        trained(representative, executor, one_batch)


def test_batches_that_lead_to_nothing(representative: str, executor: str) -> None:
    with pytest.raises(EpochUnfinished, match=r"unfinished: \d of [67] batches led to no gradient;"):
        trained(representative, executor, another_first_batch(drop=False))


def test_gradients_that_nobody_applies(representative: str, executor: str) -> None:
    with pytest.raises(EpochUnfinished, match=r"unfinished: (24|28) gradients were neither applied nor dropped;"):
        trained(representative, executor, no_updates(drop=False))


def test_declared_batches_are_counted(representative: str, executor: str) -> None:
    training = trained(representative, executor, another_first_batch(drop=True))
    dropped = training.team.steps_per_epoch - len(training.team.losses)
    assert training.team.accounts.dropped >= dropped * LAYERS > 0
    assert training.team.accounts.dropped == dropped * LAYERS or training.method.drops_gradients


def test_declared_gradients_are_counted(method: str, executor: str) -> None:
    """Once for all replicas; the gradients that a mean was made of are not counted with it."""
    training = trained(method, executor, no_updates(drop=True))
    assert training.team.accounts.dropped == training.team.steps_per_epoch * LAYERS
