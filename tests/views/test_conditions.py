"""Choices in an output's name: those that are not the default, and that its table knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.hardware import cards
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.environment import real_devices
from benchmarks.runner.rerun import condition
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table


@pytest.mark.parametrize(
    ("id", "changes", "selection"),
    [
        ("table3", {}, ()),
        ("table3", {"methods": ("lapsgd", "ddp")}, ("ddp+lapsgd",)),
        ("table3", {"networks": ("resnet18",)}, ("resnet18",)),
        ("lap-table2", {"networks": ("resnet20",)}, ()),
        ("table3", {"settings": {"workload": {"stem": "cifar"}}}, ("workload.stem=cifar",)),
        ("table3", {"settings": {"hogwild": {"updaters": "2"}, "speedup": {"betas": "2"}}}, ()),
        ("table3", {"no_alias": True}, ("no-alias",)),
        ("table3", {"executor": "threads", "record": True}, ("recorded",)),
        ("table3", {"scale": "small", "budget": 4, "no_alias": True}, ("4-times-the-samples", "no-alias")),
    ],
)
def test_the_words_of_a_selection(id: str, changes: dict[str, Any], selection: tuple[str, ...]) -> None:
    assert resolve(table(id), replace(Choices(), **changes)).condition.selection == selection


def test_a_target_and_seeds_are_said() -> None:
    assert resolve(table("table3"), Choices(target=62.5)).condition.selection == ("target-62.5",)
    slugs = {(0,): "1-seed", (0, 1, 2, 3, 4): "5-seeds", (0, 1, 2, 3, 4, 7): "seeds-0-4+7", (3, 5): "seeds-3+5"}
    assert {chosen_seeds: seeds.slug(chosen_seeds) for chosen_seeds in slugs} == slugs


def test_hardware_is_a_tables_own_another_card_or_this_machine() -> None:
    assert resolve(table("table3"), Choices()).condition.slug == "smoke-virtual-paper-a"
    assert resolve(table("lap-table2"), Choices()).condition.slug == "smoke-virtual-paper-b"
    ideal_card = cards.load("paper-a-ideal")
    assert resolve(table("table3"), Choices(card=ideal_card)).condition.slug == "smoke-virtual-paper-a-ideal"
    edited_card = ideal_card.model_copy(update={"title": "edited"})
    assert resolve(table("table3"), Choices(card=edited_card)).condition.mark == edited_card.sha256[:6]
    threads = resolve(table("table3"), Choices(executor="threads")).condition
    assert threads.mark == f"x{real_devices('cpu')}"
    assert condition(Choices(), None, ()).slug == "smoke-virtual"
