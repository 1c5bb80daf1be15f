"""Devices in nodes: what a link between two nodes costs, and an all-reduce over many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.hardware import cards
from benchmarks.hardware.card import NodeLinks
from benchmarks.hardware.price import Nodes, Price

SIZE = 1200.0
ONE = Price([1.0], [1.0], [1.0], [SIZE], latency_seconds=0.5, bytes_per_second=100.0)
MANY = replace(ONE, nodes=Nodes(8, latency_seconds=2.0, bytes_per_second=10.0))
KEPT = {"cluster": "19395e3a", "paper-a": "93fde30d5fc9", "paper-a3": "266ba2affd04", "paper-b": "58f359dfa5dd"}


@pytest.mark.parametrize(("name", "sha256"), KEPT.items())
def test_cards_of_runs_that_are_kept_have_their_fingerprint_still(name: str, sha256: str) -> None:
    assert cards.load(name).sha256.startswith(sha256)


def test_what_a_card_says_of_nodes_is_part_of_its_fingerprint() -> None:
    plain = cards.load("paper-a")
    others = [
        plain.model_copy(update={"nodes": NodeLinks(devices=8)}),
        plain.model_copy(update={"collective": "tree"}),
        plain.model_copy(update={"queues": True}),
    ]
    assert len({card.sha256 for card in (plain, *others)}) == 4


def test_a_message_to_another_node_takes_the_nodes_link() -> None:
    assert [MANY.apart(0, other) for other in (0, 7, 8, 15)] == [False, False, True, True]
    assert (MANY.transfer(SIZE), MANY.transfer(SIZE, apart=True)) == (0.5 + 12, 2 + 120)
    assert MANY.update([0], sent=SIZE, apart=True) == 2 + 120
    assert not ONE.apart(0, 1000)


def test_a_ring_goes_at_the_pace_of_its_slowest_link() -> None:
    """16 devices of 2 nodes: 30 hops, 2 of them between nodes; 30 / 16 of the bytes through each link."""
    assert MANY.all_reduce([0], 8) == ONE.all_reduce([0], 8) == 14 * (0.5 + SIZE / 8 / 100)
    assert MANY.all_reduce([0], 16, nodes=2) == pytest.approx(28 * 0.5 + 2 * 2 + 30 / 16 * SIZE / 10)


def test_a_tree_has_a_hop_per_level_and_sends_its_bytes_up_and_down() -> None:
    """4 nodes: two levels between them, and a chain of 8 in each. Without nodes: five levels of 32 devices."""
    tree = replace(MANY, collective="tree")
    assert tree.all_reduce([0], 32, nodes=4) == pytest.approx(2 * (2 * 2 + 7 * 0.5) + 2 * SIZE / 10)
    assert replace(ONE, collective="tree").all_reduce([0], 32) == pytest.approx(2 * 5 * 0.5 + 2 * SIZE / 100)
    assert tree.all_reduce([0], 1) == 0 == MANY.all_reduce([0], 1)
