"""Devices that are not alike: what a card says of each, what the clock charges for it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import methods
from benchmarks.errors import UserError
from benchmarks.executors.team import SimulatedTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.hardware.price import Price
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from tests.executors.clocks import ONE, run, steps
from tests.executors.crews import crew, team_of

HEAD = 'name = "mine"\ntitle = "t"\nsource = "s"\nflops_per_second = 1.0\n'


def card_of(text: str, tmp_path: Path) -> Card:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text)
    return cards.load(str(path))


def step_of(name: str) -> Price:
    card = cards.load(name)
    return card.price(card.networks["resnet50"])


@pytest.mark.parametrize(
    ("name", "seconds"), [("sqrt-8", [i**0.5 for i in range(1, 9)]), ("asyncdiloco-4", [0.58, 0.75, 1.51, 3.33])]
)
def test_a_step_takes_what_the_card_says_of_its_device(name: str, seconds: list[float]) -> None:
    """Whatever the network: 20 steps of each device, beside the others."""
    price = replace(step_of(name), delays=())
    layers = [(f"layer{i}", 1) for i in range(len(price.forward))]
    for device, of_step in enumerate(seconds):
        team = SimulatedTeam.of(layers, steps_per_epoch=20)
        executor = VirtualExecutor(team, price)
        executor.run(crew(steps(team), devices=(device,)))
        assert executor.now == pytest.approx(20 * of_step, rel=1e-9)


def test_a_synchronous_round_ends_with_the_slowest() -> None:
    """66.60 s for 20 steps of each device, as in asyncdiloco; ten rounds take ten times as long."""
    price = step_of("asyncdiloco-4")
    layers = [(f"layer{i}", 1) for i in range(len(price.forward))]
    for rounds in (1, 10):
        algorithm = methods.create("lsgd", {"devices": 4, "period": 20})
        team = SimulatedTeam.of(layers, replicas=4, steps_per_epoch=80 * rounds)
        executor = VirtualExecutor(team, price)
        executor.run(algorithm.workers(team))
        assert executor.now == pytest.approx(66.60 * rounds, abs=1e-6)


def test_passes_keep_their_proportions() -> None:
    unpaced, paced = step_of("paper-a-ideal"), step_of("sqrt-8")
    assert paced.forward_seconds + paced.backward_seconds == pytest.approx(1.0)
    quotients = [a / b for a, b in zip(paced.backward_weights, unpaced.backward_weights, strict=True)]
    assert quotients == pytest.approx([quotients[0]] * len(quotients))


def test_noise_is_of_the_devices_own_steps() -> None:
    """4 % more on average, before each batch; another seed has another noise."""
    price = step_of("sqrt-8")
    for device, factor in ((0, 1.0), (7, 8**0.5)):
        noise = [price.delay(device, n) for n in range(2000)]
        assert sum(noise) / len(noise) == pytest.approx(0.0399 * factor, rel=0.06)
    assert price.delay(8, 0) == 0


def test_factors_alone_leave_the_cards_seconds(tmp_path: Path) -> None:
    """Updates and links are no passes."""
    result = card_of("[devices]\nfactors = [1.0, 3.0]\n", tmp_path)
    price = result.costs(replace(ONE, update_latency_seconds=0.5))
    assert (price.forward, price.factor(1), price.factor(2)) == (ONE.forward, 3.0, 1.0)
    team = team_of(steps=1)
    timed = run(team, replace(price, update_latency_seconds=0.5), steps(team), devices=(1,)).timed
    assert [(effect, end - start) for _, effect, _, start, end in timed] == [
        ("Forward", 3.0),
        ("Backward", 6.0),
        ("Update", 0.5),
    ]


@pytest.mark.parametrize(
    "words", ["factors = []", "factors = [0.0]", "factors = [1.0]\nnoise = -1.0", "speeds = [1.0]"]
)
def test_speeds_that_are_none(words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.toml is not valid: devices"):
        card_of(f"[devices]\n{words}\n", tmp_path)


def test_more_devices_than_speeds_are_refused() -> None:
    """A server computes no passes, so that it needs none."""
    four = Choices(card=cards.load("asyncdiloco-4"), methods=("asgd", "ddp"))
    assert resolve(table("table7"), replace(four, settings={"asgd": {"devices": "4"}, "ddp": {"devices": "4"}})).cells
    with pytest.raises(UserError, match=r"asgd computes on 5 devices, and .* asyncdiloco-4 has the speeds of 4"):
        resolve(table("table7"), replace(four, settings={"asgd": {"devices": "5"}}))


def test_a_card_of_devices_that_are_alike_is_what_it_was() -> None:
    result = cards.load("paper-a")
    assert result.devices is None
    assert result.sha256.startswith("93fde30d5fc9")
